//! What is wrong with the settings, in one line that says what to do.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// Why settings were refused. Programs exit with code 2 on it.
#[derive(Debug)]
pub struct SettingsError {
    /// From the innermost key outwards.
    path: Vec<String>,
    /// The file or "the environment", where known.
    origin: Option<String>,
    said: String,
}

impl SettingsError {
    /// An error about the settings as a whole; the text says what to do.
    pub fn new(said: impl Into<String>) -> Self {
        Self { path: Vec::new(), origin: None, said: said.into() }
    }

    /// Adds the key that leads to the error, and where its value comes from.
    pub(super) fn under(mut self, key: &str, origin: Option<&str>) -> Self {
        self.path.push(key.to_owned());
        if self.origin.is_none() {
            self.origin = origin.map(str::to_owned);
        }
        self
    }

    pub(super) fn found_in(mut self, origin: Option<&str>) -> Self {
        self.origin = self.origin.or_else(|| origin.map(str::to_owned));
        self
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings: ")?;
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.path.is_empty() {
            let keys: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, "{}: ", keys.join("."))?;
        }
        f.write_str(&self.said)
    }
}

impl std::error::Error for SettingsError {}

/// The one of some names that may be meant by another.
pub(super) fn nearest<'known>(given: &str, known: &[&'known str]) -> Option<&'known str> {
    let similarity = |known: &&str| (strsim::jaro_winkler(given, known) * 1000.0) as u32;
    known.iter().copied().max_by_key(similarity).filter(|known| similarity(known) > 700)
}

/// "unknown … "x"; did you mean "y"?", or the list where nothing is near.
fn unknown(what: &str, given: &str, expected: &[&str]) -> SettingsError {
    SettingsError::new(match nearest(given, expected) {
        Some(nearest) => format!("unknown {what} \"{given}\"; did you mean \"{nearest}\"?"),
        None if expected.is_empty() => format!("unknown {what} \"{given}\""),
        None => format!("unknown {what} \"{given}\"; expected one of: {}", expected.join(", ")),
    })
}

impl de::Error for SettingsError {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self::new(said.to_string())
    }

    // Without the value: it may be a secret, and the error goes to the log.
    fn invalid_type(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match given {
            Unexpected::Str(_) | Unexpected::Bytes(_) => {
                Self::new(format!("invalid type: text, expected {expected}"))
            }
            other => Self::new(format!("invalid type: {other}, expected {expected}")),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        unknown("key", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        unknown("choice", variant, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key \"{field}\" is missing"))
    }
}
