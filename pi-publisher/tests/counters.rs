//! A day of other people's counters, with their restarts and ours, ends with exactly what was used in the outbox.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use meter_messages::MeterId;
use pi_publisher::interim::{Interim, resume};
use pi_publisher::outbox::{Account, Entry, Outbox};
use pi_publisher::pulse_counter::{FinishedMinute, PulseCounter};
use pi_publisher::pulse_source::SourceTime;
use pi_publisher::safekeeping::{Newest, Safekeeping, boot_id, kept};
use pi_publisher::settings::{MeterSettings, MeterSource};
use pi_publisher::totals::listening::{Heard, understand};
use pi_publisher::totals::settings::CounterSettings;
use pi_publisher::totals::total_counter::{Limits, Reading, TotalCounter};
use tempfile::TempDir;

/// 2026-10-02T12:34:00Z.
const START_S: i64 = 1_790_944_440;
const DAY_S: i64 = 86_400;

/// A publisher's way from a message to the disk, without threads and clocks.
struct Run {
    outbox: Outbox,
    counter: TotalCounter,
    minutes: PulseCounter,
    account: Account,
    unkept: Vec<FinishedMinute>,
}

/// Where the publisher may be killed.
#[derive(Clone, Copy, PartialEq)]
enum Kill {
    BeforeItIsKept,
    BeforeItIsInTheOutbox,
    Afterwards,
}

fn meter_id() -> MeterId {
    "plug".parse().unwrap()
}

fn start(folder: &Path, meter: &MeterSettings, counter: &CounterSettings) -> Run {
    let mut outbox = Outbox::open(folder).unwrap();
    let mut account = outbox.account(&meter.id, 0).unwrap();
    let kept = kept(&folder.join("run"), folder, &meter.id, &account);
    let resumed = resume(&account, &kept, &boot_id());
    let limits = Limits { max_rate: meter.max_rate, rolls_over_at: counter.end() };
    account.counter = resumed.counter.clone();
    Run {
        outbox,
        counter: TotalCounter::new(counter.describe(), meter.constant.millionths(), limits, resumed.counter),
        minutes: PulseCounter::new(SourceTime(0), resumed.last_minute, resumed.in_progress),
        account,
        unkept: resumed.finished,
    }
}

impl Run {
    /// Takes a message; `None` if it was killed meanwhile.
    fn hear(mut self, folder: &Path, reading: Reading, kill: Option<Kill>) -> Option<Self> {
        for booking in self.counter.take(reading).1 {
            self.unkept.extend(self.minutes.spread(&booking.span, booking.pulses, booking.watched.part()));
        }
        if kill == Some(Kill::BeforeItIsKept) {
            return None;
        }
        self.account.counter = self.counter.state().cloned();
        let interim = Interim {
            outbox: self.account.outbox.clone(),
            finished: self.unkept.clone(),
            in_progress: self.minutes.in_progress(),
            waiting: None,
            line: None,
            clock: None,
            counter: self.account.counter.clone(),
        };
        let run = folder.join("run");
        Safekeeping::new(&run, &meter_id(), &self.account, Newest::default()).keep(&interim);
        if kill == Some(Kill::BeforeItIsInTheOutbox) {
            return None;
        }
        // The outbox may be late by some minutes.
        if self.unkept.len() >= 5 {
            let in_progress = self.minutes.in_progress();
            let mut entries = [Entry { account: self.account, finished: self.unkept, in_progress }];
            self.outbox.append(&mut entries).unwrap();
            let [Entry { account, .. }] = entries;
            (self.account, self.unkept) = (account, Vec::new());
        }
        (kill != Some(Kill::Afterwards)).then_some(self)
    }
}

/// How a counter says its total, in Wh, on its topic.
type Says = fn(f64) -> String;

