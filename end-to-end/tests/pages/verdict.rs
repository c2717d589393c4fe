//! One verdict on the whole: on the status page, in a strip of every other page, and on the wall.

use end_to_end::{Browser, Program, Site, mosquitto_pub, wait_until};

/// What each page says of how all does; the status page and the wall say it always, others only what is wrong.
async fn said(site: &Site, browser: &Browser, page: &str) -> String {
    browser.page.goto(&site.url(page)).await.unwrap();
    browser.wait_for("document.readyState === 'complete'").await;
    let place = "(document.querySelector('#verdict') ?? document.querySelector('#health')).innerText";
    browser.evaluate(place).await.as_str().unwrap().to_owned()
}

/// Asks until a page says it: what is known of records is some seconds old.
async fn wait_to_say(site: &Site, browser: &Browser, page: &str, wanted: &str) {
    let began = std::time::Instant::now();
    loop {
        let said = said(site, browser, page).await;
        if said.contains(wanted) {
            return;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{page} says {said:?}, not {wanted:?}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

/// While nothing is wrong.
pub(crate) async fn all_is_well(site: &Site, browser: &Browser) {
    for page in ["/status?lang=en", "/kiosk?lang=en"] {
        wait_to_say(site, browser, page, "All is well. No minute has been missing since").await;
    }
    wait_to_say(site, browser, "/status?lang=de", "Alles in Ordnung. Seit").await;
    for page in ["/", "/m/hq/main", "/m/hq/main/all", "/site", "/m/hq/main/readings"] {
        assert_eq!(said(site, browser, page).await.trim(), "", "{page}");
    }
    // From a meter to what counts it.
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.page.find(fantoccini::Locator::Css("#machine")).await.unwrap().click().await.unwrap();
    browser
        .wait_for("document.querySelector('[id=\"of-hq/main\"] .dot.good')?.checkVisibility() === true")
        .await;
}

/// A meter without one minute, and an alarm.
pub(crate) async fn troubles_come_first(site: &Site, browser: &Browser) {
    let info =
        r#"{"name":"Shed","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"s","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/shed/info", info, &["-r", "-q", "1"]);
    let alarm = r#"{"alarm":"much","meter":"hq/main","state":"raised","since":"2026-10-03T12:34:00Z",
                    "highest":5120.5,"text":"House: above 4000 W since 14:34, highest 5120 W"}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/alarm/much/state", alarm, &["-r", "-q", "1"]);
    wait_until("the meter is known", || site.meter("hq/shed").is_some());
    for page in ["/status?lang=en", "/kiosk?lang=en", "/?lang=en", "/m/hq/main/all?lang=en"] {
        wait_to_say(site, browser, page, "2 problems").await;
        let said = said(site, browser, page).await;
        assert!(said.contains("Shed: nothing has been recorded yet."), "{page}: {said}");
        assert!(said.contains("above 4000 W since 14:34"), "{page}: {said}");
    }
    browser.page.goto(&site.url("/status?lang=en")).await.unwrap();
    let first = "document.querySelector('.machine').innerText";
    let first = browser.evaluate(first).await.as_str().unwrap().to_owned();
    assert!(first.contains("Shed") && first.contains("nothing recorded yet"), "{first}");
    assert!(!first.contains("online"), "{first}");
    assert_eq!(browser.evaluate("document.querySelector('#well').open").await, false, "the rest is folded");
    assert!(browser.text(".alarms").await.contains("raised"));
    mosquitto_pub(site.mqtt, "powerpi/hq/alarm/much/state", "", &["-r", "-q", "1"]);
    wait_to_say(site, browser, "/status?lang=en", "1 problem").await;
}

/// Of pages that stay open, while first the broker and then their server is killed.
pub(crate) async fn who_is_killed_is_missed(
    site: &Site,
    browser: &Browser,
    (broker, web): (Program, Program),
) {
    browser.page.goto(&site.url("/status?lang=en")).await.unwrap();
    browser.wait_for("document.querySelector('.dot.good') !== null").await;
    browser.evaluate("(window.sameDocument = true)").await;
    drop(broker);
    let away =
        "document.querySelector('#verdict').innerText.includes('The broker has been out of reach since')";
    browser.wait_for(away).await;
    assert_eq!(
        browser.evaluate("document.querySelector('.dot.good') === null").await,
        true,
        "nobody is online"
    );
    assert_eq!(browser.evaluate("window.sameDocument").await, true);
    wait_to_say(site, browser, "/m/hq/main?lang=en", "The broker has been out of reach since").await;
    wait_to_say(site, browser, "/kiosk?lang=en", "The broker has been out of reach since").await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("document.readyState === 'complete'").await;
    assert_eq!(browser.evaluate("document.querySelector('#away').hidden").await, true);
    keep_for_later(site, browser).await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("document.readyState === 'complete'").await;
    drop(web);
    browser.wait_for("document.querySelector('#away').checkVisibility()").await;
    let said = browser.text("#away").await;
    assert!(said.contains("lost its connection to the server") && said.contains(':'), "{said}");
    browser.wait_for("document.querySelector('.now').dataset.freshness === 'stale'").await;
    // Chromium says so itself of what it cannot load.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("net::ERR_")), "{complaints:?}");
    without_a_server(site, browser).await;
}

/// Has the pages' worker keep what it shows later.
async fn keep_for_later(site: &Site, browser: &Browser) {
    // It asks for pages without the headers that are sent for a user; this meter is public.
    browser.log_in(None).await;
    browser.use_worker(true).await;
    browser.page.goto(&site.url("/m/hq/main?lang=en")).await.unwrap();
    browser.wait_for("navigator.serviceWorker.controller !== null").await;
}

/// Whatever page is opened says since when there is no server, in its language, and becomes the page once there is one.
async fn without_a_server(site: &Site, browser: &Browser) {
    for (language, said) in [("en", "No connection to the server"), ("de", "Keine Verbindung zum Server")] {
        browser.page.goto(&site.url(&format!("/m/hq/main?lang={language}"))).await.unwrap();
        browser.wait_for(&format!("document.querySelector('h1')?.innerText === '{said}'")).await;
        // Another test has set Date.now ahead.
        let age = "(new Date() - Date.parse(document.querySelector('main time').dateTime)) / 1000";
        let age = browser.evaluate(age).await.as_f64().unwrap();
        assert!((0.0..120.0).contains(&age), "reached {age} s ago");
        let time = browser.text("main time").await;
        assert!(time.contains(':') && time.contains("20"), "{time}");
        // It has its looks.
        let style = "getComputedStyle(document.querySelector('.message')).textAlign";
        assert_eq!(browser.evaluate(style).await, "center");
    }
    let _web = site.start("powerpi-web");
    browser.wait_for("document.querySelector('h1')?.innerText === 'Haus & Hof <1>'").await;
    browser.use_worker(false).await;
}
