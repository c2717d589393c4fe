//! The values of now: from MQTT to whoever watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use daemon_runtime::{Connection, LogPace, MqttSession, MqttSettings, Shares, random_id};
use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{ALL_SITES, Diag, Info, Live, Meter, SiteId, State, Status, Topic};
use rumqttc::{Publish, QoS};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::live::alarms::{ALL_ALARMS, AlarmSaid, Alarms};
use crate::live::holdings::Holding;
use crate::live::lacks::{Lack, Signs, WITHIN};

/// What the meters say of now, and (retained, so there at once) said last.
const SUBSCRIPTIONS: [&str; 9] = [
    "powerpi/+/+/live",
    "powerpi/+/+/state",
    "powerpi/+/+/info",
    "powerpi/+/+/diag",
    ALL_SITES,
    ALL_ALARMS,
    BROKER_VERSION,
    BROKER_STORE,
    ALL_HOLDINGS,
];

/// What a broker says of itself: its version (mosquitto does too), how the
/// store of ours does, and who has how much of what it keeps.
const BROKER_VERSION: &str = "$SYS/broker/version";
const BROKER_STORE: &str = "$SYS/broker/store/state";
const BROKER_HOLDINGS: &str = "$SYS/broker/kept/by owner";

/// The filter for the last one: NATS refuses one with a space.
const ALL_HOLDINGS: &str = "$SYS/broker/kept/+";

/// A value this old is no longer one of now: publishers send one a second.
pub(crate) const STALE_AFTER_S: i64 = 90;

/// A value of the far future must not keep those of now out, in seconds: a day.
const MOST_AHEAD_S: i64 = 86_400;

/// What is known of a meter's presence.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Presence {
    /// The newest value.
    pub(crate) value: Option<Live>,
    /// What its site's publisher says of itself; `None` before it said anything.
    pub(crate) status: Option<Status>,
}

/// A meter's presence, and the event that tells it to those who watch: put into words once,
/// however many they are.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// What is known now.
    pub(crate) presence: Presence,
    event: OnceLock<Bytes>,
}

impl News {
    /// The event of this change.
    pub(crate) fn event(&self, put: impl FnOnce(&Presence) -> Bytes) -> Bytes {
        self.event.get_or_init(|| put(&self.presence)).clone()
    }

    fn change(&mut self, change: impl FnOnce(&mut Presence)) {
        change(&mut self.presence);
        self.event = OnceLock::new();
    }
}

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Of now.
    Live,
    /// The publisher is there, its value is old.
    Stale,
    /// The publisher is gone.
    Offline,
    /// There is no value.
    Unknown,
}

impl Presence {
    /// How far the value can be trusted at `now`.
    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        match (&self.value, self.status) {
            (_, Some(Status::Offline)) => Freshness::Offline,
            (None, _) => Freshness::Unknown,
            (Some(live), _) if now.duration_since(live.at).as_secs() > STALE_AFTER_S => Freshness::Stale,
            (Some(_), _) => Freshness::Live,
        }
    }
}

/// Everything heard so far. Each site has its share of meters, for values and for what publishers say: nobody
/// with access to the broker shall fill our memory with names, or keep those of others out of it.
#[derive(Debug)]
struct Heard {
    max_meters: usize,
    meters: HashMap<Meter, watch::Sender<News>>,
    meter_shares: Shares<SiteId>,
    sites: HashMap<SiteId, Status>,
    publishers: HashMap<Meter, PublisherInfo>,
    publisher_shares: Shares<SiteId>,
    broker: BrokerSays,
    /// What meters are called now, by the names that they had before.
    former: HashMap<Meter, Meter>,
    alarms: Alarms,
    /// Since when the broker has been out of reach, if it is.
    away: Option<Timestamp>,
}

/// What a meter's publisher says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PublisherInfo {
    /// What the meter is.
    pub(crate) info: Option<Info>,
    /// How well the counting goes.
    pub(crate) diag: Option<Diag>,
}

/// What the broker says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BrokerSays {
    /// Its name and version.
    pub(crate) version: Option<String>,
    /// How its store does.
    pub(crate) store: Option<String>,
    /// Who has how much of what it keeps, those with most first.
    pub(crate) holdings: Vec<Holding>,
    /// What it does not have.
    pub(crate) lacks: Vec<Lack>,
}

impl Heard {
    fn new(max_meters: usize) -> Self {
        Self {
            max_meters,
            meters: HashMap::new(),
            meter_shares: Shares::new(max_meters),
            sites: HashMap::new(),
            publishers: HashMap::new(),
            publisher_shares: Shares::new(max_meters),
            broker: BrokerSays::default(),
            former: HashMap::new(),
            alarms: Alarms::new(max_meters),
            away: Some(daemon_runtime::now()),
        }
    }

