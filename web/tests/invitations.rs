//! Users in the browser, with the real program: an invitation is a link that works once and for a time, and is not guessed;
//! what admins change holds at once, and disturbs nobody else.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use broker_users::{OpenInvitation, PasswordHash, Role, Users, UsersFile};
use pairing::BrowserInvitation;
use site::program::Server;
use site::{Answer, request};
use tempfile::TempDir;

const LOCAL: [(&str, &str); 3] =
    [("Host", "localhost"), ("Sec-Fetch-Site", "same-origin"), ("Accept", "text/html")];
const USERS: &str = "/settings/users?lang=en";

struct Pages {
    server: Server,
    folder: TempDir,
    /// The session of the admin.
    otto: String,
}

fn kept(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

impl Pages {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().display();
        let mut file = UsersFile::open(&folder.path().join("users.toml")).unwrap();
        file.set(&"otto".parse().unwrap(), Some(&PasswordHash::of(b"of otto").unwrap()), Some(Role::Admin));
        file.save().unwrap();
        drop(file);
        let settings =
            format!("state_dir = '{path}'\nsettings_dir = '{path}'\n[access]\nusers = '{path}/users.toml'");
        let server = Server::start(&settings);
        let mut pages = Self { server, folder, otto: String::new() };
        let signed_in = pages.post("/login", &[("name", "otto"), ("password", "of otto")]);
        pages.otto = kept(&signed_in);
        assert!(pages.otto.starts_with("powerpi=b3R0bw."), "{:?}", signed_in.headers);
        pages
    }

    fn users_file(&self) -> PathBuf {
        self.folder.path().join("users.toml")
    }

    fn users(&self) -> Users {
        Users::read(&self.users_file()).unwrap()
    }

    fn asked(&self, what: (&str, &str), cookie: &str, form: Option<&str>) -> Answer {
        request(self.server.address(), what, &[&LOCAL[..], &[("Cookie", cookie)]].concat(), form)
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        self.asked(("GET", path), cookie, None)
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.asked(("POST", path), &self.otto, Some(&form))
    }

    /// The path of the link that otto makes.
    fn link(&self, wanted: &str, name: &str, role: (&str, &str)) -> String {
        let answer = self.post(USERS, &[("do", wanted), ("name", name), role]);
        let page = answer.text();
        assert_eq!(
            (answer.status, answer.header("cache-control").contains("no-store")),
            (200, true),
            "{page}"
        );
        let link =
            page.split("href=\"http://localhost/invitation/").nth(1).unwrap_or_else(|| panic!("{page}"));
        format!("/invitation/{}?lang=en", link.split('"').next().unwrap())
    }

    fn accept(&self, link: &str, password: &str) -> Answer {
        self.asked(("POST", link), "", Some(&format!("password={password}&again={password}")))
    }
}

