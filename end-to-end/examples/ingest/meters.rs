//! Meters, what they send, and how far they are recorded.

use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::Instant;

use end_to_end::{Site, rrd_minutes};
use meter_messages::{Mark, Meter, Minute, OutboxMinute, PulseCount, Topic};

use crate::client::{Client, Publications};

/// As many messages as the issue's peers had in flight.
pub(crate) const IN_FLIGHT: usize = 1000;

/// Files of so many meters are looked at.
const LOOKED_AT: usize = 20;

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

    fn meter(number: usize) -> Meter {
        format!("hq/m{number:05}").parse().unwrap()
    }

    fn pulses(number: usize, seq: u64) -> u32 {
        ((seq * 7 + number as u64 * 13) % 1000) as u32
    }

    fn minute(&self, seq: u64) -> Minute {
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

    /// Minutes `from` to `to` of all meters, minute by minute.
    pub(crate) fn minutes(&self, from: u64, to: u64, in_flight: usize) -> Publications {
        let mut minutes = Publications::new(in_flight);
        for seq in from..=to {
            for number in 0..self.count {
                let pulses = Self::pulses(number, seq);
                let count =
                    PulseCount { minute: self.minute(seq), watched_s: 60, seq, pulses, total: seq * 1000 };
                let outbox = Some(format!("{number:032x}").parse().unwrap());
                let payload = OutboxMinute { count, outbox }.to_json();
                minutes.push(Topic::Minute(Self::meter(number)).to_string(), payload, false);
            }
        }
        minutes
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
        for number in (0..self.count).step_by(self.count.div_ceil(LOOKED_AT)) {
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

    fn sent(&self, number: usize, last: u64) -> Vec<(Minute, u32)> {
        (1..=last).map(|seq| (self.minute(seq), Self::pulses(number, seq))).collect()
    }
}
