//! Draws pictures, from RRD files and with what the ledger says of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use meter_figures::{between, bill_facts, pieces, shown_until, until};
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Minute, PeriodKind};
use meter_rrd::{Graph, GraphRenderer, Picture, Size};
use web_http::{Effort, Prepared};

use super::files::Files;
use super::picture::{Drawn, PictureError, PictureKey, round};
use crate::ledger::reader::{LedgerReader, ReadError, minute_in_progress};
use crate::texts::Texts;

/// The part of a picture's height from which on it can be seen.
const SEEN: f64 = 0.02;

/// Minutes of a point in pictures of up to a week, at most.
const MINUTES_OF_POINT: i64 = 15;

/// Times that are marked at most.
const MOST_MARKS: usize = 30;

/// What the drawing thread owns.
#[derive(Debug)]
pub(super) struct Renderer {
    pub(super) graphs: GraphRenderer,
    pub(super) files: Files,
    pub(super) ledger: LedgerReader,
}

impl Renderer {
    /// Draws a picture of this minute.
    pub(super) fn picture(&self, key: &PictureKey) -> Result<Drawn, PictureError> {
        let (round, started) = (round(), Instant::now());
        let (image, edition) = self.draw(key)?;
        tracing::debug!(?key, bytes = image.len(), elapsed = ?started.elapsed(), "drew a picture");
        let file = Arc::new(match key.picture {
            Picture::Svg => Prepared::text("image/svg+xml", image, Effort::Quick),
            Picture::Png => Prepared::binary("image/png", image),
        });
        // Where somebody corrects, it may be done again.
        let over = key.period.as_ref().is_some_and(|period| period.span.end <= minute_in_progress());
        let over = over && edition == 0;
        Ok(Drawn { file, round, over })
    }

    /// The picture, and how often a correction of its meter was said or undone.
    fn draw(&self, key: &PictureKey) -> Result<(Vec<u8>, u64), PictureError> {
        let now = minute_in_progress();
        let Shown { meter, span, until, total, rates, corrected, coarse } =
            self.shown(key, now)?.ok_or(PictureError::NotFound)?;
        let meter = self.ledger.meters().as_set(meter);
        let texts = key.language.texts();
        // On pages the heading is the page's own.
        let title = match key.picture {
            Picture::Svg => String::new(),
            Picture::Png => format!("{} · {}", meter.name, self.title(key, texts)),
        };
        // On pages it stands beside the picture.
        let amount = match key.size {
            Size::Card => self.amount(&meter, span, until, texts)?,
            Size::Wide | Size::Narrow => String::new(),
        };
        let mut constant = meter.constant_at(Minute::nearest(i64::MIN));
        let earlier: Vec<_> = meter
            .constant_changes()
            .map(|(from, next)| (from, std::mem::replace(&mut constant, next)))
            .collect();
        let unit = meter.medium.unit();
        let graph = Graph {
            earlier: &earlier,
            kind: key.kind,
            theme: key.theme,
            colour: self.ledger.meters().colour(&key.meter),
            size: key.size,
            picture: key.picture,
            words: &texts.graph,
            title: &title,
            unit,
            rate: texts.measure(unit).rate,
            constant: meter.constant,
            rates: rates.as_deref(),
            corrected: &corrected,
            coarse: &coarse,
            total,
            amount: &amount,
            now,
            range: key.period.as_ref().map(|period| (period.span.start, period.span.end)),
        };
        let image = self.files.with(&key.meter, |database| Ok(self.graphs.render(database, &graph)?))?;
        Ok((image, meter.edition()))
    }

    fn title(&self, key: &PictureKey, texts: &Texts) -> String {
        match &key.period {
            Some(period) => texts.title(period, self.ledger.zone()),
            None => texts.span(key.kind).to_owned(),
        }
    }

