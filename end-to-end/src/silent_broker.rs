//! A broker that takes connections and then says little or nothing.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::BytesMut;
use rumqttc::{ConnAck, ConnectReturnCode, Packet, SubAck, SubscribeReasonCode};

/// Up to where it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silent {
    /// Never.
    FromTheStart,
    /// CONNECT and SUBSCRIBE, and nothing else.
    OnceSubscribed,
}

/// It listens until the test ends.
#[derive(Debug, Clone)]
pub struct SilentBroker {
    silent: Silent,
    waiting: Arc<Mutex<BTreeSet<String>>>,
}

impl SilentBroker {
    /// Listens on a port of 127.0.0.1.
    pub fn on(port: u16, silent: Silent) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let broker = Self { silent, waiting: Arc::default() };
        let (clients, server) = (broker.clone(), broker);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                thread::spawn(move || server.hear(stream.unwrap()));
            }
        });
        clients
    }

    /// The clients that wait for an answer that will not come: to their CONNECT, or to what they
    /// say after their SUBACK.
    pub fn waiting(&self) -> BTreeSet<String> {
        self.waiting.lock().unwrap().clone()
    }

    fn hear(&self, mut stream: TcpStream) {
        let (mut read, mut chunk, mut client) = (BytesMut::new(), [0; 4096], String::new());
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            read.extend_from_slice(&chunk[..count]);
            while let Ok(packet) = Packet::read(&mut read, usize::MAX) {
                let answer = match packet {
                    Packet::Connect(connect) => {
                        client = connect.client_id;
                        Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))
                    }
                    Packet::Subscribe(subscribe) => {
                        let granted =
                            |filter: &rumqttc::SubscribeFilter| SubscribeReasonCode::Success(filter.qos);
                        let codes = subscribe.filters.iter().map(granted).collect();
                        Packet::SubAck(SubAck::new(subscribe.pkid, codes))
                    }
                    _ => continue,
                };
                let subscribed = matches!(answer, Packet::SubAck(_));
                if self.silent == Silent::OnceSubscribed {
                    let mut bytes = BytesMut::new();
                    answer.write(&mut bytes, usize::MAX).unwrap();
                    if stream.write_all(&bytes).is_err() {
                        return;
                    }
                }
                if subscribed || self.silent == Silent::FromTheStart {
                    self.waiting.lock().unwrap().insert(client.clone());
                }
            }
        }
    }
}
