//! One client's connection: one task, which reads and writes packets, keeps the time, and
//! speaks to the exchange for its client.
//!
//! It hands the client's packets to the exchange in bundles and reads on meanwhile, up to a
//! bound; the next bundle goes when the exchange asks for it. So a publisher that has to wait is
//! simply not read any further, while its PINGREQs and acknowledgements are still answered.

mod accepted;
mod ending;
mod handshake;
mod reading;
mod room;
mod timing;
mod translation;
mod writing;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use foreign_text::foreign;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access::{Gate, Login, Rights};
use crate::account::{Owner, Transit};
use crate::admission::{NoSlot, Slot};
pub(crate) use crate::connection::accepted::Accepted;
pub(crate) use crate::connection::ending::Ending;
use crate::connection::handshake::{admit, log_in, shake_hands};
use crate::connection::room::Room;
use crate::connection::timing::Timing;
use crate::connection::translation::{ConnectRequest, Version, Written};
use crate::exchange::{Incoming, Request};
use crate::outgoing::{self, Answer, Outgoing, OutgoingReceiver};
use crate::packets;
use crate::session::{Ack, ConnectionId};
use crate::settings::MqttSettings;
use crate::topics::TopicLimits;
use crate::traffic::Traffic;

/// Bytes of packets that wait for the exchange to ask for them before reading stops.
const PENDING_BYTES: usize = 256 * 1024;
/// Bytes that wait for the client to read them before it is not read any further itself, and
/// before more is written for it.
const UNWRITTEN_BYTES: usize = 256 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// What all connections share.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) exchange: mpsc::Sender<Request>,
    pub(crate) settings: Arc<MqttSettings>,
    /// Origins of the pages that may connect; all if there are none.
    pub(crate) origins: Arc<[String]>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) transit: Transit,
    pub(crate) gate: Arc<Gate>,
    pub(crate) shutdown: CancellationToken,
}

/// Serves a client until it goes, errs, or is told to go.
pub(crate) async fn serve<S>(mut stream: S, mut accepted: Accepted, surroundings: Surroundings)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (id, peer) = (accepted.id, accepted.peer);
    let mut bytes = BytesMut::new();
    let greeted = greet(&mut stream, &mut bytes, &mut accepted, &surroundings).await;
    let (request, mut version, rights) = match greeted {
        Ok(greeted) => greeted,
        Err(ending) => return log(&ending, peer, ""),
    };
    let rights = Arc::new(rights);
    let ConnectRequest { mut opening, keep_alive, .. } = request;
    version.ensure_client_id(&mut opening.client_id);
    let client_id = opening.client_id.clone();
    opening.client_id = rights.session_name(&client_id);
    let timing = Timing::new(keep_alive, &surroundings.settings);
    let topic_limits = TopicLimits::new(&surroundings.settings);
    let owner = rights.owner(peer.ip());
    let transit = &surroundings.transit;
    let (mut outgoing, from_exchange) =
        outgoing::channel(surroundings.settings.max_waiting_bytes, transit.waiting_lease(&owner));
    let room = Room::new(transit.lease(&owner));
    // Until the exchange has taken it.
    let will = opening.will.as_ref().map_or(0, |will| will.publication.message.size());
    if !outgoing.may_hold(will) {
        return log(&Ending::NoRoom, peer, &client_id);
    }
    let (reader, writer) = tokio::io::split(stream);
    let mut connection = Connection {
        id,
        peer,
        client_id,
        reader,
        writer,
        from_exchange,
        surroundings,
        timing,
        version,
        // A copy, so that a large CONNECT is not kept with it.
        read: BytesMut::from(&bytes[..]),
        unwritten: BytesMut::new(),
        unflushed: 0,
        room,
        promised: 0,
        may_go_on_reading: true,
        topic_limits,
        rights: Arc::clone(&rights),
        pending: Vec::new(),
        pending_bytes: 0,
        handed_over_bytes: 0,
        acks: Vec::new(),
        handed_over: false,
        connected: false,
        ended: false,
    };
    let request = Request::Connect { connection: id, opening, rights, owner, outgoing };
    let ending = connection.run(request).await;
    log(&ending, peer, &connection.client_id);
    connection.write_last_packet(&ending).await;
}

/// Reads the CONNECT and looks at who sends it: what it asks for, in which version, and what it may do.
async fn greet<S>(
    stream: &mut S,
    bytes: &mut BytesMut,
    accepted: &mut Accepted,
    surroundings: &Surroundings,
) -> Result<(ConnectRequest, Version, Rights), Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Accepted { peer, slot, entrance, certified, client_trust, .. } = accepted;
    // Nobody knows yet whose it is.
    let mut lease = surroundings.transit.lease(&Owner::new(None, peer.ip()));
    let hello = shake_hands(&mut *stream, bytes, &surroundings.settings, &mut lease);
    let (request, mut version) = unless_displaced(slot, surroundings, hello).await?;
    slot.log_in();
    let ConnectRequest { opening, login, .. } = &request;
    let login = Login {
        entrance: *entrance,
        address: peer.ip(),
        certified,
        client_trust: *client_trust,
        password: login.as_ref().map(|(user, password)| (&**user, &**password)),
        client_id: &opening.client_id,
    };
    let will = opening.will.as_ref().map(|will| &*will.publication.message.topic);
    let rights = log_in(&mut *stream, &surroundings.gate, login, will, &mut version);
    let rights = unless_displaced(slot, surroundings, rights).await?;
    admit(stream, &mut version, slot).await?;
    Ok((request, version, rights))
}