    /// What a span costs so far, in words; empty where nobody knows.
    fn amount(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
        texts: &Texts,
    ) -> Result<String, ReadError> {
        let tariffs = self.ledger.tariffs_blocking(meter)?;
        if tariffs.is_empty() {
            return Ok(String::new());
        }
        let (asked, zone) = (meter.clone(), self.ledger.zone().clone());
        let cost = self.ledger.ask_blocking(move |ledger| {
            let hours = pieces(PeriodKind::Hour, &span, &zone);
            let edges = hours.iter().flat_map(|hour| tariffs.pieces(&hour.span, &zone));
            let mut bounds: Vec<Minute> = edges.map(|piece| piece.start).collect();
            bounds.retain(|edge| *edge < span.end);
            bounds.push(span.end);
            let hours = between(ledger, &asked, &bounds, (&zone, &tariffs))?;
            let facts = bill_facts(ledger, &asked, &span, (&zone, &tariffs))?;
            Ok(tariffs.cost(&facts, &hours, until, &zone))
        })?;
        let total = cost.and_then(|cost| cost.known_total());
        Ok(total.map(|total| texts.amount(total, self.ledger.currency())).unwrap_or_default())
    }

    /// What the ledger knows of it.
    fn shown(&self, key: &PictureKey, now: Minute) -> Result<Option<Shown>, ReadError> {
        let (meter, kind, zone) = (key.meter.clone(), key.kind, self.ledger.zone().clone());
        let period = key.period.as_ref().map(|period| period.span.clone());
        self.ledger.ask_blocking(move |ledger| {
            let Some(meter) = ledger.meter(&meter)? else { return Ok(None) };
            let until = until(ledger.newest(&meter)?.as_ref(), now);
            let span = period.unwrap_or_else(|| shown_until(kind, until, &zone));
            let sum = ledger.sum(&meter, span.clone())?;
            let rates = match kind.days_up_to_now() {
                None => rates_between_pulses(ledger, &meter, span.start..span.end.min(until), &sum)?,
                Some(_) => None,
            };
            // A point of a picture of power has some minutes, a bar has a day.
            let point = if kind.days_up_to_now().is_some() { 1440 } else { MINUTES_OF_POINT };
            let coarse = ledger.coarse_spans(&meter, &span, point, MOST_MARKS)?;
            let coarse = coarse.into_iter().map(|(span, _)| (span.start, span.end)).collect();
            let corrected = meter.corrected_spans(&span).map(|span| (span.start, span.end)).collect();
            Ok(Some(Shown { total: sum.quantity(), rates, corrected, coarse, meter, span, until }))
        })
    }
}

/// A meter, and of what the picture shows its energy or volume, and its power where pulses are few.
struct Shown {
    meter: RecordedMeter,
    span: Range<Minute>,
    /// The first minute that is not recorded yet.
    until: Minute,
    total: Option<f64>,
    rates: Option<Vec<(Minute, f64)>>,
    corrected: Vec<(Minute, Minute)>,
    coarse: Vec<(Minute, Minute)>,
}

/// The power of a span minute by minute, if it has minutes with few pulses, and a pulse more or less in a minute can be
/// seen at all beside the strongest one.
fn rates_between_pulses(
    ledger: &Ledger,
    meter: &RecordedMeter,
    span: Range<Minute>,
    sum: &Sum,
) -> Result<Option<Vec<(Minute, f64)>>, LedgerError> {
    let one_pulse = meter.constant.rate(1, Minute::SECONDS as f64);
    if sum.highest_rate().is_some_and(|highest| one_pulse < highest * SEEN) {
        return Ok(None);
    }
    let minutes = span.start.epoch_minutes()..=span.end.epoch_minutes();
    let bounds: Vec<Minute> = minutes.map(Minute::nearest).collect();
    let sums = ledger.sums(meter, &bounds)?;
    let has_few = sums.iter().any(Sum::is_between_pulses);
    let rates = bounds.into_iter().zip(&sums).filter_map(|(minute, sum)| Some((minute, sum.mean_rate()?)));
    Ok(has_few.then(|| rates.collect()))
}
