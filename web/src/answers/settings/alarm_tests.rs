//! Tests of alarms: whether their notices arrive.

use meter_messages::{AlarmTested, MeterId, Sent};

use super::super::asked::Asked;
use super::super::site::Site;
use super::Known;
use crate::pages::Notice;
use crate::readings::sender;

impl Site {
    /// Asks powerpi-alarms for a test of an alarm, and says what became of it.
    pub(super) async fn test_alarm(&self, name: &MeterId, known: &Known, asked: &Asked<'_>) -> Notice {
        let words = asked.texts().settings;
        let alarm = known.saved.stored().alarm.iter().find(|alarm| alarm.name == *name);
        let Some(alarm) = alarm else { return Notice::bad(words.not_there) };
        match sender::test(&self.mqtt, &alarm.meter.site, name).await {
            Ok(Some(AlarmTested { email: None, webhook: None, .. })) => Notice::good(words.test_no_way),
            Ok(Some(tested)) => {
                let ways = [(words.email, &tested.email), (words.webhook, &tested.webhook)];
                let said = |(way, sent): (&str, &Option<Sent>)| match sent.as_ref()? {
                    Sent::Ok => Some((format!("{way} ✓"), true)),
                    Sent::Failed(why) => Some((format!("{way}: {why}"), false)),
                };
                let said: Vec<(String, bool)> = ways.into_iter().filter_map(said).collect();
                let is_well = said.iter().all(|(_, is_well)| *is_well);
                let list = said.into_iter().map(|(said, _)| said).collect();
                match is_well {
                    true => Notice::good(words.test_sent).with_list("", list),
                    false => Notice::bad(words.test_failed).with_list("", list),
                }
            }
            Ok(None) => Notice::bad(words.test_nobody),
            Err(error) => {
                tracing::warn!("a test of the alarm {name} was not asked for: {error:#}");
                Notice::bad(words.test_nobody)
            }
        }
    }
}
