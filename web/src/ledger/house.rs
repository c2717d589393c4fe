//! What all meters together show, read from the ledger a month at a time.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use meter_figures::{BillFacts, Cost, Hour, House, HouseSums, Period, Saved, Tariffs, pieces, sums, until};
use meter_ledger::{HighestQuarter, LedgerError, RecordedMeter, Sum};
use meter_messages::{Measures, Medium, Minute, PeriodKind, SiteId};

use crate::ledger::hours::Hours;
use crate::ledger::reader::{LedgerReader, ReadError, minute_in_progress, tomorrow};

/// Minutes in which an hour is reckoned; everything longer is by hours.
const PIECE_OF_HOUR: usize = 15;

/// The longest time in which the highest quarter of an hour of several meters is sought, in minutes: a year.
const MOST_OF_QUARTERS: i64 = 366 * 1440;

/// Everything is shown in years if there are more than so many, else in months.
const MOST_YEARS_IN_MONTHS: usize = 3;

/// The meters that somebody may see, and how far each is recorded.
#[derive(Debug)]
pub(crate) struct RecordedHouse {
    /// Whose meters these are; `None` of all.
    pub(crate) site: Option<SiteId>,
    /// Which is part of which.
    pub(crate) house: House,
    /// Whether these are all meters: otherwise nothing can be reckoned of them together.
    pub(crate) is_whole: bool,
    /// From the first minute of each to the first that is not recorded yet, by their places.
    recorded: Vec<Range<Minute>>,
    /// What each of them costs.
    tariffs: Vec<Tariffs>,
    /// The first minute of any of them.
    pub(crate) first: Minute,
    /// The first minute that none of them has recorded yet.
    pub(crate) until: Minute,
}

/// What all meters come to in a time, and what that costs.
#[derive(Debug)]
pub(crate) struct HouseFigures {
    /// Its minutes.
    pub(crate) span: Range<Minute>,
    /// The period that it is, if that has a page.
    pub(crate) period: Option<Period>,
    /// What was measured.
    pub(crate) sums: HouseSums,
    /// What each meter's quantity costs, by its place, where tariffs are known.
    costs: Vec<Option<Cost>>,
    /// What own use of electricity would have cost, where it is known.
    saved: Saved,
}

/// The hours of a month, and what each meter measured in them.
#[derive(Debug)]
struct Month {
    month: Period,
    hours: Vec<Period>,
    sums_of_all: Vec<Vec<Sum>>,
    /// The same in the pieces in which each meter has one price.
    of_all: Vec<Arc<[Hour]>>,
}

/// A period of a house.
#[derive(Debug)]
pub(crate) struct HouseHistory {
    /// `None` for everything there is.
    pub(crate) period: Option<Period>,
    /// All of it.
    pub(crate) whole: HouseFigures,
    /// Its pieces.
    pub(crate) parts: Vec<HouseFigures>,
    /// The quarter of an hour in which a site took in most electricity.
    pub(crate) highest_quarter: Option<HighestQuarter>,
}

impl RecordedHouse {
    /// Finds out how far the meters of a house are recorded.
    pub(crate) async fn read(
        (of, house): (Option<SiteId>, House),
        is_whole: bool,
        site: &LedgerReader,
    ) -> Result<Self, ReadError> {
        let now = minute_in_progress();
        let meters = house.meters().to_vec();
        let recorded = site.ask(move |ledger| {
            let of_meter = |known: &RecordedMeter| -> Result<Range<Minute>, LedgerError> {
                let (first, newest) = (ledger.first(known)?, ledger.newest_up_to(known, tomorrow(now))?);
                let until = until(newest.as_ref(), now);
                Ok(first.map_or(until, |first| first.min(until))..until)
            };
            meters.iter().map(of_meter).collect::<Result<Vec<_>, _>>()
        });
        let recorded = recorded.await?;
        let first = recorded.iter().map(|span| span.start).min().unwrap_or(now);
        let until = recorded.iter().map(|span| span.end).max().unwrap_or(now);
        let mut tariffs = Vec::new();
        for known in house.meters() {
            tariffs.push(site.tariffs(known).await?);
        }
        Ok(Self { site: of, house, is_whole, recorded, tariffs, first, until })
    }

