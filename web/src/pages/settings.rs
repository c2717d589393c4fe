//! The pages on which admins set things.

use askama::Template;

use super::Frame;
use crate::route::SettingsPlace;
use crate::site_forms::{Group, Kind};
use crate::texts::SettingsWords;

/// What is to be said above a form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Notice {
    text: String,
    is_bad: bool,
    /// What the program says, in English.
    detail: Option<String>,
    /// Before a list.
    list_of: &'static str,
    list: Vec<String>,
    /// A link that is to be passed on.
    link: Option<String>,
    /// What last month would have cost.
    trial: Option<Vec<TrialRow>>,
}

impl Notice {
    /// Good news.
    pub(crate) fn good(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Bad news.
    pub(crate) fn bad(text: &str) -> Self {
        Self { text: text.to_owned(), is_bad: true, ..Self::default() }
    }

    /// A link for somebody else.
    pub(crate) fn link(text: &str, link: String) -> Self {
        Self { link: Some(link), ..Self::good(text) }
    }

    /// What would have been.
    pub(crate) fn trial(text: &str, rows: Vec<TrialRow>) -> Self {
        Self { trial: Some(rows), ..Self::good(text) }
    }

    /// With the program's own words.
    pub(crate) fn with_detail(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// With a list.
    pub(crate) fn with_list(self, list_of: &'static str, list: Vec<String>) -> Self {
        Self { list_of, list, ..self }
    }
}

/// A meter, and what its last month costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrialRow {
    pub(crate) name: String,
    pub(crate) quantity: String,
    pub(crate) now: Option<String>,
    pub(crate) then: Option<String>,
}

/// A meter, a tariff, an alarm or a note on a list.
pub(crate) struct ListedSetting {
    /// Where its form is; none of what stands in TOML.
    pub(crate) path: Option<String>,
    pub(crate) name: String,
    pub(crate) detail: String,
}

/// All settings.
#[derive(Template)]
#[template(path = "settings.html")]
pub(crate) struct SettingsPage {
    pub(crate) frame: Frame,
    pub(crate) words: &'static SettingsWords,
    pub(crate) notice: Option<Notice>,
    pub(crate) groups: Vec<Group>,
    /// The newest version when the page was made.
    pub(crate) after: u64,
    pub(crate) meters: Vec<ListedSetting>,
    pub(crate) tariffs: Vec<ListedSetting>,
    pub(crate) alarms: Vec<ListedSetting>,
    pub(crate) notes: Vec<ListedSetting>,
}

/// The form of a meter, a tariff, an alarm or a note.
#[derive(Template)]
#[template(path = "settings_form.html")]
pub(crate) struct FormPage {
    frame: Frame,
    words: &'static SettingsWords,
    title: String,
    action: String,
    notice: Option<Notice>,
    groups: Vec<Group>,
    after: u64,
    can_be_deleted: bool,
    can_be_tried: bool,
    can_be_tested: bool,
}

impl FormPage {
    /// Of a place.
    pub(crate) fn new(
        frame: Frame,
        place: &SettingsPlace,
        (groups, can_be_deleted): (Vec<Group>, bool),
        after: u64,
        notice: Option<Notice>,
    ) -> Self {
        let words = frame.texts.settings;
        let title = match place {
            SettingsPlace::Meter(meter) => meter.to_string(),
            SettingsPlace::Tariff(None) => words.new_tariff.to_owned(),
            SettingsPlace::Tariff(Some(_)) => words.one_tariff.to_owned(),
            SettingsPlace::Alarm(None) => words.new_alarm.to_owned(),
            SettingsPlace::Alarm(Some(name)) => format!("{} {name}", words.one_alarm),
            SettingsPlace::Note(None) => words.new_note.to_owned(),
            SettingsPlace::Note(Some(_)) => words.one_note.to_owned(),
            SettingsPlace::All | SettingsPlace::History | SettingsPlace::Users => words.title.to_owned(),
        };
        Self {
            action: frame.link(&place.path()),
            can_be_tried: matches!(place, SettingsPlace::Tariff(_)),
            can_be_tested: matches!(place, SettingsPlace::Alarm(Some(_))),
            frame,
            words,
            title,
            notice,
            groups,
            after,
            can_be_deleted,
        }
    }
}

/// A version in words.
pub(crate) struct VersionRow {
    pub(crate) number: u64,
    pub(crate) at: Option<(String, String)>,
    pub(crate) by: String,
    pub(crate) changed: Vec<String>,
    pub(crate) is_newest: bool,
}

/// What was saved when, and by whom.
#[derive(Template)]
#[template(path = "settings_history.html")]
pub(crate) struct HistoryPage {
    pub(crate) frame: Frame,
    pub(crate) words: &'static SettingsWords,
    pub(crate) notice: Option<Notice>,
    pub(crate) rows: Vec<VersionRow>,
    pub(crate) newest: u64,
    /// Before which version there are more.
    pub(crate) older: Option<u64>,
}

/// A user in words.
pub(crate) struct UserRow {
    pub(crate) name: String,
    /// What the user may do at the pages.
    pub(crate) role: Option<&'static str>,
    /// Until when an invitation is open.
    pub(crate) invited: Option<String>,
    /// Whether there is a user already.
    pub(crate) is_there: bool,
}

/// Users and invitations.
#[derive(Template)]
#[template(path = "settings_users.html")]
pub(crate) struct UsersPage {
    pub(crate) frame: Frame,
    pub(crate) words: &'static SettingsWords,
    pub(crate) notice: Option<Notice>,
    pub(crate) rows: Vec<UserRow>,
    /// Names of roles, and what they are called.
    pub(crate) roles: Vec<(&'static str, &'static str)>,
    pub(crate) has_users: bool,
}

impl UsersPage {
    /// What a role is called.
    fn said(&self, role: &Option<&'static str>) -> &'static str {
        let known = self.roles.iter().find(|(name, _)| Some(*name) == *role);
        known.map_or(self.words.other_role, |(_, said)| said)
    }
}

/// Where somebody who is invited sets a password.
#[derive(Template)]
#[template(path = "invitation.html")]
pub(crate) struct InvitationPage {
    pub(crate) frame: Frame,
    pub(crate) words: &'static SettingsWords,
    pub(crate) welcome: String,
    pub(crate) advice: String,
    pub(crate) name: String,
    pub(crate) action: String,
    pub(crate) wrong: Option<&'static str>,
}
