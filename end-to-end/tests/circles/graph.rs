//! Who needs whom.

use std::collections::{BTreeMap, BTreeSet};

/// Arrows from who needs to who is needed, with the names that are.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    /// Nobody needs himself.
    pub(crate) fn add(&mut self, from: &str, to: &str, name: &str) {
        if from != to {
            let arrow = self.0.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default();
            arrow.insert(name.to_owned());
        }
    }

    /// How many arrows there are.
    pub(crate) fn arrows(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// The same between the folders of a crate, and files that have none.
    pub(crate) fn of_folders(&self) -> Graph {
        let folder = |file: &str| file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let mut graph = Graph::default();
        for (from, arrows) in &self.0 {
            for (to, names) in arrows {
                names.iter().for_each(|name| graph.add(&folder(from), &folder(to), name));
            }
        }
        graph
    }

    /// Each circle's arrows, a line each.
    pub(crate) fn circles(&self) -> Vec<String> {
        let (mut circles, mut done) = (Vec::new(), BTreeSet::new());
        for start in self.0.keys() {
            let circle: BTreeSet<&str> = self
                .from(start)
                .into_iter()
                .filter(|other| self.from(other).contains(start.as_str()))
                .collect();
            if !circle.is_empty() && !done.contains(start.as_str()) {
                circles.push(self.told(&circle));
                done.extend(circle);
            }
        }
        circles
    }

    /// All that somebody needs, by way of others, too.
    fn from(&self, start: &str) -> BTreeSet<&str> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(one) = next.pop() {
            for other in self.0.get(one).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(other.as_str()) {
                    next.push(other);
                }
            }
        }
        reached
    }

    fn told(&self, circle: &BTreeSet<&str>) -> String {
        let arrows =
            self.0.iter().flat_map(|(from, arrows)| arrows.iter().map(move |(to, names)| (from, to, names)));
        let within =
            arrows.filter(|(from, to, _)| circle.contains(from.as_str()) && circle.contains(to.as_str()));
        let lines = within.map(|(from, to, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("    {from} -> {to} ({})\n", names.join(", "))
        });
        lines.collect()
    }
}

#[test]
fn circles_are_found_and_nothing_else() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b/x"), ("b/x", "c"), ("c", "d"), ("d", "c"), ("c", "b/y"), ("a", "a")] {
        graph.add(from, to, "Name");
    }
    assert_eq!(graph.circles(), ["    c -> d (Name)\n    d -> c (Name)\n"]);
    assert_eq!(graph.of_folders().circles().len(), 1);
    assert!(graph.of_folders().circles()[0].contains("b -> c"));
}
