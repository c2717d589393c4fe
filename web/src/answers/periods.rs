//! Pages of periods, and the pictures of meters and of their periods.

use foreign_text::foreign;
use hyper::{StatusCode, header};
use meter_figures::Period;
use meter_messages::Minute;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::ledger::history::{History, Question};
use crate::ledger::reader::minute_in_progress;
use crate::pages::{PeriodPage, others};
use crate::pictures::{PictureError, PictureKey};
use crate::route::{PeriodRequest, PictureRequest, RouteError};

/// The oldest minute that pictures can show: RRD files hold a leap year.
const DRAWN_MINUTES: i64 = 366 * 1440;

impl Site {
    pub(super) async fn period(&self, request: PeriodRequest, asked: &Asked<'_>) -> Result<String, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let period = match (request.kind, &request.name) {
            (Some(kind), Some(name)) => Some(Period::parse(kind, name, zone).ok_or(RouteError::NotFound)?),
            _ => None,
        };
        let with = period.as_ref().zip(request.with).map(|(period, day)| period.on_day(day, zone));
        let compared = with.is_some();
        let question = Question { meter, period, days: request.days, with, first, until };
        let mut history = History::read(&self.hours, question, &self.ledger).await?;
        if !asked.visitor.may_see_all() {
            // What people say to each other is not for everybody.
            history.corrections.iter_mut().for_each(|said| said.reason.clear());
        }
        let drawable = history.span.start.epoch_minutes() > until.epoch_minutes() - DRAWN_MINUTES;
        let drawable = drawable && history.period.is_some() && history.whole.is_known();
        let others = others(&self.known(asked).await?, &history.meter, &self.ledger);
        let site = (&self.ledger, others, self.notes(&history.meter.meter, asked));
        let mut page = PeriodPage::new(asked.frame(), &history, compared, drawable, site);
        // The last minutes may still come.
        let (from, to) = (history.span.start.max(first), history.span.end.min(until));
        if asked.visitor.may_correct().is_some() && from < to {
            let address = format!("/m/{}/corrections?from={from}&to={to}", history.meter.meter);
            page.correct = Some(asked.frame().link(&address));
        }
        filled(&page)
    }

    /// From what a date picker says to the page that it means.
    pub(super) async fn go(&self, request: PeriodRequest, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let zone = self.ledger.zone();
        let (meter, _, until) = self.reach(request.meter).await?;
        let path = meter.meter;
        if let Some([first, last]) = request.days {
            return Ok(reply::see_other(&asked.frame().link(&format!("/m/{path}/span/{first}..{last}"))));
        }
        let Some(kind) = request.kind else {
            return Ok(reply::see_other(&asked.frame().link(&format!("/m/{path}/all"))));
        };
        let day = request.name.and_then(|name| name.parse().ok());
        let period = match day {
            Some(day) => Period::with_day(kind, day, zone),
            None => Period::containing(kind, Minute::nearest(until.epoch_minutes() - 1), zone),
        };
        let address = format!("/m/{path}/{}/{}", kind.name(), period.name(zone));
        Ok(reply::see_other(&asked.frame().link(&address)))
    }

    pub(super) async fn picture(
        &self,
        asked_for: PictureRequest,
        asked: &Asked<'_>,
    ) -> Result<Reply, NoAnswer> {
        let PictureRequest { meter, kind, period, picture, theme, size } = asked_for;
        let period = match period {
            Some(name) => {
                let named = Period::parse(kind, &name, self.ledger.zone());
                let begun = named.filter(|period| period.span.start < minute_in_progress());
                Some(begun.ok_or(RouteError::NotFound)?)
            }
            None => None,
        };
        let key = PictureKey { meter, kind, period, picture, theme, size, language: asked.language() };
        match self.pictures.picture(key).await {
            Ok(drawn) => Ok(self.keep(drawn.file.clone(), drawn.lasts(), asked)),
            Err(PictureError::NotFound) => Err(NoAnswer::UnknownMeter),
            Err(error) => {
                tracing::warn!(%error, path = ?foreign(asked.path), "a picture could not be drawn");
                let mut reply = reply::reply(StatusCode::SERVICE_UNAVAILABLE, "");
                reply::set(&mut reply, header::RETRY_AFTER, "60");
                Ok(reply)
            }
        }
    }
}
