//! The recorder's session at the broker: persistent, with acknowledgements by
//! hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::{Connection, LogPace, MqttSession, MqttSettings, random_id};
use meter_messages::{ALL_MINUTES, ALL_PRICES, ENTERED, Mark, Topic, infos_of};
use rumqttc::{AsyncClient, Packet, Publish, QoS, SubscribeReasonCode, matches};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::bookkeeping::{Delivered, Input, Output};
use crate::filters::Filters;
use crate::hearing::{Hearing, Next, Patience};
use crate::minute_filters::{ECHOES, MinuteFilters};
use crate::sharing::Shares;

/// The session's name at the broker; two recorders need two.
pub(crate) const USUAL_CLIENT_ID: &str = "powerpi-recorder";

/// Room for acknowledgements that wait to be written.
const WAITING_ACKS: usize = 1000;

/// Marks that the broker has not acknowledged: it does so only once they are on its disk, and rumqttc lets our own
/// acknowledgements wait behind those that are more.
const MARKS_IN_FLIGHT: u16 = 1000;

/// So long it is tried to have a session forgotten that brings nothing. Then it goes on with it, and all begins again.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(120);

/// The session over all its connections.
pub struct Subscription {
    mqtt: MqttSettings,
    inputs: flume::Sender<Input>,
    outputs: UnboundedReceiver<Output>,
    /// Counts connections.
    connection: u64,
    connected: watch::Sender<bool>,
    shares: watch::Receiver<Shares>,
    filters: Mutex<MinuteFilters>,
    hearing: Hearing,
    /// The topic of this recorder's own echo.
    echo: String,
}

impl Subscription {
    /// A session at a broker: where messages go, what comes back for them, where it is told whether there is a
    /// connection, and how the sites are shared out and what is subscribed to for that.
    pub(crate) fn new(
        mqtt: MqttSettings,
        (inputs, outputs): (flume::Sender<Input>, UnboundedReceiver<Output>),
        connected: watch::Sender<bool>,
        (shares, filters): (watch::Receiver<Shares>, MinuteFilters),
    ) -> Self {
        let patience =
            if mqtt.addresses().len() > 1 { Patience::OF_SEVERAL_NODES } else { Patience::OF_ONE_BROKER };
        let (hearing, echo) = (Hearing::new(patience, Instant::now()), ECHOES.replace('+', &random_id()));
        let filters = Mutex::new(filters);
        Self { mqtt, inputs, outputs, connection: 0, connected, shares, filters, hearing, echo }
    }

    /// Receives until `shutdown`. What is not acknowledged then comes again after the next start.
    pub async fn run(mut self, shutdown: &CancellationToken) {
        let session = MqttSession {
            clean: false,
            manual_acks: true,
            in_flight: MARKS_IN_FLIGHT,
            room: WAITING_ACKS,
            subscriptions: ENTERED.map(|filter| (filter.to_owned(), QoS::AtLeastOnce)).into(),
            needs_subscriptions: true,
            connected: self.connected.clone(),
            ..MqttSession::new(&self.mqtt, USUAL_CLIENT_ID)
        };
        let serve = async |connection: &mut Connection| match self.serve(connection).await {
            Err(error) if error.is::<Deaf>() => {
                tracing::warn!("{error}");
                connection.leave().await;
                timeout(FORGOTTEN_WITHIN, session.forget())
                    .await
                    .context("the broker does not forget the session")?;
                self.hearing.begin_anew();
                bail!("the session was given up")
            }
            ended => ended,
        };
        session.run(shutdown, serve).await;
    }

    /// One connection, up to its end.
    async fn serve(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        self.connection += 1;
        self.hearing.connected(Instant::now());
        let (client, owed) = (connection.client.clone(), AtomicUsize::new(0));
        let filters = Filters::new(&self.filters, self.shares.clone(), connection.session_present);
        let to_ledger =
            ToLedger { number: self.connection, inputs: &self.inputs, owed: &owed, filters: &filters };
        tokio::select! {
            ended = receive(connection, &mut self.hearing, &self.echo, &to_ledger) => ended,
            ended = say(&client, self.connection, &mut self.outputs, (&owed, &filters)) => ended,
        }
    }
}

/// Why a session ends that is connected.
#[derive(Debug, thiserror::Error)]
#[error(
    "the broker takes what this recorder says and gives it nothing; another session begins, and publishers send again what is not \
     recorded"
)]
struct Deaf;

/// Where the messages of a connection go.
struct ToLedger<'a> {
    /// Which connection it is.
    number: u64,
    inputs: &'a flume::Sender<Input>,
    /// How many of them are not acknowledged yet.
    owed: &'a AtomicUsize,
    filters: &'a Filters<'a>,
}

