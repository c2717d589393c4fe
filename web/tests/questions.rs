//! Pages that answer a question say what its minutes say.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::ToSpan;
use jiff::civil::Weekday;
use meter_ledger::Ledger;
use meter_messages::{Minute, PulseCount};
use site::{Site, berlin, info, meter, pulses, record};
use tempfile::TempDir;

/// Another price by night; both without VAT.
const TARIFFS: &str = "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 9.3\nvat_percent = 19\n\
                       [[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.20\n";

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let minutes = record(dir.path(), "Haus");
    let mut site = Site::at_cost(dir, 1, TARIFFS);
    site.minutes = minutes;
    site
}

fn section<'page>(page: &'page str, id: &str) -> &'page str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} on {page}"));
    rest.split("</section>").next().unwrap()
}

#[test]
fn a_profile_says_what_each_price_comes_to_and_which_hours_were_the_strongest() {
    let site = site();
    let page = site.get("/m/hq/main/profile/month/2025-10?lang=en").text();
    let local = |at: Minute| at.timestamp().to_zoned_datetime(berlin()).datetime();
    let october = |at: &&Minute| (local(**at).year(), local(**at).month()) == (2025, 10);
    let minutes: Vec<Minute> = site.minutes.iter().filter(october).copied().collect();
    let kwh = |wanted: &dyn Fn(i8) -> bool| {
        let of = minutes.iter().filter(|at| wanted(local(**at).hour()));
        of.map(|at| u64::from(pulses(*at))).sum::<u64>() as f64 / 1000.0
    };
    let night = kwh(&|hour| !(6..22).contains(&hour));
    let (day, all) = (kwh(&|hour| (6..22).contains(&hour)), kwh(&|_| true));
    let by_price = section(&page, "by-price");
    let rows: Vec<&str> = by_price.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 2, "{by_price}");
    for (row, price, kwh) in [(rows[0], 0.238, night), (rows[1], 0.357, day)] {
        let decimals = if kwh >= 100.0 { 1 } else { 2 };
        for shown in [
            format!(">{price:.4}<"),
            format!(">{kwh:.decimals$}<"),
            format!(">{:.1}<", kwh / all * 100.0),
            format!(">{:.2}\u{a0}€<", kwh * price),
        ] {
            assert!(row.contains(&shown), "{shown}: {row}");
        }
    }
    let mut hours: Vec<(u64, i64)> = Vec::new();
    for minutes in minutes.chunk_by(|one, other| one.epoch_minutes() / 60 == other.epoch_minutes() / 60) {
        let used = minutes.iter().map(|at| u64::from(pulses(*at))).sum();
        hours.push((used, minutes[0].epoch_minutes()));
    }
    let most = *hours.iter().map(|(used, _)| used).max().unwrap();
    let first = section(&page, "strongest").split("<li>").nth(1).unwrap();
    assert!(first.contains(&format!("{:.2} kWh", most as f64 / 1000.0)), "{most} in {first}");
    assert!(first.contains("href=\"/m/hq/main/hour/2025-10-"), "{first}");
    // Night is cheap and day is dear, on both kinds of days.
    assert_eq!((page.matches("class=\"cheap\"").count(), page.matches("class=\"dear\"").count()), (4, 2));
    let german = site.get("/m/hq/main/profile/month/2025-10?lang=de").text();
    assert!(german.contains("Tagesverlauf") && german.contains("Montag bis Freitag"), "{german}");
}

