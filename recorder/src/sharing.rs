//! One recorder among several on a ledger: what it holds, as the ledger says it, and when it looks.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use daemon_runtime::LogPace;
use meter_ledger::{Batch, LeaseChanges, Leases, Ledger, LedgerError, RecorderId};
use meter_messages::{SiteId, Topic};
use rumqttc::Publish;
use tokio::sync::watch;

use crate::leases::{LOOK_EVERY, Others, changes};
use crate::minute_filters::Wanted;

/// Who has no connection to the broker for so long leaves its sites to others.
const APART_AFTER: Duration = Duration::from_secs(5);

/// New sites that wait for their lease: invented ones must not fill memory.
const MOST_FOUND: usize = 1_000;

/// How the sites are shared out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shares {
    /// Those that other recorders look after: what comes of their minutes is of no interest here.
    pub(crate) elsewhere: HashSet<SiteId>,
    /// Whose minutes are to come.
    pub(crate) wanted: Wanted,
}

/// What a recorder knows of itself and the others.
#[derive(Debug)]
pub(crate) struct Sharing {
    /// Its name among them.
    name: String,
    /// Whether there is a connection to the broker.
    connected: watch::Receiver<bool>,
    /// When there was one last.
    was_connected: Instant,
    /// Its number; `None` while it takes part in nothing.
    me: Option<RecorderId>,
    others: Others,
    seen: Leases,
    /// The sites whose meters are in memory: it has held them since.
    held: HashSet<SiteId>,
    /// Those of them that it has held since before it was started: their messages have waited for it.
    continued: HashSet<SiteId>,
    /// With what edition of the leases they were compared last.
    edition: i64,
    looked: Option<Instant>,
    found: BTreeSet<SiteId>,
    shares: watch::Sender<Shares>,
    /// What they were told by last: there may be thousands of sites, and they seldom change.
    told: Option<Told>,
}

/// All that the shares depend on: this recorder, the edition of the leases, and whether there are others.
type Told = (Option<RecorderId>, i64, bool);

