//! Meters, what they send, and how far they are recorded.

use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::Instant;

use end_to_end::torture::SeededRandom;
use end_to_end::{Site, rrd_minutes};
use meter_messages::{Mark, Meter, Minute, OutboxMinute, PulseCount, Topic};

use crate::client::{Client, Publications};

/// As many messages as the issue's peers had in flight.
pub(crate) const IN_FLIGHT: usize = 1000;

/// Files of so many meters are looked at.
const LOOKED_AT: usize = 20;

/// Minutes of a meter among which a broker that repeats may mix up the order.
const MIXED: usize = 1000;

/// In what order minutes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Minute by minute.
    AsCounted,
    /// The newest minute first, and then all before it.
    NewestFirst,
    /// At random within a thousand minutes.
    Shuffled,
}

/// What one meter counted in one minute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Its number.
    pub(crate) meter: usize,
    pub(crate) minute: Minute,
    pub(crate) seq: u64,
    pub(crate) pulses: u32,
}

/// Meters of one site that have counted the same minutes.
pub(crate) struct Meters {
    count: usize,
    first: Minute,
}

impl Meters {
    /// So many, whose `minutes` lie in the past.
    pub(crate) fn new(count: usize, minutes: usize) -> Self {
        let now = daemon_runtime::now().as_second() / Minute::SECONDS;
        Self { count, first: Minute::nearest(now - minutes as i64 - 1) }
    }

    pub(crate) fn meter(number: usize) -> Meter {
        format!("hq/m{number:05}").parse().unwrap()
    }

    fn pulses(number: usize, seq: u64) -> u32 {
        ((seq * 7 + number as u64 * 13) % 1000) as u32
    }

    pub(crate) fn minute(&self, seq: u64) -> Minute {
        Minute::nearest(self.first.epoch_minutes() + seq as i64 - 1)
    }

    /// What each says of itself.
    pub(crate) fn infos(&self) -> Publications {
        let mut infos = Publications::new(IN_FLIGHT);
        for number in 0..self.count {
            let info = format!(
                r#"{{"name":"{number}","pulses_per_kwh":1000,"source":"bench","version":"1","outbox":"{number:032x}","oldest_seq":1}}"#
            );
            infos.push(Topic::Info(Self::meter(number)).to_string(), info.into_bytes(), true);
        }
        infos
    }

    /// Minutes `from` to `to` of all meters, minute by minute, as PowerPi's publisher says them.
    pub(crate) fn minutes(&self, from: u64, to: u64, in_flight: usize) -> Publications {
        publications(&self.counted(from, to, Order::AsCounted), in_flight, ours)
    }

    /// Minutes `from` to `to` of all meters.
    pub(crate) fn counted(&self, from: u64, to: u64, order: Order) -> Vec<Counted> {
        let of_minute = |seq| (0..self.count).map(move |meter| self.of(meter, seq));
        let mut all: Vec<Counted> = (from..=to).flat_map(of_minute).collect();
        match order {
            Order::AsCounted => {}
            Order::NewestFirst => all.rotate_right(self.count),
            Order::Shuffled => {
                let mut random = SeededRandom::new(1);
                all.chunks_mut(MIXED * self.count).for_each(|mixed| random.shuffle(mixed));
            }
        }
        all
    }

    fn of(&self, meter: usize, seq: u64) -> Counted {
        Counted { meter, minute: self.minute(seq), seq, pulses: Self::pulses(meter, seq) }
    }

    /// Waits, from the call on, until every mark covers `seq`; then says when that was, and how many marks came.
    pub(crate) fn marked(&self, port: u16, seq: u64) -> JoinHandle<(Instant, usize)> {
        let client = Client::connect(port, "marks");
        let meters = self.count;
        std::thread::spawn(move || {
            let (mut marked, mut marks): (HashMap<String, u64>, usize) = (HashMap::new(), 0);
            let mut reached = 0;
            client.follow("powerpi/hq/+/recorded", |publish| {
                let mark = Mark::from_json(&publish.payload).unwrap();
                marks += usize::from(!publish.retain);
                let before = marked.insert(publish.topic.clone(), mark.seq);
                reached += usize::from(before.is_none_or(|before| before < seq) && mark.seq >= seq);
                reached < meters
            });
            (Instant::now(), marks)
        })
    }

    /// Compares the ledger with what was sent: every minute up to `last`, once.
    pub(crate) fn check_ledger(&self, site: &Site, last: u64) {
        for number in 0..self.count {
            let recorded = site.recorded(&Self::meter(number).to_string());
            assert!(recorded == self.sent(number, last), "the ledger is wrong about meter {number}");
        }
    }

    /// Compares the RRD files of some meters with what was sent.
    pub(crate) fn check_pictures(&self, site: &Site, last: u64) {
        for number in self.looked_at() {
            let file = site.rrd(&Self::meter(number).to_string());
            if !file.exists() {
                // Not all of very many have one, but the first.
                assert!(number > 0);
                continue;
            }
            let stored = rrd_minutes(&file, self.first, self.minute(last + 1));
            assert!(stored == self.sent(number, last), "the RRD file is wrong about meter {number}");
        }
    }

    /// The meters whose files are looked at.
    pub(crate) fn looked_at(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.count).step_by(self.count.div_ceil(LOOKED_AT))
    }

    pub(crate) fn sent(&self, number: usize, last: u64) -> Vec<(Minute, u32)> {
        (1..=last).map(|seq| (self.minute(seq), Self::pulses(number, seq))).collect()
    }
}

/// What is published to say it; `said` is topic and payload.
pub(crate) fn publications(
    counted: &[Counted],
    in_flight: usize,
    said: impl Fn(&Counted) -> (String, Vec<u8>),
) -> Publications {
    let mut publications = Publications::new(in_flight);
    for one in counted {
        let (topic, payload) = said(one);
        publications.push(topic, payload, false);
    }
    publications
}

/// As PowerPi's publisher says it.
pub(crate) fn ours(counted: &Counted) -> (String, Vec<u8>) {
    let Counted { meter, minute, seq, pulses } = *counted;
    let count = PulseCount { minute, watched_s: 60, seq, pulses, total: seq * 1000 };
    let outbox = Some(format!("{meter:032x}").parse().unwrap());
    let topic = Topic::Minute(Meters::meter(meter)).to_string();
    (topic, OutboxMinute { count, outbox, gap: None, times: None }.to_json())
}
