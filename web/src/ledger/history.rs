//! What a page of a period shows, read from the ledger.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_figures::{BillFacts, CapacityOf, Cost, Hour, LikeForLike, Period, SideBySide, Tariffs, pieces};
use meter_ledger::{Correction, HighestQuarter, RecordedMeter, Sum};
use meter_messages::{Minute, PeriodKind};

use crate::ledger::hours::Hours;
use crate::ledger::reader::{LedgerReader, ReadError};

/// Days on the list of the strongest.
const TOP: usize = 10;

/// Corrections that are told one by one.
const MOST_TOLD: usize = 20;

/// Times that are marked at most.
const MOST_MARKS: usize = 200;

/// Whole months are shown in days if they have no more than so many.
const MOST_IN_DAYS: usize = 62;

/// Everything is shown in years if there are more than so many, else in months.
const MOST_YEARS_IN_MONTHS: usize = 3;

/// A piece of a period: a bar.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its minutes.
    pub(crate) span: Range<Minute>,
    /// The period that it is, if that has a page.
    pub(crate) period: Option<Period>,
    /// What was recorded in it.
    pub(crate) sum: Sum,
    /// What it costs so far, where tariffs are known and it has whole hours.
    pub(crate) cost: Option<Cost>,
    /// What a kWh costs in the mean of its time, where prices of the day are paid and known.
    pub(crate) price: Option<f64>,
    /// The same piece of the period that is compared.
    pub(crate) other: Option<Sum>,
}

/// A period and what was recorded in it.
#[derive(Debug)]
pub(crate) struct History {
    /// The meter.
    pub(crate) meter: RecordedMeter,
    /// `None` for everything there is, or for days that are no period.
    pub(crate) period: Option<Period>,
    /// The first and the last of such days.
    pub(crate) days: Option<[Date; 2]>,
    /// From its first minute to its last.
    pub(crate) span: Range<Minute>,
    /// All of it.
    pub(crate) whole: Sum,
    /// The power in W, or flow in l/h, of its strongest minute; `None` where nobody watched.
    pub(crate) highest_rate: Option<f64>,
    /// Its pieces.
    pub(crate) parts: Vec<Part>,
    /// What it is compared with, up to the same time where it is not over, as far as both were watched.
    pub(crate) other: Option<(Period, Option<LikeForLike>)>,
    /// Of a year: what it and the other one had used day by day, and what the other one used of each day after that.
    pub(crate) running: Option<(Vec<LikeForLike>, Vec<Sum>)>,
    /// What it costs so far, and what the other one cost by then, where tariffs are
    /// known and something was recorded.
    pub(crate) costs: (Option<Cost>, Option<Cost>),
    /// Its strongest days, the first of them first.
    pub(crate) top: Vec<(Period, Sum)>,
    /// The hours of a year.
    pub(crate) hours: Vec<Hour>,
    /// What people say of times in it that were counted wrongly, the newest first.
    pub(crate) corrections: Vec<Correction>,
    /// Times in it of which only sums of more than a piece are known.
    pub(crate) coarse: Vec<Range<Minute>>,
    /// The quarter of an hour in which most was used, and by whom: by the whole site, where that is priced here.
    pub(crate) highest_quarter: Option<(HighestQuarter, CapacityOf)>,
    /// The meter's first minute.
    pub(crate) first: Minute,
    /// The first minute that is not recorded yet.
    pub(crate) until: Minute,
}

/// What is asked for.
pub(crate) struct Question {
    /// Of which meter.
    pub(crate) meter: RecordedMeter,
    /// `None` for everything there is, or for days that are no period.
    pub(crate) period: Option<Period>,
    /// The first and the last of such days.
    pub(crate) days: Option<[Date; 2]>,
    /// To be compared with, piece by piece.
    pub(crate) with: Option<Period>,
    /// The meter's first minute.
    pub(crate) first: Minute,
    /// The first minute that is not recorded yet.
    pub(crate) until: Minute,
}

