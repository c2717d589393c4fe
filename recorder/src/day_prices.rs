//! Messages with prices of the day: into the ledger, or the log says why not.

use daemon_runtime::LogPace;
use meter_ledger::{Batch, LedgerError, NewPrices, Pricing};
use meter_messages::{DayPrices, Minute, PayloadError, SiteId};

/// Why prices are not entered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEntered {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("they say that they are of more than a day ahead of this clock")]
    FromTheFuture,
    #[error("there are prices of as many sites, or in as many currencies, as there may be")]
    TooManySites,
    #[error("the site has prices of as many quarters of an hour as it may have")]
    TooMany,
}

/// Enters what a site's message says. `latest` is the latest minute that can be true; `None` if nobody knows.
pub(crate) fn enter(
    batch: &mut Batch<'_>,
    site: &SiteId,
    payload: &[u8],
    latest: Option<Minute>,
) -> Result<Result<(), NotEntered>, LedgerError> {
    // Somebody has removed the retained message; what it said still holds.
    if payload.is_empty() {
        return Ok(Ok(()));
    }
    let entered = match DayPrices::from_json(payload) {
        Ok(prices) => checked(batch, site, &prices, latest)?,
        Err(error) => Err(error.into()),
    };
    if let Err(reason) = &entered {
        static PACE: LogPace = LogPace::new();
        if let Some(left_out) = PACE.due() {
            tracing::warn!(%site, %reason, left_out, "prices of the day not entered");
        }
    }
    Ok(entered)
}

fn checked(
    batch: &mut Batch<'_>,
    site: &SiteId,
    prices: &DayPrices,
    latest: Option<Minute>,
) -> Result<Result<(), NotEntered>, LedgerError> {
    if latest.is_some_and(|latest| prices.at.as_second() >= latest.end()) {
        return Ok(Err(NotEntered::FromTheFuture));
    }
    let currency = prices.currency;
    Ok(match batch.enter_prices(site, currency, prices.at, prices.quarters())? {
        Pricing::Entered(entered) => {
            tell(site, entered);
            Ok(())
        }
        Pricing::TooManySites => Err(NotEntered::TooManySites),
        Pricing::TooMany(entered) => {
            tell(site, entered);
            Err(NotEntered::TooMany)
        }
    })
}

fn tell(site: &SiteId, entered: NewPrices) {
    let NewPrices { new, corrected, .. } = entered;
    static PACE: LogPace = LogPace::new();
    if new + corrected > 0
        && let Some(left_out) = PACE.due()
    {
        tracing::info!(%site, new, corrected, left_out, "prices of the day entered, by quarters of an hour");
    }
}
