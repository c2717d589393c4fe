//! Takes the pictures in `docs/`: the demo's house with its two years, looked at in
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
    let last_month = yesterday.first_of_month().yesterday().unwrap();
    let house = format!("/s/home/month/{}", &last_month.to_string()[..7]);
    let year = format!("/m/home/main/year/{}", yesterday.year());
    let browser = Browser::open(1280, Theme::Light).await;
    for (page, (width, height), theme, name) in [
        (house.as_str(), (1280, 1180), Theme::Light, "house-light.png"),
        (year.as_str(), (1280, 1500), Theme::Dark, "year-dark.png"),
        ("/m/home/main", (390, 1020), Theme::Dark, "phone-dark.png"),
    ] {
        browser.prefer(theme).await;
        browser.resize(width, height).await;
        browser.page.goto(&format!("http://127.0.0.1:{web}{page}?lang=en")).await.unwrap();
        let is_shown =
            "[...document.querySelectorAll('[data-power]')].every(it => /[0-9]/.test(it.textContent))";
        browser.wait_for(is_shown).await;
        let in_sight = "it.getBoundingClientRect().top > innerHeight + 200";
        browser
            .wait_for(&format!(
                "[...document.querySelectorAll('.plot')].every(it => {in_sight} || it.dataset.ready === '')"
            ))
            .await;
        browser.screenshot(width, height, &docs.join(name)).await;
        println!("docs/{name}");
    }
    browser.close().await;
    demo.signal(Signal::TERM);
    demo.wait(Duration::from_secs(20));
}
