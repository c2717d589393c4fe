//! The form for a tariff: what is typed in becomes a `[[tariff]]` of the next version.

use jiff::civil::Date;
use meter_figures::{
    BillingDay, BlockSettings, CapacityOf, Holiday, MOST_PRICES, SiteTariffs, TariffSettings, TimeSettings,
};
use meter_messages::Medium;
use site_settings::Editing;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::tariff_rows::{BLOCK, TIME};
use super::{Group, Offered, Values, Wrong};

/// Of a tariff that is there, or of a new one.
pub(crate) struct TariffForm<'a> {
    /// Its place among those that are saved.
    pub(crate) place: Option<usize>,
    pub(crate) offered: Offered<'a>,
}

/// Simple numbers: the field, and its key.
const AMOUNTS: [(&str, &str); 7] = [
    ("vat", "vat_percent"),
    ("fee_day", "base_fee_per_day"),
    ("fee_month", "base_fee_per_month"),
    ("fee_year", "base_fee_per_year"),
    ("capacity_month", "capacity_price_per_month"),
    ("capacity_year", "capacity_price_per_year"),
    ("factor", "price_factor"),
];

/// As it was written in `[[tariff]]`: an amount of 0 is none.
fn amount(amount: f64) -> Option<f64> {
    (amount != 0.0).then_some(amount)
}

