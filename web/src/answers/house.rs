//! All meters together: their pages, the same for programs, and files.

use hyper::StatusCode;
use meter_figures::{House, Period, SpanError, Step, local};
use meter_ledger::RecordedMeter;
use meter_messages::{Minute, SiteId};
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::api::{self, HouseRows};
use crate::ledger::house::{HouseHistory, RecordedHouse};
use crate::ledger::reader::minute_in_progress;
use crate::live::values::Freshness;
use crate::pages::{HousePage, RatesNow, house_path};
use crate::route::{Form, HouseRequest, HouseRowsRequest, MOST_DAYS_OF_HOURS, RouteError};

impl Site {
    /// The meters that the visitor may see, of a site or all, and how far they are recorded.
    async fn recorded_house(
        &self,
        site: Option<SiteId>,
        asked: &Asked<'_>,
    ) -> Result<RecordedHouse, NoAnswer> {
        let is_whole = asked.visitor.may_see_all();
        // Who may not see a meter need not know whose part it is, or that it is there.
        let house = if is_whole { self.ledger.house().await? } else { House::new(self.known(asked).await?) };
        let house = match &site {
            Some(site) => of_site(&house, site).ok_or(NoAnswer::UnknownMeter)?,
            None => house,
        };
        Ok(RecordedHouse::read((site, house), is_whole, &self.ledger).await?)
    }

    /// The period that is asked for; `None` for everything.
    fn period_of(&self, request: &HouseRequest, until: Minute) -> Result<Option<Period>, NoAnswer> {
        let zone = self.ledger.zone();
        let last = Minute::nearest(until.epoch_minutes() - 1);
        let period = request.kind.map(|kind| match &request.name {
            Some(name) => Period::parse(kind, name, zone).ok_or(RouteError::NotFound),
            None => Ok(Period::containing(kind, last, zone)),
        });
        Ok(period.transpose()?)
    }

    async fn house_history(
        &self,
        request: &HouseRequest,
        asked: &Asked<'_>,
    ) -> Result<(RecordedHouse, HouseHistory), NoAnswer> {
        let house = self.recorded_house(request.site.clone(), asked).await?;
        let period = self.period_of(request, house.until)?;
        let history = HouseHistory::read(&house, period, &self.hours, &self.ledger).await?;
        Ok((house, history))
    }

    pub(super) async fn house(&self, request: HouseRequest, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let (house, history) = self.house_history(&request, asked).await?;
        let rates = self.rates_now(house.house.meters());
        let page = HousePage::new(asked.frame(), &house, &history, (&self.ledger, &rates), request.in_money);
        filled(&page)
    }

    /// What meters say of now, as far as it is of now.
    fn rates_now(&self, meters: &[RecordedMeter]) -> RatesNow {
        let now = daemon_runtime::now();
        let rate = |known: &RecordedMeter| {
            let presence = self.live.of(&known.meter);
            let value = presence.value.as_ref().filter(|_| presence.freshness(now) == Freshness::Live)?;
            Some((known.meter.clone(), value.rate_in(known.medium.unit())?.into()))
        };
        RatesNow(meters.iter().filter_map(rate).collect())
    }

    /// From what a date picker says to the page that it means.
    pub(super) fn go_house(&self, request: &HouseRequest, asked: &Asked<'_>) -> Reply {
        let zone = self.ledger.zone();
        let day = request.name.as_deref().and_then(|day| day.parse().ok());
        let period = request.kind.zip(day).map(|(kind, day)| Period::with_day(kind, day, zone));
        let path = house_path(request.site.as_ref(), period.as_ref(), request.in_money, zone);
        reply::see_other(&asked.frame().link(&path))
    }

    pub(super) async fn house_data(
        &self,
        request: HouseRequest,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        let (house, history) = self.house_history(&request, asked).await?;
        Ok(reply::json(StatusCode::OK, &api::house_state(&house, &history, &self.ledger)))
    }

    /// Rows of all meters of a medium, which are held until they are sent: not too many, and each takes little.
    pub(super) async fn house_rows(
        &self,
        request: HouseRowsRequest,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        let HouseRowsRequest { site, from, to, step, medium, form } = request;
        let zone = self.ledger.zone();
        let span = step.span((from, to), minute_in_progress(), zone)?;
        if step == Step::HOUR
            && span.end.epoch_minutes() - span.start.epoch_minutes() > (MOST_DAYS_OF_HOURS + 1) * 1440
        {
            return Err(SpanError::TooLongForStep(MOST_DAYS_OF_HOURS).into());
        }
        let whose = site.as_ref().map_or("site", SiteId::as_str);
        let file = format!("{whose}-{}-{}-{}", medium.as_str(), step.name(), local(span.start, zone).date());
        let house = self.recorded_house(site, asked).await?;
        let mut rows = HouseRows::new(&house, medium, &self.ledger);
        let end = span.end.min(step.next(step.beginning(house.until, zone), zone));
        let mut at = span.start.max(step.beginning(house.first, zone));
        let spans = std::iter::from_fn(|| {
            let span = at..step.next(at, zone);
            (at < end).then(|| {
                at = span.end;
                (span, None)
            })
        });
        house.look_again(&span, &self.hours).await?;
        house.each_span(spans, &self.hours, &self.ledger, |figures| rows.add(&figures, &house)).await?;
        match form {
            Form::Csv => Ok(rows.csv(&file, zone)),
            Form::Json => Ok(rows.json(step, zone)),
            Form::Xlsx => {
                // Never closed. One at a time, as those of one meter.
                let turn = self.workbooks.clone().acquire_owned().await.ok();
                let (texts, zone) = (asked.language().texts(), zone.clone());
                let written = tokio::task::spawn_blocking(move || {
                    let written = rows.workbook(&house, texts, &zone);
                    drop(turn);
                    written
                });
                let workbook = written.await.map_err(|_| NoAnswer::Unfilled)??;
                Ok(api::workbook(workbook, &file))
            }
        }
    }
}

/// The meters of a site; `None` if it has none. One that is a part of another site's is none here.
fn of_site(house: &House, site: &SiteId) -> Option<House> {
    let meters = house.meters().iter().filter(|known| known.meter.site == *site).cloned();
    let of_itself = |mut known: RecordedMeter| {
        known.relation.part_of.take_if(|whole| whole.site != *site);
        known
    };
    let meters: Vec<_> = meters.map(of_itself).collect();
    (!meters.is_empty()).then(|| House::new(meters))
}
