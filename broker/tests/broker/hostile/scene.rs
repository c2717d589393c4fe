//! A broker under attack: the real program, with a well-behaved client next to the hostile ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, PubAck};

use crate::common::{Client, qos1, text};
use crate::program::{Home, Running};

/// The worst round trip that the neighbour may see: to the disk, back, and delivered. It takes
/// milliseconds on a quiet machine; whoever waited for an attack to end would wait longer than this.
const WORST: Duration = Duration::from_secs(10);
/// What the program may ever have held in memory. Each flood brings more than that.
const MAX_MEMORY_MIB: usize = 128;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Scene {
    pub(super) home: Home,
    broker: Running,
    neighbour: Neighbour,
    threads: Vec<String>,
    files: usize,
}

impl Scene {
    /// With these lines under `[mqtt]`.
    pub(super) fn new(mqtt: &str) -> Scene {
        let home = Home::with("");
        let store = home.store();
        home.write(&format!("{mqtt}\n[store]\npath = '{}'\n", store.display()));
        let broker = home.start();
        let neighbour = Neighbour::start(&home);
        let pid = broker.pid();
        Scene { threads: threads(pid), files: open_files(pid), home, broker, neighbour }
    }

    /// KiB of the broker's memory now, without its program file.
    pub(super) fn memory_kib(&self) -> i64 {
        self.broker.memory_kib("RssAnon")
    }

    /// Checks that nothing is left of the attack, and that nobody else has noticed it.
    pub(super) fn end(self) {
        let pid = self.broker.pid();
        let worst = self.neighbour.stop();
        let memory = peak_memory_mib(pid);
        println!("the neighbour's worst round trip was {worst:?}, the broker's peak {memory} MiB");
        assert!(worst < WORST, "the neighbour waited {worst:?}");
        assert!(memory < MAX_MEMORY_MIB, "{memory} MiB");
        assert_eq!(threads(pid), self.threads);
        // The neighbour's own connection is gone as well.
        let start = Instant::now();
        while open_files(pid) >= self.files {
            assert!(start.elapsed() < PATIENCE, "{} open files, {} before", open_files(pid), self.files);
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut late = self.home.client("late");
        late.subscribe("a filter/nobody/has had", QoS::AtLeastOnce);
        late.publish_retain("a filter/nobody/has had", "x", true);
        late.expect_messages(["x"]);
        self.broker.stop();
        // A connection's task may panic without the program's end.
        let log = self.home.log();
        let panics: Vec<_> = log.lines().filter(|line| line.contains("panicked")).collect();
        assert!(panics.is_empty(), "{panics:?}");
    }
}

/// Publishes to itself all along.
struct Neighbour {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Neighbour {
    fn start(home: &Home) -> Neighbour {
        let stop = Arc::new(AtomicBool::new(false));
        let mut connect = Connect::new("neighbour");
        connect.clean_session = false;
        connect.keep_alive = 0;
        let (mut client, _) = Client::connect(home.address, connect);
        client.subscribe("neighbour", QoS::AtLeastOnce);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                worst = worst.max(round_trip(&mut client));
                std::thread::sleep(Duration::from_millis(10));
            }
            worst
        });
        Neighbour { stop, thread }
    }

    /// The worst round trip; panics if one failed.
    fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn round_trip(client: &mut Client) -> Duration {
    let start = Instant::now();
    client.send(&qos1(1, "neighbour", "x", false));
    let (mut acknowledged, mut delivered) = (false, false);
    while !acknowledged || !delivered {
        match client.receive() {
            Packet::PubAck(ack) => acknowledged = ack.pkid == 1,
            Packet::Publish(publish) => {
                delivered = text(&publish) == "x";
                client.send(&Packet::PubAck(PubAck::new(publish.pkid)));
            }
            other => panic!("{other:?}"),
        }
    }
    client.ping();
    start.elapsed()
}

fn process(pid: u32, file: &str) -> PathBuf {
    format!("/proc/{pid}/{file}").into()
}

/// The names of all threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(process(pid, "task")).unwrap();
    let name = |task: PathBuf| std::fs::read_to_string(task.join("comm")).unwrap();
    let mut names: Vec<_> = tasks.map(|task| name(task.unwrap().path())).collect();
    names.sort();
    names
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(process(pid, "fd")).unwrap().count()
}

fn peak_memory_mib(pid: u32) -> usize {
    let status = std::fs::read_to_string(process(pid, "status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}
