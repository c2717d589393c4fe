//! Hostile and broken requests: the real program refuses them plainly, and others do not notice.
#![allow(clippy::unwrap_used)]

mod site;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use site::program::{Server, raise_open_files};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// Another client's worst round trip while somebody attacks: a few milliseconds on a quiet machine;
/// who waited for the attack to end would wait longer than this.
const WORST: Duration = Duration::from_secs(5);

/// The status of an answer to these bytes; `None` for a connection that was just closed.
fn status(server: &Server, bytes: &[u8]) -> Option<u16> {
    status_of(&said(server, bytes))
}

fn status_of(said: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(said);
    Some(text.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().unwrap())
}

/// All that is said to these bytes until the connection ends.
fn said(server: &Server, bytes: &[u8]) -> Vec<u8> {
    said_to(TcpStream::connect(server.address()).unwrap(), bytes)
}

fn said_to(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // What was refused need not be taken to its end.
    let _ = stream.write_all(bytes);
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return said,
            Ok(count) => said.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("neither an answer nor the end"),
            Err(_) => return said,
        }
    }
}

/// The same to bytes that may be the beginning of something, after which nothing comes.
fn said_to_fragment(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(server.address()).unwrap();
    let ending = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let _ = ending.shutdown(Shutdown::Write);
        });
        said_to(stream, bytes)
    })
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

/// The same as a proxy on this machine hands it on.
fn get_for(browser: &str, path: &str) -> String {
    get(path).replace("Connection", &format!("X-Forwarded-For: {browser}\r\nConnection"))
}