#[test]
fn who_is_invited_sets_a_password_once_and_is_in() {
    let pages = Pages::new();
    let link = pages.link("invite", "anna", ("role", "enter-readings"));
    let page = pages.get(USERS, &pages.otto).text();
    assert!(page.contains("invited, until") && !page.contains("/invitation/"), "it is shown once: {page}");
    let secret = link.split('.').nth(1).unwrap().split('?').next().unwrap();
    assert!(!std::fs::read_to_string(pages.users_file()).unwrap().contains(secret));

    let welcome = pages.get(&link, "");
    assert!(welcome.status == 200 && welcome.text().contains("Welcome, anna"), "{}", welcome.text());
    assert!(pages.get(&link.replace("=en", "=de"), "").text().contains("Willkommen, anna"));
    for (password, again, said) in [
        ("short", "short", "8 characters"),
        ("long enough", "long enougi", "not the same"),
        ("", "", "8 characters"),
    ] {
        let form = format!("password={password}&again={again}").replace(' ', "+");
        let refused = pages.asked(("POST", &link), "", Some(&form));
        assert!(refused.status == 400 && refused.text().contains(said), "{}", refused.text());
    }
    let foreign = [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site")];
    let form = Some("password=long+enough&again=long+enough");
    assert_eq!(request(pages.server.address(), ("POST", &link), &foreign, form).status, 403);
    assert!(!pages.users().user.contains_key("anna"));

    let accepted = pages.accept(&link, "long+enough");
    assert_eq!(accepted.status, 303, "{}", accepted.text());
    let anna = kept(&accepted);
    assert!(pages.get("/m/hq/main/readings?lang=en", &anna).text().contains("name=\"shown\""));
    assert_eq!(pages.get("/settings", &anna).status, 403);
    // A second time it is good for nothing, and says so.
    assert_eq!((pages.get(&link, "").status, pages.accept(&link, "something+else").status), (404, 404));
    let users = pages.users();
    assert_eq!((users.user.len(), users.user["anna"].role), (2, Some(Role::EnterReadings)));
    assert!(users.user["anna"].password.as_ref().unwrap().verify(b"long enough"));
    assert_eq!(pages.post("/login", &[("name", "anna"), ("password", "long enough")]).status, 303);
    // A name need not be one that a cookie may hold.
    let link = pages.link("invite", "Jörg; X", ("role", "look"));
    let joerg = kept(&pages.accept(&link, "long+enough"));
    assert!(pages.get("/m/hq/main?lang=en", &joerg).text().contains("Jörg; X"));
}

#[test]
fn of_two_who_open_a_link_at_once_one_sets_the_password() {
    let pages = Pages::new();
    let link = pages.link("invite", "anna", ("role", "look"));
    let taken: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|number| {
                let (pages, link) = (&pages, &link);
                scope.spawn(move || pages.accept(link, &format!("password-{number}")).status)
            })
            .collect();
        tries.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(taken.iter().filter(|status| **status == 303).count(), 1, "{taken:?}");
    assert_eq!(taken.iter().filter(|status| **status == 404).count(), 3, "{taken:?}");
}

#[test]
fn guessing_links_is_slowed_down_and_over_is_over() {
    let pages = Pages::new();
    // One that is over, as `powerpi invite` would have written it.
    let link = BrowserInvitation::random();
    let mut file = UsersFile::open(&pages.users_file()).unwrap();
    let until = daemon_runtime::now() - jiff::SignedDuration::from_secs(1);
    let invitation = OpenInvitation { name: "late".parse().unwrap(), role: Role::Admin, until };
    let hash = PasswordHash::of(link.secret.password().as_bytes()).unwrap();
    file.invite(&link.id.user().parse().unwrap(), &hash, &invitation);
    file.save().unwrap();
    drop(file);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        (pages.get(&link.path(), "").status, pages.accept(&link.path(), "long+enough").status),
        (404, 404)
    );
    let good = pages.link("invite", "anna", ("role", "look"));
    let id = good.split('/').nth(2).unwrap().split('.').next().unwrap();
    let mut statuses = Vec::new();
    for number in 0..20 {
        let guess = if number % 2 == 0 { format!("{id}.AAAAAAAAAAAAAAAAAAAAAA") } else { "x".repeat(number) };
        statuses.push(pages.get(&format!("/invitation/{guess}"), "").status);
    }
    assert!(statuses[..8].iter().all(|status| *status == 404), "{statuses:?}");
    assert_eq!(statuses[19], 429, "{statuses:?}");
    // Even the right one has to wait then.
    assert_eq!(pages.get(&good, "").status, 429);
}

