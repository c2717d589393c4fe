use std::collections::HashMap;

use super::*;

const LIMITS: RouterLimits = RouterLimits { max_filters: 300, max_topics: 300, max_bytes: usize::MAX };
const DEFAULTS: RouterLimits =
    RouterLimits { max_filters: 10_000, max_topics: 10_000, max_bytes: usize::MAX };

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn name(&mut self, levels: &[&str]) -> String {
        let count = 1 + self.below(4);
        let chosen: Vec<_> = (0..count).map(|_| levels[self.below(levels.len())]).collect();
        chosen.join("/")
    }
}

/// Batches of all sizes, subscriptions coming and going, hundreds of filters, and more
/// matches than rumqttd's buffer holds: exactly what matches comes out.
#[test]
fn routing_finds_exactly_what_matches() {
    let mut random = Random(42);
    let mut router = Router::start(LIMITS).unwrap();
    let mut subscribed: HashMap<String, FilterId> = HashMap::new();
    for round in 0..300 {
        // What is not asked of rumqttd is found in the tree.
        let mut work = Work::of([0, 3_000, usize::MAX][round % 3]);
        for _ in 0..random.below(10) {
            let mut filter = random.name(&["a", "b", "c", "ä", "+", "$x", ""]);
            if random.below(3) == 0 {
                filter += "/#";
            }
            if random.below(4) == 0 {
                router.unsubscribe(&filter);
                subscribed.remove(&filter);
            } else {
                let id = router.subscribe(&filter).unwrap();
                subscribed.insert(filter, id);
            }
        }
        let most = [3, 50, 1_500][random.below(3)];
        let topics: Vec<_> =
            (0..random.below(most)).map(|_| random.name(&["a", "b", "c", "ä", "$x", "", "new"])).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut expected = Vec::new();
        for (index, topic) in topics.iter().enumerate() {
            for (path, filter) in &subscribed {
                if matches(topic, path) {
                    let filter = *filter;
                    expected.push(Match { index, filter });
                }
            }
        }
        expected.sort_unstable();
        assert!(router.route(&topics, &mut work).unwrap() == expected);
        assert!(router.route(&topics, &mut work).unwrap() == expected, "what is remembered");
    }
    assert!(subscribed.len() > 200, "{}", subscribed.len());
    // rumqttd was started anew meanwhile, and both its memories were full.
    assert!(router.known > 100, "{}", router.known);
}

#[test]
fn topics_longer_than_a_segment_are_routed() {
    let mut router = Router::start(LIMITS).unwrap();
    let filter = router.subscribe("#").unwrap();
    let long = "x".repeat(65_535);
    let topics = ["a", &long, "b", &long, &long];
    let all: Vec<_> = (0..topics.len()).map(|index| Match { index, filter }).collect();
    for _ in 0..20 {
        assert_eq!(router.route(&topics, &mut Work::of_a_round()).unwrap(), all);
    }
}

/// 100,000 topics once, then 1,000 filters: each round does so much and no more, and finds what
/// matches all the same.
#[test]
fn what_others_leave_behind_costs_nobody_more_than_a_round() {
    let mut router = Router::start(DEFAULTS).unwrap();
    let all = router.subscribe("#").unwrap();
    let topics: Vec<String> = (0..100_000).map(|n| format!("a/{n}")).collect();
    for topics in topics.chunks(1_000) {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut work = Work::of_a_round();
        assert_eq!(router.route(&topics, &mut work).unwrap().len(), topics.len());
        // The last batch is looked up in the tree whatever that costs.
        assert!(work.done() <= WORK_OF_A_ROUND + 20 * topics.len(), "{}", work.done());
    }
    assert!(router.topics.len() <= DEFAULTS.max_topics);
    let filters: Vec<String> = (0..1_000).map(|n| format!("+/{n}")).collect();
    let last = filters.iter().map(|filter| router.subscribe(filter).unwrap()).last().unwrap();
    for _ in 0..100 {
        let mut work = Work::of_a_round();
        let found = router.route(&["a/999"], &mut work).unwrap();
        assert_eq!(found, [all, last].map(|filter| Match { index: 0, filter }));
        assert!(work.done() <= WORK_OF_A_ROUND + 100, "{}", work.done());
    }
    assert!(router.met_filters.len() * router.topics.len() <= MAX_PRODUCT);
}

