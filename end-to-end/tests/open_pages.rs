//! `powerpi open-pages`: afterwards others can see the pages, and only those who shall.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use end_to_end::{Site, binary, free_port, run_to_end};

fn server() -> Site {
    let site = Site::new("");
    fs::create_dir(site.path().join("state")).unwrap();
    site.prepend("powerpi-web", &format!("state_dir = '{}/state'\n", site.path().display()));
    let control = site.path().join("control");
    fs::write(&control, "#!/bin/sh\necho \"$*\" >> control.log\n").unwrap();
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(site.path().join("password"), "of anna\n").unwrap();
    site
}

fn arguments(site: &Site, command: &str, more: &[&str]) -> Vec<String> {
    let own = |name: &str| site.path().join(name).display().to_string();
    let (settings, control) = (own("."), own("control"));
    let first = [command, "--settings", &settings, "--control", &control];
    [&first[..], more].concat().into_iter().map(str::to_owned).collect()
}

fn open(site: &Site, more: &[&str]) -> Output {
    powerpi(site, "open-pages", more)
}

fn powerpi(site: &Site, command: &str, more: &[&str]) -> Output {
    let arguments = arguments(site, command, more);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_to_end("powerpi", site.path(), &arguments)
}

/// What is said at a terminal to somebody who types.
fn typed(site: &Site, answers: &[u8]) -> String {
    let inside = format!("{} {}", binary("powerpi").display(), arguments(site, "open-pages", &[]).join(" "));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &inside, "/dev/null"])
        .current_dir(site.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answers).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

fn settings(site: &Site) -> String {
    fs::read_to_string(site.path().join("powerpi-web.toml")).unwrap()
}

fn told(site: &Site) -> String {
    let log = site.path().join("control.log");
    let told = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    told
}

/// The status of the first page, for a user and their password or a stranger.
fn status(port: u16, user: Option<&str>) -> String {
    let address = format!("http://127.0.0.1:{port}/");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &address]);
    if let Some(user) = user {
        curl.args(["--user", user]);
    }
    String::from_utf8(curl.output().unwrap().stdout).unwrap()
}

#[test]
fn users_sign_in_from_elsewhere() {
    let (site, port) = (server(), free_port());
    let listen = format!("0.0.0.0:{port}");
    let opened = open(&site, &["--user", "anna", "--password-file", "password", "--listen", &listen]);
    let said = String::from_utf8(opened.stdout).unwrap();
    assert!(
        opened.status.success() && said.contains(&format!(":{port}/")) && said.contains("sign in as anna"),
        "{said}"
    );
    assert_eq!(told(&site), "restart powerpi-web\n");
    // Where the pages may write it, as invitations take.
    let invited = powerpi(&site, "invite", &["otto", "--browser"]);
    assert!(invited.status.success(), "{invited:?}");

    let web = site.spawn("powerpi-web");
    end_to_end::wait_until("the pages are there", || status(port, None) != "000");
    assert_eq!(status(port, None), "401", "{}", web.log());
    assert_eq!(status(port, Some("anna:of anna")), "200");

    // Where they listen already, nobody is disconnected for another user.
    let again = open(&site, &["--user", "berta", "--password-file", "password", "--listen", &listen]);
    assert!(again.status.success() && told(&site) == "reload powerpi-web\n", "{again:?}");
    let everybody = open(&site, &["--everybody"]);
    assert!(
        !everybody.status.success() && String::from_utf8_lossy(&everybody.stderr).contains("[access]"),
        "{everybody:?}"
    );
    assert_eq!(told(&site), "");
}

#[test]
fn behind_a_proxy_they_stay_where_they_are_or_believe_it() {
    let site = server();
    let before = settings(&site);
    let nobody = open(&site, &["--proxy", "here"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--user NAME, or --everybody"), "{nobody:?}");
    assert_eq!((settings(&site), told(&site)), (before.clone(), String::new()));
    let here = open(&site, &["--proxy", "here", "--user", "anna", "--password-file", "password"]);
    assert!(String::from_utf8_lossy(&here.stdout).contains("samples for nginx"), "{here:?}");
    assert!(before.lines().all(|line| settings(&site).contains(line)), "{}", settings(&site));
    assert_eq!(told(&site), "reload powerpi-web\n");
    let there = open(&site, &["--proxy", "10.0.0.7"]);
    assert!(
        there.status.success() && settings(&site).contains("\"::1\", \"10.0.0.7\"]"),
        "{}",
        settings(&site)
    );
    assert_eq!(told(&site), "restart powerpi-web\n");
}

/// Somebody at a terminal is asked; nothing else is done on a guess.
#[test]
fn it_asks_who_shall_see_them() {
    let site = server();
    let before = settings(&site);
    let blind = open(&site, &[]);
    assert!(
        String::from_utf8_lossy(&blind.stderr).contains("--user NAME, --proxy here, or --everybody"),
        "{blind:?}"
    );
    assert_eq!(settings(&site), before);

    let said = typed(&site, b"all\n1\nan/na\nanna\nsecret\nsecret\n");
    assert!(said.contains("Please answer 1, 2 or 3.") && said.contains("sign in as anna"), "{said}");
    assert!(settings(&site).contains("listen = \"[::]:8080\""), "{}", settings(&site));
    assert!(fs::read_to_string(site.path().join("state/users.toml")).unwrap().contains("[user.anna]"));
    let before = settings(&site);
    let said = typed(&site, b"3\n");
    assert!(said.contains("[access]") && !said.contains("Open http") && settings(&site) == before, "{said}");
}

/// A publisher, a program or somebody who may only look does not become an admin because of a name.
#[test]
fn who_is_there_with_fewer_rights_keeps_them() {
    let site = server();
    let users = site.path().join("users.toml");
    fs::write(&users, "[user.home]\nrole = 'publisher'\n[user.own]\npublish = ['a']\n").unwrap();
    site.append("powerpi-web", &format!("[access]\nusers = '{}'\n", users.display()));
    site.append("powerpi-broker", &format!("[access]\nusers = '{}'\n", users.display()));
    let before = fs::read_to_string(&users).unwrap();
    for name in ["home", "own"] {
        let refused = open(&site, &["--user", name, "--password-file", "password"]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("choose another name"), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(&users).unwrap(), before);
    let opened = open(&site, &["--user", "anna", "--password-file", "password"]);
    assert!(String::from_utf8_lossy(&opened.stdout).contains("The broker has the same users"), "{opened:?}");
}
