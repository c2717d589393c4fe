//! Asking the pages, as somebody who comes for the first time and as somebody who comes again.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use end_to_end::{Program, Site};
use rustix::fs::{Advice, fadvise};

/// An answer that is not there by then never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a page, and reads all of it; how long that took.
pub(crate) fn ask(port: u16, path: &str) -> Duration {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let began = Instant::now();
    // HTTP/1.0: the body ends with the connection and has no chunks.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: benchmark\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let took = began.elapsed();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]);
    assert_eq!(head.split(' ').nth(1), Some("200"), "{path}: {head}");
    took
}

/// A site whose pages show a ledger that lies elsewhere, in a time zone, with values of the moment of a broker.
pub(crate) fn site_of(ledger: &Path, zone: &str, broker: u16) -> Site {
    let site = Site::new("");
    site.replace("powerpi-web", &format!("port = {}", site.mqtt), &format!("port = {broker}"));
    site.replace("powerpi-web", "'ledger.sqlite'", &format!("'{}'", ledger.display()));
    site.replace("powerpi-web", "Europe/Berlin", zone);
    site
}

/// The pages' program, which has just begun; nothing of the ledger is in memory.
pub(crate) fn fresh(site: &Site, ledger: &Path) -> Program {
    let web = site.start("powerpi-web");
    forget(ledger);
    web
}

/// Has the kernel forget what it holds of a file.
fn forget(ledger: &Path) {
    for file in [ledger.to_owned(), ledger.with_extension("sqlite-wal")] {
        if let Ok(file) = File::open(file) {
            // Only what is on disk can be forgotten.
            file.sync_all().unwrap();
            fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        }
    }
}
