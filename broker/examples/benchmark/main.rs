//! Measures the broker against Debian's mosquitto, in turns, on this machine: `make bench-broker`.
//!
//! QoS 1, payloads of 100 bytes, each publisher with 100 messages in flight, one subscriber with a
//! lasting session. Ours keeps every message on disk before it acknowledges it; mosquitto, without
//! persistence, keeps them in memory. Then the time from PUBLISH to PUBACK with one message in
//! flight, next to that of one fdatasync on the same disk. Before that, what one client can do to
//! the others (`bursts`).
//!
//! `benchmark [ROUNDS] [MESSAGES] [FOLDER]`: the folder is for the store, and is made anew.
#![allow(clippy::unwrap_used)]

mod bursts;
mod load;

use std::fs::File;
use std::io::{Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::{Client, Subscriber, publish};

const IN_FLIGHT: usize = 100;
const SINGLE_MESSAGES: usize = 300;
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().unwrap_or("5".to_owned()).parse()?;
    let messages: usize = arguments.next().unwrap_or("100000".to_owned()).parse()?;
    let folder = PathBuf::from(arguments.next().unwrap_or("target/benchmark".to_owned()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    // A broker of its own, which starts with nothing.
    bursts::measure(&start_ours(&folder)?);
    std::fs::remove_dir_all(&folder)?;
    std::fs::create_dir_all(&folder)?;
    let (ours, mosquitto) = (start_ours(&folder)?, start_mosquitto(&folder)?);
    for publishers in [1, 50] {
        compare(&ours, &mosquitto, publishers, messages, rounds);
    }
    latency(&ours, &mosquitto, &folder, rounds)
}

/// A running broker; killed at the end.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Of its memory.
    fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/statm", self.child.id());
        let pages: usize = std::fs::read_to_string(path).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4_096
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(mut command: Command, address: SocketAddr) -> anyhow::Result<Running> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let running = Running { child, address };
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        anyhow::ensure!(start.elapsed() < PATIENCE, "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(running)
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn start_ours(folder: &Path) -> anyhow::Result<Running> {
    let address = free_port()?;
    let (settings, store) = (folder.join("powerpi-broker.toml"), folder.join("store.sqlite"));
    let text = format!(
        "[mqtt]\nlisten = '{address}'\nin_flight_messages = {IN_FLIGHT}\n[store]\npath = '{}'\n",
        store.display()
    );
    std::fs::write(&settings, text)?;
    // Next to this example's folder.
    let program = std::env::current_exe()?.parent().unwrap().with_file_name("powerpi-broker");
    let mut command = Command::new(program);
    command.arg("--config").arg(settings);
    start(command, address)
}

fn start_mosquitto(folder: &Path) -> anyhow::Result<Running> {
    let address = free_port()?;
    let settings = folder.join("mosquitto.conf");
    let text = format!(
        "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
         max_inflight_messages {IN_FLIGHT}\nmax_queued_messages 0\n",
        address.port()
    );
    std::fs::write(&settings, text)?;
    let path =
        ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(path.unwrap_or("mosquitto"));
    command.arg("-c").arg(settings);
    start(command, address)
}

/// In turns, so that whatever else the machine does hits both.
fn compare(ours: &Running, mosquitto: &Running, publishers: usize, messages: usize, rounds: usize) {
    println!("{publishers} to 1, {messages} messages: messages a second");
    let mut results = (0..rounds).map(|round| {
        let rate = |broker: &Running| throughput(broker.address, publishers, messages, round);
        let (one, other) = (rate(ours), rate(mosquitto));
        println!("  round {}: powerpi {one:.0}, mosquitto {other:.0}, ratio {:.2}", round + 1, one / other);
        (one, other)
    });
    let results: Vec<(f64, f64)> = results.by_ref().collect();
    let median_of = |pick: fn(&(f64, f64)) -> f64| median(results.iter().map(pick).collect());
    println!(
        "  median:  powerpi {:.0}, mosquitto {:.0}, ratio {:.2}",
        median_of(|round| round.0),
        median_of(|round| round.1),
        median_of(|round| round.0 / round.1),
    );
}

/// Messages a second, from the first publication to the last delivery.
fn throughput(address: SocketAddr, publishers: usize, messages: usize, round: usize) -> f64 {
    let client_id = format!("subscriber {publishers} {round}");
    let mut subscriber = Subscriber::subscribe(address, &client_id);
    let each = messages / publishers;
    let clients: Vec<_> =
        (0..publishers).map(|number| Client::connect(address, &format!("p {number}"), true)).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || publish(client, each, IN_FLIGHT));
        }
        subscriber.take(each * publishers);
    });
    let rate = (each * publishers) as f64 / start.elapsed().as_secs_f64();
    subscriber.forget(address, &client_id);
    rate
}

/// PUBACK with one message in flight, and fdatasync, in milliseconds.
fn latency(ours: &Running, mosquitto: &Running, folder: &Path, rounds: usize) -> anyhow::Result<()> {
    println!("1 in flight: median milliseconds from PUBLISH to PUBACK, and of one fdatasync");
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let single = |broker: &Running| single_messages(broker.address, round);
        let (one, other, sync) = (single(ours), single(mosquitto), fdatasync(folder)?);
        ratios.push(one / sync);
        println!(
            "  round {}: powerpi {one:.3}, mosquitto {other:.3}, fdatasync {sync:.3}; \
             powerpi is {:.2} fdatasyncs",
            round + 1,
            one / sync
        );
    }
    println!("  median:  powerpi is {:.2} fdatasyncs", median(ratios));
    Ok(())
}

fn single_messages(address: SocketAddr, round: usize) -> f64 {
    let client_id = format!("single {round}");
    let mut subscriber = Subscriber::subscribe(address, &client_id);
    let mut publisher = Client::connect(address, "p", true);
    let times = std::thread::scope(|scope| {
        let taking = scope.spawn(|| subscriber.take(SINGLE_MESSAGES));
        let times = (0..SINGLE_MESSAGES)
            .map(|_| {
                let start = Instant::now();
                publisher.publish_one();
                // Not in step with whatever the broker does after the PUBACK.
                let took = milliseconds(start);
                std::thread::sleep(Duration::from_millis(1));
                took
            })
            .collect();
        taking.join().unwrap();
        times
    });
    subscriber.forget(address, &client_id);
    median(times)
}

/// Of 4 KiB in the place of others, which is the least that a file can ask of its disk.
fn fdatasync(folder: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("fdatasync"))?;
    file.write_all(&vec![0; 4_096 * SINGLE_MESSAGES])?;
    file.sync_all()?;
    file.rewind()?;
    let mut times = Vec::new();
    for _ in 0..SINGLE_MESSAGES {
        let start = Instant::now();
        file.write_all(&[1; 4_096])?;
        file.sync_data()?;
        times.push(milliseconds(start));
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(median(times))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
