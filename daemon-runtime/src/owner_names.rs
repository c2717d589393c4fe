//! Users and groups by name: they have other numbers on other machines.

use std::path::Path;

/// The names and numbers of a machine, from its `/etc/passwd` or `/etc/group`.
#[derive(Debug, Clone, Default)]
pub struct OwnerNames(Vec<(String, u32)>);

impl OwnerNames {
    /// Those of a file; none if it cannot be read.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let named = |line: &str| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next()?, fields.nth(1)?);
            Some((name.to_owned(), number.parse().ok()?))
        };
        Self(text.lines().filter_map(named).collect())
    }

    /// The name that has this number.
    pub fn name(&self, number: u32) -> Option<String> {
        self.0.iter().find(|(_, its)| *its == number).map(|(name, _)| name.clone())
    }

    /// The number that has this name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(its, _)| its == name).map(|(_, number)| *number)
    }
}
