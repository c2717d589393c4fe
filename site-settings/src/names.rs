//! The names of meters and sites that the settings have something to say of.

use std::collections::HashSet;

use daemon_runtime::{UnknownName, unknown_names};
use meter_figures::Scope;

use crate::SiteSettings;

/// Where each stands, and what stands there.
#[derive(Debug, Clone, Default)]
pub struct SettingNames(Vec<(&'static str, String)>);

impl SettingNames {
    /// All that stand in the settings.
    pub fn new(settings: &SiteSettings) -> Self {
        let meters = settings.meter.iter().map(|meter| ("[[meter]] id", meter.id.to_string()));
        let scopes = settings.tariff.iter().filter(|tariff| tariff.scope != Scope::All);
        let scopes = scopes.map(|tariff| ("[[tariff]] for", tariff.scope.to_string()));
        let mains = settings.tariff.iter().filter_map(|tariff| tariff.main_meter.as_ref());
        let mains = mains.map(|meter| ("[[tariff]] main_meter", meter.to_string()));
        let public = settings.access.public_meters.iter().flatten();
        let public = public.map(|meter| ("[access] public_meters", meter.to_string()));
        let alarms = settings.alarm.iter().map(|alarm| ("[[alarm]] meter", alarm.meter.to_string()));
        let notes = settings.note.iter().filter(|note| note.scope != Scope::All);
        let notes = notes.map(|note| ("[[note]] for", note.scope.to_string()));
        Self(meters.chain(scopes).chain(mains).chain(public).chain(alarms).chain(notes).collect())
    }

    /// Those that nobody has.
    pub fn unknown(&self, known: &HashSet<String>) -> Vec<UnknownName> {
        unknown_names(self.0.iter().map(|(setting, name)| (*setting, name.as_str())), known)
    }
}
