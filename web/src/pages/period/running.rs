//! Is it more than last year? Two years added up day by day, as far as both were watched.

use jiff::tz::TimeZone;
use meter_figures::{Period, local};
use meter_ledger::Sum;
use meter_messages::PeriodKind;

use crate::drawing::curve::Curve;
use crate::ledger::history::History;
use crate::pages::{on_scale, rough};
use crate::texts::Texts;

/// So many days must have been compared before anything is expected of the rest.
const LEAST_DAYS: usize = 28;

/// Two years in a drawing and a sentence.
pub(super) struct RunningView {
    pub(super) svg: String,
    /// What each line is.
    pub(super) this: String,
    pub(super) other: String,
    /// The same in a sentence.
    pub(super) sentence: String,
    /// What the whole of it may come to, in another one.
    pub(super) expected: Option<String>,
}

impl RunningView {
    /// Of a year that is compared.
    pub(super) fn new(history: &History, texts: &Texts, zone: &TimeZone) -> Option<Self> {
        let (period, (other, _)) = (history.period.as_ref()?, history.other.as_ref()?);
        let (running, rest) = history.running.as_ref()?;
        let last = running.last().filter(|last| last.pieces > 0)?;
        let (this, mut before): (Vec<_>, Vec<_>) =
            running.iter().map(|day| (Some(day.this), Some(day.other))).unzip();
        let mut expected = vec![None; running.len() - 1];
        let per_other = (last.other > 0.0 && last.pieces >= LEAST_DAYS).then(|| last.this / last.other);
        let (mut other_then, mut this_then) = (last.other, last.this);
        expected.push(Some(last.this).filter(|_| per_other.is_some() && !rest.is_empty()));
        for day in rest {
            let used = day.quantity();
            other_then += used.unwrap_or_default();
            before.push(used.map(|_| other_then));
            this_then += used.unwrap_or_default() * per_other.unwrap_or_default();
            expected.push(used.filter(|_| per_other.is_some()).map(|_| this_then));
        }
        let unit = history.meter.medium.unit();
        let is_known = !rest.is_empty() && rest.iter().all(Sum::is_known);
        let days = before.len();
        let (titles, words) = ([period, other].map(|of| texts.title(of, zone)), texts.chart);
        let said = |quantity: f64| format!("{}\u{a0}{}", rough(quantity, texts), unit.symbol());
        let sentence = words.running.replace("{a}", &said(last.this)).replace("{b}", &said(last.other));
        Some(Self {
            svg: Curve {
                values: &this,
                // Days that were not watched in both add nothing.
                begun: this.len(),
                corrected: &[],
                coarse: &[],
                bands: &[],
                ghost: &before,
                expected: &expected,
                ticks: months(period, days, texts, zone),
                rate: &|quantity| on_scale(quantity, unit, texts),
                fills: false,
            }
            .of(days),
            sentence: sentence.replace("{x}", &titles[0]).replace("{y}", &titles[1]),
            expected: per_other
                .filter(|_| is_known)
                .map(|_| words.running_to.replace("{e}", &said(this_then))),
            this: titles[0].clone(),
            other: titles[1].clone(),
        })
    }
}

/// The months of a year below its days; every third also where there is little room.
fn months(year: &Period, days: usize, texts: &Texts, zone: &TimeZone) -> Vec<(f64, String, bool)> {
    let months = meter_figures::pieces(PeriodKind::Month, &year.span, zone);
    let tick = |month: &Period| {
        let first = local(month.span.start, zone);
        let name = texts.short_month(first.month()).to_owned();
        (f64::from(first.day_of_year()) + 14.0, name, first.month() % 3 == 1)
    };
    months.iter().map(tick).filter(|(at, ..)| *at < days as f64).collect()
}
