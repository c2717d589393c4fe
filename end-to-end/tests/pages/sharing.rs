//! A page is shared by its button: a sentence, the address, and a picture for whoever takes one.

use end_to_end::{Browser, Site};
use fantoccini::Locator;
use serde_json::{Value, json};

/// A telephone hands on what a page gives it. Chromium without a screen has nobody to hand it to.
const TELEPHONE: &str = "if (location.search.includes(\"telephone\")) { \
    navigator.canShare = () => true; \
    navigator.share = async ({ text, url, files: [picture] }) => { \
        const { width, height } = await createImageBitmap(picture); \
        window.handed = [text, url, picture.name, width, height]; } }";

/// What lies there to be pasted: the text, and the width and height of a picture.
const PASTED: &str = "const done = arguments[arguments.length - 1]; (async () => { \
    const [it] = await navigator.clipboard.read(); \
    const text = await (await it.getType(\"text/plain\")).text(); \
    if (!it.types.includes(\"image/png\")) return [text]; \
    const { width, height } = await createImageBitmap(await it.getType(\"image/png\")); \
    return [text, width, height]; })().then(done, error => done(String(error)))";

/// Opens a page and presses its button; returns the sentence of it.
async fn press(browser: &Browser, address: &str) -> String {
    browser.page.goto(address).await.unwrap();
    browser.wait_for("document.readyState === \"complete\"").await;
    let button = browser.page.find(Locator::Css(".share")).await.unwrap();
    button.click().await.unwrap();
    button.attr("data-share").await.unwrap().unwrap()
}

async fn is_said(browser: &Browser, words: &str) {
    let said = format!("document.querySelector(\"#share [role=status]\").textContent === \"{words}\"");
    browser.wait_for(&said).await;
}

pub(crate) async fn by_its_button(site: &Site, browser: &Browser) {
    let day = daemon_runtime::now().to_zoned_datetime(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let day = format!("/m/hq/main/day/{}", day.date().yesterday().unwrap());
    browser.resize(1280, 900).await;
    for what in ["clipboard-read", "clipboard-write"] {
        browser.permit(what).await;
    }
    for (address, words, copied) in [
        (format!("{day}?lang=en"), "kWh, ", "Copied"),
        (format!("{day}?lang=de"), "kWh, ", "Kopiert"),
        ("/m/hq/main?lang=en".to_owned(), "kWh", "Copied"),
    ] {
        let address = site.url(&address);
        let sentence = press(browser, &address).await;
        assert!(sentence.starts_with("Haus & Hof <1>") && sentence.contains(words), "{sentence}");
        is_said(browser, copied).await;
        let pasted = browser.page.execute_async(PASTED, vec![]).await.unwrap();
        assert_eq!(pasted, json!([format!("{sentence}\n{address}"), 1200, 630]), "{address}");
    }
    // A balance has a sentence and no picture.
    let balance = site.url("/site?lang=en");
    let sentence = press(browser, &balance).await;
    is_said(browser, "Copied").await;
    let pasted = browser.page.execute_async(PASTED, vec![]).await.unwrap();
    assert_eq!(pasted, json!([format!("{sentence}\n{balance}")]));
    assert_eq!(browser.complaints().await, [""; 0]);

    without_encryption(site, browser).await;
    by_a_telephone(site, browser, &day).await;
}

/// From another machine of the house: browsers have no clipboard for scripts then, and the sentence is copied all the same.
async fn without_encryption(site: &Site, browser: &Browser) {
    let address = format!("http://powerpi.test:{}/m/hq/main?lang=en", site.web);
    let sentence = press(browser, &address).await;
    assert_eq!(browser.evaluate("navigator.clipboard === undefined").await, true);
    is_said(browser, "Copied").await;
    browser.page.goto(&site.url("/status?lang=en")).await.unwrap();
    let pasted = browser.page.execute_async(PASTED, vec![]).await.unwrap();
    assert_eq!(pasted, json!([format!("{sentence}\n{address}")]));
}

async fn by_a_telephone(site: &Site, browser: &Browser, day: &str) {
    browser.run_first(TELEPHONE).await;
    browser.resize(390, 900).await;
    let address = site.url(&format!("{day}?lang=de&telephone"));
    let sentence = press(browser, &address).await;
    browser.wait_for("window.handed !== undefined").await;
    let handed: Value = browser.evaluate("window.handed").await;
    assert_eq!(handed, json!([sentence, address, "powerpi.png", 1200, 630]));
    assert_eq!(browser.complaints().await, [""; 0]);
}
