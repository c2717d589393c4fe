//! What powerpi-alarms says of each alarm, retained.

use std::collections::HashMap;

use daemon_runtime::Shares;
use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{Meter, SiteId};
use serde::Deserialize;

/// Topics of alarms: `powerpi/<site>/alarm/<name>/state`.
pub(super) const ALL_ALARMS: &str = "powerpi/+/alarm/+/state";

/// What is said of an alarm, as it may be shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlarmSaid {
    /// Its name.
    pub(crate) name: String,
    /// Of which meter.
    pub(crate) meter: Meter,
    /// Whether its condition is met; otherwise it is over, or was never met.
    pub(crate) is_raised: bool,
    /// Since when it is, or was the last time.
    pub(crate) since: Option<Timestamp>,
    /// When that was over.
    pub(crate) until: Option<Timestamp>,
    /// The same in one sentence, with the highest value, in the language of the notices.
    pub(crate) text: Option<String>,
}

/// As it comes over the wire.
#[derive(Deserialize)]
struct Notice {
    meter: String,
    state: String,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    text: Option<String>,
}

/// All alarms. A site has its share of them, so that nobody can fill our memory with names.
#[derive(Debug)]
pub(super) struct Alarms {
    said: HashMap<(SiteId, String), AlarmSaid>,
    shares: Shares<SiteId>,
}

impl Alarms {
    pub(super) fn new(most: usize) -> Self {
        Self { said: HashMap::new(), shares: Shares::new(most) }
    }

    /// Takes a message in; whether it was one of an alarm, and says something new.
    pub(super) fn take(&mut self, topic: &str, payload: &[u8]) -> bool {
        let Some((site, name)) = parts(topic) else { return false };
        let key = (site, name.to_owned());
        // A topic that is cleared: the alarm is no more. Its place stays its site's.
        if payload.is_empty() {
            return self.said.remove(&key).is_some();
        }
        let Some(said) = AlarmSaid::read(name, payload).filter(|said| said.meter.site == key.0) else {
            return false;
        };
        if !self.said.contains_key(&key) && !self.shares.take(&key.0) {
            return false;
        }
        self.said.insert(key, said.clone()) != Some(said)
    }

    /// Each, those that are raised first, and then by name.
    pub(super) fn all(&self) -> Vec<AlarmSaid> {
        let mut all: Vec<AlarmSaid> = self.said.values().cloned().collect();
        all.sort_by(|one, other| {
            (!one.is_raised, &one.meter, &one.name).cmp(&(!other.is_raised, &other.meter, &other.name))
        });
        all
    }
}

/// The site and the alarm's name of a topic.
fn parts(topic: &str) -> Option<(SiteId, &str)> {
    let rest = topic.strip_prefix("powerpi/")?.strip_suffix("/state")?;
    let (site, name) = rest.split_once("/alarm/")?;
    (!name.contains('/') && name.len() <= 200).then_some((site.parse().ok()?, name))
}

impl AlarmSaid {
    fn read(name: &str, payload: &[u8]) -> Option<Self> {
        let notice: Notice = serde_json::from_slice(payload).ok()?;
        Some(Self {
            name: foreign(name).to_string(),
            meter: notice.meter.parse().ok()?,
            is_raised: notice.state == "raised",
            since: notice.since,
            until: notice.until,
            text: notice.text.map(|text| foreign(&text).to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_raised_over_and_gone() {
        let mut alarms = Alarms::new(100);
        let topic = "powerpi/hq/alarm/too-much/state";
        let raised = r#"{"alarm":"too-much","meter":"hq/main","state":"raised","since":"2026-10-03T12:34:00Z",
                         "highest":5120.5,"text":"House: above 4000 W"}"#;
        assert!(alarms.take(topic, raised.as_bytes()));
        assert!(!alarms.take(topic, raised.as_bytes()), "nothing new");
        assert!(alarms.all()[0].is_raised);
        let over = r#"{"alarm":"too-much","meter":"hq/main","state":"over"}"#;
        assert!(alarms.take(topic, over.as_bytes()) && !alarms.all()[0].is_raised);
        assert!(alarms.take(topic, b"") && alarms.all().is_empty());
    }

    #[test]
    fn nonsense_and_other_sites_meters_are_not_taken_and_names_do_not_pile_up() {
        let mut alarms = Alarms::new(100);
        for (topic, payload) in [
            ("powerpi/hq/alarm/a/state", "{}"),
            ("powerpi/hq/alarm/a/state", r#"{"meter":"other/main","state":"raised"}"#),
            ("powerpi/hq/alarm/a/b/state", r#"{"meter":"hq/main","state":"raised"}"#),
            ("powerpi/hq/main/state", r#"{"meter":"hq/main","state":"raised"}"#),
        ] {
            assert!(!alarms.take(topic, payload.as_bytes()), "{topic} {payload}");
        }
        for number in 0..300 {
            alarms.take(
                &format!("powerpi/hq/alarm/a{number}/state"),
                br#"{"meter":"hq/main","state":"raised"}"#,
            );
        }
        assert!(alarms.all().len() <= 52, "{}", alarms.all().len());
        assert!(alarms.take("powerpi/flat/alarm/a/state", br#"{"meter":"flat/main","state":"raised"}"#));
    }
}
