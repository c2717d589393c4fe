//! What every page has around its content.

use meter_rrd::Size;
use web_http::BasePath;

use super::HealthView;
use crate::access::Visitor;
use crate::assets;
use crate::texts::{Language, Texts};

/// How a browser came to a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Address {
    /// The path, without the prefix.
    pub(crate) path: String,
    /// Everything after the question mark but the language, with its `&`.
    pub(crate) query: String,
    /// The language that the address names, if any.
    pub(crate) chosen: Option<Language>,
    /// Scheme and host, for links that leave the site.
    pub(crate) origin: String,
    /// The sub-path that a proxy serves this under.
    pub(crate) base_path: BasePath,
    /// Who looks at it.
    pub(crate) login: LoginState,
    /// Whether they may say what holds for meters, prices and alarms.
    pub(crate) may_set: bool,
}

/// What a page says of logging in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum LoginState {
    /// Nothing: there is nothing to be seen by it.
    #[default]
    NotNeeded,
    /// How to.
    Possible,
    /// As whom; and whether it was by the form, so that it can be ended.
    As(String, bool),
}

impl From<&Visitor> for LoginState {
    fn from(visitor: &Visitor) -> Self {
        match visitor.name() {
            Some(name) => Self::As(name.to_string(), visitor.may_sign_out()),
            None if visitor.may_see_all() => Self::NotNeeded,
            None => Self::Possible,
        }
    }
}

/// What every page has around its content, and the one place where links are
/// made.
pub(crate) struct Frame {
    pub(crate) texts: &'static Texts,
    /// Addresses of this page in every language.
    pub(crate) languages: Vec<(&'static Texts, String)>,
    /// Whether all is well, on pages that say so.
    pub(crate) health: Option<HealthView>,
    login: LoginState,
    /// Whether there is a link to the settings.
    pub(crate) may_set: bool,
    /// Before every path: empty, or the sub-path that a proxy serves this under.
    root: String,
    /// Carried along in links, if the reader chose a language.
    chosen: Option<&'static str>,
    origin: String,
}

impl Frame {
    /// For a page in a language.
    pub(crate) fn new(language: Language, address: &Address) -> Self {
        let root = address.base_path.as_str().to_owned();
        let this = |texts: &'static Texts| {
            let query = &address.query;
            (texts, format!("{root}{}?{query}lang={}", address.path, texts.code))
        };
        Self {
            texts: language.texts(),
            languages: Language::all().map(|language| this(language.texts())).collect(),
            chosen: address.chosen.map(|language| language.texts().code),
            origin: address.origin.clone(),
            health: None,
            login: address.login.clone(),
            may_set: address.may_set,
            root,
        }
    }

    /// The user who looks.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.login {
            LoginState::As(name, _) => Some(name),
            LoginState::NotNeeded | LoginState::Possible => None,
        }
    }

    /// Whether the user has signed in by the form.
    pub(crate) fn may_sign_out(&self) -> bool {
        matches!(self.login, LoginState::As(_, true))
    }

    /// Whether logging in would show more.
    pub(crate) fn offers_login(&self) -> bool {
        self.login == LoginState::Possible
    }

    /// A page of ours, in the language that was chosen.
    pub(crate) fn link(&self, path: &str) -> String {
        let separator = if path.contains('?') { '&' } else { '?' };
        let chosen = self.chosen.map(|code| format!("{separator}lang={code}")).unwrap_or_default();
        format!("{}{path}{chosen}", self.root)
    }

    /// A page of ours that speaks no language.
    pub(crate) fn plain(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// A file under `/assets`.
    pub(crate) fn asset(&self, name: &str) -> String {
        format!("{}{}", self.root, assets::address(name))
    }

    /// A meter's page.
    pub(crate) fn meter(&self, meter: &str) -> String {
        self.link(&format!("/m/{meter}"))
    }

    /// A picture of ours for other sites: with scheme and host, in this language.
    pub(crate) fn picture_for_others(&self, path: &str) -> String {
        format!("{}{}", self.origin, self.shared_picture(path))
    }

    /// The same, for who looks at this page.
    pub(crate) fn shared_picture(&self, path: &str) -> String {
        format!("{}{path}.png?size=card&lang={}", self.root, self.texts.code)
    }

    /// Its width and height in pixels.
    pub(crate) fn shared_pixels(&self) -> (u32, u32) {
        Size::Card.pixels()
    }

    /// The language to be sent along with a form, if one was chosen.
    pub(crate) fn chosen(&self) -> Option<&'static str> {
        self.chosen
    }
}
