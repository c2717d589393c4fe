//! `powerpi cluster nats-users`: at a real NATS each user may do what the users file says, and no more.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use end_to_end::nats::Nats;
use end_to_end::torture::Simulation;
use end_to_end::{Site, run_to_end, wait_until};

const USERS: &str = "[user.hq]\nrole = 'publisher'\n[user.flat]\nrole = 'publisher'\n[user.recorder]\nrole = 'recorder'\n\
                     [user.web]\nrole = 'web'\n[user.guest]\nrole = 'reader'\n[user.ha]\nrole = 'home-assistant'\n\
                     [user.boss]\nrole = 'admin'\n[user.visitor]\nrole = 'look'\n";

/// Makes the settings, and returns them with what was said.
fn made(folder: &Path, more: &[&str]) -> (String, String) {
    let arguments = [
        "cluster",
        "nats-users",
        "--users",
        "users.toml",
        "--passwords",
        "passwords",
        "--to",
        "nats-users.conf",
    ];
    let output = run_to_end("powerpi", folder, &[&arguments[..], more].concat());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    (fs::read_to_string(folder.join("nats-users.conf")).unwrap(), said)
}

/// Somebody at a node.
struct At<'a> {
    port: u16,
    folder: &'a Path,
}

impl At<'_> {
    fn client(&self, program: &str, user: &str) -> Command {
        let password = fs::read_to_string(self.folder.join("passwords").join(user)).unwrap_or_default();
        let mut command = Command::new(program);
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-u",
            user,
            "-P",
            password.trim(),
            "-q",
            "1",
        ]);
        command
    }

    /// Whether it was let in.
    fn publish(&self, user: &str, topic: &str, payload: &str) -> bool {
        let mut command = self.client("mosquitto_pub", user);
        command.args(["-r", "-t", topic, "-m", payload]).output().unwrap().status.success()
    }

    /// The topics of what is retained, as a user sees it.
    fn retained(&self, user: &str, filter: &str) -> Vec<String> {
        let mut command = self.client("mosquitto_sub", user);
        let output = command.args(["-t", filter, "-W", "2", "-F", "%t"]).output().unwrap();
        let mut topics: Vec<_> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        topics.sort();
        topics
    }
}

#[test]
fn each_user_may_do_at_nats_what_the_users_file_says_and_no_more() {
    let site = Site::new(&Simulation::new(3, 1, 10).settings(None));
    let folder = site.path();
    fs::write(folder.join("users.toml"), USERS).unwrap();
    fs::create_dir(folder.join("passwords")).unwrap();
    fs::write(folder.join("passwords/guest"), "a word of mine\n").unwrap();
    let (settings, said) = made(folder, &[]);
    assert!(said.contains("7 users. 6 new passwords are in passwords."), "{said}");
    assert!(
        said.contains("Left out for flat and 1 more: homeassistant/device/powerpi_%U_+/config"),
        "{said}"
    );
    let mode = fs::metadata(folder.join("passwords/hq")).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, settings.contains("visitor")), (0o600, false));
    let nats = Nats::start(&settings);
    let at = At { port: nats.mqtt[1], folder };
    wait_until("the cluster lets publishers in", || at.publish("flat", "powerpi/flat/status", "online"));
    // NATS acknowledges what it refuses, so one looks at what is there.
    assert!(at.publish("flat", "powerpi/hq/status", "online"));
    assert!(at.publish("flat", "powerpi/flat/main/recorded", "{}"));
    assert!(at.publish("guest", "powerpi/flat/main/info", "{}"));
    assert!(at.publish("recorder", "powerpi/flat/main/recorded", "{}"));
    assert!(at.publish("flat", "homeassistant/device/powerpi_flat_main/config", "{}"));
    let seen = |user: &str| at.retained(user, "powerpi/#");
    wait_until("marks are there", || seen("guest").contains(&"powerpi/flat/main/recorded".to_owned()));
    for user in ["guest", "web", "ha", "boss"] {
        assert_eq!(seen(user), ["powerpi/flat/main/recorded", "powerpi/flat/status"], "{user}");
    }
    assert_eq!(seen("hq"), [""; 0], "another site's");
    assert_eq!(at.retained("flat", "powerpi/flat/#").len(), 2, "its own");
    assert_eq!(at.retained("boss", "homeassistant/#"), [""; 0]);
    assert!(
        !at.publish("visitor", "powerpi/flat/status", "x")
            && !at.publish("nobody", "powerpi/flat/status", "x")
    );
    only_by_mqtt(&nats, folder);
    // And the programs do with it.
    for (name, user) in [("pi-publisher", "hq"), ("powerpi-recorder", "recorder"), ("powerpi-web", "web")] {
        let login = format!("{}\nuser = '{user}'\npassword_file = 'passwords/{user}'", nats.hosts(0));
        site.replace(name, &format!("port = {}", site.mqtt), &login);
    }
    let recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    let web = site.start("powerpi-web");
    wait_until("minutes are recorded", || site.recorded("hq/m0").len() > 20);
    wait_until("pages tell what the broker does not have", || web.log().contains("($SYS)"));
    for program in [&recorder, &publisher, &web] {
        assert!(!program.log().contains("refused"), "{}", program.log());
    }
    let (with, said) = made(folder, &["--discovery"]);
    assert!(with.contains("homeassistant.device.*.config") && said.contains("0 new passwords"), "{said}");
}

/// Who listens with NATS' own protocol could read what others are sent.
fn only_by_mqtt(nats: &Nats, folder: &Path) {
    let settings = fs::read_to_string(nats.home(0).join("nats.conf")).unwrap();
    let listen = settings.lines().find_map(|line| line.strip_prefix("listen: ")).unwrap().trim_matches('"');
    let mut stream = TcpStream::connect(listen).unwrap();
    let password = fs::read_to_string(folder.join("passwords/boss")).unwrap();
    let login = format!("CONNECT {{\"user\":\"boss\",\"pass\":\"{}\"}}\r\nPING\r\n", password.trim());
    stream.write_all(login.as_bytes()).unwrap();
    let said: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take(2).collect();
    assert!(said.iter().any(|line| line.contains("Authorization Violation")), "{said:?}");
}
