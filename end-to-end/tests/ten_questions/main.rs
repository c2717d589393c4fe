//! Ten questions that people ask of a meter are answered by at most three clicks from the first page, and by no file of
//! settings.
#![allow(clippy::unwrap_used)]

mod years;

use std::time::Duration;

use end_to_end::{Browser, Program, Site, Theme, mosquitto_pub};
use fantoccini::Locator;
use meter_ledger::Ledger;
use meter_messages::{Info, Minute, PulseCount};

/// So many minutes of the past are there: more than a year, so that a month has one before it.
const MINUTES: i64 = 400 * 1440;

/// Two meters of a house, recorded up to now.
fn house() -> (Site, [Program; 2]) {
    let site = Site::new("");
    site.prepend("powerpi-web", "settings_dir = 'settings'\n");
    let night = "[[tariff.time]]\nhours = '22-6'\nprice_per_kwh = 0.21\n";
    site.replace("powerpi-web", "[[meter]]", &format!("{night}[[meter]]"));
    let mut ledger = Ledger::open(&site.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let now = daemon_runtime::now().as_second() / 60;
    for (name, more) in [("main", ""), ("washer", r#","part_of":"hq/main""#)] {
        let info = format!(
            r#"{{"name":"{name}","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1{more}}}"#
        );
        let mark = batch
            .register(&format!("hq/{name}").parse().unwrap(), &Info::from_json(info.as_bytes()).unwrap());
        let (mark, mut total) = (mark.unwrap(), 0);
        for (seq, at) in (1..).zip(now - MINUTES..now) {
            // By day more than by night, and another one each minute.
            let pulses =
                (if (6 * 60..22 * 60).contains(&(at % 1440)) { 20 } else { 3 } + at * 7919 % 5) as u32;
            let pulses = if name == "washer" { pulses / 2 } else { pulses };
            total += u64::from(pulses);
            let minute = Minute::nearest(at);
            batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses, total }).unwrap();
        }
    }
    batch.commit().unwrap();
    let programs = ["powerpi-broker", "powerpi-web"].map(|name| site.start(name));
    (site, programs)
}

/// Somebody with a question.
struct Asking<'a> {
    browser: &'a Browser,
    question: &'static str,
    clicks: u32,
}

impl<'a> Asking<'a> {
    /// Begins on the first page.
    async fn new(site: &Site, browser: &'a Browser, question: &'static str) -> Self {
        browser.page.goto(&site.url("/?lang=en")).await.unwrap();
        browser.wait_for("document.readyState === 'complete'").await;
        Self { browser, question, clicks: 0 }
    }

    /// Clicks a link or a button that is there, and waits for the page that comes.
    async fn click(&mut self, css: &str) {
        self.browser.wait_for(&format!("document.querySelector(`{css}`) !== null")).await;
        let found = self.browser.page.find(Locator::Css(css)).await;
        found.unwrap_or_else(|_| panic!("{}: no {css}", self.question)).click().await.unwrap();
        self.count();
        self.browser.wait_for("document.readyState === 'complete'").await;
    }

    /// One more.
    fn count(&mut self) {
        self.clicks += 1;
        assert!(self.clicks <= 3, "{}: {} clicks", self.question, self.clicks);
    }

