//! The fields of the form for a tariff.

use meter_messages::Medium;

use super::tariff_rows::{BLOCK, TIME, rows};
use super::{Field, Group, Kind, Offered, Values};

/// All of them.
pub(super) fn groups(values: &Values, offered: &Offered<'_>) -> Vec<Group> {
    let words = offered.words();
    let number = |name: &str, label: &str| Field::new(name, label, Kind::Number, values);
    let holds_for = vec![
        Field::new("medium", words.medium, Kind::Choice(media(offered)), values),
        Field::new("for", words.scope, Kind::Choice(offered.scopes(values.get("for"))), values),
        Field::new("from", words.from, Kind::Date, values).hint(words.from_hint),
    ];
    let prices = vec![number("price", words.price), number("vat", words.vat)];
    let mut mains = offered.meters(values.get("main_meter"), None);
    mains.insert(0, (String::new(), words.first_meter.to_owned()));
    let fees = vec![
        number("fee_month", words.fee_month),
        number("fee_year", words.fee_year),
        number("fee_day", words.fee_day),
        Field::new("main_meter", words.main_meter, Kind::Choice(mains), values),
        Field::new("bills_from", words.bills_from, Kind::Text, values).hint(words.bills_from_hint),
        number("capacity_month", words.capacity_month),
        number("capacity_year", words.capacity_year),
        Field::new("capacity_of", words.peak_of, Kind::Choice(offered.peaks()), values),
        number("co2", words.co2),
    ];
    let mut sites: Vec<_> = offered.sites().iter().map(|site| (site.to_string(), site.to_string())).collect();
    sites.insert(0, (String::new(), words.own_site.to_owned()));
    let day_price = vec![
        Field::new("follows_day_price", words.follows_day_price, Kind::Tick, values),
        number("factor", words.factor),
        Field::new("prices_of", words.prices_of, Kind::Choice(sites), values),
    ];
    let times = rows_of(values, &TIME, &[words.hours, words.days, words.season, words.price]);
    let blocks = rows_of(values, &BLOCK, &[words.up_to, words.price]);
    vec![
        Group::new(Some(words.holds_for), holds_for),
        Group::new(Some(words.prices), prices),
        Group { hint: Some(words.hours_hint.to_owned()), ..Group::new(Some(words.times), times).folded() },
        Group::new(Some(words.blocks), blocks).folded(),
        Group::new(Some(words.day_price), day_price).folded(),
        Group::new(Some(words.rest), fees),
    ]
}

/// Rows of fields; each says in its label which row it is of.
fn rows_of(values: &Values, names: &[&str], labels: &[&str]) -> Vec<Field> {
    let field = |row: usize, at: usize| {
        let kind = match names[at] {
            "hours" | "days" | "season" => Kind::Text,
            _ => Kind::Number,
        };
        Field::new(format!("{}_{row}", names[at]), format!("{}. {}", row + 1, labels[at]), kind, values)
    };
    let all = (0..rows(values, names)).flat_map(|row| (0..names.len()).map(move |at| (row, at)));
    all.map(|(row, at)| field(row, at)).collect()
}

fn media(offered: &Offered<'_>) -> Vec<(String, String)> {
    let all = [Medium::Electricity, Medium::Gas, Medium::Water];
    all.map(|medium| (medium.as_str().to_owned(), offered.texts.house.medium(medium).to_owned())).into()
}
