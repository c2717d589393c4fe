//! The settings of the pages, as opening them and inviting people read and change them. What a person wrote stays:
//! comments, order, all other keys. Pure.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use toml_edit::{Array, DocumentMut, Item, Table, value};

/// Where the pages listen where the settings do not say it.
const USUAL: &str = "127.0.0.1:8080";

/// Where the pages keep what is theirs, where the settings do not say it.
const USUAL_FOLDER: &str = "/var/lib/powerpi/web";

/// Which proxies are believed where the settings name none.
const USUAL_PROXIES: [&str; 2] = ["127.0.0.1", "::1"];

/// The settings of the pages.
#[derive(Debug, Clone)]
pub(crate) struct WebSettings {
    document: DocumentMut,
    before: String,
}

impl WebSettings {
    /// Reads the text of the settings.
    ///
    /// # Errors
    /// If that is no TOML.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let document = text.parse().context("the settings of the pages are no TOML")?;
        Ok(Self { document, before: text.to_owned() })
    }

    /// Its text, if it is another one now.
    pub(crate) fn changed(&self) -> Option<String> {
        Some(self.document.to_string()).filter(|text| *text != self.before)
    }

    /// Where the pages listen.
    ///
    /// # Errors
    /// If that is no address with a port.
    pub(crate) fn listen(&self) -> anyhow::Result<SocketAddr> {
        self.text("listen").unwrap_or(USUAL).parse().context("listen in the settings of the pages")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.document.get(key)?.as_str()
    }

    /// The sub-path below which browsers reach the pages, without a slash at its end.
    pub(crate) fn base_path(&self) -> &str {
        self.text("base_path").unwrap_or_default().trim_end_matches('/')
    }

    /// The folder in which the pages keep what is theirs: there they may write.
    pub(crate) fn folder(&self) -> PathBuf {
        self.text("state_dir").unwrap_or(USUAL_FOLDER).into()
    }

    /// Lets the pages listen there.
    pub(crate) fn set_listen(&mut self, address: SocketAddr) {
        set(&mut self.document, "listen", value(address.to_string()));
    }

    /// The users file, if there is one.
    pub(crate) fn users(&self) -> Option<PathBuf> {
        Some(self.document.get("access")?.get("users")?.as_str()?.into())
    }

    /// The users file, or the one that is to be named where there is none: it lies where the pages may write it, as
    /// setting a password in the browser takes.
    pub(crate) fn users_or_usual(&self) -> PathBuf {
        self.users().unwrap_or_else(|| self.folder().join("users.toml"))
    }

    /// Names the users file.
    pub(crate) fn set_users(&mut self, file: &Path) {
        let access = self.document.entry("access").or_insert_with(|| Item::Table(Table::new()));
        if let Some(access) = access.as_table_like_mut() {
            access.insert("users", value(file.display().to_string()));
        }
    }

    /// Believes what a proxy says of who comes, besides those that are believed already.
    pub(crate) fn trust(&mut self, proxy: &str) {
        if self.document.get("trusted_proxies").and_then(Item::as_array).is_none() {
            set(&mut self.document, "trusted_proxies", value(USUAL_PROXIES.into_iter().collect::<Array>()));
        }
        let proxies = self.document.get_mut("trusted_proxies").and_then(Item::as_array_mut);
        if let Some(proxies) = proxies.filter(|it| !it.iter().any(|known| known.as_str() == Some(proxy))) {
            proxies.push(proxy);
        }
    }
}

/// Sets a key of the document itself. One that is there keeps its comments.
fn set(document: &mut DocumentMut, key: &str, new: Item) {
    match (document.get_mut(key).and_then(Item::as_value_mut), new.into_value()) {
        (Some(old), Ok(mut new)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        (None, Ok(new)) => drop(document.insert(key, Item::Value(new))),
        (_, Err(_)) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../deploy/powerpi-web.toml");

    #[test]
    fn what_is_needed_is_set_and_all_else_stays() {
        for text in ["", SAMPLE, "listen = '127.0.0.1:8080' # here\n[mqtt]\nport = 1\n"] {
            let mut settings = WebSettings::read(text).unwrap();
            assert_eq!((settings.listen().unwrap().to_string(), settings.users()), (USUAL.into(), None));
            assert_eq!(settings.users_or_usual(), Path::new("/var/lib/powerpi/web/users.toml"));
            assert_eq!(settings.changed(), None);
            settings.set_listen("[::]:8080".parse().unwrap());
            settings.set_users("/srv/users.toml".as_ref());
            settings.trust("10.0.0.7");
            settings.trust("127.0.0.1");
            let text_now = settings.changed().unwrap();
            let now = WebSettings::read(&text_now).unwrap();
            assert_eq!(now.listen().unwrap().to_string(), "[::]:8080");
            assert_eq!(now.users_or_usual(), Path::new("/srv/users.toml"));
            assert_eq!(now.document["trusted_proxies"].as_array().unwrap().len(), 3, "{text_now}");
            let kept = text
                .lines()
                .filter(|line| !line.starts_with("listen") && !line.starts_with("trusted_proxies"));
            kept.for_each(|line| assert!(text_now.contains(line), "{line}"));
            assert_eq!(text.contains("# here"), text_now.contains("# here"));
        }
    }

    #[test]
    fn said_twice_it_is_as_it_was() {
        let mut settings = WebSettings::read(SAMPLE).unwrap();
        settings.trust("::1");
        settings.set_listen(USUAL.parse().unwrap());
        assert_eq!(settings.changed(), None);
        assert!(WebSettings::read("listen = 'here'").unwrap().listen().is_err());
    }
}