impl TariffForm<'_> {
    pub(super) fn saved(&self) -> Option<&TariffSettings> {
        self.offered.stored.tariff.get(self.place?)
    }

    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        self.saved().map_or_else(Values::default, of)
    }

    /// The fields.
    pub(crate) fn groups(&self, values: &Values) -> Vec<Group> {
        super::tariff_fields::groups(values, &self.offered)
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        let table = self.table(values)?;
        self.check(values, &table)?;
        editing.put("tariff", self.place, Some(table));
        Ok(())
    }

    /// What was typed, as a tariff.
    pub(crate) fn typed(&self, values: &Values) -> Result<TariffSettings, Wrong> {
        self.check(values, &self.table(values)?)
    }

    /// What fields say that do not go together. What is left is told by [`site_settings::checked`].
    fn check(&self, values: &Values, table: &Table) -> Result<TariffSettings, Wrong> {
        let (words, mut wrong) = (self.offered.words(), Wrong::default());
        // A table by itself would leave out those within it: times and blocks.
        let text = DocumentMut::from(table.clone()).to_string();
        let Ok(tariff) = daemon_runtime::parse::<TariffSettings>(&text) else {
            // All else was looked at: somebody has chosen what is not offered.
            wrong.say("for", words.no_choice);
            return Err(wrong);
        };
        let is_same = |other: &TariffSettings| other.key() == tariff.key();
        let stored = self.offered.stored.tariff.iter().enumerate();
        let mut others = stored.filter(|(place, _)| Some(*place) != self.place).map(|(_, other)| other);
        if others.any(is_same) || self.offered.fixed.tariff.iter().any(is_same) {
            wrong.say("from", words.tariff_taken);
        }
        if tariff.main_meter.as_ref().is_some_and(|main| !tariff.scope.contains(main)) {
            wrong.say("main_meter", words.main_not_meant);
        }
        self.check_times(&tariff, values, &mut wrong);
        let is_electricity = tariff.medium == Medium::Electricity;
        let (fixed, stored) = (self.offered.fixed, self.offered.stored);
        let currency = fixed.currency.as_deref().or(stored.currency.as_deref()).unwrap_or("EUR");
        let has_letters =
            currency == "€" || (currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_uppercase()));
        match tariff.price_of_the_day {
            true if !is_electricity => wrong.say("follows_day_price", words.only_electricity),
            true if !tariff.block.is_empty() => wrong.say("follows_day_price", words.blocks_and_day_price),
            true if !has_letters => wrong.say("follows_day_price", words.day_price_currency),
            _ => {}
        }
        for (field, price) in [
            ("capacity_month", tariff.capacity_price_per_month),
            ("capacity_year", tariff.capacity_price_per_year),
        ] {
            if price != 0.0 && !is_electricity {
                wrong.say(field, words.only_electricity);
            }
        }
        if wrong.is_empty() { Ok(tariff) } else { Err(wrong) }
    }

    fn check_times(&self, tariff: &TariffSettings, values: &Values, wrong: &mut Wrong) {
        let words = self.offered.words();
        let is_used =
            |names: &[&str], row: usize| names.iter().any(|name| values.has(&format!("{name}_{row}")));
        let rows_of =
            |names: &'static [&'static str]| (0..MOST_PRICES).filter(move |row| is_used(names, *row));
        let has_holidays = self.offered.fixed.holidays.is_some() || self.offered.stored.holidays.is_some();
        let fit_together = can_be(tariff.time.clone());
        for (at, row) in rows_of(&TIME).enumerate() {
            if !has_holidays && values.get(&format!("days_{row}")).contains("holiday") {
                wrong.say(&format!("days_{row}"), words.no_holidays_yet);
            }
            let until_here = tariff.time.get(..=at).unwrap_or_default();
            if wrong.is_empty() && !fit_together && !can_be(until_here.to_vec()) {
                wrong.say(&format!("hours_{row}"), words.time_hidden);
            }
        }
        let mut before = 0.0;
        for (row, block) in rows_of(&BLOCK).zip(&tariff.block) {
            let end = block.up_to_kwh.or(block.up_to_m3).unwrap_or_default();
            if !tariff.time.is_empty() {
                wrong.say(&format!("up_to_{row}"), words.blocks_and_times);
            } else if end <= before {
                wrong.say(&format!("up_to_{row}"), words.blocks_ascend);
            }
            before = end;
        }
    }

    fn table(&self, values: &Values) -> Result<Table, Wrong> {
        let (words, mut wrong, mut table) = (self.offered.words(), Wrong::default(), Table::new());
        let medium = medium(values);
        let key = |kwh: &'static str, m3: &'static str| if medium == Medium::Electricity { kwh } else { m3 };
        let price_key = key("price_per_kwh", "price_per_m3");
        let text = |table: &mut Table, field: &str, key: &str| {
            if values.has(field) {
                table[key] = value(values.get(field));
            }
        };
        if medium != Medium::Electricity {
            table["medium"] = value(medium.as_str());
        }
        text(&mut table, "for", "for");
        text(&mut table, "from", "from");
        text(&mut table, "main_meter", "main_meter");
        if values.has("from") && values.get("from").parse::<Date>().is_err() {
            wrong.say("from", words.no_date);
        }
        let follows = values.has("follows_day_price");
        match wrong.toml(values, "price", words.no_number) {
            Some(price) => table[price_key] = Item::Value(price),
            None if !follows => wrong.say("price", words.no_price),
            None => {}
        }
        for (field, key) in AMOUNTS {
            if let Some(amount) = wrong.toml(values, field, words.no_number) {
                table[key] = Item::Value(amount);
            }
        }
        // It belongs to a price.
        let is_price =
            |field: &&str| values.number(field).is_ok_and(|price| price.is_some_and(|it| it != 0.0));
        if ["capacity_month", "capacity_year"].iter().any(is_price) {
            text(&mut table, "capacity_of", "capacity_of");
        }
        if let Some(co2) = wrong.toml(values, "co2", words.no_number) {
            table[key("co2_g_per_kwh", "co2_g_per_m3")] = Item::Value(co2);
        }
        if follows {
            table["price_of_the_day"] = value(true);
        }
        if follows {
            text(&mut table, "prices_of", "prices_of");
        } else {
            table.remove("price_factor");
        }
        text(&mut table, "bills_from", "bills_from");
        if values.has("bills_from") && BillingDay::try_from(values.get("bills_from").to_owned()).is_err() {
            wrong.say("bills_from", words.no_bills_from);
        }
        let times = self.times(values, price_key, &mut wrong);
        let blocks = self.blocks(values, (key("up_to_kwh", "up_to_m3"), price_key), &mut wrong);
        for (key, rows) in [("time", times), ("block", blocks)] {
            if !rows.is_empty() {
                table[key] = Item::ArrayOfTables(rows);
            }
        }
        if wrong.is_empty() { Ok(table) } else { Err(wrong) }
    }

    fn times(&self, values: &Values, price_key: &str, wrong: &mut Wrong) -> ArrayOfTables {
        let (words, mut times) = (self.offered.words(), ArrayOfTables::new());
        for row in 0..MOST_PRICES {
            let field = |name: &str| format!("{name}_{row}");
            if !TIME.iter().any(|name| values.has(&field(name))) {
                continue;
            }
            let mut table = Table::new();
            for (name, what) in
                [("hours", words.no_hours), ("days", words.no_days), ("season", words.no_season)]
            {
                let text = values.get(&field(name));
                if !text.is_empty() {
                    if !is_possible(name, text) {
                        wrong.say(&field(name), what);
                    }
                    table[name] = value(text);
                }
            }
            match wrong.toml(values, &field("time_price"), words.no_number) {
                Some(price) => table[price_key] = Item::Value(price),
                None => wrong.say(&field("time_price"), words.no_row_price),
            }
            times.push(table);
        }
        times
    }

    fn blocks(
        &self,
        values: &Values,
        (end_key, price_key): (&str, &str),
        wrong: &mut Wrong,
    ) -> ArrayOfTables {
        let (words, mut blocks) = (self.offered.words(), ArrayOfTables::new());
        for row in 0..MOST_PRICES {
            let field = |name: &str| format!("{name}_{row}");
            if !BLOCK.iter().any(|name| values.has(&field(name))) {
                continue;
            }
            let mut table = Table::new();
            let end = wrong.number(values, &field("up_to"), words.no_number);
            match end.filter(|end| *end > 0.0) {
                Some(end) => table[end_key] = value(end),
                None => wrong.say(&field("up_to"), words.not_positive),
            }
            match wrong.toml(values, &field("block_price"), words.no_number) {
                Some(price) => table[price_key] = Item::Value(price),
                None => wrong.say(&field("block_price"), words.no_row_price),
            }
            blocks.push(table);
        }
        blocks
    }
}

