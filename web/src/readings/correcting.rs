//! What somebody sends from the page of corrections. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use meter_ledger::{NewCorrection, RecordedMeter};
use meter_messages::{CorrectionKind, MeterReading, Minute};

/// One of the page's forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A correction that was typed in.
    Correction(CorrectionFields),
    /// The first minute of one that is to be undone, and when it was said.
    Undo(Minute, Timestamp),
}

impl Sent {
    /// Reads a form's body; `None` where it is none of ours.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        let field = |wanted: &str| form_urlencoded::parse(body).find(|(name, _)| name == wanted);
        match field("undo") {
            Some((_, from)) => Some(Self::Undo(from.parse().ok()?, field("said")?.1.parse().ok()?)),
            None => Some(Self::Correction(CorrectionFields::of(body))),
        }
    }
}

/// The fields as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CorrectionFields {
    /// Local times as in `2026-11-25T18:30`: the first minute, and the first one after it.
    pub(crate) from: String,
    pub(crate) to: String,
    /// What they were when the page was made, in UTC: the clock shows some hours twice.
    pub(crate) from_utc: String,
    pub(crate) to_utc: String,
    /// `void`, `replace` or `scale`.
    pub(crate) kind: String,
    /// Of what replaces: kWh or m³.
    pub(crate) quantity: String,
    /// Of what scales.
    pub(crate) factor: String,
    /// Why.
    pub(crate) reason: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongField {
    /// No time.
    Time,
    /// Nothing was chosen.
    Kind,
    /// No number.
    Quantity,
    /// A quantity of a time in which the meter constant changes.
    Constant,
    /// No factor.
    Factor,
}

fn local(at: Minute, zone: &TimeZone) -> String {
    zone.to_datetime(at.timestamp()).strftime("%Y-%m-%dT%H:%M").to_string()
}

impl CorrectionFields {
    /// Of a time, before anything was typed in.
    pub(crate) fn of_span(from: Minute, to: Minute, zone: &TimeZone) -> Self {
        Self {
            from: local(from, zone),
            to: local(to, zone),
            from_utc: from.to_string(),
            to_utc: to.to_string(),
            ..Self::default()
        }
    }

    fn of(body: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match name.as_ref() {
                "from" => &mut fields.from,
                "to" => &mut fields.to,
                "from_utc" => &mut fields.from_utc,
                "to_utc" => &mut fields.to_utc,
                "kind" => &mut fields.kind,
                "quantity" => &mut fields.quantity,
                "factor" => &mut fields.factor,
                "reason" => &mut fields.reason,
                _ => continue,
            };
            *field = value.into_owned();
        }
        fields
    }

    /// What is to be said of a meter. A time that was not changed is the one that the page meant; of another one in an
    /// hour that the clock shows twice it is the first.
    pub(crate) fn correction(
        &self,
        by: &str,
        meter: &RecordedMeter,
        zone: &TimeZone,
    ) -> Result<NewCorrection, WrongField> {
        let time = |text: &str, utc: &str| minute(text, utc, zone).ok_or(WrongField::Time);
        let span = time(&self.from, &self.from_utc)?..time(&self.to, &self.to_utc)?;
        let kind = match self.kind.as_str() {
            "void" => CorrectionKind::Void,
            "replace" => {
                let quantity = MeterReading::number(&self.quantity).ok_or(WrongField::Quantity)?;
                let constant = meter.constant_at(span.start);
                let last = Minute::nearest(span.end.epoch_minutes() - 1);
                if constant != meter.constant_at(last) {
                    return Err(WrongField::Constant);
                }
                let pulses = (quantity * constant.per_unit()).round();
                CorrectionKind::Replace { pulses: pulses as u64 }
            }
            "scale" => {
                let factor = self.factor.trim().replace(',', ".");
                CorrectionKind::Scale(factor.parse().map_err(|_| WrongField::Factor)?)
            }
            _ => return Err(WrongField::Kind),
        };
        Ok(NewCorrection { span, kind, reason: self.reason.trim().to_owned(), by: by.to_owned() })
    }
}

fn minute(text: &str, utc: &str, zone: &TimeZone) -> Option<Minute> {
    if let Some(meant) = utc.parse::<Minute>().ok().filter(|meant| local(*meant, zone) == text.trim()) {
        return Some(meant);
    }
    let typed: DateTime = text.trim().parse().ok()?;
    let at = zone.to_ambiguous_timestamp(typed).compatible().ok()?;
    let is_minute = text.contains(['T', ' ']) && at.as_second() % Minute::SECONDS == 0;
    Minute::containing(at.as_second()).ok().filter(|_| is_minute)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_the_clock_shows_twice_stays_the_one_that_was_meant() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let second: Minute = "2026-10-25T01:30:00Z".parse().unwrap();
        let fields = CorrectionFields::of_span(second, second, &zone);
        assert_eq!(fields.from, "2026-10-25T02:30");
        assert_eq!(minute(&fields.from, &fields.from_utc, &zone), Some(second));
        let typed = |text: &str| minute(text, &fields.from_utc, &zone).map(|minute| minute.to_string());
        assert_eq!(typed("2026-10-25T02:31").unwrap(), "2026-10-25T00:31:00Z");
        for none in ["", "2026-10-25", "yesterday", "2026-10-25T02:31:30", "1999-01-01T00:00"] {
            assert_eq!(typed(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_undone_is_named_by_its_minute_and_when_it_was_said() {
        let (from, said) = ("2026-10-25T01:30:00Z", "2026-10-26T08:00:05Z");
        let sent = Sent::of(format!("undo={from}&said={said}").as_bytes());
        assert_eq!(sent, Some(Sent::Undo(from.parse().unwrap(), said.parse().unwrap())));
        for bad in ["undo=1&said=1", "undo=2026-10-25T01:30:00Z", "undo=x&said=2026-10-26T08:00:05Z"] {
            assert_eq!(Sent::of(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Sent::of(b""), Some(Sent::Correction(CorrectionFields::default())));
    }
}
