//! What people read before they use PowerPi: links lead somewhere, commands exist and are tried by
//! somebody, and the first pages stay short.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All documents, by their paths from the root.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for folder in [".", ".github", "docs", "docs/decisions"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                found.push(format!("{folder}/{name}").trim_start_matches("./").to_owned());
            }
        }
    }
    assert!(found.len() > 40, "{found:?}");
    found
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// What stands in brackets after `](`, outside of code.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).map(|rest| rest.split([')', ' ']).next().unwrap())
}

/// The names that links within a page lead to, as forges make them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in links(&read(&document)).filter(|link| !link.contains("://") && !link.is_empty()) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(&document) } else { folder.join(path) };
            let is_there = target.exists()
                && (anchor.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !is_there {
                wrong.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A block of commands says where it is run: in the guides on which machine (`deploy/packages/guide.sh`
/// runs those), elsewhere by which file, or why by none.
#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = read(&document);
        let lines: Vec<&str> = text.lines().collect();
        for (number, _) in lines.iter().enumerate().filter(|(_, line)| **line == "```sh") {
            let said = number.checked_sub(1).map_or("", |before| lines[before]);
            let said =
                said.strip_prefix("<!-- ").and_then(|said| said.strip_suffix(" -->")).unwrap_or_default();
            let is_guide = ["docs/GUIDE.md", "docs/ANLEITUNG.md"].contains(&document.as_str());
            let is_run = said
                .strip_prefix("run by ")
                .is_some_and(|files| files.split(", ").all(|file| root().join(file).is_file()));
            if !(is_run || is_guide && said.starts_with("on ") || said.starts_with("not run: ")) {
                wrong.push(format!("{document}:{}: {:?}", number + 1, said));
            }
        }
    }
    assert!(wrong.is_empty(), "say `<!-- run by FILE -->` or `<!-- not run: WHY -->`: {wrong:#?}");
}

/// Code in the text and in blocks that begins with one of `starts`, word by word.
fn commands(text: &str, start: &str) -> BTreeSet<Vec<String>> {
    let code = text.split('`').skip(1).step_by(2).chain(text.lines());
    let words = code.map(|code| code.trim_start_matches("sudo ").split_whitespace().map(str::to_owned));
    words
        .map(Iterator::collect)
        .filter(|words: &Vec<String>| words.first().is_some_and(|first| first == start))
        .collect()
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
        && !word.starts_with('-')
}

#[test]
fn make_has_every_target_that_is_named() {
    let makefile = read("Makefile");
    let mut named = 0;
    for document in documents() {
        for command in commands(&read(&document), "make") {
            let Some(target) = command.get(1).filter(|target| is_word(target)) else { continue };
            named += 1;
            assert!(makefile.contains(&format!("\n{target}:")), "{document}: make {target}");
        }
    }
    assert!(named > 20, "{named} targets");
}

#[test]
fn each_target_of_make_has_all_that_it_names() {
    let listed = Command::new("make").arg("help").current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let targets: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(targets.len() > 20, "{targets:?}");
    for target in targets {
        let arguments = ["--warn-undefined-variables", "--dry-run", target];
        let told = Command::new("make").args(arguments).current_dir(root()).output().unwrap();
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(!told.contains("undefined variable"), "{target}: {told}");
    }
}

/// Some people have one folder for whatever cargo builds.
#[test]
fn make_finds_what_cargo_has_built_elsewhere() {
    for (target, runs) in
        [("demo", "/elsewhere/demo/powerpi demo"), ("bench-rest", "/elsewhere/release/examples/bench")]
    {
        let mut make = Command::new("make");
        make.args(["--dry-run", target]).env("CARGO_TARGET_DIR", "/elsewhere").current_dir(root());
        let told = String::from_utf8(make.output().unwrap().stdout).unwrap();
        assert!(told.contains(runs), "{told}");
    }
}

#[test]
fn programs_have_every_command_that_is_named() {
    let mut named = BTreeSet::new();
    for document in documents().into_iter().filter(|document| document != "CHANGELOG.md") {
        for program in ["powerpi", "pi-publisher"] {
            for command in commands(&read(&document), program) {
                let words = command[1..].iter().take_while(|word| is_word(word)).take(2).cloned();
                let words: Vec<String> = words.collect();
                // A second word may be a value; only these have commands of their own.
                let depth =
                    if ["ledger", "prices", "settings"].contains(&words.first().map_or("", String::as_str)) {
                        2
                    } else {
                        1
                    };
                named.insert((program, words.into_iter().take(depth).collect::<Vec<_>>(), document.clone()));
            }
        }
    }
    assert!(named.len() > 20, "{named:?}");
    for (program, command, document) in named {
        let help = Command::new(binary(program)).args(&command).arg("--help").output().unwrap();
        assert!(
            help.status.success(),
            "{document}: {program} {command:?}: {}",
            String::from_utf8_lossy(&help.stderr)
        );
    }
}

#[test]
fn the_first_pages_are_short() {
    for (document, most) in [("README.md", 600), ("ARCHITECTURE.md", 900)] {
        let words = read(document).split_whitespace().count();
        assert!(words <= most, "{document} has {words} words; at most {most} are read");
    }
}

/// Otherwise nobody finds it.
#[test]
fn every_decision_is_in_the_list() {
    let list = read("docs/decisions/README.md");
    for document in documents() {
        if let Some(name) = document.strip_prefix("docs/decisions/").filter(|name| *name != "README.md") {
            assert!(list.contains(&format!("({name})")), "{name}");
        }
    }
}

/// What people type to make certificates by hand makes some that fit.
#[test]
fn a_ca_is_made_as_the_document_says() {
    let text = read("docs/ACCESS.md");
    let block = text.split("```sh\n").find(|block| block.starts_with("umask")).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let run = |commands: &str| {
        let ran = Command::new("bash").args(["-euc", commands]).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{commands}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run(block.split("```").next().unwrap());
    run("openssl verify -CAfile ca.pem -verify_hostname server.lan broker.pem");
    run("openssl verify -CAfile ca.pem -verify_ip 192.168.1.2 broker.pem");
    run("[ $(stat -c %a ca.key) = 600 ] && [ $(stat -c %a broker.key) = 600 ]");
}
