//! What nobody watched is never zero, and is compared with nothing.
#![allow(clippy::unwrap_used)]

mod site;

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use meter_messages::Minute;
use serde_json::Value;
use site::{Site, berlin, info, kwh, minute, record_minutes};
use tempfile::TempDir;

/// Minutes.
const DAY: i64 = 1440;

fn site(minutes: &[Minute]) -> Site {
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), minutes);
    let mut site = Site::over(dir, 1);
    site.minutes = minutes.to_vec();
    site
}

fn minutes(span: Range<i64>) -> Vec<Minute> {
    span.map(Minute::nearest).collect()
}

fn minutes_between(from: &str, to: &str) -> Vec<Minute> {
    minutes(minute(from).epoch_minutes()..minute(to).epoch_minutes())
}

fn page(site: &Site, path: &str) -> String {
    let answer = site.get(&format!("/m/hq/main{path}"));
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

/// The words below the energy of a period's page, and those about how much of it is compared.
fn versus(page: &str) -> (String, Option<String>) {
    let card = page.split_once("data-kwh=\"whole\"").unwrap().1.split_once("</div>").unwrap().0;
    let aside = card.split_once("<dd class=\"aside\">").unwrap().1.split_once("</dd>").unwrap().0;
    let compared =
        card.split_once("id=\"compared\">").map(|(_, rest)| rest.split_once('<').unwrap().0.to_owned());
    (aside.to_owned(), compared)
}

fn midnight(date: Date) -> i64 {
    date.to_zoned_datetime(berlin()).unwrap().timestamp().as_second() / 60
}

#[test]
fn a_time_that_nobody_watched_is_a_dash_and_null() {
    let now = daemon_runtime::now().as_second() / 60;
    let today = daemon_runtime::now().to_zoned_datetime(berlin()).date();
    // Four days ago, and nothing since.
    let begin = midnight(today.saturating_sub(4.days()));
    let site = site(&minutes(begin..begin + 600));
    let unwatched = today.saturating_sub(2.days());
    for path in [
        format!("/day/{unwatched}"),
        format!("/hour/{unwatched}T12"),
        format!("/day/{}", today.saturating_sub(30.days())),
        format!("/day/{}", today.saturating_add(7.days())),
        "/year/2001".into(),
    ] {
        let page = page(&site, &path);
        assert!(page.contains("data-kwh=\"whole\">–<"), "{path}");
        assert!(!page.contains("0.000") && !page.contains("class=\"less\""), "{path}");
        assert_eq!(versus(&page).0, "", "{path} is compared with nothing");
    }
    let answer = site.get("/api/v1/meters/hq/main").text();
    assert!(!answer.contains(":-0"), "{answer}");
    let state: Value = serde_json::from_str(&answer).unwrap();
    for name in ["today", "yesterday", "yesterday_by_now"] {
        assert_eq!((&state[name]["kwh"], &state[name]["watched_s"]), (&Value::Null, &0.into()), "{name}");
    }
    assert_eq!((&state["difference_percent"], &state["compared"]), (&Value::Null, &Value::Null));
    let (from, to) = ((now - 2 * DAY) * 60, now * 60);
    let series = site.json(&format!("/api/v1/meters/hq/main/series?from={from}&to={to}&points=1"));
    assert_eq!((&series["kwh"], &series["watched_s"]), (&Value::Null, &0.into()));
}

#[test]
fn after_a_publishers_death_today_is_compared_up_to_it() {
    let now = daemon_runtime::now().as_second() / 60;
    // A clock that is never set: every hour of today was there yesterday.
    let (today, death) = (now / DAY * DAY, now - 36);
    let recorded = minutes(today - 2 * DAY..death);
    let dir = TempDir::new().unwrap();
    record_minutes(dir.path(), &info("Haus"), &recorded);
    let site = Site::set_up(dir, 1, "time_zone = 'UTC'");
    let state = site.json("/api/v1/meters/hq/main");
    let page = page(&site, "?lang=en");
    // The hours of which nearly all was watched, and those that have begun; a minute may begin meanwhile.
    let watched = ((death + 6 - today) / 60).max(0);
    let begun = [now - today, now + 1 - today].map(|minutes| (minutes + 59) / 60);
    if watched == 0 {
        assert!(state["compared"].is_null(), "{}", state["compared"]);
        return;
    }
    let [said, of] = ["hours", "of_hours"].map(|name| state["compared"][name].as_i64().unwrap());
    assert!(said == watched && begun.contains(&of), "{said} of {of} hours");
    let of_span = |span: Range<i64>| kwh(&recorded, |at| span.contains(&at.epoch_minutes()));
    let these = of_span(today..today + watched * 60);
    let those = of_span(today - DAY..today - DAY + watched * 60);
    for (name, expected) in [("kwh", these), ("yesterday_kwh", those)] {
        let given = state["compared"][name].as_f64().unwrap();
        assert!((given - expected).abs() < 1e-6, "{name}: {given} instead of {expected}");
    }
    let percent = state["difference_percent"].as_f64().unwrap();
    assert!((percent - (these / those - 1.0) * 100.0).abs() < 0.051, "{percent}");
    let words = format!("Compared: {said} of {of} hours that were watched both times");
    assert!(
        page.contains(&words)
            || page.contains(&words.replace(&format!("of {of}"), &format!("of {}", of + 1)))
    );
}

#[test]
fn a_period_is_compared_by_what_was_watched_in_both() {
    // Tuesday whole; Wednesday from 6 to 18, Thursday without its first hour, all in local time.
    let recorded = [
        minutes_between("2025-06-09T22:00:00Z", "2025-06-10T22:00:00Z"),
        minutes_between("2025-06-11T04:00:00Z", "2025-06-11T16:00:00Z"),
        minutes_between("2025-06-11T23:00:00Z", "2025-06-12T22:00:00Z"),
        // Seven minutes of a year, and two days of the next.
        minutes_between("2023-06-11T10:00:00Z", "2023-06-11T10:07:00Z"),
        minutes_between("2024-06-10T22:00:00Z", "2024-06-12T22:00:00Z"),
    ];
    let mut all = recorded.concat();
    all.sort();
    let site = site(&all);
    let of = |from: &str, to: &str| kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at));
    let wednesday = of("2025-06-11T04:00:00Z", "2025-06-11T16:00:00Z");
    let tuesday = of("2025-06-10T04:00:00Z", "2025-06-10T16:00:00Z");
    let percent = |this: f64, other: f64| {
        let percent = (this / other - 1.0) * 100.0;
        let shown = format!("{:.0}", percent.abs());
        match percent {
            more if more >= 0.5 => format!("<b class=\"more\">+{shown}\u{a0}%</b>"),
            less if less <= -0.5 => format!("<b class=\"less\">−{shown}\u{a0}%</b>"),
            _ => "<b class=\"same\">".to_owned(),
        }
    };
    let (aside, compared) = versus(&page(&site, "/day/2025-06-11?lang=en"));
    assert!(aside.contains(&percent(wednesday, tuesday)), "{aside}");
    assert!(aside.contains(&format!("Tuesday, 10 June 2025: {tuesday:.2} kWh")), "{aside}");
    let words = format!("Compared: 12 of 24 hours that were watched both times; here {wednesday:.2} kWh");
    assert_eq!(compared.as_deref(), Some(words.as_str()));
    let (_, compared) = versus(&page(&site, "/day/2025-06-11?lang=de"));
    let words =
        format!("Verglichen: 12 von 24 Stunden, die beide Male beobachtet wurden; hier {wednesday:.2} kWh");
    assert_eq!(compared, Some(words.replace('.', ",")));
    // With a day of which all was watched, the figures are those of the pages.
    let (aside, compared) = versus(&page(&site, "/day/2025-06-12?with=2025-06-10&lang=en"));
    let thursday = of("2025-06-11T23:00:00Z", "2025-06-12T22:00:00Z");
    let tuesday = of("2025-06-09T23:00:00Z", "2025-06-10T22:00:00Z");
    assert!(aside.contains(&percent(thursday, tuesday)), "{aside}");
    assert_eq!(
        compared.unwrap(),
        format!("Compared: 23 of 24 hours that were watched both times; here {thursday:.2} kWh")
    );
    // An hour of which the other one's first half was not watched.
    let (aside, _) = versus(&page(&site, "/hour/2025-06-12T00?with=2025-06-10&lang=en"));
    assert_eq!(aside, "", "nothing of it was watched");
    let (aside, compared) = versus(&page(&site, "/hour/2025-06-12T09?with=2025-06-10&lang=en"));
    assert!(aside.contains("Tuesday, 10 June 2025, 09:00") && compared.is_none(), "{aside}");
    // Seven minutes are no year.
    let (aside, compared) = versus(&page(&site, "/year/2024?lang=en"));
    assert_eq!((aside.as_str(), compared), ("", None));
    let (aside, compared) = versus(&page(&site, "/year/2025?lang=en"));
    assert!(aside.contains("2024: "), "{aside}");
    assert!(compared.unwrap().starts_with("Compared: 1 of 365 days that were watched both times; here "));
}

#[test]
fn periods_that_were_watched_are_compared_as_a_whole() {
    // March has three days more than February, and an hour less than that.
    let site = site(&minutes_between("2025-01-31T23:00:00Z", "2025-03-31T22:00:00Z"));
    let (aside, compared) = versus(&page(&site, "/month/2025-03?lang=en"));
    let of = |from: &str, to: &str| kwh(&site.minutes, |at| (minute(from)..minute(to)).contains(&at));
    let february = of("2025-01-31T23:00:00Z", "2025-02-28T23:00:00Z");
    let march = of("2025-02-28T23:00:00Z", "2025-03-31T22:00:00Z");
    assert!(aside.contains(&format!("+{:.0}\u{a0}%", (march / february - 1.0) * 100.0)), "{aside}");
    let shown = format!("{february:.0}");
    assert!(aside.replace(',', "").contains(&format!("February 2025: {shown} kWh")), "{shown}: {aside}");
    assert_eq!(compared, None);
    let (aside, compared) = versus(&page(&site, "/month/2025-02?with=2025-03-01&lang=en"));
    assert!(
        aside.contains(&format!("−{:.0}\u{a0}%", (1.0 - february / march) * 100.0)) && compared.is_none(),
        "{aside}"
    );
}
