//! The MQTT session: values in, the alarms' retained topics out.

use std::collections::BTreeSet;
use std::time::Duration;

use daemon_runtime::{Connection, MqttSession, MqttSettings, random_id};
use meter_messages::{AlarmTest, Live, Meter, SiteId, State, Status, Topic, alarm_of_topic, alarm_topic};
use rumqttc::{AsyncClient, Packet, Publish, QoS};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::notice::Notice;
use crate::testing::{Outcome, Test, Tests};
use crate::watching::Watch;

/// How long the broker may take to acknowledge something.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Until it is asked again whether this program may say something.
const PAUSE_TO_ASK: Duration = Duration::from_secs(1);

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
        let served = async {
            take_back(connection, watch, tests).await?;
            let client = connection.client.clone();
            tokio::select! {
                ended = listen(connection, watch, tests) => ended,
                ended = tell(&client, watch) => ended,
                ended = tell_outcomes(&client, tests) => ended,
            }
        };
        let ended = served.await;
        watch.status(|_| true, None, daemon_runtime::now());
        ended
    };
    session.run(shutdown, serve).await;
}

async fn listen(connection: &mut Connection, watch: &Watch, tests: &Tests) -> anyhow::Result<()> {
    loop {
        hear(&connection.message().await?, watch, tests);
    }
}

/// Takes a message.
fn hear(message: &Publish, watch: &Watch, tests: &Tests) {
    let Some((site, alarm)) = alarm_of_topic(&message.topic, "test") else { return take(watch, message) };
    // One that is retained was asked for long ago.
    if let (false, Ok(AlarmTest { id })) = (message.retain, AlarmTest::from_json(&message.payload))
        && let Some((meter, notice)) = watch.test(&site, &alarm, daemon_runtime::now())
    {
        tests.ask(Test { id, meter, notice });
    }
}

/// Takes back what is said of alarms that are no longer there. Each is remembered until the broker has taken that: of one
/// that is forgotten before, nobody would know after a crash that it still stands there.
async fn take_back(connection: &mut Connection, watch: &Watch, tests: &Tests) -> anyhow::Result<()> {
    while watch.may_tell().await
        && let Some(topic) = watch.former_topic()
    {
        connection.client.publish(&topic, QoS::AtLeastOnce, true, "").await?;
        let acknowledged = async {
            loop {
                match connection.next().await? {
                    Packet::PubAck(_) => return anyhow::Ok(()),
                    Packet::Publish(message) => hear(&message, watch, tests),
                    _ => {}
                }
            }
        };
        let Ok(acknowledged) = timeout(TAKEN_WITHIN, acknowledged).await else {
            tracing::warn!(topic, "the broker does not say that this is taken back; it is tried again later");
            return Ok(());
        };
        acknowledged?;
        watch.cleared(&topic).await;
    }
    Ok(())
}

/// Publishes what became of tests.
async fn tell_outcomes(client: &AsyncClient, tests: &Tests) -> anyhow::Result<()> {
    while let Some(Outcome { meter, alarm, tested }) = tests.outcome().await {
        let topic = alarm_topic(&meter.site, &alarm, "tested");
        client.publish(topic, QoS::AtLeastOnce, false, tested.to_json()).await?;
    }
    Ok(())
}

/// Publishes what each alarm says: all at first, then what turned.
async fn tell(client: &AsyncClient, watch: &Watch) -> anyhow::Result<()> {
    let mut told: Vec<(Meter, Notice)> = Vec::new();
    loop {
        let turned = watch.turned();
        // One that was stopped for a while must not say what was true then.
        while !watch.may_tell().await {
            tokio::time::sleep(PAUSE_TO_ASK).await;
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::keeper::Keeper;
    use crate::record::Record;
    use crate::watching::Setting;

    const FORMER: &str = "powerpi/hq/alarm/gone/state";

    /// A client's bytes up to the number of its message on the former topic, which it waits for to be acknowledged.
    async fn number_of_message(client: &mut TcpStream) -> [u8; 2] {
        let mut bytes = Vec::new();
        loop {
            let topic = bytes.windows(FORMER.len()).position(|some| some == FORMER.as_bytes());
            match topic.map(|topic| topic + FORMER.len()).and_then(|end| bytes.get(end..end + 2)) {
                Some(number) => return number.try_into().unwrap(),
                None => assert!(client.read_buf(&mut bytes).await.unwrap() > 0),
            }
        }
    }

    #[tokio::test]
    async fn what_is_said_is_forgotten_once_the_broker_has_taken_it_back() {
        let folder = tempfile::TempDir::new().unwrap();
        let state_file = folder.path().join("alarms.json");
        let topics = || Record::read(&state_file).unwrap().topics;
        Record { topics: [FORMER.to_owned()].into(), ..Record::default() }.write(&state_file).unwrap();
        let setting = Setting {
            alarms: Vec::new(),
            ways: Vec::new(),
            language: Default::default(),
            zone: jiff::tz::TimeZone::UTC,
            pages: None,
        };
        let (record, keeper) = (Record::read(&state_file).unwrap(), Keeper::File(state_file.clone()));
        let watch = Watch::new(setting, record, keeper, daemon_runtime::now());
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mqtt = format!("host = '127.0.0.1'\nport = {}", broker.local_addr().unwrap().port());
        let (session, tests) = (session(&daemon_runtime::parse(&mqtt).unwrap(), &watch), Tests::default());
        let shutdown = CancellationToken::new();
        let serving = async {
            // The first connection ends before it is acknowledged.
            for is_acknowledged in [false, true] {
                let (mut client, _) = broker.accept().await.unwrap();
                client.write_all(&[0x20, 2, 0, 0]).await.unwrap();
                let [high, low] = number_of_message(&mut client).await;
                watch.keep().await;
                assert_eq!(topics().len(), 1, "it may still stand there");
                if is_acknowledged {
                    client.write_all(&[0x40, 2, high, low]).await.unwrap();
                    let began = Instant::now();
                    while !topics().is_empty() {
                        assert!(began.elapsed() < Duration::from_secs(60));
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    shutdown.cancel();
                }
            }
        };
        tokio::join!(run(&session, &watch, &tests, &shutdown), serving);
    }
}
