//! Measures the broker against Debian's mosquitto, in turns, on this machine: `make bench-broker`.
//!
//! QoS 1, payloads of 100 bytes, each publisher with 100 messages in flight, one subscriber with a
//! lasting session. Ours keeps every message on disk before it acknowledges it; mosquitto, without
//! persistence, keeps them in memory. Then the time from PUBLISH to PUBACK with one message in
//! flight, next to that of one fdatasync on the same disk. Before that, what one client can do to
//! the others (`bursts`).
//!
//! The folder is for the store, and is made anew.
#![allow(clippy::unwrap_used)]

mod bursts;
mod load;

use std::fs::File;
use std::io::{Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use end_to_end::measuring::{Report, median, milliseconds, ratios};

use crate::load::{Client, Subscriber, publish};

const IN_FLIGHT: usize = 100;
const SINGLE_MESSAGES: usize = 300;
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures the broker against Debian's mosquitto.
#[derive(Parser)]
struct Arguments {
    /// Each is measured so often; the medians are told
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of a round
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// For the store; made anew
    #[arg(long, default_value = "target/benchmark")]
    folder: PathBuf,
    /// A short form: one round with a tenth of the messages
    #[arg(long)]
    quick: bool,
    /// Fills the places of this document
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { rounds, messages, folder, quick, document } = Arguments::parse();
    let (rounds, messages) = if quick { (1, messages / 10) } else { (rounds, messages) };
    make_anew(&folder)?;
    // A broker of its own, which starts with nothing.
    bursts::measure(&start_ours(&folder)?);
    make_anew(&folder)?;
    let (ours, mosquitto) = (start_ours(&folder)?, start_mosquitto(&folder)?);
    let mut table = format!(
        "{rounds} rounds of {messages} messages:\n\n\
         | | powerpi | mosquitto | ratio of the same round |\n|---|---|---|---|\n"
    );
    for publishers in [1, 50] {
        table += &compare(&ours, &mosquitto, publishers, messages, rounds);
    }
    table += &latency(&ours, &mosquitto, &folder, rounds)?;
    Report::new(document).tell("brokers", &table);
    Ok(())
}

fn make_anew(folder: &Path) -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    Ok(std::fs::create_dir_all(folder)?)
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

/// In turns, so that whatever else the machine does hits both. A row of the table.
fn compare(ours: &Running, mosquitto: &Running, publishers: usize, messages: usize, rounds: usize) -> String {
    let (mut by_us, mut by_them) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        by_us.push(throughput(ours.address, publishers, messages, round));
        by_them.push(throughput(mosquitto.address, publishers, messages, round));
        println!("round {}: {publishers} to 1: {:.0} and {:.0}", round + 1, by_us[round], by_them[round]);
    }
    let ratio = ratios(&by_us, &by_them);
    let plural = if publishers == 1 { "" } else { "s" };
    format!(
        "| {publishers} publisher{plural} to 1 subscriber, messages a second | {:.0} | {:.0} | {ratio} |\n",
        median(by_us),
        median(by_them)
    )
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

/// PUBACK with one message in flight, and an fdatasync. Rows of the table.
fn latency(ours: &Running, mosquitto: &Running, folder: &Path, rounds: usize) -> anyhow::Result<String> {
    let (mut by_us, mut by_them, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        by_us.push(single_messages(ours.address, round));
        by_them.push(single_messages(mosquitto.address, round));
        syncs.push(fdatasync(folder)?);
    }
    let (ratio, in_syncs) = (ratios(&by_us, &by_them), ratios(&by_us, &syncs));
    Ok(format!(
        "| PUBACK with one in flight, ms | {:.3} | {:.3} | {ratio} |\n\n\
         One fdatasync takes {:.3} ms; a PUBACK takes {in_syncs} of them.\n",
        median(by_us),
        median(by_them),
        median(syncs)
    ))
}

fn single_messages(address: SocketAddr, round: usize) -> f64 {
    let client_id = format!("single {round}");
    let mut subscriber = Subscriber::subscribe(address, &client_id);
    let mut publisher = Client::connect(address, "p", true);
    let times = std::thread::scope(|scope| {
        let taking = scope.spawn(|| subscriber.take(SINGLE_MESSAGES));
        let times: Vec<f64> = (0..SINGLE_MESSAGES)
            .map(|_| {
                let start = Instant::now();
                publisher.publish_one();
                // Not in step with whatever the broker does after the PUBACK.
                let took = milliseconds(start.elapsed());
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
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..SINGLE_MESSAGES {
        let start = Instant::now();
        file.write_all(&[1; 4_096])?;
        file.sync_data()?;
        times.push(milliseconds(start.elapsed()));
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(median(times))
}
