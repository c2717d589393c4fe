//! The bar of what takes how much: its parts, their colours and their percents.

use meter_messages::Colour;

use super::branch::Branch;
use crate::drawing::shares::{self, Part, Share};
use crate::pages::colours::distinct;

/// Gives each part of the bar a colour of its own.
pub(super) fn colour(lines: &mut [Branch]) {
    let mut in_bar: Vec<&mut Branch> =
        lines.iter_mut().filter(|line| line.in_bar && line.href.is_some()).collect();
    let own = in_bar.iter().filter_map(|line| line.colour.parse().ok()).collect::<Vec<Colour>>();
    in_bar.iter_mut().zip(distinct(own)).for_each(|(line, colour)| line.colour = colour.name());
}

/// The bar of what takes how much of `all`, where there are several parts; with what nobody measures last.
pub(super) fn bar(id: &str, lines: &[Branch], all: f64) -> Option<String> {
    let parts: Vec<&Branch> = lines.iter().filter(|line| line.is_seen()).collect();
    if parts.len() < 2 || all <= 0.0 {
        return None;
    }
    let share = |line: &&Branch| Share {
        part: line.counted / all,
        of: match (&line.href, line.is_known) {
            (Some(_), _) => Part::Meter(line.colour),
            (None, true) => Part::Rest,
            (None, false) => Part::Unknown,
        },
        href: line.href.clone(),
        title: match line.percent {
            Some(percent) => format!("{}: {percent}\u{a0}%", line.name),
            None => line.name.clone(),
        },
    };
    let (of_meters, rests): (Vec<_>, Vec<_>) = parts.iter().partition(|line| line.href.is_some());
    Some(shares::svg(id, &of_meters.iter().chain(&rests).copied().map(share).collect::<Vec<_>>()))
}

/// In percent, for a bar: none where it would be no part.
pub(super) fn share(part: f64, whole: f64) -> Option<u8> {
    let percent = part / whole * 100.0;
    (whole > 0.0 && (0.0..=100.5).contains(&percent)).then(|| percent.round() as u8)
}
