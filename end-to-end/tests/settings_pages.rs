//! Settings and users in a real Chromium, with the real programs: from the line that `powerpi invite --browser` prints to a
//! meter with another name, an alarm whose test arrives, and an undone change; for everybody, in both themes and languages.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::mpsc;

use end_to_end::{Browser, Looks, Program, Site, Theme, run_to_end, wait_until};
use fantoccini::Locator;
use serde_json::Value;

/// A server below a folder, with pages that may write what is theirs.
fn server(hook: u16) -> (Site, Vec<Program>) {
    let from = jiff::Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 3 * 3600).unwrap();
    let meter = |id: &str, name: &str| {
        format!(
            "[[meter]]\nid = '{id}'\nname = '{name}'\npulses_per_kwh = 10000\n\
             [meter.source]\nkind = 'simulated'\nfrom = '{from}'\n"
        )
    };
    let site = Site::new(&(meter("main", "Haus") + &meter("flat", "Wohnung")));
    for folder in ["settings", "web"] {
        fs::create_dir(site.path().join(folder)).unwrap();
    }
    site.prepend("powerpi-web", "settings_dir = 'settings'\nstate_dir = 'web'\n");
    let alarms = format!(
        "ledger = 'ledger.sqlite'\nsettings_dir = 'settings'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
         [webhook]\nurl = 'http://127.0.0.1:{hook}/hook'\n",
        site.mqtt
    );
    fs::write(site.path().join("powerpi-alarms.toml"), alarms).unwrap();
    let names = ["powerpi-broker", "powerpi-recorder", "powerpi-web", "pi-publisher", "powerpi-alarms"];
    let programs: Vec<Program> = names.into_iter().map(|name| site.start(name)).collect();
    for meter in ["hq/main", "hq/flat"] {
        wait_until("three hours are recorded", || site.recorded(meter).len() >= 180);
    }
    (site, programs)
}

/// A web server that tells what is posted to it.
fn hooks() -> (u16, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut request, mut length, mut line) = (BufReader::new(stream.unwrap()), 0, String::new());
            while request.read_line(&mut line).unwrap() > 0 && !line.trim().is_empty() {
                if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            request.read_exact(&mut body).unwrap();
            let _ = request
                .into_inner()
                .write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = tell.send(serde_json::from_slice(&body).unwrap());
        }
    });
    (port, told)
}

/// What a command says that goes well.
fn powerpi(site: &Site, web: &Program, arguments: &[&str]) -> String {
    let control = site.path().join("control");
    fs::write(
        &control,
        format!("#!/bin/sh\n[ \"$1 $2\" = 'reload powerpi-web' ] && kill -HUP {}\n", web.id()),
    )
    .unwrap();
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755)).unwrap();
    let (folder, control) = (site.path().display().to_string(), control.display().to_string());
    let place: &[&str] = match arguments[0] {
        "users" => &["--settings", &folder],
        "invite" | "revoke" => &["--settings", &folder, "--control", &control],
        _ => &[],
    };
    let Output { status, stdout, stderr } = run_to_end("powerpi", site.path(), &[arguments, place].concat());
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

