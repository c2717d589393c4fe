//! Manual pages and completions of all programs: whatever `--help` names stands in them, and their readers find no fault.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::run_to_end;
use tempfile::TempDir;

const PROGRAMS: [&str; 6] =
    ["pi-publisher", "powerpi", "powerpi-alarms", "powerpi-broker", "powerpi-recorder", "powerpi-web"];

/// A command of a program, and its options.
struct Asked {
    words: Vec<String>,
    options: BTreeSet<String>,
}

/// A program says in its first line what it does, for people and not for those who build it.
#[test]
fn every_program_says_what_it_does_in_words_of_its_own() {
    let help =
        |program, asked| String::from_utf8(run_to_end(program, Path::new("."), &[asked]).stdout).unwrap();
    let first_lines = PROGRAMS.map(|program| help(program, "--help").lines().next().unwrap().to_owned());
    assert_eq!(first_lines.iter().collect::<BTreeSet<_>>().len(), PROGRAMS.len(), "{first_lines:?}");
    for (program, first) in PROGRAMS.iter().zip(&first_lines) {
        assert!(help(program, "-h").starts_with(first), "{program}");
        assert!(!help(program, "--help").contains("Self::"), "{program}");
    }
}

/// All commands of a program, as its help names them; the program itself first.
fn commands(words: &[String], found: &mut Vec<Asked>) {
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).chain(["--help"]).collect();
    let help = run_to_end(&words[0], Path::new("."), &arguments);
    let help = String::from_utf8(help.stdout).unwrap();
    let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    // What an option does comes after two spaces, and may name others.
    let options = options.filter_map(|line| line.split("  ").next());
    let options = options.flat_map(|line| line.split([' ', ',', '=']).filter(|word| word.starts_with("--")));
    found.push(Asked { words: words.to_vec(), options: options.map(str::to_owned).collect() });
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    // What begins further to the right goes on with the line before.
    for name in names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()) {
        if name != "help" {
            commands(&[words, &[name.to_owned()]].concat(), found);
        }
    }
}

fn all_commands() -> Vec<Asked> {
    let mut found = Vec::new();
    PROGRAMS.iter().for_each(|program| commands(&[(*program).to_owned()], &mut found));
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// What belongs into `/usr/share`.
fn share() -> TempDir {
    let share = TempDir::new().unwrap();
    for program in PROGRAMS {
        let written = run_to_end(program, share.path(), &["write-manual", "."]);
        assert!(
            written.status.success() && written.stdout.is_empty() && written.stderr.is_empty(),
            "{written:?}"
        );
    }
    share
}

/// As a terminal shows it, without what makes it bold.
fn shown(page: &Path) -> String {
    let shown = Command::new("mandoc").args(["-T", "ascii", "-O", "width=200"]).arg(page).output().unwrap();
    let mut text = String::new();
    for letter in String::from_utf8(shown.stdout).unwrap().chars() {
        match letter {
            '\u{8}' => drop(text.pop()),
            letter => text.push(letter),
        }
    }
    text
}

#[test]
fn every_command_has_a_page_with_all_of_its_options() {
    let share = share();
    let commands = all_commands();
    let pages: BTreeSet<String> = fs::read_dir(share.path().join("man/man1"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> =
        commands.iter().map(|command| format!("{}.1", command.words.join("-"))).collect();
    assert_eq!(pages, expected);
    for Asked { words, options } in &commands {
        let page = share.path().join(format!("man/man1/{}.1", words.join("-")));
        let text = shown(&page);
        let lines: Vec<&str> =
            text.lines().map(str::trim_start).filter(|line| line.starts_with('-')).collect();
        for option in options {
            let is_there =
                lines.iter().any(|line| line.split([' ', ',', '=', '[']).any(|word| word == option));
            assert!(is_there, "{words:?} {option}: {text}");
        }
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
            assert!(text.contains(&format!("\n{heading}\n")), "{heading} of {words:?}: {text}");
        }
    }
    let linted = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(pages.iter().map(|page| share.path().join("man/man1").join(page)))
        .output()
        .unwrap();
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}

#[test]
fn the_same_release_has_the_same_pages() {
    let pages = |at: &str, user: &str| {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(end_to_end::binary("powerpi"));
        command.env("SOURCE_DATE_EPOCH", at).envs(["SUDO_USER", "USER", "LOGNAME"].map(|name| (name, user)));
        assert!(command.args(["write-manual"]).arg(folder.path()).status().unwrap().success());
        ["invite", "ledger-void"]
            .map(|name| fs::read_to_string(folder.path().join(format!("man/man1/powerpi-{name}.1"))).unwrap())
    };
    let of_anna = pages("1790000000", "anna");
    assert_eq!(of_anna, pages("1790000000", "root"), "whoever makes them");
    assert!(of_anna[0].contains("2026-09-21"), "{}", of_anna[0]);
}

/// Bash itself is asked, and the files of the others are looked through.
#[test]
fn shells_complete_every_command_and_option() {
    let share = share();
    let read = |name: String| fs::read_to_string(share.path().join(name)).unwrap();
    for Asked { words, options } in all_commands() {
        let program = &words[0];
        let file = share.path().join("bash-completion/completions").join(program);
        let before = words.last().unwrap();
        let asked = format!(
            "set -eu; . {}; COMP_WORDS=({} --); COMP_CWORD={}; [[ $(complete -p {program}) =~ -F\\ ([^ ]+) ]]; \
             ${{BASH_REMATCH[1]}} {program} -- {before}; echo \"${{COMPREPLY[@]}}\"",
            file.display(),
            words.join(" "),
            words.len()
        );
        let answer = Command::new("bash").args(["--norc", "-c", &asked]).output().unwrap();
        let offered = String::from_utf8(answer.stdout).unwrap();
        let offered: BTreeSet<&str> = offered.split_whitespace().collect();
        let missing: Vec<_> = options.iter().filter(|option| !offered.contains(option.as_str())).collect();
        assert!(missing.is_empty(), "{words:?}: {missing:?} {}", String::from_utf8_lossy(&answer.stderr));
        let (zsh, fish) = (
            read(format!("zsh/vendor-completions/_{program}")),
            read(format!("fish/vendor_completions.d/{program}.fish")),
        );
        assert!(zsh.starts_with(&format!("#compdef {program}\n")));
        for option in &options {
            assert!(
                zsh.contains(option) && fish.contains(&format!("-l {}", &option[2..])),
                "{words:?} {option}"
            );
        }
    }
}
