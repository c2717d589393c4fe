//! What Home Assistant and we say to one another: written down on the way to a real one, and said again by a server that
//! knows nothing else.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use end_to_end::home_assistant::{Client, repair};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::day;

/// What of the day is compared, and in how many hours of it.
pub(crate) const SINCE: [&str; 2] = ["--since", "2026-11-28T00:00:00Z"];

/// What was said, one by one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conversations(Arc<Mutex<Vec<Value>>>);

/// Where it stands in the repository.
fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/home_assistant/conversation.jsonl")
}

impl Conversations {
    /// A place on the way to Home Assistant, for one connection: its port.
    pub(crate) fn beside(&self, home_assistant: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = self.clone();
        std::thread::spawn(move || {
            let here = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let stream = std::net::TcpStream::connect(("127.0.0.1", home_assistant)).unwrap();
            let address = format!("ws://127.0.0.1:{home_assistant}/api/websocket");
            let (there, _) = tungstenite::client::client(address, stream).unwrap();
            said.carry(here, there);
        });
        port
    }

    /// Each of our messages has one answer; Home Assistant begins.
    fn carry(&self, mut here: WebSocket<std::net::TcpStream>, mut there: WebSocket<std::net::TcpStream>) {
        loop {
            let Ok(Message::Text(answer)) = there.read() else { return };
            self.note("home-assistant", &answer);
            here.send(Message::Text(answer)).unwrap();
            let Ok(Message::Text(question)) = here.read() else { return };
            self.note("powerpi", &question);
            there.send(Message::Text(question)).unwrap();
        }
    }

    fn note(&self, who: &str, text: &str) {
        let mut said: Value = serde_json::from_str(text).unwrap();
        if said.get("access_token").is_some() {
            said["access_token"] = "s3cret".into();
        }
        // Its other entities are of no interest here.
        let all = said.get_mut("result").and_then(Value::as_array_mut);
        if let Some(all) = all.filter(|all| all.iter().any(|of| of["platform"].is_string())) {
            all.retain(|entity| entity["platform"] == "mqtt");
        }
        self.0.lock().unwrap().push(serde_json::json!({ who: said }));
    }

    /// Writes it down.
    pub(crate) fn keep(&self) {
        let lines: Vec<String> = self.0.lock().unwrap().iter().map(Value::to_string).collect();
        std::fs::write(file(), lines.join("\n") + "\n").unwrap();
    }
}

/// Says what Home Assistant has said, as long as it is asked what it was asked; returns its port.
fn play(said: Vec<Value>) -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let played = std::thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        for line in said {
            if let Some(answer) = line.get("home-assistant") {
                socket.send(Message::text(answer.to_string())).unwrap();
            } else {
                let question = socket.read().unwrap().into_text().unwrap();
                assert_eq!(serde_json::from_str::<Value>(&question).unwrap(), line["powerpi"]);
            }
        }
        // We take leave.
        while socket.read().is_ok() {}
    });
    (port, played)
}

/// The conversations that are written down, each with what the real one's run printed.
fn written() -> Vec<Vec<Value>> {
    let text = std::fs::read_to_string(file()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let begins = |line: &Value| line["home-assistant"]["type"] == "auth_required";
    lines.chunk_by(|_, next| !begins(next)).map(<[Value]>::to_vec).collect()
}

#[test]
fn what_differs_is_sent_to_home_assistant_as_the_real_one_took_it() {
    let conversations = written();
    let folder = TempDir::new().unwrap();
    day::record(&folder.path().join("ledger.sqlite"), day::HOURS - 1);
    let mut said = Vec::new();
    for (conversation, more) in conversations.into_iter().zip([&["--dry-run"][..], &[], &[]]) {
        let (port, played) = play(conversation);
        let client = Client { port, token: "s3cret".to_owned() };
        let output = repair(folder.path(), &client, &[&SINCE[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        played.join().unwrap();
        said.push(String::from_utf8(output.stdout).unwrap());
    }
    assert_eq!(said.len(), 3);
    assert!(said[0].contains(" would be put right") && said[0].contains(" would be added "), "{}", said[0]);
    assert!(said[1].contains(" are put right") && said[1].contains(" are added "), "{}", said[1]);
    assert!(said[2].contains(" is right in all of 5 hours"), "{}", said[2]);
}

#[test]
fn a_token_that_is_not_taken_is_told_with_what_to_do() {
    let refusal = [
        serde_json::json!({ "home-assistant": { "type": "auth_required", "ha_version": "2026.11.0" } }),
        serde_json::json!({ "powerpi": { "type": "auth", "access_token": "old" } }),
        serde_json::json!({
            "home-assistant": { "type": "auth_invalid", "message": "Invalid access token or password" },
        }),
    ];
    let folder = TempDir::new().unwrap();
    day::record(&folder.path().join("ledger.sqlite"), 1);
    let (port, played) = play(refusal.to_vec());
    let output = repair(folder.path(), &Client { port, token: "old".to_owned() }, &[]);
    played.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("it does not take the token; make one of an administrator"),
        "{said}"
    );
}
