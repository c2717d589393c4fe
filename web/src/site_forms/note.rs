//! The form for a note.

use jiff::civil::DateTime;
use site_settings::{Editing, LONGEST_NOTE, NoteKey, NoteSettings};
use toml_edit::{Table, value};

use super::{Field, Group, Kind, Offered, Values, Wrong};

/// Of a note that is there, or of a new one.
pub(crate) struct NoteForm<'a> {
    /// Its place among those that are saved.
    pub(crate) place: Option<usize>,
    pub(crate) offered: Offered<'a>,
}

/// As a field for a moment has it.
const MOMENT: &str = "%Y-%m-%dT%H:%M";

impl NoteForm<'_> {
    /// What stands in the form of a new one.
    pub(crate) fn begun(of: &str, at: DateTime) -> Values {
        let mut values = Values::default();
        values.put("at", &at.strftime(MOMENT));
        values.put("for", of);
        values
    }

    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        let mut values = Values::default();
        let Some(said) = self.place.and_then(|place| self.offered.stored.note.get(place)) else {
            return values;
        };
        values.put("at", &said.at.strftime(MOMENT));
        values.put_some("for", (said.scope != meter_figures::Scope::All).then_some(&said.scope));
        values.put("text", &said.text);
        values
    }

    /// The fields.
    pub(crate) fn groups(&self, values: &Values) -> Vec<Group> {
        let words = self.offered.words();
        let scopes = self.offered.scopes(values.get("for"));
        let fields = vec![
            Field::new("text", words.note_text, Kind::Text, values).hint(words.note_hint),
            Field::new("at", words.note_at, Kind::Moment, values),
            Field::new("for", words.scope, Kind::Choice(scopes), values),
        ];
        vec![Group::new(None, fields)]
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        let (words, mut wrong) = (self.offered.words(), Wrong::default());
        if !NoteSettings::is_text(values.get("text")) {
            wrong.say("text", words.no_note.replace("{n}", &LONGEST_NOTE.to_string()));
        }
        let scope = match values.get("for") {
            "" => Ok(meter_figures::Scope::All),
            some => some.to_owned().try_into(),
        };
        if scope.is_err() {
            wrong.say("for", words.no_choice);
        }
        match values.get("at").parse::<DateTime>() {
            Err(_) => wrong.say("at", words.no_moment),
            Ok(at) => {
                let key = scope.ok().map(|scope| NoteKey { at, scope });
                let others = self.offered.stored.note.iter().enumerate();
                let mut others = others.filter(|(place, _)| Some(*place) != self.place);
                if others.any(|(_, note)| Some(note.key()) == key) {
                    wrong.say("at", words.note_taken);
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut table = Table::new();
        table["at"] = value(values.get("at"));
        if values.has("for") {
            table["for"] = value(values.get("for"));
        }
        table["text"] = value(values.get("text"));
        editing.put("note", self.place, Some(table));
        Ok(())
    }
}
