//! Meters that count what another one counts: a sum of them is more than was used. Pure.

use meter_messages::MeterId;

use crate::settings::{MeterSettings, MeterSource, Settings};
use crate::totals::source::CounterSource;

/// What is to be said of meters that count what one before or beside them counts, unless they are written as its parts.
pub fn counted_twice(settings: &Settings) -> Vec<(&MeterId, String)> {
    let counters: Vec<_> = settings.meter.iter().filter_map(counter_of).collect();
    let mut said = Vec::new();
    for (place, (meter, counter)) in counters.iter().enumerate() {
        for (other_place, (other, other_counter)) in counters.iter().enumerate() {
            let whole = meter.relation(&settings.site).part_of;
            if other_place == place || whole.is_some_and(|whole| whole.meter == other.id) {
                continue;
            }
            if other_place < place && counter.is_same_as(other_counter) {
                said.push((
                    &meter.id,
                    format!("meter \"{}\" counts the same as \"{}\"; remove one of them", meter.id, other.id),
                ));
            } else if counter.is_within(other_counter) {
                said.push((
                    &meter.id,
                    format!(
                        "what meter \"{}\" counts is part of what \"{}\" counts; write part_of = \"{}\", or remove one \
                         of them",
                        meter.id, other.id, other.id
                    ),
                ));
            }
        }
    }
    said
}

fn counter_of(meter: &MeterSettings) -> Option<(&MeterSettings, &CounterSource)> {
    match &meter.source {
        MeterSource::Contact(_) => None,
        MeterSource::Counter(counter) => Some((meter, counter)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The meters of which something is said, each with its last word.
    fn said(sources: &[&str]) -> Vec<String> {
        let meters = (1..).zip(sources).map(|(number, source)| {
            let (source, more) = source.split_once(" | ").unwrap_or((*source, ""));
            format!("[[meter]]\nid = \"m{number}\"\nsource = {{ {source} }}\n{more}\n")
        });
        let settings: Settings = daemon_runtime::parse(&meters.collect::<String>()).unwrap();
        settings.check().unwrap();
        counted_twice(&settings).into_iter().map(|(_, said)| said).collect()
    }

    #[test]
    fn who_counts_the_same_is_told() {
        let mqtt = "kind = \"mqtt\", topic = \"a\", unit = \"kWh\"";
        let value = "kind = \"mqtt\", topic = \"a\", value = \"/b\", unit = \"kWh\"";
        let same = "meter \"m2\" counts the same as \"m1\"; remove one of them";
        assert_eq!(said(&[mqtt, &mqtt.replace("kWh", "Wh"), value]), [same]);
        let modbus = "kind = \"modbus\", host = \"a\", profile = \"sdm630\"";
        let export = format!("{modbus}, value = \"export\"");
        assert_eq!(said(&[modbus, &format!("{modbus}, every_s = 5"), &export]), [same]);
        assert!(said(&[modbus, &format!("{modbus}, unit_id = 2")]).is_empty());
        assert!(said(&[modbus, &format!("{modbus} | part_of = \"m1\"")]).is_empty());
        let sml = "kind = \"sml\", device = \"/dev/a\"";
        let one = format!("{sml}, server_id = \"0a01\"");
        assert_eq!(said(&[sml, &one]), [same]);
        assert!(said(&[&one, &one.replace("01", "02"), &format!("{one}, obis = \"2.8.0\"")]).is_empty());
    }

    #[test]
    fn tariffs_are_parts_of_their_meter() {
        let sml = |obis: &str| format!("kind = \"sml\", device = \"/dev/a\", obis = \"{obis}\"");
        assert_eq!(
            said(&[&sml("1.8.1"), &sml("1.8.0")]),
            [
                "what meter \"m1\" counts is part of what \"m2\" counts; write part_of = \"m2\", or remove one of them"
            ]
        );
        let part = format!("{} | part_of = \"m1\"", sml("1.8.1"));
        assert!(said(&[&sml("1.8.0"), &part, &sml("2.8.1")]).is_empty());
        assert!(said(&[&sml("1.8.1"), &sml("1.8.2")]).is_empty());
    }
}
