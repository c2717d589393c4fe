//! The exchange: takes what clients send, has it routed, keeps it for those it is owed to,
//! acknowledges it, and passes it on. One thread owns all of that, so nothing is locked.
//!
//! It works in rounds. A round takes all requests that have come in meanwhile, routes their
//! messages together and applies them in order, and notes in the journal what has to survive.
//! Only at its end do acknowledgements and deliveries leave, after the journal is on disk
//! ([`Exchange::keep`]): one fsync for all who wait. While the disk works, connections read on,
//! so the slower it is the larger the next round.
//!
//! What a round may cost is counted ([`Work`]): a SUBSCRIBE that brings more retained messages
//! than that goes on in the next one, and further packets of its client wait for it.
//!
//! # When a subscriber is slower than the publishers
//!
//! What is owed to a session is bounded. At the bound, a message of QoS 1 or 2
//! - for a connected session *for which publishers wait* (the recorder's, mostly) makes its publisher
//!   wait: the message is neither applied nor acknowledged, and nothing more is read from that
//!   publisher, until the subscriber has acknowledged something that it was sent. One that does not
//!   for long is disconnected;
//! - for any other session, connected or absent, drops the oldest message owed to it, with a line in
//!   the log. A slow or dead subscriber must not stop everybody else.
//!
//! What a SUBSCRIBE brings is paid for by whoever asks: it stops at the bound and goes on when
//! there is room, and further packets of its client wait for it.
//!
//! # When the disk is full
//!
//! While there is still some room left, publishers of QoS 1 and 2 wait in the same way, and
//! subscribers can come and take what is owed to them. If there is none, the round waits, and
//! everything with it.

mod clients;
mod figures;
mod handing_on;
mod keeping;
mod load;
mod overview;
mod publishing;
mod reporting;
mod requests;
mod restoring;
mod retaining;
mod revoking;
mod subscribing;
mod unfinished;
mod upkeep;
mod waiting;
mod wills;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon_runtime::Alive;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Refusals, Rights};
use crate::account::{Account, Owner};
use crate::exchange::figures::Figures;
pub(crate) use crate::exchange::overview::{Overview, StoreState};
pub(crate) use crate::exchange::requests::{
    Control, Incoming, Opening, REQUESTS_WAITING, Request, RetainedWanted, Subscribe, Unsubscribe, Wanted,
    requests,
};
use crate::exchange::unfinished::Subscribing;
use crate::outgoing::{CloseReason, OutgoingSender, Reached};
use crate::owed::OwedLimits;
use crate::publication::{DelayedWill, Publication, Will};
use crate::retained::Retained;
use crate::router::{Router, RouterFailure, RouterLimits};
use crate::session::{ConnectionId, Session};
use crate::sessions::{Recipient, SessionId, Sessions};
use crate::settings::MqttSettings;
use crate::store::{Journal, Restored};
use crate::topics::TopicLimits;
use crate::traffic::Traffic;
use crate::work::Work;

/// Deliveries of one round beyond [`USUAL_MATCHES`] for each message: then publishers wait for the next.
const MATCHES_OF_A_ROUND: usize = 100_000;
/// Filters that a message may well match.
const USUAL_MATCHES: usize = 10;
/// Requests of one round.
const ROUND: usize = 256;

/// A connected client.
#[derive(Debug)]
struct Client {
    session: SessionId,
    owner: Owner,
    outgoing: OutgoingSender,
    rights: Arc<Rights>,
    /// QoS 1 and 2 messages that may be under way to it.
    window: u16,
    will: Option<Will>,
    /// Packets that wait for room at a subscriber.
    held: VecDeque<Incoming>,
}

/// A message that is not routed yet.
#[derive(Debug)]
struct Unrouted {
    /// The connection that waits for its acknowledgement.
    publisher: Option<ConnectionId>,
    /// The session of the client that has published it, if it was not the broker itself.
    session: Option<SessionId>,
    /// To whom it is charged if it is retained; `None` for the broker itself.
    owner: Option<Owner>,
    publication: Publication,
}

/// The owner of everything that clients share.
pub(crate) struct Exchange {
    router: Router,
    sessions: Sessions,
    account: Account,
    retained: Retained,
    clients: HashMap<ConnectionId, Client>,
    limits: Limits,
    figures: Figures,
    overview: watch::Sender<Overview>,
    refusals: Arc<Refusals>,
    /// Who may do what.
    access: Arc<Access>,
    journal: Journal,
    store_state: StoreState,
    shutdown: CancellationToken,
    /// The time of the last tick.
    now: Instant,
    /// Whether changes that nobody waits for are to be written with this round.
    sweeping: bool,
    /// Requests that came while the store took nothing.
    postponed: VecDeque<Request>,
    /// Ways to connections that are to end once this round is safe.
    closing: Vec<OutgoingSender>,
    /// Connections of this round that are closed at its end, and why: they have no room, or break the protocol.
    to_close: Vec<(ConnectionId, CloseReason)>,
    /// Messages of this round.
    unrouted: Vec<Unrouted>,
    /// Wills of absent clients.
    delayed_wills: HashMap<SessionId, DelayedWill>,
    /// Connections of which a request is under way, or held.
    served: Vec<ConnectionId>,
    /// Whether held packets may have room since they last tried.
    room_made: bool,
    /// Sessions that may have something to send.
    sendable: Vec<SessionId>,
    recipients: Vec<Recipient>,
    /// Sessions that may not bring to their clients what they have got from shares.
    leaving: BTreeSet<SessionId>,
    /// What may still be done in this round.
    work: Work,
    /// How many matches there may still be in this round, beyond what is usual.
    matches_left: usize,
    /// SUBSCRIBEs that are too much for one round.
    unfinished: VecDeque<Subscribing>,
    /// Whether packets are held only until the next round.
    put_off: bool,
}