    /// The quarter of an hour of a span in which most electricity came in, of one site of which all is seen.
    async fn highest_quarter(
        &self,
        span: &Range<Minute>,
        site: &LedgerReader,
    ) -> Result<Option<HighestQuarter>, ReadError> {
        let mut sites = self.house.meters().iter().map(|known| &known.meter.site);
        let first = sites.next().filter(|first| self.is_whole && sites.all(|other| other == *first));
        let supply = first.map(|only| self.house.supply(only)).unwrap_or_default();
        let span = span.start.max(self.first)..span.end.min(self.until);
        let minutes = span.end.epoch_minutes() - span.start.epoch_minutes();
        if supply.is_empty() || minutes <= 0 || (supply.len() > 1 && minutes > MOST_OF_QUARTERS) {
            return Ok(None);
        }
        site.ask_much(move |ledger| ledger.highest_quarter_together(&supply, span)).await
    }

    /// Whether anything that is used of a medium has a price.
    pub(crate) fn is_priced(&self, medium: Medium) -> bool {
        self.has_tariff(medium, Measures::is_use)
    }

    /// Whether anything is paid for what is fed in.
    pub(crate) fn is_paid(&self, medium: Medium) -> bool {
        self.has_tariff(medium, |measures| measures == Measures::Export)
    }

    /// Whether own use can have a price: all is seen, something is made and fed in, and what comes in has a tariff.
    pub(crate) fn can_save(&self, medium: Medium) -> bool {
        let supply = self.house.only_import(medium).filter(|_| medium == Medium::Electricity);
        let is_there = |measures| !self.house.roots(medium, measures).is_empty();
        let is_made = is_there(Measures::Production) && is_there(Measures::Export);
        self.is_whole && is_made && supply.is_some_and(|place| !self.tariffs[place].is_empty())
    }

    fn has_tariff(&self, medium: Medium, measures: impl Fn(Measures) -> bool) -> bool {
        let mut meters = self.house.meters().iter().zip(&self.tariffs);
        meters.any(|(known, tariffs)| {
            known.medium == medium && measures(known.relation.measures()) && !tariffs.is_empty()
        })
    }

    /// All hours of a month of each meter.
    async fn month(&self, month: Period, hours: &Hours, zone: &TimeZone) -> Result<Month, ReadError> {
        let whole = pieces(PeriodKind::Hour, &month.span, zone);
        let (mut of_all, mut sums_of_all) = (Vec::new(), Vec::new());
        for (known, recorded) in self.house.meters().iter().zip(&self.recorded) {
            let read = hours.month(known, &month, recorded.end).await?;
            // The prices of one meter may change within an hour, and those of another not.
            sums_of_all.push(sums(&whole, &read));
            of_all.push(read);
        }
        Ok(Month { month, hours: whole, sums_of_all, of_all })
    }

    /// Compares what is kept of a span with the ledger.
    pub(crate) async fn look_again(&self, span: &Range<Minute>, hours: &Hours) -> Result<(), ReadError> {
        let span = span.start.max(self.first)..span.end.min(self.until);
        for (known, recorded) in self.house.meters().iter().zip(&self.recorded) {
            hours.look_again(known, &span, recorded.end).await?;
        }
        Ok(())
    }

    /// Reads spans of whole hours that follow each other, and hands over each. Never more than one month of hours is
    /// held for who asks.
    pub(crate) async fn each_span(
        &self,
        spans: impl IntoIterator<Item = (Range<Minute>, Option<Period>)>,
        hours: &Hours,
        site: &LedgerReader,
        mut take: impl FnMut(HouseFigures),
    ) -> Result<(), ReadError> {
        let zone = site.zone();
        let mut read: Option<Month> = None;
        for (span, period) in spans {
            let recorded = span.start.max(self.first)..span.end.min(self.until);
            // A fee is paid from the first month on.
            let first_month = Period::containing(PeriodKind::Month, self.first, zone).span.start;
            let paid = span.start.max(first_month)..recorded.end;
            let mut figures = HouseFigures::new(span, period, &self.house);
            let mut at = paid.start;
            while at < paid.end {
                let month = Period::containing(PeriodKind::Month, at, zone);
                at = month.span.end;
                let known = match read.take() {
                    Some(known) if known.month == month => known,
                    _ => self.month(month, hours, zone).await?,
                };
                figures.add(&known, &recorded);
                self.add_costs(&mut figures, &known, &paid, (hours, zone)).await?;
                self.add_saved(&mut figures, &known, &recorded, (hours, zone)).await?;
                read = Some(known);
            }
            take(figures);
        }
        Ok(())
    }

