//! A Pi joins a server by an invitation: the real programs, over TLS, with services that this test starts as systemd
//! would.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use end_to_end::{Program, Site, binary, free_port, run_to_end, wait_until};
use jiff::Timestamp;
use pairing::{Fingerprint, Invitation};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// A server that nobody has been let in to.
struct Server {
    site: Site,
    broker: Option<Program>,
}

impl Server {
    fn new() -> Self {
        let site = Site::new("");
        site.append("powerpi-broker", &format!("[tls]\nlisten = '0.0.0.0:{}'\n", free_port()));
        // As `systemctl` does; what it starts is started by the test.
        script(
            &site.path().join("control"),
            "echo \"$*\" >> control.log\n[ \"$1\" != reload ] || [ ! -e broker.pid ] || kill -HUP \"$(cat broker.pid)\"",
        );
        Self { site, broker: None }
    }

    fn powerpi(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let control = folder.join("control").display().to_string();
        let place = ["--settings", &folder.display().to_string(), "--control", &control];
        // Who only lists tells no service anything.
        let place = if arguments[0] == "sites" { &place[..2] } else { &place };
        run_to_end("powerpi", folder, &[arguments, place].concat())
    }

    /// The line that is printed.
    fn invite(&self, arguments: &[&str]) -> String {
        let output = self.powerpi(&[&["invite", "--address", "127.0.0.1"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn start_broker(&mut self) {
        let broker = self.site.start("powerpi-broker");
        fs::write(self.site.path().join("broker.pid"), broker.id().to_string()).unwrap();
        self.broker = Some(broker);
    }

    /// The service powerpi-pairing.
    fn start_answering(&self) -> Program {
        let folder = self.site.path();
        let control = folder.join("control").display().to_string();
        let arguments = ["pair", "--settings", &folder.display().to_string(), "--control", &control];
        Program::spawn("powerpi", folder, &arguments.map(str::to_owned), &[])
    }

    fn users(&self) -> String {
        fs::read_to_string(self.site.path().join("users.toml")).unwrap()
    }
}

/// A Pi with a household on paper, whose service the test starts.
struct Pi(PathBuf);

impl Pi {
    fn new(server: &Server, name: &str) -> Self {
        let folder = server.site.path().join(name);
        fs::create_dir(&folder).unwrap();
        let until = daemon_runtime::now().as_second() / 60 * 60 - 120;
        let [from, until] = [until - 600, until].map(|at| Timestamp::from_second(at).unwrap());
        let settings = format!(
            "site = 'nobody'\nstate_dir = '.'\nruntime_dir = 'run'\n[mqtt]\nhost = 'old.lan'\n[[meter]]\nid = 'main'\n\
             pulses_per_kwh = 1000\nsource = {{ kind = 'simulated', seed = 7, from = '{from}', until = '{until}' }}\n"
        );
        fs::write(folder.join("pi-publisher.toml"), settings).unwrap();
        script(&folder.join("control"), "echo \"$*\" >> control.log");
        Self(folder)
    }

    fn arguments(&self, line: &str, more: &[&str]) -> Vec<String> {
        let control = self.0.join("control").display().to_string();
        let arguments = ["--config", "pi-publisher.toml", "join", line, "--control", &control];
        [&arguments[..], more].concat().into_iter().map(str::to_owned).collect()
    }

    fn join(&self, line: &str, more: &[&str]) -> (bool, String) {
        let arguments = self.arguments(line, more);
        let output =
            run_to_end("pi-publisher", &self.0, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    /// The same with the line typed in, or what else `command` reads on its standard input.
    fn join_typing(&self, mut command: Command, typed: &str) -> (bool, String) {
        let mut child = command
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.0.join("pi-publisher.toml")).unwrap()
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Not at all: the line was looked at before, and nobody waits for a minute.
const QUICKLY: [&str; 4] = ["--look", "0", "--wait", "0"];

#[test]
fn a_pi_joins_once_and_is_revoked() {
    let mut server = Server::new();
    let line = server.invite(&["home"]);
    let told = fs::read_to_string(server.site.path().join("control.log")).unwrap();
    assert_eq!(told, "restart powerpi-broker\nstart powerpi-pairing\n");
    server.start_broker();
    let recorder = server.site.start("powerpi-recorder");
    let mut answering = server.start_answering();

    let pi = Pi::new(&server, "pi");
    let before = pi.settings();
    let another = Invitation { authority: Fingerprint::of(b"another CA"), ..line.parse().unwrap() };
    let (joined, said) = pi.join(&another.to_string(), &QUICKLY);
    assert!(!joined && said.contains("is another server"), "{said}");
    assert_eq!(pi.settings(), before, "a failure changes nothing");

    let mut join = Program::spawn(
        "pi-publisher",
        &pi.0,
        &pi.arguments(&line, &["--look", "1", "--reading", "12.5"]),
        &[],
    );
    let told = || fs::read_to_string(pi.0.join("control.log")).unwrap_or_default();
    wait_until("the Pi's service is started", || {
        join.ended().is_some() || told().contains("restart pi-publisher")
    });
    assert!(told().contains("restart"), "{}", join.log());
    let publisher = Program::start("pi-publisher", &pi.0);
    let status = join.wait(std::time::Duration::from_secs(60));
    let said = join.log();
    assert!(status.success(), "{said}");
    for part in [
        "main: ",
        "lets this Pi in as \"home\"",
        "The reading of main is 12.5 now",
        "recorded the first minute of home/main",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let users = server.users();
    assert!(users.contains("[user.home]") && !users.contains("invite."), "{users}");
    assert!(answering.wait(std::time::Duration::from_secs(60)).success());
    assert!(!server.users().contains("pairing"), "nobody answers any more");

    // Good for nothing any more, for another Pi; the one that has used it may go on.
    let thief = Pi::new(&server, "thief");
    let (joined, said) = thief.join(&line, &QUICKLY);
    assert!(!joined && said.contains("good for nothing any more"), "{said}");
    let (joined, said) = pi.join(&line, &QUICKLY);
    assert!(joined && said.contains("lets this Pi in already"), "{said}");
    let again = server.powerpi(&["invite", "--address", "127.0.0.1", "home"]);
    assert!(
        !again.status.success() && String::from_utf8_lossy(&again.stderr).contains("--replace"),
        "{again:?}"
    );

    let revoked = server.powerpi(&["revoke", "home"]);
    assert!(revoked.status.success(), "{revoked:?}");
    wait_until("the Pi's service is let in no longer", || {
        publisher
            .log()
            .lines()
            .any(|line| line.contains("next try in") && line.contains("BadUserNamePassword"))
    });
    let (joined, said) = pi.join(&line, &QUICKLY);
    assert!(!joined, "{said}");
    // The last user is gone; that keeps out nobody who needs none.
    server.broker.take().unwrap().stop();
    server.start_broker();
    let logs =
        [server.broker.as_ref().unwrap().log(), recorder.log(), publisher.log(), answering.log()].concat();
    let invitation: Invitation = line.parse().unwrap();
    assert!(!logs.contains(&invitation.secret.password()), "a secret is in a log");
}

#[test]
fn an_invitation_ends_with_its_time_and_survives_a_kill() {
    let mut server = Server::new();
    let (early, late) = (server.invite(&["early"]), server.invite(&["late"]));
    server.start_broker();

    // Nobody answers yet, and the Pi is killed while it waits.
    let pi = Pi::new(&server, "pi");
    let join = Program::spawn("pi-publisher", &pi.0, &pi.arguments(&early, &QUICKLY), &[]);
    wait_until("the password lies on the disk", || {
        fs::read_dir(&pi.0)
            .unwrap()
            .any(|file| file.unwrap().file_name().to_string_lossy().starts_with("invite."))
    });
    join.kill();
    assert!(pi.settings().contains("nobody"), "{}", pi.settings());

    // An hour later, for one of the two.
    let users = server.users();
    let (before, of_late) = users.split_once("name = \"late\"").unwrap();
    let (_, after) = of_late.split_once('}').unwrap();
    let over =
        format!("{before}name = \"late\", role = \"publisher\", until = \"2026-01-01T00:00:00Z\" }}{after}");
    fs::write(server.site.path().join("users.toml"), over).unwrap();
    let answering = server.start_answering();
    wait_until("what is over is withdrawn", || !server.users().contains("late"));
    answering.kill();
    let answering = server.start_answering();

    let (joined, said) = Pi::new(&server, "too-late").join(&late, &QUICKLY);
    assert!(!joined && said.contains("its time is over"), "{said}");
    let (joined, said) = pi.join(&early, &QUICKLY);
    assert!(joined, "{said}\n{}", answering.log());
    assert!(pi.settings().contains("early") && !pi.settings().contains("old.lan"), "{}", pi.settings());

    // Stopped while somebody is invited, it tells the broker without waiting: systemd would let them wait for each other.
    server.invite(&["third"]);
    assert!(server.users().contains("pairing"), "{}", server.users());
    answering.stop();
    assert!(!server.users().contains("pairing"), "{}", server.users());
    let told = fs::read_to_string(server.site.path().join("control.log")).unwrap();
    assert_eq!(told.lines().last(), Some("reload powerpi-broker --no-block"), "{told}");
}

/// The clock of a Pi that has just started is of 1970, or of when it was switched off: for it, every certificate is of
/// the future.
#[test]
fn a_certificate_of_the_future_is_good_only_while_the_clock_is_not_known_to_be_right() {
    let mut server = Server::new();
    let folder = server.site.path();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let mut broker = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    (broker.not_before, broker.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
    let key = KeyPair::generate().unwrap();
    let pem = broker.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap().pem();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    let files = format!("certificate = '{0}/tls.pem'\nkey = '{0}/tls.key'\n", folder.display());
    server.site.append("powerpi-broker", &files);
    // The Pi cannot be told of a CA that the broker does not show.
    fs::write(folder.join("tls.pem"), &pem).unwrap();
    let refused = server.powerpi(&["invite", "--address", "127.0.0.1", "home"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is the last one in this file"), "{refused:?}");
    fs::write(folder.join("tls.pem"), pem + &ca_pem).unwrap();

    let line = server.invite(&["home"]);
    server.start_broker();
    let _answering = server.start_answering();
    let pi = Pi::new(&server, "pi");
    let (joined, said) = pi.join(&line, &QUICKLY);
    assert_eq!(joined, !daemon_runtime::Clocks::now().unwrap().synchronised, "{said}");
}

#[test]
fn twenty_join_at_once() {
    let mut server = Server::new();
    let lines: Vec<String> = (0..20).map(|n| server.invite(&[&format!("site-{n:02}")])).collect();
    server.start_broker();
    let mut answering = server.start_answering();
    let pis: Vec<Pi> = (0..20).map(|n| Pi::new(&server, &format!("pi-{n}"))).collect();
    std::thread::scope(|scope| {
        for (pi, line) in pis.iter().zip(&lines) {
            scope.spawn(move || {
                let (joined, said) = pi.join(line, &QUICKLY);
                assert!(joined, "{said}");
            });
        }
    });
    assert!(answering.wait(std::time::Duration::from_secs(60)).success(), "{}", answering.log());
    let sites = server.powerpi(&["sites"]);
    let sites = String::from_utf8(sites.stdout).unwrap();
    let expected: Vec<String> = (0..20).map(|n| format!("site-{n:02}\tpaired")).collect();
    assert_eq!(sites.lines().collect::<Vec<_>>(), expected);
}

/// Without the line as an argument, which every user of the machine can read: from standard input, and from somebody at a
/// terminal, who is asked for the meter as well.
#[test]
fn an_invitation_need_not_stand_in_the_list_of_processes() {
    let mut server = Server::new();
    let (piped, typed) = (server.invite(&["piped"]), server.invite(&["typed"]));
    server.start_broker();
    let _answering = server.start_answering();
    let of = |pi: &Pi| {
        let arguments = pi.arguments("", &QUICKLY);
        arguments.into_iter().filter(|argument| !argument.is_empty()).collect::<Vec<_>>()
    };

    let pi = Pi::new(&server, "pi-piped");
    let mut command = Command::new(binary("pi-publisher"));
    command.args(of(&pi));
    let (joined, said) = pi.join_typing(command, &format!("{piped}\nand what comes after it\n"));
    assert!(joined && pi.settings().contains("\"piped\""), "{said}");
    let mut nothing = Command::new(binary("pi-publisher"));
    nothing.args(of(&pi));
    let (joined, said) = pi.join_typing(nothing, "");
    assert!(!joined && said.contains("there is no invitation"), "{said}");

    let pi = Pi::new(&server, "pi-typed");
    fs::write(pi.0.join("pi-publisher.toml"), "state_dir = '.'\nruntime_dir = 'run'\n").unwrap();
    let mut command = Command::new("script");
    let inside = format!("{} {}", binary("pi-publisher").display(), of(&pi).join(" "));
    command.args(["--quiet", "--return", "--command", &inside, "/dev/null"]);
    let (joined, said) = pi.join_typing(command, &format!("{typed}\nthirteen\n13\n800\n"));
    let settings = pi.settings();
    assert!(joined && said.contains("Please give a number."), "{said}");
    for part in ["\"typed\"", "\"pin 13\"", "pulses_per_kwh = 800"] {
        assert!(settings.contains(part), "{part} is not in {settings}");
    }
}
