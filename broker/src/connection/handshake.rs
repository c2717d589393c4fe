//! From an accepted connection to a CONNECT worth showing to the exchange.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::access::{self, Gate, Login, Refusals, Rights};
use crate::account::Lease;
use crate::admission::Slot;
use crate::connection::Ending;
use crate::connection::translation::{ConnectRequest, Version, connect_request, refuse_connect};
use crate::outgoing::{Answer, ConnectRefused};
use crate::packets::{self, BadConnect, Connect};
use crate::settings::MqttSettings;
use crate::topics::TopicLimits;

/// How long the last words to a client may take.
pub(super) const LAST_WRITE_WITHIN: Duration = Duration::from_secs(1);

/// Reads the CONNECT, and refuses it with the right code if it cannot be accepted.
pub(super) async fn shake_hands<S>(
    stream: &mut S,
    bytes: &mut BytesMut,
    settings: &MqttSettings,
    lease: &mut Lease,
) -> Result<(ConnectRequest, Version), Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = Duration::from_secs(settings.connect_timeout_s);
    let connect = tokio::time::timeout(patience, read_connect(stream, bytes, settings, lease))
        .await
        .map_err(|_| Ending::NoConnect)?;
    let connect = match connect? {
        Ok(connect) => connect,
        Err(bad) => {
            if let Some(connack) = refuse_connect(&bad) {
                send(stream, connack).await;
            }
            return Err(bad.error.into());
        }
    };
    let (request, mut version) = connect_request(connect, settings);
    if let Some(refusal) = version.objection(&request, TopicLimits::new(settings)) {
        refuse(stream, &mut version, refusal).await;
        return Err(Ending::Refused(refusal));
    }
    Ok((request, version))
}

/// Finds out what a client may do, or says that it may not come in.
pub(super) async fn log_in<S: AsyncWrite + Unpin>(
    stream: &mut S,
    gate: &Gate,
    login: Login<'_>,
    will: Option<&str>,
    version: &mut Version,
) -> Result<Rights, Ending> {
    let refusal = match gate.admit(login).await {
        Ok(rights) if will.is_none_or(|topic| rights.may_publish(topic)) => return Ok(rights),
        Ok(_) => access::LoginRefused::Will,
        Err(refusal) => refusal,
    };
    Refusals::count(&gate.refusals.logins);
    refuse(stream, version, refusal.into()).await;
    Err(refusal.into())
}

/// Gives a client that has said who it is a place among the clients, or says that there is none.
pub(super) async fn admit<S: AsyncWrite + Unpin>(
    stream: &mut S,
    version: &mut Version,
    place: &mut Slot,
) -> Result<(), Ending> {
    if let Err(reason) = place.become_client() {
        refuse(stream, version, ConnectRefused::TooManyClients).await;
        return Err(reason.into());
    }
    Ok(())
}

async fn read_connect<S: AsyncRead + Unpin>(
    stream: &mut S,
    bytes: &mut BytesMut,
    settings: &MqttSettings,
    lease: &mut Lease,
) -> Result<Result<Connect, BadConnect>, Ending> {
    loop {
        match packets::read_connect(bytes, settings.max_packet_bytes) {
            Ok(None) => {}
            Ok(Some(connect)) => return Ok(Ok(connect)),
            Err(bad) => return Ok(Err(bad)),
        }
        // All of it, so that who has begun can go on.
        if !lease.hold_needed(bytes.len() + packets::missing(bytes, settings.max_packet_bytes)) {
            return Err(Ending::NoRoom);
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(Ending::EndOfStream);
        }
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, version: &mut Version, refusal: ConnectRefused) {
    let mut connack = BytesMut::new();
    if version.write_answer(Answer::Refused(refusal), &mut connack).is_ok() {
        send(stream, connack).await;
    }
}

/// Sends the last that is to be sent. A client that does not listen misses the reason; it is in the
/// log.
async fn send<S: AsyncWrite + Unpin>(stream: &mut S, mut bytes: BytesMut) {
    let reasons = async {
        stream.write_all_buf(&mut bytes).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(LAST_WRITE_WITHIN, reasons).await;
}
