//! A page on paper: white, whatever the screen is, with its legends, and with nothing that could only be clicked.

use end_to_end::{Browser, Site, Theme};
use serde_json::{Value, json};

/// A sheet of A4 without its margins, in pixels.
const PAPER: (u32, u32) = (718, 1047);

/// What can only be clicked.
const CLICKED: &str = "[...document.querySelectorAll(\"header.bar, footer, button, input, select, summary, nav, .presets, .plot, #downloads\")] \
    .filter(it => it.checkVisibility()).map(it => it.outerHTML.slice(0, 80))";

/// What lies over the edge of its card. Labels below a bar may be wider than it.
const OVER: &str = "[...document.querySelectorAll(\".card\")].filter(it => it.checkVisibility()).flatMap(card => { \
    const edge = card.getBoundingClientRect(); \
    return [...card.querySelectorAll(\"*\")].filter(it => it.checkVisibility() && !it.closest(\"svg *, .visually-hidden\")) \
        .filter(it => { const box = it.getBoundingClientRect(); \
            return box.width && (box.right > edge.right + 1 || box.bottom > edge.bottom + 1 || box.left < edge.left - 1) }) \
        .map(it => it.outerHTML.slice(0, 80)) })";

/// The colours of paper and ink, of the curves, and whether what is drawn with a background is printed.
const COLOURS: &str = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color, \
    getComputedStyle(document.documentElement).getPropertyValue(\"--line\"), \
    getComputedStyle(document.querySelector(\".key, body\")).printColorAdjust]";

/// How many legends are seen that have a colour.
const LEGENDS: &str = "[...document.querySelectorAll(\".key .swatch, .key .shades i\")].filter(it => it.checkVisibility()) \
    .filter(it => { const style = getComputedStyle(it), box = it.getBoundingClientRect(); \
        return box.width > 5 && box.height > 1 && \
            (style.backgroundColor !== \"rgba(0, 0, 0, 0)\" || style.backgroundImage !== \"none\" || style.borderTopStyle !== \"none\") }).length";

pub(crate) async fn it_is_read_on_paper(site: &Site, browser: &Browser) {
    let today =
        daemon_runtime::now().to_zoned_datetime(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).date();
    let yesterday = today.yesterday().unwrap();
    let (year, month) = (yesterday.year(), yesterday.month());
    for (page, legends, sheets) in [
        (format!("/m/hq/main/day/{yesterday}?with={today}&lang=de"), 2, 2),
        (format!("/m/hq/main/month/{year}-{month:02}?lang=en"), 0, 3),
        (format!("/m/hq/main/year/{year}?lang=de"), 8, 3),
        ("/m/hq/main?lang=de".to_owned(), 2, 2),
        ("/m/hq/main/bill?lang=de".to_owned(), 0, 2),
        (format!("/site/month/{year}-{month:02}?lang=de"), 0, 3),
    ] {
        browser.print(false, Theme::Light).await;
        browser.resize(1280, 900).await;
        browser.page.goto(&site.url(&page)).await.unwrap();
        browser.wait_for("document.readyState === \"complete\"").await;
        let line = browser.evaluate(COLOURS).await[2].clone();
        for theme in [Theme::Light, Theme::Dark] {
            browser.print(true, theme).await;
            browser.resize(PAPER.0, PAPER.1).await;
            let expected = json!(["rgb(255, 255, 255)", "rgb(0, 0, 0)", line, "exact"]);
            assert_eq!(browser.evaluate(COLOURS).await, expected, "{page}, {theme:?}");
            assert_eq!(browser.evaluate(CLICKED).await, json!([]), "{page}");
            assert_eq!(browser.evaluate(OVER).await, json!([]), "{page}");
            let seen = browser.evaluate(LEGENDS).await;
            assert!(seen.as_u64() >= Some(legends), "{page}: {seen} legends");
        }
        let taken = browser.sheets().await;
        assert!((1..=sheets).contains(&taken), "{page} takes {taken} sheets");
    }
    browser.print(false, Theme::Light).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// A meter has the colour that is said of it, on each page, in both themes.
pub(crate) async fn a_meter_has_one_colour(site: &Site, browser: &Browser) {
    let colour = async |page: &str, css: &str| -> Value {
        browser.page.goto(&site.url(page)).await.unwrap();
        browser.wait_for("document.readyState === \"complete\"").await;
        browser
            .evaluate(&format!(
                "getComputedStyle(document.querySelector(`{css}`)).getPropertyValue(\"--line\")"
            ))
            .await
    };
    let mut seen = Vec::new();
    for theme in [Theme::Light, Theme::Dark] {
        browser.prefer(theme).await;
        let card = colour("/", "[data-meter=\"hq/flat\"]").await;
        for (page, css) in
            [("/m/hq/flat", "#last-days"), ("/m/hq/flat/all", "#parts-card"), ("/m/hq/flat/profile", "main")]
        {
            assert_eq!(colour(page, css).await, card, "{page}, {theme:?}");
        }
        assert_ne!(colour("/m/hq/main", "#last-days").await, card);
        seen.push(card);
    }
    assert_eq!(colour("/kiosk", "[data-meter=\"hq/flat\"]").await, seen[1], "a wall is dark");
    browser.prefer(Theme::Light).await;
}
