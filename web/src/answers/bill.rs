//! What a time costs, line by line.

use jiff::ToSpan;
use meter_figures::{Period, SpanError, bill_facts, midnight};
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::pages::{BillPage, Billed};
use crate::route::BillRequest;

/// The longest time of a bill, in days: a few years.
const MOST_DAYS: i64 = 3 * 366;

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
        // Before its first month a meter has cost no fee, and of what is to come nothing is known.
        let begun = Period::containing(PeriodKind::Month, first, zone).span.start.max(span.start);
        let paid = begun..span.end.max(begun);
        let hours = self.hours.hours(&meter, paid.clone(), until).await?;
        let ends = [span.start, span.end.min(until)];
        let (known, zone_of, prices) = (meter.clone(), zone.clone(), tariffs.clone());
        let read = self.ledger.ask_much(move |ledger| {
            let [begin, end] = ends.map(|at| ledger.reading_at(&known, at));
            Ok(([begin?, end?], bill_facts(ledger, &known, &paid, (&zone_of, &prices))?))
        });
        let (readings, facts) = read.await?;
        let billed = Billed {
            sum: hours.iter().fold(Sum::default(), |all, hour| all.and(&hour.sum)),
            bill: tariffs.bill(&facts, &hours, until, zone).filter(|_| begun < span.end),
            readings,
            year: [from, to],
            meter,
            days,
            span,
            until,
        };
        filled(&BillPage::new(asked.frame(), &billed, &self.ledger))
    }
}
