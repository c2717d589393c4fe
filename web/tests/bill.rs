//! The page of a bill: its lines are those of a reckoning minute by minute, and add up.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::civil::Date;
use meter_messages::Minute;
use site::{Site, berlin, pulses, record};
use tempfile::TempDir;

/// Another price by night, and from the first of November 2025 on; months and years of bills begin on the 17th.
const TARIFFS: &str = "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_day = 0.5\nvat_percent = 19\n\
                       bills_from = '05-17'\ncapacity_price_per_month = 4\n\
                       [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.20\n\
                       [[tariff]]\nfrom = '2025-11-01'\nprice_per_kwh = 0.40\nvat_percent = 7\nbills_from = '05-17'\n";

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    let mut site = Site::at_cost(dir, 1, TARIFFS);
    site.minutes = minutes;
    site
}

/// The kWh of some days, by day and by night.
fn kwh(site: &Site, first: &str, last: &str) -> [f64; 2] {
    let days = first.parse::<Date>().unwrap()..=last.parse().unwrap();
    let local = |at: Minute| at.timestamp().to_zoned_datetime(berlin()).datetime();
    let is_day = |at: Minute| (6..22).contains(&local(at).hour());
    [true, false]
        .map(|day| site::kwh(&site.minutes, |at| days.contains(&local(at).date()) && is_day(at) == day))
}

/// The rows of a table of the page, each cell as plain text.
fn table(page: &str, id: &str) -> Vec<Vec<String>> {
    let (_, table) = page.split_once(&format!("<table id=\"{id}\"")).unwrap_or_else(|| panic!("{page}"));
    let table = table.split("</table>").next().unwrap().replace('\u{a0}', " ");
    let cell = |cell: &str| cell.split_once('>').unwrap().1.split('<').next().unwrap().to_owned();
    let row = |row: &str| {
        row.split("</tr>").next().unwrap().replace("<th ", "<td ").split("<td").skip(1).map(cell).collect()
    };
    table.split("<tr").skip(2).map(row).collect()
}

