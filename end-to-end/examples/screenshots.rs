//! Takes the pictures in `docs/`: a demo with a year's history, looked at in
//! both themes, on a desk and on a phone.
//!
//! Run it by `make screenshots`.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use end_to_end::{Browser, Program, Theme, free_port};
use rustix::process::Signal;
use tempfile::TempDir;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    std::fs::create_dir_all(&docs).unwrap();
    let folder = TempDir::new().unwrap();
    let (web, mqtt) = (free_port(), free_port());
    let arguments = [
        "demo".to_owned(),
        "--dir=data".to_owned(),
        format!("--web=127.0.0.1:{web}"),
        format!("--mqtt=127.0.0.1:{mqtt}"),
    ];
    let mut demo = Program::spawn("powerpi", folder.path(), &arguments, &[]);
    while !demo.log().contains("Now it is live") {
        assert!(!demo.log().contains("ended"), "{}", demo.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let yesterday = daemon_runtime::now().to_zoned_datetime(zone).date().yesterday().unwrap();
    let year = format!("/year/{}", yesterday.year());
    let day = format!("/day/{yesterday}");
    let browser = Browser::open(1280, Theme::Light).await;
    for (page, (width, height), theme, language, name) in [
        ("", (1280, 1180), Theme::Light, "en", "page-light.png"),
        ("", (1280, 1180), Theme::Dark, "de", "page-dark.png"),
        ("", (390, 1020), Theme::Light, "de", "phone-light.png"),
        ("", (390, 1020), Theme::Dark, "en", "phone-dark.png"),
        (&year, (1280, 1500), Theme::Dark, "en", "year-dark.png"),
        (&day, (390, 1020), Theme::Light, "de", "phone-day.png"),
    ] {
        browser.prefer(theme).await;
        browser.resize(width, height).await;
        browser
            .page
            .goto(&format!("http://127.0.0.1:{web}/m/home/main{page}?lang={language}"))
            .await
            .unwrap();
        if page.is_empty() {
            browser.wait_for("/[0-9]/.test(document.querySelector('[data-power]').textContent)").await;
        }
        let in_sight = "(document.querySelector('.plot').getBoundingClientRect().top > innerHeight + 200)";
        browser
            .wait_for(&format!("{in_sight} || document.querySelector('.plot').dataset.ready === ''"))
            .await;
        browser.screenshot(width, height, &docs.join(name)).await;
        println!("docs/{name}");
    }
    browser.close().await;
    demo.signal(Signal::TERM);
    demo.wait(Duration::from_secs(20));
}
