//! Long times, as the chart shows them: days and their mean of two weeks, each with its legend, beside what they are
//! compared with; and short ones, on whose axis no moment stands twice.

use end_to_end::{Browser, Site};
use serde_json::json;

/// Remembers what is written into a drawing, of pages whose address asks for it.
pub(crate) const LABELS: &str = "if (location.search.includes('labels')) { window.labels = []; \
    const write = CanvasRenderingContext2D.prototype.fillText; \
    CanvasRenderingContext2D.prototype.fillText = function (text, ...more) { \
        window.labels.push(text); return write.call(this, text, ...more) } }";

/// All that stands on the axes at this moment.
const WRITTEN: &str = "(labels.length = 0, document.querySelector('.plot').chart.plot().redraw(), \
    new Promise(done => setTimeout(() => done(labels), 300)))";

async fn open(site: &Site, browser: &Browser, address: &str) {
    browser.page.goto(&site.url(address)).await.unwrap();
    browser.evaluate("(document.querySelector('.plot').scrollIntoView(), true)").await;
    browser.wait_for("document.querySelector('.plot').dataset.ready === ''").await;
}

/// What is drawn of one of the chart's lines.
fn drawn(column: usize) -> String {
    format!("document.querySelector('.plot').chart.plot().data[{column}].some(it => it !== null)")
}

async fn seen(browser: &Browser, css: &str) -> bool {
    browser.evaluate(&format!("document.querySelector(`{css}`)?.checkVisibility() === true")).await == true
}

pub(crate) async fn of_days(site: &Site, browser: &Browser) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    // Of this year or of the one before, there are 200 days at least.
    let today = daemon_runtime::now().to_zoned_datetime(zone).date();
    let year = today.checked_sub(jiff::Span::new().days(200)).unwrap().year();
    open(site, browser, &format!("/m/hq/main/year/{year}?lang=en&labels")).await;
    assert_eq!(browser.evaluate("document.querySelector('.plot').dataset.days").await, "true");
    let lines = [(1, false), (2, false), (3, true), (4, true)];
    for (column, there) in lines {
        assert_eq!(browser.evaluate(&drawn(column)).await, there, "line {column}");
    }
    assert!(
        seen(browser, ".plot .of-days").await || browser.text(".plot .key").await.contains("14-day mean")
    );
    assert!(!browser.text(".plot .key").await.contains("lowest to highest"), "no peaks are drawn");
    let written = browser.evaluate(WRITTEN).await;
    let months: Vec<&str> = written.as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let of_time: Vec<&&str> = months.iter().filter(|it| !it.ends_with('W')).collect();
    assert!(of_time.len() > 2, "{months:?}");
    for label in of_time {
        let is_month = names.iter().any(|name| label.split(' ').any(|word| word == *name));
        assert!(is_month, "{label} is no month of these pages");
    }
}

