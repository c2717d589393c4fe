//! The MQTT session: values in, the alarms' retained topics out.

use std::collections::BTreeSet;

use daemon_runtime::{Connection, MqttSession, MqttSettings, random_id};
use meter_messages::{AlarmTest, Live, Meter, SiteId, State, Status, Topic, alarm_of_topic, alarm_topic};
use rumqttc::{AsyncClient, Publish, QoS};
use tokio_util::sync::CancellationToken;

use crate::notice::Notice;
use crate::testing::{Outcome, Test, Tests};
use crate::watching::Watch;

/// A session that hears what the watched meters and their publishers say, and nothing of others.
pub fn session(mqtt: &MqttSettings, watch: &Watch) -> MqttSession {
    let meters = watch.meters();
    let sites: BTreeSet<&SiteId> = meters.iter().map(|meter| &meter.site).collect();
    let status = |site: &SiteId| (Topic::Status(site.clone()).to_string(), QoS::AtLeastOnce);
    let tests = |site: &SiteId| (alarm_topic(site, "+", "test"), QoS::AtLeastOnce);
    let mut subscriptions: Vec<_> = sites.into_iter().flat_map(|site| [status(site), tests(site)]).collect();
    for meter in meters {
        subscriptions.push((Topic::Live(meter.clone()).to_string(), QoS::AtMostOnce));
        subscriptions.push((Topic::State(meter).to_string(), QoS::AtMostOnce));
    }
    for site in watch.sites() {
        subscriptions.push((format!("powerpi/{site}/+/live"), QoS::AtMostOnce));
        subscriptions.push((format!("powerpi/{site}/+/state"), QoS::AtMostOnce));
    }
    MqttSession { subscriptions, ..MqttSession::new(mqtt, &format!("powerpi-alarms-{}", random_id())) }
}

/// Listens and publishes until `shutdown`. While the broker is away, publishers count as gone.
pub async fn run(session: &MqttSession, watch: &Watch, tests: &Tests, shutdown: &CancellationToken) {
    let serve = async |connection: &mut Connection| {
        let client = connection.client.clone();
        let ended = tokio::select! {
            ended = listen(connection, watch, tests) => ended,
            ended = tell(&client, watch) => ended,
            ended = tell_outcomes(&client, tests) => ended,
        };
        watch.status(|_| true, None, daemon_runtime::now());
        ended
    };
    session.run(shutdown, serve).await;
}

async fn listen(connection: &mut Connection, watch: &Watch, tests: &Tests) -> anyhow::Result<()> {
    loop {
        let message = connection.message().await?;
        match alarm_of_topic(&message.topic, "test") {
            Some((site, alarm)) => {
                // One that is retained was asked for long ago.
                if let (false, Ok(AlarmTest { id })) =
                    (message.retain, AlarmTest::from_json(&message.payload))
                    && let Some((meter, notice)) = watch.test(&site, &alarm)
                {
                    tests.ask(Test { id, meter, notice });
                }
            }
            None => take(watch, &message),
        }
    }
}

/// Publishes what became of tests.
async fn tell_outcomes(client: &AsyncClient, tests: &Tests) -> anyhow::Result<()> {
    while let Some(Outcome { meter, alarm, tested }) = tests.outcome().await {
        let topic = alarm_topic(&meter.site, &alarm, "tested");
        client.publish(topic, QoS::AtLeastOnce, false, tested.to_json()).await?;
    }
    Ok(())
}

/// Takes back what is said of alarms that are no longer there, and publishes what each alarm says: all at first, then what
/// turned.
async fn tell(client: &AsyncClient, watch: &Watch) -> anyhow::Result<()> {
    for topic in watch.former_topics() {
        client.publish(&topic, QoS::AtLeastOnce, true, "").await?;
        watch.cleared(&topic);
    }
    let mut told: Vec<(Meter, Notice)> = Vec::new();
    loop {
        let turned = watch.turned();
        for tell in watch.notices() {
            if !told.contains(&tell) {
                client.publish(topic(&tell.0, &tell.1), QoS::AtLeastOnce, true, tell.1.to_json()).await?;
                told.retain(|(_, other)| other.alarm != tell.1.alarm);
                told.push(tell);
            }
        }
        turned.await;
    }
}

/// `powerpi/<site>/alarm/<name>/state`: five levels, which no subscription of
/// the recorder's covers.
fn topic(meter: &Meter, notice: &Notice) -> String {
    alarm_topic(&meter.site, &notice.alarm, "state")
}

/// Takes a message; other topics are ignored.
fn take(watch: &Watch, message: &Publish) {
    match message.topic.parse() {
        Ok(Topic::Status(site)) => {
            if let Ok(status) = Status::from_payload(&message.payload) {
                watch.status(|meter| meter.site == site, Some(status), daemon_runtime::now());
            }
        }
        Ok(Topic::Live(meter)) => {
            if let Ok(live) = Live::from_json(&message.payload) {
                watch.value(&meter, live, daemon_runtime::now());
            }
        }
        Ok(Topic::State(meter)) => {
            if let Ok(state) = State::from_json(&message.payload) {
                watch.value(&meter, state.into(), daemon_runtime::now());
            }
        }
        _ => tracing::debug!(topic = message.topic, "ignored: not a topic this program uses"),
    }
}