/// What a connection does that is not a client's yet, unless another one gets its place. What has come already counts:
/// it is looked at first.
async fn unless_displaced<T>(
    slot: &Slot,
    surroundings: &Surroundings,
    doing: impl Future<Output = Result<T, Ending>>,
) -> Result<T, Ending> {
    tokio::select! {
        biased;
        done = doing => done,
        () = slot.displaced() => Err(NoSlot::Displaced.into()),
        () = surroundings.shutdown.cancelled() => Err(Ending::Stopping),
    }
}

/// Says that a connection has ended, and why. Each kind of end has a line of its own: what is too
/// much of one is left out of the log, and the others are not.
pub(crate) fn log(ending: &Ending, peer: SocketAddr, client_id: &str) {
    let client_id = foreign(client_id);
    match ending {
        Ending::NotAdmitted(_) | Ending::Refused(_) => {
            tracing::warn!(%peer, ?client_id, "connection closed: {ending}");
        }
        Ending::NoConnect | Ending::NoSlot(_) | Ending::Tls(_) | Ending::WebSocket(_) => {
            tracing::warn!(%peer, "connection closed: {ending}");
        }
        Ending::TopicTooLong(_) => tracing::warn!(%peer, ?client_id, "connection closed: {ending}"),
        Ending::Protocol(_) => tracing::warn!(%peer, ?client_id, "connection closed: {ending}"),
        Ending::NotReading => tracing::warn!(%peer, ?client_id, "connection closed: {ending}"),
        Ending::NoRoom => tracing::warn!(%peer, ?client_id, "connection closed: {ending}"),
        _ => tracing::info!(%peer, ?client_id, "connection closed: {ending}"),
    }
}

