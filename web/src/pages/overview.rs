//! All meters: each with its state, those of a site together.

use askama::Template;
use meter_figures::Figures;
use meter_ledger::Sum;
use meter_messages::Medium;

use super::{Frame, MeterView, exact};
use crate::live::values::{Freshness, Presence};
use crate::texts::Texts;

/// A site's meters.
pub(crate) struct SiteView {
    name: String,
    /// Of its meters of electricity, where there are several.
    sum: Option<SumView>,
    meters: Vec<MeterView>,
}

/// Meters added up.
struct SumView {
    /// Their power that is up to date.
    power: String,
    today: String,
    month: String,
}

impl SiteView {
    fn new(name: &str, meters: &[(&Figures, &Presence)], views: Vec<MeterView>, texts: &Texts) -> Self {
        Self { name: name.to_owned(), sum: SumView::new(meters, texts), meters: views }
    }
}

impl SumView {
    fn new(meters: &[(&Figures, &Presence)], texts: &Texts) -> Option<Self> {
        let electricity = meters.iter().filter(|(figures, _)| figures.meter.medium == Medium::Electricity);
        let meters: Vec<_> = electricity.collect();
        let kwh = |of: fn(&Figures) -> &Sum| {
            let known = meters.iter().filter_map(|(figures, _)| of(figures).quantity());
            exact(known.reduce(|one, other| one + other), texts)
        };
        let live = meters.iter().filter_map(|(_, presence)| {
            let is_live = presence.freshness(daemon_runtime::now()) == Freshness::Live;
            presence.value.as_ref().filter(|_| is_live)?.power_w
        });
        let watts: Vec<f64> = live.map(f64::from).collect();
        (meters.len() > 1).then(|| Self {
            power: if watts.is_empty() { "–".into() } else { texts.number(watts.iter().sum(), 0) },
            today: kwh(|figures| &figures.today),
            month: kwh(|figures| &figures.month),
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
    pub(crate) fn new(frame: Frame, meters: &[(&Figures, &Presence)], views: Vec<MeterView>) -> Self {
        let mut views = views.into_iter();
        let site = |figures: &Figures| figures.meter.meter.site.clone();
        let sites = meters.chunk_by(|one, other| site(one.0) == site(other.0)).map(|meters| {
            let name = meters.first().map(|(figures, _)| site(figures).to_string()).unwrap_or_default();
            SiteView::new(&name, meters, views.by_ref().take(meters.len()).collect(), frame.texts)
        });
        Self { sites: sites.collect(), frame }
    }
}
