use super::*;

const LIMITS: RouterLimits = RouterLimits { max_filters: 300, max_topics: 300 };

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
    for _ in 0..300 {
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
        assert!(router.route(&topics).unwrap() == expected);
    }
    assert!(subscribed.len() > 200, "{}", subscribed.len());
    // Both of rumqttd's memories were full.
    assert_eq!(router.topics.len(), LIMITS.max_topics);
    assert!(!router.unremembered.is_empty());
}

#[test]
fn topics_longer_than_a_segment_are_routed() {
    let mut router = Router::start(LIMITS).unwrap();
    let filter = router.subscribe("#").unwrap();
    let long = "x".repeat(65_535);
    let topics = ["a", &long, "b", &long, &long];
    let all: Vec<_> = (0..topics.len()).map(|index| Match { index, filter }).collect();
    for _ in 0..20 {
        assert_eq!(router.route(&topics).unwrap(), all);
    }
}

/// A topic without our ASCII level kills rumqttd's thread; that is noticed.
#[test]
fn the_routers_end_is_noticed() {
    let mut router = Router::start(LIMITS).unwrap();
    router.subscribe("#").unwrap();
    router.tx.publish("é", "x").unwrap();
    assert!(matches!(router.route(&["a"]), Err(RouterFailure::Gone(_))));
}

#[test]
fn a_hole_is_noticed() {
    let mut router = Router::start(LIMITS).unwrap();
    let filter = router.subscribe("#").unwrap();
    router.route(&["a", "b"]).unwrap();
    *router.next_offset.get_mut(&filter).unwrap() -= 1;
    assert!(matches!(router.route(&["a"]), Err(RouterFailure::Hole { .. })));
}
