//! TLS, from outside, with mosquitto's clients.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use broker_users::Role;

use crate::access::{access_settings, add_users, password};
use crate::certificates::{Authority, Certified};
use crate::program::{Home, Running};

const PATIENCE: Duration = Duration::from_secs(60);

/// An address that nobody listens on, off the one whose ports other tests' clients use up.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.77.0.1:0").unwrap().local_addr().unwrap()
}

struct Secure {
    home: Home,
    authority: Authority,
    address: SocketAddr,
}

impl Secure {
    /// A broker's home with a certificate, users and this below `[tls]`, `CA` being its authority's file.
    fn new(until_year: i32, more: &str) -> Secure {
        let home = Home::new();
        let authority = Authority::new(home.path(), "ca");
        let Certified { certificate, key } = authority.server(home.path(), until_year);
        let address = free_address();
        add_users(&home, &[("hq", Role::Publisher), ("reader", Role::Reader)]);
        let files = format!("certificate = '{}'\nkey = '{}'", certificate.display(), key.display());
        let access = access_settings(&home);
        let more = more.replace("CA", &authority.pem.display().to_string());
        home.write(&format!("{access}[tls]\nlisten = '{address}'\n{files}\n{more}"));
        Secure { home, authority, address }
    }

    fn start(&self) -> Running {
        self.home.start()
    }

    fn mosquitto(&self, program: &str, ca: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.77.0.1", "-p", &self.address.port().to_string(), "--cafile"]);
        command.arg(ca).args(arguments);
        command
    }

    /// Publishes over TLS with a password, trusting a CA.
    fn publish(&self, ca: &Path, message: &str) -> Output {
        let arguments = ["-u", "hq", "-P", &password("hq"), "-t", "powerpi/hq/main/minute", "-q", "1"];
        self.mosquitto("mosquitto_pub", ca, &arguments).args(["-m", message]).output().unwrap()
    }

    /// A subscriber over TLS that tells all it does, once it is subscribed.
    fn subscriber(&self) -> (Child, BufReader<impl Read + use<>>) {
        let arguments = ["-u", "reader", "-P", &password("reader"), "-t", "powerpi/#", "-d", "-q", "1"];
        let mut command = Command::new("stdbuf");
        let mosquitto = self.mosquitto("mosquitto_sub", &self.authority.pem, &arguments);
        command.arg("-oL").arg(mosquitto.get_program()).args(mosquitto.get_args());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        wait_for_line(&mut lines, "Subscribed");
        (child, lines)
    }
}

/// Reads until a line with `text` comes; returns all before it.
fn wait_for_line(lines: &mut impl BufRead, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        assert!(lines.read_line(&mut read).unwrap() > 0, "no {text:?} in {read}");
    }
    read
}

#[test]
fn only_who_trusts_the_right_authority_speaks() {
    let secure = Secure::new(2099, "");
    let _running = secure.start();
    let said = secure.publish(&secure.authority.pem, "x");
    assert!(said.status.success(), "{said:?}");
    let other = Authority::new(secure.home.path(), "other");
    let said = secure.publish(&other.pem, "x");
    assert!(!said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("TLS") || said.contains("certificate"), "{said}");
}

