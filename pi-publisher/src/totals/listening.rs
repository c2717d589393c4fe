//! Listens to other people's counters: one session at their broker for all of them.

use anyhow::Context;
use daemon_runtime::{Connection, MqttSession, MqttSettings};
use meter_messages::SiteId;
use rumqttc::QoS;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::totals::heard::Heard;
use crate::totals::listener::Listener;
use crate::totals::payload::{number, total};
use crate::totals::settings::CounterSettings;

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
            Err(error) => heard.push(Heard::Unreadable(error.to_string())),
        }
    }
    heard
}

/// A counter at the broker, and who wants to hear of it.
pub(crate) type AtBroker<'a> = (&'a CounterSettings, &'a Listener);

/// The session that hears of these counters, under a name of its own.
fn session(settings: &Settings, name: &str, counters: &[AtBroker<'_>]) -> MqttSession {
    let mut topics: Vec<&str> = counters.iter().flat_map(|(counter, _)| counter.topics()).collect();
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
pub(crate) async fn run(settings: &Settings, counters: &[AtBroker<'_>], shutdown: &CancellationToken) {
    let name = client_id(&settings.site, settings.counters.as_ref());
    let session = session(settings, &name, counters);
    session.run(shutdown, async |connection| listen(connection, counters).await).await;
}

/// Hands on what is heard over one connection until `stop`.
///
/// # Errors
/// The broker cannot be reached, or the connection ends.
pub(crate) async fn run_once(
    settings: &Settings,
    counters: &[AtBroker<'_>],
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    // Beside the publisher, and beside others who look.
    let name = format!("powerpi-{}-look-{}", settings.site, std::process::id());
    let session = session(settings, &name, counters);
    let Some(connected) = stop.run_until_cancelled(session.connect()).await else { return Ok(()) };
    let mut connection = connected.context("listening to the counter's broker")?;
    match stop.run_until_cancelled(listen(&mut connection, counters)).await {
        Some(ended) => ended,
        None => {
            connection.close(None).await;
            Ok(())
        }
    }
}

async fn listen(connection: &mut Connection, counters: &[AtBroker<'_>]) -> anyhow::Result<()> {
    loop {
        let message = connection.message().await?;
        for (counter, listener) in counters {
            for heard in understand(counter, &message.topic, &message.payload, message.retain) {
                listener.hear(heard).await;
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
        assert_eq!(heard("{\"energy\":-1}", false), [Heard::Unreadable("-1 is no total".into())]);
        assert_eq!(understand(&plug, "z/other", b"{\"energy\":1.5}", false), []);
    }
}