/// A month beside the same one a year before: in bars of which none is hidden, and as a line of its own.
pub(crate) async fn beside_another(site: &Site, browser: &Browser) {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = daemon_runtime::now().to_zoned_datetime(zone).date();
    let then = today.checked_sub(jiff::Span::new().years(1)).unwrap();
    let (month, before) = (today.strftime("%Y-%m").to_string(), then.strftime("%B %Y").to_string());
    open(site, browser, &format!("/m/hq/main/month/{month}?with={then}&lang=en")).await;
    for key in [".plot .key", "#parts-card .key"] {
        let said = browser.text(key).await;
        assert!(said.contains(&before), "{said} names {before}");
    }
    browser.wait_for(&drawn(5)).await;
    let widths = "[...document.querySelectorAll('#parts-card .slot')].map(slot => ['ghost', 'bar'] \
         .map(kind => slot.querySelector(`rect.${kind}`)?.getBoundingClientRect().width ?? null)) \
         .filter(([ghost, bar]) => ghost !== null && bar !== null)";
    let widths = browser.evaluate(widths).await;
    let widths = widths.as_array().unwrap();
    assert!(!widths.is_empty());
    for pair in widths {
        assert!(pair[0].as_f64() > pair[1].as_f64(), "what it is compared with is hidden: {pair}");
    }
    // An hour is compared with the same hour, and what is still to come with nothing, which is said.
    let day = today.yesterday().unwrap();
    let other = day.checked_sub(jiff::Span::new().days(3)).unwrap();
    browser.page.goto(&site.url(&format!("/m/hq/main/hour/{day}T09?lang=en"))).await.unwrap();
    let compare = format!(
        "(() => {{ const field = document.querySelector('input[name=with]'); field.value = '{other}'; \
         field.form.requestSubmit(); return true }})()"
    );
    browser.evaluate(&compare).await;
    browser.wait_for("location.search.includes('with=') && document.readyState === 'complete'").await;
    let said = browser.text("#figures .card .aside").await;
    let hour = format!("{}", other.strftime("%-d %B %Y"));
    assert!(said.contains(&hour) && said.contains("09:00"), "{said} is of {hour}, 09:00");
    let later = today.checked_add(jiff::Span::new().days(5)).unwrap();
    browser.page.goto(&site.url(&format!("/m/hq/main/day/{day}?with={later}&lang=en"))).await.unwrap();
    assert!(browser.text("#incomparable").await.contains("there is nothing to compare with"));
}

/// Ten minutes: each moment of the axis once.
pub(crate) async fn of_minutes(site: &Site, browser: &Browser) {
    let end = daemon_runtime::now().as_second() / 3600 * 3600 - 7200;
    let at = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    open(site, browser, &format!("/m/hq/main?lang=en&labels#view={}/{}", at(end - 600), at(end))).await;
    browser.wait_for("document.querySelector('.plot').dataset.step === '60'").await;
    let written = browser.evaluate(WRITTEN).await;
    let clocks = written.as_array().unwrap().iter().filter_map(|it| it.as_str());
    let mut clocks: Vec<&str> = clocks.filter(|it| it.len() == 5 && it.contains(':')).collect();
    let all = clocks.len();
    clocks.dedup();
    assert!(all >= 3 && clocks.len() == all, "{written}");
}

/// What each part of a house costs, by one click; and its quantities by another.
pub(crate) async fn in_money(site: &Site, browser: &Browser) {
    browser.page.goto(&site.url("/site?lang=en")).await.unwrap();
    let parts = "[...document.querySelectorAll('.branches li')].map(li => li.querySelector(':scope > :nth-last-child(2)').innerText)";
    let shares = "[...document.querySelectorAll('.branches .share')].map(it => parseInt(it.innerText)).filter(it => it >= 0)";
    for (link, unit, is_money) in [("a:last-child", "€", true), ("a:first-child", "kWh", false)] {
        let link = browser.page.find(fantoccini::Locator::Css(&format!(".shown-in {link}"))).await.unwrap();
        link.click().await.unwrap();
        browser.wait_for(&format!("location.search.includes('in=money') === {is_money}")).await;
        browser.wait_for("document.readyState === 'complete'").await;
        let said = browser.evaluate(parts).await;
        let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
        assert!(
            said.len() >= 3 && said.iter().all(|it| it.contains(unit) || *it == "–"),
            "{said:?}, not {unit}"
        );
        assert_eq!(browser.text(".shown-in [aria-current]").await, unit);
        // The main meter is the whole of which the parts are.
        let shares = browser.evaluate(shares).await;
        let sum: u64 = shares.as_array().unwrap().iter().filter_map(|it| it.as_u64()).sum();
        assert!((99..=101).contains(&sum), "{shares}");
        // Another day in the same way.
        let kept =
            format!("document.querySelector('#steps a[rel=prev]').href.includes('in=money') === {is_money}");
        assert_eq!(browser.evaluate(&kept).await, json!(true));
    }
}
