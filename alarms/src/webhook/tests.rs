#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::notice::State;

fn settings(toml: &str) -> WebhookSettings {
    daemon_runtime::parse(toml).unwrap()
}

fn said(outcome: anyhow::Result<impl std::fmt::Debug>) -> String {
    format!("{:#}", outcome.unwrap_err())
}

/// A folder with a token and a password.
fn secrets() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\nmore\n").unwrap();
    folder
}

fn token_file(folder: &Path) -> String {
    format!("token_file = '{}'", folder.join("token").display())
}

fn notice() -> Notice {
    Notice {
        alarm: "oven".into(),
        meter: "hq/main".into(),
        state: State::Raised,
        since: Some("2026-11-29T18:00:00Z".parse().unwrap()),
        until: None,
        highest: Some(7321.0),
        text: Some("Küche: above 5000 W & \"more\" <since> 18:00".into()),
        page: Some("https://power.example.org/m/hq/main".into()),
    }
}

/// Method, address, headers and body of what would be sent.
async fn request(settings: &WebhookSettings, notice: &Notice) -> (String, HeaderMap, String) {
    let webhook = Webhook::new(settings).unwrap();
    let mut request = Request::builder();
    request.headers_mut().unwrap().clone_from(&webhook.headers);
    let (head, body) = webhook.form.request(notice, request).unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (format!("{} {}", head.method, head.uri), head.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn the_address_stands_in_the_settings_or_in_a_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("webhook");
    std::fs::write(&file, "https://example.org/hooks/token\nmore\n").unwrap();
    let in_file = format!("url_file = '{}'", file.display());
    for toml in ["url = 'https://example.org/hooks/token'", &in_file] {
        assert_eq!(settings(toml).address().unwrap(), "https://example.org/hooks/token", "{toml}");
    }
    for toml in ["", &format!("url = 'https://example.org'\n{in_file}")] {
        let said = said(settings(toml).address());
        assert!(said.contains("either url or url_file"), "{said}");
    }
}

#[test]
fn it_is_never_shown() {
    for url in [
        "https://example.org/hidden",
        "ftp://example.org/hidden",
        "hidden",
        "https:///hidden",
        "ht tp://hidden",
    ] {
        for template in [
            "",
            "template = 'ntfy'",
            "template = 'slack'",
            "body = 'hidden'",
            "[headers]\nX-Key = \"hidden\\u0007\"",
        ] {
            let settings = settings(&format!("url = '{url}'\n{template}"));
            assert!(!format!("{settings:?}").contains("hidden"));
            if let Err(error) = Webhook::new(&settings) {
                assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
            }
        }
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_what_to_write() {
    let folder = secrets();
    let token = token_file(folder.path());
    for (toml, expected) in [
        ("template = 'ntfy'\nurl = 'https://ntfy.sh/'", "like https://ntfy.sh/my-topic"),
        ("template = 'ntfy'\nurl = 'https://ntfy.sh/a%20b'", "like https://ntfy.sh/my-topic"),
        ("template = 'gotify'\nurl = 'https://example.org'", "this template needs a token_file"),
        ("template = 'matrix'\nurl = 'https://example.org'", "room goes with template = \"matrix\""),
        ("room = '!a:b'\nurl = 'https://example.org'", "room goes with template = \"matrix\""),
        ("template = 'slack'\nbody = 'x'\nurl = 'https://example.org'", "either template or body"),
        ("body = '{\"t\": {text}}'\nurl = 'https://example.org'", "body is not JSON"),
        ("body = '{\"t\": \"{txt}\"}'\nurl = 'https://example.org'", "{txt}; there are only {text}, {alarm}"),
        ("user = 'a'\nurl = 'https://example.org'", "either token_file, or user and password_file"),
        ("url = 'https://example.org'\n[headers]\n'a b' = 'c'", "a b cannot be a header"),
        ("name = 'phone'\nurl = 'nowhere'", "webhook \"phone\": its address must be like"),
    ] {
        let said = said(Webhook::new(&settings(toml)));
        assert!(said.contains(expected), "{toml}: {said}");
    }
    let both = format!("{token}\nuser = 'a'\npassword_file = '/dev/null'\nurl = 'https://example.org'");
    assert!(said(Webhook::new(&settings(&both))).contains("either token_file, or user"));
    let missing = said(Webhook::new(&settings("token_file = '/nowhere'\nurl = 'https://example.org'")));
    assert!(missing.contains("webhook \"webhook\": reading /nowhere"), "{missing}");
    let one = settings("url = 'https://example.org'");
    assert!(said(Webhook::all(&[one.clone(), one.clone()])).contains("there are two of this name"));
    let other = WebhookSettings { name: Some("phone".into()), ..one.clone() };
    assert_eq!(Webhook::all(&[one, other]).unwrap().len(), 2);
}

/// As <https://docs.ntfy.sh/publish/#publish-as-json> has it.
#[tokio::test]
async fn ntfy_gets_a_topic_at_its_server() {
    let folder = secrets();
    let toml =
        format!("template = 'ntfy'\nurl = 'https://ntfy.example.org/power-x'\n{}", token_file(folder.path()));
    let (line, headers, body) = request(&settings(&toml), &notice()).await;
    assert_eq!(line, "POST https://ntfy.example.org/");
    assert_eq!(
        (&headers["authorization"], &headers["content-type"]),
        (&"Bearer s3cret".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let expected = json!({
        "topic": "power-x", "title": "oven", "message": notice().text, "priority": 4, "tags": ["warning"],
        "click": "https://power.example.org/m/hq/main",
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let over = Notice { state: State::Over, page: None, ..notice() };
    let (_, _, body) = request(&settings(&toml), &over).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["priority"], &body["tags"], &body["click"]),
        (&json!(3), &json!(["white_check_mark"]), &Value::Null)
    );
}

/// As <https://gotify.net/api-docs#/message/createMessage> has it.
#[tokio::test]
async fn gotify_gets_a_message_with_the_key_of_an_application() {
    let folder = secrets();
    for url in
        ["https://example.org/gotify", "https://example.org/gotify/", "https://example.org/gotify/message"]
    {
        let toml = format!("template = 'gotify'\nurl = '{url}'\n{}", token_file(folder.path()));
        let (line, headers, body) = request(&settings(&toml), &notice()).await;
        assert_eq!(line, "POST https://example.org/gotify/message");
        assert_eq!(headers["x-gotify-key"], "s3cret");
        let expected = json!({
            "title": "oven", "message": notice().text, "priority": 8,
            "extras": { "client::notification": { "click": { "url": "https://power.example.org/m/hq/main" } } },
        });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }
}

/// As `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}` of Matrix' client-server API has it.
#[tokio::test]
async fn matrix_gets_a_message_under_a_number_of_its_own() {
    let folder = secrets();
    let toml = format!(
        "template = 'matrix'\nurl = 'https://matrix.example.org'\nroom = '!a/b:example.org'\n{}",
        token_file(folder.path())
    );
    let (line, headers, body) = request(&settings(&toml), &notice()).await;
    let rooms =
        "https://matrix.example.org/_matrix/client/v3/rooms/%21a%2Fb%3Aexample.org/send/m.room.message";
    assert_eq!(line, format!("PUT {rooms}/powerpi-oven-raised-1795975200000"));
    assert_eq!(headers["authorization"], "Bearer s3cret");
    let text = format!("{}\nhttps://power.example.org/m/hq/main", notice().text.unwrap());
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({ "msgtype": "m.text", "body": text }));
    // Sent again it is the same; another one is not, and each test is one.
    assert_eq!(request(&settings(&toml), &notice()).await.0, line);
    assert_ne!(request(&settings(&toml), &Notice { state: State::Over, ..notice() }).await.0, line);
    let test = Notice { state: State::Test, ..notice() };
    let (line, ..) = request(&settings(&toml), &test).await;
    assert_eq!(line, format!("PUT {rooms}/powerpi-oven-test-1795975200000"));
}

/// As <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> has it.
#[tokio::test]
async fn slack_gets_a_text_in_which_three_letters_are_escaped() {
    let toml = "template = 'slack'\nurl = 'https://hooks.slack.example/services/T/B/X'";
    let (line, _, body) = request(&settings(toml), &notice()).await;
    assert_eq!(line, "POST https://hooks.slack.example/services/T/B/X");
    let text = "Küche: above 5000 W &amp; \"more\" &lt;since&gt; 18:00\nhttps://power.example.org/m/hq/main";
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({ "text": text }));
}

#[tokio::test]
async fn others_get_a_body_of_ones_own() {
    let folder = secrets();
    let toml = format!(
        "url = 'https://example.org/send?a=b'\nbody = '{{\"to\": {{\"n\": 1}}, \"text\": \"{{text}} ({{state}})\", \"at\": \"{{since}}/{{until}}\"}}'\n\
         token_header = 'X-Key'\n{}\n[headers]\nPriority = 'high'",
        token_file(folder.path())
    );
    let (line, headers, body) = request(&settings(&toml), &notice()).await;
    assert_eq!(line, "POST https://example.org/send?a=b");
    assert_eq!(
        (&headers["x-key"], &headers["priority"]),
        (&"s3cret".parse().unwrap(), &"high".parse().unwrap())
    );
    let test = Notice { state: State::Test, ..notice() };
    assert!(request(&settings(&toml), &test).await.2.contains("(test)"));
    let text = format!("{} (raised)", notice().text.unwrap());
    let expected = json!({ "to": { "n": 1 }, "text": text, "at": "2026-11-29T18:00:00Z/" });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected, "{body}");
    let plain =
        "url = 'https://example.org'\ncontent_type = 'text/plain'\nbody = '{alarm} {highest} {} {A}: {text}'";
    let (_, headers, body) = request(&settings(plain), &notice()).await;
    assert_eq!(headers["content-type"], "text/plain");
    assert_eq!(body, format!("oven 7321 {{}} {{A}}: {}", notice().text.unwrap()));
}

#[tokio::test]
async fn without_a_template_it_is_the_notice_itself() {
    let (line, headers, body) =
        request(&settings("url = 'https://example.org/hooks/power'"), &notice()).await;
    assert_eq!(line, "POST https://example.org/hooks/power");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(serde_json::from_str::<Notice>(&body).unwrap(), notice());
}

/// Queues of the state file from before there were several.
#[test]
fn a_queue_belongs_to_a_name() {
    use crate::record::Way;
    for (way, text) in [
        (Way::Email, "\"email\""),
        (Way::Webhook("webhook".into()), "\"webhook\""),
        (Way::Webhook("phone".into()), "\"webhook phone\""),
        (Way::Webhook("email".into()), "\"webhook email\""),
    ] {
        assert_eq!(serde_json::to_string(&way).unwrap(), text);
        assert_eq!(serde_json::from_str::<Way>(text).unwrap(), way);
    }
}
