//! A reading's way: typed into the form, through the broker, into the ledger, onto the page; each
//! program a user with rights of its own, as docs/ACCESS.md says.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use end_to_end::{Browser, Program, Site, Theme, mosquitto_pub, run_to_end, wait_until};
use fantoccini::Locator;

const USERS: [(&str, &str, &str); 6] = [
    ("users.toml", "hq", "publisher"),
    ("users.toml", "recorder", "recorder"),
    ("users.toml", "web", "web"),
    ("web-users.toml", "anna", "look"),
    ("web-users.toml", "ernst", "enter-readings"),
    ("web-users.toml", "otto", "admin"),
];

fn make_users(folder: &Path) {
    for (file, name, role) in USERS {
        let password = format!("{name}.password");
        std::fs::write(folder.join(&password), format!("of {name}\n")).unwrap();
        let arguments = ["passwd", "--file", file, "--role", role, "--password-file", &password, name];
        let output = run_to_end("powerpi", folder, &arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

fn append(site: &Site, name: &str, after: &str, more: &str) {
    let path = site.path().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(after), "{text}");
    std::fs::write(path, text.replacen(after, &format!("{after}{more}"), 1)).unwrap();
}

/// The meter counted three pulses in each of these minutes.
fn record(site: &Site) {
    let login = ["-u", "hq", "-P", "of hq"];
    let info =
        r#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", info, &[&login[..], &["-r"]].concat());
    for seq in 1..=3 {
        let count = format!(
            r#"{{"t":"2026-03-01T12:0{seq}:00Z","s":60,"seq":{seq},"pulses":3,"total":{}}}"#,
            3 * seq
        );
        mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", &count, &login);
    }
    wait_until("the minutes are recorded", || site.recorded("hq/main").len() == 3);
}

/// The answer to a user, of a page or of a form.
fn ask(site: &Site, user: &str, path: &str, form: Option<&str>) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "-si",
        "--max-time",
        "30",
        "-u",
        &format!("{user}:of {user}"),
        "-H",
        "Origin: http://localhost",
    ]);
    form.map(|form| curl.args(["-d", form]));
    let output = curl.args(["-H", "Host: localhost", &site.url(path)]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The page that a form leads to.
fn next(site: &Site, user: &str, answer: &str) -> String {
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    ask(site, user, location.trim(), None)
}

/// What the ledger holds: kWh and who read it.
fn readings(site: &Site) -> Vec<(f64, String)> {
    let known = site.meter("hq/main").unwrap();
    let readings = site.ledger().readings(&known, 100).unwrap().into_iter();
    readings.map(|entered| (entered.reading.shown, entered.reading.by)).collect()
}

/// A site whose programs are users of the broker, and whose pages have users.
fn site() -> (Site, [Program; 3]) {
    let site = Site::new("");
    make_users(site.path());
    append(&site, "powerpi-broker", "[store]\npath = 'broker.sqlite'\n", "[access]\nusers = 'users.toml'\n");
    let port = format!("port = {}\n", site.mqtt);
    for (program, user) in [("powerpi-recorder", "recorder"), ("powerpi-web", "web")] {
        append(&site, program, &port, &format!("user = '{user}'\npassword_file = '{user}.password'\n"));
    }
    append(&site, "powerpi-web", "rrd_dir = 'rrd'\n", "access.users = 'web-users.toml'\n");
    let programs = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    record(&site);
    (site, programs)
}

#[test]
fn a_reading_goes_from_the_form_to_the_ledger_and_onto_the_page() {
    let (site, [broker, recorder, web]) = site();
    let before = site.recorded("hq/main");

    const PAGE: &str = "/m/hq/main/readings";
    let refused = ask(&site, "anna", PAGE, Some("time=2026-03-01T13:01&shown=100"));
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let first = ask(&site, "ernst", PAGE, Some("time=2026-03-01T13:01&shown=100"));
    assert!(first.starts_with("HTTP/1.1 303"), "{first}\n{}", web.log());
    assert_eq!(readings(&site), [(100.0, "ernst".to_owned())], "there before the browser goes on");
    assert!(next(&site, "ernst", &first).contains("The reading has been entered."));

    // Nobody records: the broker owes it.
    recorder.stop();
    let second = ask(&site, "ernst", PAGE, Some("time=2026-03-01T13:04&shown=100,01"));
    assert!(second.starts_with("HTTP/1.1 303"), "{second}");
    assert!(next(&site, "ernst", &second).contains("The reading is on its way"));
    broker.stop();
    let broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    wait_until("the second reading is entered", || readings(&site).len() == 2);

    // Nine pulses of a thousandth, and by the meter a hundredth of a kWh.
    let page = ask(&site, "anna", PAGE, None);
    for shown in ["<td>100.01</td>", "<td>0.010</td>", "<td>0.009</td>", "<td>−0.001</td>", "−10.00\u{a0}%"]
    {
        assert!(page.contains(shown), "{shown} is not on {page}");
    }
    assert_eq!(site.recorded("hq/main"), before, "pulses are as they were");
    assert!(!recorder.log().contains("messages ignored"), "{}", recorder.log());

    // The pages' user may publish readings, and nothing else.
    let refused = |topic: &str, payload: &str| {
        let login = ["-u", "web", "-P", "of web", "-q", "1"];
        let port = site.mqtt.to_string();
        let _ = Command::new("timeout")
            .args(["2", "mosquitto_pub", "-p", &port, "-t", topic, "-m", payload])
            .args(login)
            .output();
        broker.log().contains("may not")
    };
    assert!(!refused("powerpi/hq/main/reading", r#"{"t":"2026-03-01T12:01:00Z","kwh":99.5,"by":"web"}"#));
    wait_until("the first reading is corrected", || readings(&site)[0] == (99.5, "web".to_owned()));
    assert!(refused("powerpi/hq/main/minute", "{}"), "{}", broker.log());
}

/// The pulses that the API tells of the hour.
fn pulses(site: &Site) -> u64 {
    let path = "/api/v1/meters/hq/main/energy?from=2026-03-01T12:00:00Z&to=2026-03-01T13:00:00Z&step=hour";
    let answer = ask(site, "anna", path, None);
    let told: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    told["rows"][0]["pulses"].as_u64().unwrap()
}

#[test]
fn an_admin_corrects_a_time_on_a_page_and_undoes_it() {
    let (site, [_broker, recorder, web]) = site();
    let before = site.recorded("hq/main");
    const PAGE: &str = "/m/hq/main/corrections";
    const FORM: &str = "from=2026-03-01T13:01&to=2026-03-01T13:03&kind=replace&quantity=0,010&reason=bounces";
    let refused = ask(&site, "ernst", PAGE, Some(FORM));
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let said = ask(&site, "otto", PAGE, Some(FORM));
    assert!(said.starts_with("HTTP/1.1 303"), "{said}\n{}\n{}", web.log(), recorder.log());
    assert_eq!(pulses(&site), 13, "there before the browser goes on");
    let page = next(&site, "otto", &said);
    assert!(page.contains("The correction has been entered.") && page.contains("10\u{a0}pulses"), "{page}");
    let again = ask(&site, "otto", PAGE, Some(FORM));
    assert!(again.starts_with("HTTP/1.1 400") && again.contains("Undo it first"), "{again}");

    let field = |name: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let undone = ask(&site, "otto", PAGE, Some(&format!("undo={}&said={}", field("undo"), field("said"))));
    assert!(next(&site, "otto", &undone).contains("The correction has been undone."), "{undone}");
    assert_eq!((pulses(&site), site.recorded("hq/main")), (9, before));
}

async fn sign_in(browser: &Browser, site: &Site, name: &str) {
    browser.page.goto(&site.url("/login?lang=en")).await.unwrap();
    assert_eq!(browser.barriers().await, [""; 0], "at the form");
    for (field, typed) in [("#name", name.to_owned()), ("#password", format!("of {name}\n"))] {
        browser.page.find(Locator::Css(field)).await.unwrap().send_keys(&typed).await.unwrap();
    }
    browser
        .wait_for("location.pathname === '/' && document.querySelector('footer form button') !== null")
        .await;
}

async fn sign_out(browser: &Browser) {
    browser.page.find(Locator::Css("footer form button")).await.unwrap().click().await.unwrap();
    browser.wait_for("document.querySelector('footer a[href^=\"/login\"]') !== null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_for_everybody_who_may_use_it() {
    let (site, _programs) = site();
    let browser = Browser::open(390, Theme::Light).await;
    let page = site.url("/m/hq/main/readings?lang=en");
    // By the form, which leads on; nothing of it can be read by a script.
    sign_in(&browser, &site, "ernst").await;
    for (width, theme) in [(390, Theme::Light), (1280, Theme::Dark)] {
        browser.resize(width, 900).await;
        browser.prefer(theme).await;
        browser.page.goto(&page).await.unwrap();
        browser.wait_for("document.querySelector('form.picker') !== null").await;
        assert_eq!(browser.barriers().await, [""; 0], "at {width} px");
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(fits).await, true, "no sideways scrolling at {width} px");
    }
    browser.set_javascript(false).await;
    browser.page.goto(&page).await.unwrap();
    let field = browser.page.find(Locator::Css("input[name=shown]")).await.unwrap();
    field.send_keys("1234,5\n").await.unwrap();
    wait_until("the reading is entered", || readings(&site) == [(1234.5, "ernst".to_owned())]);
    let notice = browser.page.wait().for_element(Locator::Css("#notice")).await.unwrap();
    assert_eq!(notice.text().await.unwrap(), "The reading has been entered.");
    browser.set_javascript(true).await;
    browser.page.goto(&page).await.unwrap();
    assert_eq!(browser.barriers().await, [""; 0], "with a reading");
    assert_eq!(browser.evaluate("document.cookie").await, "");

    // It was a slip: two clicks take it back, without a script too.
    browser.set_javascript(false).await;
    browser.page.goto(&page).await.unwrap();
    let find = async |css| browser.page.wait().for_element(Locator::Css(css)).await.unwrap();
    find(".readings summary").await.click().await.unwrap();
    find(".readings button").await.click().await.unwrap();
    wait_until("the reading is taken back", || readings(&site).is_empty());
    let notice = browser.page.wait().for_element(Locator::Css("#notice")).await.unwrap();
    assert_eq!(notice.text().await.unwrap(), "The reading has been deleted.");
    browser.set_javascript(true).await;
    browser.page.goto(&page).await.unwrap();
    assert_eq!(browser.barriers().await, [""; 0], "with an open question");
    // The form of corrections, too.
    sign_out(&browser).await;
    sign_in(&browser, &site, "otto").await;
    let page = site.url("/m/hq/main/corrections?lang=de");
    for (width, theme) in [(390, Theme::Dark), (1280, Theme::Light)] {
        browser.resize(width, 900).await;
        browser.prefer(theme).await;
        browser.page.goto(&page).await.unwrap();
        browser.wait_for("document.querySelector('form.correct') !== null").await;
        assert_eq!(browser.barriers().await, [""; 0], "corrections at {width} px");
        let wide = "[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth).map(e => e.tagName + '.' + e.className).join(' ')";
        println!("{:?}", browser.evaluate(wide).await);
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(fits).await, true, "corrections: no sideways scrolling at {width} px");
        if let Ok(folder) = std::env::var("SCREENSHOTS") {
            let file = Path::new(&folder).join(format!("corrections-{width}.png"));
            browser.screenshot(width, 900, &file).await;
        }
    }
    sign_out(&browser).await;
    browser.close().await;
}