    /// The answer is on the page, and seen.
    async fn sees(&self, css: &str, pattern: &str) {
        let found = format!(
            "[...document.querySelectorAll(`{css}`)].find(it => it.checkVisibility())?.innerText ?? ''"
        );
        let began = std::time::Instant::now();
        while self.browser.evaluate(&format!("/{pattern}/.test({found})")).await != true {
            let said = self.browser.evaluate(&found).await;
            assert!(began.elapsed() < Duration::from_secs(60), "{}: {said}, not {pattern}", self.question);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

const MAIN: &str = "a[data-meter='hq/main']";

/// The one that is being asked again and again: it needs a value of now.
fn say_value(site: &Site) {
    let now = daemon_runtime::now();
    let state = format!(r#"{{"t":"{now}","power_w":1234,"energy_kwh":5.5,"total":5500}}"#);
    mosquitto_pub(site.mqtt, "powerpi/hq/status", "online", &["-r"]);
    for meter in ["main", "washer"] {
        mosquitto_pub(site.mqtt, &format!("powerpi/hq/{meter}/state"), &state, &["-r"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_answered_by_three_clicks() {
    let (site, _programs) = house();
    say_value(&site);
    let browser = Browser::open(1280, Theme::Light).await;
    of_now(&site, &browser).await;
    of_use(&site, &browser).await;
    of_habits(&site, &browser).await;
    of_money(&site, &browser).await;
    browser.run_first(years::LABELS).await;
    years::of_days(&site, &browser).await;
    years::beside_another(&site, &browser).await;
    years::of_minutes(&site, &browser).await;
    years::in_money(&site, &browser).await;
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}

async fn of_now(site: &Site, browser: &Browser) {
    let asking = Asking::new(site, browser, "how much flows now?").await;
    asking.sees("a[data-meter='hq/main'] [data-power]", "^1,234$").await;

    let mut asking = Asking::new(site, browser, "is anything broken?").await;
    asking.click("footer a[href^='/status']").await;
    asking.sees("#verdict", "All is well").await;
}

async fn of_use(site: &Site, browser: &Browser) {
    let mut asking = Asking::new(site, browser, "how much was it yesterday?").await;
    asking.click(MAIN).await;
    asking.sees("[data-kwh=yesterday]", "^[0-9.,]+$").await;

    let mut asking = Asking::new(site, browser, "is this month more than a year ago?").await;
    asking.click(MAIN).await;
    asking.click(".explore .tabs a[href*='/month/']").await;
    asking.click("section ul.plain li:nth-child(2) a[href*='with=']").await;
    asking.sees("#figures .card .aside", "20[0-9]{2}.*kWh").await;

    let mut asking = Asking::new(site, browser, "what does one run of the washing machine need?").await;
    asking.click("a[data-meter='hq/washer']").await;
    asking.click("[data-mode-of=measure]").await;
    browser.drag(".u-over", (0.4, 0.5), false).await;
    asking.count();
    asking.sees(".readout", "[0-9] kWh · [0-9.,]+ (€|EUR) · ").await;

    let mut asking = Asking::new(site, browser, "the last quarter, for Excel").await;
    asking.click(MAIN).await;
    asking.click(".explore .presets a:nth-child(8)").await;
    asking.sees("h1", "–").await;
    // The third click is on the file.
    asking.count();
    let file = "fetch(document.querySelector('#downloads a[href*=\"energy.xlsx\"]').href).then(it => it.arrayBuffer())\
         .then(it => arguments[0](String.fromCharCode(...new Uint8Array(it.slice(0, 2)))))";
    assert_eq!(browser.page.execute_async(file, vec![]).await.unwrap(), "PK");
}

async fn of_habits(site: &Site, browser: &Browser) {
    let mut asking = Asking::new(site, browser, "which hours of this month are expensive?").await;
    asking.click(MAIN).await;
    asking.click(".explore .tabs a[href*='/month/']").await;
    asking.click("#profile a").await;
    asking.sees("#by-price", "0[.]21").await;
    asking.sees("#strongest", "kWh").await;

    let mut asking = Asking::new(site, browser, "how do weekends differ from weekdays?").await;
    asking.click(MAIN).await;
    asking.click(".questions a[href*='/profile']").await;
    asking.sees("main", "Monday to Friday[^]*Saturday and Sunday").await;

    let mut asking = Asking::new(site, browser, "does the base load grow?").await;
    asking.click(MAIN).await;
    asking.click(".questions a[href*='/base-load']").await;
    asking.sees("#changes", "W since|Nothing that stands out").await;
}

async fn of_money(site: &Site, browser: &Browser) {
    let mut asking = Asking::new(site, browser, "the price has changed").await;
    asking.click("footer a[href^='/settings']").await;
    asking.click("a.button[href^='/settings/tariff']").await;
    asking.sees("form.setting", "kWh").await;
}
