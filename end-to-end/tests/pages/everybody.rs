//! Every page for everybody: in both themes and languages, on a telephone and a desk, with and
//! without JavaScript.

use end_to_end::{Browser, Site, Theme};
use fantoccini::Locator;
use serde_json::Value;

use crate::USER;

/// A page, and what must be on it.
pub(crate) struct Page {
    pub(crate) path: String,
    there: &'static str,
    /// Whether it is shown to somebody who has not logged in.
    stranger: bool,
}

/// All there are.
pub(crate) fn pages() -> Vec<Page> {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = daemon_runtime::now().to_zoned_datetime(zone).date();
    let yesterday = today.yesterday().unwrap();
    let (year, month) = (yesterday.year(), yesterday.month());
    let week = yesterday.iso_week_date();
    let page = |path: &str, there| Page { path: path.to_owned(), there, stranger: false };
    vec![
        page("/", ".meter-card"),
        page("/m/hq/main", "#last-days .bars"),
        page(&format!("/m/hq/main/hour/{yesterday}T12"), ".bars"),
        page(&format!("/m/hq/main/day/{yesterday}"), ".bars"),
        page(&format!("/m/hq/main/day/{yesterday}?with={today}"), ".bars .ghost"),
        page(&format!("/m/hq/main/week/{}-W{:02}", week.year(), week.week()), ".bars"),
        page(&format!("/m/hq/main/month/{year}-{month:02}"), ".top"),
        page(&format!("/m/hq/main/year/{year}"), ".heat"),
        page("/m/hq/main/all", ".bars"),
        // Nobody watched then.
        page("/m/hq/main/day/2026-01-01", ".advice"),
        page("/m/hq/main/bill", "#lines"),
        page(&format!("/m/hq/main/profile/span/{yesterday}..{yesterday}"), ".profile .curve"),
        page("/m/hq/main/base-load", ".page-title"),
        page("/m/hq/main/readings", "form[method=post]"),
        Page { stranger: true, ..page("/m/hq/main/readings", ".panel") },
        page("/site", ".branches"),
        page("/s/hq", ".branches"),
        page(&format!("/site/month/{year}-{month:02}"), ".house .card"),
        page("/kiosk", ".wall .curve"),
        page(&format!("/m/hq/main/span/{yesterday}..{today}"), ".bars"),
        page("/status", ".machine"),
        page("/m/hq/nobody", ".message"),
    ]
}

/// Goes to a page and says what is seen there.
pub(crate) async fn open(site: &Site, browser: &Browser, page: &Page, language: &str) -> String {
    browser.log_in((!page.stranger).then_some(USER)).await;
    let mark = if page.path.contains('?') { '&' } else { '?' };
    let address = format!("{}{mark}lang={language}", page.path);
    browser.page.goto(&site.url(&address)).await.unwrap();
    browser.wait_for("document.readyState === 'complete'").await;
    if page.stranger { format!("{address} for a stranger") } else { address }
}

/// Whether there is no scrolling sideways.
pub(crate) const FITS: &str = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";

/// What is wider than its place, with nothing that would let it be scrolled into view. The interactive chart follows
/// the window a moment later.
const CUT: &str = "[...document.querySelectorAll('body *')].filter(it => !it.closest('svg, .u-wrap, .visually-hidden') && !it.matches('.plot, .canvas') \
    && it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1 && it.checkVisibility() \
    && !['auto', 'scroll'].includes(getComputedStyle(it).overflowX)) \
    .map(it => `${it.scrollWidth} px in ${it.clientWidth}: ${it.outerHTML.slice(0, 100)}`)";

