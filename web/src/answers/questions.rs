//! Pages that answer a question: how a day goes, and what flows even at night.

use std::ops::Range;

use jiff::ToSpan;
use meter_figures::{
    BaseLoad, BillFacts, DayProfile, Hour, Period, SpanError, Spread, Tariffs, bill_facts, last_night, local,
};
use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Meter, Minute, PeriodKind};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::ledger::history::of_days;
use crate::pages::{BaseLoadPage, Nights, ProfilePage, Profiled};
use crate::route::{MOST_DAYS_OF_HOURS, PeriodRequest, RouteError};

/// Days whose profile is shown where none are asked for: whole weeks, so that each day of the week counts alike.
const DAYS: i64 = 28;

/// Nights of the base load's page.
const NIGHTS: i64 = 365;

impl Site {
    /// How the days of a period go.
    pub(super) async fn profile(
        &self,
        request: PeriodRequest,
        asked: &Asked<'_>,
    ) -> Result<String, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let period = match (request.kind, &request.name) {
            (Some(kind), Some(name)) => Some(Period::parse(kind, name, zone).ok_or(RouteError::NotFound)?),
            _ => None,
        };
        let yesterday = local(until, zone).date().saturating_sub(1.day());
        let days = request.days.unwrap_or([yesterday.saturating_sub((DAYS - 1).days()), yesterday]);
        let span = period.as_ref().map_or_else(|| of_days(days, zone), |period| period.span.clone());
        if span.end.epoch_minutes() - span.start.epoch_minutes() > (MOST_DAYS_OF_HOURS + 1) * 1440 {
            return Err(SpanError::TooLong(MOST_DAYS_OF_HOURS).into());
        }
        let tariffs = self.ledger.tariffs(&meter).await?;
        let (hours, facts, spread) = self.hours_at_cost(&meter, &span, (first, until), &tariffs).await?;
        let begin = hours.first().map_or(span.start, |hour| hour.span.start);
        let profile = DayProfile::new(&hours, &spread, &mut tariffs.prices(zone).after(&facts, begin), zone);
        let profiled = Profiled {
            bill: tariffs.bill(&facts, &hours, until, zone),
            whole: hours.iter().fold(Sum::default(), |all, hour| all.and(&hour.sum)),
            is_default: period.is_none() && request.days.is_none(),
            days: period.is_none().then_some(days),
            leaves_out: !spread.is_empty(),
            profile,
            meter,
            period,
            first,
            until,
        };
        filled(&ProfilePage::new(asked.frame(), &profiled, &self.ledger))
    }

    /// What flowed even at night in the last twelve months.
    pub(super) async fn base_load(&self, meter: Meter, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(meter).await?;
        let last = last_night(until, zone);
        let days = [last.saturating_sub((NIGHTS - 1).days()), last];
        let span = of_days(days, zone);
        let tariffs = self.ledger.tariffs(&meter).await?;
        let (hours, facts, spread) = self.hours_at_cost(&meter, &span, (first, until), &tariffs).await?;
        let nights = Nights {
            load: BaseLoad::new(&hours, &spread, zone),
            leaves_out: !spread.is_empty(),
            whole: hours.iter().fold(Sum::default(), |all, hour| all.and(&hour.sum)),
            cost: tariffs.cost(&facts, &hours, until, zone),
            days,
            meter,
            first,
        };
        filled(&BaseLoadPage::new(asked.frame(), &nights, &self.ledger))
    }

    /// The hours of a span since a meter's first one, what their cost depends on, and which times of it are not known by
    /// the hour.
    async fn hours_at_cost(
        &self,
        meter: &RecordedMeter,
        span: &Range<Minute>,
        (first, until): (Minute, Minute),
        tariffs: &Tariffs,
    ) -> Result<(Vec<Hour>, BillFacts, Spread), NoAnswer> {
        let zone = self.ledger.zone().clone();
        let begun = Period::containing(PeriodKind::Hour, first, &zone).span.start.max(span.start);
        let read = begun..span.end.max(begun);
        let hours = self.hours.hours(meter, read.clone(), until).await?;
        let (known, prices) = (meter.clone(), tariffs.clone());
        let (facts, spread) = self
            .ledger
            .ask_much(move |ledger| {
                let spread = Spread::read(ledger, &known, &read)?;
                Ok((bill_facts(ledger, &known, &read, (&zone, &prices))?, spread))
            })
            .await?;
        Ok((hours, facts, spread))
    }
}
