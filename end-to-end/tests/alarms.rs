//! Alarms, told by MQTT, e-mail and webhook: once, over restarts and failures.
#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use end_to_end::{Program, Site, free_port, mosquitto_pub, mosquitto_sub, run_to_end, wait_until};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

/// A web server that keeps what is posted to it; the first post is refused.
#[derive(Clone, Default)]
struct Hooks(Arc<Mutex<Vec<Value>>>);

impl Hooks {
    fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hooks = self.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                hooks.answer(stream.unwrap(), number > 0);
            }
        });
        port
    }

    fn answer(&self, stream: TcpStream, take: bool) {
        let mut request = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            request.read_line(&mut line).unwrap();
            if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        request.read_exact(&mut body).unwrap();
        let status = if take { "204 No Content" } else { "503 Busy" };
        write!(request.into_inner(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        if take {
            self.0.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        }
    }

    /// Alarm and state of each notice so far.
    fn told(&self) -> Vec<(String, String)> {
        let text = |notice: &Value, field: &str| notice[field].as_str().unwrap().to_owned();
        self.0.lock().unwrap().iter().map(|notice| (text(notice, "alarm"), text(notice, "state"))).collect()
    }
}

fn mail_server(folder: &Path) -> (Program, u16) {
    let port = free_port();
    let arguments = ["-u", "-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c"];
    let arguments = arguments.into_iter().chain(["aiosmtpd.handlers.Debugging", "stdout"]);
    let arguments: Vec<String> = arguments.map(str::to_owned).collect();
    let server = Program::spawn_file("mail", Path::new("/usr/bin/python3"), folder, &arguments, &[]);
    wait_until("the mail server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (server, port)
}

fn settings(site: &Site, mail: u16, hook: u16) {
    let settings = format!(
        "ledger = 'ledger.sqlite'\nstate_file = 'alarms.json'\nlanguage = 'de'\ntime_zone = 'Europe/Berlin'\n\
         pages = 'https://strom.example.org/'\n[mqtt]\nport = {}\n\
         [email]\nhost = '127.0.0.1'\nport = {mail}\nsecurity = 'none'\nfrom = 'power@example.org'\n\
         to = ['people@example.org']\n[webhook]\nurl = 'http://127.0.0.1:{hook}/hook'\n\
         [[alarm]]\nname = 'oven'\nmeter = 'hq/main'\nabove_w = 5000\nfor = '2s'\n\
         [[alarm]]\nname = 'standstill'\nmeter = 'hq/main'\nno_pulse_for = '3s'\n\
         [[alarm]]\nname = 'budget'\nmeter = 'hq/main'\nbudget_kwh_per_month = 0.5\n\
         [[alarm]]\nname = 'gone'\nmeter = 'hq/main'\noffline_for = '2s'\n\
         [[alarm]]\nname = 'mistyped'\nmeter = 'hq/mian'\nno_pulse_for = '9h'\n",
        site.mqtt
    );
    std::fs::write(site.path().join("powerpi-alarms.toml"), settings).unwrap();
}

/// What a publisher says each second; the total goes on with the power.
struct Publisher<'site> {
    site: &'site Site,
    total: u64,
}

impl Publisher<'_> {
    fn say(&mut self, power_w: u32) {
        self.total += u64::from(power_w > 0);
        let live = format!(r#"{{"t":"{}","w":{power_w},"total":{}}}"#, daemon_runtime::now(), self.total);
        mosquitto_pub(self.site.mqtt, "powerpi/hq/main/live", &live, &[]);
        thread::sleep(std::time::Duration::from_millis(200));
    }

    fn say_until(&mut self, power_w: u32, what: &str, mut holds: impl FnMut() -> bool) {
        wait_until(what, || {
            self.say(power_w);
            holds()
        });
    }
}

#[test]
fn an_alarm_is_told_once_in_three_ways_and_over_once() {
    let site = Site::new("");
    let (hooks, (mail, mail_port)) = (Hooks::default(), mail_server(site.path()));
    settings(&site, mail_port, hooks.start());
    std::fs::set_permissions(site.path().join("powerpi-alarms.toml"), Permissions::from_mode(0o644)).unwrap();
    let _broker = site.start("powerpi-broker");
    let recorder = site.start("powerpi-recorder");
    let alarms = site.start("powerpi-alarms");
    mosquitto_pub(site.mqtt, "powerpi/hq/status", "online", &["-r"]);
    let retained = |alarm: &str| -> Value {
        let topic = format!("powerpi/hq/alarm/{alarm}/state");
        let message = mosquitto_sub(site.mqtt, &topic, 1, 5).pop().map(|(_, payload)| payload);
        message.map_or(Value::Null, |payload| serde_json::from_str(&payload).unwrap())
    };
    wait_until("all alarms are quiet topics", || retained("oven")["state"] == "quiet");

    let told = |alarm: &str, state: &str| {
        hooks.told().iter().filter(|(name, said)| name == alarm && said == state).count()
    };
    let mut publisher = Publisher { site: &site, total: 1000 };
    publisher.say(100);
    publisher.say_until(7321, "the oven is told, after a refused try", || told("oven", "raised") == 1);
    wait_until("its topic says so, too", || retained("oven")["state"] == "raised");
    wait_until("the oven is told by e-mail", || mail.log().contains("Subject:"));

    alarms.kill();
    let alarms = site.start("powerpi-alarms");
    publisher.say_until(100, "the oven is off", || told("oven", "over") == 1);
    assert_eq!(retained("oven")["highest"], 7321.0);
    publisher.say_until(0, "no pulse is told", || told("standstill", "raised") == 1);
    publisher.say_until(100, "pulses are back", || told("standstill", "over") == 1);
    mosquitto_pub(site.mqtt, "powerpi/hq/status", "offline", &["-r"]);
    wait_until("the publisher is gone", || told("gone", "raised") == 1);
    mosquitto_pub(site.mqtt, "powerpi/hq/status", "online", &["-r"]);
    wait_until("the publisher is back", || told("gone", "over") == 1);
    assert_eq!((told("oven", "raised"), told("oven", "over")), (1, 1), "{:?}", hooks.told());
    assert_eq!(told("budget", "raised"), 0, "nothing is recorded yet");
    alarms.stop();
    let alarms = budget(&site, &told);
    reloaded(&site, &alarms, &recorder);

    // One mail for each notice, in German, with the meter's page.
    wait_until("all is told by e-mail", || mail.log().matches("Subject:").count() == hooks.told().len());
    let mails = mail.log();
    assert!(mails.contains("https://strom.example.org/m/hq/main"), "{mails}");

    // The address of a webhook lets whoever knows it post: it is nowhere in the log.
    let log = std::fs::read_to_string(site.path().join("powerpi-alarms.log")).unwrap();
    assert!(log.contains("powerpi-alarms starting") && !log.contains("/hook"), "{log}");
    assert!(log.contains("every user of this machine can read"), "{log}");
    let mistyped =
        "[[alarm]] meter = \"hq/mian\": nothing of this name has been recorded; did you mean \"hq/main\"?";
    assert!(log.contains(mistyped), "once there is a meter: {log}");
    files_are_private(&site);
}

/// Another alarm is watched after a reload, and a wrong one changes nothing. The recorder stands the signal as well.
fn reloaded(site: &Site, alarms: &Program, recorder: &Program) {
    let settings = site.path().join("powerpi-alarms.toml");
    let before = std::fs::read_to_string(&settings).unwrap();
    let more = "[[alarm]]\nname = 'second'\nmeter = 'hq/main'\nabove_w = 9000\n";
    std::fs::write(&settings, format!("{before}{more}")).unwrap();
    alarms.signal(Signal::HUP);
    wait_until("the new alarm is told", || {
        !mosquitto_sub(site.mqtt, "powerpi/hq/alarm/second/state", 1, 5).is_empty()
    });
    std::fs::write(&settings, format!("{before}{more}{more}")).unwrap();
    alarms.signal(Signal::HUP);
    wait_until("it is refused", || alarms.log().contains("not reloaded, nothing was changed"));
    recorder.signal(Signal::HUP);
    wait_until("it says so", || recorder.log().contains("SIGHUP: the settings are as they were"));
}

/// Whatever the umask is that a program is started with.
fn files_are_private(site: &Site) {
    let mode = |file: &str| std::fs::metadata(site.path().join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("broker.sqlite"), mode("alarms.json")), (0o600, 0o600));
    // The pages and the alarms read it, by its group.
    assert_eq!(mode("ledger.sqlite"), 0o640);
}

