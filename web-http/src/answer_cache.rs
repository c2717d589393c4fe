//! Answers that are finished and still true: found before anything else is looked at, however
//! many ask.
//!
//! Whatever an answer depends on is part of its [`AnswerKey`]; who may see it is decided before it is
//! looked for here. What is kept and what has to go is quick_cache's part.

use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::prepared::Prepared;
use crate::reply::{self, Reply};

/// A value on a page is at most this much older than its event would be.
const A_MOMENT: Duration = Duration::from_secs(1);

/// For how long what shows a time that is over is kept. It seldom changes, but an outbox may catch up after an outage, or a
/// lost ledger be filled anew.
const CLOSED_S: i64 = 60;

/// The most that is kept, in bytes: addresses are the browsers' choice, our memory is not.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// What a small answer costs besides its bytes.
const OVERHEAD: usize = 1024;

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey<V> {
    /// Path and query.
    pub address: Box<str>,
    /// Where the site lies for who asks, if the answer says so: scheme and host.
    pub origin: Box<str>,
    /// And under which path.
    pub base_path: Box<str>,
    /// Whatever else it depends on.
    pub variant: V,
}

/// Until when an answer is true.
#[derive(Debug, Clone, Copy)]
pub struct Lasts {
    ours: Instant,
    browsers: Browsers,
}

/// What browsers are told of it.
#[derive(Debug, Clone, Copy)]
enum Browsers {
    AskAgain,
    KeepUntil(i64),
    KeepFor(i64),
}

impl Lasts {
    /// A page with the value of now.
    pub fn a_moment() -> Self {
        Self { ours: Instant::now() + A_MOMENT, browsers: Browsers::AskAgain }
    }

    /// True until so many seconds after 1970, a minute or less from now.
    pub fn until(at_s: i64) -> Self {
        let left = seconds_until(at_s);
        let ours = Instant::now() + Duration::from_secs(left.unsigned_abs());
        Self { ours, browsers: Browsers::KeepUntil(at_s) }
    }

    /// A time that is over.
    pub fn closed() -> Self {
        let ours = Instant::now() + Duration::from_secs(CLOSED_S.unsigned_abs());
        Self { ours, browsers: Browsers::KeepFor(CLOSED_S) }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ours <= now
    }

    fn cache_control(&self) -> HeaderValue {
        match self.browsers {
            Browsers::AskAgain => reply::ASK_AGAIN,
            Browsers::KeepFor(seconds) => reply::keep_for(seconds),
            Browsers::KeepUntil(at_s) => reply::keep_for(seconds_until(at_s)),
        }
    }
}

/// From now on to so many seconds after 1970, a minute at most.
#[allow(clippy::disallowed_methods)] // This crate knows no daemon; here is its clock.
fn seconds_until(at_s: i64) -> i64 {
    (at_s - Timestamp::now().as_second()).clamp(0, 60)
}

/// One answer.
#[derive(Debug, Clone)]
struct Answer {
    file: Arc<Prepared>,
    lasts: Lasts,
}

#[derive(Debug, Clone)]
struct Bytes;

impl<V> Weighter<AnswerKey<V>, Answer> for Bytes {
    fn weight(&self, key: &AnswerKey<V>, answer: &Answer) -> u64 {
        let key = key.address.len() + key.origin.len() + key.base_path.len();
        (answer.file.weight() + key + OVERHEAD) as u64
    }
}

/// The answers that are kept.
#[derive(Debug)]
pub struct AnswerCache<V>(Cache<AnswerKey<V>, Answer, Bytes>);

impl<V: Eq + Hash> Default for AnswerCache<V> {
    fn default() -> Self {
        Self(Cache::with_weighter(2_000, MOST_BYTES, Bytes))
    }
}

impl<V: Eq + Hash> AnswerCache<V> {
    /// The answer, if it is finished and true.
    pub fn reply(&self, key: &AnswerKey<V>, request: &HeaderMap) -> Option<Reply> {
        let answer = self.0.get(key).filter(|answer| !answer.lasts.is_over(Instant::now()))?;
        Some(answer.file.reply(request, answer.lasts.cache_control()))
    }

    /// Answers with a file, and keeps it.
    pub fn keep(&self, key: AnswerKey<V>, file: Arc<Prepared>, lasts: Lasts, request: &HeaderMap) -> Reply {
        let reply = file.reply(request, lasts.cache_control());
        self.0.insert(key, Answer { file, lasts });
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared::Effort;

    fn key(address: &str, origin: &str) -> AnswerKey<&'static str> {
        AnswerKey { address: address.into(), origin: origin.into(), base_path: "".into(), variant: "en" }
    }

    fn keep(answers: &AnswerCache<&'static str>, key: AnswerKey<&'static str>, bytes: usize, lasts: Lasts) {
        let file = Arc::new(Prepared::text("text/plain", vec![b'x'; bytes], Effort::Quick));
        answers.keep(key, file, lasts, &HeaderMap::new());
    }

    fn has(answers: &AnswerCache<&'static str>, key: &AnswerKey<&'static str>) -> bool {
        answers.reply(key, &HeaderMap::new()).is_some()
    }

    #[test]
    fn an_answer_is_found_by_all_it_depends_on_while_it_is_true() {
        let answers = AnswerCache::default();
        keep(&answers, key("/m/hq/main?x", "one"), 10, Lasts::closed());
        assert!(has(&answers, &key("/m/hq/main?x", "one")));
        assert!(!has(&answers, &key("/m/hq/main?x", "other")) && !has(&answers, &key("/m/hq/main", "one")));
        assert!(!has(&answers, &AnswerKey { variant: "de", ..key("/m/hq/main?x", "one") }));
        assert!(!has(&answers, &AnswerKey { base_path: "/x".into(), ..key("/m/hq/main?x", "one") }));
        keep(&answers, key("/m/hq/main?x", "one"), 10, Lasts::until(0));
        assert!(!has(&answers, &key("/m/hq/main?x", "one")));
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let answers = AnswerCache::default();
        keep(&answers, key("/wanted", ""), 10_000, Lasts::closed());
        for number in 0..10_000 {
            keep(&answers, key(&format!("/{number}"), ""), 20_000, Lasts::closed());
            assert!(has(&answers, &key("/wanted", "")), "{number}");
        }
        let bytes = answers.0.weight();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES / 2, "{bytes}");
    }
}
