//! Pages, pictures and figures over real HTTP.
#![allow(clippy::unwrap_used)]

mod site;

use jiff::Timestamp;
use site::{Site, berlin, kwh};
use tempfile::TempDir;

/// What a page in German and the API say must be the same number.
fn german(kwh: f64) -> String {
    let plain = format!("{kwh:.3}").replace('.', ",");
    let (whole, fraction) = plain.split_once(',').unwrap();
    match whole.len() {
        0..=3 => plain.clone(),
        length => format!("{}.{},{fraction}", &whole[..length - 3], &whole[length - 3..]),
    }
}

#[test]
fn page_api_and_ledger_say_the_same() {
    let site = Site::start();
    let state = site.json("/api/v1/meters/hq/main");
    let page = site.ask("GET", "/m/hq/main", &[("Accept-Language", "de")]).text();

    let newest = *site.minutes.last().unwrap();
    let until = Timestamp::from_second(newest.end()).unwrap().to_zoned_datetime(berlin());
    let local = |at: meter_messages::Minute| at.timestamp().to_zoned_datetime(berlin());
    let yesterday = until.date().yesterday().unwrap();
    let today = kwh(&site.minutes, |at| local(at).date() == until.date());
    let by_now = kwh(&site.minutes, |at| local(at).date() == yesterday && local(at).time() < until.time());
    let month = kwh(&site.minutes, |at| local(at).date().first_of_month() == until.date().first_of_month());
    let total = 10_000.0 + kwh(&site.minutes, |_| true);
    for (name, expected) in
        [("today", today), ("yesterday_by_now", by_now), ("month", month), ("total", total)]
    {
        let said = state[name]["kwh"].as_f64().unwrap();
        assert!((said - expected).abs() < 1e-9, "{name}: {said} instead of {expected}");
        // Right after midnight nothing is known of today.
        let shown = if expected > 0.0 { german(expected) } else { "–".to_owned() };
        let shown = format!("data-kwh=\"{name}\">{shown}<");
        assert!(page.contains(&shown), "{shown} is not on the page");
    }
    assert_eq!(state["time_zone"], "Europe/Berlin");
    assert_eq!(state["last_minute"]["start"], newest.to_string());
}

