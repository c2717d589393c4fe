//! Which file defines what a file mentions.

use std::collections::BTreeSet;

use super::graph::Graph;
use super::source::{Crate, Module, ModulePath};

/// Longer chains of names that are passed on are circles of their own: `use diff::diff` looks like one.
const MOST_NAMES: usize = 12;

/// Where which paths were looked for already: names that are passed on in a circle lead nowhere.
type Asked = BTreeSet<(ModulePath, Vec<String>)>;

/// What files of a crate need of each other.
pub(crate) fn arrows(of: &Crate) -> Graph {
    let mut graph = Graph::default();
    for (path, module) in &of.modules {
        let mut add = |mentioned: &[String]| {
            if let Some((file, name)) = of.defining(path, mentioned, &mut Asked::new()) {
                graph.add(&module.file, file, &name);
            }
        };
        module.mentions.iter().for_each(|mentioned| add(mentioned));
        // A trait is imported for its methods, which do not name it.
        module.imports.iter().filter(|(_, _, passed_on)| !passed_on).for_each(|(import, ..)| add(import));
    }
    graph
}

impl Crate {
    /// The file that defines what a path means in a module, and its name there; none for what
    /// belongs to other crates, and for a module as such: what is used of it counts.
    fn defining(&self, module: &ModulePath, path: &[String], asked: &mut Asked) -> Option<(&str, String)> {
        if path.len() > MOST_NAMES || !asked.insert((module.clone(), path.to_vec())) {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let (mut here, mut rest) = match first.as_str() {
            "crate" => (ModulePath::new(), rest),
            "self" => (module.clone(), rest),
            "super" => (module[..module.len().checked_sub(1)?].to_vec(), rest),
            _ => (module.clone(), path),
        };
        while let Some((name, after)) = rest.split_first() {
            let child: ModulePath = here.iter().chain([name]).cloned().collect();
            if name == "super" {
                here.pop();
            } else if self.modules.contains_key(&child) {
                here = child;
            } else {
                return self.item(&here, name, after, asked);
            }
            rest = after;
        }
        None
    }

    /// The same for a name in a module that is no module itself.
    fn item(
        &self,
        here: &ModulePath,
        name: &str,
        after: &[String],
        asked: &mut Asked,
    ) -> Option<(&str, String)> {
        let module: &Module = self.modules.get(here)?;
        if module.items.contains(name) {
            return Some((&module.file, name.to_owned()));
        }
        for (path, given, _) in &module.imports {
            let whole: Vec<String> = match given.as_str() {
                "*" => path.iter().cloned().chain([name.to_owned()]).collect(),
                given if given == name => path.clone(),
                _ => continue,
            };
            let whole: Vec<String> = whole.into_iter().chain(after.iter().cloned()).collect();
            if let Some(found) = self.defining(here, &whole, asked) {
                return Some(found);
            }
        }
        None
    }
}