impl History {
    /// Reads all of it.
    pub(crate) async fn read(hours: &Hours, asked: Question, site: &LedgerReader) -> Result<Self, ReadError> {
        let Question { meter, period, days, with, first, until } = asked;
        let zone = site.zone();
        let span = match (&period, days) {
            (Some(period), _) => period.span.clone(),
            (None, Some(days)) => of_days(days, zone),
            (None, None) => everything(first, until, zone),
        };
        let mut parts = match days {
            Some(_) => parts_of_days(&span, zone),
            None => parts(period.as_ref(), &span, zone),
        };
        read_sums(hours, &meter, &mut parts, until).await?;
        if let Some(with) = &with {
            let mut others = self::parts(Some(with), &with.span, zone);
            read_sums(hours, &meter, &mut others, until).await?;
            let others = others.into_iter().map(|part| Some(part.sum)).chain(std::iter::repeat(None));
            parts.iter_mut().zip(others).for_each(|(part, other)| part.other = other);
        }
        // Before its first month a meter has cost no fee.
        let from = Period::containing(PeriodKind::Month, first, zone).span.start;
        let paid = Paid { tariffs: site.tariffs(&meter).await?, hours, meter: &meter, zone, until };
        paid.read_costs(&mut parts, from).await?;
        let (mut then, mut running) = (None, None);
        let other = match period.as_ref() {
            Some(period) => {
                let other = with.unwrap_or_else(|| period.previous(zone));
                let by_then = other.by_the_time_of(period, until, zone);
                then = paid.cost(by_then.start.max(from)..by_then.end).await?;
                let both = SideBySide::new(period, &other, until, zone);
                let all = compared(hours, &meter, &both, until).await?;
                let last = all.last().copied().filter(|compared| compared.pieces > 0);
                if period.kind == PeriodKind::Year && last.is_some() {
                    let rest = days_after(by_then.end, &other, zone);
                    running = Some((all, hours.between(&meter, &rest, until).await?));
                }
                Some((other, last))
            }
            None => None,
        };
        let kind = period.as_ref().map(|period| period.kind);
        let whole = parts.iter().fold(Sum::default(), |sum, part| sum.and(&part.sum));
        let highest_rate =
            hours.highest_rate(&meter, span.start.max(first)..span.end.min(until), &whole).await?;
        let cost = match kind {
            Some(PeriodKind::Hour) => paid.cost(span.clone()).await?,
            _ => parts.iter().map(|part| part.cost).sum::<Option<Cost>>().filter(|_| whole.is_known()),
        };
        let costs = (cost, then);
        let top = match kind {
            Some(PeriodKind::Hour | PeriodKind::Day | PeriodKind::Week) => Vec::new(),
            _ => top(hours, &meter, &span, until, zone).await?,
        };
        let by_hour = match kind {
            Some(PeriodKind::Year) => hours.hours(&meter, span.clone(), until).await?,
            _ => Vec::new(),
        };
        let (corrections, hours) = (corrections(site, &meter, &span).await?, by_hour);
        let coarse = coarse(&meter, &span, &parts, site).await?;
        let highest_quarter = highest_quarter(&paid, &span, site).await?;
        Ok(Self {
            meter,
            period,
            days,
            span,
            whole,
            highest_rate,
            parts,
            other,
            running,
            costs,
            top,
            hours,
            corrections,
            coarse,
            highest_quarter,
            first,
            until,
        })
    }

    /// Whether nothing of it can change any more, as far as anybody knows: the
    /// ledger goes on behind its end.
    pub(crate) fn is_over(&self) -> bool {
        self.until >= self.span.end
    }
}

/// What holds of a span.
async fn corrections(
    site: &LedgerReader,
    meter: &RecordedMeter,
    span: &Range<Minute>,
) -> Result<Vec<Correction>, ReadError> {
    if meter.corrected_minutes(span) == 0 {
        return Ok(Vec::new());
    }
    let meter = meter.clone();
    let mut all = site.ask(move |ledger| ledger.corrections(&meter)).await?;
    all.retain(|said| said.undone.is_none() && said.span.start < span.end && span.start < said.span.end);
    all.reverse();
    all.truncate(MOST_TOLD);
    Ok(all)
}

