//! A request, and what follows from it alone.

use hyper::{HeaderMap, header};
use tokio::sync::Semaphore;

use crate::access::Visitor;
use crate::finished::Key;
use crate::pages::{Address, Frame};
use crate::proxies::Visit;
use crate::route::Query;
use crate::texts::Language;

/// A request: its address, who sends it and what their browser can do.
pub(super) struct Asked<'a> {
    /// Who sends it.
    pub(super) visitor: Visitor,
    /// Their turns to have something worked out.
    pub(super) turns: &'a Semaphore,
    /// Path and query.
    pub(super) address: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Query<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) visit: Visit,
}

impl Asked<'_> {
    pub(super) fn text(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn language(&self) -> Language {
        let preferred = || Language::preferred(self.text(header::ACCEPT_LANGUAGE));
        self.query.language().unwrap_or_else(preferred)
    }

    /// What a finished answer depends on. Data and pictures are the same for all who may see them.
    pub(super) fn key(&self) -> Key<'_> {
        let (address, language) = (self.address, self.language());
        let drawn = self.by_a_program() || self.path.ends_with(".svg") || self.path.ends_with(".png");
        match drawn {
            true => Key { address, language, origin: "", base_path: "", visitor: None },
            false => Key {
                address,
                language,
                origin: &self.visit.origin,
                base_path: self.visit.base_path.as_str(),
                visitor: Some(&self.visitor),
            },
        }
    }

    pub(super) fn frame(&self) -> Frame {
        let others = form_urlencoded::parse(self.query.0.as_bytes()).filter(|(key, _)| key != "lang");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(others);
        let mut query = query.finish();
        if !query.is_empty() {
            query.push('&');
        }
        let address = Address {
            path: self.path.to_owned(),
            query,
            chosen: self.query.language(),
            origin: self.visit.origin.clone(),
            base_path: self.visit.base_path.clone(),
            login: (&self.visitor).into(),
        };
        Frame::new(self.language(), &address)
    }

    pub(super) fn by_a_program(&self) -> bool {
        self.path.starts_with("/api/")
    }
}
