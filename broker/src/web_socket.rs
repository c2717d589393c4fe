//! MQTT over WebSocket: the same bytes in binary messages (MQTT 3.1.1, chapter 6).

mod pieces;

use std::io;

use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use crate::web_socket::pieces::{PIECE, Pieces};

/// The subprotocol that the standard asks clients to offer, and the name that it had before. What is spoken is said by
/// the CONNECT.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
const PROTOCOL_HEADER: &str = "Sec-WebSocket-Protocol";
/// Bytes that are gathered before they are written.
const WRITTEN_BYTES: usize = 16 * 1024;

/// A stream of bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Takes a client's request to speak MQTT over WebSocket. Its messages may be of any length; packets may not.
pub(crate) async fn accept(stream: Box<dyn Duplex>, origins: &[String]) -> Result<Box<dyn Duplex>, Error> {
    let socket = accept_hdr_async_with_config(stream, Answering { origins }, Some(config())).await?;
    // Nothing is left in it: a client that sends messages before the answer is refused.
    let pieces = Pieces::new(socket.into_inner());
    let socket = WebSocketStream::from_raw_socket(pieces, Role::Server, Some(config())).await;
    let (sink, stream) = socket.split();
    let read = stream.filter_map(|message| {
        ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
            Ok(Message::Text(_)) => Some(Err(io::Error::other("a text message over WebSocket"))),
            // tungstenite answers pings, and ends the stream after a close.
            Ok(_) => None,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
            Err(error) => Some(Err(io_error(error))),
        })
    });
    let write =
        sink.sink_map_err(io_error).with(|bytes: Bytes| ready(Ok::<_, io::Error>(Message::Binary(bytes))));
    let reader = StreamReader::new(read);
    let writer = SinkWriter::new(CopyToBytes::new(write));
    Ok(Box::new(tokio::io::join(reader, writer)))
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(PIECE)
        .write_buffer_size(WRITTEN_BYTES)
        .max_message_size(Some(PIECE))
        .max_frame_size(Some(PIECE))
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Agrees to a subprotocol of MQTT, and to nothing else.
struct Answering<'a> {
    origins: &'a [String],
}

impl Callback for Answering<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        if comes_from(request, self.origins) {
            return answer(request, response);
        }
        let mut refusal = ErrorResponse::new(Some("pages of this origin may not connect\n".to_owned()));
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        Err(refusal)
    }
}

/// Whether a request comes from a page of one of these origins, or from no page. A browser says which
/// page it is; what is no browser can say anything.
fn comes_from(request: &Request, origins: &[String]) -> bool {
    let same = |origin: &str, other: &String| origin.eq_ignore_ascii_case(other.trim_end_matches('/'));
    let allowed = |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|origin| origins.iter().any(|other| same(origin, other)))
    };
    origins.is_empty() || request.headers().get_all("Origin").iter().all(allowed)
}

#[allow(clippy::result_large_err)] // tungstenite asks for it.
fn answer(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offers = request.headers().get_all(PROTOCOL_HEADER).iter();
    let offered = offers.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let offered: Vec<_> = offered.map(str::trim).collect();
    if let Some(agreed) = SUBPROTOCOLS.into_iter().find(|name| offered.contains(name)) {
        response.headers_mut().insert(PROTOCOL_HEADER, HeaderValue::from_static(agreed));
        return Ok(response);
    }
    let mut refusal =
        ErrorResponse::new(Some("this endpoint speaks MQTT: offer the subprotocol mqtt\n".to_owned()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}
