//! Names in the order of their levels, searched by topic or by filter. Pure.
//!
//! It is a tree by levels, kept as one sorted map: with a level's end sorted before every
//! character, a name stands directly before all names below it. A search looks at the first name
//! that may match; one that does not tells which name is the next that may, and everything
//! between them is skipped. So a search costs what it finds and the branches that it has to look
//! into, a name costs its bytes however many levels it has, and a search can be interrupted
//! between two names and go on later, whatever has changed meanwhile.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::work::Work;

/// A level's end, inside. It stands in no topic and in no filter.
const END: char = '\0';
/// What is sorted after a level and everything below it.
const BEYOND: &str = "\u{1}";
/// What is sorted after every level that begins with `$`.
const BEYOND_HIDDEN: &str = "%";

/// Values by topic or by filter, which must be valid.
#[derive(Debug)]
pub(crate) struct TopicTree<V> {
    by_name: BTreeMap<String, V>,
}

impl<V> Default for TopicTree<V> {
    fn default() -> Self {
        TopicTree { by_name: BTreeMap::new() }
    }
}

impl<V> TopicTree<V> {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.by_name.get(&inside(name))
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.by_name.get_mut(&inside(name))
    }

    /// Puts a value in the place of the name's last one, which it returns.
    pub(crate) fn insert(&mut self, name: &str, value: V) -> Option<V> {
        self.by_name.insert(inside(name), value)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<V> {
        self.by_name.remove(&inside(name))
    }

    /// All names and values, by name.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (String, &mut V)> {
        self.by_name.iter_mut().map(|(name, value)| (name.replace(END, "/"), value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.by_name.values()
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Topics that match a filter.
    Topics,
    /// Filters that match a topic.
    Filters,
}

/// A search that can be interrupted.
#[derive(Debug)]
pub(crate) struct Search {
    wanted: Wanted,
    /// Of the filter or topic that names are compared with.
    levels: Vec<String>,
    /// Where it goes on; `None` once nothing is left to be found.
    from: Option<Bound<String>>,
}

/// How a search goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// This one matches; there may be more.
    One(T),
    /// As much was done as may be for now.
    OutOfWork,
    /// There are no more.
    NoMore,
}

/// How a name compares with what is looked for.
enum Comparison {
    Matches,
    /// It does not, but names below it may.
    TooShort,
    /// Its level of this index does not fit.
    DiffersAt(usize),
}

impl Search {
    /// For topics that match `filter`, in the order of their levels.
    pub(crate) fn topics(filter: &str) -> Search {
        Search::new(Wanted::Topics, filter)
    }

    /// For filters that match `topic`.
    pub(crate) fn filters(topic: &str) -> Search {
        Search::new(Wanted::Filters, topic)
    }

    fn new(wanted: Wanted, name: &str) -> Search {
        let levels = name.split('/').map(str::to_owned).collect();
        Search { wanted, levels, from: Some(Bound::Unbounded) }
    }

    /// The next name that matches, as far as `work` goes.
    pub(crate) fn next<'a, V>(&mut self, tree: &'a TopicTree<V>, work: &mut Work) -> Found<&'a V> {
        while let Some(from) = &self.from {
            if work.is_used_up() {
                return Found::OutOfWork;
            }
            let Some((name, value)) = tree.by_name.range((from.clone(), Bound::Unbounded)).next() else {
                break;
            };
            match self.compare(name, work) {
                Comparison::Matches => {
                    self.from = Some(Bound::Excluded(name.clone()));
                    return Found::One(value);
                }
                Comparison::TooShort => self.from = Some(Bound::Excluded(name.clone())),
                Comparison::DiffersAt(level) => {
                    self.from = self.next_after(name, level).map(Bound::Included);
                }
            }
        }
        self.from = None;
        Found::NoMore
    }

    fn compare(&self, name: &str, work: &mut Work) -> Comparison {
        work.levels(1);
        let mut count = 0;
        for level in name.split(END) {
            work.levels(1);
            if self.takes_rest(count, level) {
                return Comparison::Matches;
            }
            if !self.takes(count, level) {
                return Comparison::DiffersAt(count);
            }
            count += 1;
        }
        // `a/#` matches `a` as well.
        let rest = &self.levels[count..];
        let is_whole = rest.is_empty() || (self.wanted == Wanted::Topics && rest == ["#"]);
        if is_whole { Comparison::Matches } else { Comparison::TooShort }
    }

    /// Whether everything from this level on matches.
    fn takes_rest(&self, index: usize, level: &str) -> bool {
        let ends = match self.wanted {
            Wanted::Topics => self.levels.get(index).is_some_and(|wanted| wanted == "#"),
            Wanted::Filters => level == "#" && index <= self.levels.len(),
        };
        ends && !self.is_hidden(index, level)
    }

    fn takes(&self, index: usize, level: &str) -> bool {
        let Some(wanted) = self.levels.get(index) else {
            return false;
        };
        let wildcard = match self.wanted {
            Wanted::Topics => wanted,
            Wanted::Filters => level,
        };
        wanted == level || (wildcard == "+" && !self.is_hidden(index, level))
    }

    /// Whether the topic begins with `$`, which wildcards at the front do not see.
    fn is_hidden(&self, index: usize, level: &str) -> bool {
        let topic = match self.wanted {
            Wanted::Topics => level,
            Wanted::Filters => self.levels.first().map_or("", String::as_str),
        };
        index == 0 && topic.starts_with('$')
    }

    /// The first name after `name` and all below its level `differing` that may match.
    fn next_after(&self, name: &str, differing: usize) -> Option<String> {
        let mut levels: Vec<&str> = name.split(END).take(differing + 1).collect();
        while let Some(level) = levels.pop() {
            if let Some(next) = self.next_level(levels.len(), level) {
                return Some(levels.iter().copied().chain([&*next]).collect::<Vec<_>>().join("\0"));
            }
        }
        None
    }

    /// The first level after `level` that may match in its place.
    fn next_level(&self, index: usize, level: &str) -> Option<String> {
        let wanted = self.levels.get(index).map(String::as_str);
        match (self.wanted, wanted) {
            (Wanted::Topics, Some("+" | "#")) if self.is_hidden(index, level) => {
                Some(BEYOND_HIDDEN.to_owned())
            }
            (Wanted::Topics, Some("+" | "#")) => Some([level, BEYOND].concat()),
            (Wanted::Topics, wanted) => wanted.filter(|wanted| *wanted > level).map(str::to_owned),
            (Wanted::Filters, wanted) => {
                let wildcards: [Option<&str>; 2] = match wanted {
                    _ if self.is_hidden(index, level) => [None, None],
                    Some(_) => [Some("#"), Some("+")],
                    None => [(index == self.levels.len()).then_some("#"), None],
                };
                let candidates = wildcards.into_iter().flatten().chain(wanted);
                candidates.filter(|candidate| *candidate > level).min().map(str::to_owned)
            }
        }
    }
}

