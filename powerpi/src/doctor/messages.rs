//! What the broker and the publishers say of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use daemon_runtime::{MqttSession, MqttSettings};
use meter_messages::{Diag, Info, Meter, Status, Topic};
use rumqttc::QoS;

use super::finding::{self, Finding, doubtful, good, wrong};
use crate::server::Server;

/// All that is retained has come once nothing came for so long.
const PAUSE: Duration = Duration::from_millis(700);

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What publishers say of themselves.
#[derive(Debug, Default)]
struct Said {
    versions: BTreeMap<Meter, String>,
    diags: BTreeMap<Meter, Diag>,
    offline: Vec<String>,
}

/// Connects as the pages do, and listens.
pub(super) async fn look(server: &Server) -> Vec<Finding> {
    let settings = match server.table::<MqttSettings>("powerpi-web.toml", "mqtt") {
        Ok(settings) => settings.unwrap_or_default(),
        Err(error) => {
            let advice = "correct the settings; the log of powerpi-web says the same";
            return vec![wrong("settings", format!("[mqtt] of powerpi-web.toml: {error}"), advice)];
        }
    };
    let address = settings.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match tokio::time::timeout(PATIENCE, listen(&settings)).await {
        Ok(Ok(said)) => findings(&address, &said),
        Ok(Err(error)) => vec![unreachable(&address, &format!("{error:#}"))],
        Err(_) => vec![unreachable(&address, "it does not answer")],
    }
}

fn unreachable(address: &str, why: &str) -> Finding {
    let advice = "does powerpi-broker run, and may the user of powerpi-web.toml log in? `journalctl -u powerpi-broker \
                  -n 50` tells";
    wrong("broker", format!("the broker on {address} cannot be asked: {why}"), advice)
}

async fn listen(settings: &MqttSettings) -> anyhow::Result<Said> {
    let topics = ["powerpi/+/+/info", "powerpi/+/+/diag", "powerpi/+/status"];
    let client_id = format!("powerpi-doctor-{}", daemon_runtime::random_id());
    let session = MqttSession {
        client_id: client_id.clone(),
        subscriptions: topics.iter().map(|topic| ((*topic).to_owned(), QoS::AtMostOnce)).collect(),
        ..MqttSession::new(settings, &client_id)
    };
    let mut connection = session.connect().await?;
    let mut said = Said::default();
    while let Ok(message) = tokio::time::timeout(PAUSE, connection.message()).await {
        let message = message?;
        match message.topic.parse() {
            Ok(Topic::Info(meter)) => {
                let info = Info::from_json(&message.payload);
                said.versions.extend(info.ok().map(|info| (meter, info.version)));
            }
            Ok(Topic::Diag(meter)) => {
                said.diags.extend(Diag::from_json(&message.payload).ok().map(|it| (meter, it)));
            }
            Ok(Topic::Status(site)) if message.payload.as_ref() == Status::Offline.as_str().as_bytes() => {
                said.offline.push(site.to_string());
            }
            _ => {}
        }
    }
    connection.close(None).await;
    Ok(said)
}

fn findings(address: &str, said: &Said) -> Vec<Finding> {
    let mut found = vec![good("broker", format!("the broker on {address} answers"))];
    found.extend(said.offline.iter().map(|site| {
        let advice = "is it switched on, and in the network? `systemctl status pi-publisher` on it tells";
        doubtful("offline", format!("the publisher of {site} is offline"), advice)
    }));
    found.extend(said.diags.iter().flat_map(|(meter, diag)| finding::publisher(&meter.to_string(), diag)));
    let ours = env!("CARGO_PKG_VERSION");
    for (meter, version) in said.versions.iter().filter(|(_, version)| *version != ours) {
        let text = format!("{meter}: its publisher is of version {version}, this server of {ours}");
        found.push(good("version", text));
    }
    found
}
