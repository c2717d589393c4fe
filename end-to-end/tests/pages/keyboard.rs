//! Every page by keyboard alone: Tab reaches each control, and each is seen while it has the focus.

use std::collections::BTreeSet;

use end_to_end::{Browser, Site, Theme};

use crate::everybody::{open, pages};

/// Gives each control a number, and returns what each of them is.
const CONTROLS: &str = "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')] \
    .filter(it => it.tabIndex >= 0 && it.type !== 'hidden' && it.checkVisibility()) \
    .map((it, index) => { it.dataset.control = index; return it.outerHTML.slice(0, 120) })";

/// The number of the control that has the focus, and what is wrong with how it is seen: WCAG 2.4.7
/// and 2.4.11.
const FOCUSED: &str = "(() => { const it = document.activeElement; \
    if (!it || it.dataset.control === undefined) return [null, null]; \
    const style = getComputedStyle(it), box = it.getBoundingClientRect(); \
    const middle = document.elementFromPoint( \
        Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2), \
        Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 2)); \
    const wrong = parseFloat(style.outlineWidth) < 2 || style.outlineStyle === 'none' ? 'has no outline' \
        : box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth ? 'is out of sight' \
        : !middle || !(it.contains(middle) || middle.contains(it)) ? 'is behind ' + middle?.outerHTML.slice(0, 80) \
        : null; \
    return [Number(it.dataset.control), wrong] })()";

/// What cannot be reached or seen, for all pages.
pub(crate) async fn obstacles(site: &Site, browser: &Browser) -> Vec<String> {
    let mut found = Vec::new();
    for (width, theme) in [(1280, Theme::Dark), (390, Theme::Light)] {
        browser.resize(width, 900).await;
        browser.prefer(theme).await;
        for page in pages() {
            let seen = open(site, browser, &page, "de").await;
            let obstacles = of_page(browser).await.into_iter();
            found.extend(obstacles.map(|it| format!("{seen} at {width} px: {it}")));
        }
    }
    found
}

async fn of_page(browser: &Browser) -> Vec<String> {
    let controls = browser.evaluate(CONTROLS).await;
    let controls = controls.as_array().unwrap();
    let (mut reached, mut found) = (BTreeSet::new(), BTreeSet::new());
    // A date has parts of its own that Tab stops at.
    for _ in 0..controls.len() * 2 + 20 {
        browser.tab().await;
        let focused = browser.evaluate(FOCUSED).await;
        let Some(index) = focused[0].as_u64() else { continue };
        reached.insert(index as usize);
        if let Some(wrong) = focused[1].as_str() {
            found.insert(format!("{} {wrong}", controls[index as usize]));
        }
        if reached.len() == controls.len() {
            break;
        }
    }
    let missed = (0..controls.len()).filter(|index| !reached.contains(index));
    found.extend(missed.map(|index| format!("{} is not reached", controls[index])));
    found.into_iter().collect()
}
