//! Prices of the day: pages and files say what a reckoning minute by minute says, and what nobody knows the price of
//! is not counted as free.
#![allow(clippy::unwrap_used)]

mod site;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use meter_ledger::Ledger;
use meter_messages::{EnergyPrice, Minute};
use site::{Site, berlin, pulses, record};
use tempfile::TempDir;

const TARIFF: &str = "[[tariff]]\nprice_of_the_day = true\nprice_factor = 1.1\nprice_per_kwh = 0.15\n\
                      vat_percent = 20\n[[tariff.time]]\nhours = '22:30-6'\nprice_per_kwh = 0.05\n";

/// Quarters since 1970 from the last hours of 24 October 2025 on, over the day of 25 hours; every thirteenth is missing.
fn prices() -> BTreeMap<i64, f64> {
    let (first, last) = (site::minute("2025-10-24T20:00:00Z"), site::minute("2025-10-27T23:00:00Z"));
    let quarters = first.epoch_minutes() / 15..last.epoch_minutes() / 15;
    quarters.filter(|at| at % 13 > 0).map(|at| (at, (at * 7919 % 400 - 50) as f64 / 1000.0)).collect()
}

fn enter(dir: &Path, name: &str, prices: &BTreeMap<i64, f64>) {
    let mut ledger = Ledger::open(&dir.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let quarters = prices
        .iter()
        .map(|(quarter, price)| (Minute::nearest(quarter * 15), EnergyPrice::try_from(*price).unwrap()));
    let (name, euro) = (name.parse().unwrap(), "EUR".parse().unwrap());
    batch.enter_prices(&name, euro, daemon_runtime::now(), quarters).unwrap();
    batch.commit().unwrap();
}

fn site(tariff: &str, prices_of: &str) -> Site {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    enter(dir.path(), prices_of, &prices());
    let mut site = Site::at_cost(dir, 1, tariff);
    site.minutes = minutes;
    site
}

/// What a kWh costs in a minute.
fn price(at: Minute, prices: &BTreeMap<i64, f64>) -> Option<f64> {
    let local = at.timestamp().to_zoned_datetime(berlin()).datetime();
    let is_night = local.hour() < 6 || (local.hour(), local.minute()) >= (22, 30);
    let on_top = if is_night { 0.05 } else { 0.15 };
    prices.get(&(at.epoch_minutes() / 15)).map(|price| (on_top + price * 1.1) * 1.2)
}

/// Cost, mean price and kWh without one, of the minutes between two.
#[derive(Debug, Default)]
struct Naive {
    cost: f64,
    kwh: f64,
    unpriced: f64,
    prices: Vec<f64>,
}

impl Naive {
    fn of(site: &Site, wanted: impl Fn(Minute) -> bool) -> Self {
        let (prices, mut all) = (prices(), Self::default());
        for at in site.minutes.iter().copied().filter(|at| wanted(*at)) {
            let kwh = f64::from(pulses(at)) / 1000.0;
            all.kwh += kwh;
            match price(at, &prices) {
                Some(price) => {
                    all.cost += kwh * price;
                    all.prices.push(price);
                }
                None => all.unpriced += kwh,
            }
        }
        all
    }

    fn on(site: &Site, day: &str) -> Self {
        let day: Date = day.parse().unwrap();
        Self::of(site, |at| at.timestamp().to_zoned_datetime(berlin()).date() == day)
    }

    fn mean_price(&self) -> Option<f64> {
        (!self.prices.is_empty()).then(|| self.prices.iter().sum::<f64>() / self.prices.len() as f64)
    }
}

#[test]
fn a_day_shows_what_its_minutes_cost_and_how_much_has_no_price() {
    let site = site(TARIFF, "hq");
    let naive = Naive::on(&site, "2025-10-26");
    assert!(naive.unpriced > 0.5, "{naive:?}");
    for (language, decimal, sentence) in
        [("en", '.', "no price known for {} kWh"), ("de", ',', "für {} kWh ist kein Preis bekannt")]
    {
        let page =
            site.get(&format!("/m/hq/main/day/2025-10-26?lang={language}")).text().replace('\u{a0}', " ");
        let (_, card) = page.split_once("id=\"cost\"").unwrap();
        let card = card.split("</div>").next().unwrap();
        let shown =
            |number: f64, decimals: usize| format!("{number:.decimals$}").replace('.', &decimal.to_string());
        assert!(card.contains(&format!(">{} €<", shown(naive.cost, 2))), "{card}");
        let mean = naive.cost / (naive.kwh - naive.unpriced);
        assert!(card.contains(&format!("{} €", shown(mean, 4))), "{mean}: {card}");
        assert!(card.contains(&sentence.replace("{}", &shown(naive.unpriced, 3))), "{card}");
        // The hour from 22 on has two prices on top.
        let evening = Naive::of(&site, |at| {
            let local = at.timestamp().to_zoned_datetime(berlin()).datetime();
            local.date().to_string() == "2025-10-26" && local.hour() == 22
        });
        let price = shown(evening.mean_price().unwrap(), 4);
        assert!(page.contains(&format!("<td>{price}</td>")), "{price} in {page}");
    }
    // A day of which no price is known has no cost, and is not free.
    let page = site.get("/m/hq/main/day/2025-10-29?lang=en").text().replace('\u{a0}', " ");
    let (_, card) = page.split_once("id=\"cost\"").unwrap();
    assert!(card.split("</div>").next().unwrap().contains(">–<"), "{card}");
}

/// What is paid on top is paid for the same energy, and hours of which not everything has a price say no cost.
#[test]
fn a_profile_counts_what_is_used_at_prices_of_the_day_once() {
    let site = site(TARIFF, "hq");
    let naive = Naive::of(&site, |at| {
        let date = at.timestamp().to_zoned_datetime(berlin()).date();
        date.year() == 2025 && date.month() == 10 && (25..=27).contains(&date.day())
    });
    let page =
        site.get("/m/hq/main/profile/span/2025-10-25..2025-10-27?lang=en").text().replace('\u{a0}', " ");
    let (_, by_price) = page.split_once("id=\"by-price\"").unwrap();
    let by_price = by_price.split("</section>").next().unwrap();
    let rows: Vec<&str> = by_price.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 1, "{by_price}");
    let priced = naive.kwh - naive.unpriced;
    for shown in [
        "price of the day".to_owned(),
        format!(">{:.1}<", priced / naive.kwh * 100.0),
        format!(">{:.2} €<", naive.cost),
    ] {
        assert!(rows[0].contains(&shown), "{shown}: {by_price}");
    }
    assert!(by_price.contains(&format!("no price known for {:.3} kWh", naive.unpriced)), "{by_price}");
    // Every thirteenth quarter has no price, so some hours of the clock have all of theirs and some do not.
    for hour in 0..24 {
        let of = Naive::of(&site, |at| {
            let local = at.timestamp().to_zoned_datetime(berlin()).datetime();
            let is_within = local.date().year() == 2025 && local.date().month() == 10;
            is_within && (25..=27).contains(&local.date().day()) && local.hour() == hour
        });
        let row = page.split_once(&format!("<th scope=\"row\">{hour:02}–{:02}</th>", hour + 1)).unwrap().1;
        let row = row.split("</tr>").next().unwrap();
        assert!(row.contains(&format!("<td>{:.4}</td>", of.cost / (of.kwh - of.unpriced))), "{of:?}: {row}");
        let cost = if of.unpriced > 0.0 { "–".to_owned() } else { format!("{:.2} €", of.cost) };
        assert!(row.ends_with(&format!("<td>{cost}</td>")), "{of:?}: {row}");
    }
    assert!(!page.contains("id=\"dearest\""), "one of which not everything has a price may be the dearest");
}

