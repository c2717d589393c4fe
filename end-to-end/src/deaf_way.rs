//! A way to a broker on which a client is given nothing, as by a node of NATS whose file is damaged: all else passes, and
//! what is published is acknowledged. It ends with the session or with the subscription.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bytes::BytesMut;
use rumqttc::Packet;

/// A port of 127.0.0.1 that leads to a broker's. It exists until the test program ends.
#[derive(Debug, Clone)]
pub struct DeafWay {
    /// Where it begins.
    pub port: u16,
    /// What the client says to end it.
    ends: fn(&Packet) -> bool,
    is_over: Arc<AtomicBool>,
    swallowed: Arc<AtomicUsize>,
}

impl DeafWay {
    /// One that leads to `port` and lasts until somebody begins a session that is not to last.
    pub fn of_session(port: u16) -> Self {
        Self::to(port, |packet| matches!(packet, Packet::Connect(connect) if connect.clean_session))
    }

    /// The same, until a subscription is ended.
    pub fn of_subscription(port: u16) -> Self {
        Self::to(port, |packet| matches!(packet, Packet::Unsubscribe(_)))
    }

    fn to(port: u16, ends: fn(&Packet) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let begins = listener.local_addr().unwrap().port();
        let way = Self { port: begins, ends, is_over: Arc::default(), swallowed: Arc::default() };
        let passing = way.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (way, from, to) =
                    (passing.clone(), client.try_clone().unwrap(), broker.try_clone().unwrap());
                thread::spawn(move || way.pass(from, to));
                let way = passing.clone();
                thread::spawn(move || way.pass(broker, client));
            }
        });
        way
    }

    /// Whether it has ended: since then everything passes.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// How many messages did not get through.
    pub fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::SeqCst)
    }

    /// Passes packets on in one direction. The client's own messages come the other way.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let (mut read, mut chunk, mut is_client) = (BytesMut::new(), [0; 4096], false);
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            read.extend_from_slice(&chunk[..count]);
            while let Ok(packet) = Packet::read(&mut read, usize::MAX) {
                is_client |= matches!(packet, Packet::Connect(_));
                self.is_over.fetch_or((self.ends)(&packet), Ordering::SeqCst);
                if matches!(packet, Packet::Publish(_)) && !is_client && !self.is_over() {
                    self.swallowed.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let mut bytes = BytesMut::new();
                packet.write(&mut bytes, usize::MAX).unwrap();
                if to.write_all(&bytes).is_err() {
                    return;
                }
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}