fn inside(name: &str) -> String {
    name.replace('/', "\0")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::router::matches;

    /// Of few different levels, so that most of them meet.
    fn name(levels: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(levels), 1..6).prop_map(|levels| levels.join("/"))
    }

    fn topic() -> impl Strategy<Value = String> {
        name(&["a", "b", "aa", "", "ä", "$x", "!", "\u{1}", "a\u{1}", "%"])
            .prop_filter("not empty", |topic| !topic.is_empty())
    }

    fn filter() -> impl Strategy<Value = String> {
        let levels = name(&["a", "b", "aa", "", "ä", "$x", "!", "\u{1}", "+", "+", "%"]);
        (levels, 0..10)
            .prop_map(|(levels, kind)| match kind {
                0 => "#".to_owned(),
                1..5 => levels + "/#",
                _ => levels,
            })
            .prop_filter("not empty", |filter| !filter.is_empty())
    }

    /// All that is found, in slices of as little work as possible.
    fn all(mut search: Search, tree: &TopicTree<String>) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let mut work = Work::of(1);
            match search.next(tree, &mut work) {
                Found::One(name) => found.push(name.clone()),
                Found::OutOfWork => {}
                Found::NoMore => return found,
            }
        }
    }

    fn tree(names: &[String]) -> TopicTree<String> {
        let mut tree = TopicTree::default();
        for name in names {
            tree.insert(name, name.clone());
        }
        tree
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn topics_are_found_as_rumqttd_matches_them(
            names in prop::collection::vec(topic(), 0..40),
            filter in filter(),
        ) {
            let tree = tree(&names);
            let expected: Vec<_> = tree.values().filter(|name| matches(name, &filter)).cloned().collect();
            prop_assert_eq!(all(Search::topics(&filter), &tree), expected);
        }

        #[test]
        fn filters_are_found_as_rumqttd_matches_them(
            names in prop::collection::vec(filter(), 0..40),
            topic in topic(),
        ) {
            let tree = tree(&names);
            let expected: Vec<_> = tree.values().filter(|name| matches(&topic, name)).cloned().collect();
            prop_assert_eq!(all(Search::filters(&topic), &tree), expected);
        }
    }

    /// 100,000 names, and 1,000 below one level: what is not in the way costs nothing.
    #[test]
    fn a_search_costs_what_it_finds() {
        let mut tree = TopicTree::default();
        for n in 0..100_000 {
            tree.insert(&format!("{}/{n}/x", n / 1_000), n);
        }
        let cost = |filter: &str| {
            let (mut work, mut search, mut found) = (Work::of(1_000_000), Search::topics(filter), 0);
            while let Found::One(_) = search.next(&tree, &mut work) {
                found += 1;
            }
            (found, work.done())
        };
        assert_eq!(cost("7/7777/x").0, 1);
        assert!(cost("7/7777/x").1 < 20);
        assert_eq!(cost("7/#").0, 1_000);
        assert!(cost("7/#").1 < 5_000);
        assert_eq!(cost("+/7777/x").0, 1);
        assert!(cost("+/7777/x").1 < 1_000);
    }

    /// Names of as many levels as there can be.
    #[test]
    fn deep_names_are_nothing_special() {
        let deep = "/".repeat(65_535);
        let names = [deep.clone(), format!("{}a", &deep[1..]), "a".to_owned()];
        let tree = tree(&names);
        assert_eq!(all(Search::topics("#"), &tree).len(), 3);
        assert_eq!(all(Search::topics(&deep), &tree), std::slice::from_ref(&deep));
        assert_eq!(all(Search::filters(&deep), &tree), [deep]);
    }
}