/// Worst round trip of a page, each over a connection of its own, until told to stop.
fn round_trips(server: &Server, done: impl Fn() -> bool) -> Duration {
    let mut worst = Duration::ZERO;
    while !done() {
        let began = Instant::now();
        assert_eq!(status(server, get("/").as_bytes()), Some(200));
        worst = worst.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    worst
}

/// How long pages may take under attack: tests run beside others, so as long again as without.
fn bearable(server: &Server) -> Duration {
    let began = Instant::now();
    WORST + 2 * round_trips(server, || began.elapsed() > Duration::from_secs(1))
}

#[test]
fn impossible_addresses_are_not_found_or_refused() {
    let server = Server::start("");
    let energy = "/api/v1/meters/hq/main/energy?";
    let series = "/api/v1/meters/hq/main/series?";
    let (least, most) = (i64::MIN, i64::MAX);
    let mut otherwise = Vec::new();
    for (path, expected) in [
        (format!("{energy}from=2026-10-03&to=2026-10-02"), 400),
        (format!("{energy}from=0001-01-01&to=9999-12-31&step=minute"), 400),
        (format!("{energy}from=1026-01-01&to=2026-01-01&step=hour"), 400),
        (format!("{energy}from=yesterday"), 400),
        (format!("{energy}step=second"), 400),
        (format!("{series}from=5&to=4"), 400),
        (format!("{series}from={least}&to={most}"), 400),
        (format!("{series}from={most}&to={least}"), 400),
        (format!("{series}from=0&to=1e9"), 400),
        (format!("{series}from=0&to=60&points={most}"), 200),
        (format!("{series}from=0&to=60&points={least}"), 400),
        (format!("{series}from={least}&to={least}"), 400),
        (format!("{series}from={most}&to={most}"), 400),
        ("/m/hq/main/year/99999".into(), 404),
        ("/m/hq/main/year/-0001".into(), 404),
        ("/m/hq/main/day/2026-02-30".into(), 404),
        ("/m/hq/main/day/0000-00-00.svg".into(), 404),
        ("/m/hq/main/hour/2026-11-24T99".into(), 404),
        ("/m/hq/main/week/2026-W54".into(), 404),
        ("/m/hq/main/go?kind=day&date=9999-99-99".into(), 400),
        ("/m/hq/main/day/2026-11-24?with=-9999-01-01".into(), 400),
        ("/m/hq/nobody".into(), 404),
        ("/m/hq/nobody/day.svg".into(), 404),
        ("/api/v1/meters/hq/nobody".into(), 404),
        ("/api/v1/meters/hq/nobody/live".into(), 404),
        ("/assets/..%2f..%2fetc/passwd".into(), 404),
        ("/assets/../../etc/passwd".into(), 404),
        ("/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd".into(), 404),
        ("/../../../../etc/passwd".into(), 404),
        ("//etc/passwd".into(), 404),
        ("/m/hq%2fmain".into(), 404),
        ("/m/hq/main%00".into(), 404),
        ("/m/hq/..%5cmain".into(), 404),
        ("/m/hq/main/day.svg%00.png".into(), 404),
        (format!("/m/hq/{}", "a".repeat(10_000)), 404),
        (format!("/?{}", "a=b&".repeat(3_000)), 200),
        ("http://other.example/health".into(), 200),
    ] {
        let began = Instant::now();
        let answer = status(&server, get(&path).as_bytes());
        if answer != Some(expected) || began.elapsed() > Duration::from_secs(60) {
            otherwise.push(format!("{}: {answer:?}, {:?}", &path[..path.len().min(100)], began.elapsed()));
        }
    }
    assert!(otherwise.is_empty(), "{otherwise:#?}");
}

#[test]
fn no_address_becomes_a_link_to_another_host() {
    for base_path in ["", "/power"] {
        let server = Server::start(&format!("base_path = '{base_path}'"));
        for path in ["//evil.example", "///evil.example/m", "//evil.example/%2e%2e", "/power//evil.example"] {
            let page = String::from_utf8(said(&server, get(path).as_bytes())).unwrap();
            assert!(page.starts_with("HTTP/1.1 404"), "{path}: {page}");
            let there = page.split(['"', '\'']).find(|link| link.starts_with("//"));
            assert_eq!(there, None, "{base_path} {path}");
            assert!(page.contains("/evil.example"), "{path}: this page in another language");
        }
        // A page of ours is found there, and its redirects stay here.
        let go = format!("{base_path}//m/hq/main/go?kind=day&date=2026-11-24");
        let there = String::from_utf8(said(&server, get(&go).as_bytes())).unwrap();
        assert!(there.contains(&format!("location: {base_path}/m/hq/main/day/2026-11-24\r\n")), "{there}");
    }
}

#[test]
fn broken_requests_are_refused_or_closed() {
    let server = Server::start("");
    let head = "Host: test\r\nConnection: close\r\n";
    let line = |line: &str| format!("{line}\r\n{head}\r\n").into_bytes();
    let with = |headers: &str| format!("GET / HTTP/1.1\r\n{head}{headers}\r\n\r\n").into_bytes();
    for (bytes, expected) in [
        (line("BREW / HTTP/1.1"), Some(405)),
        (line("get / HTTP/1.1"), Some(405)),
        (line("TRACE / HTTP/1.1"), Some(405)),
        (line("DELETE /m/hq/main HTTP/1.1"), Some(405)),
        (line("OPTIONS * HTTP/1.1"), Some(405)),
        (line("CONNECT other.example:443 HTTP/1.1"), Some(405)),
        (line("GET / HTTP/3.0"), Some(400)),
        (line("GET /\0 HTTP/1.1"), Some(400)),
        (line("GET /a b HTTP/1.1"), Some(400)),
        (line(&format!("GET /{} HTTP/1.1", "a".repeat(70_000))), Some(431)),
        (with(&format!("X: {}", "x".repeat(20_000))), Some(431)),
        (with(&"X: y\r\n".repeat(200)), Some(431)),
        (with("X : y"), Some(400)),
        (with(" folded: line"), Some(400)),
        (with("X: a\0b"), Some(400)),
        (with("no colon"), Some(400)),
        (with("Host: another"), Some(400)),
        (line("GET /\\evil.example HTTP/1.1"), Some(400)),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Some(400)),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), Some(200)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), None),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Some(400)),
        (b"\r\n\r\n\r\n".to_vec(), None),
        (b"GET / HT".to_vec(), None),
        (Vec::new(), None),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let said = match expected {
            Some(_) => said(&server, &bytes),
            None => said_to_fragment(&server, &bytes),
        };
        assert_eq!(status_of(&said), expected, "{shown:?}");
    }
    // Any bytes at all: an error of theirs or the end, and never one of ours.
    let mut state: u64 = 1;
    for _ in 0..300 {
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let length = usize::from(random());
        let mut bytes: Vec<u8> = b"GET / HTTP/1.1\r\n"[..usize::from(random()) % 17].to_vec();
        bytes.extend((0..length).map(|_| random()));
        bytes.extend(b"\r\n\r\n");
        let status = status_of(&said_to_fragment(&server, &bytes));
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{bytes:?}: {status:?}");
    }
    assert_eq!(status(&server, get("/health").as_bytes()), Some(200));
}

