//! The meters as a table for people, or as JSON for programs. Pure.

use console::{measure_text_width, truncate_str};
use jiff::Timestamp;
use serde_json::json;

use super::meters::{Condition, Known, Meters};

const HEAD: [&str; 6] = ["METER", "NAME", "NOW", "TODAY", "PUBLISHER", "OUTBOX"];

/// One line a meter, below a head; cut to a terminal of so many columns and rows.
pub(super) fn as_text(meters: &Meters, now: Timestamp, size: Option<(usize, usize)>) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(
        meters
            .iter()
            .map(|(meter, known)| row(&meter.to_string(), known, meters.condition(meter, known, now))),
    );
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| rows.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or(0))
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    if meters.is_empty() {
        lines.push("No publisher has said anything yet.".to_owned());
    }
    let most = size.map_or(usize::MAX, |(_, rows)| rows.saturating_sub(3).max(2));
    if lines.len() > most {
        let more = lines.len() - most + 1;
        lines.truncate(most - 1);
        lines.push(format!("and {more} more; `powerpi top --once` prints all of them"));
    }
    lines.extend(meters.trouble.clone());
    let columns = size.map_or(usize::MAX, |(columns, _)| columns);
    lines.iter().fold(String::new(), |text, line| text + &cut(line, columns) + "\n")
}

fn row(meter: &str, known: &Known, condition: Condition) -> [String; HEAD.len()] {
    let unit = known.medium().unit();
    let is_now = condition == Condition::Online;
    let rate = known.rate().filter(|_| is_now);
    [
        meter.to_owned(),
        known.name().to_owned(),
        rate.map_or("-".into(), |rate| format!("{rate} {}", unit.of_rate())),
        known.today.map_or("-".into(), |quantity| format!("{quantity:.3} {}", unit.symbol())),
        in_words(condition),
        match known.outbox {
            None => "-".into(),
            Some((_, false)) => "cannot be written".into(),
            Some((waiting, true)) => format!("{waiting} min"),
        },
    ]
}

fn in_words(condition: Condition) -> String {
    match condition {
        Condition::Online => "online".into(),
        Condition::Offline => "offline".into(),
        Condition::Old(age) if age < 7200 => format!("silent for {} min", age / 60),
        Condition::Old(age) => format!("silent for {} h", age / 3600),
        Condition::Silent => "no value yet".into(),
    }
}

/// Numbers to the right, words to the left.
fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        let pad = " ".repeat(width - measure_text_width(cell));
        if [2, 3].contains(&column) { pad + cell } else { cell.clone() + &pad }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// As much of a line as fits.
pub(super) fn cut(line: &str, columns: usize) -> String {
    truncate_str(line, columns, "…").into_owned()
}

/// A JSON object a line.
pub(super) fn as_json(meters: &Meters, now: Timestamp) -> String {
    let lines = meters.iter().map(|(meter, known)| {
        let condition = meters.condition(meter, known, now);
        let unit = known.medium().unit();
        let said = json!({
            "meter": meter.to_string(),
            "name": known.name(),
            "medium": known.medium().as_str(),
            unit.rate_key(): known.rate().filter(|_| condition == Condition::Online),
            "today": known.today,
            "unit": unit.symbol(),
            "state": match condition {
                Condition::Online => "online",
                Condition::Offline => "offline",
                Condition::Old(_) | Condition::Silent => "silent",
            },
            "outbox_depth": known.outbox.map(|(waiting, _)| waiting),
            "outbox_writable": known.outbox.map(|(_, writable)| writable),
        });
        said.to_string() + "\n"
    });
    lines.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn meters(count: usize) -> (Meters, Timestamp) {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let mut meters = Meters::default();
        for number in 0..count {
            let live = format!("{{\"t\":\"{now}\",\"w\":{},\"total\":5}}", 300 + number);
            meters.take(&format!("powerpi/home/m{number}/live"), live.as_bytes());
        }
        (meters, now)
    }

    #[test]
    fn columns_stand_below_each_other() {
        let (meters, now) = meters(2);
        let text = as_text(&meters, now, None);
        let wanted = "METER    NAME    NOW  TODAY  PUBLISHER  OUTBOX\n\
                      home/m0        300 W      -  online     -\n\
                      home/m1        301 W      -  online     -\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (meters, now) = meters(30);
        let text = as_text(&meters, now, Some((20, 10)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert!(lines.iter().all(|line| line.chars().count() <= 20));
        assert!(lines[6].starts_with("and 25 more"), "{text}");
    }

    #[test]
    fn silence_is_told_in_minutes_and_hours() {
        assert_eq!(in_words(Condition::Old(160)), "silent for 2 min");
        assert_eq!(in_words(Condition::Old(7300)), "silent for 2 h");
    }

    #[test]
    fn nothing_is_said_as_such() {
        let (meters, now) = meters(0);
        assert!(as_text(&meters, now, None).contains("No publisher has said anything yet."));
        assert_eq!(as_json(&meters, now), "");
    }
}
