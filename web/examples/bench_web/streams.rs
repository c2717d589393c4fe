//! A thousand streams of live values, with a value each second.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::programs::{Broker, Web};

const STREAMS: usize = 1_000;
const SECONDS: u64 = 60;

/// CPU and memory of the server for a minute with them, and how late they get a value.
pub(crate) fn measure(web: &Web, broker: &Broker) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let mut publisher = broker.publisher();
    publisher.live(100);
    let memory = web.memory_kib();
    let mut streams: Vec<TcpStream> = (0..STREAMS).map(|_| open(web)).collect();
    std::thread::sleep(Duration::from_secs(2));
    streams.iter_mut().for_each(|stream| drop(taken(stream)));
    let (before, began) = (web.cpu_us(), Instant::now());
    let (mut bytes, mut slowest) = (0, Duration::ZERO);
    for second in 1..=SECONDS {
        let (value, told) = (1_000 + second, Instant::now());
        publisher.live(value);
        let wanted = format!("\"power_w\":{value},");
        for stream in &mut streams {
            let mut said = taken(stream);
            while !said.contains(&wanted) {
                assert!(told.elapsed() < Duration::from_secs(10), "a stream stands still: {said}");
                std::thread::sleep(Duration::from_millis(1));
                said.push_str(&taken(stream));
            }
            bytes += said.len();
        }
        slowest = slowest.max(told.elapsed());
        std::thread::sleep((began + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
    }
    println!(
        "{STREAMS} streams for {SECONDS} s, a value each second: {:.2} s of CPU, {:.0} KiB more memory, \
         {bytes} bytes; after {slowest:?} at most all had a value",
        (web.cpu_us() - before) / 1e6,
        web.memory_kib() - memory,
    );
}

fn open(web: &Web) -> TcpStream {
    let mut stream = TcpStream::connect(web.address).unwrap();
    stream.write_all(b"GET /api/v1/live HTTP/1.1\r\nHost: benchmark\r\n\r\n").unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// What has come.
fn taken(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count) = stream.read(&mut piece) {
        assert_ne!(count, 0, "a stream ended");
        said.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(said).unwrap()
}
