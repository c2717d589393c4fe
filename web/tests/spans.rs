//! Days that are no period: `/span/FROM..TO`, with their files, and links to what people ask for.
#![allow(clippy::unwrap_used)]

mod site;

use site::{Site, berlin, kwh};

#[test]
fn days_of_any_number_have_a_page_and_files() {
    let site = Site::start();
    let page = site.get("/m/hq/main/span/2025-10-25..2025-10-27?lang=en");
    assert_eq!(page.status, 200);
    let page = page.text();
    assert!(page.contains("<h1>25 October 2025 – 27 October 2025</h1>"), "{page}");
    let within = |at: meter_messages::Minute| {
        let day = at.timestamp().to_zoned_datetime(berlin()).date();
        (jiff::civil::date(2025, 10, 25)..=jiff::civil::date(2025, 10, 27)).contains(&day)
    };
    let expected = kwh(&site.minutes, within);
    let shown = format!("data-kwh=\"whole\">{expected:.3}<").replace('-', "-");
    let plain = page.replace(',', "");
    assert!(plain.contains(&shown), "{shown}");
    // 73 hours: the clocks were set back.
    let files = page.split("href=\"").filter(|link| link.starts_with("/api/") && link.contains("step=hour"));
    let csv = files
        .map(|link| link.split('"').next().unwrap().replace("&#38;", "&"))
        .find(|it| it.contains(".csv"));
    assert_eq!(site.get(&csv.unwrap()).text().lines().count(), 1 + 73);
    // What a form asks for leads there.
    let went = site.get("/m/hq/main/go?from=2025-10-25&to=2025-10-27");
    assert_eq!((went.status, went.header("location")), (303, "/m/hq/main/span/2025-10-25..2025-10-27"));
    for (path, status) in [
        ("/m/hq/main/span/2025-10-27..2025-10-25", 400),
        ("/m/hq/main/span/2020-01-02..2025-10-25", 400),
        ("/m/hq/main/span/yesterday..today", 404),
        ("/m/hq/main/span/2023-01-01..2026-12-31", 200),
        ("/m/hq/main/span/2031-01-01..2031-01-31", 200),
    ] {
        assert_eq!(site.get(path).status, status, "{path}");
    }
}

#[test]
fn the_last_quarter_is_one_click_away() {
    let site = Site::start();
    for page in ["/m/hq/main?lang=en", "/m/hq/main/all?lang=en"] {
        let page = site.get(page).text();
        let (before, _) = page.split_once(">Last quarter<").expect("a link");
        let link = before.rsplit_once("href=\"").unwrap().1.trim_end_matches('"').to_owned();
        assert!(link.starts_with("/m/hq/main/span/"), "{link}");
        assert_eq!(site.get(&link).status, 200, "{link}");
    }
}
