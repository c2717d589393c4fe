//! The minute: the unit in which pulses are counted, sent and kept.

use std::fmt;
use std::str::FromStr;

use foreign_text::foreign;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// 2000-01-01T00:00Z and 2100-01-01T00:00Z in minutes since 1970: nothing was
/// counted before PowerPi, and a clock that is a century off is wrong.
const RANGE: std::ops::Range<i64> = 15_778_080..68_374_080;

/// Why a text or number is not a minute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MinuteError {
    /// Not a time in RFC 3339.
    #[error("t \"{0}\" is not a time like 2026-10-03T12:34:00Z")]
    NotATime(String),
    /// Seconds or fractions are not zero.
    #[error("t \"{0}\" is not the start of a minute")]
    NotAtItsStart(String),
    /// Before 2000 or after 2099.
    #[error("t is outside the years 2000 to 2099")]
    OutOfRange,
}

/// A minute of UTC, named by its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minute(i64);

impl Minute {
    /// Seconds in a minute.
    pub const SECONDS: i64 = 60;

    /// The minute that began `minutes` minutes after 1970-01-01T00:00Z.
    pub fn from_epoch_minutes(minutes: i64) -> Result<Self, MinuteError> {
        if RANGE.contains(&minutes) { Ok(Self(minutes)) } else { Err(MinuteError::OutOfRange) }
    }

    /// The minute in which a Unix time (in seconds) lies.
    pub fn containing(unix_seconds: i64) -> Result<Self, MinuteError> {
        Self::from_epoch_minutes(unix_seconds.div_euclid(Self::SECONDS))
    }

    /// The minute of the range that is nearest to `minutes` minutes after 1970.
    pub fn nearest(minutes: i64) -> Self {
        Self(minutes.clamp(RANGE.start, RANGE.end - 1))
    }

    /// Minutes since 1970-01-01T00:00Z.
    pub fn epoch_minutes(self) -> i64 {
        self.0
    }

    /// Its first second, as Unix time.
    pub fn start(self) -> i64 {
        self.0 * Self::SECONDS
    }

    /// The first second after it, as Unix time.
    pub fn end(self) -> i64 {
        self.start() + Self::SECONDS
    }

    /// Its start as a timestamp.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.start()).unwrap_or_default()
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl FromStr for Minute {
    type Err = MinuteError;
    fn from_str(text: &str) -> Result<Self, MinuteError> {
        let shown = || foreign(text).to_string();
        let at: Timestamp = text.parse().map_err(|_| MinuteError::NotATime(shown()))?;
        if at.subsec_nanosecond() != 0 || at.as_second().rem_euclid(Self::SECONDS) != 0 {
            return Err(MinuteError::NotAtItsStart(shown()));
        }
        Self::containing(at.as_second())
    }
}

impl TryFrom<String> for Minute {
    type Error = MinuteError;
    fn try_from(text: String) -> Result<Self, MinuteError> {
        text.parse()
    }
}

impl From<Minute> for String {
    fn from(minute: Minute) -> String {
        minute.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_range_is_the_years_2000_to_2099() {
        let first: Minute = "2000-01-01T00:00:00Z".parse().unwrap();
        let last: Minute = "2099-12-31T23:59:00Z".parse().unwrap();
        assert_eq!(first.epoch_minutes(), RANGE.start);
        assert_eq!(last.epoch_minutes(), RANGE.end - 1);
        assert_eq!("1999-12-31T23:59:00Z".parse::<Minute>(), Err(MinuteError::OutOfRange));
        assert_eq!("2100-01-01T00:00:00Z".parse::<Minute>(), Err(MinuteError::OutOfRange));
    }

    #[test]
    fn only_the_start_of_a_minute_is_one() {
        for bad in ["2026-10-03T12:34:01Z", "2026-10-03T12:34:00.5Z"] {
            assert!(matches!(bad.parse::<Minute>(), Err(MinuteError::NotAtItsStart(_))), "{bad}");
        }
        for bad in ["", "now", "2026-10-03", "2026-10-03T12:34:00"] {
            assert!(matches!(bad.parse::<Minute>(), Err(MinuteError::NotATime(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_minute_round_trips(minutes in RANGE) {
            let minute = Minute::from_epoch_minutes(minutes).unwrap();
            prop_assert_eq!(minute.to_string().parse::<Minute>().unwrap(), minute);
            prop_assert_eq!(minute.to_string().len(), "2026-10-03T12:34:00Z".len());
            prop_assert_eq!(Minute::containing(minute.end() - 1).unwrap(), minute);
        }
    }
}
