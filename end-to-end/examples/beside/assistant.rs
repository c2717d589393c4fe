//! Home Assistant, where there is one.

use std::path::Path;

use end_to_end::home_assistant::{HomeAssistant, repair};
use end_to_end::{Site, wait_until};
use meter_messages::Minute;
use serde_json::{Value, json};

use crate::{METERS, Told, complaints};

pub(crate) struct Assistant {
    running: HomeAssistant,
}

/// The hours in which its sum and the ledger's differ by more than 0.001, and how many there are.
type Differences = (usize, usize);

impl Assistant {
    /// `None` where nobody has made one.
    pub(crate) fn start(folder: &Path, broker: u16) -> Option<Self> {
        if HomeAssistant::version().is_none() {
            println!("no Home Assistant: end-to-end/home-assistant/build.sh makes one");
            return None;
        }
        let running = HomeAssistant::begin(folder, None);
        running.client.add_mqtt(broker);
        Some(Self { running })
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.running.is_running()
    }

    pub(crate) fn told(&self, site: &Site) -> Told {
        let mut right = 0;
        for (id, what) in METERS {
            let known = site.meter(&format!("hq/{id}")).unwrap();
            let total = site.ledger().reading(&known).unwrap().unwrap();
            let entity = self.entity(id, what);
            // What was counted of the minute in progress is said last, and not recorded.
            let at_least = |state: &Value| {
                let said = state["attributes"]["unit_of_measurement"].is_string();
                said && self.last(&entity).is_some_and(|last| last >= total - 1e-6)
            };
            wait_until("Home Assistant has heard the last minute", || {
                self.running.client.state(&entity).is_some_and(|state| at_least(&state))
            });
            right += 1;
        }
        let before = self.differences(site);
        let repaired = self.repair(site);
        let after = self.differences(site);
        let hours = match before {
            (_, 0) => "too few hours to compare".to_owned(),
            (differed, all) => format!(
                "of {all} hours {differed} differed from the ledger's, and {} after `powerpi home-assistant`",
                after.0
            ),
        };
        Told {
            who: format!("Home Assistant {}, by MQTT 5", HomeAssistant::version().unwrap()),
            what: format!("the count of {right} meters; {hours}"),
            log: complaints(&self.running.log(), &["WARNING", "ERROR"]),
            is_right: repaired && after.0 == 0,
        }
    }

    fn entity(&self, id: &str, what: &str) -> String {
        let all = self.running.client.connect().ask("config/entity_registry/list", json!({}));
        let unique = format!("powerpi_hq_{id}_{what}");
        let found = all.as_array().unwrap().iter().find(|entity| entity["unique_id"] == unique.as_str());
        found.unwrap_or_else(|| panic!("{unique} is not known"))["entity_id"].as_str().unwrap().to_owned()
    }

    /// The last number that it heard, also if the sensor is unavailable by now.
    fn last(&self, entity: &str) -> Option<f64> {
        let from = jiff::Timestamp::from_second(daemon_runtime::now().as_second() - 600).unwrap().to_string();
        let said = json!({ "start_time": from, "entity_ids": [entity], "minimal_response": true, "no_attributes": true });
        let history = self.running.client.connect().ask("history/history_during_period", said);
        let states = history[entity].as_array()?;
        states.iter().rev().find_map(|state| state["s"].as_str()?.parse().ok())
    }

    /// Its hours beside the ledger's, of what each of them added to the sum.
    fn differences(&self, site: &Site) -> Differences {
        let mut found = (0, 0);
        for (id, what) in METERS {
            let entity = self.entity(id, what);
            let said = json!({
                "statistic_ids": [entity], "start_time": "2020-01-01T00:00:00Z", "period": "hour", "types": ["sum"],
            });
            let hours = self.running.client.connect().ask("recorder/statistics_during_period", said);
            let hours = hours[&entity].as_array().cloned().unwrap_or_default();
            let known = site.meter(&format!("hq/{id}")).unwrap();
            // The first one is the beginning.
            for pair in hours.windows(2) {
                let end = |row: &Value| Minute::containing(row["end"].as_i64().unwrap() / 1000).unwrap();
                let used = site.ledger().sum(&known, end(&pair[0])..end(&pair[1])).unwrap().counted();
                let theirs = pair[1]["sum"].as_f64().unwrap() - pair[0]["sum"].as_f64().unwrap();
                found.0 += usize::from((theirs - used).abs() > 1e-6);
                found.1 += 1;
            }
        }
        found
    }

    fn repair(&self, site: &Site) -> bool {
        let output = repair(site.path(), &self.running.client, &[]);
        println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }
}