fn medium(values: &Values) -> Medium {
    match values.get("medium") {
        "gas" => Medium::Gas,
        "water" => Medium::Water,
        _ => Medium::Electricity,
    }
}

/// Whether a time of day, days or a season can be: the tariffs' own rule says so.
fn is_possible(which: &str, text: &str) -> bool {
    let mut time =
        TimeSettings { hours: None, days: None, season: None, price_per_kwh: Some(1.0), price_per_m3: None };
    match which {
        "hours" => time.hours = Some(text.to_owned()),
        "days" => time.days = Some(text.to_owned()),
        _ => time.season = Some(text.to_owned()),
    }
    can_be(vec![time])
}

/// Whether times can stand beside each other in a tariff, whatever they cost.
fn can_be(times: Vec<TimeSettings>) -> bool {
    let priced = |time| TimeSettings { price_per_kwh: Some(1.0), price_per_m3: None, ..time };
    let time = times.into_iter().map(priced).collect();
    let plain: Result<TariffSettings, _> = daemon_runtime::parse("price_per_kwh = 1");
    let tariff = plain.map(|plain| TariffSettings { time, ..plain });
    tariff.is_ok_and(|tariff| SiteTariffs::new("EUR", &[tariff], &[Holiday::EveryYear(1, 1)]).is_ok())
}

fn of(said: &TariffSettings) -> Values {
    let mut values = Values::default();
    values.put("medium", said.medium.as_str());
    values.put_some("for", (said.scope != meter_figures::Scope::All).then_some(&said.scope));
    values.put_some("main_meter", said.main_meter.as_ref());
    values.put_some("from", said.from);
    values.put_some("price", said.price_per_kwh.or(said.price_per_m3));
    values.put_some("follows_day_price", said.price_of_the_day.then_some("yes"));
    values.put_some("factor", said.price_factor);
    values.put_some("prices_of", said.prices_of.as_ref());
    values.put_some("vat", amount(said.vat_percent));
    values.put_some("fee_day", amount(said.base_fee_per_day));
    values.put_some("fee_month", amount(said.base_fee_per_month));
    values.put_some("fee_year", amount(said.base_fee_per_year));
    values.put_some("capacity_month", amount(said.capacity_price_per_month));
    values.put_some("capacity_year", amount(said.capacity_price_per_year));
    values.put_some("capacity_of", (said.capacity_of == Some(CapacityOf::Site)).then_some("site"));
    values.put_some("co2", said.co2_g_per_kwh.or(said.co2_g_per_m3));
    values.put_some("bills_from", (said.bills_from != BillingDay::default()).then_some(said.bills_from));
    for (row, TimeSettings { hours, days, season, price_per_kwh, price_per_m3 }) in
        said.time.iter().enumerate()
    {
        values.put_some(&format!("hours_{row}"), hours.as_ref());
        values.put_some(&format!("days_{row}"), days.as_ref());
        values.put_some(&format!("season_{row}"), season.as_ref());
        values.put_some(&format!("time_price_{row}"), price_per_kwh.or(*price_per_m3));
    }
    for (row, block) in said.block.iter().enumerate() {
        let BlockSettings { up_to_kwh, up_to_m3, price_per_kwh, price_per_m3 } = block;
        values.put_some(&format!("up_to_{row}"), up_to_kwh.or(*up_to_m3));
        values.put_some(&format!("block_price_{row}"), price_per_kwh.or(*price_per_m3));
    }
    values
}
