//! An admin sees on the status page what the broker keeps for whom; nobody else does.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{Site, http_get, run_to_end, wait_until};

const USERS: [(&str, &str); 5] =
    [("recorder", "recorder"), ("web", "web"), ("admin", "admin"), ("anna", "look"), ("greedy", "reader")];
const HEADINGS: [&str; 2] = ["What the broker keeps", "Was der Broker aufbewahrt"];

fn make_users(folder: &Path) {
    for (name, role) in USERS {
        let password = format!("{name}.password");
        std::fs::write(folder.join(&password), format!("of {name}\n")).unwrap();
        let arguments =
            ["passwd", "--file", "users.toml", "--role", role, "--password-file", &password, name];
        let output = run_to_end("powerpi", folder, &arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

/// Gives a program its user at the broker.
fn log_in(site: &Site, program: &str, user: &str) {
    let path = site.path().join(format!("{program}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let connect = format!("[mqtt]\nport = {}\n", site.mqtt);
    assert!(text.contains(&connect), "{text}");
    let login = format!("{connect}user = '{user}'\npassword_file = '{user}.password'\n");
    std::fs::write(path, text.replace(&connect, &login)).unwrap();
}

/// The status page as a user sees it.
fn status_of(port: u16, user: &str, language: &str) -> String {
    let credentials = STANDARD.encode(format!("{user}:of {user}"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET /status?lang={language} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// A session with one subscription, left behind.
fn leave_session(port: u16, client_id: &str) {
    let subscribed = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-u", "greedy", "-P", "of greedy", "-E"])
        .args(["-c", "-i", client_id, "-q", "1", "-t", "powerpi/#"])
        .status()
        .expect("mosquitto_sub; it is in Debian's mosquitto-clients");
    assert!(subscribed.success(), "{subscribed}");
}

#[test]
fn an_admin_sees_what_the_broker_keeps_for_whom() {
    let site = Site::new("");
    make_users(site.path());
    site.append("powerpi-broker", "[access]\nusers = 'users.toml'\n");
    site.prepend("powerpi-web", "access.users = 'users.toml'\naccess.public_meters = ['hq/main']\n");
    log_in(&site, "powerpi-recorder", "recorder");
    log_in(&site, "powerpi-web", "web");
    let _broker = site.start("powerpi-broker");
    for number in 0..3 {
        leave_session(site.mqtt, &format!("session {number}"));
    }
    let _recorder = site.start("powerpi-recorder");
    let _web = site.start("powerpi-web");
    let row = "<th scope=\"row\">greedy</th><td>3</td><td>1</td><td>0</td><td>0</td>";
    wait_until("the admin sees it", || status_of(site.web, "admin", "en").contains(row));
    for (language, heading) in ["en", "de"].into_iter().zip(HEADINGS) {
        assert!(status_of(site.web, "admin", language).contains(heading), "{language}");
        let others = [status_of(site.web, "anna", language), status_of(site.web, "greedy", language)];
        let stranger = http_get(site.web, &format!("/status?lang={language}")).1;
        for page in others.iter().chain([&stranger]) {
            assert!(!page.contains(heading) && !page.contains(">greedy<"), "{page}");
        }
    }
}
