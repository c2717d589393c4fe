//! What viewers cost: each with a stream of live values, one a second; and all of them asking for a page at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use end_to_end::measuring::{Line, Plot, Report, median, milliseconds};
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site, http_get, wait_until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::asking::{fresh, site_of};
use crate::client::Client;
use crate::days::table;
use crate::ledger::{self, MAIN};

const VIEWERS: [usize; 4] = [1, 10, 100, 1_000];

const DAYS: i64 = 30;

/// A stream that says nothing for so long stands still.
const PATIENCE: Duration = Duration::from_secs(10);

/// Draws it, and returns a table.
pub(crate) fn measure(report: &Report, seconds: u64) -> String {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.sqlite");
    ledger::of_a_household(&file, DAYS);
    let broker = Site::new("");
    let _mosquitto = mosquitto::spawn(&broker);
    let mut publisher = Client::connect(broker.mqtt, "publisher");
    let line = |name: &str| Line { name: name.into(), points: Vec::new() };
    let mut lines = vec![
        line("CPU of values, ms/s"),
        line("a value to all, ms"),
        line("a page to all, ms"),
        line("memory, MB"),
    ];
    for viewers in VIEWERS {
        // One for each number, so that its memory is of these viewers.
        let site = site_of(&file, "Europe/Berlin", broker.mqtt);
        let web = fresh(&site, &file);
        let [cpu, slowest] = streams(&site, &web, &mut publisher, viewers, seconds);
        let page = median((0..5).map(|_| all_at_once(&site, viewers)));
        let memory = web.burden().peak_kib as f64 * 1024.0 / 1e6;
        for (line, figure) in lines.iter_mut().zip([cpu, slowest, page, memory]) {
            line.points.push((viewers as f64, figure));
        }
    }
    let table = table("viewers", &lines);
    report.draw(
        "cost-by-viewers",
        &Plot { title: "What viewers cost the pages' program", across: "viewers", lines },
    );
    table
}

/// The program's CPU in ms of a second with a value, and how long the values took until all had them, in ms: the median.
fn streams(site: &Site, web: &Program, publisher: &mut Client, viewers: usize, seconds: u64) -> [f64; 2] {
    let mut streams: Vec<TcpStream> = (0..viewers).map(|_| open(site.web)).collect();
    let is_connected = || http_get(site.web, "/health").1.contains("\"broker\":\"connected\"");
    wait_until("the pages are connected to the broker", is_connected);
    // Its subscriptions follow, and the first value may be told while some still connect.
    std::thread::sleep(Duration::from_millis(500));
    tell(publisher, &mut streams, 999);
    let (before, began) = (web.on_cpu(), Instant::now());
    let mut took = Vec::new();
    for second in 1..=seconds {
        took.push(milliseconds(tell(publisher, &mut streams, 1_000 + second)));
        std::thread::sleep((began + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
    }
    [milliseconds(web.on_cpu() - before) / seconds as f64, median(took)]
}

/// Publishes a value, and waits until all streams have it.
fn tell(publisher: &mut Client, streams: &mut [TcpStream], watts: u64) -> Duration {
    let (now, told) = (daemon_runtime::now(), Instant::now());
    publisher.publish(
        &format!("powerpi/{MAIN}/live"),
        &format!("{{\"t\":\"{now}\",\"w\":{watts},\"total\":{watts}}}"),
    );
    let wanted = format!("\"power_w\":{watts},");
    for stream in streams {
        let mut said = taken(stream);
        while !said.contains(&wanted) {
            assert!(told.elapsed() < PATIENCE, "a stream stands still: {said}");
            std::thread::sleep(Duration::from_millis(1));
            said.push_str(&taken(stream));
        }
    }
    told.elapsed()
}

fn open(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
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

/// How long it takes, in ms, until all of them have the meter's page, which they ask for at the same moment.
fn all_at_once(site: &Site, viewers: usize) -> f64 {
    // So that it is drawn anew.
    std::thread::sleep(Duration::from_millis(1_100));
    let mut streams: Vec<TcpStream> =
        (0..viewers).map(|_| TcpStream::connect(("127.0.0.1", site.web)).unwrap()).collect();
    let began = Instant::now();
    for stream in &mut streams {
        stream.write_all(format!("GET /m/{MAIN} HTTP/1.0\r\nHost: benchmark\r\n\r\n").as_bytes()).unwrap();
    }
    for mut stream in streams {
        let mut page = Vec::new();
        stream.read_to_end(&mut page).unwrap();
        assert!(page.starts_with(b"HTTP/1.1 200") || page.starts_with(b"HTTP/1.0 200"), "no page");
    }
    milliseconds(began.elapsed())
}