/// Waits until then, or for ever.
async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Connection<S> {
    id: ConnectionId,
    peer: SocketAddr,
    client_id: String,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    from_exchange: OutgoingReceiver,
    surroundings: Surroundings,
    timing: Timing,
    version: Version,
    read: BytesMut,
    unwritten: BytesMut,
    /// Bytes written of which TLS or WebSocket may still hold some.
    unflushed: usize,
    /// For what is read, waits for the exchange, or is to be written.
    room: Room,
    /// Bytes that are missing of a packet and that there is room for.
    promised: usize,
    /// Whether there is room for the rest of the packet that is being read.
    may_go_on_reading: bool,
    topic_limits: TopicLimits,
    rights: Arc<Rights>,
    /// Packets for the exchange.
    pending: Vec<Incoming>,
    pending_bytes: usize,
    /// Bytes of packets that the exchange is not done with.
    handed_over_bytes: usize,
    acks: Vec<Ack>,
    /// Whether the exchange has packets of ours and has not asked for the next ones.
    handed_over: bool,
    /// Whether the client has got its CONNACK; before that nothing else may be answered.
    connected: bool,
    /// Whether the client has closed its side.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self, connect: Request) -> Ending {
        if self.surroundings.exchange.send(connect).await.is_err() {
            return Ending::Stopping;
        }
        let shutdown = self.surroundings.shutdown.clone();
        loop {
            let step = tokio::select! {
                step = self.step() => step,
                () = shutdown.cancelled() => Err(Ending::Stopping),
            };
            if let Err(ending) = step.and_then(|()| self.check_time()) {
                return ending;
            }
        }
    }

    fn check_time(&mut self) -> Result<(), Ending> {
        if !self.timing.is_due() {
            return Ok(());
        }
        let writing = self.unflushed > 0 || !self.unwritten.is_empty();
        self.timing.check(self.may_read(), writing, self.room.is_there())
    }

    /// Does whatever can be done next: sends to the exchange, writes, reads.
    ///
    /// Cancelling it loses nothing: what was read or written is noted at once.
    async fn step(&mut self) -> Result<(), Ending> {
        self.room.look_anew();
        self.promise_rest_of_packet();
        while self.may_write_next()
            && let Some(outgoing) = self.from_exchange.try_next()
        {
            self.carry_out(outgoing)?;
        }
        // After that, since one of them may have asked for what is handed over here.
        self.hand_over().await?;
        if self.ended && self.pending.is_empty() && !self.handed_over {
            return Err(Ending::EndOfStream);
        }
        if self.room.is_there() {
            self.timing.had_room();
        }
        let next = self.from_exchange.next_bytes();
        if next.is_some() && self.may_write_next() {
            // It has come meanwhile, and nobody would wake us for it.
            return Ok(());
        }
        let (may_read, may_write) = (self.may_read(), self.unflushed > 0 || !self.unwritten.is_empty());
        let may_take = self.unwritten.len() < UNWRITTEN_BYTES && next.is_none();
        let next_check = self.timing.next_check(!may_read || may_write || !self.room.is_there());
        self.read.reserve(READ_BYTES);
        tokio::select! {
            arrived = self.from_exchange.arrived(), if may_take => match arrived {
                true => Ok(()),
                false => Err(Ending::Stopping),
            },
            written = emit(&mut self.writer, &mut self.unwritten, self.unflushed), if may_write => {
                self.wrote(written?);
                Ok(())
            }
            read = self.reader.read_buf(&mut self.read), if may_read => {
                let read = read?;
                self.surroundings.traffic.bytes_received.add(read);
                self.ended = read == 0;
                self.take_packets()
            }
            // Then room is looked for again, too.
            () = sleep_until(next_check) => Ok(()),
        }
    }

    /// Whether the client may be read: not while it does not read, or has to wait.
    fn may_read(&self) -> bool {
        self.connected
            && !self.ended
            && self.may_go_on_reading
            && self.pending_bytes < PENDING_BYTES
            && self.unwritten.len() < UNWRITTEN_BYTES
    }

    /// Bytes in memory that are on their way, and the rest of a packet that there is room for.
    fn bytes_on_the_way(&self) -> usize {
        let read = self.read.len() + self.promised + self.version.kept_bytes();
        read + self.pending_bytes + self.handed_over_bytes + self.unwritten.len() + self.unflushed
    }

    /// Looks for room for all of the packet that is being read, so that who has begun can go on.
    fn promise_rest_of_packet(&mut self) {
        let missing = packets::missing(&self.read, self.surroundings.settings.max_packet_bytes);
        self.promised = 0;
        self.may_go_on_reading = self.room.for_reading(self.bytes_on_the_way() + missing);
        if self.may_go_on_reading {
            self.promised = missing;
        }
    }

    /// Whether the next thing that the exchange has to say may be written behind what there is.
    fn may_write_next(&mut self) -> bool {
        if self.unwritten.len() >= UNWRITTEN_BYTES {
            return false;
        }
        let Some(bytes) = self.from_exchange.next_bytes() else { return false };
        self.room.for_writing(bytes, self.unwritten.len(), self.unflushed, self.bytes_on_the_way())
    }

    async fn hand_over(&mut self) -> Result<(), Ending> {
        let exchange = &self.surroundings.exchange;
        if !self.acks.is_empty() || self.from_exchange.is_awaited() {
            // A permit first: waiting may be cancelled, taking the packets out may not.
            let permit = exchange.reserve().await.map_err(|_| Ending::Stopping)?;
            self.from_exchange.is_told();
            permit.send(Request::Acks { connection: self.id, acks: std::mem::take(&mut self.acks) });
        }
        if !self.handed_over && !self.pending.is_empty() {
            let permit = exchange.reserve().await.map_err(|_| Ending::Stopping)?;
            permit.send(Request::Packets { connection: self.id, packets: std::mem::take(&mut self.pending) });
            self.handed_over_bytes = std::mem::take(&mut self.pending_bytes);
            self.handed_over = true;
        }
        Ok(())
    }

    fn carry_out(&mut self, outgoing: Outgoing) -> Result<(), Ending> {
        match outgoing {
            Outgoing::Deliver(delivery) => {
                self.begin_writing();
                let now = std::time::Instant::now();
                let written = self.version.write_delivery(delivery, now, &mut self.unwritten)?;
                if let Written::TooLarge { packet_id } = written {
                    self.acks.push(Ack::Discarded(packet_id));
                }
            }
            Outgoing::Answer(answer) => {
                self.begin_writing();
                let accepts = matches!(answer, Answer::Connected { .. });
                self.version.write_answer(answer, &mut self.unwritten)?;
                if accepts {
                    self.connected = true;
                    // What came right behind the CONNECT.
                    self.take_packets()?;
                }
            }
            Outgoing::Rights(rights) => {
                self.rights = rights;
                let pending = std::mem::take(&mut self.pending);
                let permitted = pending.into_iter().map(|incoming| self.permitted(incoming));
                self.pending = permitted.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            }
            Outgoing::Next => (self.handed_over, self.handed_over_bytes) = (false, 0),
            Outgoing::Close(reason) => return Err(Ending::Closed(reason)),
        }
        Ok(())
    }
}

/// Writes, or flushes what was written: TLS and WebSocket hold some back. Returns the bytes
/// written, 0 after a flush. Cancelling it loses nothing.
async fn emit<W: AsyncWrite + Unpin>(
    writer: &mut W,
    unwritten: &mut BytesMut,
    unflushed: usize,
) -> std::io::Result<usize> {
    if unwritten.is_empty() || unflushed >= UNWRITTEN_BYTES {
        writer.flush().await?;
        return Ok(0);
    }
    writer.write_buf(unwritten).await
}
