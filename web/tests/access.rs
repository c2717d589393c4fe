//! Who may see what: strangers, users, public meters, wrong passwords, SIGHUP.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker_users::{PasswordHash, Role, UsersFile};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use site::program::{Server, free_port};
use site::{Answer, Site, meter, record_meter};
use tempfile::TempDir;

/// A header's name and value.
type Header = (&'static str, String);

fn basic(user: &str, password: &str) -> Header {
    ("Authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn anna() -> Header {
    basic("anna", "of anna")
}

fn write_users(dir: &Path, users: &[(&str, Role)]) {
    let mut file = UsersFile::open(&dir.join("users.toml")).unwrap();
    for (name, role) in users {
        let hash = PasswordHash::of(format!("of {name}").as_bytes()).unwrap();
        file.set(&name.parse().unwrap(), Some(&hash), Some(*role));
    }
    file.save().unwrap();
}

/// A folder with two meters and some users.
fn two_meters() -> TempDir {
    let dir = TempDir::new().unwrap();
    record_meter(dir.path(), &meter(), "Hauptzähler");
    record_meter(dir.path(), &"flat/cellar".parse().unwrap(), "Kellergeheimnis");
    let users = [
        ("anna", Role::Look),
        ("ernst", Role::EnterReadings),
        ("rita", Role::Reader),
        ("hq", Role::Publisher),
    ];
    write_users(dir.path(), &users);
    dir
}

fn restricted(public: &str) -> Site {
    let dir = two_meters();
    let users = dir.path().join("users.toml").display().to_string();
    Site::set_up(dir, 1, &format!("[access]\nusers = '{users}'\npublic_meters = [{public}]"))
}

fn ask(site: &Site, path: &str, (name, value): &Header) -> Answer {
    site.ask("GET", path, &[(name, value)])
}

/// Everything that is said of one meter.
fn addresses_of(meter: &str) -> Vec<String> {
    let pages = [
        "",
        "/day/2025-10-26",
        "/all",
        "/go?kind=day&date=2025-10-26",
        "/year",
        "/day.svg",
        "/day/2025-10-26.png",
    ];
    let data = [
        "",
        "/trust",
        "/energy",
        "/energy.csv",
        "/energy.xlsx",
        "/statistics.csv",
        "/series?from=0&to=60",
        "/live",
    ];
    let pages = pages.iter().map(|rest| format!("/m/{meter}{rest}"));
    let data = data.iter().map(|rest| format!("/api/v1/meters/{meter}{rest}"));
    pages.chain(data).chain([format!("/api/v1/live?meter={meter}")]).collect()
}

#[test]
fn without_users_everybody_sees_everything() {
    let site = Site::set_up(two_meters(), 1, "");
    let page = site.get("/");
    assert!(page.text().contains("Kellergeheimnis") && !page.text().contains("/login"));
    assert_eq!(page.header("cache-control"), "no-cache");
    // What a proxy may have asked for.
    let page = ask(&site, "/m/flat/cellar", &basic("of", "a proxy"));
    assert_eq!((page.status, page.text().contains("Kellergeheimnis")), (200, true));
    assert_eq!(site.get("/login").status, 303);
}

#[test]
fn what_a_proxy_has_asked_a_password_for_is_kept_by_nobody_between() {
    let site = Site::set_up(two_meters(), 1, "");
    let of_everybody = ["/m/hq/main/day/2025-10-26.png", "/assets/app.js", "/nowhere", "/login"];
    for path in addresses_of("hq/main").iter().map(String::as_str).chain(of_everybody) {
        let answer = match path.contains("live") {
            true => site.ask("HEAD", path, &[("Authorization", "Basic b2Y6YSBwcm94eQ==")]),
            false => ask(&site, path, &basic("of", "a proxy")),
        };
        assert!(answer.header("cache-control").starts_with("private, "), "{path}: {:?}", answer.headers);
        assert!(!answer.header("cache-control").contains("public"), "{path}");
    }
    assert!(site.get("/m/hq/main/day/2025-10-26.png").header("cache-control").starts_with("public, "));
}

#[test]
fn strangers_see_public_meters_as_if_there_were_no_others() {
    let site = restricted("'hq/main'");
    for list in ["/kiosk", "/status", "/api/v1/meters", "/"] {
        let answer = site.get(list);
        let text = answer.text();
        assert_eq!(answer.status, 200, "{list}");
        assert!(text.contains("hq/main") || text.contains("\"main\""), "{list}: {text}");
        assert!(!text.contains("cellar") && !text.contains("Kellergeheimnis"), "{list}: {text}");
        assert!(ask(&site, list, &anna()).text().contains("cellar"), "{list}");
    }
    // Of the server nothing is said either, but what a watchdog needs.
    assert!(!site.get("/status").text().contains("powerpi-web"));
    assert!(ask(&site, "/status", &anna()).text().contains("powerpi-web"));
    for open in ["/health", "/manifest.webmanifest", "/assets/app.js"] {
        assert_eq!(site.get(open).status, 200, "{open}");
    }
    // The only meter there is for them is the first page.
    let start = site.get("/").text();
    assert!(start.contains("<h1>Hauptzähler</h1>") && start.contains("href=\"/login\""));

    for (hidden, nowhere) in addresses_of("flat/cellar").into_iter().zip(addresses_of("flat/nobody")) {
        let [one, other] = [&hidden, &nowhere].map(|path| site.get(path));
        assert_eq!((one.status, other.status), (401, 401), "{hidden}");
        assert!(one.header("www-authenticate").starts_with("Basic realm="), "{hidden}");
        assert_eq!(one.text(), other.text().replace("nobody", "cellar"), "{hidden}");
    }
    for shown in addresses_of("hq/main").iter().filter(|path| !path.contains("live")) {
        let status = site.get(shown).status;
        assert!(status == 200 || status == 303, "{shown}: {status}");
    }
    let mut events = site.send("GET", "/api/v1/live", &[]);
    let (mut said, mut piece) = (String::new(), [0; 2000]);
    while !said.contains("\"meter\":\"hq/main\"") {
        let length = events.read(&mut piece).unwrap();
        assert!(length > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    // And nothing of another one.
    events.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    while let Ok(length @ 1..) = events.read(&mut piece) {
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    assert!(!said.contains("cellar"), "{said}");
}

#[test]
fn nothing_public_is_nothing_for_strangers() {
    let site = restricted("");
    for path in ["/", "/kiosk", "/status", "/login", "/api/v1/meters", "/api/v1/live", "/m/hq/main"] {
        let answer = site.ask("GET", path, &[("Accept-Language", "de")]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.text().contains("Hauptzähler"), "{path}");
        assert!(path.starts_with("/api") || answer.text().contains("<h1>Anmelden</h1>"), "{path}");
    }
    assert_eq!(site.get("/no/such/page").status, 404);
    assert_eq!(ask(&site, "/login", &anna()).status, 303);
}

#[test]
fn users_see_all_and_nobody_between_keeps_it() {
    let site = restricted("'hq/main'");
    for path in addresses_of("flat/cellar").iter().filter(|path| !path.contains("live")) {
        let answer = ask(&site, path, &anna());
        assert!(answer.status == 200 || answer.status == 303, "{path}: {}", answer.status);
        assert!(answer.header("cache-control").starts_with("private, "), "{path}");
        assert!(!answer.header("cache-control").contains("public"), "{path}");
    }
    assert!(site.get("/m/hq/main/day.svg").header("cache-control").starts_with("private, max-age="));
    assert!(site.get("/m/flat/cellar").header("cache-control").starts_with("private, "));
    // Within the second for which a page is kept, each gets their own.
    for _ in 0..3 {
        assert!(!site.get("/?lang=en").text().contains("cellar"));
        let page = ask(&site, "/?lang=en", &anna());
        assert!(page.text().contains("cellar") && page.text().contains("Logged in as anna"));
        assert!(!page.headers.contains_key("set-cookie"));
        assert!(ask(&site, "/?lang=en", &basic("ernst", "of ernst")).text().contains("Logged in as ernst"));
    }
    // A tag of a page that is hidden opens nothing.
    let tag = ask(&site, "/m/flat/cellar", &anna()).header("etag").to_owned();
    assert_eq!(site.ask("GET", "/m/flat/cellar", &[("If-None-Match", &tag)]).status, 401);
}

#[test]
fn roles_of_the_broker_count_where_they_read_everything() {
    let site = restricted("");
    assert_eq!(ask(&site, "/", &basic("rita", "of rita")).status, 200);
    let refused = ask(&site, "/", &basic("hq", "of hq"));
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, ""));
    assert!(refused.text().contains("<h1>Not permitted</h1>"));
}

/// A request from another address of this machine.
fn ask_from(host: &str, to: SocketAddr, header: &Header) -> String {
    answer_to(request_from(host, to, header))
}

fn request_from(host: &str, to: SocketAddr, (name, value): &Header) -> TcpStream {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .unwrap();
    rustix::net::bind(&socket, &format!("{host}:0").parse::<SocketAddr>().unwrap()).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    let mut stream = TcpStream::from(socket);
    write!(stream, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: {value}\r\n\r\n").unwrap();
    stream
}

fn answer_to(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Each check of a password wants 19 MiB: however many are asked for, they take turns in the same.
#[test]
fn a_flood_of_wrong_logins_costs_the_memory_of_one_and_gives_it_back() {
    let users = TempDir::new().unwrap();
    write_users(users.path(), &[("anna", Role::Look)]);
    let server = Server::start(&format!("[access]\nusers = '{}/users.toml'", users.path().display()));
    // A page that costs what pages cost, and no password.
    assert_eq!(
        ask_from("127.0.0.2", server.address(), &("Accept", "*/*".into())).split(' ').nth(1),
        Some("401")
    );
    let idle = server.memory_kib();
    // Of one address that has many of them, and of forty that have one each; as users that there
    // are, and that there are not.
    let flood: Vec<TcpStream> = (0..190)
        .map(|n| {
            let from = if n < 150 { "127.0.0.3".to_owned() } else { format!("127.0.1.{n}") };
            let login = basic(if n % 2 == 0 { "anna" } else { "nobody" }, "wrong");
            request_from(&from, server.address(), &login)
        })
        .collect();
    // Which is let in meanwhile, after one at most of each other address.
    let honest = request_from("127.0.0.2", server.address(), &anna());
    let mut refused = 0;
    for stream in flood {
        refused += usize::from(answer_to(stream).starts_with("HTTP/1.1 401"));
    }
    // On a busy machine some are told to come again later instead.
    assert!((1..=50).contains(&refused), "{refused} passwords were checked");
    let peak = server.memory_kib();
    println!("idle {idle} KiB, at most {peak} KiB");
    let answer = answer_to(honest);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(peak - idle < 32 * 1024, "from {idle} KiB to {peak} KiB");
    until("the memory is given back", || server.memory_kib_now() - idle < 8 * 1024);
}

#[test]
fn wrong_passwords_are_limited_by_address() {
    let site = restricted("'hq/main'");
    assert_eq!(ask(&site, "/", &anna()).status, 200);
    for (user, password) in [("anna", "guess"), ("nobody", "of anna"), ("", ""), ("anna", "")] {
        let answer = ask(&site, "/", &basic(user, password));
        assert_eq!(answer.status, 401, "{user}, although the page is there without a login");
    }
    let mut tried = 4;
    let refused = loop {
        let answer = ask(&site, "/api/v1/meters", &basic("anna", &format!("guess {tried}")));
        if answer.status != 401 {
            break answer;
        }
        tried += 1;
        assert!(tried < 50, "never limited");
    };
    let pause: u64 = refused.header("retry-after").parse().unwrap();
    assert_eq!(refused.status, 429);
    assert!((1..=31).contains(&pause), "{pause}");
    // Not even with the right one, or trying would be free; but without one, and from elsewhere.
    assert_eq!(ask(&site, "/", &anna()).status, 429);
    assert_eq!(site.get("/").status, 200);
    let (name, value) = anna();
    let behind_a_proxy = site.ask("GET", "/", &[(name, &value), ("X-Forwarded-For", "198.51.100.7")]);
    assert_eq!(behind_a_proxy.status, 200);
    let elsewhere = ask_from("127.0.0.2", site.address, &anna());
    assert!(elsewhere.starts_with("HTTP/1.1 200"), "{elsewhere}");
}

#[test]
fn many_requests_at_once_are_one_login() {
    let site = restricted("");
    std::thread::scope(|scope| {
        let asked: Vec<_> =
            (0..40).map(|_| scope.spawn(|| ask(&site, "/api/v1/meters", &anna()).status)).collect();
        assert!(asked.into_iter().all(|status| status.join().unwrap() == 200));
    });
}

/// The program itself with the settings in a folder, ended when dropped.
struct Program {
    process: Child,
    log: PathBuf,
}

impl Program {
    fn start(dir: &Path) -> Self {
        let log = dir.join("log");
        let process = Command::new(env!("CARGO_BIN_EXE_powerpi-web"))
            .args(["--config", "web.toml"])
            .current_dir(dir)
            .stderr(std::fs::File::create(&log).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn said(&self, what: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap_or_default().matches(what).count()
    }

    fn reload(&self) {
        let pid = rustix::process::Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        let before = self.said("reloaded");
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
        until("it says that it reloaded", || self.said("reloaded") > before);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn answer(address: SocketAddr, path: &str, header: &Header) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let (name, value) = header;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: {value}\r\n\r\n")
            .unwrap();
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

fn status(address: SocketAddr, path: &str, header: &Header) -> u16 {
    let answer = answer(address, path, header);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[test]
fn sighup_reads_users_again_and_ends_what_they_watch() {
    let dir = two_meters();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let settings = |more: &str| {
        let text = format!(
            "listen = '{address}'\nledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\n[access]\nusers = 'users.toml'\n\
             {more}\n[mqtt]\nport = 1\n"
        );
        std::fs::write(dir.path().join("web.toml"), text).unwrap();
    };
    settings("");
    let program = Program::start(dir.path());
    let reload = || program.reload();
    until("it is there", || status(address, "/", &anna()) == 200);
    let mut watching = TcpStream::connect(address).unwrap();
    let (name, value) = anna();
    write!(watching, "GET /api/v1/live HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n").unwrap();
    watching.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut some = [0; 4000];
    assert!(watching.read(&mut some).unwrap() > 0);

    let bertha = basic("bertha", "of bertha");
    assert_eq!(status(address, "/", &bertha), 401);
    write_users(dir.path(), &[("bertha", Role::Look)]);
    let mut file = UsersFile::open(&dir.path().join("users.toml")).unwrap();
    file.remove(&"anna".parse().unwrap()).unwrap();
    file.save().unwrap();
    assert_eq!(status(address, "/", &anna()), 200, "not before it is told");
    reload();
    assert_eq!((status(address, "/", &bertha), status(address, "/", &anna())), (200, 401));
    // What she was looking at has ended, and she is asked who she is when she comes back.
    while watching.read(&mut some).unwrap() > 0 {}
    assert_eq!(status(address, "/api/v1/live", &anna()), 401);

    std::fs::write(dir.path().join("users.toml"), "[user.bertha]\nrole = 'empress'\n").unwrap();
    reload();
    assert_eq!(program.said("not reloaded, nothing was changed"), 1);
    assert_eq!(status(address, "/", &bertha), 200);

    write_users_anew(dir.path());
    settings("public_meters = ['hq/main']");
    reload();
    let nobody = ("Accept", "*/*".to_owned());
    assert_eq!(status(address, "/m/hq/main", &nobody), 200);
    assert_eq!(status(address, "/m/flat/cellar", &nobody), 401);
}

#[test]
fn sighup_reads_all_settings_again_and_a_wrong_one_changes_nothing() {
    let dir = two_meters();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let settings = |more: &str| {
        let text = format!(
            "listen = '{address}'\nledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\n{more}\n[mqtt]\nport = 1\n"
        );
        std::fs::write(dir.path().join("web.toml"), text).unwrap();
    };
    let state = || -> serde_json::Value {
        let answer = answer(address, "/api/v1/meters/hq/main", &("Accept", "*/*".to_owned()));
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    settings("");
    let program = Program::start(dir.path());
    until("it is there", || status(address, "/", &("Accept", "*/*".to_owned())) == 200);
    assert!(state()["cost"].is_null() && state()["name"] != "Renamed", "{}", state());

    let priced = "[[tariff]]\nprice_per_kwh = 0.4\n[[meter]]\nid = 'hq/main'\nname = 'Renamed'\n[[meter]]\nid = 'hq/mian'\n";
    settings(priced);
    program.reload();
    assert!(state()["cost"].is_object() && state()["name"] == "Renamed", "{}", state());

    settings("[[tariff]]\nprice_per_kwh = 0.4\n[[tariff]]\nprice_per_kwh = 0.5\n");
    program.reload();
    assert_eq!(program.said("not reloaded, nothing was changed"), 1);
    assert_eq!(state()["name"], "Renamed");

    settings("time_zone = 'Asia/Kathmandu'\nmax_connections = 77\n");
    program.reload();
    assert_eq!(program.said("but for time_zone, max_connections"), 1);
    assert!(state()["cost"].is_null() && state()["name"] != "Renamed", "{}", state());
}

fn write_users_anew(dir: &Path) {
    std::fs::remove_file(dir.join("users.toml")).unwrap();
    write_users(dir, &[("bertha", Role::Look)]);
}

#[test]
fn settings_that_let_nobody_in_or_hide_nothing_are_refused() {
    let dir = TempDir::new().unwrap();
    write_users(dir.path(), &[("hq", Role::Publisher)]);
    for (access, says) in [
        ("users = 'users.toml'", "no user in users.toml may see the pages"),
        ("users = 'nowhere.toml'", "nowhere.toml"),
        ("public_meters = ['hq/main']", "public_meters needs users"),
        ("users = 'users.toml'\npublic_meters = ['HQ/main']", "public_meters"),
    ] {
        std::fs::write(dir.path().join("web.toml"), format!("listen = '127.0.0.1:0'\n[access]\n{access}\n"))
            .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_powerpi-web"))
            .args(["--config", "web.toml"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{access}: {said}");
    }
}

/// What everybody may see is there for scripts of other sites, too: without cookies and passwords, and nothing else.
#[test]
fn scripts_of_other_sites_get_what_is_said_to_be_public() {
    let site = restricted("'hq/main'");
    let allowed = |path: &str, headers: &[(&str, &str)]| {
        let headers = [&[("Origin", "https://elsewhere.example")], headers].concat();
        let answer = site.ask("GET", path, &headers);
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        (answer.status, answer.header("access-control-allow-origin").to_owned())
    };
    let public = (200, "*".to_owned());
    let energy = "/api/v1/meters/hq/main/energy?from=2025-06-10&to=2025-06-11&step=hour";
    for path in ["/api/v1/meters", "/api/v1/meters/hq/main", "/api/v1/meters/hq/main/trust", energy] {
        assert_eq!(allowed(path, &[]), public, "{path}");
        // The same answer, kept for who asks again.
        assert_eq!(allowed(path, &[]), public, "{path}");
    }
    // What has not changed since is as public as it was.
    let (from, to) = (site::minute("2025-10-21T00:00:00Z"), site::minute("2025-10-22T00:00:00Z"));
    let series = format!("/api/v1/meters/hq/main/series?from={}&to={}&points=100", from.start(), to.start());
    let etag = site.ask("GET", &series, &[]).header("etag").to_owned();
    assert!(etag.len() > 2, "{etag}");
    assert_eq!(allowed(&series, &[("If-None-Match", &etag)]), (304, "*".to_owned()));
    let login = anna().1;
    assert_eq!(allowed("/api/v1/meters/hq/main", &[("Authorization", &login)]), (200, String::new()));
    for (path, status) in [
        ("/api/v1/meters/flat/cellar", 401),
        ("/api/v1/nothing", 404),
        ("/m/hq/main", 200),
        ("/metrics", 200),
    ] {
        assert_eq!(allowed(path, &[]), (status, String::new()), "{path}");
    }
    // Where there are no users, nobody has said that anything is for the world.
    let open = Site::over(two_meters(), 1);
    let answer = open.ask("GET", "/api/v1/meters", &[("Origin", "https://elsewhere.example")]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
}
