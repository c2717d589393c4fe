//! MQTT over WebSocket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use broker_users::Role;
use bytes::BytesMut;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet, PubAck};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::access::{access_settings, add_users, connect_as};
use crate::certificates::{Authority, Certified};
use crate::common::{bytes_of, qos1};
use crate::program::Home;
use crate::tls::free_address;
use crate::transit::{BUDGET, MOST, most_in_transit};

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

pub(crate) fn open<S: Read + Write>(stream: S, subprotocol: Option<&str>) -> Option<WebSocket<S>> {
    open_from(stream, subprotocol, None)
}

fn open_from<S: Read + Write>(
    stream: S,
    subprotocol: Option<&str>,
    origin: Option<&str>,
) -> Option<WebSocket<S>> {
    let mut request = "ws://localhost/mqtt".into_client_request().unwrap();
    if let Some(name) = subprotocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", name.parse().unwrap());
    }
    if let Some(origin) = origin {
        request.headers_mut().insert("Origin", origin.parse().unwrap());
    }
    client(request, stream).ok().map(|(socket, _)| socket)
}

/// The next packet; packets and messages need not have the same borders.
fn receive<S: Read + Write>(socket: &mut WebSocket<S>, read: &mut BytesMut) -> Packet {
    loop {
        if let Ok(packet) = Packet::read(read, usize::MAX) {
            return packet;
        }
        if let Message::Binary(bytes) = socket.read().unwrap() {
            read.extend_from_slice(&bytes);
        }
    }
}

/// Publishes, in messages that are cut at odd places, and is acknowledged.
fn publish<S: Read + Write>(socket: &mut WebSocket<S>, connect: Connect) {
    let mut read = BytesMut::new();
    let mut bytes = bytes_of(&Packet::Connect(connect));
    bytes.extend(bytes_of(&qos1(5, "powerpi/hq/main/minute", &"x".repeat(1_000), false)));
    for piece in bytes.chunks(40) {
        socket.send(Message::Binary(piece.to_vec().into())).unwrap();
    }
    let accepted = ConnAck { session_present: false, code: ConnectReturnCode::Success };
    assert_eq!(receive(socket, &mut read), Packet::ConnAck(accepted));
    assert_eq!(receive(socket, &mut read), Packet::PubAck(PubAck::new(5)));
    socket.send(Message::Ping(vec![1].into())).unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Pong(_)));
}

#[test]
fn mqtt_passes_through_web_sockets_with_and_without_tls() {
    let home = Home::new();
    add_users(&home, &[("hq", Role::Publisher)]);
    let authority = Authority::new(home.path(), "ca");
    let Certified { certificate, key } = authority.server(home.path(), 2099);
    let (plain, secure, tls) = (free_address(), free_address(), free_address());
    let access = access_settings(&home);
    home.write(&format!(
        "{access}[tls]\nlisten = '{tls}'\ncertificate = '{}'\nkey = '{}'\n\
         [websocket]\nlisten = '{plain}'\ntls_listen = '{secure}'\n",
        certificate.display(),
        key.display()
    ));
    let _running = home.start();
    publish(&mut open(dial(plain), Some("mqtt")).unwrap(), connect_as("hq", "plain"));
    // A browser's library may offer more than one.
    publish(&mut open(dial(plain), Some("mqttv3.1, mqtt")).unwrap(), connect_as("hq", "two"));
    // Or know it only by the name that it had before.
    publish(&mut open(dial(plain), Some("mqttv3.1")).unwrap(), connect_as("hq", "old name"));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.pem).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "127.77.0.1".try_into().unwrap()).unwrap();
    let mut socket = open(StreamOwned::new(session, dial(secure)), Some("mqtt")).unwrap();
    publish(&mut socket, connect_as("hq", "secure"));

    assert!(open(dial(plain), None).is_none(), "the subprotocol is asked for");
    assert!(open(dial(plain), Some("chat")).is_none());
}

