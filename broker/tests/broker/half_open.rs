//! Connections that never get as far as a CONNECT, by TCP, TLS and WebSocket: whoever fills the places for
//! them displaces its own.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use broker_users::Role;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet};
use tokio_tungstenite::tungstenite::Message;

use crate::access::{access_settings, add_users, connect_as};
use crate::certificates::{Authority, Certified};
use crate::common::{Client, bytes_of, dial_from};
use crate::own_network;
use crate::program::Home;
use crate::tls::free_address;
use crate::web_socket;

/// It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of these one address gets 30.
const MAX_HALF_OPEN: usize = 40;

/// A broker's home with listeners for TLS and WebSocket besides.
fn home() -> (Home, SocketAddr, SocketAddr) {
    let home = Home::new();
    add_users(&home, &[("hq", Role::Publisher)]);
    let Certified { certificate, key } = Authority::new(home.path(), "ca").server(home.path(), 2099);
    let (tls, web_socket) = (free_address(), free_address());
    home.write(&format!(
        "max_half_open = {MAX_HALF_OPEN}\nconnect_timeout_s = 3600\n{}\
         [tls]\nlisten = '{tls}'\ncertificate = '{}'\nkey = '{}'\n[websocket]\nlisten = '{web_socket}'\n",
        access_settings(&home),
        certificate.display(),
        key.display()
    ));
    (home, tls, web_socket)
}

/// Whether the broker has closed a connection.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0; 64]);
    stream.set_nonblocking(false).unwrap();
    match read {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Waits until the broker has closed all of these but so many, and no more.
fn wait_until_open(streams: &[TcpStream], open: usize) {
    let start = Instant::now();
    loop {
        let count = streams.iter().filter(|stream| !is_closed(stream)).count();
        if count == open {
            return;
        }
        assert!(count > open && start.elapsed() < PATIENCE, "{count} are open, not {open}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The first bytes of a ClientHello, of a request for a WebSocket, and of a CONNECT.
const BEGINNINGS: [&[u8]; 3] =
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET /mqtt HTTP/1.1\r\nHost: x\r\n", b"\x10\x7f"];

#[test]
fn who_fills_the_half_open_places_displaces_its_own() {
    let (home, tls, web_socket) = home();
    let _running = home.start();
    // An honest client whose packets take their time.
    let connect = bytes_of(&Packet::Connect(connect_as("hq", "slow")));
    let mut slow = Client::over(dial_from([127, 0, 0, 9], home.address));
    slow.send_bytes(&connect[..5]);
    // One address, in all ways there are, with and without a first word.
    let mut flood = Vec::new();
    for number in 0..10 * MAX_HALF_OPEN {
        let way = number % 3;
        let mut stream = dial_from([127, 0, 0, 2], [tls, web_socket, home.address][way]);
        if number % 2 == 0 {
            // It may be displaced already.
            let _ = stream.write_all(BEGINNINGS[way]);
        }
        flood.push(stream);
    }
    wait_until_open(&flood, MAX_HALF_OPEN * 3 / 4);
    Client::connect(home.address, connect_as("hq", "quick")).0.ping();
    // More addresses: whoever has most gives way, and who has one keeps it.
    let others: Vec<_> = (0..3 * MAX_HALF_OPEN)
        .map(|number| dial_from([127, 0, 1, 1 + (number % 10) as u8], home.address))
        .collect();
    flood.extend(others);
    wait_until_open(&flood, MAX_HALF_OPEN - 1);
    slow.send_bytes(&connect[5..]);
    let accepted = ConnAck { session_present: false, code: ConnectReturnCode::Success };
    assert_eq!(slow.receive(), Packet::ConnAck(accepted));
    slow.ping();
    // It has another place now: nobody has to go for the next one.
    let mut anonymous = Client::raw(home.address);
    anonymous.send(&Packet::Connect(Connect::new("nobody")));
    let refused = ConnAck { session_present: false, code: ConnectReturnCode::NotAuthorized };
    assert_eq!(anonymous.receive(), Packet::ConnAck(refused));
    wait_until_open(&flood, MAX_HALF_OPEN - 1);
}

/// Each of them comes from a network of its own, while ten clients from one wait for their logins.
#[test]
fn connections_from_everywhere_displace_nobody_who_has_said_who_it_is() {
    let (home, ..) = home();
    let _running = home.start();
    let mut honest: Vec<Client> = (0..10)
        .map(|number| {
            let mut client = Client::over(dial_from([127, 0, 0, 9], home.address));
            client.send(&Packet::Connect(connect_as("hq", &format!("honest {number}"))));
            client
        })
        .collect();
    let silent = |number: usize| dial_from([127, 3, number as u8, 1], home.address);
    let flood: Vec<_> = (0..5 * MAX_HALF_OPEN).map(silent).collect();
    for client in &mut honest {
        let accepted = ConnAck { session_present: false, code: ConnectReturnCode::Success };
        assert_eq!(client.receive(), Packet::ConnAck(accepted));
    }
    wait_until_open(&flood, MAX_HALF_OPEN);
}

/// As slowly as across a mobile network.
fn log_in_slowly(from: Ipv6Addr, home: &Home) {
    let mut client = Client::over(dial_from(from, home.address));
    let connect = bytes_of(&Packet::Connect(connect_as("hq", &from.to_string())));
    client.send_bytes(&connect[..5]);
    std::thread::sleep(Duration::from_millis(100));
    client.send_bytes(&connect[5..]);
    let accepted = ConnAck { session_present: false, code: ConnectReturnCode::Success };
    assert_eq!(client.receive(), Packet::ConnAck(accepted));
}

/// A customer has as many addresses as he likes: each connection of his comes from another /64 of one /48.
#[test]
fn an_ipv6_network_of_many_addresses_displaces_its_own() {
    let addresses = "ip link set lo up && ip -6 route add local 2001:db8::/32 dev lo";
    if !own_network::has("half_open::an_ipv6_network_of_many_addresses_displaces_its_own", addresses) {
        return;
    }
    daemon_runtime::allow_open_files(4_000, "this test");
    let (mut home, ..) = home();
    home.address = SocketAddr::from((Ipv6Addr::LOCALHOST, home.address.port()));
    home.write(&format!(
        "max_half_open = {MAX_HALF_OPEN}\nconnect_timeout_s = 3600\n{}",
        access_settings(&home)
    ));
    let _running = home.start();
    let host = |network: u16, number: u16| Ipv6Addr::new(0x2001, 0xdb8, network, number, 0, 0, 0, 1);
    let (opened, done) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut open = VecDeque::new();
            while !done.load(Ordering::Relaxed) {
                let number = opened.fetch_add(1, Ordering::Relaxed);
                open.push_back(dial_from(host(0, number as u16), home.address));
                if open.len() == 10 * MAX_HALF_OPEN {
                    open.pop_front();
                }
            }
        });
        // A flood of 2,700 a second once let 7 of 20 in. Where it is a slow one, more of them come.
        let honest = scope.spawn(|| {
            let is_flooded = || opened.load(Ordering::Relaxed) > 10 * MAX_HALF_OPEN as u32;
            (0..).take_while(|number| *number < 20 || !is_flooded()).for_each(|number| {
                log_in_slowly(host(0xffff, number), &home);
            });
        });
        let admitted = honest.join();
        done.store(true, Ordering::Relaxed);
        admitted.unwrap();
    });
}

