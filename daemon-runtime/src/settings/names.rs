//! Names in settings, compared with those that there are: one that is mistyped does nothing, and nobody would notice.

use std::collections::HashSet;
use std::fmt;

use super::error::nearest;

/// A name in the settings that is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnknownName {
    /// Where it stands, like `[[tariff]] for`.
    pub setting: &'static str,
    /// What stands there.
    pub name: String,
    /// What may be meant.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, name, nearest } = self;
        write!(f, "{setting} = \"{name}\": nothing of this name has been recorded")?;
        match nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
            None => Ok(()),
        }
    }
}

/// The names that nobody has, each once. They are ids like `site` and `site/meter`, and are compared with their kind.
pub fn unknown_names<'said>(
    said: impl IntoIterator<Item = (&'static str, &'said str)>,
    known: &HashSet<String>,
) -> Vec<UnknownName> {
    let mut unknown: Vec<UnknownName> = Vec::new();
    for (setting, name) in said.into_iter().filter(|(_, name)| !known.contains(*name)) {
        let is_of_kind = |other: &&str| other.matches('/').count() == name.matches('/').count();
        let mut of_kind: Vec<&str> = known.iter().map(String::as_str).filter(is_of_kind).collect();
        of_kind.sort_unstable();
        let nearest = nearest(name, &of_kind).map(str::to_owned);
        let found = UnknownName { setting, name: name.to_owned(), nearest };
        if !unknown.contains(&found) {
            unknown.push(found);
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_of_the_same_kind_is_offered() {
        let known = ["home", "home/main", "home/heat-pump", "shed"].map(String::from).into();
        let said = [
            ("[[alarm]] meter", "home/mian"),
            ("[[tariff]] for", "hone"),
            ("[[meter]] id", "home/main"),
            ("[[meter]] id", "qqq/zzz"),
            ("[[alarm]] meter", "home/mian"),
        ];
        let lines: Vec<String> = unknown_names(said, &known).iter().map(UnknownName::to_string).collect();
        assert_eq!(
            lines,
            [
                "[[alarm]] meter = \"home/mian\": nothing of this name has been recorded; did you mean \"home/main\"?",
                "[[tariff]] for = \"hone\": nothing of this name has been recorded; did you mean \"home\"?",
                "[[meter]] id = \"qqq/zzz\": nothing of this name has been recorded",
            ]
        );
    }
}