#[test]
fn an_expired_certificate_is_noticed_and_replaced_without_losing_anybody() {
    let secure = Secure::new(2099, "");
    let running = secure.start();
    let (mut child, mut lines) = secure.subscriber();
    let ca = &secure.authority.pem;
    let until = |what: &str, expected: bool| {
        let start = Instant::now();
        while secure.publish(ca, what).status.success() != expected {
            assert!(start.elapsed() < PATIENCE, "{what}: not reloaded");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    secure.authority.server(secure.home.path(), 2020);
    running.reload();
    until("expired", false);
    // A certificate that is none leaves the old one.
    let Certified { certificate, .. } = secure.authority.server(secure.home.path(), 2098);
    std::fs::write(&certificate, "none").unwrap();
    running.reload();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!secure.publish(ca, "still expired").status.success());
    secure.authority.server(secure.home.path(), 2097);
    running.reload();
    until("renewed", true);
    let said = wait_for_line(&mut lines, "renewed");
    assert!(!said.contains("CONNECT"), "the subscriber was disconnected: {said}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_client_certificate_names_the_user() {
    let secure = Secure::new(2099, "client_ca = 'CA'");
    let _running = secure.start();
    // Whether it is published within so many seconds.
    let publish = |authority: &Authority, name: &str, site: &str, within_s| {
        let Certified { certificate, key } = authority.client(secure.home.path(), name);
        let topic = format!("powerpi/{site}/main/minute");
        let mut command = secure.mosquitto("mosquitto_pub", &secure.authority.pem, &["-t", &topic]);
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
        command.args(["-q", "1", "-m", "certified", "-i", &format!("{name}-{site}")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // mosquitto_pub tries again and again when its connection is closed.
        let start = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.success(),
                None if start.elapsed() > Duration::from_secs(within_s) => break false,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let _ = child.kill();
        child.wait().unwrap();
        ended
    };
    assert!(publish(&secure.authority, "hq", "hq", 60));
    // It is not told so in MQTT 3.1.1.
    assert!(publish(&secure.authority, "hq", "other", 60));
    assert!(secure.home.log().contains("the user may not publish to \"powerpi/other/main/minute\""));
    assert!(!publish(&secure.authority, "nobody", "nobody", 3));
    let forger = Authority::new(secure.home.path(), "forger");
    assert!(!publish(&forger, "hq", "hq", 3));
    // A password goes on being one.
    assert!(secure.publish(&secure.authority.pem, "x").status.success());
}

#[test]
fn a_revoked_certificate_lets_nobody_in_and_ends_who_is_in() {
    let list = tempfile::tempdir().unwrap();
    let list = list.path().join("revoked.pem");
    let secure = Secure::new(2099, &format!("client_ca = 'CA'\nclient_crl = '{}'", list.display()));
    secure.authority.revoke(&list, &["somebody"]);
    let running = secure.start();
    let Certified { certificate, key } = secure.authority.client(secure.home.path(), "reader");
    let subscribe = || {
        let arguments = ["-t", "powerpi/#", "-q", "1", "-v", "-d", "-i", "reader"];
        let mosquitto = secure.mosquitto("mosquitto_sub", &secure.authority.pem, &arguments);
        let mut command = Command::new("stdbuf");
        command.arg("-oL").arg(mosquitto.get_program()).args(mosquitto.get_args());
        command.arg("--cert").arg(&certificate).arg("--key").arg(&key);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut child = subscribe();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    wait_for_line(&mut lines, "Subscribed");
    secure.authority.revoke(&list, &["somebody", "reader"]);
    running.reload();
    // It is disconnected, and tries in vain to come back.
    let start = Instant::now();
    while !secure.home.log().contains("Revoked") {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", secure.home.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        secure.home.log().contains("the user was removed, or what it has to show"),
        "{}",
        secure.home.log()
    );
    // Without a certificate a password is one still.
    assert!(secure.publish(&secure.authority.pem, "x").status.success());
}

#[test]
fn who_says_nothing_delays_nobody() {
    let secure = Secure::new(2099, "");
    let _running = secure.start();
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(secure.address).unwrap()).collect();
    let start = Instant::now();
    assert!(secure.publish(&secure.authority.pem, "x").status.success());
    // Waiting for each of them in turn would be a quarter of an hour.
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    drop(silent);
}

#[test]
fn large_messages_pass_in_both_directions() {
    let secure = Secure::new(2099, "");
    let _running = secure.start();
    let (mut child, mut lines) = secure.subscriber();
    let large = "x".repeat(100_000);
    assert!(secure.publish(&secure.authority.pem, &large).status.success());
    wait_for_line(&mut lines, &large);
    child.kill().unwrap();
    child.wait().unwrap();
}
