//! Looking from outside, with standard tools.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use meter_messages::Minute;

/// Status and body of a GET, as `curl -s` shows them.
pub fn http_get(port: u16, path: &str) -> (u16, String) {
    let (status, body) = http_get_bytes(port, path);
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The same, of whatever is no text.
pub fn http_get_bytes(port: u16, path: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // HTTP/1.0: the body ends with the connection and has no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_off(end + 4))
}

/// What Debian's `mosquitto_sub -v` prints for `topic` within some seconds, at
/// most so many messages.
pub fn mosquitto_sub(port: u16, topic: &str, messages: u32, seconds: u32) -> Vec<(String, String)> {
    let out = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-v", "-t", topic])
        .args(["-C", &messages.to_string(), "-W", &seconds.to_string(), "-q", "1"])
        .output()
        .expect("mosquitto_sub; it is in Debian's mosquitto-clients");
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(t, p)| (t.into(), p.into())).collect()
}

/// Publishes with Debian's `mosquitto_pub`.
pub fn mosquitto_pub(port: u16, topic: &str, payload: &str, more: &[&str]) {
    let status = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", topic, "-m", payload, "-q", "1"])
        .args(more)
        .status()
        .expect("mosquitto_pub; it is in Debian's mosquitto-clients");
    assert!(status.success(), "mosquitto_pub to {topic} ended with {status}");
}

/// The known minutes of an RRD file, as `rrdtool fetch` prints them; none before there is a file.
pub fn rrd_minutes(file: &Path, from: Minute, to: Minute) -> Vec<(Minute, u32)> {
    if !file.is_file() {
        return Vec::new();
    }
    let mut fetch = Command::new("rrdtool");
    fetch.args(["fetch", &file.display().to_string(), "AVERAGE"]);
    fetch.args(["--start", &from.start().to_string(), "--end", &(to.start() - 1).to_string()]);
    let mut out = fetch.output().expect("rrdtool; it is in Debian's rrdtool");
    // It does not wait for a writer, who holds the file for a moment.
    let began = Instant::now();
    while String::from_utf8_lossy(&out.stderr).contains("could not lock RRD")
        && began.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(20));
        out = fetch.output().unwrap();
    }
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let rows = String::from_utf8(out.stdout).unwrap();
    rows.lines()
        .filter_map(|row| row.split_once(": "))
        .map(|(end, pulses)| (end.parse::<i64>().unwrap(), pulses.trim().parse::<f64>().unwrap()))
        .filter(|(_, pulses)| pulses.is_finite())
        .map(|(end, pulses)| {
            assert!(pulses.fract() == 0.0, "a count of {pulses} is none");
            // A value covers the minute before its time stamp.
            (Minute::containing(end - Minute::SECONDS).unwrap(), pulses as u32)
        })
        .collect()
}
