//! Every page for everybody: in both themes and languages, in windows of all widths, with and
//! without JavaScript. `PAGES=whole` looks at all of that together.

use end_to_end::{Browser, Looks, Site};
use fantoccini::Locator;

use crate::USER;

/// A page, and what must be on it.
pub(crate) struct Page {
    pub(crate) path: String,
    there: &'static str,
    /// Whether it is shown to somebody who has not logged in.
    stranger: bool,
}

/// So much of the window may what is seen move while a page comes.
const MOST_SHIFT: f64 = 0.005;

/// Words that were on these pages once and say nothing to most people.
const JARGON: &str = "document.querySelector('main').innerText \
    .match(/outbox|mit dem davor|every pulse recorded since|in a quiet night hour|to the start$|meter offline/i)";

/// The files at the foot of a meter's page are of today, by hours.
const FILES: &str =
    "/(Today, by hour|Heute, nach Stunden): CSV/.test(document.querySelector('footer').innerText)";

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
        page("/m/hq/main/readings", ".readings td"),
        page("/m/hq/main/corrections", ".panel"),
        Page { stranger: true, ..page("/m/hq/main/readings", ".panel") },
        page("/site", ".branches"),
        page("/s/hq", ".branches"),
        page("/site?in=money", ".branches"),
        page(&format!("/site/month/{year}-{month:02}"), ".house .card"),
        page("/kiosk", ".wall .curve"),
        page(&format!("/m/hq/main/span/{yesterday}..{today}"), ".bars"),
        page("/status", ".machine"),
        page("/offline", ".message"),
        Page { stranger: true, ..page("/login", ".sign-in") },
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

/// In which languages pages are loaded, with JavaScript or without.
fn ways(looks: Looks) -> &'static [(&'static str, bool)] {
    match looks {
        // German words are the longer ones.
        Looks::Some => &[("de", true), ("en", false)],
        Looks::All => &[("en", true), ("en", false), ("de", true), ("de", false)],
    }
}

/// What keeps whom from using a page, for all pages.
pub(crate) async fn barriers(site: &Site, browser: &Browser) -> Vec<String> {
    let (looks, mut found) = (Looks::asked(), Vec::new());
    for (language, javascript) in ways(looks).iter().copied() {
        for page in pages() {
            browser.set_javascript(javascript).await;
            browser.resize(1280, 900).await;
            let seen = open(site, browser, &page, language).await;
            let seen = format!("{seen}{}", if javascript { "" } else { " without JavaScript" });
            found.extend(of_page(browser, &page, &seen, (language, javascript), looks).await);
        }
        if javascript {
            found.extend(of_the_refusal(site, browser, language, looks).await);
        }
    }
    found
}

/// Of one page, once it is loaded.
async fn of_page(
    browser: &Browser,
    page: &Page,
    seen: &str,
    (language, javascript): (&str, bool),
    looks: Looks,
) -> Vec<String> {
    let mut found = Vec::new();
    let there = browser.page.find(Locator::Css(page.there)).await.is_ok();
    let spoken = browser.evaluate("document.documentElement.lang").await;
    if !there || spoken != language {
        found.push(format!("{seen}: {} is {there}, language {spoken}", page.there));
    }
    let jargon = browser.evaluate(JARGON).await;
    if jargon != serde_json::Value::Null {
        found.push(format!("{seen} says {jargon}"));
    }
    if page.path == "/m/hq/main" && browser.evaluate(FILES).await != true {
        found.push(format!("{seen} does not say of what its files are"));
    }
    if javascript {
        let shift = browser.layout_shift().await;
        if shift > MOST_SHIFT {
            found.push(format!("{seen}: moves by {shift} while it comes"));
        }
    }
    // Walls renew themselves, and so does the page in place of a server: there is nobody to do so, which is what WCAG
    // 2.2.1 exempts.
    let is_alone = page.path.starts_with("/kiosk") || page.path == "/offline";
    let flaws = browser.flaws(seen, looks).await.into_iter();
    found.extend(flaws.filter(|line| !(is_alone && line.contains("meta-refresh"))));
    // Chromium says so itself of every page that is not found.
    let expected = |line: &String| page.path.ends_with("/nobody") && line.contains("404");
    let complaints = browser.complaints().await.into_iter().filter(|line| !expected(line));
    found.extend(complaints.map(|line| format!("{seen}: {line}")));
    found
}

/// The page that a stranger sees of a meter that is not public. To a browser without a screen
/// Chromium shows nothing in its place, so it is fetched and written into another one.
async fn of_the_refusal(site: &Site, browser: &Browser, language: &str, looks: Looks) -> Vec<String> {
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
    browser.flaws(&format!("what a stranger sees in {language}"), looks).await
}