    /// The channel of a meter; `None` where its site has too many.
    fn meter(&mut self, meter: &Meter) -> Option<&watch::Sender<News>> {
        if !self.meters.contains_key(meter) {
            if !self.meter_shares.take(&meter.site) {
                warn_of_too_many(meter);
                return None;
            }
            let presence = Presence { value: None, status: self.sites.get(&meter.site).copied() };
            let news = News { presence, event: OnceLock::new() };
            self.meters.insert(meter.clone(), watch::Sender::new(news));
        }
        self.meters.get(meter)
    }

    fn publisher(&mut self, meter: &Meter) -> Option<&mut PublisherInfo> {
        if !self.publishers.contains_key(meter) && !self.publisher_shares.take(&meter.site) {
            warn_of_too_many(meter);
            return None;
        }
        Some(self.publishers.entry(meter.clone()).or_default())
    }

    /// Whether that is news.
    fn say(&mut self, site: SiteId, status: Status) -> bool {
        let of_site = self.meters.iter().filter(|(meter, _)| meter.site == site);
        let say = |news: &mut News| news.change(|presence| presence.status = Some(status));
        of_site.for_each(|(_, channel)| channel.send_modify(say));
        // A site with meters always has its place; and who may publish for one site can add only one.
        let has_place = self.sites.contains_key(&site) || self.meter_shares.of(&site) > 0;
        if has_place || self.sites.len() < self.max_meters {
            return self.sites.insert(site, status) != Some(status);
        }
        false
    }
}

fn warn_of_too_many(meter: &Meter) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        tracing::warn!(
            %meter, left_out,
            "no live values: its site has as many meters as it may have; others still get theirs (max_meters)"
        );
    }
}

/// Where values arrive and are watched.
#[derive(Debug, Clone)]
pub(crate) struct LiveValues {
    heard: Arc<Mutex<Heard>>,
    /// Counts whatever may change the verdict on the whole.
    turns: watch::Sender<u64>,
}

impl LiveValues {
    /// Nothing heard yet, and room for the values of so many meters.
    pub(crate) fn new(max_meters: usize) -> Self {
        Self { heard: Arc::new(Mutex::new(Heard::new(max_meters))), turns: watch::Sender::new(0) }
    }

    /// What is known of a meter now.
    pub(crate) fn of(&self, meter: &Meter) -> Presence {
        self.heard().meters.get(meter).map(|channel| channel.borrow().presence.clone()).unwrap_or_default()
    }

    /// What a meter's publisher says of itself.
    pub(crate) fn publisher(&self, meter: &Meter) -> PublisherInfo {
        self.heard().publishers.get(meter).cloned().unwrap_or_default()
    }

    /// What a site's publisher says of its presence.
    pub(crate) fn status(&self, site: &SiteId) -> Option<Status> {
        self.heard().sites.get(site).copied()
    }

    /// The first `most` sites that were heard of, by name; whether their publishers are there, and what these say of
    /// their clocks.
    pub(crate) fn sites(&self, most: usize) -> Vec<(SiteId, Status, Vec<String>)> {
        let heard = self.heard();
        let mut sites: Vec<_> = heard.sites.iter().collect();
        sites.sort_by_key(|(site, _)| *site);
        let clocks = |site: &SiteId| {
            let of_site = heard.publishers.iter().filter(|(meter, _)| meter.site == *site);
            of_site.filter_map(|(_, said)| Some(said.diag.as_ref()?.clock.clone())).collect()
        };
        sites.into_iter().take(most).map(|(site, status)| (site.clone(), *status, clocks(site))).collect()
    }

    /// What the broker says of itself.
    pub(crate) fn broker(&self) -> BrokerSays {
        self.heard().broker.clone()
    }

    /// Each new value of a meter, the newest first. Only for meters of the
    /// ledger: each one watched is kept in mind.
    pub(crate) fn watch(&self, meter: &Meter) -> watch::Receiver<News> {
        let watched = self.heard().meter(meter).map(watch::Sender::subscribe);
        watched.unwrap_or_else(|| watch::Sender::new(News::default()).subscribe())
    }

    /// Says what meters are called now, by the names that they had before: what comes under these is theirs.
    pub(crate) fn rename(&self, former: HashMap<Meter, Meter>) {
        let mut heard = self.heard();
        for (before, now) in &former {
            let said = heard.publishers.get(before).cloned();
            if let (Some(said), false) = (said, heard.publishers.contains_key(now))
                && let Some(publisher) = heard.publisher(now)
            {
                *publisher = said;
            }
        }
        heard.former = former;
    }

