//! When in its minute the pulses came, where they are few.

use serde::{Deserialize, Serialize};

/// So many pulses are few. Of a time with more of them power follows from their number: one pulse more or less changes
/// it by no more than a fifth. Of a time with fewer it follows from the time between them.
pub const FEW_PULSES: u32 = 4;

/// When the first and the last pulse of a minute with few of them came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulseTimes {
    first_ms: u16,
    last_ms: u16,
}

impl PulseTimes {
    /// From milliseconds after the minute's beginning; `None` if these are none of so many pulses, or these are not few.
    pub fn new(pulses: u32, first_ms: u32, last_ms: u32) -> Option<Self> {
        let apart = last_ms.checked_sub(first_ms)?;
        let fits = match pulses {
            1 => apart == 0,
            // Two pulses never come in the same moment.
            _ => (2..=FEW_PULSES).contains(&pulses) && apart >= pulses - 1,
        };
        let ms = |ms: u32| u16::try_from(ms).ok().filter(|ms| *ms < 60_000);
        let (first_ms, last_ms) = (ms(first_ms)?, ms(last_ms)?);
        fits.then_some(Self { first_ms, last_ms })
    }

    /// When the first pulse came, in milliseconds after the minute's beginning.
    pub fn first_ms(self) -> u32 {
        self.first_ms.into()
    }

    /// When the last pulse came, in milliseconds after the minute's beginning.
    pub fn last_ms(self) -> u32 {
        self.last_ms.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_as_many_pulses() {
        for (pulses, first_ms, last_ms) in [(1, 0, 0), (1, 59_999, 59_999), (2, 5, 6), (4, 0, 59_999)] {
            let times = PulseTimes::new(pulses, first_ms, last_ms);
            assert_eq!(times.map(|times| (times.first_ms(), times.last_ms())), Some((first_ms, last_ms)));
        }
        for (pulses, first_ms, last_ms) in [
            (0, 0, 0),
            (1, 5, 6),
            (2, 5, 5),
            (4, 5, 7),
            (2, 6, 5),
            (5, 0, 59_999),
            (1, 60_000, 60_000),
            (2, 0, 60_000),
            (2, 0, 65_536),
            (u32::MAX, 0, u32::MAX),
        ] {
            assert_eq!(PulseTimes::new(pulses, first_ms, last_ms), None, "{pulses}, {first_ms}, {last_ms}");
        }
    }
}
