//! From an accepted connection to a CONNECT worth showing to the exchange.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::admission::Place;
use crate::connection::Ending;
use crate::packets::{self, ProtocolError};
use crate::settings::MqttSettings;

/// Longer client ids are refused; the standard asks for 23 characters.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// Reads the CONNECT, and refuses it with the right code if it cannot be accepted.
pub(super) async fn shake_hands<S>(
    stream: &mut S,
    bytes: &mut BytesMut,
    settings: &MqttSettings,
) -> Result<Connect, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = Duration::from_secs(settings.connect_timeout_s);
    let connect = tokio::time::timeout(patience, read_connect(stream, bytes, settings))
        .await
        .map_err(|_| Ending::NoConnect)?;
    let (code, ending) = match connect {
        Ok(connect) if connect.client_id.is_empty() && !connect.clean_session => {
            (ConnectReturnCode::BadClientId, Ending::Refused("a lasting session needs a client id"))
        }
        Ok(connect) if connect.client_id.len() > MAX_CLIENT_ID_BYTES => {
            (ConnectReturnCode::BadClientId, Ending::Refused("the client id is too long"))
        }
        Err(ending @ Ending::Protocol(ProtocolError::Level(_))) => {
            (ConnectReturnCode::RefusedProtocolVersion, ending)
        }
        connect => return connect,
    };
    refuse(stream, code).await;
    Err(ending)
}

/// Gives a client that has said who it is a place among the clients, or says that there is none.
pub(super) async fn admit<S: AsyncWrite + Unpin>(stream: &mut S, place: &mut Place) -> Result<(), Ending> {
    if let Err(reason) = place.become_client() {
        refuse(stream, ConnectReturnCode::ServiceUnavailable).await;
        return Err(reason.into());
    }
    Ok(())
}

async fn read_connect<S: AsyncRead + Unpin>(
    stream: &mut S,
    bytes: &mut BytesMut,
    settings: &MqttSettings,
) -> Result<Connect, Ending> {
    loop {
        if let Some(connect) = packets::read_connect(bytes, settings.max_packet_bytes)? {
            return Ok(connect);
        }
        if stream.read_buf(bytes).await? == 0 {
            return Err(Ending::EndOfStream);
        }
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: &mut S, code: ConnectReturnCode) {
    let mut bytes = BytesMut::new();
    let connack = Packet::ConnAck(ConnAck::new(code, false));
    if connack.write(&mut bytes, usize::MAX).is_ok() {
        let farewell = async {
            stream.write_all_buf(&mut bytes).await?;
            stream.shutdown().await
        };
        // A client that does not listen misses the reason; it is in the log.
        let _ = tokio::time::timeout(super::FAREWELL, farewell).await;
    }
}
