//! Lengths of time as people write them: `365d`, `12h`, `0d`.

use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A length of time up to ten years; days have 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History(pub(crate) SignedDuration);

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("\"{text}\" is not a length of time like 365d, 12h or 0d");
        let span: Span = text.parse().map_err(|_| refused())?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refused())?;
        let longest = SignedDuration::from_hours(3660 * 24);
        if duration.is_negative() || duration > longest {
            return Err(format!("\"{text}\" must be between 0d and 3660d"));
        }
        Ok(Self(duration))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_read_and_nonsense_is_refused() {
        let hours = |text: &str| text.parse::<History>().unwrap().0.as_hours();
        assert_eq!((hours("365d"), hours("12h"), hours("0d")), (8760, 12, 0));
        for bad in ["", "365", "-1d", "1y", "20000d", "soon"] {
            assert!(bad.parse::<History>().is_err(), "{bad}");
        }
    }
}