#[test]
fn files_have_price_and_cost_of_each_step() {
    let site = site(TARIFF, "hq");
    for step in ["minute", "hour", "day"] {
        let asked = format!("from=2025-10-25&to=2025-10-28&step={step}");
        let csv = site.get(&format!("/api/v1/meters/hq/main/energy.csv?{asked}")).text();
        let mut lines = csv.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert!(
            names.ends_with(&["cost", "fee", "co2_g", "price", "unpriced_kwh", "corrected_minutes"]),
            "{names:?}"
        );
        let json = site.json(&format!("/api/v1/meters/hq/main/energy.json?{asked}"));
        let rows = json["rows"].as_array().unwrap();
        let begins: Vec<Minute> =
            rows.iter().map(|row| site::minute(row["start"].as_str().unwrap())).collect();
        assert_eq!(rows.len(), csv.lines().count() - 1);
        let mut unknown = 0;
        for (number, (row, line)) in rows.iter().zip(lines).enumerate() {
            let end = begins.get(number + 1).copied().unwrap_or(site::minute("2025-10-27T23:00:00Z"));
            let naive = Naive::of(&site, |at| begins[number] <= at && at < end);
            let cost = (naive.unpriced == 0.0 || naive.kwh - naive.unpriced > 1e-9).then_some(naive.cost);
            let cells: Vec<&str> = line.split(',').collect();
            let expected =
                [("cost", cost), ("price", naive.mean_price()), ("unpriced_kwh", Some(naive.unpriced))];
            for (name, expected) in expected {
                let said = row[name].as_f64();
                let cell = cells[names.iter().position(|known| *known == name).unwrap()].parse().ok();
                assert_eq!(said, cell, "{row}");
                let is_near =
                    said.zip(expected).is_some_and(|(said, expected)| (said - expected).abs() < 2e-6);
                assert!(is_near || (said, expected) == (None, None), "{name}: {row} instead of {expected:?}");
                unknown += usize::from(expected.is_none());
            }
        }
        assert!(unknown > 0 || step != "minute", "some minutes have no price");
    }
}

