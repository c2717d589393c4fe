//! The form for what holds for the whole site: currency and holidays.

use meter_figures::Holiday;
use site_settings::Editing;
use toml_edit::{Array, Value};

use super::{Field, Group, Kind, Offered, Values, Wrong};

/// The longest name of a currency, in characters.
const LONGEST_CURRENCY: usize = 12;

/// Of the site.
pub(crate) struct SiteForm<'a> {
    pub(crate) offered: Offered<'a>,
}

fn lines(holidays: &[Holiday]) -> String {
    holidays.iter().map(Holiday::to_string).collect::<Vec<_>>().join("\n")
}

impl SiteForm<'_> {
    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        let mut values = Values::default();
        values.put_some("currency", self.offered.stored.currency.as_deref());
        values.put_some("holidays", self.offered.stored.holidays.as_deref().map(lines));
        values
    }

    /// The fields.
    pub(crate) fn groups(&self, values: &Values) -> Vec<Group> {
        let (words, fixed) = (self.offered.words(), self.offered.fixed);
        vec![Group::new(
            None,
            vec![
                Field::new("currency", words.currency, Kind::Text, values)
                    .hint(words.currency_hint)
                    .fixed(fixed.currency.as_deref()),
                Field::new("holidays", words.holidays, Kind::Lines, values)
                    .hint(words.holidays_hint)
                    .fixed(fixed.holidays.as_deref().map(lines)),
            ],
        )]
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        let (words, mut wrong) = (self.offered.words(), Wrong::default());
        let currency = values.get("currency");
        if currency.chars().count() > LONGEST_CURRENCY || currency.contains(char::is_control) {
            wrong.say("currency", words.no_currency);
        }
        let holidays: Vec<&str> =
            values.get("holidays").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if let Some(line) = holidays.iter().find(|line| Holiday::try_from((**line).to_owned()).is_err()) {
            wrong.say("holidays", words.no_holiday.replace("{line}", line));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // What stands in TOML is not asked for, and stays as it is saved.
        if self.offered.fixed.currency.is_none() {
            editing.set("currency", (!currency.is_empty()).then(|| Value::from(currency)));
        }
        if self.offered.fixed.holidays.is_none() {
            let list = Value::Array(holidays.iter().copied().collect::<Array>());
            editing.set("holidays", (!holidays.is_empty()).then_some(list));
        }
        Ok(())
    }
}
