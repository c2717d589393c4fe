//! Answers that are finished and still true: found before anything else is looked at, however
//! many ask.
//!
//! Whatever an answer depends on is part of [`Key`]; who may see it is decided before it is
//! looked for here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use jiff::Timestamp;

use crate::access::Visitor;
use crate::http::reply::{self, Prepared, Reply};
use crate::texts::Language;

/// A value on a page is at most this much older than its event would be.
const A_MOMENT: Duration = Duration::from_secs(1);

/// For how many seconds a browser may keep what shows a time that is over. It
/// will not change; only a ledger that was lost and is filled anew still grows.
const CLOSED_S: i64 = 86_400;

/// For how long we keep it ourselves.
const CLOSED_FOR: Duration = Duration::from_secs(600);

/// The most that is kept, in bytes: addresses are the browsers' choice, our memory is not.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// What a small answer costs besides its bytes.
const OVERHEAD: usize = 1024;

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// Path and query.
    pub(crate) address: &'a str,
    /// The language of its words.
    pub(crate) language: Language,
    /// Where the site lies for who asks, if the answer says so.
    pub(crate) origin: &'a str,
    /// And under which path.
    pub(crate) base_path: &'a str,
    /// Who asks, if the answer is another one for others.
    pub(crate) visitor: Option<&'a Visitor>,
}

/// Until when an answer is true.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lasts {
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
    pub(crate) fn a_moment() -> Self {
        Self { ours: Instant::now() + A_MOMENT, browsers: Browsers::AskAgain }
    }

    /// True until so many seconds after 1970, a minute or less from now.
    pub(crate) fn until(at_s: i64) -> Self {
        let left = (at_s - Timestamp::now().as_second()).clamp(0, 60);
        let ours = Instant::now() + Duration::from_secs(left.unsigned_abs());
        Self { ours, browsers: Browsers::KeepUntil(at_s) }
    }

    /// A time that is over.
    pub(crate) fn closed() -> Self {
        Self { ours: Instant::now() + CLOSED_FOR, browsers: Browsers::KeepFor(CLOSED_S) }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ours <= now
    }

    fn cache_control(&self) -> HeaderValue {
        match self.browsers {
            Browsers::AskAgain => reply::ASK_AGAIN,
            Browsers::KeepFor(seconds) => reply::keep_for(seconds),
            Browsers::KeepUntil(at_s) => reply::keep_for((at_s - Timestamp::now().as_second()).clamp(0, 60)),
        }
    }
}

/// One answer.
#[derive(Debug)]
struct Answer {
    language: Language,
    origin: Box<str>,
    base_path: Box<str>,
    visitor: Option<Visitor>,
    file: Arc<Prepared>,
    lasts: Lasts,
    /// When it was asked for last, by the count of all answers.
    used: AtomicU64,
}

/// The answers that are kept.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    kept: RwLock<Kept>,
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Box<str>, Vec<Answer>>,
    bytes: usize,
}

impl Finished {
    /// The answer, if it is finished and true.
    pub(crate) fn reply(&self, key: Key<'_>, request: &HeaderMap) -> Option<Reply> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let answer = kept.answers.get(key.address)?.iter().find(|answer| answer.is(key))?;
        if answer.lasts.is_over(Instant::now()) {
            return None;
        }
        answer.used.store(self.count.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let (file, cache_control) = (answer.file.clone(), answer.lasts.cache_control());
        drop(kept);
        Some(file.reply(request, cache_control))
    }

    /// Answers with a file, and keeps it.
    pub(crate) fn keep(&self, key: Key<'_>, file: Arc<Prepared>, lasts: Lasts, request: &HeaderMap) -> Reply {
        let reply = file.reply(request, lasts.cache_control());
        let used = AtomicU64::new(self.count.fetch_add(1, Ordering::Relaxed));
        let answer = Answer {
            language: key.language,
            origin: key.origin.into(),
            base_path: key.base_path.into(),
            visitor: key.visitor.cloned(),
            file,
            lasts,
            used,
        };
        self.kept.write().unwrap_or_else(PoisonError::into_inner).insert(key, answer);
        reply
    }
}

impl Kept {
    fn insert(&mut self, key: Key<'_>, answer: Answer) {
        self.bytes += answer.weight(key.address);
        let answers = self.answers.entry(key.address.into()).or_default();
        if let Some(index) = answers.iter().position(|other| other.is(key)) {
            self.bytes -= answers.swap_remove(index).weight(key.address);
        }
        answers.push(answer);
        if self.bytes > MOST_BYTES {
            self.make_room();
        }
    }

