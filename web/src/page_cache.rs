//! Pages that were made within the last second: filled and compressed once,
//! however many look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::access::Visitor;
use crate::reply::Prepared;
use crate::texts::Language;

/// A value on a page is at most this much older than its event would be.
const FRESH: Duration = Duration::from_secs(1);

/// Pages kept: addresses are the browsers' choice, our memory is not.
const MOST: usize = 256;

/// What a page depends on: address, language, where the site lies for this
/// browser, and who asks.
pub(crate) type Key = (String, Language, String, Visitor);

/// The pages of the last second.
#[derive(Debug, Default)]
pub(crate) struct PageCache(Mutex<HashMap<Key, (Instant, Arc<Prepared>)>>);

impl PageCache {
    /// A page that is still good.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Prepared>> {
        self.pages().get(key).filter(|(made, _)| made.elapsed() < FRESH).map(|(_, page)| page.clone())
    }

    /// Keeps a page.
    pub(crate) fn keep(&self, key: Key, page: Arc<Prepared>) {
        let mut pages = self.pages();
        if pages.len() >= MOST {
            pages.retain(|_, (made, _)| made.elapsed() < FRESH);
        }
        if pages.len() < MOST {
            pages.insert(key, (Instant::now(), page));
        }
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Instant, Arc<Prepared>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
