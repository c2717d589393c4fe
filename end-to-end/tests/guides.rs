//! The guides in both languages give the same commands.
//! Whether the commands work is tried by `make test-packages`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn read(name: &str) -> String {
    fs::read_to_string(docs().join(name)).unwrap()
}

/// Blocks of commands, each with the comment before it that says where they run.
fn commands(guide: &str) -> Vec<&str> {
    guide.split("<!-- on ").skip(1).map(|rest| rest.split("\n```\n").next().unwrap()).collect()
}

#[test]
fn both_languages_give_the_same_commands() {
    let (english, german) = (read("GUIDE.md"), read("ANLEITUNG.md"));
    assert!(commands(&english).len() > 7);
    assert_eq!(commands(&english), commands(&german));
    // Every block of commands says where it runs.
    assert_eq!(english.matches("```sh").count(), commands(&english).len());
    let counters = ("COUNTERS.md", "FREMDE-ZAEHLER.md");
    let pairing = ("PAIRING.md", "KOPPELN.md");
    for (english, german) in [
        ("GUIDE.md", "ANLEITUNG.md"),
        ("WIRING.md", "VERDRAHTUNG.md"),
        counters,
        pairing,
        ("MIGRATING.md", "UMZIEHEN.md"),
    ] {
        let headings = |name| read(name).lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(headings(english), headings(german), "{english}");
    }
}

/// `make test-packages` types them in, and counts, too.
#[test]
fn the_first_picture_takes_as_few_commands_as_the_guides_say() {
    let at = |guide: &str, place: &str| {
        let text = read(guide);
        let block = text.split(&format!("<!-- on {place} -->\n```sh\n")).nth(1).unwrap();
        block.split("```").next().unwrap().lines().count()
    };
    for (guide, says) in [("GUIDE.md", "It takes five commands"), ("ANLEITUNG.md", "Fünf Befehle genügen")]
    {
        assert_eq!(at(guide, "the server") + at(guide, "the Pi"), 5, "{guide}");
        assert!(read(guide).contains(says), "{guide}");
    }
}

/// What the guides write of counters is what the publisher understands, in both languages the same.
#[test]
fn counters_are_set_up_as_the_guides_say() {
    let settings = |guide| {
        let text = read(guide);
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let (tables, meters): (Vec<_>, Vec<_>) = blocks.partition(|block| block.starts_with("[counters]"));
        let written = tables.concat() + &meters.concat();
        let settings: pi_publisher::settings::Settings = daemon_runtime::parse(&written).unwrap();
        settings.check().unwrap();
        let sources = settings.meter.iter().map(|meter| format!("{:?}", meter.source)).collect::<Vec<_>>();
        assert_eq!(sources.len(), 9, "{guide}");
        sources
    };
    assert_eq!(settings("COUNTERS.md"), settings("FREMDE-ZAEHLER.md"));
}

/// The pins that the wiring guide recommends are lines that the settings know.
#[test]
fn recommended_pins_are_lines() {
    let text = read("WIRING.md");
    let pins = text.split("Good ones are ").nth(1).unwrap().split(':').next().unwrap();
    let pins: Vec<&str> = pins.split([',', ' ']).filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(pins.len(), 10, "{pins:?}");
    for pin in pins {
        let line: pi_publisher::pulse_source::Line = serde_json::from_str(&format!("\"pin {pin}\"")).unwrap();
        assert!(line.to_string().contains("GPIO"), "{line}");
    }
}
