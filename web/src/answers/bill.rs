//! What a time costs, line by line.

use std::ops::Range;

use jiff::ToSpan;
use meter_figures::{Bill, House, Period, SpanError, Tariffs, bill_facts, midnight};
use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Measures, Minute, PeriodKind};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::pages::{Beside, BillPage, Billed, BilledBeside};
use crate::route::BillRequest;

/// The longest time of a bill, in days: a few years.
const MOST_DAYS: i64 = 3 * 366;

/// How many parts of a meter stand on its bill, and how many that feed in.
const MOST_BESIDE: usize = 50;

impl Site {
    pub(super) async fn bill(&self, request: BillRequest, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let tariffs = self.ledger.tariffs(&meter).await?;
        let newest = Minute::nearest(until.epoch_minutes() - 1);
        let at = request.from.map_or(newest, |from| midnight(from, zone));
        let [from, to] = tariffs.year_of_bills(at, zone);
        let days = [request.from.unwrap_or(from), request.to.unwrap_or(to)];
        let span = midnight(days[0], zone)..midnight(days[1].saturating_add(1.day()), zone);
        if span.end <= span.start {
            return Err(SpanError::EndsBeforeItBegins.into());
        }
        if span.end.epoch_minutes() - span.start.epoch_minutes() > (MOST_DAYS + 1) * 1440 {
            return Err(SpanError::TooLong(MOST_DAYS).into());
        }
        let (sum, bill) = self.amounts(&meter, (first, until), &span, &tariffs).await?;
        let (known, ends) = (meter.clone(), [span.start, span.end.min(until)]);
        let readings = self.ledger.ask(move |ledger| {
            let [begin, end] = ends.map(|at| ledger.reading_at(&known, at));
            Ok([begin?, end?])
        });
        let billed = Billed {
            readings: readings.await?,
            beside: self.beside(&meter, &span, asked).await?,
            sum,
            bill,
            year: [from, to],
            meter,
            days,
            span,
            until,
        };
        filled(&BillPage::new(asked.frame(), &billed, &self.ledger))
    }

    /// What a meter counted in a time, and what that costs.
    pub(super) async fn amounts(
        &self,
        meter: &RecordedMeter,
        (first, until): (Minute, Minute),
        span: &Range<Minute>,
        tariffs: &Tariffs,
    ) -> Result<(Sum, Option<Bill>), NoAnswer> {
        let zone = self.ledger.zone();
        // Before its first month a meter has cost no fee, and of what is to come nothing is known.
        let begun = Period::containing(PeriodKind::Month, first, zone).span.start.max(span.start);
        let paid = begun..span.end.max(begun);
        let hours = self.hours.hours(meter, paid.clone(), until).await?;
        let (known, zone_of, prices) = (meter.clone(), zone.clone(), tariffs.clone());
        let facts =
            self.ledger.ask_much(move |ledger| bill_facts(ledger, &known, &paid, (&zone_of, &prices)));
        let sum = hours.iter().fold(Sum::default(), |all, hour| all.and(&hour.sum));
        let bill = tariffs.bill(&facts.await?, &hours, until, zone);
        Ok((sum, bill.filter(|_| begun < span.end)))
    }

    /// What the meter's parts took, and what was fed in beside it.
    async fn beside(
        &self,
        meter: &RecordedMeter,
        span: &Range<Minute>,
        asked: &Asked<'_>,
    ) -> Result<Beside, NoAnswer> {
        let house = self.ledger.house().await?;
        let (parts, fed_in) = places_beside(&house, meter);
        let is_of_site = |place: &usize| house.meters()[*place].meter.site == meter.meter.site;
        let is_made_here = house.roots(meter.medium, Measures::Production).iter().any(is_of_site);
        let mut beside = Beside { is_made_here, ..Beside::default() };
        for (places, into) in [(parts, &mut beside.parts), (fed_in, &mut beside.fed_in)] {
            let meters = places.into_iter().filter_map(|place| house.meters().get(place));
            for known in meters.filter(|known| asked.visitor.may_see(&known.meter)).take(MOST_BESIDE) {
                let (known, first, until) = self.reach(known.meter.clone()).await?;
                let tariffs = self.ledger.tariffs(&known).await?;
                let (sum, bill) = self.amounts(&known, (first, until), span, &tariffs).await?;
                into.push(BilledBeside { meter: known, sum, bill });
            }
        }
        Ok(beside)
    }
}

/// The places of a meter's parts, and of the meters that feed in beside it: only where it is the only one of its site by
/// which energy comes in, for otherwise nobody knows on whose bill they stand.
fn places_beside(house: &House, meter: &RecordedMeter) -> (Vec<usize>, Vec<usize>) {
    let Some(place) = house.meters().iter().position(|known| known.meter == meter.meter) else {
        return (Vec::new(), Vec::new());
    };
    let parts = (0..house.meters().len()).filter(|part| house.tree().parent(*part) == Some(place)).collect();
    let of_site = |measures: Measures| {
        let mut roots = house.roots(meter.medium, measures);
        roots.retain(|root| house.meters()[*root].meter.site == meter.meter.site);
        roots
    };
    let is_only_one = of_site(Measures::Import) == [place];
    (parts, if is_only_one { of_site(Measures::Export) } else { Vec::new() })
}
