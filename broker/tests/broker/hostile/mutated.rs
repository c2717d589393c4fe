//! Packets that were damaged: they cost their own connection at most, and no memory.
//!
//! `FUZZ_PACKETS=1000000 cargo test --test broker -- fuzz_damaged` sends so many of each version of MQTT; `make
//! torture` does that.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use crate::hostile::damage::{Damage, damage};
use crate::hostile::fuzz::{bytes_of, connect, converse, packet, packets_of, runner};
use crate::hostile::scene::Scene;

/// So many damaged packets, if nothing else is asked for.
const PACKETS: u64 = 1_000;

/// Beyond so many, memory has to stay flat: what may be kept is then kept.
const WARM_AFTER: u64 = 100_000;

/// KiB by which it may grow nevertheless, by what an allocator does by itself: half a MiB was seen in 900,000 packets.
const GROWTH_KIB: i64 = 4 * 1024;

/// Clients at the same time.
const THREADS: u64 = 4;

/// Everything that stays is limited to what the first packets fill.
const LIMITS: &str = "
    max_sessions = 50
    max_subscriptions = 20
    max_owed_messages = 100
    max_owed_bytes = 100000
    max_retained = 300
    max_retained_bytes = 100000
    max_filters = 100
    max_topics = 100
    max_kept_bytes = 1000000
";

/// What a client sends: its CONNECT, and packets, each with damage or without.
pub(super) type Stream = ((Vec<u8>, Option<Damage>), Vec<(Vec<u8>, Vec<Damage>)>, usize);

/// Streams of these packets.
pub(super) fn streams(
    connect: impl Strategy<Value = Vec<u8>>,
    packet: impl Strategy<Value = Vec<u8>>,
) -> impl Strategy<Value = Stream> {
    let packets = vec((packet, vec(damage(), 0..3)), 1..10);
    ((connect, weighted(0.2, damage())), packets, 1_usize..500)
}

/// Sends streams until so many packets were damaged; answers are checked, and so is what is left of it.
pub(super) fn send_damaged<S: Strategy<Value = Stream>>(
    version: &str,
    streams: impl Fn(u64) -> S + Sync,
    check: impl Fn(&[u8]) + Sync,
) {
    let wanted = std::env::var("FUZZ_PACKETS").map_or(PACKETS, |count| count.parse().unwrap());
    let scene = Scene::new(LIMITS);
    let [damaged, connections, told] = [(); 3].map(|()| AtomicU64::new(0));
    let warm = OnceLock::new();
    let (streams, check, address) = (&streams, &check, scene.home.address);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (damaged, connections, told, warm, scene) = (&damaged, &connections, &told, &warm, &scene);
            scope.spawn(move || {
                while damaged.load(Ordering::Relaxed) < wanted {
                    let outcome = runner().run(&streams(thread), |stream| {
                        let count = damaged.fetch_add(send(address, &stream, check), Ordering::Relaxed);
                        connections.fetch_add(1, Ordering::Relaxed);
                        if count >= WARM_AFTER {
                            warm.get_or_init(|| scene.memory_kib());
                        }
                        if count / WARM_AFTER > told.fetch_max(count / WARM_AFTER, Ordering::Relaxed) {
                            println!("MQTT {version}: {count} damaged, {} KiB of memory", scene.memory_kib());
                        }
                        Ok(())
                    });
                    outcome.unwrap();
                }
            });
        }
    });
    let (damaged, connections, now) = (damaged.into_inner(), connections.into_inner(), scene.memory_kib());
    println!("MQTT {version}: {damaged} damaged packets over {connections} connections; {now} KiB of memory");
    if let Some(warm) = warm.get() {
        assert!(now - warm <= GROWTH_KIB, "from {warm} KiB to {now} KiB");
    }
    scene.end();
}

/// Sends a stream and looks at the answers; how many of its packets were damaged.
fn send(address: SocketAddr, (connect, packets, piece): &Stream, check: &impl Fn(&[u8])) -> u64 {
    let (mut bytes, mut damaged) = (Vec::new(), 0);
    let connect = (&connect.0, connect.1.as_slice());
    for (packet, damages) in std::iter::once(connect).chain(packets.iter().map(|it| (&it.0, &*it.1))) {
        let mut sent = packet.clone();
        damages.iter().for_each(|damage| damage.apply(&mut sent));
        damaged += u64::from(sent != *packet);
        bytes.extend(sent);
    }
    let answers = converse(address, &bytes, *piece);
    // Damage may have made it a client of another version.
    match connect.1 {
        [] => check(&answers),
        _ => check_frames(&answers),
    }
    damaged
}

/// Whole frames at least, of packets that a broker sends.
fn check_frames(mut answers: &[u8]) {
    while let Some((first, rest)) = answers.split_first() {
        assert!([2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15].contains(&(first >> 4)), "{first:#x}");
        let digits = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let length: usize =
            rest[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        answers = &rest[digits + length..];
    }
}

#[test]
fn fuzz_damaged_packets_cost_their_own_connection_only() {
    let streams = |thread| {
        let bytes = |packet| bytes_of(std::slice::from_ref(&packet));
        streams(connect(format!("fuzz {thread}")).prop_map(bytes), packet().prop_map(bytes))
    };
    send_damaged("3.1.1", streams, |answers| {
        packets_of(answers);
    });
}
