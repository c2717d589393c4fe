//! Something is not there.

use askama::Template;
use hyper::StatusCode;

use super::Frame;

/// A sentence instead of content.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    frame: Frame,
    title: String,
    advice: String,
    /// What exactly is wrong with the address, in English: words of addresses are.
    detail: Option<String>,
    /// Whether it may be there in a minute.
    retry: bool,
}

impl MessagePage {
    fn new(frame: Frame, title: &str, advice: &str) -> Self {
        Self { frame, title: title.to_owned(), advice: advice.to_owned(), detail: None, retry: false }
    }

    /// Nothing is at this address.
    pub(crate) fn not_found(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.refusing.not_found, texts.refusing.not_found_advice)
    }

    /// What is here is for users.
    pub(crate) fn log_in(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.signing_in.log_in, texts.signing_in.log_in_advice)
    }

    /// Too many logins have failed.
    pub(crate) fn too_many_logins(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.signing_in.too_many_logins, texts.signing_in.too_many_logins_advice)
    }

    /// The user may not do that.
    pub(crate) fn no_right(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.signing_in.no_right, texts.signing_in.no_right_advice)
    }

    /// Only users may do that, and there are none.
    pub(crate) fn no_users(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.signing_in.no_right, texts.entering.entering_needs_users)
    }

    /// Only admins may do that, and there are no users.
    pub(crate) fn no_admin(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.signing_in.no_right, texts.correcting.needs_users)
    }

    /// What was saved of the site's settings cannot be read.
    pub(crate) fn settings_unreadable(frame: Frame) -> Self {
        let words = frame.texts.settings;
        Self::new(frame, words.title, words.store_unreadable)
    }

    /// Settings without users, from another machine.
    pub(crate) fn not_local(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.settings.title, texts.settings.needs_local)
    }

    /// A link that was used, or is too old, or none.
    pub(crate) fn invitation_over(frame: Frame) -> Self {
        let words = frame.texts.settings;
        Self::new(frame, words.invitation_over, words.invitation_over_advice)
    }

    /// The users file cannot be written.
    pub(crate) fn users_file(frame: Frame) -> Self {
        let words = frame.texts.settings;
        Self::new(frame, words.users, words.disk)
    }

    /// A form comes from elsewhere.
    pub(crate) fn foreign_form(frame: Frame) -> Self {
        let texts = frame.texts;
        Self::new(frame, texts.refusing.form_refused, texts.refusing.form_foreign)
    }

    /// A form is none of ours.
    pub(crate) fn malformed_form(frame: Frame, status: StatusCode) -> Self {
        let texts = frame.texts;
        let advice = match status {
            StatusCode::PAYLOAD_TOO_LARGE => texts.refusing.form_too_long,
            StatusCode::REQUEST_TIMEOUT => texts.refusing.form_too_slow,
            _ => texts.refusing.form_unreadable,
        };
        Self::new(frame, texts.refusing.form_refused, advice)
    }

    /// The ledger is not there (yet).
    pub(crate) fn not_yet(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { retry: true, ..Self::new(frame, texts.refusing.not_yet, texts.refusing.not_yet_advice) }
    }

    /// The request cannot be understood.
    pub(crate) fn refused(frame: Frame, why: String) -> Self {
        let texts = frame.texts;
        Self { detail: Some(why), ..Self::new(frame, texts.refusing.refused, texts.refusing.refused_advice) }
    }
}
