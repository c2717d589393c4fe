//! What anybody can do who reaches the pages.

use std::io::{Read, Write};
use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::target::{ATTACKER, Held, Target, dial};

/// Requests that are under way at the same time.
const AT_ONCE: usize = 24;

/// Runs so many requests, some at a time.
fn at_once(pieces: usize, ask: impl Fn(usize) + Sync) {
    let ask = &ask;
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE.min(pieces) {
            scope.spawn(move || (first..pieces).step_by(AT_ONCE).for_each(ask));
        }
    });
}

/// Passwords that are wrong, from some addresses.
pub(super) fn wrong_logins(target: &Target, pieces: usize) -> Held {
    let wrong = format!("Authorization: Basic {}\r\n", STANDARD.encode("admin:wrong"));
    at_once(pieces, |piece| {
        let from = Ipv4Addr::new(127, 3, (piece % 40) as u8, 1);
        target.page(from, "/api/v1/meters", &wrong);
    });
    Box::new(())
}

/// Streams that are never closed: three of four from one address, the others from another one.
pub(super) fn event_streams(target: &Target, pieces: usize) -> Held {
    let stream = |piece: usize| {
        let from = if piece % 4 < 3 { ATTACKER } else { Ipv4Addr::new(127, 0, 0, 3) };
        let mut stream = dial(from, target.web).ok()?;
        let asked = b"GET /api/v1/meters/one/main/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // It may have been displaced at once.
        let _ = stream.write_all(asked).and_then(|()| stream.read(&mut [0; 12]));
        Some(stream)
    };
    Box::new((0..pieces).filter_map(stream).collect::<Vec<_>>())
}

/// Questions that cost much, each another one, so that none was answered before.
pub(super) fn charts(target: &Target, pieces: usize) -> Held {
    let now = daemon_runtime::now().as_second();
    at_once(pieces, |piece| {
        let from = now - 300 * 86_400 + 60 * piece as i64;
        let path = format!("/api/v1/meters/one/main/series?from={from}&to={now}&points=1000");
        target.page(ATTACKER, &path, "");
    });
    Box::new(())
}

/// Pages of all time, some at a time.
pub(super) fn pages_of_all_time(target: &Target, meter: &str, pieces: usize) {
    at_once(pieces, |piece| {
        target.page(ATTACKER, &format!("/m/{meter}/all?try={piece}"), "");
    });
}