async fn fill(browser: &Browser, css: &str, text: &str) {
    let field = browser.page.find(Locator::Css(css)).await.unwrap_or_else(|_| panic!("no {css}"));
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn choose(browser: &Browser, css: &str, value: &str) {
    let field = browser.page.find(Locator::Css(css)).await.unwrap_or_else(|_| panic!("no {css}"));
    field.select_by_value(value).await.unwrap();
}

/// Presses a button, and waits until the page that it stood on has made room for the next one.
async fn press(browser: &Browser, css: &str) {
    let button = browser.page.find(Locator::Css(css)).await.unwrap_or_else(|_| panic!("no {css}"));
    button.click().await.unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !css.ends_with("summary") && button.tag_name().await.is_ok() {
        assert!(std::time::Instant::now() < end, "{css} leads nowhere");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    browser.wait_for("document.readyState === 'complete'").await;
}

async fn goto(site: &Site, browser: &Browser, path: &str) {
    browser.page.goto(&site.url(path)).await.unwrap();
    browser.wait_for("document.readyState === 'complete'").await;
}

/// What keeps somebody from using the page that is open.
async fn barriers(browser: &Browser, seen: &str, found: &mut Vec<String>) {
    found.extend(browser.flaws(seen, Looks::asked()).await);
    found.extend(browser.complaints().await.into_iter().map(|it| format!("{seen}: {it}")));
}

/// The same of a page that was loaded without JavaScript: axe needs it to look.
async fn barriers_without_javascript(browser: &Browser, seen: &str, found: &mut Vec<String>) {
    browser.set_javascript(true).await;
    barriers(browser, seen, found).await;
    browser.set_javascript(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sets_everything_in_a_browser() {
    let (hook, hooked) = hooks();
    let (site, programs) = server(hook);
    let web = &programs[2];
    let browser = Browser::open(1280, Theme::Light).await;
    let mut found = Vec::new();

    // From the line on the server to the first admin.
    let link = powerpi(&site, web, &["invite", "otto", "--browser", "--role", "admin"]);
    assert!(powerpi(&site, web, &["users"]).contains("otto\tadmin\tinvited, until"));
    let path = link.trim().split_once("/invitation/").unwrap().1;
    wait_until("the pages ask for a name", || end_to_end::http_get(site.web, "/m/hq/main").0 == 401);
    goto(&site, &browser, &format!("/invitation/{path}?lang=en")).await;
    barriers(&browser, "invitation", &mut found).await;
    fill(&browser, "#password", "of otto, long").await;
    fill(&browser, "#again", "of otto, long").await;
    press(&browser, ".sign-in button").await;
    assert!(browser.text("footer").await.contains("otto"));
    assert_eq!(powerpi(&site, web, &["users"]), "otto\tadmin\n");

    // Without JavaScript: a meter, a tariff that is tried, an alarm that is tested.
    browser.set_javascript(false).await;
    goto(&site, &browser, "/settings/meter/hq/flat?lang=en").await;
    fill(&browser, "#f-name", "Einliegerwohnung").await;
    choose(&browser, "#f-colour", "orange").await;
    choose(&browser, "#f-part_of", "hq/main").await;
    press(&browser, "button[value=save]").await;
    assert!(browser.text("#notice").await.contains("Saved."));
    goto(&site, &browser, "/?lang=en").await;
    assert!(browser.text("main").await.contains("Einliegerwohnung"));
    goto(&site, &browser, "/settings/tariff?lang=en").await;
    choose(&browser, "#f-for", "hq/flat").await;
    fill(&browser, "#f-price", "0,42").await;
    press(&browser, "button[value=try]").await;
    assert!(browser.text("#notice").await.contains("Nothing was saved."));
    press(&browser, "button[value=save]").await;
    // A note, from the page of a meter.
    goto(&site, &browser, "/m/hq/flat?lang=en").await;
    press(&browser, "#notes-card .add a").await;
    assert_eq!(browser.evaluate("document.querySelector('#f-for').value").await, "hq/flat");
    press(&browser, "button[value=save]").await;
    assert!(browser.text("#wrong-text").await.contains("1 to 200 characters"));
    fill(&browser, "#f-text", "Neuer Kühlschrank").await;
    press(&browser, "button[value=save]").await;
    assert!(browser.text("main").await.contains("Neuer Kühlschrank"));
    goto(&site, &browser, "/m/hq/flat?lang=en").await;
    assert!(browser.text("#notes-card").await.contains("Neuer Kühlschrank"));
    goto(&site, &browser, "/m/hq/main?lang=en").await;
    assert!(!browser.text("#notes-card").await.contains("Neuer Kühlschrank"));
    browser.complaints().await;

    goto(&site, &browser, "/settings/alarm?lang=en").await;
    fill(&browser, "#f-name", "too-much").await;
    choose(&browser, "#f-meter", "hq/main").await;
    fill(&browser, "#f-limit", "4000").await;
    fill(&browser, "#f-lasting", "10m").await;
    press(&browser, "button[value=save]").await;
    let log = || programs[4].log();
    wait_until("the alarms watch it", || {
        let log = log();
        let latest = log.rsplit_once("reloaded").map_or("", |(_, latest)| latest);
        latest.contains("connected to broker") && !latest.contains("nothing is watched")
    });
    goto(&site, &browser, "/settings/alarm/too-much?lang=en").await;
    press(&browser, "button[value=test]").await;
    assert!(browser.text("#notice").await.contains("webhook ✓"), "{}", browser.text("#notice").await);
    let told = hooked.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!((&told["alarm"], &told["state"]), (&"too-much".into(), &"test".into()));
    assert!(told["text"].as_str().unwrap().starts_with("Test, nothing has happened: "), "{told}");
    barriers_without_javascript(&browser, "tested", &mut found).await;

    // An error beside its field; then the last change is undone.
    goto(&site, &browser, "/settings/meter/hq/main?lang=en").await;
    fill(&browser, "#f-place", "first").await;
    press(&browser, "button[value=save]").await;
    assert!(browser.text("#wrong-place").await.contains("whole number"));
    barriers_without_javascript(&browser, "wrong", &mut found).await;
    // Chromium's own word on the answer to a form that was refused.
    assert!(found.pop().is_some_and(|it| it.contains("400 (Bad Request)")), "{found:?}");
    goto(&site, &browser, "/settings/history?lang=en").await;
    press(&browser, ".versions details summary").await;
    press(&browser, ".versions details button").await;
    assert!(browser.text("#notice").await.contains("Saved."));
    goto(&site, &browser, "/settings?lang=en").await;
    // What the alarms say themselves, which have to hear of it first.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while browser.text("main").await.contains("too-much") {
        assert!(std::time::Instant::now() < end, "the alarm is still listed");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        goto(&site, &browser, "/settings?lang=en").await;
    }

    // Somebody else is invited, and let in no longer.
    goto(&site, &browser, "/settings/users?lang=en").await;
    fill(&browser, "#f-name", "anna").await;
    press(&browser, "button[value=invite]").await;
    assert!(browser.text("#notice .link").await.contains("/invitation/"));
    barriers_without_javascript(&browser, "link", &mut found).await;
    assert!(powerpi(&site, web, &["revoke", "anna", "--browser"]).contains("let in no longer"));
    browser.set_javascript(true).await;

    for language in ["en", "de"] {
        for path in [
            "/settings",
            "/settings/meter/hq/main",
            "/settings/meter/hq/flat",
            "/settings/tariff",
            "/settings/tariff/electricity/always/hq/flat",
            "/settings/alarm",
            "/settings/note?for=hq/flat",
            "/settings/history",
            "/settings/users",
        ] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let seen = format!("{path}{mark}lang={language}");
            goto(&site, &browser, &seen).await;
            assert_eq!(browser.evaluate("document.documentElement.lang").await, language, "{seen}");
            barriers(&browser, &seen, &mut found).await;
        }
    }
    assert_eq!(found, [""; 0]);
    browser.close().await;
}
