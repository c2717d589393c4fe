//! A day of other people's counters, with their restarts and ours, ends with exactly what was used in the ledger. The day
//! passes in virtual time up to the outbox; from there on the real programs bring it into the ledger.

use std::path::Path;
use std::time::Duration;

use end_to_end::{Site, wait_for};
use meter_messages::MeterId;
use pi_publisher::interim::{Interim, resume};
use pi_publisher::outbox::{Account, Entry, Outbox};
use pi_publisher::pulse_counter::{FinishedMinute, PulseCounter};
use pi_publisher::pulse_source::SourceTime;
use pi_publisher::safekeeping::{Newest, Safekeeping, boot_id, kept};
use pi_publisher::settings::{MeterSettings, MeterSource};
use pi_publisher::totals::heard::Heard;
use pi_publisher::totals::listening::understand;
use pi_publisher::totals::sml::telegram::Telegrams;
use pi_publisher::totals::source::CounterSource;
use pi_publisher::totals::total_counter::{Limits, Reading, TotalCounter};
use tempfile::TempDir;

use crate::telegrams::{damaged, export, import, power, telegram};

const DAY_S: i64 = 86_400;

/// A publisher's way from a message to the disk, without threads and clocks.
struct Run {
    outbox: Outbox,
    counter: TotalCounter,
    minutes: PulseCounter,
    account: Account,
    id: MeterId,
    unkept: Vec<FinishedMinute>,
}

/// Where the publisher may be killed.
#[derive(Clone, Copy, PartialEq)]
enum Kill {
    BeforeItIsKept,
    BeforeItIsInTheOutbox,
    Afterwards,
}