    /// Adds what the hours of a month that lie in a span cost.
    async fn add_costs(
        &self,
        figures: &mut HouseFigures,
        month: &Month,
        span: &Range<Minute>,
        (hours, zone): (&Hours, &TimeZone),
    ) -> Result<(), ReadError> {
        let meters = self.house.meters().iter().zip(&self.recorded).zip(&self.tariffs).zip(&month.of_all);
        for (cost, (((known, reach), tariffs), read)) in figures.costs.iter_mut().zip(meters) {
            if tariffs.is_empty() {
                *cost = None;
                continue;
            }
            let read = within(read, span);
            // Before its first month a meter has cost no fee.
            let first = Period::containing(PeriodKind::Month, reach.start, zone).span.start;
            let (Some(begin), Some(last)) =
                (read.first().filter(|hour| hour.span.start >= first), read.last())
            else {
                continue;
            };
            let (begin, end) = (begin.span.start, last.span.end);
            let used = used_before(begin, (known, tariffs), reach.end, (hours, zone)).await?;
            let highest = hours.highest_quarters(known, begin..end, tariffs).await?;
            let of_month = tariffs.cost(&BillFacts { used, highest }, read, reach.end, zone);
            *cost = [*cost, of_month].into_iter().sum::<Option<Cost>>();
        }
        Ok(())
    }

    /// Adds what own use in the hours of a month that lie in a span has saved, at the prices of the only meter through which
    /// electricity comes in.
    async fn add_saved(
        &self,
        figures: &mut HouseFigures,
        month: &Month,
        span: &Range<Minute>,
        (hours, zone): (&Hours, &TimeZone),
    ) -> Result<(), ReadError> {
        let Some(place) = self.house.only_import(Medium::Electricity) else { return Ok(()) };
        let (known, tariffs) = (&self.house.meters()[place], &self.tariffs[place]);
        let own_use = month.own_use(figures, span);
        let read = within(&month.of_all[place], span);
        let (false, Some(first)) = (own_use.is_empty() || tariffs.is_empty(), read.first()) else {
            return Ok(());
        };
        let until = self.recorded[place].end;
        let used = used_before(first.span.start, (known, tariffs), until, (hours, zone)).await?;
        let facts = BillFacts { used, ..BillFacts::default() };
        figures.saved = [figures.saved, tariffs.saved(&facts, read, &own_use, zone)].into_iter().sum();
        Ok(())
    }

    /// The quarters of an hour.
    async fn quarters(&self, hour: &Period, hours: &Hours) -> Result<Vec<HouseFigures>, ReadError> {
        let edges = hour.span.start.epoch_minutes()..hour.span.end.epoch_minutes();
        let mut bounds: Vec<Minute> = edges.step_by(PIECE_OF_HOUR).map(Minute::nearest).collect();
        bounds.push(hour.span.end);
        let mut of_all = Vec::new();
        for known in self.house.meters() {
            of_all.push(hours.exact(known, bounds.clone()).await?);
        }
        let quarter = |(index, edges): (usize, &[Minute])| {
            let span = edges[0]..edges[1];
            let mut figures = HouseFigures::new(span.clone(), None, &self.house);
            figures.costs = vec![None; of_all.len()];
            let sums: Vec<&Sum> = of_all.iter().filter_map(|sums| sums.get(index)).collect();
            if span.start < self.until && sums.len() == of_all.len() {
                figures.sums.add(&span, &sums);
            }
            figures
        };
        Ok(bounds.windows(2).enumerate().map(quarter).collect())
    }
}

/// What a meter has used in the time that its tariff counts from, before a moment.
async fn used_before(
    begin: Minute,
    (known, tariffs): (&RecordedMeter, &Tariffs),
    until: Minute,
    (hours, zone): (&Hours, &TimeZone),
) -> Result<Sum, ReadError> {
    let from = tariffs.counted_from(begin, zone);
    match from < begin {
        true => Ok(hours.between(known, &[from, begin], until).await?.pop().unwrap_or_default()),
        false => Ok(Sum::default()),
    }
}

impl Month {
    /// The own use of each hour of a span in which it is known.
    fn own_use(&self, figures: &HouseFigures, span: &Range<Minute>) -> Vec<(Range<Minute>, f64)> {
        let media = &figures.sums.media;
        let Some(of) = media.iter().find(|of| of.medium == Medium::Electricity) else { return Vec::new() };
        let own_use = |(index, hour): (usize, &Period)| {
            let sums: Vec<&Sum> = self.sums_of_all.iter().filter_map(|sums| sums.get(index)).collect();
            let is_in = hour.span.end > span.start && hour.span.start < span.end;
            let quantity = of.own_use_of(&hour.span, &sums).filter(|_| is_in)?;
            Some((hour.span.clone(), quantity))
        };
        self.hours.iter().enumerate().filter_map(own_use).collect()
    }
}