impl ToLedger<'_> {
    /// Hands a message on. One that is of no interest wakes nobody if it can be acknowledged in its turn.
    async fn take(&self, client: &AsyncClient, message: Publish) -> anyhow::Result<()> {
        let (is_passed, is_owed) = (self.is_passed(client, &message), message.qos != QoS::AtMostOnce);
        if is_passed && (!is_owed || (self.owes_nothing() && client.try_ack(&message).is_ok())) {
            return Ok(());
        }
        if is_owed {
            self.owed.fetch_add(1, Ordering::Relaxed);
        }
        let delivered = Delivered { connection: self.number, message };
        self.send(if is_passed { Input::Passed(delivered) } else { Input::Message(delivered) }).await
    }

    /// Whether a message is of no interest here: what a meter shows now, what recorders say, and minutes of sites that another one
    /// looks after.
    fn is_passed(&self, client: &AsyncClient, message: &Publish) -> bool {
        let is_elsewhere = |site| self.filters.shares().borrow().elsewhere.contains(site);
        match message.topic.parse() {
            Ok(Topic::Live(_) | Topic::Diag(_) | Topic::State(_) | Topic::Recorded(_)) => true,
            Ok(Topic::Minute(meter)) if is_elsewhere(&meter.site) => {
                self.filters.stray(client, meter.site);
                true
            }
            Ok(Topic::Info(meter)) => is_elsewhere(&meter.site),
            Ok(_) => false,
            Err(_) => matches(&message.topic, ECHOES),
        }
    }

    fn owes_nothing(&self) -> bool {
        self.owed.load(Ordering::Relaxed) == 0
    }

    async fn send(&self, input: Input) -> anyhow::Result<()> {
        self.inputs.send_async(input).await.context("the ledger's thread has stopped")
    }
}

/// Acknowledges and publishes marks.
async fn say(
    client: &AsyncClient,
    connection: u64,
    outputs: &mut UnboundedReceiver<Output>,
    (owed, filters): (&AtomicUsize, &Filters<'_>),
) -> anyhow::Result<()> {
    let mut shares = filters.shares().clone();
    // Over each connection: a session may be from before there were prices. Where it is not, the retained messages that
    // this brings are known by the time at which they were said. Without it, minutes are recorded all the same.
    client.subscribe(ALL_PRICES, QoS::AtLeastOnce).await?;
    loop {
        let output = tokio::select! {
            output = outputs.recv() => Some(output.context("the ledger's thread has stopped")?),
            () = filters.changed(&mut shares) => None,
        };
        // Before a mark is said of a site that is new here: what is sent again because of it is to come.
        filters.adopt(client).await?;
        let Some(output) = output else { continue };
        // What came over another connection was dropped with it, and comes again over this one.
        for delivered in output.acknowledge.iter().filter(|delivered| delivered.connection == connection) {
            client.ack(&delivered.message).await?;
            if delivered.message.qos != QoS::AtMostOnce {
                owed.fetch_sub(1, Ordering::Relaxed);
            }
        }
        for (meter, mark) in output.marks {
            let topic = Topic::Recorded(meter).to_string();
            client.publish(topic, QoS::AtLeastOnce, true, mark.to_json()).await?;
        }
        for (meter, outbox) in output.strangers {
            if let Some(outbox) = outbox {
                // Its publisher says its info again. Not retained: the meter may be made up.
                let mark = Mark::new(outbox, 0, None);
                let topic = Topic::Recorded(meter.clone()).to_string();
                client.publish(topic, QoS::AtLeastOnce, false, mark.to_json()).await?;
            }
            // Its retained message comes with the subscription; the one for
            // all brings what follows.
            let topic = Topic::Info(meter).to_string();
            ask_for_retained(client, topic).await?;
        }
        for site in output.taken_over {
            ask_for_retained(client, infos_of(&site)).await?;
        }
    }
}

/// Retained messages come with a subscription.
async fn ask_for_retained(client: &AsyncClient, filter: String) -> anyhow::Result<()> {
    client.subscribe(&filter, QoS::AtLeastOnce).await?;
    Ok(client.unsubscribe(filter).await?)
}

/// Hands on what comes. It never waits for room to say something, which comes only while something is received.
async fn receive(
    connection: &mut Connection,
    hearing: &mut Hearing,
    echo: &str,
    to_ledger: &ToLedger<'_>,
) -> anyhow::Result<()> {
    to_ledger.send(Input::Connected).await?;
    let mut is_narrow = false;
    loop {
        let Ok(packet) = timeout_at(hearing.due(), connection.next()).await else {
            match hearing.look(Instant::now(), to_ledger.owes_nothing()) {
                Next::Listen => {}
                // Without room for it there is much to say, and the next time it is looked again.
                Next::Ask => _ = connection.client.try_publish(echo, QoS::AtLeastOnce, false, "echo"),
                Next::Deaf => bail!(Deaf),
                Next::NeverAnswered => warn_of_no_echo(),
            }
            continue;
        };
        match packet? {
            Packet::PubAck(_) => hearing.taken(Instant::now()),
            Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
                to_ledger.filters.refused();
            }
            Packet::Publish(message) => {
                if message.topic == echo {
                    hearing.given_back(Instant::now());
                } else if is_heard(&message) {
                    hearing.heard(Instant::now());
                }
                is_narrow = is_narrow || to_ledger.filters.narrow(&connection.client, &message);
                to_ledger.take(&connection.client, message).await?;
            }
            _ => {}
        }
    }
}

/// Whether a message comes of the subscription that matters. What is retained may come of others, too.
fn is_heard(message: &Publish) -> bool {
    message.qos != QoS::AtMostOnce && !message.retain && matches(&message.topic, ALL_MINUTES)
}

fn warn_of_no_echo() {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        tracing::warn!(
            left_out,
            "nothing comes, not even what this recorder says under {ECHOES}+/minute; if somebody publishes, look at this user's rights at the broker"
        );
    }
}
