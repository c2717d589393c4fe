//! What somebody sends from the page of readings. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use meter_messages::{MeterReading, Minute, Unit};

/// A clock may be so much ahead of ours, in seconds.
const AHEAD_S: i64 = 60;

/// One of the page's forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A reading that was typed in.
    Reading(Fields),
    /// The time of one that is to be taken back.
    TakeBack(Timestamp),
}

impl Sent {
    /// Reads a form's body; `None` where it is none of ours.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        match form_urlencoded::parse(body).find(|(name, _)| name == "take_back") {
            Some((_, at)) => {
                let at: Timestamp = at.parse().ok()?;
                Minute::containing(at.as_second()).is_ok().then_some(Self::TakeBack(at))
            }
            None => Some(Self::Reading(Fields::of(body))),
        }
    }
}

/// The fields as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// A local time as in `2026-11-25T18:30`.
    pub(crate) time: String,
    /// What the meter shows, with comma or point.
    pub(crate) shown: String,
    /// Whether it is another meter from there on.
    pub(crate) replaced: bool,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// No time.
    Time,
    /// A time that is still to come.
    Future,
    /// No number that a meter can show.
    Number,
}

impl Fields {
    /// Before anything was typed in.
    pub(crate) fn at(now: DateTime) -> Self {
        Self { time: now.strftime("%Y-%m-%dT%H:%M").to_string(), ..Self::default() }
    }

    /// Those of a form's body; what is not there is empty.
    fn of(body: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match name.as_ref() {
                "time" => fields.time = value.into_owned(),
                "shown" => fields.shown = value.into_owned(),
                "replaced" => fields.replaced = true,
                _ => {}
            }
        }
        fields
    }

    /// The reading. Of an hour that the clock shows twice it is the first.
    pub(crate) fn reading(
        &self,
        by: &str,
        unit: Unit,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<MeterReading, FieldError> {
        let local: DateTime = self.time.trim().parse().map_err(|_| FieldError::Time)?;
        let at = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| FieldError::Time)?;
        if !self.time.contains(['T', ' ']) || Minute::containing(at.as_second()).is_err() {
            return Err(FieldError::Time);
        }
        if at.as_second() > now.as_second() + AHEAD_S {
            return Err(FieldError::Future);
        }
        let shown = MeterReading::number(&self.shown).ok_or(FieldError::Number)?;
        Ok(MeterReading { at, shown, unit, by: by.to_owned(), replaced: self.replaced })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(String, f64), FieldError> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-11-25T17:30:00Z".parse().unwrap();
        let reading = Fields::of(body.as_bytes()).reading("anna", Unit::KilowattHour, &zone, now)?;
        assert_eq!(reading.by, "anna");
        Ok((reading.at.to_string(), reading.shown))
    }

    #[test]
    fn a_reading_is_a_local_time_and_a_number() {
        let now = Ok(("2026-11-25T17:30:00Z".to_owned(), 12345.6));
        assert_eq!(read("time=2026-11-25T18%3A30&shown=12345%2C6&x=y"), now);
        assert_eq!(read("shown=+12345.6+&time=2026-11-25T18:30:00"), now);
        assert_eq!(read("time=2026-11-25T18:31&shown=0").unwrap().1, 0.0);
        // The clock went back from three to two, and forward from two to three.
        assert_eq!(read("time=2026-10-25T02:30&shown=1").unwrap().0, "2026-10-25T00:30:00Z");
        assert_eq!(read("time=2026-03-29T02:30&shown=1").unwrap().0, "2026-03-29T01:30:00Z");
    }

    #[test]
    fn what_is_taken_back_is_named_by_its_time() {
        let at = "2026-11-25T17:30:00Z".parse().unwrap();
        assert_eq!(Sent::of(b"take_back=2026-11-25T17%3A30%3A00Z"), Some(Sent::TakeBack(at)));
        for bad in ["", "yesterday", "2026-11-25T17:30", "1926-11-25T17:30:00Z"] {
            assert_eq!(Sent::of(format!("take_back={bad}&shown=1").as_bytes()), None, "{bad}");
        }
        assert_eq!(Sent::of(b""), Some(Sent::Reading(Fields::default())));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for time in
            ["", "yesterday", "2026-11-25", "2026-13-01T00:00", "1999-12-31T12:00", "2026-11-25T18:30Z"]
        {
            assert_eq!(read(&format!("time={time}&shown=1")), Err(FieldError::Time), "{time}");
        }
        assert_eq!(read("time=2026-11-25T18:32&shown=1"), Err(FieldError::Future));
        for kwh in ["", "-1", "x", "1.2.3", "1.234,5", "1e5", "inf", "1000000001", ".5", "0x1", "1'000"] {
            assert_eq!(read(&format!("time=2026-11-25T18:30&shown={kwh}")), Err(FieldError::Number), "{kwh}");
        }
    }
}
