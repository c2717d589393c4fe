//! The pages on which admins set things. Pure.

use meter_figures::{Scope, TariffKey};
use meter_messages::{Medium, Meter, MeterId};
use site_settings::NoteKey;

use super::query::{RouteError, meter};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingsPlace {
    /// `/settings`: all of them, and the form for the whole site.
    All,
    /// `/settings/meter/<site>/<meter>`
    Meter(Meter),
    /// `/settings/tariff` for a new one, or `/settings/tariff/<medium>/<first day or always>[/<site>[/<meter>]]`
    Tariff(Option<TariffKey>),
    /// `/settings/alarm` for a new one, or `/settings/alarm/<name>`
    Alarm(Option<MeterId>),
    /// `/settings/note` for a new one, or `/settings/note/<moment>[/<site>[/<meter>]]`
    Note(Option<NoteKey>),
    /// `/settings/history`
    History,
    /// `/settings/users`
    Users,
}

/// In the place of a day, of a tariff that held always.
const ALWAYS: &str = "always";

/// The tariff of an address.
fn tariff(medium: &str, from: &str, scope: &[&str]) -> Result<TariffKey, RouteError> {
    let media = [Medium::Electricity, Medium::Gas, Medium::Water];
    let medium = media.into_iter().find(|one| one.as_str() == medium).ok_or(RouteError::NotFound)?;
    let from = match from {
        ALWAYS => None,
        day => Some(day.parse().map_err(|_| RouteError::NotFound)?),
    };
    Ok(TariffKey { medium, from, scope: scope_of(scope)? })
}

/// What stands at the end of an address: nothing, a site, or a meter.
fn scope_of(parts: &[&str]) -> Result<Scope, RouteError> {
    match parts {
        [] => Ok(Scope::All),
        [site] => Ok(Scope::Site(site.parse().map_err(|_| RouteError::NotFound)?)),
        [site, id] => Ok(Scope::Meter(meter(site, id)?)),
        _ => Err(RouteError::NotFound),
    }
}

/// The same, to be put there.
fn scope_path(scope: &Scope) -> String {
    match scope {
        Scope::All => String::new(),
        Scope::Site(site) => format!("/{site}"),
        Scope::Meter(meter) => format!("/{meter}"),
    }
}

/// The address of a tariff.
fn path_of(tariff: &TariffKey) -> String {
    let from = tariff.from.map_or_else(|| ALWAYS.to_owned(), |from| from.to_string());
    format!("{}/{from}{}", tariff.medium.as_str(), scope_path(&tariff.scope))
}

impl SettingsPlace {
    /// Reads what stands after `/settings`.
    pub(super) fn parse(rest: &[&str]) -> Result<Self, RouteError> {
        match rest {
            [] => Ok(Self::All),
            ["history"] => Ok(Self::History),
            ["users"] => Ok(Self::Users),
            ["meter", site, id] => meter(site, id).map(Self::Meter),
            ["tariff"] => Ok(Self::Tariff(None)),
            ["tariff", medium, from, scope @ ..] => {
                tariff(medium, from, scope).map(|key| Self::Tariff(Some(key)))
            }
            ["alarm"] => Ok(Self::Alarm(None)),
            ["alarm", name] => {
                name.parse().map(|name| Self::Alarm(Some(name))).map_err(|_| RouteError::NotFound)
            }
            ["note"] => Ok(Self::Note(None)),
            ["note", at, scope @ ..] => {
                let at = at.parse().map_err(|_| RouteError::NotFound)?;
                Ok(Self::Note(Some(NoteKey { at, scope: scope_of(scope)? })))
            }
            _ => Err(RouteError::NotFound),
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::All => "/settings".to_owned(),
            Self::Meter(meter) => format!("/settings/meter/{meter}"),
            Self::Tariff(None) => "/settings/tariff".to_owned(),
            Self::Tariff(Some(key)) => format!("/settings/tariff/{}", path_of(key)),
            Self::Alarm(None) => "/settings/alarm".to_owned(),
            Self::Alarm(Some(name)) => format!("/settings/alarm/{name}"),
            Self::Note(None) => "/settings/note".to_owned(),
            Self::Note(Some(key)) => format!("/settings/note/{}{}", key.at, scope_path(&key.scope)),
            Self::History => "/settings/history".to_owned(),
            Self::Users => "/settings/users".to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_address_of_its_own() {
        for path in [
            "/settings",
            "/settings/meter/hq/main",
            "/settings/tariff",
            "/settings/tariff/electricity/2026-01-01",
            "/settings/tariff/gas/always/hq",
            "/settings/tariff/water/always/hq/main",
            "/settings/alarm",
            "/settings/alarm/too-much",
            "/settings/note",
            "/settings/note/2026-11-20T14:30:00",
            "/settings/note/2026-11-20T14:30:00/hq/main",
            "/settings/history",
            "/settings/users",
        ] {
            let parts: Vec<&str> = path.split('/').skip(2).collect();
            assert_eq!(SettingsPlace::parse(&parts).unwrap().path(), path);
        }
        for path in [
            "x",
            "meter/hq",
            "meter/HQ/main",
            "tariff/oil/always",
            "tariff/gas/soon",
            "alarm/a b",
            "alarm/",
            "note/soon",
        ] {
            let parts: Vec<&str> = path.split('/').collect();
            assert_eq!(SettingsPlace::parse(&parts), Err(RouteError::NotFound), "{path}");
        }
    }
}
