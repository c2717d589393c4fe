//! What is known of each meter. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use meter_messages::{Diag, Info, Live, Medium, Meter, SiteId, State, Status, Topic};

use super::today::Counted;

/// Nobody reads more lines, and a publisher may say anything.
const MOST: usize = 10_000;

/// A value from before is told as old: publishers say one each second, and `state` at least each minute.
const OLD_AFTER_S: i64 = 150;

/// All meters that anybody says something of.
#[derive(Debug, Default)]
pub(super) struct Meters {
    known: BTreeMap<Meter, Known>,
    online: BTreeMap<SiteId, bool>,
    /// Why nothing is known of today.
    pub(super) trouble: Option<String>,
}

/// What is known of one.
#[derive(Debug, Default)]
pub(super) struct Known {
    name: Option<String>,
    medium: Option<Medium>,
    live: Option<Live>,
    /// Minutes that wait in the outbox, and whether it can be written.
    pub(super) outbox: Option<(u64, bool)>,
    /// kWh or m³; `None` where nobody watched.
    pub(super) today: Option<f64>,
}

/// How a meter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Its publisher says values.
    Online,
    /// Its publisher has said that it goes, or its connection broke.
    Offline,
    /// Its publisher says nothing new since so many seconds.
    Old(i64),
    /// Nobody has said a value.
    Silent,
}

impl Meters {
    /// Takes a message; what cannot be read is passed over.
    pub(super) fn take(&mut self, topic: &str, payload: &[u8]) {
        match topic.parse() {
            Ok(Topic::Status(site)) if self.online.len() < MOST || self.online.contains_key(&site) => {
                if let Ok(status) = Status::from_payload(payload) {
                    self.online.insert(site, matches!(status, Status::Online));
                }
            }
            Ok(Topic::Info(meter)) => {
                if let Ok(info) = Info::from_json(payload)
                    && let Some(known) = self.known(meter)
                {
                    (known.name, known.medium) = (Some(info.name), Some(info.medium));
                }
            }
            Ok(Topic::State(meter)) => {
                if let Ok(state) = State::from_json(payload)
                    && let Some(known) = self.known(meter)
                {
                    known.take(state.into());
                }
            }
            Ok(Topic::Live(meter)) => {
                if let Ok(live) = Live::from_json(payload)
                    && let Some(known) = self.known(meter)
                {
                    known.take(live);
                }
            }
            Ok(Topic::Diag(meter)) => {
                if let Ok(diag) = Diag::from_json(payload)
                    && let Some(known) = self.known(meter)
                {
                    known.outbox = Some((diag.outbox_depth, diag.outbox_writable));
                }
            }
            _ => {}
        }
    }

    /// Takes what the ledger says; its meters are there even if nobody says anything of them.
    pub(super) fn set_today(&mut self, today: anyhow::Result<BTreeMap<Meter, Counted>>) {
        self.trouble = today.as_ref().err().map(|error| format!("nothing is known of today: {error:#}"));
        for (meter, counted) in today.unwrap_or_default() {
            if let Some(known) = self.known(meter) {
                known.name.get_or_insert(counted.name);
                known.medium.get_or_insert(counted.medium);
                known.today = counted.quantity;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Meter, &Known)> {
        self.known.iter()
    }

    /// How a meter is.
    pub(super) fn condition(&self, meter: &Meter, known: &Known, now: Timestamp) -> Condition {
        let age = known.live.as_ref().map(|live| now.duration_since(live.at).as_secs());
        match (self.online.get(&meter.site), age) {
            (Some(false), _) => Condition::Offline,
            (_, None) => Condition::Silent,
            (_, Some(age)) if age > OLD_AFTER_S => Condition::Old(age),
            _ => Condition::Online,
        }
    }

    fn known(&mut self, meter: Meter) -> Option<&mut Known> {
        if self.known.len() >= MOST && !self.known.contains_key(&meter) {
            return None;
        }
        Some(self.known.entry(meter).or_default())
    }
}

impl Known {
    /// Messages of several topics may come in any order.
    fn take(&mut self, live: Live) {
        if self.live.as_ref().is_none_or(|before| before.at <= live.at) {
            self.live = Some(live);
        }
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(super) fn medium(&self) -> Medium {
        self.medium.unwrap_or_default()
    }

    /// Power in W, or flow in l/h.
    pub(super) fn rate(&self) -> Option<u32> {
        self.live.as_ref()?.rate_in(self.medium().unit())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn live(second: i64, power: u32) -> (&'static str, String) {
        ("powerpi/home/main/live", format!("{{\"t\":\"{}\",\"w\":{power},\"total\":5}}", at(second)))
    }

    fn taken(messages: &[(&str, String)]) -> Meters {
        let mut meters = Meters::default();
        messages.iter().for_each(|(topic, payload)| meters.take(topic, payload.as_bytes()));
        meters
    }

    fn condition(meters: &Meters, second: i64) -> Condition {
        let (meter, known) = meters.iter().next().unwrap();
        meters.condition(meter, known, at(second))
    }

    #[test]
    fn the_newest_value_counts_in_whatever_order_it_comes() {
        let meters = taken(&[live(10, 700), live(5, 300)]);
        assert_eq!(meters.iter().next().unwrap().1.rate(), Some(700));
    }

    #[test]
    fn a_value_grows_old_and_a_publisher_goes() {
        let online = ("powerpi/home/status", "online".to_owned());
        let offline = ("powerpi/home/status", "offline".to_owned());
        let meters = taken(&[online, live(0, 300)]);
        assert_eq!(condition(&meters, 3), Condition::Online);
        assert_eq!(condition(&meters, 151), Condition::Old(151));
        assert_eq!(condition(&taken(&[live(0, 300), offline]), 3), Condition::Offline);
        let diag = format!(
            "{{\"t\":\"{}\",\"rejected\":0,\"lost_edges\":0,\"outbox_depth\":7,\"clock\":\"synchronised\"}}",
            at(0)
        );
        let meters = taken(&[("powerpi/home/main/diag", diag)]);
        assert_eq!(condition(&meters, 3), Condition::Silent);
        assert_eq!(meters.iter().next().unwrap().1.outbox, Some((7, true)));
    }

    #[test]
    fn nonsense_is_passed_over_and_meters_without_end_are_not_kept() {
        let mut meters = taken(&[("powerpi/home/main/live", "nonsense".into()), ("else/where", "1".into())]);
        assert!(meters.is_empty());
        for number in 0..MOST + 10 {
            meters.take(&format!("powerpi/home/m{number}/live"), live(0, 1).1.as_bytes());
        }
        assert_eq!(meters.iter().count(), MOST);
    }
}