    fn name_now(&self, meter: Meter) -> Meter {
        self.heard().former.get(&meter).cloned().unwrap_or(meter)
    }

    /// Whether the broker is there.
    pub(crate) fn is_connected(&self) -> bool {
        self.away_since().is_none()
    }

    /// Since when the broker has been out of reach, if it is.
    pub(crate) fn away_since(&self) -> Option<Timestamp> {
        self.heard().away
    }

    /// What the alarms said last, those that are raised first.
    pub(crate) fn alarms(&self) -> Vec<AlarmSaid> {
        self.heard().alarms.all()
    }

    /// Changes whenever a broker, a publisher or an alarm comes or goes.
    pub(crate) fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    fn turn(&self) {
        self.turns.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Notes what the broker does not have, and logs it where that is news.
    fn found_lacking(&self, lacks: Vec<Lack>) {
        let before = std::mem::replace(&mut self.heard().broker.lacks, lacks.clone());
        for lack in lacks.into_iter().filter(|lack| !before.contains(lack)) {
            tracing::info!("{}", lack.said());
        }
    }

    fn connected(&self, is_there: bool) {
        self.heard().away = (!is_there).then(daemon_runtime::now);
        self.turn();
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message in. What is not one of ours is passed over: whoever may
    /// publish there must not fill our log.
    fn take(&self, message: &Publish) {
        let payload = &message.payload;
        let text = || foreign(&String::from_utf8_lossy(payload)).to_string();
        match message.topic.as_str() {
            BROKER_VERSION => return self.heard().broker.version = Some(text()),
            BROKER_STORE => {
                let before = self.heard().broker.store.replace(text());
                if before != Some(text()) {
                    self.turn();
                }
                return;
            }
            BROKER_HOLDINGS => {
                if let Some(holdings) = Holding::all(payload) {
                    self.heard().broker.holdings = holdings;
                }
                return;
            }
            _ => {}
        }
        match message.topic.parse() {
            Ok(Topic::Status(site)) => {
                if let Ok(status) = Status::from_payload(payload)
                    && self.heard().say(site, status)
                {
                    self.turn();
                }
            }
            Ok(Topic::Live(meter)) => {
                let meter = self.name_now(meter);
                let live = Live::from_json(payload).ok();
                self.take_value(&meter, live, |_known, _live| true);
            }
            Ok(Topic::State(meter)) => {
                let meter = self.name_now(meter);
                let state = State::from_json(payload).ok();
                let live = state.map(Live::from);
                // Retained: it may come after a newer live value.
                self.take_value(&meter, live, |known, live| known.at <= live.at || is_of_the_future(known));
            }
            Ok(Topic::Info(meter)) => {
                let meter = self.name_now(meter);
                let info = Info::from_json(payload).ok();
                if let (Some(info), Some(machine)) = (info, self.heard().publisher(&meter)) {
                    machine.info = Some(info);
                }
            }
            Ok(Topic::Diag(meter)) => {
                let meter = self.name_now(meter);
                let diag = Diag::from_json(payload).ok();
                if let (Some(diag), Some(machine)) = (diag, self.heard().publisher(&meter)) {
                    machine.diag = Some(diag);
                }
            }
            _ => {
                if self.heard().alarms.take(&message.topic, payload) {
                    self.turn();
                }
            }
        }
    }

    /// Takes a value in if none is known, or if it `replaces` the known one.
    fn take_value(&self, meter: &Meter, live: Option<Live>, replaces: fn(&Live, &Live) -> bool) {
        let Some(live) = live else { return };
        if let Some(channel) = self.heard().meter(meter) {
            channel.send_if_modified(|news| {
                let taken = news.presence.value.as_ref().is_none_or(|known| replaces(known, &live));
                if taken {
                    news.change(|presence| presence.value = Some(live));
                }
                taken
            });
        }
    }
}

/// Whether a value lies so far ahead of this clock that it cannot be of now.
fn is_of_the_future(value: &Live) -> bool {
    value.at.duration_since(daemon_runtime::now()).as_secs() > MOST_AHEAD_S
}

/// A session that hears what all meters say.
pub(crate) fn session(settings: &MqttSettings) -> MqttSession {
    let subscriptions = SUBSCRIPTIONS.map(|filter| (filter.to_owned(), QoS::AtMostOnce)).into();
    MqttSession { subscriptions, ..MqttSession::new(settings, &format!("powerpi-web-{}", random_id())) }
}

/// Listens until `shutdown`.
pub(crate) async fn listen(session: MqttSession, values: LiveValues, shutdown: CancellationToken) {
    let serve = async |connection: &mut Connection| {
        values.connected(true);
        tracing::info!("listening for live values");
        let ended = hear(connection, &values).await;
        values.connected(false);
        ended
    };
    session.run(&shutdown, serve).await;
}

/// Takes what comes, up to the connection's end.
async fn hear(connection: &mut Connection, values: &LiveValues) -> anyhow::Result<()> {
    let mut signs = Signs::default();
    let first = async {
        loop {
            let message = connection.message().await?;
            signs.take(&message);
            values.take(&message);
        }
    };
    if let Ok(ended) = timeout(WITHIN, first).await {
        return ended;
    }
    values.found_lacking(signs.lacks());
    loop {
        values.take(&connection.message().await?);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(topic: &str, payload: &str) -> Publish {
        Publish::new(topic, QoS::AtMostOnce, payload)
    }

    fn meter() -> Meter {
        "hq/main".parse().unwrap()
    }

    fn live(values: &LiveValues, at: &str, watts: u32) {
        let payload = format!("{{\"t\":\"2026-10-03T12:{at}Z\",\"w\":{watts},\"total\":5}}");
        values.take(&message("powerpi/hq/main/live", &payload));
    }

    #[test]
    fn a_retained_state_does_not_undo_a_live_value() {
        let values = LiveValues::new(100);
        live(&values, "34:05", 100);
        values.take(&message(
            "powerpi/hq/main/state",
            "{\"t\":\"2026-10-03T12:34:00Z\",\"power_w\":90,\"energy_kwh\":0.005,\"total\":5}",
        ));
        assert_eq!(values.of(&meter()).value.unwrap().power_w, Some(100));
        live(&values, "34:06", 200);
        assert_eq!(values.of(&meter()).value.unwrap().power_w, Some(200));
    }

    #[test]
    fn a_value_is_live_old_or_of_somebody_gone() {
        let values = LiveValues::new(100);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(values.of(&meter()).freshness(at("2026-10-03T12:34:10Z")), Freshness::Unknown);
        live(&values, "34:05", 100);
        assert_eq!(values.of(&meter()).freshness(at("2026-10-03T12:34:10Z")), Freshness::Live);
        assert_eq!(values.of(&meter()).freshness(at("2026-10-03T12:36:00Z")), Freshness::Stale);
        values.take(&message("powerpi/hq/status", "offline"));
        assert_eq!(values.of(&meter()).freshness(at("2026-10-03T12:34:10Z")), Freshness::Offline);
        values.take(&message("powerpi/hq/status", "online"));
        assert_eq!(values.of(&meter()).freshness(at("2026-10-03T12:34:10Z")), Freshness::Live);
    }

    #[test]
    fn a_site_that_was_gone_before_its_meter_was_heard_is_gone() {
        let values = LiveValues::new(100);
        values.take(&message("powerpi/hq/status", "offline"));
        live(&values, "34:05", 100);
        assert_eq!(values.of(&meter()).status, Some(Status::Offline));
    }

    #[test]
    fn nonsense_changes_nothing_and_names_do_not_pile_up() {
        let values = LiveValues::new(100);
        live(&values, "34:05", 100);
        let before = values.of(&meter());
        for (topic, payload) in [
            ("powerpi/hq/main/live", "{}"),
            ("powerpi/hq/main/live", "{\"t\":\"later\",\"w\":1,\"total\":1}"),
            ("powerpi/hq/status", "gone"),
            ("powerpi/HQ/main/live", "{\"t\":\"2026-10-03T12:34:09Z\",\"w\":1,\"total\":1}"),
        ] {
            values.take(&message(topic, payload));
        }
        assert_eq!(values.of(&meter()), before);
        let payload = "{\"t\":\"2026-10-03T12:34:09Z\",\"w\":1,\"total\":1}";
        for number in 0..300 {
            values.take(&message(&format!("powerpi/hq/m{number}/live"), payload));
            values.take(&message(&format!("powerpi/s{number}/status"), "online"));
        }
        let kept = |heard: &Heard| (heard.meters.len(), heard.sites.len());
        assert_eq!(kept(&values.heard()), (52, 100));
        // And another site still gets in.
        values.take(&message("powerpi/flat/main/live", payload));
        values.take(&message("powerpi/flat/status", "online"));
        let other = values.of(&"flat/main".parse().unwrap());
        assert_eq!((other.value.unwrap().power_w, other.status), (Some(1), Some(Status::Online)));
        assert_eq!(values.status(&"flat".parse().unwrap()), Some(Status::Online));
    }
}