#[test]
fn what_nobody_watched_is_no_zero_and_each_day_counts_as_its_kind() {
    let site = site();
    // A Tuesday and a Wednesday; no weekend at all.
    let page = site.get("/m/hq/main/profile/span/2025-06-10..2025-06-11?lang=en").text();
    let card = |name: &str| {
        let (_, card) = page.split_once(&format!("<dt>{name}</dt>")).unwrap_or_else(|| panic!("{page}"));
        card.split("</div>").next().unwrap().to_owned()
    };
    assert!(card("Saturday and Sunday").contains(">–<"), "{}", card("Saturday and Sunday"));
    assert!(card("Monday to Friday").contains("kWh"), "{}", card("Monday to Friday"));
    let whole = site.get("/m/hq/main/profile/span/2025-10-20..2025-10-31?lang=en").text();
    let local = |at: Minute| at.timestamp().to_zoned_datetime(berlin()).datetime();
    let is_weekend = |at: Minute| matches!(local(at).date().weekday(), Weekday::Saturday | Weekday::Sunday);
    // The mean of each hour of the clock, added up; one of them has been there twice.
    let of_day: f64 = (0..24)
        .map(|hour| {
            let within = |at: &&Minute| {
                let date = local(**at).date();
                date.year() == 2025 && date.month() == 10 && is_weekend(**at) && local(**at).hour() == hour
            };
            let of: Vec<&Minute> = site.minutes.iter().filter(within).collect();
            let used: u64 = of.iter().map(|at| u64::from(pulses(**at))).sum();
            used as f64 / 1000.0 / (of.len() as f64 / 60.0)
        })
        .sum();
    let shown = format!(">{of_day:.2}</span>");
    assert!(whole.contains(&shown), "{shown}: {whole}");
    // From the meter's page and from a month there is a link.
    for path in ["/m/hq/main", "/m/hq/main/month/2025-10"] {
        assert!(site.get(path).text().contains("/profile"), "{path}");
    }
    let asked = site.get("/m/hq/main/profile?from=2025-10-20&to=2025-10-31&lang=en").text();
    assert!(asked.contains(&shown), "{asked}");
    for (path, status) in [
        ("/m/hq/main/profile", 200),
        ("/m/hq/main/profile/year/2025", 200),
        ("/m/hq/main/profile/span/2023-01-01..2025-12-31", 400),
        ("/m/hq/main/profile/month/2025-13", 404),
        ("/m/hq/nobody/profile", 404),
        ("/m/hq/nobody/base-load", 404),
    ] {
        assert_eq!(site.get(path).status, status, "{path}");
    }
}

/// Sixty watts more since 20 days ago, in the hour after midnight; a price changes within that hour.
#[test]
fn a_device_that_runs_day_and_night_is_named_with_its_first_day_and_its_cost() {
    let dir = TempDir::new().unwrap();
    let now = daemon_runtime::now();
    let since = now.to_zoned_datetime(berlin()).date().saturating_sub(20.days());
    let begin = since.to_zoned_datetime(berlin()).unwrap().timestamp().as_second() / 60;
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("Haus")).unwrap();
    let mut total = 0;
    for (seq, at) in (1..).zip(begin - 20 * 1440..now.as_second() / 60) {
        let minute = Minute::nearest(at);
        let is_quiet = minute.timestamp().to_zoned_datetime(berlin()).hour() == 0;
        let pulses = if at < begin { 2 } else { 3 } + if is_quiet { 0 } else { 9 };
        total += u64::from(pulses);
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
    let tariff =
        "[[tariff]]\nprice_per_kwh = 0.50\n[[tariff.time]]\nhours = '00:30-05:30'\nprice_per_kwh = 0.50\n";
    let site = Site::at_cost(dir, 1, tariff);
    assert!(site.get("/m/hq/main?lang=en").text().contains("data-base-load>180<"));
    let page = site.get("/m/hq/main/base-load?lang=en").text().replace('\u{a0}', " ");
    assert!(page.contains(">180</span>"), "{page}");
    assert!(page.contains(">1,578</span>") && page.contains(">788.94 €<"), "{page}");
    let changes = section(&page, "changes");
    assert!(changes.contains("+60 W since "), "{changes}");
    assert!(changes.contains(&format!("href=\"/m/hq/main/day/{since}?lang=en\"")), "{changes}");
    assert!(changes.contains("526 kWh, 262.98 € a year"), "{changes}");
    let german = site.get("/m/hq/main/base-load?lang=de").text();
    assert!(german.contains("Grundlast") && german.contains("+60\u{a0}W seit "), "{german}");
}
