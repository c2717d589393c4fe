//! Something is not there.

use askama::Template;

use super::Frame;

/// A sentence instead of content.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    frame: Frame,
    title: String,
    advice: String,
    /// Whether it may be there in a minute.
    retry: bool,
}

impl MessagePage {
    /// Nothing is at this address.
    pub(crate) fn not_found(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.not_found.into(), advice: texts.not_found_advice.into(), retry: false }
    }

    /// What is here is for users.
    pub(crate) fn log_in(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.log_in.into(), advice: texts.log_in_advice.into(), retry: false }
    }

    /// Too many logins have failed.
    pub(crate) fn too_many_logins(frame: Frame) -> Self {
        let texts = frame.texts;
        let advice = texts.too_many_logins_advice.into();
        Self { frame, title: texts.too_many_logins.into(), advice, retry: false }
    }

    /// The user may not do that.
    pub(crate) fn no_right(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.no_right.into(), advice: texts.no_right_advice.into(), retry: false }
    }

    /// The ledger is not there (yet).
    pub(crate) fn not_yet(frame: Frame) -> Self {
        let texts = frame.texts;
        Self { frame, title: texts.not_yet.into(), advice: texts.not_yet_advice.into(), retry: true }
    }

    /// The request cannot be understood.
    pub(crate) fn refused(frame: Frame, why: String) -> Self {
        let title = frame.texts.refused.into();
        Self { frame, title, advice: why, retry: false }
    }
}