impl Sharing {
    pub(crate) fn new(name: String, connected: watch::Receiver<bool>, now: Instant) -> Self {
        Self {
            name,
            connected,
            was_connected: now,
            me: None,
            others: Others::default(),
            seen: Leases::default(),
            held: HashSet::new(),
            continued: HashSet::new(),
            edition: 0,
            looked: None,
            found: BTreeSet::new(),
            shares: watch::Sender::default(),
            told: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// How long until it is to look again.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| (looked + LOOK_EVERY).saturating_duration_since(now))
    }

    /// How the sites are shared out. One that is taken over is wanted, and not elsewhere, before its marks are said.
    pub(crate) fn shares(&self) -> watch::Receiver<Shares> {
        self.shares.subscribe()
    }

    /// Tells it as it is by now. Who takes part no longer, because it has no connection, has nothing to change at the broker.
    fn tell_shares(&mut self, me: Option<RecorderId>) {
        let has_others = self.seen.recorders.len() > 1;
        let told = Some((me, self.seen.edition, has_others));
        if std::mem::replace(&mut self.told, told) == told {
            return;
        }
        let sites_of = |is_meant: &dyn Fn(Option<RecorderId>) -> bool| -> HashSet<SiteId> {
            let meant = self.seen.sites.iter().filter(|(_, holder)| is_meant(**holder));
            meant.map(|(site, _)| site.clone()).collect()
        };
        let elsewhere = sites_of(&|holder| me.is_some() && holder.is_some() && holder != me);
        self.shares.send_if_modified(|before| {
            let wanted = match me {
                None => before.wanted.clone(),
                Some(_) if has_others => Wanted::Of(sites_of(&|holder| holder == me)),
                Some(_) => Wanted::All,
            };
            let now = Shares { elsewhere, wanted };
            *before != now && {
                *before = now;
                true
            }
        });
    }

    /// Whether it looks after a site.
    pub(crate) fn holds(&self, site: &SiteId) -> bool {
        self.held.contains(site)
    }

    /// The sites that it looks after.
    pub(crate) fn held(&self) -> &HashSet<SiteId> {
        &self.held
    }

    /// Whether it is the one who takes in a message. Readings, corrections and prices come once, so all take them in, and
    /// taken in twice they are the same; minutes and what belongs to them are of the one who holds their site.
    pub(crate) fn takes(&mut self, message: &Publish) -> bool {
        let Ok(Topic::Minute(meter) | Topic::Info(meter)) = message.topic.parse() else { return true };
        let is_new = || !self.seen.sites.contains_key(&meter.site) && self.found.len() < MOST_FOUND;
        let is_held = self.held.contains(&meter.site);
        if !is_held && is_new() {
            self.found.insert(meter.site);
        }
        is_held
    }

    /// Gives a sign of life, looks, and changes what is to change. Returns the sites that are its own by now.
    ///
    /// # Errors
    /// If the ledger cannot be read or written.
    pub(crate) fn look(&mut self, ledger: &mut Ledger, now: Instant) -> Result<HashSet<SiteId>, LedgerError> {
        self.looked = Some(now);
        if self.is_connected() {
            self.was_connected = now;
        }
        if now.duration_since(self.was_connected) > APART_AFTER {
            self.tell_shares(None);
            self.leave(ledger)?;
            return Ok(HashSet::new());
        }
        let me = self.joined(ledger)?;
        for _ in 0..4 {
            self.seen = ledger.leases(std::mem::take(&mut self.seen))?;
            let gone = self.others.look(&self.seen.recorders, me, now);
            self.found.retain(|site| !self.seen.sites.contains_key(site));
            let found = std::mem::take(&mut self.found).into_iter().collect();
            let changes = LeaseChanges { found, ..changes(me, &self.seen, gone) };
            if changes.is_empty() {
                break;
            }
            let mut batch = ledger.batch()?;
            batch.change_leases(me, &changes)?;
            batch.commit()?;
        }
        self.tell_shares(Some(me));
        let of_me = self.seen.sites.iter().filter(|(_, holder)| **holder == Some(me));
        Ok(of_me.map(|(site, _)| site.clone()).collect())
    }

    /// Its number. Whoever was struck off, because it was not heard of for too long, begins again.
    fn joined(&mut self, ledger: &mut Ledger) -> Result<RecorderId, LedgerError> {
        if let Some(me) = self.me {
            if ledger.give_sign_of_life(me)? {
                return Ok(me);
            }
            static PACE: LogPace = LogPace::new();
            if let Some(left_out) = PACE.due() {
                let name = &self.name;
                tracing::warn!(
                    name,
                    left_out,
                    "others have taken this recorder for gone, or another one has its name: each needs a `client_id` of its own"
                );
            }
        }
        let mut batch = ledger.batch()?;
        let (me, continued) = batch.join(&self.name)?;
        batch.commit()?;
        (self.me, self.others, self.continued) = (Some(me), Others::default(), continued);
        Ok(me)
    }

    /// Takes part no longer.
    fn leave(&mut self, ledger: &mut Ledger) -> Result<(), LedgerError> {
        let Some(me) = self.me else { return Ok(()) };
        let mut batch = ledger.batch()?;
        batch.leave(me)?;
        batch.commit()?;
        self.me = None;
        Ok(())
    }

    /// At its end it leaves its sites to the others, if there are any: alone it goes on with them when it starts again.
    pub(crate) fn end(&mut self, ledger: &mut Ledger) {
        if self.seen.recorders.len() > 1
            && let Err(error) = self.leave(ledger)
        {
            tracing::warn!(%error, "the other recorders notice only in some seconds that this one has ended");
        }
    }

    /// The sites that are its own no longer, as long as a batch lasts.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(crate) fn lost(&mut self, batch: &Batch<'_>) -> Result<HashSet<SiteId>, LedgerError> {
        if batch.lease_edition() == self.edition {
            return Ok(HashSet::new());
        }
        let held = self.held_in(batch)?;
        self.edition = batch.lease_edition();
        Ok(self.held.difference(&held).cloned().collect())
    }

    /// The sites that it holds as long as a batch lasts.
    pub(crate) fn held_in(&self, batch: &Batch<'_>) -> Result<HashSet<SiteId>, LedgerError> {
        self.me.map_or(Ok(HashSet::new()), |me| batch.held(me))
    }

    /// It looks after these from now on; of the sites that are returned it does not know what was said meanwhile.
    pub(crate) fn begin(&mut self, sites: &HashSet<SiteId>) -> Vec<SiteId> {
        self.held.extend(sites.iter().cloned());
        sites.iter().filter(|site| !self.continued.remove(*site)).cloned().collect()
    }

    /// It looks after these no longer.
    pub(crate) fn end_of(&mut self, sites: &HashSet<SiteId>) {
        self.held.retain(|site| !sites.contains(site));
    }
}