    /// Lets go of what is no longer true; where that is not enough, also of the half that was
    /// not asked for lately.
    fn make_room(&mut self) {
        let now = Instant::now();
        self.retain(|answer| !answer.lasts.is_over(now));
        if self.bytes > MOST_BYTES / 4 * 3 {
            let used = |answer: &Answer| answer.used.load(Ordering::Relaxed);
            let mut all: Vec<u64> = self.answers.values().flatten().map(used).collect();
            let middle = all.len() / 2;
            let (_, middle, _) = all.select_nth_unstable(middle);
            let middle = *middle;
            self.retain(|answer| used(answer) > middle);
        }
    }

    fn retain(&mut self, stays: impl Fn(&Answer) -> bool) {
        let bytes = &mut self.bytes;
        self.answers.retain(|address, answers| {
            answers.retain(|answer| {
                let stays = stays(answer);
                *bytes -= if stays { 0 } else { answer.weight(address) };
                stays
            });
            !answers.is_empty()
        });
    }
}

impl Answer {
    fn is(&self, key: Key<'_>) -> bool {
        self.language == key.language
            && *self.origin == *key.origin
            && *self.base_path == *key.base_path
            && self.visitor.as_ref() == key.visitor
    }

    fn weight(&self, address: &str) -> usize {
        self.file.weight() + address.len() + self.origin.len() + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::Effort;

    fn key<'a>(address: &'a str, origin: &'a str) -> Key<'a> {
        Key { address, language: Language::preferred(""), origin, base_path: "", visitor: None }
    }

    fn keep(finished: &Finished, key: Key<'_>, bytes: usize, lasts: Lasts) {
        let file = Arc::new(Prepared::text("text/plain", vec![b'x'; bytes], Effort::Quick));
        finished.keep(key, file, lasts, &HeaderMap::new());
    }

    fn has(finished: &Finished, key: Key<'_>) -> bool {
        finished.reply(key, &HeaderMap::new()).is_some()
    }

    #[test]
    fn an_answer_is_found_by_all_it_depends_on_while_it_is_true() {
        let finished = Finished::default();
        keep(&finished, key("/m/hq/main?x", "one"), 10, Lasts::closed());
        assert!(has(&finished, key("/m/hq/main?x", "one")));
        assert!(!has(&finished, key("/m/hq/main?x", "other")) && !has(&finished, key("/m/hq/main", "one")));
        let german = Key { language: Language::preferred("de"), ..key("/m/hq/main?x", "one") };
        assert!(!has(&finished, german));
        let over = Timestamp::now().as_second() - 1;
        keep(&finished, key("/m/hq/main?x", "one"), 10, Lasts::until(over));
        assert!(!has(&finished, key("/m/hq/main?x", "one")));
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let finished = Finished::default();
        keep(&finished, key("/wanted", ""), 10_000, Lasts::closed());
        for number in 0..10_000 {
            keep(&finished, key(&format!("/{number}"), ""), 20_000, Lasts::closed());
            assert!(has(&finished, key("/wanted", "")), "{number}");
        }
        let kept = finished.kept.read().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize =
            kept.answers.iter().flat_map(|(address, all)| all.iter().map(|it| it.weight(address))).sum();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES / 8 && bytes == kept.bytes, "{bytes}");
    }
}