/// 600 pulses in this month pass a budget of 0.5 kWh. The program still has to send the e-mail.
fn budget(site: &Site, told: &dyn Fn(&str, &str) -> usize) -> Program {
    let info =
        r#"{"name":"Haus","pulses_per_kwh":1000,"source":"test","version":"1","outbox":"a","oldest_seq":1}"#;
    mosquitto_pub(site.mqtt, "powerpi/hq/main/info", info, &["-r"]);
    let minute = daemon_runtime::now().as_second() / 60 * 60 - 60;
    let minute = Timestamp::from_second(minute).unwrap();
    let count = format!(r#"{{"t":"{minute}","s":60,"seq":1,"pulses":600,"total":600}}"#);
    mosquitto_pub(site.mqtt, "powerpi/hq/main/minute", &count, &[]);
    wait_until("the minute is recorded", || site.recorded("hq/main").len() == 1);
    let alarms = site.start("powerpi-alarms");
    wait_until("the budget is told", || told("budget", "raised") == 1);
    alarms
}

/// Keeps the head and the body of two requests, and takes only those to `/`.
fn two_posts() -> (u16, thread::JoinHandle<Vec<(String, Value)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let posts = thread::spawn(move || {
        let posts = listener.incoming().take(2).map(|stream| {
            let (mut request, mut head) = (BufReader::new(stream.unwrap()), String::new());
            while !head.ends_with("\r\n\r\n") {
                request.read_line(&mut head).unwrap();
            }
            let length = head.to_lowercase().split("content-length: ").nth(1).unwrap().to_owned();
            let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
            request.read_exact(&mut body).unwrap();
            // As servers of many kinds do: what was asked for stands in the answer.
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let (status, said) = if path == "/" {
                ("200 OK", "{}".to_owned())
            } else {
                ("404 Not Found", format!("Cannot POST {path}"))
            };
            let length = said.len();
            write!(
                request.into_inner(),
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}"
            )
            .unwrap();
            (head, serde_json::from_slice(&body).unwrap())
        });
        posts.collect()
    });
    (port, posts)
}