/// After a power cut, say: all of them have connected before one has said who it is.
#[test]
fn hundreds_of_clients_of_one_address_come_in_at_once() {
    daemon_runtime::allow_open_files(4_000, "this test");
    let home = Home::new();
    let web_socket = free_address();
    home.write(&format!(
        "connect_timeout_s = 3600\n[access]\nanonymous = 'everywhere'\n[store]\npath = '{}'\n[websocket]\nlisten = '{web_socket}'\n",
        home.store().display()
    ));
    let _running = home.start();
    let connect = |n: usize| bytes_of(&Packet::Connect(Connect::new(format!("client {n}"))));
    let accepted = || Packet::ConnAck(ConnAck { session_present: false, code: ConnectReturnCode::Success });
    let mut clients: Vec<_> = (0..400).map(|_| Client::raw(home.address)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send_bytes(&connect(n));
    }
    for client in &mut clients {
        assert_eq!(client.receive(), accepted());
    }
    drop(clients);
    let streams: Vec<_> = (0..300).map(|_| TcpStream::connect(web_socket).unwrap()).collect();
    for (n, stream) in streams.iter().enumerate() {
        let mut socket = web_socket::open(stream, Some("mqtt")).unwrap();
        socket.send(Message::Binary(connect(n).into())).unwrap();
        let Message::Binary(bytes) = socket.read().unwrap() else { panic!("no packet") };
        assert_eq!(bytes, bytes_of(&accepted()));
    }
}
