//! Whether notices of an alarm arrive: somebody asks for a test, and is told what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{MeterId, SiteId};
use crate::payload::{PayloadError, json_payload, name};

/// The longest name of a test, in bytes.
const LONGEST: usize = 400;

/// The longest word on what became of it, in bytes: the 200 characters of a text that is cut, each escaped.
const LONGEST_WHY: usize = 4000;

/// `powerpi/<site>/alarm/<name>/test`: asks for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmTest {
    /// A name for it, to know its outcome by.
    pub id: String,
}

json_payload!(AlarmTest, |test| name("id", &test.id, LONGEST));

/// `powerpi/<site>/alarm/<name>/tested`: what became of it, on each way that is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmTested {
    /// The name of the test.
    pub id: String,
    /// By e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Sent>,
    /// By webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Sent>,
}

json_payload!(AlarmTested, |tested| tested.check());

/// What became of a notice on one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// It was taken.
    Ok,
    /// Why not, in one line.
    Failed(String),
}

impl AlarmTested {
    /// So long those who send it may take; whoever waits for the outcome has to wait for longer.
    pub const WITHIN: Duration = Duration::from_secs(30);

    fn check(&self) -> Result<(), PayloadError> {
        name("id", &self.id, LONGEST)?;
        [&self.email, &self.webhook].into_iter().flatten().try_for_each(|sent| match sent {
            Sent::Ok => Ok(()),
            Sent::Failed(why) => name("failed", why, LONGEST_WHY),
        })
    }
}

/// A topic of an alarm: `state`, `test` or `tested`.
pub fn alarm_topic(site: &SiteId, alarm: &str, what: &str) -> String {
    format!("powerpi/{site}/alarm/{alarm}/{what}")
}

/// The site and the alarm of such a topic.
pub fn alarm_of_topic(topic: &str, what: &str) -> Option<(SiteId, MeterId)> {
    let (site, rest) = topic.strip_prefix("powerpi/")?.split_once("/alarm/")?;
    let name = rest.strip_suffix(what)?.strip_suffix('/')?;
    Some((site.parse().ok()?, name.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use foreign_text::foreign;

    use super::*;

    #[test]
    fn an_alarms_topic_names_site_and_alarm() {
        let topic = alarm_topic(&"hq".parse().unwrap(), "oven", "test");
        assert_eq!(alarm_of_topic(&topic, "test").unwrap().1.as_str(), "oven");
        for other in ["powerpi/hq/alarm/oven/state", "powerpi/hq/alarm/a/b/test", "powerpi/hq/main/test", "x"]
        {
            assert_eq!(alarm_of_topic(other, "test"), None, "{other}");
        }
    }

    #[test]
    fn what_became_of_it_is_read_as_it_was_written() {
        let tested = AlarmTested {
            id: "1".into(),
            email: Some(Sent::Failed("refused".into())),
            webhook: Some(Sent::Ok),
        };
        assert_eq!(AlarmTested::from_json(&tested.to_json()).unwrap(), tested);
        // What a server says at its longest, in letters that are all escaped.
        let why = foreign(&"\u{202e}".repeat(300)).to_string();
        let tested = AlarmTested { webhook: Some(Sent::Failed(why)), ..tested };
        assert_eq!(AlarmTested::from_json(&tested.to_json()).unwrap(), tested);
        assert!(AlarmTest::from_json(br#"{"id":""}"#).is_err() && AlarmTest::from_json(b"{}").is_err());
    }
}