/// What came and went: 100,000 topics and 10,000 filters.
#[test]
fn nothing_of_unused_topics_and_filters_stays() {
    let mut router = Router::start(DEFAULTS).unwrap();
    let all = router.subscribe("#").unwrap();
    for n in 0..10_000 {
        let filter = format!("+/{n}");
        router.subscribe(&filter).unwrap();
        router.route(&["a/1"], &mut Work::of_a_round()).unwrap();
        router.unsubscribe(&filter);
    }
    for n in 0..100 {
        let topics: Vec<String> = (0..1_000).map(|m| format!("{n}/{m}")).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        router.route(&topics, &mut Work::of_a_round()).unwrap();
    }
    assert_eq!(router.topics.len(), DEFAULTS.max_topics);
    router.route(&["b"], &mut Work::of_a_round()).unwrap();
    assert!(router.met_filters.len() <= 2 * UNUSED, "{}", router.met_filters.len());
    assert_eq!((router.filters.len(), router.waiting.len()), (1, 0));
    for _ in 0..2 * LOOK_EVERY {
        router.tick().unwrap();
    }
    assert!(router.topics.is_empty(), "{}", router.topics.len());
    let found = router.route(&["a/1"], &mut Work::of_a_round()).unwrap();
    assert_eq!(found, [Match { index: 0, filter: all }]);
    assert_eq!((router.met_filters.len(), router.topics.len(), router.known), (1, 1, 1));
}

/// A topic that has been asked for is not asked for again, until the filters change.
#[test]
fn rumqttd_is_asked_once_for_each_topic() {
    let mut router = Router::start(DEFAULTS).unwrap();
    let all = router.subscribe("#").unwrap();
    let find = |router: &mut Router| router.route(&["a/x"], &mut Work::of_a_round()).unwrap();
    for _ in 0..3 {
        assert_eq!(find(&mut router), [Match { index: 0, filter: all }]);
        assert_eq!(router.logged, 1);
    }
    let other = router.subscribe("a/+").unwrap();
    for _ in 0..3 {
        assert_eq!(find(&mut router), [all, other].map(|filter| Match { index: 0, filter }));
        assert_eq!(router.logged, 3);
    }
    router.unsubscribe("#");
    assert_eq!(find(&mut router), [Match { index: 0, filter: other }]);
    let nested = |level| format!("m/{}#", "+/".repeat(level));
    let many: Vec<_> = (0..=REMEMBERED).map(|level| router.subscribe(&nested(level)).unwrap()).collect();
    let deep = "m".to_owned() + &"/x".repeat(REMEMBERED + 1);
    for times in 1..=2 {
        let before = router.logged;
        assert_eq!(router.route(&[&deep], &mut Work::of_a_round()).unwrap().len(), many.len(), "{times}");
        assert_eq!(router.logged - before, many.len(), "too many to be remembered");
    }
}

/// What is in use survives that rumqttd is started anew, and rumqttd gets to know it again.
#[test]
fn what_is_used_stays() {
    let mut router = Router::start(DEFAULTS).unwrap();
    let used = router.subscribe("a/+").unwrap();
    for n in 0..3 * UNUSED {
        let filter = format!("b/{n}");
        router.subscribe(&filter).unwrap();
        router.route(&["a/x"], &mut Work::of_a_round()).unwrap();
        router.unsubscribe(&filter);
        let found = router.route(&["a/x"], &mut Work::of_a_round()).unwrap();
        assert_eq!(found, [Match { index: 0, filter: used }]);
        assert_eq!(router.known, 1);
    }
}

/// Thousands of filters that all match: rumqttd keeps the last messages for each of them.
#[test]
fn what_rumqttd_keeps_for_each_filter_is_limited() {
    let mut router = Router::start(RouterLimits { max_bytes: 20_000_000, ..DEFAULTS }).unwrap();
    let filters: Vec<_> = (0..1_000_usize)
        .map(|bits| {
            let levels = (0..10).map(|level| if bits >> level & 1 == 0 { "a" } else { "+" });
            router.subscribe(&levels.collect::<Vec<_>>().join("/")).unwrap()
        })
        .collect();
    let topic = ["a"; 10].join("/");
    let (at_once, mut most) = (router.most_at_once(), 0);
    for _ in 0..20 {
        let found = router.route(&vec![topic.as_str(); at_once], &mut Work::of_a_round()).unwrap();
        assert_eq!(found.len(), at_once * filters.len());
        most = most.max(router.logged);
    }
    // And one batch.
    let allowed = 10_000_000 / LOGGED + at_once * filters.len();
    assert!(most > 30_000 && most <= allowed, "{most}");
    assert_eq!(at_once, 31);
}

/// Each filter costs rumqttd much: it gets to know some of them, and the tree finds the others.
#[test]
fn rumqttd_knows_only_so_many_filters() {
    let mut router = Router::start(DEFAULTS).unwrap();
    let filters: Vec<_> = (0..5_000).map(|n| router.subscribe(&format!("+/{n}")).unwrap()).collect();
    for _ in 0..10 {
        for n in [0, 4_999] {
            let found = router.route(&[&format!("a/{n}")], &mut Work::of_a_round()).unwrap();
            assert_eq!(found, [Match { index: 0, filter: filters[n] }]);
        }
    }
    assert!(router.known <= MOST_FILTERS && router.met_filters.len() <= MOST_FILTERS, "{}", router.known);
}
