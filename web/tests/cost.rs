//! What energy costs: pages, API and a reckoning minute by minute say the same, on
//! awkward days too.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::ToSpan;
use jiff::civil::Date;
use meter_ledger::Ledger;
use meter_messages::Minute;
use site::{Site, berlin, pulses, record};
use tempfile::TempDir;

/// Another price by night, and from the first of November 2025 on.
const TARIFFS: &str = "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 9.3\nvat_percent = 19\n\
                       [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.20\n\
                       [[tariff]]\nfrom = '2025-11-01'\nprice_per_kwh = 0.40\nco2_g_per_kwh = 400\n";

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    let mut site = Site::at_cost(dir, 1, TARIFFS);
    site.minutes = minutes;
    site
}

fn local(at: Minute) -> jiff::civil::DateTime {
    at.timestamp().to_zoned_datetime(berlin()).datetime()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Minute by minute, with the fee of each day that is over.
fn naive(minutes: &[Minute], first: Date, last: Date) -> f64 {
    let energy: f64 = minutes
        .iter()
        .filter(|at| (first..=last).contains(&local(**at).date()))
        .map(|at| {
            let (date, hour) = (local(*at).date(), local(*at).hour());
            let kwh = f64::from(pulses(*at)) / 1000.0;
            match date < Date::constant(2025, 11, 1) {
                true if !(6..22).contains(&hour) => kwh * 0.20 * 1.19,
                true => kwh * 0.30 * 1.19,
                false => kwh * 0.40,
            }
        })
        .sum();
    let mut fee = 0.0;
    let mut day = first;
    while day <= last {
        if day < Date::constant(2025, 11, 1) {
            let hours = |date: Date| {
                let midnight = |date: Date| date.to_zoned_datetime(berlin()).unwrap().timestamp();
                midnight(date.saturating_add(1.day())).duration_since(midnight(date)).as_secs_f64() / 3600.0
            };
            let begin = day.first_of_month();
            let of_month: f64 =
                (0..i64::from(day.days_in_month())).map(|n| hours(begin.saturating_add(n.days()))).sum();
            fee += 9.3 * 1.19 * hours(day) / of_month;
        }
        day = day.saturating_add(1.day());
    }
    energy + fee
}

#[test]
fn awkward_days_and_a_changed_price_cost_what_their_minutes_cost() {
    let site = site();
    for (path, first, last) in [
        ("day/2024-02-29", "2024-02-29", "2024-02-29"), // a leap day
        ("day/2025-03-30", "2025-03-30", "2025-03-30"), // 23 hours
        ("day/2025-10-26", "2025-10-26", "2025-10-26"), // 25 hours
        ("day/2025-06-10", "2025-06-10", "2025-06-10"), // a gap before midnight
        ("week/2025-W44", "2025-10-27", "2025-11-02"),  // another price from Saturday on
        ("month/2025-10", "2025-10-01", "2025-10-31"),
        ("year/2024", "2024-02-01", "2024-12-31"), // the meter's first month
    ] {
        let expected = naive(&site.minutes, day(first), day(last));
        for (language, decimal) in [("en", '.'), ("de", ',')] {
            let page = site.get(&format!("/m/hq/main/{path}?lang={language}")).text();
            let (_, card) = page.split_once("id=\"cost\"").unwrap_or_else(|| panic!("no cost on {path}"));
            let shown = format!("{expected:.2}").replace('.', &decimal.to_string());
            assert!(
                card[..200].contains(&format!(">{shown}\u{a0}€<")),
                "{path}: {shown} in {}",
                &card[..200]
            );
        }
    }
}

#[test]
fn compared_periods_show_both_costs_and_co2_where_a_tariff_has_it() {
    let site = site();
    let card = |path: &str| {
        let page = site.get(&format!("/m/hq/main/{path}lang=en")).text();
        let (_, card) = page.split_once("id=\"cost\"").unwrap_or_else(|| panic!("no cost on {path}"));
        card.split("</div>").next().unwrap().to_owned()
    };
    let saturday = naive(&site.minutes, day("2025-11-01"), day("2025-11-01"));
    let sunday = naive(&site.minutes, day("2025-10-26"), day("2025-10-26"));
    let one = card("day/2025-11-01?with=2025-10-26&");
    assert!(one.contains(&format!(">{saturday:.2}\u{a0}€<")), "{saturday:.2}: {one}");
    assert!(one.contains(&format!("Sunday, 26 October 2025: {sunday:.2}\u{a0}€<")), "{sunday:.2}: {one}");
    let kwh = site::kwh(&site.minutes, |at| local(at).date() == day("2025-11-01"));
    assert!(one.contains(&format!(">{:.0}\u{a0}kg\u{a0}CO₂<", kwh * 0.4)), "{kwh}: {one}");
    let other = card("day/2025-10-26?with=2025-11-01&");
    assert!(other.contains(&format!("Saturday, 1 November 2025: {saturday:.2}\u{a0}€<")), "{other}");
    assert!(!other.contains("CO₂"), "this tariff has none: {other}");
    let week = card("week/2025-W44?");
    // Two hours of the one and one of the other were not watched, but the fee is that of whole weeks.
    assert!(!week.contains("Week 43"), "{week}");
    assert!(week.contains("CO₂"), "of the two days that have a tariff with it: {week}");
}

/// The cost card's amount and the rows of the table: what each is called, its kWh and its cost.
fn costs(site: &Site, path: &str) -> (Option<String>, Vec<[String; 3]>) {
    let page = site.get(&format!("/m/hq/main/{path}?lang=en")).text();
    let card = page.split_once("id=\"cost\"").map(|(_, card)| card);
    let amount = card.map(|card| card.split("class=\"value\">").nth(1).unwrap().split('<').next().unwrap());
    let table = page.split_once("id=\"parts-card\"").unwrap().1.split("</figure>").next().unwrap();
    let plain = |cell: &str| cell.rsplit_once("</").map_or(cell, |(text, _)| text).to_owned();
    let text = |cell: &str| plain(cell).trim_end_matches("</a>").rsplit('>').next().unwrap().to_owned();
    let row = |row: &str| {
        let cells: Vec<&str> = row.split("</tr>").next().unwrap().split("<td>").collect();
        [text(cells[0]), text(cells[1]), text(cells[2])]
    };
    (amount.map(str::to_owned), table.split("<tr><th scope=\"row\">").skip(1).map(row).collect())
}

fn euros(amount: f64) -> String {
    format!("{amount:.2}\u{a0}€")
}

#[test]
fn everything_costs_what_its_minutes_cost_from_the_first_month_on() {
    let site = site();
    let (from, today) =
        (Date::constant(2024, 2, 1), daemon_runtime::now().to_zoned_datetime(berlin()).date());
    let (amount, rows) = costs(&site, "all");
    let expected = naive(&site.minutes, from, today);
    assert_eq!(amount.unwrap().replace(',', ""), euros(expected));

    // Each month as on its own page and in the rows for programs; without minutes it has none.
    let data = site.json("/api/v1/meters/hq/main/energy.json?from=2024-01-01&step=month");
    let mut exported = data["rows"].as_array().unwrap().iter();
    assert!(rows.len() > 12, "{rows:?}");
    for [name, kwh, cost] in &rows {
        if kwh == "–" {
            assert_eq!(cost, "–", "{name}");
            continue;
        }
        let said = exported.next().unwrap()["cost"].as_f64().unwrap();
        assert_eq!(cost.replace(',', ""), euros(said), "{name}");
    }
    assert!(exported.next().is_none());
    assert_eq!(costs(&site, "year/2024").1[0][2], costs(&site, "month/2024-02").0.unwrap());
    let october = costs(&site, "year/2025").1.into_iter().find(|row| row[0].starts_with("October")).unwrap();
    assert_eq!(october[2], euros(naive(&site.minutes, day("2025-10-01"), day("2025-10-31"))));
}

#[test]
fn many_years_have_a_row_each_and_what_no_tariff_covers_has_no_cost() {
    let old = site::minute("2021-05-10T08:00:00Z");
    let mut minutes: Vec<Minute> = (0..600).map(|at| Minute::nearest(old.epoch_minutes() + at)).collect();
    minutes.extend(site::minutes());
    let over = |tariffs: &str| {
        let dir = TempDir::new().unwrap();
        site::record_minutes(dir.path(), &site::info("Haus"), &minutes);
        Site::at_cost(dir, 1, tariffs)
    };
    let site = over(TARIFFS);
    let (amount, rows) = costs(&site, "all");
    let today = daemon_runtime::now().to_zoned_datetime(berlin()).date();
    assert_eq!(amount.unwrap().replace(',', ""), euros(naive(&minutes, day("2021-05-01"), today)));
    assert_eq!(rows[0][0], "2021");
    assert_eq!(rows[0][2], euros(naive(&minutes, day("2021-05-01"), day("2021-12-31"))));
    assert_eq!((rows[1][0].as_str(), rows[1][2].as_str()), ("2022", "–"), "nothing was counted");

    let later = over("[[tariff]]\nfrom = '2025-01-01'\nprice_per_kwh = 0.5\n");
    let (amount, rows) = costs(&later, "all");
    assert_eq!(amount, None, "nobody knows what 2021 and 2024 cost");
    let row = |year: &str| rows.iter().find(|row| row[0] == year).unwrap()[2].clone();
    assert_eq!((row("2021"), row("2024")), ("–".into(), "–".into()));
    let of_2025 = site::kwh(&minutes, |at| local(at).date().year() == 2025);
    assert_eq!(row("2025"), euros(of_2025 * 0.5));
}

#[test]
fn today_costs_the_same_on_the_page_and_for_programs() {
    let site = site();
    let state = site.json("/api/v1/meters/hq/main");
    let cost = &state["cost"];
    assert_eq!(cost["currency"], "€");
    let (kwh, today) = (state["today"]["kwh"].as_f64().unwrap(), cost["today"].as_f64().unwrap());
    // The tests' clock may stand at midnight: then nothing is there yet.
    if daemon_runtime::now().to_zoned_datetime(berlin()).hour() > 0 {
        assert!((today - kwh * 0.40).abs() < 0.0051, "{today} of {kwh} kWh");
    }
    let page = site.get("/m/hq/main?lang=en").text();
    let month = cost["month"].as_f64().unwrap();
    let (_, card) = page.split_once("id=\"cost\"").unwrap();
    let shown = card.split("class=\"value\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(shown.replace(',', ""), format!("{month:.2}\u{a0}€"));
    assert!(card[..500].contains("CO₂"), "{}", &card[..500]);
}

#[test]
fn without_a_tariff_no_cost_is_shown() {
    let site = Site::start();
    assert!(!site.get("/m/hq/main").text().contains("id=\"cost\""));
    assert!(site.json("/api/v1/meters/hq/main")["cost"].is_null());
}

/// What October 2025 and a day of it cost.
fn october(site: &Site, meter: &str) -> [f64; 2] {
    ["from=2025-10-01&to=2025-11-01&step=month", "from=2025-10-25&to=2025-10-26&step=day"].map(|asked| {
        let data = site.json(&format!("/api/v1/meters/{meter}/energy.json?{asked}"));
        data["rows"][0]["cost"].as_f64().unwrap_or_else(|| panic!("{meter}: {data}"))
    })
}

#[test]
fn a_base_fee_is_paid_at_one_meter_of_a_contract() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    for name in ["hq/oven", "hq/heat-pump", "office/main"] {
        site::record_meter(dir.path(), &name.parse().unwrap(), name);
    }
    // Known, but never recorded: it would be the first by its name.
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.register(&"hq/attic".parse().unwrap(), &site::info("Attic")).unwrap();
    batch.commit().unwrap();
    drop(ledger);
    let site = Site::at_cost(
        dir,
        1,
        "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 74.5\n\
         [[tariff]]\nfor = 'hq/heat-pump'\nprice_per_kwh = 0.20\nbase_fee_per_month = 7.45\n",
    );
    let used = |first: &str, last: &str| {
        site::kwh(&minutes, |at| (day(first)..=day(last)).contains(&local(at).date()))
    };
    let (month, one) = (used("2025-10-01", "2025-10-31"), used("2025-10-25", "2025-10-25"));
    // October has 745 hours.
    for (meter, price, of_month) in [
        ("hq/main", 0.30, 74.5),
        ("hq/oven", 0.30, 0.0),
        ("hq/heat-pump", 0.20, 7.45),
        ("office/main", 0.30, 74.5),
    ] {
        let expected = [month * price + of_month, one * price + of_month * 24.0 / 745.0];
        for (said, expected) in october(&site, meter).into_iter().zip(expected) {
            assert!((said - expected).abs() < 0.005, "{meter}: {said} instead of {expected}");
        }
        let page = site.get(&format!("/m/{meter}/month/2025-10?lang=en")).text();
        let shown = euros(expected[0]);
        assert!(page.contains(&format!(">{shown}<")), "{meter}: {shown}");
    }
    assert!(site.json("/api/v1/meters/hq/oven")["cost"]["month"].is_number());
    assert!(site.json("/api/v1/meters/hq/attic")["cost"].is_null(), "nobody knows what it counts");
}

#[test]
fn a_meter_that_is_set_to_be_behind_another_pays_no_base_fee() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    site::record_meter(dir.path(), &"hq/supply".parse().unwrap(), "hq/supply");
    // Its publisher does not know that it is behind another, and its name would make it the first.
    let site = Site::at_cost(
        dir,
        1,
        "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 74.5\n\
         [[meter]]\nid = 'hq/main'\npart_of = 'supply'\n",
    );
    let used = site::kwh(&minutes, |at| (day("2025-10-01")..=day("2025-10-31")).contains(&local(at).date()));
    for (meter, fee) in [("hq/supply", 74.5), ("hq/main", 0.0)] {
        let [said, _] = october(&site, meter);
        assert!((said - used * 0.30 - fee).abs() < 0.005, "{meter}: {said} for {used} kWh");
    }
}

