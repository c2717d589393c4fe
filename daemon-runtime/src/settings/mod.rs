//! Settings: one TOML file a daemon, overridden by `POWERPI__SECTION__KEY`.
//!
//! The layers are the `config` crate's. Reading the merged tree into a struct
//! is ours ([`node`]), because an unknown key shall be answered with its whole
//! path, where it stands, and the nearest key there is.

mod error;
mod node;

use std::path::Path;

use config::{Config, Environment, File, FileFormat};
use serde::de::DeserializeOwned;

pub use error::SettingsError;

/// Settings from `file`, or from `/etc/powerpi/<name>.toml` if that exists,
/// overridden by the environment.
pub fn load<S: DeserializeOwned>(name: &str, file: Option<&Path>) -> Result<S, SettingsError> {
    let usual = format!("/etc/powerpi/{name}.toml");
    let source = match file {
        Some(file) => File::from(file).required(true),
        None => File::from(Path::new(&usual)).required(false),
    };
    if let Some(missing) = file.filter(|file| !file.is_file()) {
        return Err(SettingsError::new(format!(
            "{} cannot be read: there is no such file",
            missing.display()
        )));
    }
    let environment = Environment::with_prefix("POWERPI").prefix_separator("__").separator("__");
    read(Config::builder().add_source(source.format(FileFormat::Toml)).add_source(environment))
}

/// Settings from TOML text, without the environment: for tests of samples.
pub fn parse<S: DeserializeOwned>(toml: &str) -> Result<S, SettingsError> {
    read(Config::builder().add_source(File::from_str(toml, FileFormat::Toml)))
}

fn read<S: DeserializeOwned>(
    layers: config::ConfigBuilder<config::builder::DefaultState>,
) -> Result<S, SettingsError> {
    let merged = layers.build().map_err(|error| SettingsError::new(error.to_string().replace('\n', " ")))?;
    S::deserialize(node::Node::from(merged.cache))
}