#[test]
fn pages_of_other_origins_do_not_connect() {
    let home = Home::with("");
    let plain = free_address();
    add_users(&home, &[("hq", Role::Publisher)]);
    let access = access_settings(&home);
    home.write(&format!(
        "{access}[websocket]\nlisten = '{plain}'\norigins = ['https://power.example.org/']\n"
    ));
    let _running = home.start();
    let from = |origin| open_from(dial(plain), Some("mqtt"), origin);
    publish(&mut from(Some("https://power.example.org")).unwrap(), connect_as("hq", "page"));
    // No browser, so it could say whatever it liked.
    publish(&mut from(None).unwrap(), connect_as("hq", "program"));
    for origin in ["https://power.example.org.evil", "http://power.example.org", "null", "https://evil"] {
        assert!(from(Some(origin)).is_none(), "{origin}");
    }
}

#[test]
fn a_web_page_is_not_trusted_for_coming_from_here() {
    let home = Home::with("");
    let plain = free_address();
    let store = home.store();
    home.write(&format!("[access]\nanonymous = 'loopback'\nusers = '{}/users.toml'\n[store]\npath = '{}'\n[websocket]\nlisten = '{plain}'\n",
        home.path().display(), store.display()));
    add_users(&home, &[("hq", Role::Publisher)]);
    let _running = home.start();
    home.client("over TCP").ping();
    let mut socket = open(dial(plain), Some("mqtt")).unwrap();
    socket.send(Message::Binary(bytes_of(&Packet::Connect(Connect::new("x"))).into())).unwrap();
    let refused = ConnAck { session_present: false, code: ConnectReturnCode::NotAuthorized };
    assert_eq!(receive(&mut socket, &mut BytesMut::new()), Packet::ConnAck(refused));
}

/// A binary message as a client sends it, masked with nothing.
fn message(payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0x82, 0xff];
    message.extend((payload.len() as u64).to_be_bytes());
    message.extend([0; 4]);
    message.extend(payload);
    message
}

#[test]
fn messages_of_which_the_end_is_missing_take_nobody_elses_room() {
    let home = Home::new();
    let users = [("hq", Role::Publisher), ("recorder", Role::Recorder), ("admin", Role::Admin)];
    add_users(&home, &users);
    add_users(&home, &[("greedy", Role::Admin)]);
    let (access, plain) = (access_settings(&home), free_address());
    home.write(&format!(
        "max_kept_bytes = {BUDGET}\nwrite_timeout_s = 600\n{access}[websocket]\nlisten = '{plain}'\n"
    ));
    let _running = home.start();
    let connect = |user, client_id: &str| {
        let mut socket = open(dial(plain), Some("mqtt")).unwrap();
        // However slow the machine, nobody is too silent.
        let connect = Connect { keep_alive: 0, ..connect_as(user, client_id) };
        socket.send(Message::Binary(bytes_of(&Packet::Connect(connect)).into())).unwrap();
        assert!(matches!(receive(&mut socket, &mut BytesMut::new()), Packet::ConnAck(_)));
        socket
    };
    let minute =
        |site| bytes_of(&qos1(1, &format!("powerpi/{site}/main/minute"), &"x".repeat(100_000), false));
    // Twelve messages, of one packet each, of which the last bytes are missing.
    let sent = message(&minute("greedy"));
    let (most, rest) = sent.split_at(sent.len() - 10);
    let mut halves: Vec<_> = (0..12).map(|number| connect("greedy", &format!("half {number}"))).collect();
    for half in &mut halves {
        half.get_mut().write_all(most).unwrap();
    }
    // What has come of them counts, whatever of them was read, and others have their room.
    let in_transit = most_in_transit(&home, "greedy");
    assert!((MOST / 2..=MOST).contains(&in_transit), "{in_transit}");
    let mut publisher = connect("hq", "hq");
    publisher.send(Message::Binary(minute("hq").into())).unwrap();
    assert_eq!(receive(&mut publisher, &mut BytesMut::new()), Packet::PubAck(PubAck::new(1)));
    // Clients that go are noticed once they could go on, and what they had is there for the next ones.
    drop(halves.drain(..4));
    for half in &mut halves {
        half.get_mut().write_all(rest).unwrap();
    }
    for half in &mut halves {
        assert_eq!(receive(half, &mut BytesMut::new()), Packet::PubAck(PubAck::new(1)));
    }
}