#[test]
fn what_admins_change_holds_at_once_and_an_admin_stays() {
    let pages = Pages::new();
    let anna = kept(&pages.accept(&pages.link("invite", "anna", ("role", "look")), "long+enough"));
    let taken = pages.post(USERS, &[("do", "invite"), ("name", "anna"), ("role", "admin")]);
    assert!(taken.status == 409 && taken.text().contains("a user of this name already"), "{}", taken.text());
    let role = |was: &str, role: &str, name: &str| {
        pages.post(USERS, &[("do", "role"), ("name", name), ("was", was), ("role", role)]).status
    };
    assert_eq!((role("look", "admin", "anna"), role("look", "admin", "anna")), (303, 409));
    assert_eq!(pages.get("/settings", &anna).status, 200, "at once, in the same session");
    assert_eq!((role("admin", "look", "anna"), role("admin", "look", "otto")), (303, 409));
    // A new password by a link ends the sessions with the old one; what the user may do stays.
    let link = pages.link("link", "anna", ("was", "look"));
    assert_eq!(pages.get("/m/hq/main", &anna).status, 200, "the old one is good until then");
    assert_eq!(pages.accept(&link, "another+one").status, 303);
    assert_eq!(pages.get("/m/hq/main", &anna).status, 401);
    // An invitation is withdrawn, a user deleted.
    let ernst = pages.link("invite", "ernst", ("role", "look"));
    assert_eq!(pages.post(USERS, &[("do", "withdraw"), ("name", "ernst")]).status, 303);
    assert_eq!(pages.get(&ernst, "").status, 404);
    let again = pages.link("link", "anna", ("was", "look"));
    assert_eq!(pages.post(USERS, &[("do", "delete"), ("name", "anna"), ("was", "look")]).status, 303);
    assert_eq!((pages.get(&again, "").status, pages.users().user.len()), (404, 1));
    let last = pages.post(USERS, &[("do", "delete"), ("name", "otto"), ("was", "admin")]);
    assert!(last.status == 409 && last.text().contains("must remain"), "{}", last.text());
    let log = pages.server.log();
    for said in [
        "anna is invited, with the role look by=\"otto\"",
        "anna is new, with the role look by=\"anna\"",
        "anna has the role admin by=\"otto\"",
        "anna has another password by=\"anna\"",
        "anna is no user any more by=\"otto\"",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    for nonsense in [
        [("do", "invite"), ("name", "a/b"), ("role", "look")],
        [("do", "invite"), ("name", "x"), ("role", "publisher")],
        [("do", "fly"), ("name", "x"), ("role", "look")],
    ] {
        assert_eq!(pages.post(USERS, &nonsense).status, 400);
    }
}

/// A stream of live values, and whether it has ended.
struct Stream(TcpStream);

impl Stream {
    fn open(pages: &Pages, cookie: &str) -> Self {
        use std::io::Write;
        let mut stream = TcpStream::connect(pages.server.address()).unwrap();
        let head = format!(
            "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut stream = Self(stream);
        assert!(!stream.ends_within(Duration::from_secs(1)));
        stream
    }

    fn ends_within(&mut self, time: Duration) -> bool {
        let (began, mut bytes, mut end) = (Instant::now(), [0; 4096], Vec::new());
        while began.elapsed() < time {
            match self.0.read(&mut bytes) {
                Ok(0) => return true,
                Ok(count) => end.extend_from_slice(&bytes[..count]),
                Err(_) => {}
            }
            // The last chunk, which is empty.
            if end.ends_with(b"0\r\n\r\n") {
                return true;
            }
        }
        false
    }
}

#[test]
fn inviting_somebody_ends_nobodys_stream_and_taking_a_right_does() {
    let pages = Pages::new();
    let otto = pages.otto.clone();
    let mut stream = Stream::open(&pages, &otto);
    let anna = kept(&pages.accept(&pages.link("invite", "anna", ("role", "look")), "long+enough"));
    assert!(!stream.ends_within(Duration::from_secs(3)), "nobody has lost anything");
    let mut annas = Stream::open(&pages, &anna);
    assert_eq!(pages.post(USERS, &[("do", "delete"), ("name", "anna"), ("was", "look")]).status, 303);
    assert!(annas.ends_within(Duration::from_secs(5)));
    // What another program writes is seen, too.
    let mut file = UsersFile::open(&pages.users_file()).unwrap();
    file.set(&"ernst".parse().unwrap(), Some(&PasswordHash::of(b"of ernst").unwrap()), Some(Role::Look));
    file.save().unwrap();
    drop(file);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(pages.post("/login", &[("name", "ernst"), ("password", "of ernst")]).status, 303);
}

#[test]
fn a_users_file_that_the_pages_may_not_write_is_said_plainly() {
    let pages = Pages::new();
    let link = pages.link("invite", "anna", ("role", "look"));
    // Whoever is root may write everywhere, but not where no folder is.
    let path = pages.users_file();
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = pages.post(USERS, &[("do", "invite"), ("name", "ernst"), ("role", "look")]);
    assert!(refused.status == 503 && refused.text().contains("may not write"), "{}", refused.text());
    assert_eq!(pages.accept(&link, "long+enough").status, 503);
}
