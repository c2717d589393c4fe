//! One of the forms, whichever it is.

use site_settings::Editing;

use super::{AlarmForm, Group, MeterForm, NoteForm, SiteForm, TariffForm, Values, Wrong};

/// One of the forms.
pub(crate) enum Form<'a> {
    Site(SiteForm<'a>),
    Meter(MeterForm<'a>),
    Tariff(TariffForm<'a>),
    Alarm(AlarmForm<'a>),
    Note(NoteForm<'a>),
}

impl Form<'_> {
    /// What is saved.
    pub(crate) fn stored(&self) -> Values {
        match self {
            Self::Site(form) => form.stored(),
            Self::Meter(form) => form.stored(),
            Self::Tariff(form) => form.stored(),
            Self::Alarm(form) => form.stored(),
            Self::Note(form) => form.stored(),
        }
    }

    /// The fields, with what stands in them and what is wrong with it.
    pub(crate) fn groups(&self, values: &Values, wrong: &Wrong) -> Vec<Group> {
        let mut groups = match self {
            Self::Site(form) => form.groups(values),
            Self::Meter(form) => form.groups(values),
            Self::Tariff(form) => form.groups(values),
            Self::Alarm(form) => form.groups(values),
            Self::Note(form) => form.groups(values),
        };
        Group::mark(&mut groups, wrong);
        groups
    }

    /// Puts what was typed into the next version.
    pub(crate) fn apply(&self, values: &Values, editing: &mut Editing) -> Result<(), Wrong> {
        match self {
            Self::Site(form) => form.apply(values, editing),
            Self::Meter(form) => form.apply(values, editing),
            Self::Tariff(form) => form.apply(values, editing),
            Self::Alarm(form) => form.apply(values, editing),
            Self::Note(form) => form.apply(values, editing),
        }
    }

    /// Whether it is of something that can be deleted.
    pub(crate) fn can_be_deleted(&self) -> bool {
        match self {
            Self::Site(_) | Self::Meter(_) => false,
            Self::Tariff(form) => form.place.is_some(),
            Self::Alarm(form) => form.place.is_some(),
            Self::Note(form) => form.place.is_some(),
        }
    }

    /// Takes what it is of out of the next version.
    pub(crate) fn delete(&self, editing: &mut Editing) {
        match self {
            Self::Site(_) | Self::Meter(_) => {}
            Self::Tariff(form) => editing.put("tariff", form.place, None),
            Self::Alarm(form) => editing.put("alarm", form.place, None),
            Self::Note(form) => editing.put("note", form.place, None),
        }
    }

    /// A field to which a word of the whole version's validation belongs.
    pub(crate) fn field_of(&self, refused: &str) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Meter(form) if refused.contains("part of itself") => {
                Some(("part_of", form.offered.words().part_of_itself))
            }
            _ => None,
        }
    }
}
