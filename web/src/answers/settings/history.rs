//! The versions that were saved, and going back to one of them.

use hyper::StatusCode;
use site_settings::{Change, SiteSettings, Store, StoreError, Version};
use web_http::reply::{self, Reply};

use super::super::asked::Asked;
use super::super::entering::not_kept;
use super::super::refusals::NoAnswer;
use super::super::site::{Site, filled};
use crate::pages::{HistoryPage, Notice, VersionRow};
use crate::site_forms::Values;

/// So many versions stand on a page.
const ON_A_PAGE: usize = 30;

/// A version, if it can be read, and what it says differently from the one before it.
struct Listed {
    number: u64,
    version: Option<Version>,
    changes: Vec<Change>,
}

/// The number of the newest version, and the newest ones, or those before one; one more than stand on a page.
fn read(store: &Store, before: Option<u64>) -> Result<(u64, Vec<Listed>), StoreError> {
    let mut numbers = store.numbers()?;
    let newest = numbers.last().copied().unwrap_or(0);
    numbers.retain(|number| before.is_none_or(|before| *number < before));
    let from = numbers.len().saturating_sub(ON_A_PAGE + 1);
    let mut earlier = (numbers.get(from) == Some(&1)).then(SiteSettings::default);
    let mut listed = Vec::new();
    for number in numbers.drain(from..) {
        let version = store.version(number).ok();
        let said: Option<SiteSettings> =
            version.as_ref().and_then(|version| daemon_runtime::parse(&version.text).ok());
        let both = said.as_ref().zip(earlier.as_ref());
        let changes = both.map(|(now, before)| now.changes_since(before)).unwrap_or_default();
        earlier = said;
        listed.push(Listed { number, version, changes });
    }
    listed.reverse();
    Ok((newest, listed))
}

impl Site {
    /// The newest versions, or those before `?before=`.
    pub(super) async fn history_page(
        &self,
        asked: &Asked<'_>,
        notice: Option<(Notice, StatusCode)>,
    ) -> Result<Reply, NoAnswer> {
        let (texts, words) = (asked.texts(), asked.texts().settings);
        let before = asked.query.get("before").and_then(|number| number.parse::<u64>().ok());
        let (notice, status) =
            notice.map_or((None, StatusCode::OK), |(notice, status)| (Some(notice), status));
        let notice = notice.or_else(|| asked.query.get("saved").map(|_| Notice::good(words.saved)));
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || read(&store, before));
        let (newest, versions) = read.await.map_err(|_| NoAnswer::Unfilled)??;
        let mut rows = Vec::new();
        for Listed { number, version, changes } in versions.iter().take(ON_A_PAGE) {
            let mut changed: Vec<String> = changes.iter().map(|change| words.change(change, texts)).collect();
            if version.is_none() {
                changed.push(words.unreadable.to_owned());
            }
            let moment = |version: &Version| {
                (version.at.to_string(), texts.moment(self.ledger.zone().to_datetime(version.at)))
            };
            rows.push(VersionRow {
                number: *number,
                at: version.as_ref().map(moment),
                by: version.as_ref().map(|version| version.by.clone()).unwrap_or_default(),
                changed,
                is_newest: *number == newest,
            });
        }
        let older = versions.get(ON_A_PAGE).and_then(|_| rows.last().map(|row| row.number));
        not_kept(
            filled(&HistoryPage { frame: asked.frame(), words, notice, rows, newest, older })?,
            asked,
            status,
        )
    }

    /// Lets an earlier version hold again, as a new one; 0 for the time before the first.
    pub(super) async fn put_back(
        &self,
        values: &Values,
        asked: &Asked<'_>,
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let words = asked.texts().settings;
        let number =
            |name: &str| values.get(name).parse::<u64>().map_err(|_| NoAnswer::Form(StatusCode::BAD_REQUEST));
        let (back_to, after) = (number("undo")?, number("after")?);
        let known = self.known_for_forms().await?;
        if after != known.saved.newest {
            let notice = self.meanwhile(after, &known, asked).await;
            return self.history_page(asked, Some((notice, StatusCode::CONFLICT))).await;
        }
        let (store, fixed, by) = (self.store.clone(), self.applied.fixed.clone(), by.to_owned());
        let put_back = move || store.put_back(back_to, &by, after, &fixed, daemon_runtime::now());
        let outcome = tokio::task::spawn_blocking(put_back).await.unwrap_or(Err(StoreError::Busy));
        let refused = match outcome {
            Ok(number) => {
                self.saved.taken_over(number).await;
                let path = format!("/settings/history?saved={number}");
                return Ok(reply::see_other(&asked.frame().link(&path)));
            }
            Err(StoreError::Unknown(_)) => Notice::bad(words.not_there),
            Err(StoreError::Superseded { .. }) => {
                // Between our look and the lock.
                let known = self.known_for_forms().await?;
                self.meanwhile(after, &known, asked).await
            }
            Err(StoreError::Busy) => Notice::bad(words.busy),
            Err(StoreError::Wrong(error)) => Notice::bad(words.cannot_be).with_detail(error.to_string()),
            Err(error) => {
                tracing::warn!("settings were not put back: {error}");
                Notice::bad(words.disk)
            }
        };
        self.history_page(asked, Some((refused, StatusCode::CONFLICT))).await
    }
}
