//! Settings: one TOML file a daemon, overridden by `POWERPI__SECTION__KEY`.
//!
//! The layers are the `config` crate's. Reading the merged tree into a struct
//! is ours ([`node`]), because an unknown key shall be answered with its whole
//! path, where it stands, and the nearest key there is.

mod error;
mod keys;
mod names;
mod node;

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

pub use error::SettingsError;
pub(crate) use keys::Keys;
pub use names::{UnknownName, unknown_names};

/// Settings from `file`, or from `/etc/powerpi/<name>.toml` if that exists,
/// overridden by the environment.
pub fn load<S: DeserializeOwned>(name: &str, file: Option<&Path>) -> Result<S, SettingsError> {
    load_with_keys(name, file).map(|(settings, _)| settings)
}

/// The same, and what is stated there, key by key.
pub(crate) fn load_with_keys<S: DeserializeOwned>(
    name: &str,
    file: Option<&Path>,
) -> Result<(S, Keys), SettingsError> {
    let source = File::from(self::file(name, file)).required(file.is_some());
    if let Some(missing) = file.filter(|file| !file.is_file()) {
        return Err(SettingsError::new(format!(
            "{} cannot be read: there is no such file",
            missing.display()
        )));
    }
    let environment = Environment::with_prefix("POWERPI").prefix_separator("__").separator("__");
    read(Config::builder().add_source(source.format(FileFormat::Toml)).add_source(environment))
}

/// The file that was named on the command line, or the usual one.
pub(crate) fn file(name: &str, named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| format!("/etc/powerpi/{name}.toml").into(), Path::to_owned)
}

/// Settings from TOML text, without the environment: for tests of samples.
pub fn parse<S: DeserializeOwned>(toml: &str) -> Result<S, SettingsError> {
    read(Config::builder().add_source(File::from_str(toml, FileFormat::Toml))).map(|(settings, _)| settings)
}

fn read<S: DeserializeOwned>(
    layers: config::ConfigBuilder<config::builder::DefaultState>,
) -> Result<(S, Keys), SettingsError> {
    let merged = layers.build().map_err(|error| SettingsError::new(without_source(&error.to_string())))?;
    let keys = Keys::of(&merged.cache);
    Ok((S::deserialize(node::Node::from(merged.cache))?, keys))
}

/// What a parser says of TOML in one line, without the lines that it shows of the file: they may hold
/// a secret, and the error goes to the log.
fn without_source(said: &str) -> String {
    let shows =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    said.lines().filter(|line| !shows(line)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_quote_what_may_be_a_secret() {
        type Webhook = std::collections::BTreeMap<String, std::collections::BTreeMap<String, u8>>;
        for toml in [
            "[webhook]\nurl = 'https://h/token\n",
            "webhook = 'https://h/token'",
            "[webhook]\nurl = 'https://h/token'",
        ] {
            let error = parse::<Webhook>(toml).unwrap_err().to_string();
            assert!(!error.contains("token") && !error.contains('\n'), "{error}");
        }
        let error = parse::<Webhook>("[webhook]\n\nurl = 'https://h/token\n").unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
    }
}
