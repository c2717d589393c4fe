//! What forms offer to choose from.

use std::collections::BTreeSet;

use meter_ledger::RecordedMeter;
use meter_messages::{Meter, SiteId, Unit};
use site_settings::SiteSettings;

use crate::texts::{SettingsWords, Texts};

/// What forms offer to choose from.
#[derive(Clone, Copy)]
pub(crate) struct Offered<'a> {
    pub(crate) texts: &'static Texts,
    /// All meters, as they are called here.
    pub(crate) meters: &'a [RecordedMeter],
    /// What stands in TOML, and cannot be changed here.
    pub(crate) fixed: &'a SiteSettings,
    /// What is saved.
    pub(crate) stored: &'a SiteSettings,
    /// Whether there are users, so that it matters which meters are public.
    pub(crate) is_restricted: bool,
}

impl Offered<'_> {
    pub(super) fn words(&self) -> &'static SettingsWords {
        self.texts.settings
    }

    /// Meters to choose from; with the one that was chosen, though it is not known.
    pub(super) fn meters(&self, chosen: &str, but: Option<&Meter>) -> Vec<(String, String)> {
        let others = self.meters.iter().filter(|known| Some(&known.meter) != but);
        let mut choices: Vec<_> = others
            .map(|known| (known.meter.to_string(), format!("{} ({})", known.name, known.meter)))
            .collect();
        if chosen.contains('/') && !choices.iter().any(|(meter, _)| meter == chosen) {
            choices.push((chosen.to_owned(), chosen.to_owned()));
        }
        choices
    }

    /// The sites that there are.
    pub(super) fn sites(&self) -> BTreeSet<&SiteId> {
        self.meters.iter().map(|known| &known.meter.site).collect()
    }

    /// All meters, those of a site, and single ones; with what was chosen, though it is not known.
    pub(super) fn scopes(&self, chosen: &str) -> Vec<(String, String)> {
        let words = self.words();
        let mut scopes = vec![(String::new(), words.all_meters.to_owned())];
        let of_site = |site: &SiteId| (site.to_string(), words.site_meters.replace("{site}", site.as_str()));
        scopes.extend(self.sites().into_iter().map(of_site));
        scopes.extend(self.meters(chosen, None));
        if !scopes.iter().any(|(sent, _)| sent == chosen) {
            scopes.push((chosen.to_owned(), chosen.to_owned()));
        }
        scopes
    }

    /// Whose highest quarter of an hour may be meant.
    pub(super) fn peaks(&self) -> Vec<(String, String)> {
        let words = self.words();
        [("", words.peak_of_meter), ("site", words.peak_of_site)]
            .map(|(sent, read)| (sent.to_owned(), read.to_owned()))
            .into()
    }

    /// The unit in which a meter counts, if it is known.
    pub(super) fn unit_of(&self, meter: &str) -> Option<Unit> {
        let known = self.meters.iter().find(|known| known.meter.to_string() == meter);
        known.map(|known| known.medium.unit())
    }
}
