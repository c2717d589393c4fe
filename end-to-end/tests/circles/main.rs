//! Circles: files of a crate, and crates, that need each other. There are to be none, so that
//! whoever reads from the bottom up never meets a name that is explained further up.
//!
//! `cargo test -p end-to-end --test circles -- --nocapture` prints what there is. Tests do not
//! count, nor does it count that a parent declares its children or passes their names on: a name
//! is looked up in the file that defines it.
//!
//! A crate that is free of them stays so: take it out of [`NOT_YET`] as soon as it is.
#![allow(clippy::unwrap_used)]

mod graph;
mod names;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use graph::Graph;
use source::Crate;

/// Crates whose files still have circles.
const NOT_YET: &[&str] = &["daemon-runtime", "end-to-end", "pi-publisher"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The workspace's crates, by folder.
fn crates() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    members.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The package's name of a crate, and the names of what it needs, for its tests included.
fn manifest(folder: &str) -> (String, BTreeSet<String>) {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let (mut section, mut name, mut needs) = ("", String::new(), BTreeSet::new());
    for line in text.lines() {
        let key = line.split(['=', '.', ' ']).next().unwrap();
        if line.starts_with('[') {
            section = line;
        } else if section == "[package]" && key == "name" {
            name = line.split('"').nth(1).unwrap().to_owned();
        } else if section.ends_with("dependencies]") && !key.is_empty() {
            needs.insert(key.to_owned());
        }
    }
    (name, needs)
}

#[test]
fn no_crate_needs_itself_by_way_of_others() {
    let manifests: Vec<_> = crates().iter().map(|folder| manifest(folder)).collect();
    let mut graph = Graph::default();
    for (name, needs) in &manifests {
        for other in needs.iter().filter(|needed| manifests.iter().any(|(known, _)| known == *needed)) {
            graph.add(name, other, "Cargo.toml");
        }
    }
    assert!(graph.arrows() > crates().len(), "too few to be all");
    let circles = graph.circles();
    assert!(circles.is_empty(), "crates that need each other:\n{}", circles.join("\n"));
}

#[test]
fn no_file_needs_itself_by_way_of_others() {
    let mut told = Vec::new();
    let mut arrows = 0;
    for folder in crates() {
        let files = Crate::read(&root().join(&folder).join("src"));
        let graph = names::arrows(&files);
        arrows += graph.arrows();
        let found = [("files", graph.circles()), ("folders", graph.of_folders().circles())];
        for (what, circles) in found {
            for circle in circles {
                println!("{folder}: {what} that need each other:\n{circle}");
                if !NOT_YET.contains(&folder.as_str()) {
                    told.push(format!("{folder}: {what}: {circle}"));
                }
            }
        }
    }
    assert!(arrows > 300, "{arrows} uses of another file are too few to be all");
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}