#[test]
fn blocks_go_on_from_what_the_month_has_used() {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    let site = Site::at_cost(
        dir,
        1,
        "[[tariff]]\nprice_per_kwh = 0.30\n[[tariff.block]]\nup_to_kwh = 250\nprice_per_kwh = 0.10\n",
    );
    let used =
        |last: &str| site::kwh(&minutes, |at| (day("2025-10-01")..=day(last)).contains(&local(at).date()));
    let cost = |kwh: f64| kwh.min(250.0) * 0.10 + (kwh - 250.0).max(0.0) * 0.30;
    let (before, until, whole) = (used("2025-10-24"), used("2025-10-25"), used("2025-10-31"));
    assert!(before < 250.0 && 250.0 < until, "the block ends within the day: {before} to {until}");
    let expected = [cost(whole), cost(until) - cost(before)];
    for (said, expected) in october(&site, "hq/main").into_iter().zip(expected) {
        assert!((said - expected).abs() < 0.005, "{said} instead of {expected}");
    }
    for (path, expected) in [("day/2025-10-25", expected[1]), ("month/2025-10", expected[0])] {
        let (amount, rows) = costs(&site, path);
        assert_eq!(amount.unwrap(), euros(expected), "{path}");
        let hours_or_days: f64 =
            rows.iter().filter_map(|row| row[2].split('\u{a0}').next()?.parse::<f64>().ok()).sum();
        assert!((hours_or_days - expected).abs() < 0.2, "{path}: {hours_or_days}");
    }
    let in_year = costs(&site, "year/2025").1.into_iter().find(|row| row[0].starts_with("October")).unwrap();
    assert_eq!(in_year[2], euros(expected[0]));
}
