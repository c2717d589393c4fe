//! Corrections that an admin says or undoes on the pages: who may, what is sent, and what the page makes of it.
#![allow(clippy::unwrap_used)]

mod site;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_users::{PasswordHash, Role, UsersFile};
use meter_ledger::{CorrectionKind, Ledger, NewCorrection};
use site::{Answer, Site, meter, minute, record};
use tempfile::TempDir;

const PAGE: &str = "/m/hq/main/corrections";
const GOOD: &str = "from=2025-10-26T12:00&to=2025-10-26T12:10&kind=void&reason=Prellen";
const OURS: (&str, &str) = ("Origin", "http://test");

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    record(dir.path(), "Hauptzähler");
    let path = dir.path().join("users.toml");
    let mut file = UsersFile::open(&path).unwrap();
    for (name, role) in [("anna", Role::Look), ("ernst", Role::EnterReadings), ("otto", Role::Admin)] {
        let hash = PasswordHash::of(format!("of {name}").as_bytes()).unwrap();
        file.set(&name.parse().unwrap(), Some(&hash), Some(role));
    }
    file.save().unwrap();
    let more = format!(
        "[[meter]]\nid = 'hq/main'\nmax_power_w = 3520\n[access]\nusers = '{}'\npublic_meters = ['hq/main']",
        path.display()
    );
    Site::set_up(dir, 1, &more)
}

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:of {user}")))
}

fn post(site: &Site, user: Option<&str>, more: &[(&str, &str)], form: &str) -> Answer {
    let login = user.map(basic);
    let mut headers: Vec<(&str, &str)> = login.iter().map(|it| ("Authorization", it.as_str())).collect();
    headers.extend(more);
    site.post(PAGE, &headers, form)
}

