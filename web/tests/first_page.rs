//! The first page before there is a meter: what leads to one, who sees an open invitation, and that it becomes the
//! meter's page.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_users::{PasswordHash, Role, UsersFile};
use meter_messages::Minute;
use pairing::{Fingerprint, Invitation, InvitationId, InvitationSecret, ShownInvitation};
use site::{Site, info, record_minutes};
use tempfile::TempDir;

/// A folder in which a site is invited, with some users.
fn invited() -> (TempDir, String) {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("invitations");
    std::fs::create_dir(&folder).unwrap();
    let invitation = Invitation {
        addresses: vec!["server.lan:8883".to_owned().try_into().unwrap()],
        site: "attic".parse().unwrap(),
        id: InvitationId::random(),
        secret: InvitationSecret::random(),
        authority: Fingerprint::of(b"x"),
    };
    let until = daemon_runtime::now().checked_add(jiff::Span::new().hours(1)).unwrap();
    let line = invitation.to_string();
    ShownInvitation { invitation, until }.show(&folder).unwrap();
    let mut file = UsersFile::open(&dir.path().join("users.toml")).unwrap();
    for (name, role) in [("anna", Role::Look), ("otto", Role::Admin)] {
        let hash = PasswordHash::of(name.as_bytes()).unwrap();
        file.set(&name.parse().unwrap(), Some(&hash), Some(role));
    }
    file.save().unwrap();
    (dir, line)
}

fn site(dir: TempDir, access: &str) -> Site {
    let path = dir.path().display().to_string();
    let settings = format!("invitations_dir = '{path}/invitations'\n{}", access.replace("{dir}", &path));
    Site::set_up(dir, 1, &settings)
}

/// The first page, as a browser asks for it that knows this server as `host`.
fn page(site: &Site, host: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(site.address).unwrap();
    let head = format!(
        "GET /?lang=en HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n{headers}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_invitation_is_shown_on_this_machine_only() {
    let (dir, line) = invited();
    let site = site(dir, "");
    for host in ["localhost", "127.0.0.1:8080"] {
        let shown = page(&site, host, "");
        assert!(shown.contains(&line) && shown.contains("“attic” is invited until"), "{shown}");
        assert!(shown.contains("cache-control: no-store"), "{shown}");
    }
    for (host, headers) in [
        ("power.example.org", ""),
        ("localhost", "X-Forwarded-For: 203.0.113.5\r\n"),
        ("localhost", "X-Forwarded-Host: localhost\r\n"),
        ("localhost", "Forwarded: for=203.0.113.5\r\n"),
    ] {
        // At once: nothing of the page before is kept for somebody else.
        assert!(page(&site, "localhost", "").contains(&line));
        let shown = page(&site, host, headers);
        assert!(!shown.contains("powerpi://") && shown.contains("sudo powerpi invite home"), "{shown}");
    }
}

#[test]
fn where_there_are_users_admins_see_an_invitation() {
    let (dir, line) = invited();
    let site = site(dir, "[access]\nusers = '{dir}/users.toml'\npublic_meters = ['attic/main']\n");
    let as_user = |name: &str| {
        let login = STANDARD.encode(format!("{name}:{name}"));
        page(&site, "localhost", &format!("Authorization: Basic {login}\r\n"))
    };
    assert!(as_user("otto").contains(&line));
    let anna = as_user("anna");
    assert!(anna.contains("No meter yet") && !anna.contains("powerpi://"), "{anna}");
    let stranger = page(&site, "localhost", "");
    assert!(!stranger.contains("powerpi://") && !stranger.contains("powerpi invite"), "{stranger}");
}

#[test]
fn it_says_what_is_missing_and_becomes_the_meters_page() {
    let (dir, _) = invited();
    let site = site(dir, "");
    let first = page(&site, "localhost", "");
    // There is no broker in this test.
    assert!(
        first.starts_with("HTTP/1.1 200") && first.contains("systemctl status powerpi-broker"),
        "{first}"
    );
    assert!(first.contains("sudo powerpi open-pages"), "these pages are on loopback");
    assert!(first.contains("role=\"status\" data-part>Step 1 of 4: The server is running<"), "{first}");
    assert_eq!(first.matches("aria-current=\"step\"").count(), 1, "{first}");
    let german = site.get("/?lang=de").text();
    assert!(german.contains("Noch kein Zähler") && german.contains("Den Pi anmelden"), "{german}");

    // A publisher has said what its meter is, and no minute is over yet.
    record_minutes(site.dir.path(), &info("Zähler im Keller"), &[]);
    assert!(page(&site, "localhost", "").contains("No meter yet"));
    let now = daemon_runtime::now().as_second() / 60;
    record_minutes(site.dir.path(), &info("Zähler im Keller"), &[Minute::nearest(now - 1)]);
    let shown = page(&site, "localhost", "");
    assert!(!shown.contains("No meter yet") && shown.contains("Zähler im Keller"), "{shown}");
}
