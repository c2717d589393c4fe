//! A compiled recorder that keeps minutes in RRD files: what is hard to beat as long as nothing has to be on disk. It
//! acknowledges what librrd has taken, in one call for all that has come of a meter at once.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rrd::ops::update::{BatchTime, Datum, Options, update_all};
use serde_json::Value;

use super::keeper::TOPICS;
use crate::client::Client;

/// Records until it is killed.
pub(crate) fn record(folder: &Path, port: u16) {
    let client = Client::connect(port, "recorder");
    let mut samples: HashMap<String, Vec<(BatchTime, [Datum; 1])>> = HashMap::new();
    // One that comes too late is skipped, and the others are not lost with it.
    let options = Options { skip_past_updates: true };
    client.follow_together(TOPICS, |publications| {
        for publish in publications {
            let meter = publish.topic.split('/').nth(1).unwrap();
            let counted: Value = serde_json::from_slice(&publish.payload).unwrap();
            let at = UNIX_EPOCH + Duration::from_secs(counted["t"].as_u64().unwrap());
            let sample = (at.into(), [Datum::Int(counted["pulses"].as_u64().unwrap())]);
            match samples.get_mut(meter) {
                Some(samples) => samples.push(sample),
                None => drop(samples.insert(meter.to_owned(), vec![sample])),
            }
        }
        for (meter, samples) in samples.iter_mut().filter(|(_, samples)| !samples.is_empty()) {
            if let Err(error) = update_all(&folder.join(format!("{meter}.rrd")), options, &samples[..]) {
                eprintln!("{meter}: {error}");
            }
            samples.clear();
        }
        true
    });
}
