//! A meter that is new: of what was before, nothing is missing, and nothing is zero.
#![allow(clippy::unwrap_used)]

mod site;

use meter_messages::Minute;
use site::{Site, info, record_minutes};
use tempfile::TempDir;

fn site(minutes: &[Minute]) -> Site {
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Neu"), minutes);
    Site::over(dir, 1)
}

#[test]
fn of_a_meter_without_minutes_nothing_is_known() {
    let page = site(&[]).get("/m/hq/main?lang=en").text();
    for name in ["today", "yesterday_by_now", "yesterday", "month", "total"] {
        assert!(page.contains(&format!("data-kwh=\"{name}\">–<")), "{name}");
    }
    assert!(!page.contains("class=\"gap\"") && !page.contains("swatch unwatched"), "nothing was missed");
    assert!(page.contains("<span>1\u{a0}kWh</span><span>0.5\u{a0}kWh</span>"), "an empty chart has a scale");
}

#[test]
fn what_was_before_the_first_minute_is_not_missing() {
    let now = daemon_runtime::now().as_second() / 60;
    let since = |minutes: std::ops::Range<i64>| -> Vec<Minute> { minutes.map(Minute::nearest).collect() };
    let page = site(&since(now - 120..now)).get("/m/hq/main?lang=en").text();
    assert!(!page.contains("class=\"gap\"") && !page.contains("swatch unwatched"), "two hours old");
    let first = format!("data-first=\"{}\"", (now - 120) * 60);
    let from = first.replace("first", "from");
    assert!(page.contains(&first) && page.contains(&from), "the chart begins where the recording does");
    let minutes = [since(now - 120..now - 60), since(now - 30..now)].concat();
    let page = site(&minutes).get("/m/hq/main?lang=en").text();
    assert!(page.contains("class=\"gap\"") && page.contains("swatch unwatched"), "with half an hour missed");
}

#[test]
fn everything_begins_with_the_recording() {
    let now = daemon_runtime::now().as_second() / 60;
    let minutes: Vec<Minute> = (now - 70 * 1440..now).step_by(60).map(Minute::nearest).collect();
    let page = site(&minutes).get("/m/hq/main/all?lang=en").text();
    let months = page.matches("<g class=\"slot\">").count();
    assert!((3..=4).contains(&months), "{months} months in seventy days");
}