#[test]
fn the_prices_of_another_site_are_followed_where_the_tariff_says_so() {
    let elsewhere = format!("{TARIFF}\n").replace("price_factor", "prices_of = 'roof'\nprice_factor");
    let cost = |site: &Site| {
        let data = site.json("/api/v1/meters/hq/main/energy.json?from=2025-10-26&to=2025-10-27&step=day");
        data["rows"][0]["cost"].as_f64()
    };
    let (there, own) = (site(&elsewhere, "roof"), site(TARIFF, "roof"));
    let naive = Naive::on(&there, "2025-10-26");
    assert!((cost(&there).unwrap() - naive.cost).abs() < 1e-5, "{naive:?}");
    assert_eq!(cost(&own), None, "its own site has none");
}

#[test]
fn prices_that_are_still_to_come_are_shown() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Haus");
    // All of today and tomorrow.
    let today = daemon_runtime::now().as_second() / 900 / 96 * 96;
    let prices =
        (today - 96..today + 192).map(|quarter| (quarter, 0.1 + (quarter % 7) as f64 / 100.0)).collect();
    enter(dir.path(), "hq", &prices);
    let site = Site::at_cost(dir, 1, "[[tariff]]\nprice_of_the_day = true\n");
    let day = daemon_runtime::now().to_zoned_datetime(berlin()).date();
    let page = site.get(&format!("/m/hq/main/day/{day}?lang=en")).text();
    let table = page.split_once("id=\"parts-card\"").unwrap().1.split("</figure>").next().unwrap();
    assert!(table.contains("Price (€/kWh)"), "{table}");
    // Each hour's row, those to come included, has a price.
    let priced = table.split("<tr><th scope=\"row\">").skip(1).filter(|row| row.contains("<td>0.1")).count();
    assert!(priced >= 23, "{priced}: {table}");
}
