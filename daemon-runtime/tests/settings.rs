//! Wrong settings get one line that names the key, the place and the remedy.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use daemon_runtime::{SettingsError, load, parse};
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    mqtt: Mqtt,
    meter: Vec<Meter>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Mqtt {
    address: String,
    keep_alive_s: u16,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self { address: "127.0.0.1:1883".into(), keep_alive_s: 30 }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Meter {
    id: String,
    #[serde(default)]
    name: Option<String>,
    source: Source,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    Cdev { chip: String, line: u32 },
    Simulated,
}

fn refusal(toml: &str) -> String {
    parse::<Settings>(toml).unwrap_err().to_string()
}

#[test]
fn nothing_set_means_the_defaults() {
    assert_eq!(parse::<Settings>("").unwrap(), Settings::default());
}

#[test]
fn tables_lists_and_choices_are_read() {
    let toml = "[mqtt]\nkeep_alive_s = 5\n[[meter]]\nid = 'main'\nsource = { kind = 'cdev', chip = 'x', line = 17 }\n\
                [[meter]]\nid = '2'\nsource.kind = 'simulated'";
    let settings: Settings = parse(toml).unwrap();
    assert_eq!(settings.mqtt, Mqtt { keep_alive_s: 5, ..Mqtt::default() });
    assert_eq!(settings.meter[0].source, Source::Cdev { chip: "x".into(), line: 17 });
    assert_eq!(settings.meter[1].source, Source::Simulated);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_one() {
    assert_eq!(
        refusal("[mqtt]\nadress = 'x'"),
        "settings: mqtt: unknown key \"adress\"; did you mean \"address\"?"
    );
    assert_eq!(refusal("[mqqt]\n"), "settings: unknown key \"mqqt\"; did you mean \"mqtt\"?");
    assert_eq!(
        refusal(
            "[[meter]]\nid='a'\nsource={kind='simulated'}\n[[meter]]\nid='b'\nsource={kind='cdev',chip='x',lin=1}"
        ),
        "settings: meter.2.source: unknown key \"lin\"; did you mean \"line\"?"
    );
    assert_eq!(refusal("zzz = 1"), "settings: unknown key \"zzz\"; expected one of: mqtt, meter");
}

#[test]
fn a_wrong_value_is_answered_with_its_path() {
    assert!(
        refusal("[mqtt]\nkeep_alive_s = 'soon'").starts_with("settings: mqtt.keep_alive_s: invalid type")
    );
    assert!(refusal("[mqtt]\nkeep_alive_s = 70000").contains("mqtt.keep_alive_s: invalid value"));
    assert_eq!(
        refusal("[[meter]]\nid = 'a'\nsource = { kind = 'simulatd' }"),
        "settings: meter.1.source.kind: unknown choice \"simulatd\"; did you mean \"simulated\"?"
    );
    assert_eq!(refusal("[[meter]]\nid = 'a'"), "settings: meter.1: the key \"source\" is missing");
    assert!(!refusal("[mqtt\n").contains('\n'), "one line");
}

#[test]
fn a_file_is_overridden_by_the_environment() {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    write!(file, "[mqtt]\naddress = 'a:1'\nkeep_alive_s = 7").unwrap();
    // Other tests read no environment; this is the only one that sets it.
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var("POWERPI__MQTT__ADDRESS", "007");
        std::env::set_var("POWERPI__MQTT__KEEP_ALIVE_S", "9");
    }
    let settings: Settings = load("test", Some(file.path())).unwrap();
    assert_eq!(settings.mqtt, Mqtt { address: "007".into(), keep_alive_s: 9 });
    let missing: SettingsError = load::<Settings>("test", Some("/nowhere.toml".as_ref())).unwrap_err();
    assert_eq!(missing.to_string(), "settings: /nowhere.toml cannot be read: there is no such file");
}
