//! The whole pipeline over TLS, each program a user with rights of its own, set up as docs/ACCESS.md
//! says.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use end_to_end::{Site, free_port, run_to_end, wait_until};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

const USERS: [(&str, &str); 4] =
    [("hq", "publisher"), ("recorder", "recorder"), ("web", "web"), ("watcher", "reader")];

/// Files `ca.pem`, `server.pem` and `server.key`.
fn make_certificates(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    std::fs::write(folder.join("ca.pem"), pem).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let pem = server.signed_by(&key, &issuer).unwrap().pem();
    std::fs::write(folder.join("server.pem"), pem).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

fn make_users(folder: &Path) {
    for (name, role) in USERS {
        let password = format!("{name}.password");
        std::fs::write(folder.join(&password), format!("password of {name}\n")).unwrap();
        let arguments =
            ["passwd", "--file", "users.toml", "--role", role, "--password-file", &password, name];
        let output = run_to_end("powerpi", folder, &arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

/// A program's settings, with TLS and its user.
fn write_client(site: &Site, name: &str, user: &str, tls: u16) {
    let path = site.path().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let plain = format!("[mqtt]\nport = {}\n", site.mqtt);
    assert!(text.contains(&plain), "{text}");
    let secure = format!(
        "[mqtt]\nport = {tls}\nuser = '{user}'\npassword_file = '{user}.password'\ntls = true\nca_file = 'ca.pem'\n"
    );
    std::fs::write(path, text.replace(&plain, &secure)).unwrap();
}

#[test]
fn every_minute_passes_over_tls_with_users() {
    let until = Timestamp::from_second(daemon_runtime::now().as_second() / 60 * 60 - 120).unwrap();
    let from = Timestamp::from_second(until.as_second() - 7200).unwrap();
    let site = Site::new(&format!(
        "[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n[meter.source]\nkind = 'simulated'\nseed = 7\n\
         from = '{from}'\nuntil = '{until}'\n"
    ));
    let tls = free_port();
    make_certificates(site.path());
    make_users(site.path());
    let broker = site.path().join("powerpi-broker.toml");
    let text = std::fs::read_to_string(&broker).unwrap();
    let secure = format!(
        "{text}[access]\nusers = 'users.toml'\n\
         [tls]\nlisten = '127.0.0.1:{tls}'\ncertificate = 'server.pem'\nkey = 'server.key'\n"
    );
    std::fs::write(broker, secure).unwrap();
    write_client(&site, "powerpi-recorder", "recorder", tls);
    write_client(&site, "powerpi-web", "web", tls);
    write_client(&site, "pi-publisher", "hq", tls);

    let broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let web = site.start("powerpi-web");
    let publisher = site.start("pi-publisher");
    wait_until("two hours are recorded", || site.recorded("hq/main").len() == 120);
    wait_until("the pages hear the live values", || web.log().contains("listening for live values"));

    // Kept minutes can be sent again beside the running publisher.
    let replay = ["replay", "--config", "pi-publisher.toml"];
    let span = ["--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z"];
    let replayed = run_to_end("pi-publisher", site.path(), &[&replay[..], &span].concat());
    assert!(replayed.status.success(), "{replayed:?}");
    assert!(String::from_utf8(replayed.stdout).unwrap().contains("120 minutes sent"));

    for program in [&broker, &recorder, &web, &publisher] {
        let log = program.log();
        assert!(!log.contains("password of"), "a password in the log: {log}");
    }
    assert!(!broker.log().contains("may not"), "{}", broker.log());
}

#[test]
fn passwd_writes_no_passwords_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("secret"), "top secret\n").unwrap();
    let passwd = |arguments: &[&str]| {
        let arguments = [&["passwd", "--file", "users.toml"], arguments].concat();
        let output = run_to_end("powerpi", folder, &arguments);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = passwd(&["--password-file", "secret", "hq"]);
    assert!(code == Some(1) && said.contains("--role"), "{said}");
    let (code, said) = passwd(&["--role", "emperor", "--password-file", "secret", "hq"]);
    assert!(code == Some(2) && said.contains("home-assistant"), "{said}");
    let (code, said) = passwd(&["--role", "publisher", "--password-file", "secret", "hq"]);
    assert!(code == Some(0) && said.contains("reload"), "{said}");
    let text = std::fs::read_to_string(folder.join("users.toml")).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains("top secret"), "{text}");
    assert!(passwd(&["--list"]).1.contains("hq\tpublisher"));
    assert_eq!(passwd(&["--delete", "hq"]).0, Some(0));
    let (code, said) = passwd(&["--delete", "hq"]);
    assert!(code == Some(1) && said.contains("no user \"hq\""), "{said}");
}

#[test]
fn passwd_leaves_the_last_admin_in_place_unless_it_is_forced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("secret"), "top secret\n").unwrap();
    let passwd = |arguments: &[&str]| {
        let arguments = [&["passwd", "--file", "users.toml"], arguments].concat();
        let output = run_to_end("powerpi", folder, &arguments);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let file = || std::fs::read_to_string(folder.join("users.toml")).unwrap();
    for name in ["otto", "anna"] {
        assert_eq!(passwd(&["--role", "admin", "--password-file", "secret", name]).0, Some(0));
    }
    assert_eq!(passwd(&["--role", "look", "anna"]).0, Some(0), "there is another one");
    let before = file();
    for change in [&["--delete", "otto"][..], &["--role", "look", "otto"], &["--no-password", "otto"]] {
        let (code, said) = passwd(change);
        assert!(
            code == Some(1) && said.contains("last admin") && said.contains("--force"),
            "{change:?}: {said}"
        );
        assert_eq!(file(), before, "{change:?}");
    }
    assert_eq!(
        passwd(&["--password-file", "secret", "otto"]).0,
        Some(0),
        "a new password takes nothing away"
    );
    assert_eq!(passwd(&["--no-password", "--force", "otto"]).0, Some(0));
    assert!(passwd(&["--list"]).1.contains("otto\tadmin  no password"));
    assert_eq!(passwd(&["--delete", "otto"]).0, Some(0), "nobody is left to be the last");
}
