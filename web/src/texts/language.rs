//! The languages of the pages, and which one a browser likes best. Pure.

use web_http::weighted;

use super::{Texts, english, german};

/// All languages, the one for everybody else first.
static LANGUAGES: [&Texts; 2] = [&english::TEXTS, &german::TEXTS];

/// A language of the pages: its place in [`LANGUAGES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Language(usize);

impl Language {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    /// The language of a code like `de` or `de-AT`.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        let primary = code.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        Self::all().find(|language| language.texts().code == primary)
    }

    /// The one a browser likes best, by its `Accept-Language`.
    pub(crate) fn preferred(accept_language: &str) -> Self {
        let choices: Vec<_> =
            weighted(accept_language).map(|(code, weight)| (code, Self::of_code(code), weight)).collect();
        let is_named = |language: Self| choices.iter().any(|(_, named, _)| *named == Some(language));
        let of_rest = Self::all().find(|language| !is_named(*language));
        let of = |code, named: Option<Self>| if code == "*" { of_rest } else { named };
        let known = choices.into_iter().filter_map(|(code, named, weight)| Some((of(code, named)?, weight)));
        // The first of those with the same weight.
        known
            .filter(|(_, weight)| *weight > 0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map_or(Self::default(), |(it, _)| it)
    }

    /// Its words.
    pub(crate) fn texts(self) -> &'static Texts {
        LANGUAGES.get(self.0).copied().unwrap_or(&english::TEXTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: Language = Language(0);
    const GERMAN: Language = Language(1);

    #[test]
    fn a_browser_gets_the_language_it_likes_best() {
        for (accept, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", GERMAN),
            ("fr, en;q=0.5, de;q=0.7", GERMAN),
            ("en-GB, de", ENGLISH),
            ("de;q=0", ENGLISH),
            ("en;q=0.5, DE-at ; Q=0.9", GERMAN),
            ("de; q=0.4,\ten ; q=0.5", ENGLISH),
            ("de;q=0.5, *;q=0.9", ENGLISH),
            ("en;q=0, *", GERMAN),
            ("*", ENGLISH),
            ("*;q=0", ENGLISH),
            ("de;q=1.5, en;q=0.1", ENGLISH),
            ("fr", ENGLISH),
            (";q=,,;;=é", ENGLISH),
            ("", ENGLISH),
        ] {
            assert_eq!(Language::preferred(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_list_of_any_length_is_read() {
        let long = format!("{}, de;q=0.9", "*;q=0.1, fr;q=0.8, de;q=x".repeat(1_000));
        assert_eq!(Language::preferred(&long), GERMAN);
    }
}
