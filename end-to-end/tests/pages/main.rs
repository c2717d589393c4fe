//! The pages in a real Chromium: both themes, both languages, on a telephone and
//! on a desk, with and without JavaScript. One household and one window for all
//! of it, because both take their time to start.
#![allow(clippy::unwrap_used)]

mod everybody;
mod exploring;
mod firefox;
mod keyboard;
mod notes;
mod open_days;
mod paint;
mod printing;
mod reading;
mod sharing;
mod verdict;
mod wall;

use std::path::Path;

use end_to_end::{Browser, Program, Site, Theme, mosquitto_pub, run_to_end, wait_until};
use serde_json::Value;

/// Who sees all meters and may enter readings.
const USER: (&str, &str) = ("ernst", "of ernst");

/// Who may set everything.
const ADMIN: (&str, &str) = ("otto", "of otto, long");

/// What somebody has noted of yesterday at half past twelve.
const NOTE: &str = "Neue Waschmaschine";

fn yesterday() -> jiff::civil::Date {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    daemon_runtime::now().to_zoned_datetime(zone).date().yesterday().unwrap()
}

fn make_user(folder: &Path, (name, password): (&str, &str), role: &str) {
    std::fs::write(folder.join("password"), format!("{password}\n")).unwrap();
    let arguments = ["--file", "users.toml", "--role", role, "--password-file", "password", name];
    let output = run_to_end("powerpi", folder, &[&["passwd"], &arguments[..]].concat());
    assert!(output.status.success(), "{output:?}");
}

