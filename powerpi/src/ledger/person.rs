//! Who gives a command.

/// The user of this machine, also behind `sudo`.
pub(crate) fn of_this_machine() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}