impl HouseHistory {
    /// Reads a period; everything there is without one.
    pub(crate) async fn read(
        recorded: &RecordedHouse,
        period: Option<Period>,
        hours: &Hours,
        site: &LedgerReader,
    ) -> Result<Self, ReadError> {
        let zone = site.zone();
        let span = period.as_ref().map_or_else(|| everything(recorded, zone), |period| period.span.clone());
        recorded.look_again(&span, hours).await?;
        let mut whole = Vec::new();
        let of_whole = [(span.clone(), period.clone())];
        recorded.each_span(of_whole, hours, site, |figures| whole.push(figures)).await?;
        let mut whole =
            whole.pop().unwrap_or_else(|| HouseFigures::new(span.clone(), period.clone(), &recorded.house));
        let mut parts = Vec::new();
        match &period {
            Some(hour) if hour.kind == PeriodKind::Hour => {
                parts = recorded.quarters(hour, hours).await?;
                // An hour in progress is reckoned by its quarters.
                let mut sums = HouseSums::new(&recorded.house);
                for part in parts.iter().filter(|part| part.sums.minutes > 0) {
                    sums.add(&part.span, &part.sums.of_meters.iter().collect::<Vec<_>>());
                }
                whole.sums = sums;
            }
            _ => {
                let pieces = parts_of(period.as_ref(), &span, zone);
                let pieces = pieces.into_iter().map(|part| (part.span.clone(), Some(part)));
                recorded.each_span(pieces, hours, site, |figures| parts.push(figures)).await?;
            }
        }
        let highest_quarter = recorded.highest_quarter(&span, site).await?;
        Ok(Self { period, whole, parts, highest_quarter })
    }
}

impl HouseFigures {
    fn new(span: Range<Minute>, period: Option<Period>, house: &House) -> Self {
        let costs = vec![Some(Cost::default()); house.meters().len()];
        Self { span, period, sums: HouseSums::new(house), costs, saved: Saved::default() }
    }

    /// Adds the hours of a month that lie in a span.
    fn add(&mut self, month: &Month, span: &Range<Minute>) {
        for (index, hour) in month.hours.iter().enumerate() {
            let hour = &hour.span;
            let sums: Vec<&Sum> = month.sums_of_all.iter().filter_map(|sums| sums.get(index)).collect();
            if hour.end > span.start && hour.start < span.end && sums.len() == month.sums_of_all.len() {
                self.sums.add(hour, &sums);
            }
        }
    }

    /// What a meter's quantity costs.
    pub(crate) fn cost_of(&self, place: usize) -> Option<f64> {
        let known = self.sums.of_meters.get(place)?.is_known();
        self.costs.get(place).copied().flatten().filter(|_| known)?.known_total()
    }

    /// What all that is used of a medium costs: of meters that are no others' part.
    pub(crate) fn cost(&self, medium: Medium, house: &House) -> Option<f64> {
        self.amount(medium, &[Measures::Import, Measures::Consumption], house)
    }

    /// What is paid for all that is fed in.
    pub(crate) fn earned(&self, medium: Medium, house: &House) -> Option<f64> {
        self.amount(medium, &[Measures::Export], house)
    }

    /// What own use of electricity has saved, and how much of it that is; `None` where no price of any is known.
    pub(crate) fn saved(&self, medium: Medium) -> Option<Saved> {
        (medium == Medium::Electricity && self.saved.quantity != 0.0).then_some(self.saved)
    }

    fn amount(&self, medium: Medium, measures: &[Measures], house: &House) -> Option<f64> {
        let roots: Vec<_> = measures.iter().map(|measures| house.roots(medium, *measures)).collect();
        let is_known = |place: &usize| self.sums.of_meters.get(*place).is_some_and(Sum::is_known);
        let mut roots = roots.concat().into_iter().filter(is_known).peekable();
        roots.peek()?;
        roots.map(|place| self.cost_of(place)).sum()
    }
}

/// The hours, or pieces of them, that lie in a span.
fn within<'read>(read: &'read [Hour], span: &Range<Minute>) -> &'read [Hour] {
    let from = read.partition_point(|hour| hour.span.end <= span.start);
    let to = read.partition_point(|hour| hour.span.start < span.end);
    read.get(from..to).unwrap_or_default()
}

fn everything(recorded: &RecordedHouse, zone: &TimeZone) -> Range<Minute> {
    let year = |at: Minute| Period::containing(PeriodKind::Year, at, zone).span;
    year(recorded.first).start..year(recorded.until).end
}

fn parts_of(period: Option<&Period>, span: &Range<Minute>, zone: &TimeZone) -> Vec<Period> {
    let Some(period) = period else {
        let years = pieces(PeriodKind::Year, span, zone);
        let many = years.len() > MOST_YEARS_IN_MONTHS;
        return if many { years } else { pieces(PeriodKind::Month, span, zone) };
    };
    period.parts(zone)
}
