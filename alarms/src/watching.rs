//! Checks all alarms once a second and sends notices of those that changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_figures::CapacityOf;
use meter_messages::{Live, Meter, MeterId, SiteId, Status, Unit, alarm_topic};
use site_settings::{Alarm, Condition};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::alarm::Change;
use crate::condition::Watched;
use crate::keeper::Keeper;
use crate::notice::{Notice, State};
use crate::observed::MeterObserved;
use crate::quarter::Quarter;
use crate::record::{Record, Way};
use crate::texts::{NoticeLanguage, sentence, test_sentence};
use crate::whole_site::SiteObserved;

/// A broker may end the connection of somebody who may not clear a topic, so that is not tried for ever.
const MOST_TRIES: u32 = 3;

/// The alarms, what is known of their meters, and what was sent; shared by the
/// MQTT session, the ledger's reader and the senders.
#[derive(Debug, Clone)]
pub struct Watch {
    inner: Arc<Mutex<Inner>>,
    /// Held by whoever changes the record, until that is kept.
    keeper: Arc<tokio::sync::Mutex<Keeper>>,
    turned: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    setting: Setting,
    observed: BTreeMap<Meter, MeterObserved>,
    /// Sites of which an alarm watches all that they take in.
    sites: BTreeMap<SiteId, SiteObserved>,
    names: BTreeMap<Meter, String>,
    record: Record,
    /// How often it was tried to clear a topic.
    tried: BTreeMap<String, u32>,
    /// Whether the last write of the record failed.
    refused: bool,
    /// Whether the record says something that is not kept yet.
    is_unkept: bool,
}

/// What alarms have turned to: their names, and the sentences of their notices.
type Turned = Vec<(String, Option<String>)>;

/// Its settings.
#[derive(Debug)]
pub struct Setting {
    /// What to watch.
    pub alarms: Vec<Alarm>,
    /// Ways of sending besides MQTT.
    pub ways: Vec<Way>,
    /// The language of the notices.
    pub language: NoticeLanguage,
    /// The zone of their times.
    pub zone: TimeZone,
    /// The pages' address.
    pub pages: Option<String>,
}

impl Watch {
    /// Continues from the record.
    pub fn new(setting: Setting, mut record: Record, keeper: Keeper, now: Timestamp) -> Self {
        record.unsent.retain(|way, _| setting.ways.contains(way));
        let mut observed = BTreeMap::new();
        for alarm in &setting.alarms {
            let of_meter: &mut MeterObserved =
                observed.entry(alarm.meter.clone()).or_insert_with(|| MeterObserved::nothing(now));
            if let Some((at, total)) = record.alarms.get(alarm.name.as_str()).and_then(|own| own.last_pulse) {
                of_meter.take(Live { at, power_w: None, flow_l_h: None, total }, now);
            }
        }
        let of_site = setting.alarms.iter().filter(|alarm| is_of_site(alarm));
        let sites = of_site.map(|alarm| (alarm.meter.site.clone(), SiteObserved::default())).collect();
        let (names, tried) = (BTreeMap::new(), BTreeMap::new());
        let (refused, is_unkept) = (false, false);
        let inner = Inner { setting, observed, sites, names, record, tried, refused, is_unkept };
        let keeper = Arc::new(tokio::sync::Mutex::new(keeper));
        Self { inner: Arc::new(Mutex::new(inner)), keeper, turned: Arc::new(Notify::new()) }
    }

    /// The meters that are watched.
    pub fn meters(&self) -> Vec<Meter> {
        self.with(|inner| inner.observed.keys().cloned().collect())
    }

    /// A value of a meter, at `now`.
    pub fn value(&self, meter: &Meter, value: Live, now: Timestamp) {
        self.with(|inner| {
            if let Some(site) = inner.sites.get_mut(&meter.site) {
                site.take(meter, &value);
            }
            inner.observed.get_mut(meter).map(|observed| observed.take(value, now))
        });
    }

    /// The sites of which an alarm watches all that they take in.
    pub fn sites(&self) -> Vec<SiteId> {
        self.with(|inner| inner.sites.keys().cloned().collect())
    }

    /// What the ledger knows of a site: the meters through which it takes in what it uses, and their quarter of an hour in
    /// progress.
    pub fn site(&self, site: &SiteId, supply: Vec<Meter>, quarter: Quarter) {
        self.with(|inner| inner.sites.get_mut(site).map(|observed| observed.know(supply, quarter)));
    }

