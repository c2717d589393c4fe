//! The number in somebody else's payload, and what it means. Pure.

use foreign_text::foreign;
use serde_json::Value;

/// Payloads of counters are far shorter.
const LONGEST: usize = 64 * 1024;
/// The highest total that is one: a thousand million kWh or m³, in millionths of a Wh or litre.
pub(crate) const HIGHEST: f64 = 1e18;

/// Why a payload has no number.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PayloadError {
    /// It is too long to be a counter's.
    #[error("a payload of {0} bytes is not a counter's")]
    Long(usize),
    /// It is neither a number nor JSON.
    #[error("\"{0}\" is not {1}")]
    Unreadable(String, &'static str),
    /// It is infinite, not a number, negative, or more than any counter shows.
    #[error("{0} is no total")]
    NoTotal(f64),
}

/// The number in a payload: at a JSON pointer (`/ENERGY/Total`), or the payload itself as text. `None` where the
/// payload says nothing there, which is no error: some devices say different things at different times.
///
/// # Errors
/// What is there is not a number.
pub fn number(payload: &[u8], pointer: Option<&str>) -> Result<Option<f64>, PayloadError> {
    if payload.len() > LONGEST {
        return Err(PayloadError::Long(payload.len()));
    }
    let text = String::from_utf8_lossy(payload);
    let text = text.trim();
    if let (None, Ok(number)) = (pointer, text.parse()) {
        return Ok(Some(number));
    }
    let wanted = if pointer.is_some() { "JSON" } else { "a number" };
    let shown = |text: &str| foreign(text).to_string();
    let json: Value =
        serde_json::from_str(text).map_err(|_| PayloadError::Unreadable(shown(text), wanted))?;
    // vzlogger can say a number with its time.
    match json.pointer(pointer.unwrap_or("/value")) {
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(Value::String(text)) => match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(PayloadError::Unreadable(shown(text), "a number")),
        },
        None | Some(Value::Null) if pointer.is_some() => Ok(None),
        other => Err(PayloadError::Unreadable(shown(&other.unwrap_or(&json).to_string()), "a number")),
    }
}

/// A total in millionths of a Wh or litre, of which `unit` are one of what the number counts.
///
/// # Errors
/// A number that no counter shows.
pub fn total(number: f64, unit: f64) -> Result<i64, PayloadError> {
    let total = (number * unit).round();
    if (0.0..=HIGHEST).contains(&total) { Ok(total as i64) } else { Err(PayloadError::NoTotal(number)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_found_where_it_is() {
        let found = |payload: &str, pointer| number(payload.as_bytes(), pointer);
        assert_eq!(found(" 12.50\n", None), Ok(Some(12.5)));
        assert_eq!(found("{\"timestamp\":1700000000000,\"value\":12.5}", None), Ok(Some(12.5)));
        assert_eq!(found("{\"a\":[1,\"2.5\"]}", Some("/a/1")), Ok(Some(2.5)));
        assert_eq!(found("7", Some("")), Ok(Some(7.0)));
        // Said nothing of it.
        assert_eq!(found("{\"linkquality\":80}", Some("/energy")), Ok(None));
        assert_eq!(found("{\"energy\":null}", Some("/energy")), Ok(None));
        for (bad, pointer) in [
            ("", None),
            ("unavailable", None),
            ("12,5", None),
            ("12 kWh", None),
            ("{}", None),
            ("true", Some("")),
            ("{\"energy\":\"much\"}", Some("/energy")),
            ("{\"energy\":{}}", Some("/energy")),
            ("{\"energy\":", Some("/energy")),
        ] {
            assert!(matches!(found(bad, pointer), Err(PayloadError::Unreadable(..))), "{bad}");
        }
        let long = "1".repeat(LONGEST + 1);
        assert_eq!(found(&long, None), Err(PayloadError::Long(LONGEST + 1)));
    }

    #[test]
    fn only_what_a_counter_can_show_is_a_total() {
        assert_eq!(total(514.153, 1e9), Ok(514_153_000_000));
        for bad in ["nan", "inf", "-inf", "-0.001", "1e300", "1e10"] {
            let number = number(bad.as_bytes(), None).unwrap().unwrap();
            assert!(total(number, 1e9).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(payload in proptest::collection::vec(any::<u8>(), 0..200), pointer in ".{0,20}") {
            for pointer in [None, Some(pointer.as_str())] {
                if let Ok(Some(number)) = number(&payload, pointer) {
                    let _ = total(number, 1e9);
                }
            }
        }
    }
}