/// The quarter of an hour of a span in which most was used.
async fn highest_quarter(
    paid: &Paid<'_>,
    span: &Range<Minute>,
    site: &LedgerReader,
) -> Result<Option<(HighestQuarter, CapacityOf)>, ReadError> {
    let (of, meters) = paid.tariffs.shown_capacity(paid.meter);
    let (meters, span) = (meters.to_vec(), span.clone());
    let found = site.ask_much(move |ledger| ledger.highest_quarter_together(&meters, span)).await?;
    Ok(found.map(|quarter| (quarter, of)))
}

async fn compared(
    hours: &Hours,
    meter: &RecordedMeter,
    both: &SideBySide,
    until: Minute,
) -> Result<Vec<LikeForLike>, ReadError> {
    let this = hours.between(meter, &both.this, until).await?;
    let other = hours.between(meter, &both.other, until).await?;
    Ok(both.running((&this, &other)))
}

/// The edges of a period's days after a minute of it.
fn days_after(at: Minute, period: &Period, zone: &TimeZone) -> Vec<Minute> {
    let end = period.span.end;
    let later = pieces(PeriodKind::Day, &(at..end), zone).into_iter().skip(1).map(|day| day.span.start);
    std::iter::once(at).chain(later).chain((at < end).then_some(end)).collect()
}

/// What is paid for a meter.
struct Paid<'asked> {
    tariffs: Tariffs,
    hours: &'asked Hours,
    meter: &'asked RecordedMeter,
    zone: &'asked TimeZone,
    until: Minute,
}

impl Paid<'_> {
    /// What each piece costs that is a period; of the time before `from` there is nothing to pay.
    async fn read_costs(&self, parts: &mut [Part], from: Minute) -> Result<(), ReadError> {
        if self.tariffs.is_empty() {
            return Ok(());
        }
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(()) };
        let all = self.facts(first.span.start..last.span.end).await?;
        for part in parts.iter_mut().filter(|part| part.period.is_some()) {
            let span = part.span.start.max(from)..part.span.end;
            let facts = BillFacts { used: self.used_before(span.start).await?, highest: all.highest.clone() };
            let read = self.hours.hours(self.meter, span, self.until).await?;
            part.cost = self.tariffs.cost(&facts, &read, self.until, self.zone);
            part.price = self.tariffs.mean_price(&read, self.zone);
        }
        Ok(())
    }

    /// What a span costs that begins with an hour; where it ends within one, the fee of
    /// the piece belongs to it as to one that has begun. `None` where nothing was recorded.
    async fn cost(&self, span: Range<Minute>) -> Result<Option<Cost>, ReadError> {
        if self.tariffs.is_empty() {
            return Ok(None);
        }
        let facts = self.facts(span.clone()).await?;
        let last = Period::containing(PeriodKind::Hour, span.end, self.zone).span;
        let mut read = self.hours.hours(self.meter, span.start..last.start, self.until).await?;
        if last.start < span.end {
            let mut begun = self.tariffs.pieces(&last, self.zone);
            begun.retain(|piece| piece.start < span.end);
            let bounds = begun.iter().map(|piece| piece.start).chain([span.end]).collect();
            let exact = self.hours.exact_hours(self.meter, bounds).await?;
            read.extend(begun.into_iter().zip(exact).map(|(span, exact)| Hour { span, ..exact }));
        }
        let recorded = read.iter().any(|hour| hour.sum.is_known());
        let cost = self.tariffs.cost(&facts, &read, self.until, self.zone);
        Ok(cost.filter(|_| recorded))
    }

    /// What the cost of a span depends on beside its hours.
    async fn facts(&self, span: Range<Minute>) -> Result<BillFacts, ReadError> {
        let used = self.used_before(span.start).await?;
        let highest = self.hours.highest_quarters(self.meter, span, &self.tariffs).await?;
        Ok(BillFacts { used, highest })
    }

    /// What was used of the blocks of the month before a minute.
    async fn used_before(&self, at: Minute) -> Result<Sum, ReadError> {
        let from = self.tariffs.counted_from(at, self.zone);
        if from >= at {
            return Ok(Sum::default());
        }
        let sums = self.hours.between(self.meter, &[from, at], self.until).await?;
        Ok(sums.into_iter().next().unwrap_or_default())
    }
}