/// Two meters of a household that began two days ago and runs in real time now.
fn household() -> (Site, [Program; 4]) {
    let from =
        jiff::Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 2 * 86_400).unwrap();
    let meter = |id: &str, name: &str| {
        format!(
            "[[meter]]\nid = '{id}'\nname = '{name}'\npulses_per_kwh = 10000\n\
             [meter.source]\nkind = 'simulated'\nfrom = '{from}'\n"
        )
    };
    let site = Site::new(&(meter("main", "Haus & Hof <1>") + &meter("flat", "Wohnung")));
    make_user(site.path(), USER, "enter-readings");
    make_user(site.path(), ADMIN, "admin");
    site.prepend(
        "powerpi-web",
        "settings_dir = 'settings'\naccess.users = 'users.toml'\naccess.public_meters = ['hq/main']\n",
    );
    site.append("powerpi-web", "[[meter]]\nid = 'hq/flat'\nname = 'Einliegerwohnung'\ncolour = 'orange'\n");
    let note = format!("[[note]]\nat = '{}T12:30'\nfor = 'hq/main'\ntext = '{NOTE}'\n", yesterday());
    site.append("powerpi-web", &note);
    let programs =
        ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher"].map(|name| site.start(name));
    wait_until("two days are recorded", || site.recorded("hq/main").len() >= 2880);
    wait_until("the other meter's are too", || site.recorded("hq/flat").len() >= 2880);
    wait_until("the pictures' data are there", || site.rrd("hq/main").is_file());
    (site, programs)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_for_everybody() {
    let (site, programs) = household();
    let browser = Browser::open(1280, Theme::Light).await;
    paint::comes_soon(&site, &browser).await;
    reading::the_meter_shows_what_was_read(&site, &browser).await;
    assert_eq!(everybody::barriers(&site, &browser).await, [""; 0]);
    assert_eq!(keyboard::obstacles(&site, &browser).await, [""; 0]);
    // What it complains of was looked at before.
    browser.complaints().await;
    browser.log_in(Some(USER)).await;
    verdict::all_is_well(&site, &browser).await;
    notes::they_stand_where_they_belong(&site, &browser).await;
    printing::it_is_read_on_paper(&site, &browser).await;
    printing::a_meter_has_one_colour(&site, &browser).await;
    sharing::by_its_button(&site, &browser).await;
    wall::everything_is_in_view(&site, &browser).await;
    wall::it_says_what_matters(&site, &browser).await;
    without_javascript(&site, &browser).await;
    values_move(&site, &browser).await;
    the_chart_answers(&site, &browser).await;
    exploring::it_is_measured_and_shared(&site, &browser).await;
    exploring::a_finger_measures(&site, &browser).await;
    exploring::it_says_what_the_ledger_has(&site, &browser).await;
    exploring::it_is_honest(&site, &browser).await;
    open_days::today_goes_on(&site, &browser).await;
    verdict::troubles_come_first(&site, &browser).await;
    a_new_meter_appears(&site, &browser).await;
    a_clock_that_is_ahead_makes_nothing_old(&site, &browser).await;
    let [broker, _recorder, web, _publisher] = programs;
    verdict::who_is_killed_is_missed(&site, &browser, (broker, web)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Firefox and its driver: make test-pages"]
async fn the_main_pages_work_in_firefox() {
    let (site, _programs) = household();
    firefox::everything_works(&site).await;
}

async fn without_javascript(site: &Site, browser: &Browser) {
    browser.set_javascript(false).await;
    browser.page.goto(&site.url("/m/hq/main?lang=de")).await.unwrap();
    let reload = browser.page.find(fantoccini::Locator::Css(".reload a")).await.unwrap();
    assert_eq!(reload.prop("href").await.unwrap(), Some(site.url("/m/hq/main?lang=de")));
    assert_ne!(browser.text("[data-kwh=today]").await, "");
    let images = browser.page.find_all(fantoccini::Locator::Css("figure img")).await.unwrap();
    assert_eq!(images.len(), 5, "rrdtool's pictures stand in the chart's place");
    // Every bar leads to its day, the date picker to any.
    let days = browser.page.find_all(fantoccini::Locator::Css("#last-days table a")).await.unwrap();
    assert_eq!(days.len(), 30);
    browser.page.find(fantoccini::Locator::Css(".picker button")).await.unwrap().click().await.unwrap();
    let began = std::time::Instant::now();
    loop {
        let now = browser.page.current_url().await.unwrap();
        if now.path().starts_with("/m/hq/main/day/20") && now.query() == Some("lang=de") {
            break;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{now}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(browser.page.find_all(fantoccini::Locator::Css("figure img")).await.unwrap().len(), 1);
    browser.set_javascript(true).await;
    browser.wait_for("document.querySelector('figure img').naturalWidth > 0").await;
}

async fn values_move(site: &Site, browser: &Browser) {
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();
    browser.wait_for("/[0-9]/.test(document.querySelector('[data-sum]').textContent)").await;
    let link = browser.page.find(fantoccini::Locator::Css("a[href^='/m/hq/main']")).await;
    link.unwrap().click().await.unwrap();
    browser.wait_for("location.pathname === '/m/hq/main'").await;
    assert_eq!(browser.text("h1").await, "Haus & Hof <1>");
    // A new value comes every second, and none of them by reloading.
    browser.evaluate("(window.sameDocument = true)").await;
    for _ in 0..3 {
        let at = browser.evaluate("document.querySelector('[data-age]').dateTime").await;
        browser.wait_for(&format!("document.querySelector('[data-age]').dateTime > {at}")).await;
    }
    browser.wait_for("document.querySelector('[data-freshness=live]') !== null").await;
    let shift = browser.layout_shift().await;
    assert!(shift < 0.005, "the page moved by {shift}");
    // Figures and charts are renewed in place, too.
    browser.evaluate("(document.querySelector('#figures').textContent = '')").await;
    browser.evaluate("(document.dispatchEvent(new Event('visibilitychange')), true)").await;
    browser.wait_for("document.querySelector('[data-kwh=today]') !== null").await;
    browser.wait_for("window.sameDocument === true").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

async fn the_chart_answers(site: &Site, browser: &Browser) {
    browser.resize(1280, 1400).await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
    assert_eq!(browser.evaluate("document.querySelector('.plot').dataset.step").await, "300", "a week");
    // Over the chart the page scrolls as anywhere else.
    browser.resize(1280, 500).await;
    browser.evaluate("(document.querySelector('.u-over').scrollIntoView({ block: 'center' }), true)").await;
    let scrolled = browser.evaluate("window.scrollY").await;
    browser.wheel(".u-over", 200, false).await;
    browser.wait_for(&format!("window.scrollY > {scrolled}")).await;
    assert_eq!(browser.evaluate("document.querySelector('.plot').dataset.step").await, "300", "not zoomed");
    browser.resize(1280, 1400).await;
    // In by the wheel with Ctrl, until single minutes are seen.
    for _ in 0..14 {
        browser.wheel(".u-over", -250, true).await;
    }
    browser.wait_for("document.querySelector('.plot').dataset.step === '60'").await;
    // Out again by the keyboard, and to the end of the recording.
    let canvas = browser.page.find(fantoccini::Locator::Css(".canvas")).await.unwrap();
    canvas.send_keys("-----------------").await.unwrap();
    browser.wait_for("document.querySelector('.plot').dataset.step !== '60'").await;
    // With Shift a drag measures, whatever it does otherwise.
    browser.drag(".u-over", (0.3, 0.6), true).await;
    browser.wait_for("document.querySelector('.readout').textContent.includes(' · ⌀ ')").await;
    assert_eq!(browser.complaints().await, [""; 0]);
    assert_eq!(
        browser.evaluate("document.querySelectorAll('figure img').length").await,
        Value::from(0),
        "pictures are links now"
    );
}

async fn a_new_meter_appears(site: &Site, browser: &Browser) {
    for (page, css) in [("/?lang=en", "second"), ("/kiosk?lang=en", "third")] {
        browser.page.goto(&site.url(page)).await.unwrap();
        browser.wait_for("document.querySelectorAll('[data-meter]').length >= 2").await;
        let info =
            r#"{"name":"New","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        mosquitto_pub(site.mqtt, &format!("powerpi/hq/{css}/info"), info, &["-r", "-q", "1"]);
        let minute = jiff::Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 60).unwrap();
        let minute = format!(r#"{{"t":"{minute}","s":60,"seq":1,"pulses":7,"total":7,"outbox":"a"}}"#);
        mosquitto_pub(site.mqtt, &format!("powerpi/hq/{css}/minute"), &minute, &["-q", "1"]);
        wait_until("it is recorded", || !site.recorded(&format!("hq/{css}")).is_empty());
        // As it does each minute; what was asked for before may be kept for a moment.
        let renews = format!(
            "(document.dispatchEvent(new Event('visibilitychange')), \
             document.querySelector('[data-meter=\"hq/{css}\"]') !== null)"
        );
        browser.wait_for(&renews).await;
    }
}

async fn a_clock_that_is_ahead_makes_nothing_old(site: &Site, browser: &Browser) {
    let ahead = "const now = Date.now; Date.now = () => now() + 300000;";
    browser.run_first(ahead).await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("Date.now() > Date.parse(document.querySelector('[data-age]').dateTime) + 250000").await;
    browser.wait_for("document.querySelector('.now').dataset.freshness === 'live'").await;
    let before = browser.evaluate("document.querySelector('[data-age]').dateTime").await;
    browser.wait_for(&format!("document.querySelector('[data-age]').dateTime > {before}")).await;
    assert_eq!(browser.evaluate("document.querySelector('.now').dataset.freshness").await, "live");
}
