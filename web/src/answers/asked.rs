//! A request, and what follows from it alone.

use std::sync::OnceLock;

use daemon_runtime::MetricsForm;
use hyper::{HeaderMap, Uri, header};
use tokio_util::sync::CancellationToken;
use web_http::{AnswerKey, RequestQuota, Visit};

use crate::access::Visitor;
use crate::pages::{Address, Frame, HealthView};
use crate::route::Query;
use crate::texts::{Language, Texts};

/// Beside the address, what an answer depends on: the language of its words, who asks, if it is another one for others,
/// and the form of figures for Prometheus.
pub(crate) type Variant = (Language, Option<Visitor>, Option<MetricsForm>);

/// A request: its address, who sends it and what their browser can do.
pub(super) struct Asked<'a> {
    /// Who sends it.
    pub(super) visitor: Visitor,
    /// What may be used up for them.
    pub(super) quota: &'a RequestQuota,
    /// Path and query, without the sub-path.
    pub(super) address: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Query<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) visit: Visit,
    /// Whether all is well, in words: on pages that say so.
    pub(super) health: OnceLock<HealthView>,
    /// Ends answers that go on, when what their visitors may see has changed.
    pub(super) term: CancellationToken,
}

impl<'a> Asked<'a> {
    /// What `visitor` asks for by an address and headers.
    pub(super) fn new(
        uri: &'a Uri,
        headers: &'a HeaderMap,
        visit: Visit,
        visitor: Visitor,
        quota: &'a RequestQuota,
        term: CancellationToken,
    ) -> Self {
        let address = uri.path_and_query().map_or("/", |address| address.as_str());
        let (address, path) = (visit.base_path.strip(address), visit.base_path.strip(uri.path()));
        let query = Query(uri.query().unwrap_or_default());
        Self { visitor, quota, address, path, query, headers, visit, term, health: OnceLock::new() }
    }

    pub(super) fn text(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The form in which figures for Prometheus are wanted.
    pub(super) fn metrics_form(&self) -> MetricsForm {
        MetricsForm::accepted(self.text(header::ACCEPT))
    }

    pub(super) fn language(&self) -> Language {
        let preferred = || Language::preferred(self.text(header::ACCEPT_LANGUAGE));
        self.query.language().unwrap_or_else(preferred)
    }

    /// What a finished answer depends on. Data and pictures are the same for all who may see them.
    pub(super) fn key(&self) -> AnswerKey<Variant> {
        let drawn = self.by_a_program() || self.path.ends_with(".svg") || self.path.ends_with(".png");
        let (origin, base_path, visitor) = match drawn {
            true => ("", "", None),
            false => (self.visit.origin.as_str(), self.visit.base_path.as_str(), Some(self.visitor.clone())),
        };
        AnswerKey {
            address: self.address.into(),
            origin: origin.into(),
            base_path: base_path.into(),
            // What else a program accepts is no matter of pages and pictures.
            variant: (self.language(), visitor, (self.path == "/metrics").then(|| self.metrics_form())),
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
            may_set: self.visitor.may_set().is_some(),
        };
        let mut frame = Frame::new(self.language(), &address);
        frame.health = self.health.get().cloned();
        frame
    }

    /// Whether somebody is there to fill in a form: programs are asked for a name and a password as they are used to.
    pub(super) fn reads_pages(&self) -> bool {
        self.text(header::ACCEPT).contains("text/html")
    }

    /// The words of its language.
    pub(super) fn texts(&self) -> &'static Texts {
        self.language().texts()
    }

    pub(super) fn by_a_program(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::access::{Access, AccessSettings};
    use web_http::{Proxies, RequestQuotas};

    #[test]
    fn a_picture_is_the_same_under_a_sub_path_and_a_page_is_not() {
        let proxies = Proxies { base_path: String::from("/power").try_into().unwrap(), trusted: Vec::new() };
        let peer = "127.0.0.1".parse().unwrap();
        let quota = RequestQuotas::new(1).take(peer, peer, || false).unwrap();
        let stranger = Access::read(&AccessSettings::default(), "".as_ref()).unwrap().stranger();
        let key = |address: &str, known: &Proxies| {
            let (uri, headers) = (address.parse().unwrap(), HeaderMap::new());
            let visit = known.visit(peer, &headers);
            let asked = Asked::new(&uri, &headers, visit, stranger.clone(), &quota, Default::default());
            let key = asked.key();
            (key.address.into_string(), key.base_path.into_string())
        };
        let plain = Proxies { base_path: Default::default(), trusted: Vec::new() };
        let picture = ("/m/hq/main/day.svg?theme=dark".to_owned(), String::new());
        assert_eq!(key("/power/m/hq/main/day.svg?theme=dark", &proxies), picture);
        assert_eq!(key("/m/hq/main/day.svg?theme=dark", &proxies), picture);
        assert_eq!(key("/m/hq/main/day.svg?theme=dark", &plain), picture);
        let variant = |path: &str, accept: &'static str| {
            let uri = path.parse().unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            let visit = plain.visit(peer, &headers);
            Asked::new(&uri, &headers, visit, stranger.clone(), &quota, Default::default()).key().variant
        };
        let open = "application/openmetrics-text; version=1.0.0";
        assert_eq!(variant("/m/hq/main", "text/html"), variant("/m/hq/main", open));
        assert_ne!(variant("/metrics", "text/plain"), variant("/metrics", open));
        let page = |base: &str| ("/m/hq/main".to_owned(), base.to_owned());
        assert_eq!(key("/power/m/hq/main", &proxies), page("/power"));
        assert_eq!(key("/m/hq/main", &plain), page(""));
    }
}
