//! Everything answers are made from, and what many of them need.

use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use daemon_runtime::MqttSettings;
use hyper::{StatusCode, header};
use meter_figures::{Figures, until};
use meter_ledger::{LedgerHome, RecordedMeter, Unwatched};
use meter_messages::{Meter, Minute};
use site_settings::{Applied, SettingNames, Store};
use tokio::sync::Semaphore;
use web_http::reply::{self, Reply};
use web_http::{AnswerCache, Lasts, Prepared};

use super::asked::{Asked, Variant};
use super::refusals::{NoAnswer, refused};
use crate::access::Access;
use crate::api::spaceapi::Space;
use crate::ledger::hours::Hours;
use crate::ledger::reader::{LedgerReader, minute_in_progress, tomorrow};
use crate::ledger::records::Records;
use crate::ledger::series::SeriesStore;
use crate::live::values::LiveValues;
use crate::pages;
use crate::pictures::Pictures;
use crate::saved_versions::SavedVersions;

/// Everything answers are made from.
#[derive(Debug)]
pub(crate) struct Site {
    /// Who may see what.
    pub(crate) access: Arc<Access>,
    /// Where readings go that somebody types in.
    pub(crate) mqtt: MqttSettings,
    /// The settings of the site that hold, and where they stand.
    pub(crate) applied: Applied,
    /// Where people save others.
    pub(crate) store: Store,
    /// To those who take over what was saved.
    pub(crate) saved: Arc<SavedVersions>,
    /// The names that stand in the settings.
    pub(crate) names: SettingNames,
    /// What was recorded.
    pub(crate) ledger: LedgerReader,
    /// Sums of it that are asked for often.
    pub(crate) hours: Hours,
    /// How the records do.
    pub(crate) records: Records,
    /// Data of the interactive charts.
    pub(crate) series: SeriesStore,
    /// Its pictures.
    pub(crate) pictures: Pictures,
    /// What the meters say of now.
    pub(crate) live: LiveValues,
    /// Where open invitations lie.
    pub(crate) invitations: PathBuf,
    /// Whether only browsers on this machine reach the pages.
    pub(crate) is_closed: bool,
    /// What is finished and still true.
    pub(crate) kept: AnswerCache<Variant>,
    /// Whose turn it is to have a workbook written.
    pub(crate) workbooks: Arc<Semaphore>,
    /// What a hackerspace says of itself, if it is one.
    pub(crate) space: Option<Space>,
    /// What was not watched of meters, for Prometheus.
    pub(crate) unwatched: Arc<Unwatched>,
    /// Where the ledger lives: on the disk that people worry about, if it is a file.
    pub(crate) home: LedgerHome,
}

impl Site {
    /// The answer, or why there is none; where there are users it is for nobody else.
    pub(super) fn finished(&self, answer: Result<Reply, NoAnswer>, asked: &Asked<'_>) -> Reply {
        let answer = answer.or_else(|refusal| self.form_for(refusal, asked));
        let mut reply = answer.unwrap_or_else(|refusal| refused(&refusal, asked));
        if self.access.is_restricted() {
            reply::keep_private(&mut reply);
        }
        if asked.by_a_program() && asked.visitor.sees_what_is_public() && is_there(&reply) {
            // For scripts of other sites, too. With this a browser sends neither cookies nor passwords along.
            reply::set(&mut reply, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        }
        reply
    }

    /// The answer with a file that is kept for others who ask for the same.
    pub(super) fn keep(&self, file: Arc<Prepared>, lasts: Lasts, asked: &Asked<'_>) -> Reply {
        self.kept.keep(asked.key(), file, lasts, asked.headers)
    }

    /// The meters that the visitor may see.
    pub(super) async fn known(&self, asked: &Asked<'_>) -> Result<Vec<RecordedMeter>, NoAnswer> {
        let mut meters = self.ledger.ask(|ledger| ledger.meters()).await?;
        meters.retain(|known| asked.visitor.may_see(&known.meter));
        let mut meters: Vec<_> = meters.into_iter().map(|known| self.ledger.meters().as_set(known)).collect();
        self.ledger.meters().sort(&mut meters);
        Ok(meters)
    }

    /// What the ledger says of a meter.
    pub(super) async fn figures(&self, meter: Meter) -> Result<Arc<Figures>, NoAnswer> {
        self.ledger.figures(meter).await?.ok_or(NoAnswer::UnknownMeter)
    }

    /// A meter, its first minute, and the first that is not recorded yet.
    pub(super) async fn reach(&self, meter: Meter) -> Result<(RecordedMeter, Minute, Minute), NoAnswer> {
        let now = minute_in_progress();
        let known = self.ledger.ask(move |ledger| {
            let Some(known) = ledger.meter(&meter)? else { return Ok(None) };
            let (first, newest) = (ledger.first(&known)?, ledger.newest_up_to(&known, tomorrow(now))?);
            Ok(Some((known, first, newest)))
        });
        let (known, first, newest) = known.await?.ok_or(NoAnswer::UnknownMeter)?;
        let until = until(newest.as_ref(), now);
        Ok((self.ledger.meters().as_set(known), first.map_or(until, |first| first.min(until)), until))
    }
}

fn is_there(reply: &Reply) -> bool {
    reply.status().is_success() || reply.status() == StatusCode::NOT_MODIFIED
}

/// A template with its values.
pub(super) fn filled(page: &impl Template) -> Result<String, NoAnswer> {
    pages::filled(page).ok_or(NoAnswer::Unfilled)
}
