//! What stands after a path, and what can be wrong with either.

use std::borrow::Cow;

use jiff::civil::Date;
use meter_figures::{Moment, SpanError};
use meter_messages::{Meter, SiteId};

use crate::texts::Language;

/// Why an address is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    /// Nothing is there.
    #[error("there is nothing at this address")]
    NotFound,
    /// A parameter cannot be what it says.
    #[error("{parameter}: {why}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong.
        why: Cow<'static, str>,
    },
}

impl RouteError {
    /// A parameter that cannot be what it says.
    pub(crate) fn parameter(parameter: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Parameter { parameter, why: why.into() }
    }
}

impl From<SpanError> for RouteError {
    fn from(error: SpanError) -> Self {
        let parameter = match error {
            SpanError::EndsBeforeItBegins => "to",
            SpanError::TooLong(_) | SpanError::TooLongForStep(_) => "from",
        };
        Self::parameter(parameter, error.to_string())
    }
}

/// The parameters after the question mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(pub &'a str);

impl<'a> Query<'a> {
    /// The value of a parameter; the first, if it is there twice.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The language that `lang` names, if any.
    pub(crate) fn language(self) -> Option<Language> {
        Language::of_code(&self.get("lang")?)
    }

    /// The value of a parameter as one of several words.
    pub(super) fn word<T: Copy>(
        self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, RouteError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == given);
        known.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            RouteError::parameter(name, format!("must be one of {}", words.join(", ")))
        })
    }

    /// The value of a parameter as a day; an empty one is a field that was left empty.
    pub(super) fn day(self, name: &'static str) -> Result<Option<Date>, RouteError> {
        let Some(given) = self.get(name).filter(|given| !given.is_empty()) else { return Ok(None) };
        day(&given).map(Some).ok_or_else(|| RouteError::parameter(name, A_DAY))
    }

    /// The value of a parameter as a time.
    pub(super) fn moment(self, name: &'static str) -> Result<Option<Moment>, RouteError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let at = given.parse().map(Moment::At).ok();
        at.or_else(|| day(&given).map(Moment::Day)).map(Some).ok_or_else(|| {
            let said = "must be a time like 2026-10-03T12:34:00Z or a day like 2026-10-03";
            RouteError::parameter(name, said)
        })
    }
}

/// The meter of two parts of a path.
pub(super) fn meter(site: &str, id: &str) -> Result<Meter, RouteError> {
    let meter = |site: &str, id: &str| Some(Meter { site: site.parse().ok()?, meter: id.parse().ok()? });
    meter(site, id).ok_or(RouteError::NotFound)
}

/// The site of a part of a path.
pub(super) fn site(site: &str) -> Result<SiteId, RouteError> {
    site.parse().map_err(|_| RouteError::NotFound)
}

/// What a day must be.
pub(super) const A_DAY: &str = "must be a day like 2026-10-03";

/// A day alone: a date may not drag a time without offset along, nobody could say when that is.
fn day(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| text.len() == "2026-10-03".len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_named_or_not() {
        assert_eq!(Query("x=1&lang=de").language().map(|it| it.texts().code), Some("de"));
        assert_eq!(Query("lang=fr").language(), None);
    }
}
