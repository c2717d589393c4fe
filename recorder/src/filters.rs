//! What a connection is subscribed to, beside what each begins with: says at the broker what
//! [`minute_filters`](crate::minute_filters) decides.

use std::sync::{Mutex, MutexGuard, PoisonError};

use daemon_runtime::LogPace;
use meter_messages::{ALL_OF_METERS, ENTERED, SiteId};
use rumqttc::{AsyncClient, Publish, QoS, matches};
use tokio::sync::{Notify, watch};

use crate::minute_filters::{MinuteFilters, Step};
use crate::sharing::Shares;

/// The filters of a connection.
pub(crate) struct Filters<'a> {
    of_session: &'a Mutex<MinuteFilters>,
    shares: watch::Receiver<Shares>,
    /// Something else than what is wanted has changed.
    changed: Notify,
}

impl<'a> Filters<'a> {
    /// A connection begins.
    pub(crate) fn new(
        of_session: &'a Mutex<MinuteFilters>,
        shares: watch::Receiver<Shares>,
        session_present: bool,
    ) -> Self {
        let filters = Self { of_session, shares, changed: Notify::new() };
        filters.get().connected(session_present);
        filters
    }

    fn get(&self) -> MutexGuard<'_, MinuteFilters> {
        // Nothing here panics half-way.
        self.of_session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the sites are shared out.
    pub(crate) fn shares(&self) -> &watch::Receiver<Shares> {
        &self.shares
    }

    /// Waits until there may be something to [change](Self::adopt).
    pub(crate) async fn changed(&self, shares: &mut watch::Receiver<Shares>) {
        tokio::select! {
            Ok(()) = shares.changed() => {}
            () = self.changed.notified() => {}
        }
    }

    /// Subscribes to what is wanted by now, and to nothing else.
    pub(crate) async fn adopt(&self, client: &AsyncClient) -> anyhow::Result<()> {
        let steps = {
            let wanted = &self.shares.borrow().wanted;
            self.get().change(wanted)
        };
        for step in steps {
            tracing::debug!(?step, "other minutes are to come");
            match step {
                Step::Subscribe(filter) => client.subscribe(filter, QoS::AtLeastOnce).await?,
                Step::Unsubscribe(filter) => client.unsubscribe(filter).await?,
            }
        }
        Ok(())
    }

    /// A minute has come that another recorder is to have.
    pub(crate) fn stray(&self, client: &AsyncClient, site: SiteId) {
        let mut filters = self.get();
        // Without room for it, with the next one.
        if let Some(filter) = filters.stray(&site)
            && client.try_unsubscribe(filter).is_ok()
        {
            filters.ended(site);
        }
    }

    /// The broker has refused something.
    pub(crate) fn refused(&self) {
        if !self.get().refused() {
            return;
        }
        static PACE: LogPace = LogPace::new();
        if let Some(left_out) = PACE.due() {
            tracing::warn!(
                left_out,
                "the broker refuses a subscription to the minutes of one site; this recorder goes on with those of all sites \
                 (`max_site_filters` says how many it may ask for)"
            );
        }
        self.changed.notify_one();
    }

    /// Gives a session from before the filters of now, if a message shows that it is one. Whether it was.
    pub(crate) fn narrow(&self, client: &AsyncClient, message: &Publish) -> bool {
        let is_narrowed = is_of_former_filter(message) && subscribe_anew(client);
        if is_narrowed {
            self.get().forget();
            self.changed.notify_one();
        }
        is_narrowed
    }
}

/// Whether a message comes because of a filter that recorders no longer subscribe to.
fn is_of_former_filter(message: &Publish) -> bool {
    let is_of_now = |filter: &&str| matches(&message.topic, filter);
    matches(&message.topic, ALL_OF_METERS) && !ENTERED.iter().any(is_of_now)
}

/// Once there is room for it.
fn subscribe_anew(client: &AsyncClient) -> bool {
    let mut filters = ENTERED.iter();
    filters.all(|filter| client.try_subscribe(*filter, QoS::AtLeastOnce).is_ok())
        && client.try_unsubscribe(ALL_OF_METERS).is_ok()
}