fn start(folder: &Path, meter: &MeterSettings, counter: &CounterSource) -> Run {
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
        id: meter.id.clone(),
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
        Safekeeping::new(&run, &self.id, &self.account, Newest::default()).keep(&interim);
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

/// What is heard of a counter when it says a total in Wh, or something else, and whether the broker had kept that.
type Says = Box<dyn FnMut(Option<f64>, bool) -> Vec<Heard>>;

/// A counter of somebody else, and how it says its total.
struct Foreign {
    settings: String,
    says: Says,
}

/// One that is published: its settings, and its payload for so many Wh.
fn published(settings: &str, payload: fn(f64) -> String) -> Foreign {
    let settings = format!("kind = \"mqtt\", {settings}");
    let MeterSource::Counter(CounterSource::Mqtt(counter)) = meter("plug", &settings).source else {
        panic!("{settings}")
    };
    let says = move |total: Option<f64>, retained| {
        let said = total.map_or_else(|| "{\"ENERGY\":-1".to_owned(), payload);
        understand(&counter, &counter.topic, said.as_bytes(), retained)
    };
    Foreign { settings, says: Box::new(says) }
}

/// A register of an electronic meter; its telegrams come in pieces, between others that are cut or damaged.
fn under_a_head(obis: &str, registers: fn(i64) -> [crate::telegrams::Register; 3]) -> Foreign {
    let settings = format!("kind = \"sml\", device = \"/dev/ttyPowerPi\", obis = \"{obis}\"");
    let MeterSource::Counter(CounterSource::Sml(counter)) = meter("plug", &settings).source else {
        panic!("{settings}")
    };
    let mut telegrams = Telegrams::default();
    let says = move |total: Option<f64>, retained| {
        if retained {
            return Vec::new();
        }
        let good = |wh: f64| telegram(b"PowerPi", &registers((wh * 10.0).round() as i64));
        let line = match total {
            Some(total) => [&good(0.0)[20..90], &good(total)].concat(),
            None => damaged(&good(1e6)),
        };
        let said: Vec<_> = line.chunks(33).flat_map(|piece| telegrams.take(piece)).collect();
        said.iter().flatten().flat_map(|telegram| counter.understand(telegram)).collect()
    };
    Foreign { settings, says: Box::new(says) }
}

/// A register of a meter with Modbus: so many Wh as its words, and an answer of another length instead of nonsense.
fn on_a_bus(register: &str, words: fn(f64) -> Vec<u16>) -> Foreign {
    let settings = format!("kind = \"modbus\", host = \"127.0.0.1\", total = {{ {register} }}");
    let MeterSource::Counter(CounterSource::Modbus(counter)) = meter("plug", &settings).source else {
        panic!("{settings}")
    };
    let says = move |total: Option<f64>, retained| match total {
        _ if retained => Vec::new(),
        Some(total) => vec![counter.heard_of_total(&words(total))],
        None => vec![counter.heard_of_total(&[0x7fff])],
    };
    Foreign { settings, says: Box::new(says) }
}

fn all() -> Vec<(&'static str, Foreign)> {
    vec![
        (
            "tasmota",
            published("topic = \"tele/plug/SENSOR\", profile = \"tasmota\"", |wh| {
                format!(
                    r#"{{"Time":"2026-10-02T12:34:00","ENERGY":{{"Total":{:.3},"Power":56}}}}"#,
                    wh / 1000.0
                )
            }),
        ),
        (
            "shelly-1",
            published("topic = \"shellies/plug/relay/0/energy\", profile = \"shelly\"", |wh| {
                format!("{:.0}", wh * 60.0)
            }),
        ),
        (
            "shelly-2",
            published("topic = \"plug/status/switch:0\", profile = \"shelly\"", |wh| {
                format!(r#"{{"id":0,"output":true,"apower":56.0,"aenergy":{{"total":{wh:.3}}}}}"#)
            }),
        ),
        (
            "esphome",
            published("topic = \"plug/sensor/energy/state\", profile = \"esphome\"", |wh| {
                format!("{:.4}", wh / 1000.0)
            }),
        ),
        (
            "zigbee2mqtt",
            published("topic = \"zigbee2mqtt/plug\", profile = \"zigbee2mqtt\"", |wh| {
                format!(r#"{{"energy":{:.3},"linkquality":105,"state":"ON"}}"#, wh / 1000.0)
            }),
        ),
        (
            "vzlogger",
            published("topic = \"vzlogger/chn0/raw\", profile = \"vzlogger\"", |wh| format!("{wh:.6}")),
        ),
        ("sml-import", under_a_head("1.8.0", |tenths| [import(tenths), export(123_456), power(70)])),
        ("sml-export", under_a_head("2.8.0", |tenths| [import(123_456), export(tenths), power(-70)])),
        (
            "modbus-tenths",
            on_a_bus("register = 40, type = \"u32\", factor = 0.1, unit = \"Wh\"", |wh| {
                let tenths = (wh * 10.0).round() as u32;
                vec![(tenths >> 16) as u16, tenths as u16]
            }),
        ),
        (
            "modbus-kwh",
            on_a_bus("register = 40, type = \"f64\", words = \"low-first\", unit = \"kWh\"", |wh| {
                let bits = (wh / 1000.0).to_bits();
                (0..4).map(|word| (bits >> (16 * word)) as u16).collect()
            }),
        ),
    ]
}

fn meter(id: &str, source: &str) -> MeterSettings {
    daemon_runtime::parse(&format!("id = \"{id}\"\nsource = {{ {source} }}")).unwrap()
}

/// Every half minute a total, whole Wh; twice the counter begins at 0 again; some totals are not heard, some come twice,
/// some are nonsense, and the publisher is killed wherever it can be. Returns what was used, in Wh.
fn a_day_of(folder: &Path, start_s: i64, id: &str, foreign: &mut Foreign) -> u64 {
    let meter = meter(id, &foreign.settings);
    let MeterSource::Counter(counter) = &meter.source else { panic!("not a counter") };
    let mut run = Some(start(folder, &meter, counter));
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
        let said = if step % 31 == 17 && !is_sure { None } else { Some(total as f64) };
        for retained in [false, true] {
            for heard in (foreign.says)(said, retained) {
                let Heard::Total(total, retained) = heard else { continue };
                let reading = Reading { at_ns: (start_s + step * 30) * 1_000_000_000, total, retained };
                let running = run.take().unwrap();
                run = running.hear(folder, reading, kill.filter(|_| !retained));
                run.get_or_insert_with(|| start(folder, &meter, counter));
            }
        }
        first = false;
    }
    // Two hours later, nothing more was used.
    for minutes in [120, 121] {
        let said = (foreign.says)(Some(total as f64), false);
        let Some(Heard::Total(total, _)) = said.last().cloned() else { panic!("{said:?}") };
        let at_ns = (start_s + DAY_S + minutes * 60) * 1_000_000_000;
        run = run.take().unwrap().hear(folder, Reading { at_ns, total, retained: false }, None);
    }
    used
}

/// What is in the outbox is what will be sent: in order, without holes, and no minute with more than was used in one.
fn sent(folder: &Path, id: &str) -> u64 {
    let outbox = Outbox::open(folder).unwrap();
    let account = outbox.existing_account(&id.parse().unwrap()).unwrap().unwrap();
    let counts = outbox.after(&account, 0, 10_000).unwrap();
    assert!(
        counts
            .windows(2)
            .all(|two| two[0].count.minute < two[1].count.minute && two[0].count.seq + 1 == two[1].count.seq)
    );
    // 11 Wh in half a minute are 1320 W.
    assert!(counts.iter().all(|count| count.count.pulses <= 24), "a minute that nobody can have used");
    counts.iter().map(|count| u64::from(count.count.pulses)).sum()
}

#[test]
fn a_day_of_each_counter_ends_with_the_exact_energy_in_the_ledger() {
    // What is synced there costs no time: a day is a thousand commits.
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { TempDir::new_in(in_memory) } else { TempDir::new() }.unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let start_s = daemon_runtime::now().as_second() / 60 * 60 - 3 * DAY_S;
    let mut all = all();
    let mut used = Vec::new();
    for (id, foreign) in &mut all {
        let here = a_day_of(folder.path(), start_s, id, foreign);
        assert!(here > 10_000, "{here}");
        assert_eq!(sent(folder.path(), id), here, "{id}");
        used.push(here);
    }
    let meters = all
        .iter()
        .map(|(id, foreign)| format!("[[meter]]\nid = '{id}'\nsource = {{ {} }}\n", foreign.settings));
    let site = Site::new(&meters.collect::<String>());
    std::fs::copy(folder.path().join("outbox.sqlite"), site.path().join("outbox.sqlite")).unwrap();
    let _broker = site.start("powerpi-broker");
    let _recorder = site.start("powerpi-recorder");
    let publisher = site.start("pi-publisher");
    for ((id, _), used) in all.iter().zip(used) {
        let recorded = || {
            let minutes = site.recorded(&format!("hq/{id}"));
            minutes.iter().map(|(_, pulses)| u64::from(*pulses)).sum::<u64>()
        };
        wait_for(&format!("{used} Wh of {id} are recorded"), Duration::from_secs(60), || recorded() >= used);
        assert_eq!(recorded(), used, "{id}");
    }
    publisher.stop();
}
