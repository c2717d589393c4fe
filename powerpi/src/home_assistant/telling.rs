//! What was done, in words.

use jiff::Timestamp;

use super::repair::Repair;
use super::theirs::HOUR_S;

/// What was done, or would be, in words.
pub(super) fn told(repair: &Repair, entity: &str, unit: &str, dry_run: bool) -> String {
    let Repair { shift, hours, compared } = repair;
    if *compared == 0 {
        return format!("{entity} and the ledger have no hour in common");
    }
    if repair.is_nothing() {
        return match compared {
            1 => format!("{entity} is right in the hour that both have"),
            hours => format!("{entity} is right in all of {hours} hours"),
        };
    }
    let mut told = Vec::new();
    if let (Some(first), Some(last)) = (hours.first(), hours.last()) {
        let at = |hour: i64| {
            Timestamp::from_second(hour * HOUR_S).map_or_else(|_| String::new(), |at| at.to_string())
        };
        told.push(match (hours.len(), dry_run) {
            (1, true) => format!("the hour from {} would be put right", at(first.hour)),
            (1, false) => format!("the hour from {} is put right", at(first.hour)),
            (hours, true) => {
                format!(
                    "{hours} hours between {} and {} would be put right",
                    at(first.hour),
                    at(last.hour + 1)
                )
            }
            (hours, false) => {
                format!("{hours} hours between {} and {} are put right", at(first.hour), at(last.hour + 1))
            }
        });
    }
    if let Some(shift) = shift {
        let be = if dry_run { "would be" } else { "are" };
        let by = shift.by.abs();
        told.push(match shift.by > 0.0 {
            true => format!("{by:.3} {unit} that it has missed {be} added to what follows"),
            false => format!("{by:.3} {unit} too many {be} taken off what follows"),
        });
    }
    format!("{entity}: {}", told.join(", and "))
}

#[cfg(test)]
mod tests {
    use super::super::repair::{Right, Shift};
    use super::*;

    fn repair(hours: &[i64], by: Option<f64>) -> Repair {
        let hours: Vec<_> = hours.iter().map(|hour| Right { hour: *hour, sum: 1.0, state: 1.0 }).collect();
        Repair { shift: by.map(|by| Shift { from: 498_852, by }), hours, compared: 24 }
    }

    #[test]
    fn it_is_told_which_hours_and_what_follows() {
        let told = |repair: &Repair, dry_run| told(repair, "sensor.house_energy", "kWh", dry_run);
        assert_eq!(
            told(&Repair::default(), false),
            "sensor.house_energy and the ledger have no hour in common"
        );
        assert_eq!(told(&repair(&[], None), true), "sensor.house_energy is right in all of 24 hours");
        assert_eq!(
            told(&repair(&[498_850], None), false),
            "sensor.house_energy: the hour from 2026-11-28T10:00:00Z is put right"
        );
        assert_eq!(
            told(&repair(&[498_850, 498_852], Some(-0.5)), true),
            "sensor.house_energy: 2 hours between 2026-11-28T10:00:00Z and 2026-11-28T13:00:00Z would be put right, and 0.500 \
             kWh too many would be taken off what follows"
        );
        assert_eq!(
            told(&repair(&[], Some(0.25)), false),
            "sensor.house_energy: 0.250 kWh that it has missed are added to what follows"
        );
    }
}
