//! The pictures on a meter's page, and what they say to those who cannot see them.

use meter_figures::Figures;
use meter_messages::{Minute, PeriodKind};

use crate::texts::Texts;

/// A picture on a page.
pub(crate) struct PictureView {
    pub(crate) title: &'static str,
    pub(crate) span: &'static str,
    pub(crate) alt: String,
    /// Added to the address so that a new minute is a new picture.
    pub(crate) minute: i64,
}

impl PictureView {
    /// The pictures of a meter, the shortest time first.
    pub(super) fn all(figures: &Figures, texts: &Texts, now: Minute) -> Vec<Self> {
        let view = |span: PeriodKind| Self {
            title: texts.span(span),
            span: span.name(),
            alt: alt(span, figures, texts),
            minute: now.epoch_minutes(),
        };
        PeriodKind::ALL.map(view).into()
    }
}

/// What a picture says, for those who cannot see it.
fn alt(span: PeriodKind, figures: &Figures, texts: &Texts) -> String {
    let words = &texts.graph;
    let unit = figures.meter.medium.unit();
    let (measure, rate_unit) = (texts.measure(unit), unit.of_rate());
    let subject =
        if span.days_up_to_now().is_some() { measure.quantity_of_days } else { measure.rate_over_time };
    let subject = format!("{subject}, {}", texts.span(span));
    // The year's sum is not worth reading half a million minutes for each page.
    let Some(sum) = figures.pictures.get(span as usize) else { return subject };
    let (Some(quantity), Some(mean)) = (sum.quantity(), sum.mean_rate()) else { return subject };
    let total = format!("{} {} {}", words.total, texts.number(quantity, 2), unit.symbol());
    if span.days_up_to_now().is_some() {
        // Of the time that was watched: W or l/h for a day make Wh or l.
        let mean = texts.number(mean * 24.0 / 1000.0, 1);
        return format!("{subject}: {} {mean} {}{}, {total}", words.mean, unit.symbol(), words.per_day);
    }
    let mean = texts.number(mean, 0);
    let highest = figures.highest.get(span as usize).copied().flatten();
    let highest = texts.number(highest.unwrap_or_default(), 0);
    format!("{subject}: {} {mean} {rate_unit}, {} {highest} {rate_unit}, {total}", words.mean, words.highest)
}