const COUNTERS: [(&str, Says); 6] = [
    ("topic = \"tele/plug/SENSOR\", profile = \"tasmota\"", |wh| {
        format!(r#"{{"Time":"2026-10-02T12:34:00","ENERGY":{{"Total":{:.3},"Power":56}}}}"#, wh / 1000.0)
    }),
    ("topic = \"shellies/plug/relay/0/energy\", profile = \"shelly\"", |wh| format!("{:.0}", wh * 60.0)),
    ("topic = \"plug/status/switch:0\", profile = \"shelly\"", |wh| {
        format!(r#"{{"id":0,"output":true,"apower":56.0,"aenergy":{{"total":{wh:.3}}}}}"#)
    }),
    ("topic = \"plug/sensor/energy/state\", profile = \"esphome\"", |wh| format!("{:.4}", wh / 1000.0)),
    ("topic = \"zigbee2mqtt/plug\", profile = \"zigbee2mqtt\"", |wh| {
        format!(r#"{{"energy":{:.3},"linkquality":105,"state":"ON"}}"#, wh / 1000.0)
    }),
    ("topic = \"vzlogger/chn0/raw\", profile = \"vzlogger\"", |wh| format!("{wh:.6}")),
];

/// Every half minute a total, whole Wh; twice the counter begins at 0 again; some messages are not heard, some come
/// twice, some are nonsense, and the publisher is killed wherever it can be.
fn a_day_of(settings: &str, says: Says) -> (u64, u64) {
    // What is synced there costs no time: a day is a thousand commits.
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { TempDir::new_in(in_memory) } else { TempDir::new() }.unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let meter: MeterSettings =
        daemon_runtime::parse(&format!("id = \"plug\"\nsource = {{ kind = \"mqtt\", {settings} }}")).unwrap();
    let MeterSource::Counter(counter) = &meter.source else { panic!("not a counter") };
    let mut run = Some(start(folder.path(), &meter, counter));
    let (mut total, mut used, mut first) = (100_000_u64, 0, true);
    for step in 0..DAY_S / 30 {
        let is_reset = step == 700 || step == 2100;
        // What is used just before a counter begins anew must be heard, or nobody can know it.
        let is_sure = (690..710).contains(&(step % 1400)) || !(5..DAY_S / 30 - 5).contains(&step);
        if !first {
            let here = u64::from(step % 7 != 0) * (step % 12) as u64;
            (total, used) = (total + here, used + here);
        }
        if is_reset {
            total = 0;
        }
        if step % 5 == 3 && !is_sure {
            continue;
        }
        let kill = match step % 97 {
            _ if is_sure => None,
            11 => Some(Kill::BeforeItIsKept),
            47 => Some(Kill::BeforeItIsInTheOutbox),
            83 => Some(Kill::Afterwards),
            _ => None,
        };
        let said = if step % 31 == 17 && !is_sure { "{\"ENERGY\":-1".to_owned() } else { says(total as f64) };
        for retained in [false, true] {
            for heard in understand(counter, &counter.topic, said.as_bytes(), retained) {
                let Heard::Total(total, retained) = heard else { continue };
                let reading = Reading { at_ns: (START_S + step * 30) * 1_000_000_000, total, retained };
                let running = run.take().unwrap();
                run = running.hear(folder.path(), reading, kill.filter(|_| !retained));
                run.get_or_insert_with(|| start(folder.path(), &meter, counter));
            }
        }
        first = false;
    }
    // Two hours later, nothing more was used.
    for minutes in [120, 121] {
        let Some(Heard::Total(total, _)) =
            understand(counter, &counter.topic, says(total as f64).as_bytes(), false).pop()
        else {
            panic!("{}", says(total as f64))
        };
        let reading =
            Reading { at_ns: (START_S + DAY_S + minutes * 60) * 1_000_000_000, total, retained: false };
        run = run.take().unwrap().hear(folder.path(), reading, None);
    }
    drop(run);
    let outbox = Outbox::open(folder.path()).unwrap();
    let account = outbox.existing_account(&meter.id).unwrap().unwrap();
    let counts = outbox.after(&account, 0, 10_000).unwrap();
    let sent: u64 = counts.iter().map(|count| u64::from(count.count.pulses)).sum();
    assert!(
        counts
            .windows(2)
            .all(|two| two[0].count.minute < two[1].count.minute && two[0].count.seq + 1 == two[1].count.seq)
    );
    // 11 Wh in half a minute are 1320 W.
    assert!(counts.iter().all(|count| count.count.pulses <= 24), "a minute that nobody can have used");
    (sent, used)
}

#[test]
fn a_day_of_each_counter_ends_with_the_exact_energy() {
    for (settings, says) in COUNTERS {
        let (sent, used) = a_day_of(settings, says);
        assert!(used > 10_000, "{used}");
        assert_eq!(sent, used, "{settings}");
    }
}
