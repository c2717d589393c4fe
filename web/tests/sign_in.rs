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

#[test]
fn a_session_outlives_a_restart_and_ends_with_the_password() {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    set_password(dir.path(), "of anna");
    let copy = |into: &TempDir| {
        for file in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
            if file.path().is_file() {
                std::fs::copy(file.path(), into.path().join(file.file_name())).unwrap();
            }
        }
    };
    let (first, second, third) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    [&first, &second, &third].into_iter().for_each(copy);
    let first = over(first);
    let cookie = kept(&sign_in(&first, "of anna", "/"));
    assert!(is_in(&first, &cookie));
    first.stop();
    assert!(is_in(&over(second), &cookie), "the server was started anew");
    set_password(third.path(), "of anna");
    assert!(!is_in(&over(third), &cookie), "a password that was set anew");
}