#[test]
fn a_test_notice_goes_to_each_webhook_in_its_form_and_it_is_said_what_came_of_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let (port, posts) = two_posts();
    std::fs::write(folder.path().join("ntfy.token"), "tk_s3cret\n").unwrap();
    let webhooks = format!(
        "language = 'de'\n[[webhook]]\nname = 'phone'\ntemplate = 'ntfy'\nurl = 'http://127.0.0.1:{port}/my-power'\ntoken_file = 'ntfy.token'\n\
         [[webhook]]\nname = 'team'\ntemplate = 'slack'\nurl = 'http://127.0.0.1:{port}/hooks/hidden'\n"
    );
    std::fs::write(folder.path().join("alarms.toml"), &webhooks).unwrap();
    let send_test = || run_to_end("powerpi-alarms", folder.path(), &["--config", "alarms.toml", "send-test"]);
    let output = send_test();
    let (said, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(said, "phone: sent\nteam: not sent: the server answered 404 Not Found\n", "{errors}");
    assert!(!output.status.success() && errors.ends_with("powerpi-alarms: 1 of 2 not sent\n"), "{errors}");
    assert!(!errors.contains("hidden") && !errors.contains("s3cret"), "{errors}");
    let posts = posts.join().unwrap();
    assert!(posts[0].0.starts_with("POST / HTTP/1.1\r\n"), "{}", posts[0].0);
    assert!(posts[0].0.contains("authorization: Bearer tk_s3cret\r\n"), "{}", posts[0].0);
    let text = "PowerPi: ein Test. Meldungen kommen hier an.";
    assert_eq!((&posts[0].1["topic"], &posts[0].1["message"]), (&"my-power".into(), &text.into()));
    assert_eq!(posts[1].1, serde_json::json!({ "text": text }));

    std::fs::write(folder.path().join("alarms.toml"), "language = 'en'\n").unwrap();
    let output = send_test();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("neither [email] nor [[webhook]]"), "{errors}");
    std::fs::write(folder.path().join("alarms.toml"), webhooks.replace("'ntfy'", "'ntfi'")).unwrap();
    assert_eq!(send_test().status.code(), Some(2), "wrong settings");
}