/// What keeps whom from using a page, for all pages.
pub(crate) async fn barriers(site: &Site, browser: &Browser) -> Vec<String> {
    let mut found = Vec::new();
    for language in ["en", "de"] {
        for javascript in [true, false] {
            for page in pages() {
                browser.set_javascript(javascript).await;
                let seen = open(site, browser, &page, language).await;
                let seen = format!("{seen}{}", if javascript { "" } else { " without JavaScript" });
                let there = browser.page.find(Locator::Css(page.there)).await.is_ok();
                let spoken = browser.evaluate("document.documentElement.lang").await;
                if !there || spoken != language {
                    found.push(format!("{seen}: {} is {there}, language {spoken}", page.there));
                }
                found.extend(of_page(browser, &seen, javascript).await);
                // Chromium says so itself of every page that is not found.
                let expected = |line: &String| page.there == ".message" && line.contains("404");
                let complaints = browser.complaints().await.into_iter().filter(|line| !expected(line));
                found.extend(complaints.map(|line| format!("{seen}: {line}")));
            }
        }
        found.extend(of_the_refusal(site, browser, language).await);
    }
    found
}

/// The page that a stranger sees of a meter that is not public. To a browser without a screen
/// Chromium shows nothing in its place, so it is fetched and written into another one.
async fn of_the_refusal(site: &Site, browser: &Browser, language: &str) -> Vec<String> {
    browser.log_in(None).await;
    browser.page.goto(&site.url("/m/hq/main/readings")).await.unwrap();
    let script = "const done = arguments[arguments.length - 1]; \
         fetch(arguments[0], { credentials: 'omit', headers: { Accept: 'text/html' } }).then(async answer => { \
             const text = await answer.text(); document.open(); document.write(text); document.close(); \
             setTimeout(() => done(answer.status), 200) })";
    let address = format!("/m/hq/flat?lang={language}");
    let status = browser.page.execute_async(script, vec![address.into()]).await.unwrap();
    assert_eq!(status, 401);
    browser.wait_for("document.querySelector('.message h1') && document.styleSheets.length === 1").await;
    assert!(browser.complaints().await.iter().all(|line| line.contains("401")));
    of_page(browser, &format!("what a stranger sees in {language}"), true).await
}

/// The page that is open, in all its looks: once loaded, it follows the window and the theme.
async fn of_page(browser: &Browser, seen: &str, javascript: bool) -> Vec<String> {
    let mut found = Vec::new();
    let tables = "[...document.querySelectorAll('details')].forEach(it => { it.open = true })";
    for (width, how, script) in [
        (390, "", "0"),
        (1280, "", "0"),
        (390, " with its tables", tables),
        (820, " with its tables", "0"),
        (1280, " with its tables", "0"),
        (1920, " with its tables", "0"),
    ] {
        browser.resize(width, 900).await;
        browser.evaluate(script).await;
        if browser.evaluate(FITS).await != Value::Bool(true) {
            found.push(format!("{seen}: scrolls sideways at {width} px{how}"));
        }
        let cut = browser.evaluate(CUT).await;
        found.extend(cut.as_array().unwrap().iter().map(|it| format!("{seen} at {width} px{how}: {it}")));
    }
    // Without scripts axe could not look; what was loaded without them stays as it is.
    browser.set_javascript(true).await;
    browser.resize(390, 900).await;
    browser.prefer(Theme::Light).await;
    // A wall renews itself: there is nobody to do so, which is what WCAG 2.2.1 exempts.
    let expected = |line: &String| seen.starts_with("/kiosk") && line.contains("meta-refresh");
    let barriers = browser.barriers().await.into_iter().filter(|line| !expected(line));
    found.extend(barriers.map(|line| format!("{seen}: {line}")));
    let others = [(1280, Theme::Dark), (390, Theme::Dark), (1280, Theme::Light)];
    // Without scripts it is the same page but for some pictures and a link.
    let others = if javascript { &others[..] } else { &others[..1] };
    for (width, theme) in others.iter().copied() {
        browser.resize(width, 900).await;
        browser.prefer(theme).await;
        let barriers = browser.barriers_to_the_eye().await.into_iter();
        found.extend(barriers.map(|line| format!("{seen} at {width} px, {theme:?}: {line}")));
    }
    found
}