/// The times of a period of which only sums are known that are longer than its pieces.
async fn coarse(
    meter: &RecordedMeter,
    span: &Range<Minute>,
    parts: &[Part],
    site: &LedgerReader,
) -> Result<Vec<Range<Minute>>, ReadError> {
    let minutes = |part: &Part| part.span.end.epoch_minutes() - part.span.start.epoch_minutes();
    let longest = parts.iter().map(minutes).max().unwrap_or_default();
    let (meter, span) = (meter.clone(), span.clone());
    let found = site.ask_much(move |ledger| ledger.coarse_spans(&meter, &span, longest, MOST_MARKS));
    Ok(found.await?.into_iter().map(|(span, _)| span).collect())
}

/// From the beginning of a day to the end of another.
pub(crate) fn of_days([first, last]: [Date; 2], zone: &TimeZone) -> Range<Minute> {
    let day = |date| Period::with_day(PeriodKind::Day, date, zone).span;
    day(first).start..day(last).end
}

/// Days; or months, where there are many days and they are whole months.
fn parts_of_days(span: &Range<Minute>, zone: &TimeZone) -> Vec<Part> {
    let months = pieces(PeriodKind::Month, span, zone);
    let begins = months.first().is_some_and(|month| month.span.start == span.start);
    let ends = months.last().is_some_and(|month| month.span.end == span.end);
    let days = pieces(PeriodKind::Day, span, zone);
    let pieces = if days.len() > MOST_IN_DAYS && begins && ends { months } else { days };
    pieces.into_iter().map(part).collect()
}

fn everything(first: Minute, until: Minute, zone: &TimeZone) -> Range<Minute> {
    let start = Period::containing(PeriodKind::Year, first, zone).span.start;
    start..Period::containing(PeriodKind::Year, until, zone).span.end
}

fn parts(period: Option<&Period>, span: &Range<Minute>, zone: &TimeZone) -> Vec<Part> {
    let years = || pieces(PeriodKind::Year, span, zone);
    match period {
        Some(period) if period.kind == PeriodKind::Hour => (span.start.epoch_minutes()
            ..span.end.epoch_minutes())
            .step_by(5)
            .map(|at| Minute::nearest(at)..Minute::nearest(at + 5).min(span.end))
            .map(|span| Part {
                span,
                period: None,
                sum: Sum::default(),
                cost: None,
                price: None,
                other: None,
            })
            .collect(),
        Some(period) => period.parts(zone).into_iter().map(part).collect(),
        None if years().len() > MOST_YEARS_IN_MONTHS => years().into_iter().map(part).collect(),
        None => pieces(PeriodKind::Month, span, zone).into_iter().map(part).collect(),
    }
}

fn part(period: Period) -> Part {
    Part {
        span: period.span.clone(),
        period: Some(period),
        sum: Sum::default(),
        cost: None,
        price: None,
        other: None,
    }
}

/// Where spans that follow each other begin, and where the last ends.
fn bounds<'part>(mut spans: impl Iterator<Item = &'part Range<Minute>>) -> Vec<Minute> {
    let mut bounds: Vec<Minute> = spans.by_ref().take(1).flat_map(|first| [first.start, first.end]).collect();
    bounds.extend(spans.map(|span| span.end));
    bounds
}

async fn read_sums(
    hours: &Hours,
    meter: &RecordedMeter,
    parts: &mut [Part],
    until: Minute,
) -> Result<(), ReadError> {
    let sums = hours.between(meter, &bounds(parts.iter().map(|part| &part.span)), until).await?;
    parts.iter_mut().zip(sums).for_each(|(part, sum)| part.sum = sum);
    Ok(())
}

async fn top(
    hours: &Hours,
    meter: &RecordedMeter,
    span: &Range<Minute>,
    until: Minute,
    zone: &TimeZone,
) -> Result<Vec<(Period, Sum)>, ReadError> {
    let days = pieces(PeriodKind::Day, span, zone);
    let sums = hours.between(meter, &bounds(days.iter().map(|day| &day.span)), until).await?;
    let mut days: Vec<_> = days.into_iter().zip(sums).filter(|(_, sum)| sum.pulses > 0).collect();
    days.sort_by(|one, other| other.1.counted().total_cmp(&one.1.counted()));
    days.truncate(TOP);
    Ok(days)
}
