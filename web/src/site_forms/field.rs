//! A field of a form, as the page shows it.

use super::values::{Values, Wrong};

/// What is typed into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A line.
    Text,
    /// A number.
    Number,
    /// A day.
    Date,
    /// A day and a time of day.
    Moment,
    /// Several lines.
    Lines,
    /// Yes or no.
    Tick,
    /// One of several: what is sent, and what is read.
    Choice(Vec<(String, String)>),
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) kind: Kind,
    pub(crate) hint: Option<String>,
    pub(crate) wrong: Option<String>,
    /// Whether it stands in TOML, so that it is shown and not asked for.
    pub(crate) is_fixed: bool,
}

/// Fields that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) title: Option<String>,
    pub(crate) hint: Option<String>,
    /// Shown when it is wanted, or something stands in it.
    pub(crate) is_folded: bool,
    pub(crate) fields: Vec<Field>,
}

impl Field {
    pub(super) fn new(
        name: impl Into<String>,
        label: impl Into<String>,
        kind: Kind,
        values: &Values,
    ) -> Self {
        let name = name.into();
        let (value, label) = (values.get(&name).to_owned(), label.into());
        Self { name, label, value, kind, hint: None, wrong: None, is_fixed: false }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Shows what stands in TOML instead.
    pub(super) fn fixed<T: ToString>(self, fixed: Option<T>) -> Self {
        match fixed {
            Some(fixed) => Self { value: fixed.to_string(), is_fixed: true, ..self },
            None => self,
        }
    }

    /// What is read of what stands in it.
    pub(crate) fn shown(&self) -> &str {
        match &self.kind {
            Kind::Choice(choices) => {
                let chosen = choices.iter().find(|(sent, _)| *sent == self.value);
                chosen.map_or(self.value.as_str(), |(_, read)| read.as_str())
            }
            _ => &self.value,
        }
    }

    /// Name of what says what is wrong with it, and of its hint, for screen readers.
    pub(crate) fn described_by(&self) -> String {
        let part =
            |there: bool, what: &str| if there { format!("{what}-{} ", self.name) } else { String::new() };
        let both = part(self.wrong.is_some(), "wrong") + &part(self.hint.is_some(), "hint");
        both.trim_end().to_owned()
    }
}

impl Group {
    pub(super) fn new(title: Option<&str>, fields: Vec<Field>) -> Self {
        Self { title: title.map(str::to_owned), fields, ..Self::default() }
    }

    /// Folded away, as long as nothing stands in it.
    pub(super) fn folded(self) -> Self {
        let is_folded = self.fields.iter().all(|field| field.value.is_empty());
        Self { is_folded, ..self }
    }

    /// Says of each field what is wrong with it.
    pub(crate) fn mark(groups: &mut [Self], wrong: &Wrong) {
        for group in groups {
            for field in &mut group.fields {
                field.wrong = wrong.of(&field.name).cloned();
                group.is_folded &= field.wrong.is_none();
            }
        }
    }
}
