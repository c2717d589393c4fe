//! All meters: each with its state, those of a site together.

use askama::Template;
use meter_figures::{Glance, House};
use meter_ledger::Sum;
use meter_messages::{Measures, Medium};

use super::{CardView, Frame, exact, site_path};
use crate::ledger::reader::LedgerReader;
use crate::live::values::{Freshness, Presence};
use crate::texts::Texts;

/// A site's meters.
pub(crate) struct SiteView {
    name: String,
    /// The page of its meters as a whole.
    path: String,
    /// Of its meters of electricity, where there are several.
    sum: Option<SumView>,
    /// Each, and whether it is in the sum.
    meters: Vec<(CardView, bool)>,
}

/// Meters added up that are no others' part.
struct SumView {
    /// The power that is used and up to date.
    power: String,
    /// What is used; what is made and what is fed in, where that is measured.
    quantities: Vec<QuantityView>,
}

/// What of one kind there was today and in the month.
struct QuantityView {
    /// `None` of what is used.
    name: Option<&'static str>,
    today: String,
    month: String,
}

/// A meter with its value of now, and its place in the house.
type Placed<'a> = (usize, &'a (Glance, Presence));

impl SiteView {
    fn new(meters: &[Placed<'_>], house: &House, texts: &Texts, ledger: &LedgerReader) -> Self {
        let site = meters.first().map(|(_, (glance, _))| &glance.meter.meter.site);
        let roots: Vec<Placed<'_>> =
            meters.iter().copied().filter(|(place, _)| is_summed(*place, house)).collect();
        let card = |(place, (glance, presence)): &Placed<'_>| {
            let counts = is_summed(*place, house) && house.measures(*place).is_some_and(Measures::is_use);
            (CardView::new(glance, presence, texts, ledger), counts)
        };
        let several = meters.iter().filter(|(_, (glance, _))| glance.meter.medium == Medium::Electricity);
        let sum = (several.count() > 1 && !roots.is_empty()).then(|| SumView::new(&roots, house, texts));
        Self {
            name: site.map(ToString::to_string).unwrap_or_default(),
            path: site_path(site),
            sum,
            meters: meters.iter().map(card).collect(),
        }
    }
}

/// Whether a meter is one of electricity and no other's part: that one has its quantity already.
fn is_summed(place: usize, house: &House) -> bool {
    let is_electricity = house.meters().get(place).is_some_and(|known| known.medium == Medium::Electricity);
    is_electricity && house.tree().is_root(place)
}

impl SumView {
    fn new(roots: &[Placed<'_>], house: &House, texts: &Texts) -> Self {
        let of = |wanted: fn(Measures) -> bool| -> Vec<&(Glance, Presence)> {
            let fits = |place: usize| house.measures(place).is_some_and(wanted);
            roots.iter().filter(|(place, _)| fits(*place)).map(|(_, meter)| *meter).collect()
        };
        let used = of(Measures::is_use);
        let live = used.iter().filter_map(|(_, presence)| {
            let is_live = presence.freshness(daemon_runtime::now()) == Freshness::Live;
            presence.value.as_ref().filter(|_| is_live)?.power_w
        });
        let watts: Vec<f64> = live.map(f64::from).collect();
        let kinds = [
            (None, used),
            (Some(texts.house.made), of(|measures| measures == Measures::Production)),
            (Some(texts.house.goes_out(Medium::Electricity)), of(|measures| measures == Measures::Export)),
        ];
        let kinds = kinds.into_iter().filter(|(_, meters)| !meters.is_empty());
        Self {
            power: if watts.is_empty() { "–".into() } else { texts.number(watts.iter().sum(), 0) },
            quantities: kinds.map(|(name, meters)| QuantityView::new(name, &meters, texts)).collect(),
        }
    }
}

impl QuantityView {
    fn new(name: Option<&'static str>, meters: &[&(Glance, Presence)], texts: &Texts) -> Self {
        let kwh = |of: fn(&Glance) -> &Sum| {
            let known = meters.iter().filter_map(|(glance, _)| of(glance).quantity());
            exact(known.reduce(|one, other| one + other), texts)
        };
        Self { name, today: kwh(|glance| &glance.today), month: kwh(|glance| &glance.month) }
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
        // A part may be at another site than its whole.
        let house = House::new(meters.iter().map(|(glance, _)| glance.meter.clone()).collect());
        let placed: Vec<Placed<'_>> = meters.iter().enumerate().collect();
        let of_one_site = |(_, one): &Placed<'_>, (_, other): &Placed<'_>| {
            one.0.meter.meter.site == other.0.meter.meter.site
        };
        let sites =
            placed.chunk_by(of_one_site).map(|meters| SiteView::new(meters, &house, frame.texts, ledger));
        Self { sites: sites.collect(), frame }
    }
}
