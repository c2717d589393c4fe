//! All meters: each with its state, those of a site together.

use askama::Template;
use meter_figures::Glance;
use meter_ledger::Sum;
use meter_messages::Medium;

use super::{CardView, Frame, exact};
use crate::ledger::reader::LedgerReader;
use crate::live::values::{Freshness, Presence};
use crate::texts::Texts;

/// A site's meters.
pub(crate) struct SiteView {
    name: String,
    /// Of its meters of electricity, where there are several.
    sum: Option<SumView>,
    meters: Vec<CardView>,
}

/// Meters added up.
struct SumView {
    /// Their power that is up to date.
    power: String,
    today: String,
    month: String,
}

impl SiteView {
    fn new(meters: &[(Glance, Presence)], texts: &Texts, ledger: &LedgerReader) -> Self {
        let name = meters.first().map(|(glance, _)| glance.meter.meter.site.to_string());
        let card = |(glance, presence): &(Glance, Presence)| CardView::new(glance, presence, texts, ledger);
        Self {
            name: name.unwrap_or_default(),
            sum: SumView::new(meters, texts),
            meters: meters.iter().map(card).collect(),
        }
    }
}

impl SumView {
    fn new(meters: &[(Glance, Presence)], texts: &Texts) -> Option<Self> {
        let electricity = meters.iter().filter(|(glance, _)| glance.meter.medium == Medium::Electricity);
        let meters: Vec<_> = electricity.collect();
        let kwh = |of: fn(&Glance) -> &Sum| {
            let known = meters.iter().filter_map(|(glance, _)| of(glance).quantity());
            exact(known.reduce(|one, other| one + other), texts)
        };
        let live = meters.iter().filter_map(|(_, presence)| {
            let is_live = presence.freshness(daemon_runtime::now()) == Freshness::Live;
            presence.value.as_ref().filter(|_| is_live)?.power_w
        });
        let watts: Vec<f64> = live.map(f64::from).collect();
        (meters.len() > 1).then(|| Self {
            power: if watts.is_empty() { "–".into() } else { texts.number(watts.iter().sum(), 0) },
            today: kwh(|glance| &glance.today),
            month: kwh(|glance| &glance.month),
        })
    }
}

/// Several meters, or none yet.
#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage {
    frame: Frame,
    sites: Vec<SiteView>,
}

impl OverviewPage {
    /// The page of meters that are sorted by their site.
    pub(crate) fn new(frame: Frame, meters: &[(Glance, Presence)], ledger: &LedgerReader) -> Self {
        let of_one_site = |one: &(Glance, Presence), other: &(Glance, Presence)| {
            one.0.meter.meter.site == other.0.meter.meter.site
        };
        let sites = meters.chunk_by(of_one_site).map(|meters| SiteView::new(meters, frame.texts, ledger));
        Self { sites: sites.collect(), frame }
    }
}
