//! What somebody has noted: on charts and pages of its meter, for those who see all meters.

use std::time::Duration;

use end_to_end::{Browser, Site};
use fantoccini::actions::{InputSource, MouseActions, PointerAction};

use crate::{NOTE, USER};

pub(crate) async fn they_stand_where_they_belong(site: &Site, browser: &Browser) {
    let day = format!("/m/hq/main/day/{}?lang=en", crate::yesterday());
    browser.resize(1280, 1400).await;
    browser.page.goto(&site.url(&day)).await.unwrap();
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
    let said = browser.text("#notes-card").await;
    assert!(said.contains(&format!("12:30: {NOTE}")), "{said}");
    // The bar of its hour, and no other one.
    let bars = "[...document.querySelectorAll('#parts-card .slot')].filter(it => it.querySelector('.note')) \
         .map(it => it.querySelector('title').textContent)";
    let bars = browser.evaluate(bars).await;
    let bar = bars[0].as_str().unwrap_or_default();
    assert!(bars.as_array().unwrap().len() == 1 && bar.starts_with("12:00") && bar.ends_with(NOTE), "{bars}");
    assert_eq!(browser.evaluate("document.querySelector('.of-notes').checkVisibility()").await, true);
    the_chart_says_it(browser).await;
    // Of a time without one nothing is said.
    browser.page.goto(&site.url("/m/hq/main/day/2026-01-01?lang=en")).await.unwrap();
    assert_eq!(browser.evaluate("document.querySelector('#notes') === null").await, true);
    for page in ["/m/hq/flat?lang=en", "/m/hq/flat/all?lang=en"] {
        browser.page.goto(&site.url(page)).await.unwrap();
        assert!(!browser.page.source().await.unwrap().contains(NOTE), "{page} is of another meter");
    }
    // The meter is public, what people say to each other is not.
    browser.log_in(None).await;
    for page in ["/m/hq/main?lang=en", &day] {
        browser.page.goto(&site.url(page)).await.unwrap();
        let source = browser.page.source().await.unwrap();
        assert!(source.contains("Haus &amp; Hof") && !source.contains(NOTE), "{page} for a stranger");
    }
    browser.log_in(Some(USER)).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Where the pointer comes to it.
async fn the_chart_says_it(browser: &Browser) {
    let place = "(() => { const { chart, dataset } = document.querySelector('.plot'); \
         const over = document.querySelector('.u-over'); over.scrollIntoView({ block: 'center' }); \
         const box = over.getBoundingClientRect(); \
         return [box.left + chart.plot().valToPos(JSON.parse(dataset.notes)[0][0], 'x'), box.top + box.height / 2] })()";
    let place = browser.evaluate(place).await;
    let at = |index: usize| place[index].as_f64().unwrap();
    let to = PointerAction::MoveTo { duration: Some(Duration::ZERO), x: at(0) + 3.0, y: at(1) };
    browser.page.perform_actions(MouseActions::new("mouse".into()).then(to)).await.unwrap();
    let said = "document.querySelector('.readout').textContent";
    browser.wait_for(&format!("{said}.includes('12:30') && {said}.endsWith('{NOTE}')")).await;
    let away = PointerAction::MoveTo { duration: Some(Duration::ZERO), x: at(0) + 60.0, y: at(1) };
    browser.page.perform_actions(MouseActions::new("mouse".into()).then(away)).await.unwrap();
    browser.wait_for(&format!("{said}.includes('kWh')")).await;
}
