//! What is stated in the settings, key by key, so that a reload can name what is different.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

/// Each key's path, as errors write it, and its value. The values may be secrets: only names leave it.
pub(crate) struct Keys(BTreeMap<String, String>);

impl Keys {
    pub(super) fn of(tree: &Value) -> Self {
        let mut keys = BTreeMap::new();
        collect(&mut keys, String::new(), tree);
        Self(keys)
    }

    /// The keys that are new, gone or different in `other`.
    pub(crate) fn different_in(&self, other: &Self) -> Vec<String> {
        let differs = |key: &&String| self.0.get(*key) != other.0.get(*key);
        let gone = self.0.keys().filter(|key| !other.0.contains_key(*key));
        gone.chain(other.0.keys()).filter(differs).cloned().collect()
    }
}

fn collect(keys: &mut BTreeMap<String, String>, path: String, value: &Value) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match &value.kind {
        ValueKind::Table(table) => {
            table.iter().for_each(|(key, value)| collect(keys, below(key), value));
        }
        ValueKind::Array(values) => {
            (1..).zip(values).for_each(|(place, value)| collect(keys, below(&place.to_string()), value));
        }
        plain => {
            keys.insert(path, plain.to_string());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use config::{Config, File, FileFormat};

    use super::*;

    fn keys(toml: &str) -> Keys {
        Keys::of(&Config::builder().add_source(File::from_str(toml, FileFormat::Toml)).build().unwrap().cache)
    }

    #[test]
    fn what_is_new_gone_or_different_is_named_and_nothing_else() {
        let before = keys("site = 'home'\nkeep_days = 400\n[[meter]]\nid = 'main'\npulses_per_kwh = 1000\n");
        let after = keys(
            "site = 'home'\n[mqtt]\nport = 1\n[[meter]]\npulses_per_kwh = 800\nid = 'main'\n[[meter]]\nid = 'heat'\n",
        );
        assert_eq!(
            before.different_in(&after),
            ["keep_days", "meter.1.pulses_per_kwh", "meter.2.id", "mqtt.port"]
        );
        assert!(before.different_in(&before).is_empty());
    }
}
