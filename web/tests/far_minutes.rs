//! Minutes of long ago and of the far future: what they cost, and what is said of them.
#![allow(clippy::unwrap_used)]

mod site;

use meter_ledger::Ledger;
use meter_messages::{Minute, PulseCount};
use site::{Site, info, meter, minute, record, record_minutes};
use tempfile::TempDir;

/// As a publisher that is let loose sends them: one minute of 2000, one of 2099, and one of just now.
fn far() -> Site {
    let dir = TempDir::new().unwrap();
    let now = Minute::nearest(daemon_runtime::now().as_second() / 60 - 1);
    let minutes = [minute("2000-01-01T12:00:00Z"), now, minute("2099-12-31T12:00:00Z")];
    record_minutes(dir.path(), &info("Haus"), &minutes);
    Site::at_cost(dir, 1, "[[tariff]]\nprice_per_kwh = 0.30\nbase_fee_per_month = 10\n")
}

fn this_year() -> i16 {
    daemon_runtime::now().to_zoned_datetime(site::berlin()).year()
}

#[test]
fn everything_begins_with_the_first_minute_and_ends_now() {
    let site = far();
    let all = site.get("/m/hq/main/all?lang=en");
    let page = all.text();
    assert_eq!(all.status, 200);
    assert!(
        page.contains("/m/hq/main/year/2000") && page.contains(&format!("/m/hq/main/year/{}", this_year()))
    );
    for year in [1999, this_year() + 1, 2099] {
        assert!(!page.contains(&format!("/m/hq/main/year/{year}")), "{year}");
    }
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

#[test]
fn data_ends_now_and_has_no_more_rows_than_there_are_minutes() {
    let site = far();
    let energy = |query: &str| site.json(&format!("/api/v1/meters/hq/main/energy?{query}"));
    let rows = |query: &str| energy(query)["rows"].as_array().unwrap().len();
    assert_eq!(rows("from=2000-01-01&to=2099-12-31&step=month"), 2, "2099 has not come yet");
    assert_eq!(rows("from=2000-01-01&to=2099-12-31&step=day"), 2);
    let statistics = site.get("/api/v1/meters/hq/main/statistics.csv").text();
    assert!(statistics.lines().count() <= 3, "{statistics}");
    // A chart of a hundred years: as many points as one of any other time, and only two of them are known.
    let series = site.json("/api/v1/meters/hq/main/series?from=946684800&to=4102444800&points=2000");
    let means = series["mean"].as_array().unwrap();
    assert!(means.len() <= 2000 && means.iter().filter(|mean| !mean.is_null()).count() == 2);
    let state = site.json("/api/v1/meters/hq/main");
    assert!(!state["last_minute"]["start"].as_str().unwrap().starts_with("2099"), "{state}");
}

#[test]
fn what_is_kept_aside_is_on_the_status_page() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Hauptzähler");
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("Hauptzähler")).unwrap();
    for (seq, at) in [(1_000_000, "2098-12-31T22:58:00Z"), (1_000_001, "2098-12-31T22:59:00Z")] {
        let count = PulseCount { minute: minute(at), watched_s: 60, seq, pulses: 1, total: 20_000_000 };
        batch.keep_aside(&meter(), &mark, &count).unwrap();
    }
    batch.commit().unwrap();
    let site = Site::over(dir, 1);
    let page = |language: &str| site.get(&format!("/status?lang={language}")).text();
    let (english, german) = (page("en"), page("de"));
    assert!(english.contains("Far in the future, not recorded yet"));
    assert!(english.contains("2 min, up to 31 Dec 2098, 23:59"), "{english}");
    assert!(german.contains("Weit in der Zukunft, noch nicht verbucht"));
    assert!(german.contains("2 min, bis 31.12.2098, 23:59"), "{german}");
    assert!(!Site::start().get("/status?lang=en").text().contains("Far in the future"));
}
