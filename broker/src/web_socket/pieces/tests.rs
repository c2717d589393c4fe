use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Control;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;

/// A frame as a client sends it.
fn frame(opcode: OpCode, is_final: bool, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { opcode, is_final, mask: Some(mask), ..FrameHeader::default() };
    let mut frame = Vec::new();
    header.format(payload.len() as u64, &mut frame).unwrap();
    frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn binary(is_final: bool, payload: &[u8]) -> Vec<u8> {
    frame(OpCode::Data(Data::Binary), is_final, [1, 2, 3, 4], payload)
}

/// What tungstenite makes of it, cut into pieces or not, where so many bytes come at a time; and how it ended.
async fn messages(bytes: &[u8], at_a_time: usize, cut: bool) -> (Vec<Message>, Option<Error>) {
    let (mut client, stream) = tokio::io::duplex(at_a_time);
    // It reads no answers.
    let stream = tokio::io::join(stream, tokio::io::sink());
    let mut messages = Vec::new();
    let reading = async {
        let mut error = None;
        let mut take = |message| match message {
            Ok(message) => messages.push(message),
            Err(other) => error = Some(other),
        };
        if cut {
            let config = Some(super::super::config());
            let mut socket =
                WebSocketStream::from_raw_socket(Pieces::new(stream), Role::Server, config).await;
            while let Some(message) = socket.next().await {
                take(message);
            }
        } else {
            let config = Some(WebSocketConfig::default());
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, config).await;
            while let Some(message) = socket.next().await {
                take(message);
            }
        }
        error
    };
    let writing = async move {
        // It may have seen enough.
        let _ = client.write_all(bytes).await;
    };
    let (error, ()) = tokio::join!(reading, writing);
    (messages, error)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn payload(messages: &[Message]) -> Vec<u8> {
    let of =
        |message: &Message| if let Message::Binary(bytes) = message { bytes.to_vec() } else { Vec::new() };
    messages.iter().flat_map(of).collect()
}

fn pings(messages: &[Message]) -> Vec<&Message> {
    messages.iter().filter(|message| matches!(message, Message::Ping(_))).collect()
}

proptest! {
    /// Messages of any length, in any number of frames, with pings between them.
    #[test]
    fn the_bytes_are_those_that_were_sent(
        frames in prop::collection::vec((0usize..3 * PIECE, any::<[u8; 4]>(), any::<bool>(), any::<bool>()), 1..8),
        at_a_time in 1usize..20_000,
    ) {
        let (mut bytes, mut in_message) = (Vec::new(), false);
        for (number, (length, mask, ends, pings)) in frames.iter().enumerate() {
            if *pings {
                bytes.extend(frame(OpCode::Control(Control::Ping), true, *mask, &[number as u8]));
            }
            let ends = *ends || number + 1 == frames.len();
            let payload: Vec<u8> = (0..*length).map(|at| (at / 3 + number) as u8).collect();
            let kind = if in_message { Data::Continue } else { Data::Binary };
            bytes.extend(frame(OpCode::Data(kind), ends, *mask, &payload));
            in_message = !ends;
        }
        bytes.extend(frame(OpCode::Control(Control::Close), true, [0; 4], &[]));
        let (whole, cut) = (run(messages(&bytes, 100_000, false)), run(messages(&bytes, at_a_time, true)));
        prop_assert!(payload(&whole.0) == payload(&cut.0));
        prop_assert_eq!(pings(&whole.0), pings(&cut.0));
        prop_assert!(cut.0.iter().all(|message| message.len() <= PIECE));
        prop_assert_eq!(cut.0.last(), Some(&Message::Close(None)));
    }

    /// What tungstenite takes of any bytes is the same. Of a message that is cut, what came of it before it went wrong
    /// was handed on.
    #[test]
    fn of_any_bytes_as_much_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), valid in 0usize..300) {
        let bytes: Vec<u8> = binary(true, &vec![7; valid]).into_iter().chain(bytes).collect();
        let (whole, cut) = (run(messages(&bytes, 1_000, false)), run(messages(&bytes, 7, true)));
        prop_assert!(payload(&cut.0).starts_with(&payload(&whole.0)));
        prop_assert!(payload(&cut.0).len() >= valid);
    }
}

#[test]
fn what_has_come_of_a_message_does_not_wait_for_its_end() {
    let message = binary(false, &[5; 100_000]);
    let (came, error) = run(messages(&message[..PIECE * 10], 1_000, true));
    assert_eq!(payload(&came), vec![5; PIECE * 9]);
    assert!(error.is_some(), "its end is missing");
}

#[test]
fn frames_out_of_order_are_refused() {
    let text = |is_final| frame(OpCode::Data(Data::Text), is_final, [0; 4], b"x");
    let more = frame(OpCode::Data(Data::Continue), true, [0; 4], b"x");
    let long_text = frame(OpCode::Data(Data::Text), true, [0; 4], &[b'x'; PIECE + 1]);
    let long_ping = frame(OpCode::Control(Control::Ping), true, [0; 4], &[b'x'; 126]);
    let mut reserved = binary(true, b"x");
    reserved[0] |= 0x40;
    for (what, bytes) in [
        ("a second message", [binary(false, b"x"), binary(true, b"x")].concat()),
        ("a text in a message", [binary(false, b"x"), text(true)].concat()),
        ("a binary message in a text", [text(false), binary(true, b"x")].concat()),
        ("the rest of nothing", more),
        ("a long text", long_text),
        ("a long ping", long_ping),
        ("a reserved bit", reserved),
        ("an unknown kind", vec![0x83, 0x80, 0, 0, 0, 0]),
        ("no mask", vec![0x82, 1, b'x']),
    ] {
        let (came, error) = run(messages(&bytes, 1_000, true));
        let is_refused = error.as_ref().is_some_and(|error| {
            !matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
        });
        assert!(is_refused, "{what} is taken: {came:?}, {error:?}");
    }
}