#[test]
fn a_page_needs_nobody_else_and_runs_nothing_inline() {
    let site = Site::start();
    let answer = site.get("/");
    let page = answer.text();
    assert_eq!(answer.status, 200);
    assert!(page.contains("<h1>Hauptzähler</h1>"), "the only meter is the first page");
    // Only the picture for other sites has a host: this one.
    let page = page.replace("content=\"http://test/", "content=\"/");
    for foreign in ["http://", "https://", "//cdn", "style=", "onclick", "onload", "<style"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    // Without a script people reload it when they want: not while they read.
    assert!(!page.contains("http-equiv=\"refresh\"") && page.contains("<noscript><p class=\"reload\">"));
    assert!(answer.header("content-security-policy").starts_with("default-src 'self'"));
    assert!(!answer.headers.contains_key("set-cookie"));
    // Everything it names is there.
    let ours = |part: &&str| {
        ["/assets", "/m/", "/manifest", "/kiosk", "/status"].iter().any(|start| part.starts_with(start))
    };
    for link in page.split(['"', ' ']).filter(ours).filter(|link| !link.ends_with("/go")) {
        assert_eq!(site.get(&link.replace("&amp;", "&")).status, 200, "{link}");
    }
}

#[test]
fn pages_speak_the_language_that_is_asked_for() {
    let site = Site::start();
    let german = site.ask("GET", "/", &[("Accept-Language", "de-AT,en;q=0.5")]).text();
    assert!(german.contains("<html lang=\"de\" ") && german.contains("Zählerstand"));
    let english = site.ask("GET", "/?lang=en", &[("Accept-Language", "de")]).text();
    assert!(english.contains("<html lang=\"en\" ") && english.contains("Meter reading"));
}

#[test]
fn a_name_is_text_whatever_it_looks_like() {
    let site = Site::with("<b>\"Haus\": 100 % & \\n</b>", 1);
    let page = site.get("/m/hq/main").text();
    assert!(!page.contains("<b>\"Haus\""));
    assert!(page.contains("&#34;Haus&#34;: 100 % &#38; \\n"), "{page}");
    assert_eq!(site.get("/m/hq/main/day.png").status, 200);
}

#[test]
fn pictures_are_kept_until_the_next_minute() {
    let site = Site::start();
    for span in ["hour", "day", "week", "month", "year"] {
        let path = format!("/m/hq/main/{span}.svg?theme=dark&size=narrow&lang=de");
        let plain = site.get(&path);
        assert_eq!((plain.status, plain.header("content-type")), (200, "image/svg+xml"), "{span}");
        assert!(plain.text().starts_with("<?xml"));
        let age: u32 =
            plain.header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
        assert!(age <= 60);
        let small = site.ask("GET", &path, &[("Accept-Encoding", "gzip")]);
        assert_eq!(small.header("content-encoding"), "gzip");
        assert!(small.body.starts_with(&[0x1f, 0x8b]) && small.body.len() * 3 < plain.body.len());
        let head = site.ask("HEAD", &path, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), plain.body.len().to_string());

        // Drawn again only if a minute has just ended.
        let known = site.ask("GET", &path, &[("If-None-Match", plain.header("etag"))]);
        if known.header("etag") == plain.header("etag") {
            assert_eq!((known.status, known.body.len()), (304, 0), "{span}");
        }
        let png = site.get(&format!("/m/hq/main/{span}.png"));
        assert_eq!((png.status, &png.body[1..4]), (200, b"PNG".as_slice()));
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let site = Site::start();
    for path in [
        "/x",
        "/m/hq/other",
        "/m/hq/other/day.svg",
        "/m/hq/main/decade.svg",
        "/assets/main.rs",
        "/m/../etc/passwd",
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("<h1>Page not found</h1>"), "{path}");
    }
    let pink = site.get("/m/hq/main/day.svg?theme=pink&lang=de");
    assert_eq!(pink.status, 400);
    assert!(pink.text().contains("Ein Wert in der Adresse ist ungültig"), "{}", pink.text());
    assert!(pink.text().contains("<p class=\"advice\" lang=\"en\">theme: must be one of light, dark</p>"));
    let refused = site.ask("POST", "/", &[("Content-Length", "0")]);
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
    let huge = "x".repeat(40_000);
    let refused = site.ask("GET", "/", &[("X-Huge", &huge)]);
    assert_eq!(refused.status, 431);
    assert_eq!(site.get("/").status, 200, "nobody else notices");
}

#[test]
fn before_there_is_a_ledger_it_says_so_and_then_goes_on() {
    let site = Site::over(TempDir::new().unwrap(), 1);
    assert_eq!(site.get("/health").status, 503);
    let page = site.get("/");
    assert_eq!(page.status, 200, "it leads to the first meter");
    assert!(page.text().contains(">No meter yet</h1>"));
    let page = site.get("/m/hq/main");
    assert_eq!(page.status, 503);
    assert!(page.text().contains("<h1>No ledger yet</h1>"));
    assert_eq!(site.get("/api/v1/meters").status, 503);
    site::record(site.dir.path(), "Hauptzähler");
    assert_eq!(site.get("/health").status, 200);
    assert!(site.get("/").text().contains("<h1>Hauptzähler</h1>"));
}

#[test]
fn it_stops_soon_although_somebody_watches() {
    let site = Site::start();
    let mut watching = site.send("GET", "/api/v1/meters/hq/main/live", &[]);
    let _idle = std::net::TcpStream::connect(site.address).unwrap();
    // It watches once the answer has begun.
    std::io::Read::read_exact(&mut watching, &mut [0; 1]).unwrap();
    let took = site.stop();
    // Milliseconds by itself; a stream ends for no other reason.
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
}
