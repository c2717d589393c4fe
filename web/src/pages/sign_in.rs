//! The form by which somebody says who they are.

use askama::Template;

use super::Frame;

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) frame: Frame,
    /// Where to go then: a path of ours.
    pub(crate) next: String,
    /// What was wrong, if it was tried.
    pub(crate) wrong: Option<&'static str>,
}