fn number(text: &str) -> f64 {
    text.trim_end_matches(" €")
        .replace(',', "")
        .replace('−', "-")
        .parse()
        .unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_bill_has_a_line_for_each_price_and_adds_up() {
    let site = site();
    // The bill's month of the 17th: nothing was recorded before the 20th, nothing after the first of November.
    let page = site.get("/m/hq/main/bill?from=2025-10-17&to=2025-11-16&lang=en").text();
    let lines = table(&page, "lines");
    let [day, night] = kwh(&site, "2025-10-17", "2025-10-31");
    let [later_day, later_night] = kwh(&site, "2025-11-01", "2025-11-16");
    let find = |item: &str, price: &str| {
        let found = lines.iter().find(|line| line[0].starts_with(item) && line[2] == price);
        found.unwrap_or_else(|| panic!("{item} at {price}: {lines:?}"))
    };
    for (price, quantity) in [("0.3000", day), ("0.2000", night), ("0.4000", later_day + later_night)] {
        let line = find("Energy", price);
        assert!((number(&line[1]) - quantity).abs() < 0.001, "{quantity}: {line:?}");
        assert!((number(&line[3]) - quantity * number(price)).abs() < 0.006, "{line:?}");
    }
    // 15 days of October pay the fee; the month's highest quarter-hour is of 15 of its 31 days, one of them with 25 hours.
    assert_eq!(number(&find("Base fee", "")[3]), 7.5);
    let quarters = site.minutes.iter().fold(std::collections::HashMap::new(), |mut all, at| {
        *all.entry(at.epoch_minutes() / 15).or_insert(0) += pulses(*at);
        all
    });
    let of_bill = |quarter: &i64| {
        let (first, next) = (site::minute("2025-10-16T22:00:00Z"), site::minute("2025-11-16T23:00:00Z"));
        (first.epoch_minutes()..next.epoch_minutes()).contains(&(quarter * 15))
    };
    let kw =
        quarters.iter().filter(|(at, _)| of_bill(at)).map(|(_, count)| *count).max().unwrap() as f64 / 250.0;
    let capacity = number(&find("Highest quarter-hour", "")[3]);
    let expected = 4.0 * kw * f64::from(15 * 24 + 1) / f64::from(31 * 24 + 1);
    assert!((capacity - expected).abs() < 0.006, "{capacity} instead of {expected}");

    // What stands there adds up, to the cent.
    let foot = |name: &str| {
        number(&lines.iter().find(|line| line[0] == name).unwrap_or_else(|| panic!("{name}: {lines:?}"))[1])
    };
    let items = lines.iter().filter(|line| line.len() == 4);
    let net: f64 = items.clone().map(|line| number(&line[3])).sum();
    let of_tariff = |from: &str| {
        items.clone().filter(|line| line[0].contains(from)).map(|line| number(&line[3])).sum::<f64>()
    };
    assert!((foot("Net total") - net).abs() < 1e-6);
    let new = of_tariff("1 November 2025");
    assert!(
        (foot("VAT 7 %") - new * 0.07).abs() < 0.0051
            && (foot("VAT 19 %") - (net - new) * 0.19).abs() < 0.0051
    );
    assert!((foot("Total") - net - foot("VAT 7 %") - foot("VAT 19 %")).abs() < 1e-6);
    // As pages of months and days say it, but for cents that were rounded.
    let cost = site.json("/api/v1/meters/hq/main/energy.json?from=2025-10-17&to=2025-11-17&step=day");
    let rows = cost["rows"].as_array().unwrap();
    let days: f64 = rows.iter().map(|row| row["cost"].as_f64().unwrap()).sum();
    // Three days have no rows, because nobody watched.
    let without_minutes = 3.0 * (0.5 + 4.0 * kw * 24.0 / f64::from(31 * 24 + 1)) * 1.19;
    assert!((foot("Total") - days - without_minutes).abs() < 0.05, "{days} and {without_minutes}: {lines:?}");
}

#[test]
fn readings_stand_at_the_beginning_and_the_end() {
    let site = site();
    let page = site.get("/m/hq/main/bill?from=2025-10-21&to=2025-10-26&lang=en").text();
    let readings = table(&page, "readings");
    let value = |row: usize| number(&readings[row][1]);
    let [day, night] = kwh(&site, "2025-10-21", "2025-10-26");
    assert!((value(1) - value(0) - day - night).abs() < 0.0021, "{readings:?}");
    assert!((value(2) - day - night).abs() < 0.001, "{readings:?}");
    assert_eq!(readings[3][1], "100.0 %");
}

#[test]
fn without_days_it_is_the_year_of_bills_so_far() {
    let site = site();
    let today = daemon_runtime::now().to_zoned_datetime(berlin()).date();
    let year = if today >= Date::new(today.year(), 5, 17).unwrap() { today.year() } else { today.year() - 1 };
    for (language, title, until) in
        [("en", "Statement of cost", "recorded until"), ("de", "Kostenaufstellung", "aufgezeichnet bis")]
    {
        let page = site.get(&format!("/m/hq/main/bill?lang={language}")).text();
        assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
        assert!(page.contains(&format!("name=\"from\" value=\"{year}-05-17\"")), "{page}");
        assert!(page.contains(&format!("name=\"to\" value=\"{}-05-16\"", year + 1)), "{page}");
        assert!(page.contains(&format!(", {until} ")), "{page}");
        assert!(page.contains(&format!("bill?from={}-05-17", year - 1)), "{page}");
    }
    assert_eq!(site.get("/m/hq/main/bill?from=2025-10-02&to=2025-10-01").status, 400);
    assert_eq!(site.get("/m/hq/main/bill?from=2020-10-02&to=2025-10-01").status, 400);
    assert_eq!(site.get("/m/hq/nobody/bill").status, 404);
    assert!(site.get("/m/hq/main?lang=en").text().contains("/m/hq/main/bill?lang=en"));
    let unpriced = Site::start();
    let page = unpriced.get("/m/hq/main/bill?from=2025-10-21&to=2025-10-26&lang=en").text();
    assert!(page.contains("id=\"no-tariff\"") && page.contains("id=\"readings\""), "{page}");
}