#[test]
fn nothing_is_smuggled_in_a_body() {
    let server = Server::start("");
    let inner = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n";
    let length = inner.len();
    let chunked = format!("0\r\n\r\n{inner}");
    for (what, headers, body) in [
        ("a length", format!("Content-Length: {length}\r\n"), inner.to_owned()),
        (
            "both",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunked.len()),
            chunked.clone(),
        ),
        (
            "both, the other way",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n".into(),
            chunked.clone(),
        ),
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), inner.into()),
        ("a list of lengths", format!("Content-Length: 0, {length}\r\n"), inner.into()),
        ("a signed length", format!("Content-Length: +{length}\r\n"), inner.into()),
        ("a disguised coding", "Transfer-Encoding: xchunked\r\n".into(), chunked.clone()),
        ("a coding of old", "Transfer-Encoding: chunked, identity\r\n".into(), chunked),
        ("a length beyond all", format!("Content-Length: {}9\r\n", u64::MAX), inner.into()),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{headers}\r\n{body}");
        let said = String::from_utf8_lossy(&said(&server, request.as_bytes())).into_owned();
        assert!(said.starts_with("HTTP/1.1 400 "), "{what}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{what}: {said}");
    }
    // Without a body two requests in one packet are two requests.
    let two = format!("GET /health HTTP/1.1\r\nHost: test\r\n\r\n{}", get("/health"));
    let said = String::from_utf8_lossy(&said(&server, two.as_bytes())).into_owned();
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
}

async fn connect(server: &Server, from: &str) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(server.address()).await.unwrap()
}

/// So many connections of an address that say `head` and no more.
async fn crowd(server: &Server, from: &str, count: usize, head: &str) -> Vec<tokio::net::TcpStream> {
    let mut crowd = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connect(server, from).await;
        // It may have been displaced at once.
        let _ = stream.write_all(head.as_bytes()).await;
        crowd.push(stream);
    }
    crowd
}

/// Whether the server has ended a connection; whatever it said before is passed over.
async fn ended(stream: &mut tokio::net::TcpStream, within: Duration) -> bool {
    let rest = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(1..) = stream.read(&mut piece).await {}
    };
    tokio::time::timeout(within, rest).await.is_ok()
}

