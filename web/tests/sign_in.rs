//! Signing in by a form: a session that outlives a restart, and ends by logging out or with another password.
#![allow(clippy::unwrap_used)]

mod site;

use broker_users::{PasswordHash, Role, UsersFile};
use site::{Answer, Site, meter, record_meter};
use tempfile::TempDir;

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml");
const OURS: (&str, &str) = ("Sec-Fetch-Site", "same-origin");

fn set_password(dir: &std::path::Path, password: &str) {
    let mut file = UsersFile::open(&dir.join("users.toml")).unwrap();
    let hash = PasswordHash::of(password.as_bytes()).unwrap();
    file.set(&"anna".parse().unwrap(), Some(&hash), Some(Role::Look));
    file.save().unwrap();
}

fn over(dir: TempDir) -> Site {
    let users = dir.path().join("users.toml").display().to_string();
    Site::set_up(dir, 1, &format!("[access]\nusers = '{users}'"))
}

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    set_password(dir.path(), "of anna");
    over(dir)
}

fn sign_in(site: &Site, password: &str, next: &str) -> Answer {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("name", "anna"), ("password", password), ("next", next)])
        .finish();
    site.post("/login?lang=en", &[HTML, OURS], &form)
}

/// What a browser sends back of a cookie.
fn kept(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn is_in(site: &Site, cookie: &str) -> bool {
    let page = site.ask("GET", "/m/hq/main?lang=en", &[HTML, ("Cookie", cookie)]);
    assert!(page.header("cache-control").contains("private") || page.status != 200, "{:?}", page.headers);
    page.status == 200 && page.text().contains("Hauptzähler") && page.text().contains("Log out")
}

#[test]
fn a_form_leads_in_and_back_to_the_page_and_out_again() {
    let site = site();
    // A browser gets the form, without asking for a name itself; a program is asked as ever.
    let asked = site.ask("GET", "/m/hq/main/day/2025-10-26?lang=en", &[HTML]);
    assert_eq!((asked.status, asked.header("www-authenticate")), (401, ""));
    assert!(asked.text().contains("autocomplete=\"current-password\""), "{}", asked.text());
    assert!(asked.text().contains("name=\"next\" value=\"/m/hq/main/day/2025-10-26?lang=en\""));
    assert!(!asked.text().contains("Hauptzähler"));
    assert!(site.get("/m/hq/main").header("www-authenticate").starts_with("Basic"));
    assert!(site.ask("GET", "/api/v1/meters", &[HTML]).header("www-authenticate").starts_with("Basic"));
    assert_eq!(site.ask("GET", "/login", &[HTML]).status, 200);

    let wrong = sign_in(&site, "of anton", "/");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    assert!(wrong.text().contains("Wrong name or password."));
    let foreign =
        site.post("/login", &[HTML, ("Sec-Fetch-Site", "cross-site")], "name=anna&password=of+anna");
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, ""));

    let right = sign_in(&site, "of anna", "/m/hq/main/day/2025-10-26");
    assert_eq!((right.status, right.header("location")), (303, "/m/hq/main/day/2025-10-26?lang=en"));
    let cookie = right.header("set-cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(sign_in(&site, "of anna", "//evil").header("location"), "/?lang=en");
    let cookie = kept(&right);
    assert!(is_in(&site, &cookie) && !is_in(&site, &cookie.replace('.', ".1")));

    let out = site.post("/logout", &[HTML, OURS, ("Cookie", &cookie)], "");
    assert_eq!(out.status, 303);
    assert!(out.header("set-cookie").starts_with("powerpi=; Path=/; Max-Age=0"), "{:?}", out.headers);
    assert!(!is_in(&site, &cookie), "also a copy of the cookie");
}

/// The files of a stopped server, for one that is started anew.
fn copied(from: &std::path::Path, without: &str) -> TempDir {
    let into = TempDir::new().unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.path().is_file() && file.file_name() != without {
            std::fs::copy(file.path(), into.path().join(file.file_name())).unwrap();
        }
    }
    into
}

#[test]
fn a_session_outlives_a_restart_and_ends_with_the_password_or_by_signing_out() {
    let site = site();
    let dir = site.dir.path().to_owned();
    let [kept, ended] = [(); 2].map(|()| self::kept(&sign_in(&site, "of anna", "/")));
    assert!(is_in(&site, &kept) && is_in(&site, &ended));
    assert_eq!(site.post("/logout", &[HTML, OURS, ("Cookie", &ended)], "").status, 303);
    let [again, changed, restored] = ["", "", "sessions"].map(|without| copied(&dir, without));
    site.stop();
    let again = over(again);
    assert!(is_in(&again, &kept), "the server was started anew");
    assert!(!is_in(&again, &ended), "signed out before the restart");
    set_password(changed.path(), "of anna");
    assert!(!is_in(&over(changed), &kept), "a password that was set anew");
    assert!(!is_in(&over(restored), &kept), "another secret, as after a backup was put back");
}

#[test]
fn who_has_read_the_users_file_makes_no_session_of_it() {
    let site = site();
    let users = broker_users::Users::read(&site.dir.path().join("users.toml")).unwrap();
    let hash = users.user["anna"].password.clone().unwrap();
    let until = daemon_runtime::now().as_second() + 86_400;
    let said = format!("anna.{until}.0123456789abcdef");
    let in_full = format!("session\0anna\0{until}\00123456789abcdef\0{}", hash.as_str());
    let keys = [hash.as_str().to_owned(), format!("powerpi session {}", hash.as_str()), String::new()];
    for key in &keys {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
        for material in [&said, &in_full] {
            let proof = ring::hmac::sign(&key, material.as_bytes());
            let proof: String = proof.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!is_in(&site, &format!("powerpi={said}.{proof}")));
        }
    }
}
