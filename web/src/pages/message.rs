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
    /// Nothing is at this address.
    pub(crate) fn not_found(frame: Frame) -> Self {
        let texts = frame.texts;
        Self {
            frame,
            title: texts.not_found.into(),
            advice: texts.not_found_advice.into(),
            detail: None,
            retry: false,
        }
    }

    /// What is here is for users.
    pub(crate) fn log_in(frame: Frame) -> Self {
        let texts = frame.texts;
        Self {
            frame,
            title: texts.log_in.into(),
            advice: texts.log_in_advice.into(),
            detail: None,
            retry: false,
        }
    }

    /// Too many logins have failed.
    pub(crate) fn too_many_logins(frame: Frame) -> Self {
        let texts = frame.texts;
        let advice = texts.too_many_logins_advice.into();
        Self { frame, title: texts.too_many_logins.into(), advice, detail: None, retry: false }
    }

    /// The user may not do that.
    pub(crate) fn no_right(frame: Frame) -> Self {
        let texts = frame.texts;
        Self {
            frame,
            title: texts.no_right.into(),
            advice: texts.no_right_advice.into(),
            detail: None,
            retry: false,
        }
    }

    /// Only users may do that, and there are none.
    pub(crate) fn no_users(frame: Frame) -> Self {
        let texts = frame.texts;
        Self {
            frame,
            title: texts.no_right.into(),
            advice: texts.entering_needs_users.into(),
            detail: None,
            retry: false,
        }
    }

    /// A form comes from elsewhere.
    pub(crate) fn foreign_form(frame: Frame) -> Self {
        let (title, advice) = (frame.texts.form_refused.into(), frame.texts.form_foreign.into());
        Self { frame, title, advice, detail: None, retry: false }
    }

    /// A form is none of ours.
    pub(crate) fn malformed_form(frame: Frame, status: StatusCode) -> Self {
        let texts = frame.texts;
        let advice = match status {
            StatusCode::PAYLOAD_TOO_LARGE => texts.form_too_long,
            StatusCode::REQUEST_TIMEOUT => texts.form_too_slow,
            _ => texts.form_unreadable,
        };
        Self { frame, title: texts.form_refused.into(), advice: advice.into(), detail: None, retry: false }
    }

    /// The ledger is not there (yet).
    pub(crate) fn not_yet(frame: Frame) -> Self {
        let texts = frame.texts;
        Self {
            frame,
            title: texts.not_yet.into(),
            advice: texts.not_yet_advice.into(),
            detail: None,
            retry: true,
        }
    }

    /// The request cannot be understood.
    pub(crate) fn refused(frame: Frame, why: String) -> Self {
        let (title, advice) = (frame.texts.refused.into(), frame.texts.refused_advice.into());
        Self { frame, title, advice, detail: Some(why), retry: false }
    }
}
