//! Listens to other people's counters: one session at their broker for all of them.

use daemon_runtime::{Connection, MqttSession, MqttSettings};
use meter_messages::SiteId;
use rumqttc::QoS;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::totals::payload::{PayloadError, number, total};
use crate::totals::settings::CounterSettings;

/// What was heard of a counter.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Its total, in millionths of a Wh or litre, and whether the broker had kept it.
    Total(i64, bool),
    /// Its power in W, or flow in l/h.
    Rate(u32),
    /// Something else where its total should be.
    Unreadable(PayloadError),
}

/// Who wants to hear of a counter.
#[derive(Debug)]
pub struct Listener {
    /// The counter.
    pub counter: CounterSettings,
    /// Where it goes.
    pub heard: flume::Sender<Heard>,
}

/// What a message says of a counter.
pub fn understand(counter: &CounterSettings, topic: &str, payload: &[u8], retained: bool) -> Vec<Heard> {
    let mut heard = Vec::new();
    if let Some(power) = counter.power.as_ref().filter(|power| power.topic == topic && !retained)
        && let Ok(Some(number)) = number(payload, power.value.as_deref())
        && number.is_finite()
    {
        heard.push(Heard::Rate((number * power.factor).max(0.0).round() as u32));
    }
    if counter.topic == topic {
        let said = number(payload, counter.value.as_deref());
        match said.and_then(|said| said.map(|number| total(number, counter.millionths())).transpose()) {
            Ok(total) => heard.extend(total.map(|total| Heard::Total(total, retained))),
            Err(error) => heard.push(Heard::Unreadable(error)),
        }
    }
    heard
}

/// The session that hears of these counters, under a name of its own.
pub fn session<'a>(
    settings: &Settings,
    name: &str,
    counters: impl Iterator<Item = &'a CounterSettings>,
) -> MqttSession {
    let mut topics: Vec<&str> = counters.flat_map(CounterSettings::topics).collect();
    topics.sort_unstable();
    topics.dedup();
    let subscriptions = topics.into_iter().map(|topic| (topic.to_owned(), QoS::AtLeastOnce)).collect();
    // What comes over a session that lasts would be old, and look new.
    MqttSession { client_id: name.to_owned(), subscriptions, ..MqttSession::new(broker(settings), name) }
}

fn broker(settings: &Settings) -> &MqttSettings {
    settings.counters.as_ref().unwrap_or(&settings.mqtt)
}

/// The publisher's name where it listens: not the one under which it publishes.
fn client_id(site: &SiteId, counters: Option<&MqttSettings>) -> String {
    let written = counters.and_then(|counters| counters.client_id.clone());
    written.unwrap_or_else(|| format!("powerpi-{site}-counters"))
}

/// Hands on what is heard until `shutdown`.
pub(crate) async fn run(settings: &Settings, listeners: &[Listener], shutdown: &CancellationToken) {
    if listeners.is_empty() {
        return;
    }
    let name = client_id(&settings.site, settings.counters.as_ref());
    let session = session(settings, &name, listeners.iter().map(|listener| &listener.counter));
    session.run(shutdown, async |connection| listen(connection, listeners).await).await;
}

async fn listen(connection: &mut Connection, listeners: &[Listener]) -> anyhow::Result<()> {
    loop {
        let message = connection.message().await?;
        for listener in listeners {
            for heard in understand(&listener.counter, &message.topic, &message.payload, message.retain) {
                // A meter's thread that has ended ends the program.
                let _ = listener.heard.send_async(heard).await;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::totals::settings::CounterOnPaper;

    #[test]
    fn a_message_says_total_and_power() {
        let said = "topic = \"z/plug\"\nprofile = \"zigbee2mqtt\"";
        let plug = CounterSettings::try_from(daemon_runtime::parse::<CounterOnPaper>(said).unwrap()).unwrap();
        let heard = |payload: &str, retained| understand(&plug, "z/plug", payload.as_bytes(), retained);
        assert_eq!(
            heard("{\"energy\":1.5,\"power\":20.6}", false),
            [Heard::Rate(21), Heard::Total(1_500_000_000, false)]
        );
        assert_eq!(heard("{\"energy\":1.5,\"power\":20.6}", true), [Heard::Total(1_500_000_000, true)]);
        assert_eq!(heard("{\"power\":-3}", false), [Heard::Rate(0)]);
        assert_eq!(heard("{\"linkquality\":3}", false), []);
        assert!(matches!(heard("{\"energy\":-1}", false)[..], [Heard::Unreadable(PayloadError::NoTotal(_))]));
        assert_eq!(understand(&plug, "z/other", b"{\"energy\":1.5}", false), []);
    }
}
