//! A web server to which notices are posted, as a webhook of powerpi-alarms does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The states of the notices that were posted, in their order.
pub type Told = Arc<Mutex<Vec<String>>>;

/// Starts one on a port of its own, for as long as the test runs.
pub fn hooks() -> (u16, Told) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, told) = (listener.local_addr().unwrap().port(), Told::default());
    let tell = told.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever was killed in the midst of it has told nothing.
            let Some(notice) = answer(stream.unwrap()) else { continue };
            tell.lock().unwrap().push(notice["state"].as_str().unwrap().to_owned());
        }
    });
    (port, told)
}

fn answer(stream: TcpStream) -> Option<Value> {
    let (mut request, mut length, mut line) = (BufReader::new(stream), 0, String::new());
    while request.read_line(&mut line).ok()? > 0 && !line.trim().is_empty() {
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    request.read_exact(&mut body).ok()?;
    let notice = serde_json::from_slice(&body).ok()?;
    let done = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _is_gone = request.into_inner().write_all(done);
    Some(notice)
}