    /// A site's publisher, or (`None`) the broker that cannot be reached.
    pub fn status(&self, of: impl Fn(&Meter) -> bool, status: Option<Status>, now: Timestamp) {
        self.with(|inner| {
            let concerned = inner.observed.iter_mut().filter(|(meter, _)| of(meter));
            concerned.for_each(|(_, observed)| observed.hear(status, now));
        });
    }

    /// What the ledger knows of a meter: its name, its unit and this month's energy or volume, and the quarter of an hour
    /// in progress.
    pub fn month(&self, meter: &Meter, name: String, month: (Unit, f64), quarter: Option<Quarter>) {
        self.with(|inner| {
            if inner.names.insert(meter.clone(), name).is_none() {
                inner.warn_of_other_units(meter, month.0);
            }
            if let Some(observed) = inner.observed.get_mut(meter) {
                observed.month = Some(month);
                observed.quarter = quarter;
            }
        });
    }

    /// Checks all alarms. What has changed is kept before anybody can be told of it.
    pub async fn look(&self, now: Timestamp) {
        let keeper = self.keeper.lock().await;
        let Some((next, turned)) = self.with(|inner| inner.look(now)) else { return };
        if !self.is_kept(&keeper, &next).await {
            return;
        }
        self.with(|inner| (inner.record, inner.is_unkept) = (next, false));
        for (alarm, text) in turned {
            tracing::info!(alarm, "{}", text.unwrap_or_default());
        }
        self.turned.notify_waiters();
    }

    /// Whether this program may say something: where several watch in turn, another one may have the watch by now.
    pub async fn may_tell(&self) -> bool {
        self.keeper.lock().await.may_tell().await
    }