/// The settings that the exchange looks at.
#[derive(Debug)]
struct Limits {
    owed: OwedLimits,
    window: u16,
    max_subscriptions: usize,
    topics: TopicLimits,
    expiry: Option<Duration>,
    stalled_after: Duration,
}

/// Why the exchange cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartFailure {
    #[error("starting rumqttd's router: {0}")]
    Router(#[from] RouterFailure),
}

impl Exchange {
    /// Starts rumqttd's router and takes back what was kept; the exchange then works while
    /// [`run`](Exchange::run) does.
    pub(crate) fn start(
        settings: &MqttSettings,
        (account, restored, journal): (Account, Restored, Journal),
        traffic: Arc<Traffic>,
        now: Instant,
        (refusals, access): (Arc<Refusals>, Arc<Access>),
        shutdown: CancellationToken,
    ) -> Result<Exchange, StartFailure> {
        let router = Router::start(RouterLimits {
            max_filters: settings.max_filters,
            max_topics: settings.max_topics,
            max_bytes: account.remembered_bytes(),
        })?;
        let store_state = StoreState::of(&journal);
        let mut exchange = Exchange {
            router,
            sessions: Sessions::default(),
            account,
            retained: Retained::default(),
            clients: HashMap::new(),
            limits: Limits::new(settings),
            figures: Figures::new(traffic, now),
            overview: watch::Sender::new(Overview::new(store_state, now)),
            store_state,
            refusals,
            access,
            journal,
            shutdown,
            now,
            sweeping: false,
            postponed: VecDeque::new(),
            closing: Vec::new(),
            to_close: Vec::new(),
            unrouted: Vec::new(),
            delayed_wills: HashMap::new(),
            served: Vec::new(),
            room_made: false,
            sendable: Vec::new(),
            recipients: Vec::new(),
            leaving: BTreeSet::new(),
            work: Work::of_a_round(),
            matches_left: MATCHES_OF_A_ROUND,
            unfinished: VecDeque::new(),
            put_off: false,
        };
        exchange.restore(restored);
        Ok(exchange)
    }

    /// Where to see how the broker does.
    pub(crate) fn watch(&self) -> watch::Receiver<Overview> {
        self.overview.subscribe()
    }

    /// Serves until all connections and the clock have hung up.
    pub(crate) fn run(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        alive: &Alive,
    ) -> Result<(), RouterFailure> {
        let mut round = Vec::with_capacity(ROUND);
        while alive.wait(|| self.gather(requests, &mut round)) {
            self.round(round.drain(..))?;
            if !self.keep(requests, alive)? {
                return Ok(());
            }
            self.flush();
        }
        self.sweeping = true;
        self.keep(requests, alive).map(drop)
    }

    /// Does what is asked for, and goes on with what was too much for the last round.
    fn round(&mut self, requests: impl Iterator<Item = Request>) -> Result<(), RouterFailure> {
        self.work = Work::of_a_round();
        self.matches_left = MATCHES_OF_A_ROUND;
        self.room_made |= std::mem::take(&mut self.put_off);
        for request in requests {
            self.accept(request)?;
        }
        self.settle()
    }

    /// Takes the requests of a round; whether there is anything to do. It waits for them unless
    /// something is left from the last round.
    fn gather(&mut self, requests: &mut mpsc::Receiver<Request>, round: &mut Vec<Request>) -> bool {
        if self.postponed.is_empty() {
            if self.unfinished.iter().all(|subscribing| subscribing.waits) && !self.put_off {
                return requests.blocking_recv_many(round, ROUND) > 0;
            }
            round.extend(std::iter::from_fn(|| requests.try_recv().ok()).take(ROUND));
            return true;
        }
        let count = self.postponed.len().min(ROUND);
        round.extend(self.postponed.drain(..count));
        true
    }

