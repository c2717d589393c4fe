//! The interactive chart: moved, measured and shared by mouse, touch and keyboard.

use end_to_end::{Browser, Site};
use fantoccini::Locator;
use fantoccini::key::Key;

/// What is measured, in words.
const READOUT: &str = "document.querySelector('.readout').textContent";
const MEASURED: &str =
    "/kWh · [0-9.,]+ (EUR|€) · ⌀ [0-9]/.test(document.querySelector('.readout').textContent)";

/// Whether what is measured is what lies before the handle, and not what did a moment ago.
const UP_TO_HANDLE: &str = "document.querySelector('.readout').textContent \
    .includes(`– ${document.querySelector('.handle[data-end=max]').ariaValueText} ·`)";

async fn open(site: &Site, browser: &Browser, address: &str) {
    browser.page.goto(&site.url(address)).await.unwrap();
    // It is loaded once it comes into sight.
    browser.evaluate("(document.querySelector('.plot').scrollIntoView(), true)").await;
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
}

async fn click(browser: &Browser, css: &str) {
    browser.page.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
}

pub(crate) async fn it_is_measured_and_shared(site: &Site, browser: &Browser) {
    browser.resize(1280, 1400).await;
    open(site, browser, "/m/hq/main?lang=en").await;
    // Spans by one click each; which one is seen is said.
    click(browser, "[data-span='86400']").await;
    browser.wait_for("document.querySelector('[data-span=\"86400\"]').ariaPressed === 'true'").await;
    browser.wait_for("location.hash.startsWith('#view=')").await;
    // Measuring by one click, by a drag and by keys: a band that is seen, with energy, cost, mean and peak.
    click(browser, "[data-mode-of=measure]").await;
    browser.wait_for(MEASURED).await;
    assert!(browser.evaluate(READOUT).await.as_str().unwrap().contains("peak hour"));
    let band = "(document.querySelector('.band')?.getBoundingClientRect().width ?? 0)";
    browser.drag(".u-over", (0.05, 0.25), false).await;
    browser
        .wait_for(&format!("Math.abs({band} / document.querySelector('.u-over').clientWidth - 0.2) < 0.1"))
        .await;
    browser.wait_for(MEASURED).await;
    let before = browser.evaluate("document.querySelector('.handle[data-end=max]').ariaValueText").await;
    let handle = browser.page.find(Locator::Css(".handle[data-end=max]")).await.unwrap();
    handle.send_keys(&Key::Left.to_string()).await.unwrap();
    browser
        .wait_for(&format!("document.querySelector('.handle[data-end=max]').ariaValueText !== {before}"))
        .await;
    browser.wait_for(UP_TO_HANDLE).await;
    // The address keeps it: for a reload, a chat and the Back button.
    let (address, said) = (browser.page.current_url().await.unwrap(), browser.evaluate(READOUT).await);
    assert!(address.fragment().is_some_and(|it| it.contains("measure=")), "{address}");
    browser.page.goto(&site.url("/status")).await.unwrap();
    browser.page.goto(address.as_str()).await.unwrap();
    browser.wait_for(&format!("{READOUT} === {said}")).await;
    browser.page.back().await.unwrap();
    browser.page.forward().await.unwrap();
    browser.wait_for(&format!("{READOUT} === {said}")).await;
    // And moving again by one click.
    click(browser, "[data-mode-of=move]").await;
    browser.drag(".u-over", (0.3, 0.6), false).await;
    browser.wait_for("!document.querySelector('.readout').textContent.includes('⌀')").await;
    assert_eq!(browser.evaluate(&format!("{band} === 0")).await, true);
    click(browser, "[data-now]").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// What is measured is what the ledger has.
pub(crate) async fn it_says_what_the_ledger_has(site: &Site, browser: &Browser) {
    let now = daemon_runtime::now().as_second() / 3600 * 3600;
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    let (from, to) = (now - 26 * 3600, now - 2 * 3600);
    let hash = format!("#view={}/{}&measure={}/{}", at(from - 7200), at(now), at(from), at(to));
    open(site, browser, &format!("/m/hq/main?lang=en{hash}")).await;
    browser.wait_for(MEASURED).await;
    let (from, to) = (from / 60, to / 60);
    let within = |at: i64| (from..to).contains(&at);
    let recorded = site.recorded("hq/main");
    let pulses: u32 =
        recorded.iter().filter(|(minute, _)| within(minute.epoch_minutes())).map(|(_, pulses)| pulses).sum();
    let expected = f64::from(pulses) / 10_000.0;
    let said = browser.evaluate(READOUT).await;
    let said_kwh =
        said.as_str().unwrap().split(" · ").find_map(|part| part.strip_suffix(" kWh")?.parse().ok());
    // Half a thousandth may be rounded up or down.
    let is_right = said_kwh.is_some_and(|kwh: f64| (kwh - expected).abs() < 0.000_51);
    assert!(is_right, "{said} instead of {expected} kWh");
}

/// A finger moves the end of what is measured.
pub(crate) async fn a_finger_measures(site: &Site, browser: &Browser) {
    browser.resize(390, 900).await;
    open(site, browser, "/m/hq/main?lang=en").await;
    click(browser, "[data-mode-of=measure]").await;
    browser.wait_for(MEASURED).await;
    let end = "document.querySelector('.handle[data-end=max]').ariaValueNow";
    let before = browser.evaluate(end).await;
    let scroll = "(document.querySelector('.u-over').scrollIntoView({ block: 'center' }), scrollY)";
    let at = browser.evaluate(scroll).await;
    browser.drag_by_touch(".handle[data-end=max]", 40.0).await;
    browser.wait_for(&format!("Number({end}) > Number({before})")).await;
    browser.wait_for(MEASURED).await;
    assert_eq!(browser.evaluate("scrollY").await, at, "the page stays where it is");
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// From the beginning of a page whose address says so, requests for figures that the address names fail, until it is told
/// that they go again.
const FAILING: &str = "const wanted = new URLSearchParams(location.search).get('failing'); \
    if (wanted) { const ask = window.fetch; window.failing = true; \
        const of = { all: () => true, flat: it => it.pathname.includes('/hq/flat/'), \
            then: it => { const { from, to } = document.querySelector('.plot').dataset; \
                const middle = (Number(it.searchParams.get('from')) + Number(it.searchParams.get('to'))) / 2; \
                return middle < from || middle > to } }[wanted]; \
        window.fetch = (what, how) => { const it = new URL(what, location); \
            return window.failing && it.pathname.endsWith('/series') && of(it) \
                ? Promise.reject(new TypeError('failing')) : ask(what, how) } }";

/// What cannot be loaded is said.
pub(crate) async fn it_is_honest(site: &Site, browser: &Browser) {
    browser.run_first(FAILING).await;
    browser.resize(1280, 600).await;
    browser.page.goto(&site.url("/m/hq/main/all?lang=en&failing=all")).await.unwrap();
    browser.evaluate("(document.querySelector('.plot').scrollIntoView(), true)").await;
    browser.wait_for("document.querySelector('.failed').checkVisibility()").await;
    // It keeps trying.
    browser.evaluate("(window.failing = false)").await;
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
    assert_eq!(browser.evaluate("document.querySelector('.failed').checkVisibility()").await, false);
    for (address, lacks, column) in
        [("?lang=en&failing=flat#with=hq/flat".to_owned(), "Einliegerwohnung".to_owned(), 6), of_yesterday()]
    {
        something_beside_it_fails(site, browser, &address, (&lacks, column)).await;
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Yesterday beside the day before.
fn of_yesterday() -> (String, String, usize) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let yesterday = daemon_runtime::now().to_zoned_datetime(zone).date().yesterday().unwrap();
    let before = yesterday.yesterday().unwrap();
    let title = before.strftime("%A, %-d %B %Y").to_string();
    (format!("/day/{yesterday}?with={before}&lang=en&failing=then"), title, 5)
}

/// The chart is there without it, says what is lacking, still answers, and has it once it can be loaded.
async fn something_beside_it_fails(
    site: &Site,
    browser: &Browser,
    address: &str,
    (lacks, column): (&str, usize),
) {
    browser.resize(1280, 1400).await;
    open(site, browser, &format!("/m/hq/main{address}")).await;
    let missing = "document.querySelector('.missing')";
    let said = format!("{missing}.checkVisibility() && {missing}.innerText");
    browser.wait_for(&format!("{said} === 'Cannot be shown at the moment: {lacks}'")).await;
    // An hour is seen by minutes.
    click(browser, "[data-span='3600']").await;
    browser.wait_for("document.querySelector('.plot').dataset.step === '60'").await;
    assert_eq!(browser.evaluate(&format!("{missing}.checkVisibility()")).await, true);
    let drawn = |column: usize| {
        format!("document.querySelector('.plot').chart.plot().data[{column}].some(it => it !== null)")
    };
    assert_eq!(browser.evaluate(&drawn(3)).await, true, "this meter is drawn");
    assert_eq!(browser.evaluate(&drawn(column)).await, false);
    browser.evaluate("(window.failing = false)").await;
    browser.wait_for(&drawn(column)).await;
    assert_eq!(browser.evaluate(&format!("{missing}.checkVisibility()")).await, false);
}