fn get(site: &Site, user: Option<&str>, path: &str) -> String {
    let login = user.map(basic);
    let headers: Vec<(&str, &str)> = login.iter().map(|it| ("Authorization", it.as_str())).collect();
    let answer = site.ask("GET", path, &headers);
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

#[test]
fn only_admins_correct_and_only_from_our_page() {
    let site = site();
    assert_eq!(post(&site, None, &[OURS], GOOD).status, 401);
    for user in ["anna", "ernst"] {
        assert_eq!(post(&site, Some(user), &[OURS], GOOD).status, 403, "{user}");
    }
    for foreign in [vec![], vec![("Origin", "http://evil")], vec![OURS, ("Sec-Fetch-Site", "cross-site")]] {
        assert_eq!(post(&site, Some("otto"), &foreign, GOOD).status, 403, "{foreign:?}");
    }
    let long = format!("{GOOD}{}", "x".repeat(5000));
    assert_eq!(post(&site, Some("otto"), &[OURS], &long).status, 413);
    assert_eq!(post(&site, Some("otto"), &[OURS, ("Content-Type", "application/json")], "{}").status, 415);
    // No broker is there: but that far only this comes.
    let away = post(&site, Some("otto"), &[OURS, ("Accept-Language", "de")], GOOD);
    assert!(away.status == 503 && away.text().contains("konnte nicht gesendet werden"), "{}", away.text());
    assert!(away.text().contains("value=\"Prellen\""));
    // What is lacking is said where there is no form.
    for (user, said) in [(None, "please log in first"), (Some("ernst"), "That takes the role admin.")] {
        let page = get(&site, user, PAGE);
        assert!(!page.contains("<form") && page.contains(said), "{page}");
    }
    let open = Site::start();
    assert_eq!(open.post(PAGE, &[OURS], GOOD).status, 403);
    assert!(open.get(PAGE).text().contains("has no users yet"));
}

#[test]
fn what_cannot_be_corrected_is_told_and_what_was_typed_in_stays() {
    let site = site();
    for (form, said) in [
        ("", "That is not a valid time."),
        (&GOOD.replace("2025-10-26T12:10", "soon"), "That is not a valid time."),
        (&GOOD.replace("void", ""), "Please choose what is right."),
        (&GOOD.replace("void", "replace&quantity=1.234,5"), "must be a number"),
        (&GOOD.replace("void", "scale&factor=0"), "like 0.5, 2 or 1/3"),
        (&GOOD.replace("void", "scale&factor=1"), "A factor of 1 changes nothing."),
        (&GOOD.replace("Prellen", "+"), "The reason must have"),
        (&GOOD.replace("12:10", "11:10"), "The end must be later"),
        (&GOOD.replace("2025-10-26T12:10", "2099-10-26T12:10"), "between the first and the newest"),
        (&GOOD.replace("2025-10-26", "2025-09-26"), "Nothing was recorded in that time."),
    ] {
        let answer = post(&site, Some("otto"), &[OURS], form);
        let page = answer.text();
        assert_eq!(answer.status, 400, "{form}");
        assert!(page.contains(said) && page.contains("role=\"alert\""), "{form}: {page}");
    }
    let typed = post(&site, Some("otto"), &[OURS], "from=%22%3E&kind=scale&factor=%3C").text();
    assert!(typed.contains("value=\"&#34;&#62;\"") && typed.contains("value=\"scale\" checked"), "{typed}");
}

#[test]
fn pages_lead_to_the_form_filled_in_and_corrections_are_undone_there() {
    let site = site();
    let (from, to) = ("2025-10-26T00:10:00Z", "2025-10-26T00:20:00Z");
    let mut ledger = Ledger::open(&site.dir.path().join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let span = minute(from)..minute(to);
    let new = NewCorrection { span, kind: CorrectionKind::Void, reason: "<x>".into(), by: "otto".into() };
    batch.correct(&meter(), &new, "2026-11-29T12:00:00Z".parse().unwrap()).unwrap();
    batch.commit().unwrap();

    let link = |page: &str| {
        let (_, link) = page.split_once("/m/hq/main/corrections?").unwrap();
        format!("{PAGE}?{}", link.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"))
    };
    // The second of two hours that the clock shows alike.
    let hour = get(&site, Some("otto"), "/m/hq/main/hour/2025-10-26T02+01?lang=en");
    let page = get(&site, Some("otto"), &link(&hour));
    assert!(page.contains("name=\"from_utc\" value=\"2025-10-26T01:00:00Z\""), "{page}");
    assert!(
        page.contains("name=\"from\" value=\"2025-10-26T02:00\"") && page.contains("2025-10-26T03:00"),
        "{page}"
    );
    let flagged = get(&site, Some("otto"), "/m/hq/main?lang=en");
    let (_, list) = flagged.split_once("id=\"implausible\"").unwrap();
    assert!(link(list).contains("from=20") && list.contains(">Correct a time</a>"), "{list}");
    for user in [None, Some("anna"), Some("ernst")] {
        assert!(!get(&site, user, "/m/hq/main?lang=en").contains("/corrections?"), "{user:?}");
        assert!(!get(&site, user, "/m/hq/main/day/2025-10-26").contains("/corrections?"), "{user:?}");
    }
    // The list, with undo for who may; words of people are for users.
    let (undo, said) = (format!("name=\"undo\" value=\"{from}\""), "value=\"2026-11-29T12:00:00Z\"");
    let page = get(&site, Some("otto"), PAGE);
    assert!(page.contains(&undo) && page.contains(said) && page.contains("&#60;x&#62;"), "{page}");
    assert!(
        !get(&site, None, PAGE).contains("&#60;x&#62;") && !get(&site, None, PAGE).contains("name=\"undo\"")
    );
    let german =
        get(&site, Some("otto"), &format!("{PAGE}?lang=de&entered={from}&said=2026-11-29T12:00:00Z"));
    assert!(
        german.contains("Die Korrektur wurde eingetragen.")
            && german.contains("Ja, diese Korrektur zurücknehmen")
    );
    let nobodys = post(&site, Some("otto"), &[OURS], "undo=yesterday&said=now");
    assert_eq!(nobodys.status, 400);
}
