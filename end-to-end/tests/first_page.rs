//! From an empty server to the meter's page, as a browser on it sees it: nobody loads the page anew, and it says at each
//! moment what comes next.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use end_to_end::{Browser, Looks, Program, Site, Theme, free_port, mosquitto_pub, run_to_end, wait_until};
use jiff::Timestamp;

/// The title of the step that is next.
const NEXT: &str = "document.querySelector('.way .next h2')?.firstChild.textContent.trim()";

fn server() -> Site {
    let site = Site::new("");
    site.append("powerpi-broker", &format!("[tls]\nlisten = '127.0.0.1:{}'\n", free_port()));
    let folder = site.path().join("invitations");
    fs::create_dir(&folder).unwrap();
    site.prepend("powerpi-web", &format!("invitations_dir = '{}'\n", folder.display()));
    // As `systemctl` does; what it starts is started by the test.
    let control = site.path().join("control");
    fs::write(
        &control,
        "#!/bin/sh\n[ \"$1\" != reload ] || [ ! -e broker.pid ] || kill -HUP \"$(cat broker.pid)\"\n",
    )
    .unwrap();
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755)).unwrap();
    site
}

fn place(site: &Site) -> [String; 6] {
    let own = |name: &str| site.path().join(name).display().to_string();
    let (settings, control, invitations) = (own("."), own("control"), own("invitations"));
    ["--settings".into(), settings, "--control".into(), control, "--invitations".into(), invitations]
}

fn powerpi(site: &Site, arguments: &[&str]) -> String {
    let place = place(site);
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let output = run_to_end("powerpi", site.path(), &[arguments, &place].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A Pi with a household on paper, and its settings.
fn pi(site: &Site) -> PathBuf {
    let folder = site.path().join("pi");
    fs::create_dir(&folder).unwrap();
    let now = daemon_runtime::now().as_second() / 60 * 60;
    let from = Timestamp::from_second(now - 600).unwrap();
    let settings = format!(
        "site = 'nobody'\nstate_dir = '.'\nruntime_dir = 'run'\n[[meter]]\nid = 'main'\nname = 'Haus'\n\
         pulses_per_kwh = 1000\nsource = {{ kind = 'simulated', seed = 7, from = '{from}' }}\n"
    );
    fs::write(folder.join("pi-publisher.toml"), settings).unwrap();
    folder
}

/// Looks at the page in all its looks.
async fn look(browser: &Browser, name: &str) {
    for language in ["en", "de"] {
        let here = browser.page.current_url().await.unwrap();
        browser.page.goto(here.join(&format!("/?lang={language}")).unwrap().as_str()).await.unwrap();
        browser.wait_for("document.readyState === 'complete'").await;
        assert_eq!(browser.flaws(&format!("{name} in {language}"), Looks::asked()).await, [""; 0]);
    }
    browser.resize(1280, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leads_to_the_first_minute_and_becomes_the_meters_page() {
    let site = server();
    let web = site.start("powerpi-web");
    let browser = Browser::open(1280, Theme::Light).await;
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();
    browser.wait_for(&format!("{NEXT} === 'The server is running'")).await;
    look(&browser, "nothing").await;

    // No JavaScript: the page comes anew by itself.
    browser.set_javascript(false).await;
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();
    assert!(browser.page.source().await.unwrap().contains("http-equiv=\"refresh\""));
    browser.set_javascript(true).await;
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();

    let line = powerpi(&site, &["invite", "--address", "127.0.0.1", "home"]);
    let broker = site.start("powerpi-broker");
    fs::write(site.path().join("broker.pid"), broker.id().to_string()).unwrap();
    let _recorder = site.start("powerpi-recorder");
    browser.wait_for(&format!("{NEXT} === 'Let it join'")).await;
    let shown = "[...document.querySelectorAll('.command')].map(it => it.textContent)";
    let commands = browser.evaluate(shown).await.to_string();
    assert!(commands.contains(&line) && commands.contains("sudo pi-publisher join"), "{commands}");
    look(&browser, "invited").await;
    browser.page.goto(&site.url("/?lang=en")).await.unwrap();

    let folder = pi(&site);
    let place = place(&site);
    let _answering =
        Program::spawn("powerpi", site.path(), &[&["pair".to_owned()], &place[..]].concat(), &[]);
    let arguments =
        ["--config", "pi-publisher.toml", "join", &line, "--look", "0", "--wait", "0", "--control", "true"];
    let joined = run_to_end("pi-publisher", &folder, &arguments);
    assert!(joined.status.success(), "{joined:?}");
    wait_until("a used invitation is shown no longer", || {
        fs::read_dir(site.path().join("invitations")).unwrap().next().is_none()
    });
    let _publisher = Program::start("pi-publisher", &folder);
    browser.wait_for("document.querySelector('[data-meter=\"home/main\"]') && document.querySelector('h1').textContent.includes('Haus')").await;
    assert_eq!(browser.complaints().await.iter().filter(|line| !line.contains("Failed to load")).count(), 0);
    drop(web);
    browser.close().await;
}

/// A wall that was opened before there was a meter.
#[tokio::test(flavor = "multi_thread")]
async fn a_wall_without_meters_shows_the_first_one_by_itself() {
    let site = Site::new("");
    let _programs = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    let browser = Browser::open(1280, Theme::Dark).await;
    browser.page.goto(&site.url("/kiosk?lang=en")).await.unwrap();
    browser.wait_for("document.querySelector('main').innerText.includes('will appear here by itself')").await;
    let info =
        r#"{"name":"Shed","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/shed/info", info, &["-r"]);
    let minute = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 60).unwrap();
    let minute = format!(r#"{{"t":"{minute}","s":60,"seq":1,"pulses":7,"total":7,"outbox":"a"}}"#);
    mosquitto_pub(site.mqtt, "powerpi/hq/shed/minute", &minute, &[]);
    browser.wait_for("document.querySelector('[data-meter=\"hq/shed\"] h2')?.innerText === 'Shed'").await;
    browser.close().await;
}
