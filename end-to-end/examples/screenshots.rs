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
    while !demo.log().contains("now it is live") {
        assert!(!demo.log().contains("ended"), "{}", demo.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (width, height, theme, language, name) in [
        (1280, 1130, Theme::Light, "en", "page-light.png"),
        (1280, 1130, Theme::Dark, "de", "page-dark.png"),
        (390, 1020, Theme::Light, "de", "phone-light.png"),
        (390, 1020, Theme::Dark, "en", "phone-dark.png"),
    ] {
        let browser = Browser::open(width, theme).await;
        browser.page.goto(&format!("http://127.0.0.1:{web}/m/home/main?lang={language}")).await.unwrap();
        browser.wait_for("/[0-9]/.test(document.querySelector('[data-power]').textContent)").await;
        let eager =
            "(() => { document.querySelectorAll('img').forEach(i => i.loading = 'eager'); return true })()";
        browser.evaluate(eager).await;
        browser.wait_for("[...document.images].every(i => i.complete && i.naturalWidth > 0)").await;
        browser.screenshot(width, height, &docs.join(name)).await;
        println!("docs/{name}");
        browser.close().await;
    }
    demo.signal(Signal::TERM);
    demo.wait(Duration::from_secs(20));
}
