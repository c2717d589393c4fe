//! A client that asks once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// What came.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
}

/// Asks for a path, packed in a coding where one is named.
pub(crate) fn get(address: SocketAddr, path: &str, coding: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    // HTTP/1.0: the body is not in pieces, and ends with the connection.
    let head = format!("GET {path} HTTP/1.0\r\nHost: benchmark\r\nAccept-Encoding: {coding}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    assert_eq!(head.split(' ').nth(1), Some("200"), "{path}: {head}");
    Answer { body: raw[end + 4..].to_vec() }
}
