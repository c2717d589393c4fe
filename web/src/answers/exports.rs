//! Files of rows.

use jiff::tz::TimeZone;
use meter_messages::Minute;
use tokio::sync::oneshot;

use super::{Asked, Refusal, Site};
use crate::api;
use crate::http::reply::Reply;
use crate::ledger::reader::{ReadError, minute_in_progress};
use crate::reckoning::exports::{self, Notation, Rows, StatisticId, Statistics, Text};
use crate::route::{EnergyRequest, Form, RouteError, StatisticsRequest, Step};

impl Site {
    pub(super) async fn energy(&self, request: EnergyRequest, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone().clone();
        let span = exports::span(&request, minute_in_progress(), &zone)?;
        let form = api::form(&request, asked.headers);
        let file = exports::file_name(&request, &span, &zone);
        let (meter, first, until) = self.reach(request.meter).await?;
        let first = request.step.beginning(first, &zone);
        let rest = span.start.max(first)..span.end;
        let tariffs = self.ledger.tariffs().of(meter.medium).clone();
        let rows = Rows { meter, step: request.step, zone, tariffs, rest, until };
        let notation = match form {
            Form::Csv => Notation::Csv,
            Form::Json => Notation::Json,
            Form::Xlsx => return self.workbook(rows, &file, asked).await,
        };
        Ok(api::rows(Text::new(rows, notation), &file, notation, self.ledger.clone()))
    }

    /// One at a time: each keeps a processor busy for seconds, if it is large.
    async fn workbook(&self, rows: Rows, file: &str, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        // Never closed.
        let turn = self.workbooks.clone().acquire_owned().await.map_err(|_| ReadError::Stopped)?;
        let (answer, written) = oneshot::channel();
        let (texts, ledger) = (asked.language().texts(), self.ledger.clone());
        tokio::task::spawn_blocking(move || {
            let workbook = exports::workbook(rows, texts, &ledger, || !answer.is_closed());
            drop(turn);
            let _ = answer.send(workbook);
        });
        let workbook = written.await.map_err(|_| ReadError::Stopped)??;
        Ok(api::workbook(workbook, file))
    }

    /// All hours that are over, unless others are asked for.
    pub(super) async fn statistics(&self, request: StatisticsRequest) -> Result<Reply, Refusal> {
        let zone = self.ledger.zone();
        let (meter, first, until) = self.reach(request.meter).await?;
        let from = request.from.map_or(first, |from| from.minute(zone));
        let to = request.to.map_or(until, |to| to.minute(zone));
        if request.from.is_some() && to < from {
            return Err(RouteError::parameter("to", "must not be before from").into());
        }
        let (from, to) = (from.max(first), to.min(until));
        let hour = |at: Minute| Step::Hour.beginning(at, &TimeZone::UTC);
        let id = request.id.unwrap_or_else(|| StatisticId::of(&meter.meter));
        let file = format!("{}-{}-statistics", meter.meter.site, meter.meter.meter);
        let text = Statistics::new(meter, hour(from)..hour(to), id);
        Ok(api::csv(text, &file, self.ledger.clone()))
    }
}
