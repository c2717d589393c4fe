//! Talking to Home Assistant as its own pages do: HTTP with JSON, and its WebSocket API.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(120);

/// Whoever has the token of an administrator.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its port on this machine.
    pub port: u16,
    /// An access token; empty before there is a user.
    pub token: String,
}

/// A connection to its WebSocket API.
#[derive(Debug)]
pub struct Asked {
    socket: WebSocket<TcpStream>,
    number: u64,
}

impl Client {
    /// Makes the first user, as its pages do at the first start, and a token that lasts.
    pub fn first_user(port: u16) -> Self {
        let mut client = Self { port, token: String::new() };
        let client_id = format!("http://127.0.0.1:{port}/");
        let user = json!({
            "name": "Ada", "username": "ada", "password": "meters count", "client_id": client_id, "language": "en",
        });
        let code = client.post("/api/onboarding/users", &user)["auth_code"].as_str().unwrap().to_owned();
        let form = format!("grant_type=authorization_code&code={code}&client_id={client_id}");
        let (status, body) =
            client.request("POST", "/auth/token", "application/x-www-form-urlencoded", &form);
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        client.token = body["access_token"].as_str().unwrap().to_owned();
        let lasting = json!({ "client_name": "PowerPi", "lifespan": 3650 });
        client.token =
            client.connect().ask("auth/long_lived_access_token", lasting).as_str().unwrap().to_owned();
        client.keep_port();
        client
    }

    /// Says that its port is right. It goes back to its usual one after five minutes unless somebody does; versions before
    /// 2026.11 do not know the question.
    fn keep_port(&self) {
        let mut asked = self.connect();
        asked.say(&json!({ "id": 1, "type": "http/config/promote" }));
        while asked.hear()["id"] != 1 {}
    }

    /// Adds its integration of MQTT with a broker on this machine, as the pages do it.
    pub fn add_mqtt(&self, broker: u16) {
        let flow = self.post("/api/config/config_entries/flow", &json!({ "handler": "mqtt" }));
        let id = flow["flow_id"].as_str().unwrap_or_else(|| panic!("{flow}"));
        let settings = json!({
            "broker": "127.0.0.1", "port": broker, "protocol": "5",
            "other_settings": { "set_client_cert": false, "set_ca_cert": "off", "transport": "tcp" },
        });
        let made = self.post(&format!("/api/config/config_entries/flow/{id}"), &settings);
        assert_eq!(made["type"], "create_entry", "{made}");
    }

    /// All entities with their states.
    pub fn states(&self) -> Vec<Value> {
        let (status, body) = self.request("GET", "/api/states", "application/json", "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The state of an entity, with its attributes; `None` if there is no such entity.
    pub fn state(&self, entity: &str) -> Option<Value> {
        self.states().into_iter().find(|state| state["entity_id"] == entity)
    }

    /// Lets it stop.
    pub(super) fn stop(&self) {
        // It may be gone before it has answered.
        self.connect().say(&json!({
            "id": 1, "type": "call_service", "domain": "homeassistant", "service": "stop",
        }));
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.request("POST", path, "application/json", &body.to_string());
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Status and body.
    fn request(&self, method: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let who = match self.token.as_str() {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        // HTTP/1.0: the body ends with the connection and has no chunks.
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n{who}", self.port);
        write!(stream, "{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Opens its WebSocket API.
    pub fn connect(&self) -> Asked {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = format!("ws://127.0.0.1:{}/api/websocket", self.port);
        let (socket, _) = tungstenite::client::client(address, stream).unwrap();
        let mut asked = Asked { socket, number: 0 };
        assert_eq!(asked.hear()["type"], "auth_required");
        asked.say(&json!({ "type": "auth", "access_token": self.token }));
        assert_eq!(asked.hear()["type"], "auth_ok");
        asked
    }
}

impl Asked {
    /// Asks, and returns the result.
    pub fn ask(&mut self, kind: &str, mut question: Value) -> Value {
        self.number += 1;
        question["id"] = self.number.into();
        question["type"] = kind.into();
        self.say(&question);
        loop {
            let mut answer = self.hear();
            if answer["id"] == self.number && answer["type"] == "result" {
                assert_eq!(answer["success"], true, "{question}: {answer}");
                return answer["result"].take();
            }
        }
    }

    fn say(&mut self, said: &Value) {
        self.socket.send(Message::text(said.to_string())).unwrap();
    }

    fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}