fn during<T: Send>(server: &Server, attack: impl FnOnce() -> T + Send) -> (T, Duration) {
    std::thread::scope(|scope| {
        let attack = scope.spawn(attack);
        let worst = round_trips(server, || attack.is_finished());
        (attack.join().unwrap(), worst)
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn ten_thousand_idle_connections_bother_nobody() {
    let open = raise_open_files();
    let count = usize::try_from(open.saturating_sub(500).min(10_000)).unwrap();
    println!("this machine lets {open} files be open: {count} idle connections");
    // Once with places for all of them, once with the ordinary number.
    for places in [count + count / 2, 2_000] {
        let server = Server::start(&format!("max_connections = {places}"));
        let (bearable, before) = (bearable(&server), server.memory_kib());
        let runtime = runtime();
        let (mut idle, worst) = during(&server, || {
            runtime.block_on(async {
                let mut idle = crowd(&server, "127.0.0.2", count / 2, "").await;
                idle.extend(crowd(&server, "127.0.0.3", count - count / 2, "GET / HTTP/1.1\r\n").await);
                tokio::time::sleep(Duration::from_secs(2)).await;
                idle
            })
        });
        let more = server.memory_kib() - before;
        println!("{places} places: worst round trip {worst:?}, {more} KiB more");
        assert!(worst < bearable, "{worst:?}, not within {bearable:?}");
        assert!(more < 150_000, "{more} KiB more");
        let expected = count.saturating_sub(places);
        let began = Instant::now();
        // A loaded machine takes its time to have accepted all of them.
        let displaced = loop {
            let displaced = runtime.block_on(async {
                let mut displaced = 0;
                for stream in &mut idle {
                    displaced += usize::from(ended(stream, Duration::from_micros(100)).await);
                }
                displaced
            });
            if displaced >= expected || began.elapsed() > Duration::from_secs(60) {
                break displaced;
            }
        };
        assert!(displaced >= expected && displaced <= expected + 200, "{displaced} of {count} displaced");
    }
}

#[test]
fn who_is_slow_is_let_go_and_bothers_nobody() {
    raise_open_files();
    let server = Server::start("");
    let (bearable, before) = (bearable(&server), server.memory_kib());
    let runtime = runtime();
    let export = get("/api/v1/meters/hq/main/energy.csv?from=2025-10-20&to=2025-11-02&step=minute");
    let files = server.open_files();
    let attack = async {
        let mut heads = crowd(&server, "127.0.0.2", 500, "GET / HTTP/1.1\r\nHost: test\r\n").await;
        let _readers = crowd(&server, "127.0.0.3", 60, &export).await;
        let began = Instant::now();
        // A letter of a header each second; some files more for who looks at pages meanwhile.
        while server.open_files() > files + 5 {
            assert!(began.elapsed() < Duration::from_secs(150), "still connected: {}", server.open_files());
            for stream in &mut heads {
                let _ = stream.write_all(b"x").await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        began.elapsed()
    };
    let (within, worst) = during(&server, || runtime.block_on(attack));
    println!("all were let go within {within:?}");
    let more = server.memory_kib() - before;
    println!("worst round trip {worst:?}, {more} KiB more");
    assert!(within > Duration::from_secs(20), "they are given some time");
    assert!(worst < bearable, "{worst:?}, not within {bearable:?}");
    assert!(more < 150_000, "{more} KiB more");
}

#[test]
fn expensive_questions_do_not_hold_others_up() {
    // Of another address, and of another browser behind the same proxy.
    ask_much("127.0.0.2", get);
    ask_much("127.0.0.1", |path| get_for("198.51.100.9", path));
}

fn ask_much(from_address: &str, get: impl Fn(&str) -> String + Sync) {
    let server = Server::start("");
    let bearable = bearable(&server);
    let (asked, worst) = during(&server, || {
        let asking = |thread: u32| {
            let (began, runtime) = (Instant::now(), runtime());
            let mut asked = 0;
            while began.elapsed() < Duration::from_secs(4) {
                // Each another one, so that none was answered before.
                let from = 1_700_000_000 + (thread * 10_000 + asked) * 60;
                let path = format!("/api/v1/meters/hq/main/series?from={from}&to=1795000000&points=1000");
                let stream = runtime.block_on(connect(&server, from_address)).into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                let said = said_to(stream, get(&path).as_bytes());
                assert!(said.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&said));
                asked += 1;
            }
            asked
        };
        let asking = &asking;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..120).map(|thread| scope.spawn(move || asking(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
        })
    });
    println!("worst round trip {worst:?} beside {asked} expensive questions");
    assert!(worst < bearable, "{worst:?}, not within {bearable:?}");
}

/// A stream of events that has begun, of a browser behind a proxy on this machine.
fn stream(server: &Server, browser: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(get_for(browser, "/api/v1/live").as_bytes()).unwrap();
    let mut said = [0; 12];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 200", "{browser}");
    stream
}

/// How many of these were ended, each as a whole answer.
fn displaced(streams: &mut [TcpStream], expected: usize) -> usize {
    let began = Instant::now();
    let mut whole = vec![false; streams.len()];
    while whole.iter().filter(|whole| **whole).count() < expected && began.elapsed() < Duration::from_secs(60)
    {
        for (stream, whole) in streams.iter_mut().zip(&mut whole) {
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let (mut said, mut piece) = (Vec::new(), [0; 4096]);
            while !*whole {
                match stream.read(&mut piece) {
                    Ok(0) => panic!("broken off: {}", String::from_utf8_lossy(&said)),
                    Ok(length) => said.extend_from_slice(&piece[..length]),
                    Err(_) => break,
                }
                *whole = said.ends_with(b"\r\n0\r\n\r\n");
            }
        }
    }
    whole.into_iter().filter(|whole| *whole).count()
}

#[test]
fn streams_of_events_make_room_for_newcomers() {
    // Of the 40 places one address, here the proxy, has 30; each browser behind it half of these.
    let server = Server::start("max_connections = 40");
    let page = |browser: &str| status(&server, get_for(browser, "/").as_bytes());
    let mut honest = stream(&server, "203.0.113.5");
    let mut greedy: Vec<_> = (0..20).map(|_| stream(&server, "198.51.100.9")).collect();
    assert_eq!(displaced(&mut greedy, 5), 5, "its own oldest");
    let mut other: Vec<_> = (0..20).map(|_| stream(&server, "198.51.100.10")).collect();
    // All of the proxy's places are taken, and everybody still comes in.
    for browser in ["198.51.100.9", "203.0.113.5", "203.0.113.6", "192.0.2.1"] {
        assert_eq!(page(browser), Some(200), "{browser}");
    }
    assert_eq!(status(&server, get("/").as_bytes()), Some(200), "the proxy itself");
    let mut third: Vec<_> = (0..10).map(|_| stream(&server, "198.51.100.11")).collect();
    assert!(displaced(&mut other, 5) >= 5 && displaced(&mut third, 0) == 0);
    assert_eq!(displaced(std::slice::from_mut(&mut honest), 0), 0, "who has one keeps it");
}
