//! Notes: what people want to remember of a moment. Pure.

use daemon_runtime::SettingsError;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use meter_figures::Scope;
use serde::Deserialize;

/// The longest note, in characters.
pub const LONGEST_NOTE: usize = 200;

/// The most notes of a site: all of them come with each chart of a meter.
pub const MOST_NOTES: usize = 500;

/// One `[[note]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteSettings {
    /// When: a day, or a day and a time of day, as the site's clocks show it.
    pub at: DateTime,
    /// What it is of: a meter, all of a site, or all there are.
    #[serde(rename = "for", default)]
    pub scope: Scope,
    /// What is to be remembered, in one line.
    pub text: String,
}

/// What a note is called: there is one of each moment of the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteKey {
    /// When.
    pub at: DateTime,
    /// What it is of.
    pub scope: Scope,
}

impl NoteSettings {
    /// What it is called.
    pub fn key(&self) -> NoteKey {
        NoteKey { at: self.at, scope: self.scope.clone() }
    }

    /// The moment. Of an hour that the clock shows twice it is the first; `None` where there is no such moment.
    pub fn moment(&self, zone: &TimeZone) -> Option<Timestamp> {
        zone.to_ambiguous_timestamp(self.at).compatible().ok()
    }

    /// Whether a text can be one.
    pub fn is_text(text: &str) -> bool {
        let length = text.trim().chars().count();
        (1..=LONGEST_NOTE).contains(&length) && !text.chars().any(char::is_control)
    }
}

/// Whether these can be.
///
/// # Errors
/// Too many of them, two of the same moment, or texts that are none.
pub(crate) fn check(notes: &[NoteSettings]) -> Result<(), SettingsError> {
    if notes.len() > MOST_NOTES {
        let many = notes.len();
        return Err(SettingsError::new(format!("{many} notes are too many; {MOST_NOTES} are allowed")));
    }
    let mut keys: Vec<NoteKey> = notes.iter().map(NoteSettings::key).collect();
    keys.sort();
    if let Some(twice) = keys.windows(2).find(|two| two[0] == two[1]) {
        let NoteKey { at, scope } = &twice[0];
        return Err(SettingsError::new(format!("there are two notes of {at} for {scope}; write one")));
    }
    match notes.iter().find(|note| !NoteSettings::is_text(&note.text)) {
        Some(note) => Err(SettingsError::new(format!(
            "the note of {} must have 1 to {LONGEST_NOTE} characters in one line",
            note.at
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::SiteSettings;

    fn of(text: &str) -> Result<SiteSettings, SettingsError> {
        let settings: SiteSettings = daemon_runtime::parse(text)?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn a_note_is_of_a_moment_as_the_clocks_there_show_it() {
        let site = of("[[note]]\nat = '2026-10-25T02:30'\nfor = 'hq/main'\ntext = 'New dishwasher'\n\
             [[note]]\nat = '2026-07-01'\ntext = 'Holidays'\n")
        .unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let moments: Vec<_> = site.note.iter().map(|note| note.moment(&zone).unwrap().to_string()).collect();
        assert_eq!(moments, ["2026-10-25T00:30:00Z", "2026-06-30T22:00:00Z"]);
        assert!(site.note[0].scope.contains(&"hq/main".parse().unwrap()));
        assert!(!site.note[0].scope.contains(&"hq/flat".parse().unwrap()));
        assert!(site.note[1].scope.contains(&"hq/flat".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_a_note_is_refused_in_words() {
        let refused = |text: &str| of(text).unwrap_err().to_string();
        let note = |text: &str| format!("[[note]]\nat = '2026-07-01'\ntext = '{text}'\n");
        assert!(refused(&note("")).contains("1 to 200 characters"));
        assert!(refused(&note(&"x".repeat(201))).contains("1 to 200 characters"));
        assert!(refused("[[note]]\nat = '2026-07-01'\ntext = \"a\\nb\"\n").contains("in one line"));
        assert!(
            refused(&(note("a") + &note("b"))).contains("there are two notes of 2026-07-01T00:00:00 for all")
        );
        assert!(refused("[[note]]\nat = 'soon'\ntext = 'x'\n").contains("note"));
        assert!(refused(&note("x").replace("text", "words")).contains("words"));
        let many: String = (0..=MOST_NOTES)
            .map(|minute| {
                format!("[[note]]\nat = '2026-07-01T{:02}:{:02}'\ntext = 'x'\n", minute / 60, minute % 60)
            })
            .collect();
        assert!(refused(&many).contains("too many"));
    }
}