    /// Waits until an alarm changes after this call, even before it is awaited.
    pub fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }

    /// A notice of an alarm that only says that it is a test, of `now`, and the alarm's meter; `None` where there is no such
    /// alarm.
    pub fn test(&self, site: &SiteId, alarm: &MeterId, now: Timestamp) -> Option<(Meter, Notice)> {
        self.with(|inner| {
            let mut alarms = inner.setting.alarms.iter();
            let alarm = alarms.find(|known| known.name == *alarm && known.meter.site == *site)?;
            let name = inner.names.get(&alarm.meter).cloned().unwrap_or_else(|| alarm.meter.to_string());
            let text = test_sentence(inner.setting.language, &name, &alarm.condition);
            // By its time it is told from other tests, which a server may take for the same otherwise.
            let notice = Notice { state: State::Test, since: Some(now), text: Some(text), ..quiet(alarm) };
            Some((alarm.meter.clone(), notice))
        })
    }

    /// The retained topics' content: each alarm's last notice.
    pub fn notices(&self) -> Vec<(Meter, Notice)> {
        self.with(|inner| {
            let of = |alarm: &Alarm| {
                let told = inner.record.alarms.get(alarm.name.as_str()).and_then(|own| own.notice.clone());
                (alarm.meter.clone(), told.unwrap_or_else(|| quiet(alarm)))
            };
            inner.setting.alarms.iter().map(of).collect()
        })
    }

    /// A topic that says something of an alarm which is no longer there; one that was asked for often enough in vain is
    /// left for the next start.
    pub fn former_topic(&self) -> Option<String> {
        self.with(|inner| {
            let current: BTreeSet<String> = inner.setting.alarms.iter().map(state_topic).collect();
            let tried = |topic: &&String| inner.tried.get(*topic).copied().unwrap_or(0);
            let topic =
                inner.record.topics.difference(&current).find(|topic| tried(topic) < MOST_TRIES)?.clone();
            *inner.tried.entry(topic.clone()).or_default() += 1;
            Some(topic)
        })
    }

    /// Nothing stands on a topic any more: the broker has said so.
    pub async fn cleared(&self, topic: &str) {
        self.has_happened(|record| _ = record.topics.remove(topic)).await;
    }

    /// The oldest notice that waits for a way of sending.
    pub fn unsent(&self, way: &Way) -> Option<Notice> {
        self.with(|inner| inner.record.unsent.get(way).and_then(|unsent| unsent.front().cloned()))
    }

    /// Removes it: it was sent.
    pub async fn sent(&self, way: &Way, notice: &Notice) {
        let remove = |record: &mut Record| {
            if let Some(unsent) = record.unsent.get_mut(way)
                && unsent.front() == Some(notice)
            {
                unsent.pop_front();
            }
        };
        self.has_happened(remove).await;
    }

    /// Writes what has not been written yet; called at the end.
    pub async fn keep(&self) {
        self.has_happened(|_| ()).await;
    }

    /// Notes what has happened, whether it can be kept now or only later.
    async fn has_happened(&self, note: impl FnOnce(&mut Record)) {
        let keeper = self.keeper.lock().await;
        let record = self.with(|inner| {
            note(&mut inner.record);
            inner.record.clone()
        });
        let is_kept = self.is_kept(&keeper, &record).await;
        self.with(|inner| inner.is_unkept = !is_kept);
    }

    /// Keeps the record; whether what it says may be told.
    async fn is_kept(&self, keeper: &Keeper, record: &Record) -> bool {
        let kept = keeper.keep(record).await;
        let was_refused = self.with(|inner| std::mem::replace(&mut inner.refused, kept.is_err()));
        match kept {
            Ok(is_ours) => is_ours,
            Err(error) => {
                let is_told = keeper.tells_what_is_not_kept();
                match is_told {
                    _ if was_refused => {}
                    true => tracing::error!("{error:#}; after a restart, notices may be sent again"),
                    false => tracing::error!("{error:#}; no notice is sent until the database answers"),
                }
                is_told
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The retained topic of an alarm: `powerpi/<site>/alarm/<name>/state`, five levels, which no subscription of the
/// recorder's covers.
pub fn state_topic(alarm: &Alarm) -> String {
    alarm_topic(&alarm.meter.site, alarm.name.as_str(), "state")
}

fn is_of_site(alarm: &Alarm) -> bool {
    matches!(alarm.condition, Condition::NewPeak { of: CapacityOf::Site, .. })
}

impl Inner {
    /// Warns of an alarm of another unit than its meter's: it would never be raised.
    fn warn_of_other_units(&self, meter: &Meter, unit: Unit) {
        let of_meter = self.setting.alarms.iter().filter(|alarm| alarm.meter == *meter);
        for alarm in of_meter.filter(|alarm| alarm.condition.unit().is_some_and(|watched| watched != unit)) {
            tracing::warn!(
                "alarm {} can never be raised: {meter} counts {}, so write above_{} or budget_{}_per_month",
                alarm.name,
                unit.symbol(),
                if unit == Unit::KilowattHour { "w" } else { "l_h" },
                if unit == Unit::KilowattHour { "kwh" } else { "m3" },
            );
        }
    }

    /// Steps all alarms; what is to be kept, and told then, if one has turned.
    fn look(&mut self, now: Timestamp) -> Option<(Record, Turned)> {
        let (mut next, mut turned) = (self.record.clone(), Vec::new());
        for alarm in &self.setting.alarms {
            let Some(observed) = self.observed.get(&alarm.meter) else { continue };
            let own = next.alarms.entry(alarm.name.to_string()).or_default();
            own.last_pulse = observed.last_pulse.zip(observed.value.as_ref().map(|value| value.total));
            let together = self.sites.get(&alarm.meter.site).filter(|_| is_of_site(alarm));
            let together = together.map(|site| site.together(now));
            let finding = alarm.condition.find(together.as_ref().unwrap_or(observed), now);
            let Some(turn) = own.standing.step(&alarm.condition, finding, now) else { continue };
            let name = self.names.get(&alarm.meter).cloned().unwrap_or_else(|| alarm.meter.to_string());
            let notice = notice(&self.setting, alarm, &name, &turn);
            turned.push((notice.alarm.clone(), notice.text.clone()));
            own.notice = Some(notice.clone());
            for way in &self.setting.ways {
                next.queue(way, notice.clone());
            }
        }
        if turned.is_empty() && !self.is_unkept {
            self.record = next;
            return None;
        }
        Some((next, turned))
    }
}

fn quiet(alarm: &Alarm) -> Notice {
    Notice {
        alarm: alarm.name.to_string(),
        meter: alarm.meter.to_string(),
        state: State::Quiet,
        since: None,
        until: None,
        highest: None,
        text: None,
        page: None,
    }
}

fn notice(setting: &Setting, alarm: &Alarm, name: &str, turn: &Change) -> Notice {
    let (state, raised, until) = match turn {
        Change::Raised(raised) => (State::Raised, raised, None),
        Change::Over { was, at } => (State::Over, was, Some(*at)),
    };
    let page =
        setting.pages.as_deref().map(|pages| format!("{}/m/{}", pages.trim_end_matches('/'), alarm.meter));
    Notice {
        state,
        since: Some(raised.since),
        until,
        highest: Some(raised.highest),
        text: Some(sentence(setting.language, name, &alarm.condition, turn, &setting.zone)),
        page,
        ..quiet(alarm)
    }
}
