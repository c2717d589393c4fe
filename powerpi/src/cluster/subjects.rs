//! Filters of MQTT topics as NATS has them: `.` between levels, `*` and `>` for `+` and `#`. Pure.

use broker_users::UserName;

/// Why NATS cannot have a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A wildcard stands for a part of a level; there it stands for all of it.
    PartOfLevel,
    /// It depends on the client's id, which no right can name there.
    ClientId,
    /// A level is empty, or has a character that means something else there.
    Characters,
}

impl Unfit {
    /// In words, behind the filter.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::PartOfLevel => "NATS has no wildcard for a part of a level",
            Self::ClientId => "NATS has no rights by client id",
            Self::Characters => "NATS allows no space, no \".\" and no empty level in a topic",
        }
    }
}

/// The subjects that a filter of this user covers. `a/#` covers `a`, too, which are two there.
pub(super) fn subjects(filter: &str, name: &UserName) -> Result<Vec<String>, Unfit> {
    if filter.contains("%c") {
        return Err(Unfit::ClientId);
    }
    let named = filter.replace("%u", name.as_str()).replace("%U", &name.as_str().replace('_', "U"));
    let levels = named.split('/').map(level).collect::<Result<Vec<_>, _>>()?;
    Ok(match levels.as_slice() {
        [before @ .., ">"] if !before.is_empty() => vec![before.join("."), levels.join(".")],
        _ => vec![levels.join(".")],
    })
}

fn level(level: &str) -> Result<&str, Unfit> {
    match level {
        "+" => Ok("*"),
        "#" => Ok(">"),
        _ if level.contains('+') => Err(Unfit::PartOfLevel),
        _ if level.is_empty() || level.contains(['.', ' ', '*', '>', '#']) => Err(Unfit::Characters),
        _ => Ok(level),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_subject_or_says_why_not() {
        let name: UserName = "back_yard".parse().unwrap();
        for (filter, expected) in [
            ("powerpi/%u/+/minute", Ok(vec!["powerpi.back_yard.*.minute"])),
            (
                "homeassistant/device/powerpi_%U/config",
                Ok(vec!["homeassistant.device.powerpi_backUyard.config"]),
            ),
            ("powerpi/%u/#", Ok(vec!["powerpi.back_yard", "powerpi.back_yard.>"])),
            ("#", Ok(vec![">"])),
            ("$SYS/#", Ok(vec!["$SYS", "$SYS.>"])),
            ("homeassistant/device/powerpi_%U_+/config", Err(Unfit::PartOfLevel)),
            ("$+/#", Err(Unfit::PartOfLevel)),
            ("devices/%c/x", Err(Unfit::ClientId)),
            ("a//b", Err(Unfit::Characters)),
            ("a.b/c", Err(Unfit::Characters)),
            ("by owner", Err(Unfit::Characters)),
        ] {
            let expected = expected.map(|all: Vec<_>| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(subjects(filter, &name), expected, "{filter}");
        }
    }
}