    fn accept(&mut self, request: Request) -> Result<(), RouterFailure> {
        match request {
            Request::Connect { connection, opening, rights, owner, outgoing } => {
                self.connect(connection, opening, rights, &owner, outgoing)
            }
            Request::Packets { connection, packets } => {
                self.served.push(connection);
                self.take(connection, packets)
            }
            Request::Acks { connection, acks } => {
                self.acknowledge(connection, &acks);
                Ok(())
            }
            Request::Closed(connection) => self.leave(connection),
            Request::Tick(now) => self.tick(now),
            Request::Access(access) => self.adopt_access(access),
            Request::Settings(settings, users) => {
                self.limits = Limits::new(&settings);
                self.account.adopt(&settings, users);
                Ok(())
            }
        }
    }

    /// Ends the round: routes what is left, and gets ready what can go once the round is safe.
    fn settle(&mut self) -> Result<(), RouterFailure> {
        self.route()?;
        self.go_on_subscribing();
        self.hand_on();
        self.send_owed();
        // What was sent has made room.
        self.retry_held()?;
        for (connection, reason) in std::mem::take(&mut self.to_close) {
            self.close(connection, reason)?;
        }
        self.send_owed();
        self.ask_for_more();
        Ok(())
    }

    /// Lets all acknowledgements and deliveries of the round go.
    fn flush(&mut self) {
        for client in self.clients.values_mut() {
            client.outgoing.flush();
        }
        for mut outgoing in self.closing.drain(..) {
            outgoing.flush();
        }
    }

    /// Deals with packets of one connection in order. Once one of them has to wait, so do all
    /// after it.
    fn take(
        &mut self,
        connection: ConnectionId,
        packets: impl IntoIterator<Item = Incoming>,
    ) -> Result<(), RouterFailure> {
        for packet in packets {
            match packet {
                Incoming::Publish(publication) => {
                    let Some(client) = self.clients.get_mut(&connection) else {
                        return Ok(());
                    };
                    if self.matches_left == 0 {
                        self.put_off = true;
                        client.held.push_back(Incoming::Publish(publication));
                        continue;
                    }
                    self.unrouted.push(Unrouted {
                        publisher: Some(connection),
                        session: Some(client.session),
                        owner: Some(client.owner.clone()),
                        publication,
                    });
                    if self.unrouted.len() >= self.router.most_at_once() {
                        self.route()?;
                    }
                }
                Incoming::Control(control) => self.control(connection, control)?,
            }
        }
        Ok(())
    }

    fn control(&mut self, connection: ConnectionId, control: Control) -> Result<(), RouterFailure> {
        self.route()?;
        let Some(client) = self.clients.get_mut(&connection) else {
            return Ok(());
        };
        let must_wait = match control {
            // What it brings of QoS 0 is not counted before it is sent.
            Control::Subscribe(_) | Control::Unsubscribe(_) => {
                let unfinished = self.unfinished.iter().find(|other| other.session == client.session);
                let put_off = self.work.is_used_up() || unfinished.is_some_and(|other| !other.waits);
                self.put_off |= put_off;
                let is_subscribe = matches!(control, Control::Subscribe(_));
                put_off || unfinished.is_some() || is_subscribe && client.outgoing.is_congested()
            }
            Control::Dropped { .. } | Control::Release(_) | Control::Disconnect { .. } => false,
        };
        if must_wait || !client.held.is_empty() {
            client.held.push_back(Incoming::Control(control));
            return Ok(());
        }
        match control {
            Control::Dropped { packet_id, qos } => {
                self.acknowledge_publish(connection, qos, packet_id, Reached::Forbidden);
            }
            Control::Release(packet_id) => self.release(connection, packet_id),
            Control::Subscribe(subscribe) => self.subscribe(connection, subscribe),
            Control::Unsubscribe(unsubscribe) => self.unsubscribe(connection, &unsubscribe),
            Control::Disconnect { with_will, expiry } => self.disconnect(connection, with_will, expiry)?,
        }
        Ok(())
    }
}

impl Unrouted {
    /// What the broker itself has to say.
    fn own(publication: Publication) -> Unrouted {
        Unrouted { publisher: None, session: None, owner: None, publication }
    }

    /// What is published for a session's client.
    fn of_session(session: Option<SessionId>, owner: Owner, publication: Publication) -> Unrouted {
        Unrouted { publisher: None, session, owner: Some(owner), publication }
    }
}

impl Limits {
    fn new(settings: &MqttSettings) -> Limits {
        let expiry_days = settings.session_expiry_days;
        Limits {
            owed: OwedLimits {
                max_messages: settings.max_owed_messages,
                max_bytes: settings.max_owed_bytes,
                share: usize::MAX,
            },
            window: settings.in_flight_messages,
            max_subscriptions: settings.max_subscriptions,
            topics: TopicLimits::new(settings),
            expiry: (expiry_days > 0).then(|| Duration::from_secs(expiry_days * 86_400)),
            stalled_after: Duration::from_secs(settings.stalled_after_s),
        }
    }

    /// How much may be owed to a session.
    fn owed(&self, account: &Account, session: &Session) -> OwedLimits {
        OwedLimits { share: account.session_share(&session.owner, session.cost()), ..self.owed }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
