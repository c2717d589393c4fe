//! The one thread that reads the ledger, and the handle to ask it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daemon_runtime::{Owner, OwnerEnded};
use jiff::tz::TimeZone;
use meter_figures::{Figures, Glance, GlanceEdges, House, SiteTariffs, Tariffs, until};
use meter_ledger::{Ledger, LedgerError, LedgerHome, RecordedMeter, RecordedMinute};
use meter_messages::{Measures, Medium, Meter, Minute, Refused, SiteId};
use tokio::sync::Semaphore;

use site_settings::SiteMeters;

/// For how long the meter of a site that pays base fees is not looked for again: a ledger may be filled anew.
const FIRST_FOR: Duration = Duration::from_secs(600);

/// Before the first page there is a connection to the database, unless that takes longer.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// Of so many meters the ledger is asked in one go, so that others need not wait long.
const METERS_AT_ONCE: usize = 50;

/// Relations that are told in the log at once.
const MOST_TOLD: usize = 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The ledger has none.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Nobody owns it any more.
    #[error("the ledger's thread has stopped")]
    Stopped(#[from] OwnerEnded),
}

/// Asks the ledger's thread.
#[derive(Debug, Clone)]
pub(crate) struct LedgerReader {
    reader: Owner<Reader>,
    /// Held by one of those who read much.
    much: Arc<Semaphore>,
    zone: TimeZone,
    tariffs: Arc<SiteTariffs>,
    meters: Arc<SiteMeters>,
    /// Relations that do not fit, as they stand in the log.
    told: Arc<Mutex<Vec<Refused>>>,
}

impl LedgerReader {
    /// Starts the thread. The ledger need not be there yet.
    pub(crate) fn start(
        home: LedgerHome,
        zone: TimeZone,
        tariffs: SiteTariffs,
        meters: SiteMeters,
    ) -> std::io::Result<Self> {
        let (tariffs, meters) = (Arc::new(tariffs), Arc::new(meters));
        let is_far = home.file().is_none();
        let reader = Reader {
            home,
            ledger: None,
            zone: zone.clone(),
            tariffs: tariffs.clone(),
            meters: meters.clone(),
            figures: HashMap::new(),
            firsts: HashMap::new(),
        };
        let (reader, _ends_by_itself) = Owner::spawn("ledger", reader)?;
        if is_far {
            // Nobody waits for a connection then; a database that is not there is looked for again.
            reader.tell(|reader| _ = reader.house());
        }
        Ok(Self { reader, much: Arc::new(Semaphore::new(1)), zone, tariffs, meters, told: Arc::default() })
    }

    /// Waits until the thread has looked at a database, so that nobody waits for that who comes for a page.
    pub(crate) async fn begun(&self) {
        _ = tokio::time::timeout(CONNECTED_WITHIN, self.reader.ask(|_| ())).await;
    }

    /// The zone of days and months.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What stands behind an amount.
    pub(crate) fn currency(&self) -> &str {
        self.tariffs.currency()
    }

    /// What a meter costs, or what is paid for what it feeds in; nothing if it measures what is made here.
    pub(crate) async fn tariffs(&self, meter: &RecordedMeter) -> Result<Tariffs, ReadError> {
        let meter = meter.clone();
        Ok(self.reader.ask(move |reader| reader.tariffs(&meter)).await??)
    }

    /// The same, for a thread that may block.
    pub(crate) fn tariffs_blocking(&self, meter: &RecordedMeter) -> Result<Tariffs, ReadError> {
        let meter = meter.clone();
        Ok(self.reader.ask_blocking(move |reader| reader.tariffs(&meter))??)
    }

    /// The same by tariffs that are not the site's.
    pub(crate) async fn tariffs_by(
        &self,
        all: Arc<SiteTariffs>,
        meter: &RecordedMeter,
    ) -> Result<Tariffs, ReadError> {
        let meter = meter.clone();
        let tariffs = move |reader: &mut Reader| {
            reader.tariffs_by(&all, &meter, |reader| {
                let first = reader.first_meter(&all, &meter.meter.site, meter.medium)?;
                Ok(first.as_ref() == Some(&meter.meter))
            })
        };
        Ok(self.reader.ask(tariffs).await??)
    }

    /// The same without base fees, which says when its prices change.
    pub(crate) fn tariffs_without_fee(&self, meter: &RecordedMeter) -> Tariffs {
        match meter.relation.measures() {
            Measures::Export => self.tariffs.of_feed_in(&meter.meter, meter.medium),
            _ => self.tariffs.of(&meter.meter, meter.medium, false),
        }
    }

    /// What the site says of its meters.
    pub(crate) fn meters(&self) -> &SiteMeters {
        &self.meters
    }

    /// All meters as they are set, and which is part of which. What does not fit is told in the log, once.
    pub(crate) async fn house(&self) -> Result<House, ReadError> {
        let meters = self.ask(|ledger| ledger.meters()).await?;
        let house = House::new(meters.into_iter().map(|known| self.meters.as_set(known)).collect());
        let refused = house.tree().refused();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for new in refused.iter().filter(|refused| !told.contains(refused)).take(MOST_TOLD) {
            tracing::warn!("{new}; until then it is shown as if it were no part");
        }
        if *told != refused {
            *told = refused.to_vec();
        }
        drop(told);
        Ok(house)
    }

    /// Asks the ledger and waits for its answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        Ok(self.reader.ask(|reader| reader.read(question)).await??)
    }

    /// Asks for a part of something long. However many want such parts, others wait for one of
    /// them at most.
    pub(crate) async fn ask_much<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        // Never closed.
        let _one = self.much.acquire().await.ok();
        self.ask(question).await
    }

    /// Asks the ledger from a thread that may block.
    pub(crate) fn ask_blocking<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        Ok(self.reader.ask_blocking(|reader| reader.read(question))??)
    }

    /// A meter's figures of this minute; `None` for a meter that nobody recorded.
    /// Worked out once a minute, however many ask.
    pub(crate) async fn figures(&self, meter: Meter) -> Result<Option<Arc<Figures>>, ReadError> {
        Ok(self.reader.ask(move |reader| reader.figures(&meter)).await??)
    }

    /// What is shown of each of many meters, in their order.
    pub(crate) async fn glances(&self, meters: &[RecordedMeter]) -> Result<Vec<Glance>, ReadError> {
        let mut all = Vec::with_capacity(meters.len());
        for some in meters.chunks(METERS_AT_ONCE) {
            let (some, zone) = (some.to_vec(), self.zone.clone());
            all.extend(self.ask_much(move |ledger| glances(ledger, some, &zone)).await?);
        }
        Ok(all)
    }
}

/// What the thread owns.
#[derive(Debug)]
struct Reader {
    home: LedgerHome,
    ledger: Option<Ledger>,
    zone: TimeZone,
    tariffs: Arc<SiteTariffs>,
    meters: Arc<SiteMeters>,
    /// The last figures of each meter, with the newest minute they know.
    figures: HashMap<Meter, (Option<RecordedMinute>, Arc<Figures>)>,
    /// The first meter of each site that was asked for, and since when it is known.
    firsts: HashMap<(SiteId, Medium), (Instant, Meter)>,
}

impl Reader {
    fn read<T>(
        &mut self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => Ledger::open_read_only(&self.home)?,
        };
        // After an error it is opened anew: the file may be another one now.
        let answer = ledger.of_one_state(question)?;
        self.ledger = Some(ledger);
        Ok(answer)
    }

    fn figures(&mut self, meter: &Meter) -> Result<Option<Arc<Figures>>, LedgerError> {
        let found = self.read(|ledger| {
            let Some(known) = ledger.meter(meter)? else { return Ok(None) };
            let newest = ledger.newest_up_to(&known, tomorrow(minute_in_progress()))?;
            let shown = ledger.shows(&known)?;
            Ok(Some((known, newest, shown)))
        })?;
        let Some((known, newest, shown)) = found else { return Ok(None) };
        let known = self.meters.as_set(known);
        let until = until(newest.as_ref(), minute_in_progress());
        if let Some((cached_newest, figures)) = self.figures.get(meter)
            // Somebody may have entered a reading meanwhile.
            && (*cached_newest, figures.until, &figures.meter, figures.reading) == (newest, until, &known, shown)
        {
            return Ok(Some(figures.clone()));
        }
        let (zone, tariffs) = (self.zone.clone(), self.tariffs(&known)?);
        let figures = self.read(|ledger| Figures::read(ledger, known, newest, until, (&zone, &tariffs)))?;
        let figures = Arc::new(figures);
        self.figures.insert(meter.clone(), (newest, figures.clone()));
        Ok(Some(figures))
    }

    fn tariffs(&mut self, known: &RecordedMeter) -> Result<Tariffs, LedgerError> {
        let all = self.tariffs.clone();
        self.tariffs_by(&all, known, |reader| reader.is_first(&known.meter, known.medium))
    }

    /// What a meter costs by some tariffs; `is_first` says whether it is the first of its site by them.
    fn tariffs_by(
        &mut self,
        all: &SiteTariffs,
        known: &RecordedMeter,
        is_first: impl FnOnce(&mut Self) -> Result<bool, LedgerError>,
    ) -> Result<Tariffs, LedgerError> {
        let (meter, medium) = (&known.meter, known.medium);
        match known.relation.measures() {
            Measures::Export => return Ok(all.of_feed_in(meter, medium)),
            // Nobody pays for what is made here, nor for what is made of it.
            Measures::Production => return Ok(Tariffs::default()),
            Measures::Import | Measures::Consumption => {}
        }
        let is_first = all.depend_on_first(meter, medium) && is_first(self)?;
        let tariffs = all.of(meter, medium, is_first);
        if !tariffs.price_capacity_of_site() {
            return Ok(tariffs);
        }
        let supply = self.house()?.supply(&meter.site);
        Ok(tariffs.with_supply(supply))
    }

    fn is_first(&mut self, meter: &Meter, medium: Medium) -> Result<bool, LedgerError> {
        let key = (meter.site.clone(), medium);
        if let Some((_, first)) = self.firsts.get(&key).filter(|(since, _)| since.elapsed() < FIRST_FOR) {
            return Ok(first == meter);
        }
        let tariffs = self.tariffs.clone();
        let first = self.first_meter(&tariffs, &key.0, medium)?;
        let is_first = first.as_ref() == Some(meter);
        if let Some(first) = first {
            self.firsts.insert(key, (Instant::now(), first));
        }
        Ok(is_first)
    }

    fn first_meter(
        &mut self,
        tariffs: &SiteTariffs,
        site: &SiteId,
        medium: Medium,
    ) -> Result<Option<Meter>, LedgerError> {
        let house = self.house()?;
        self.read(|ledger| tariffs.first_meter(ledger, &house, site, medium))
    }

    /// All meters as they are set.
    fn house(&mut self) -> Result<House, LedgerError> {
        let meters = self.read(|ledger| ledger.meters())?;
        Ok(House::new(meters.into_iter().map(|known| self.meters.as_set(known)).collect()))
    }
}

fn glances(ledger: &Ledger, meters: Vec<RecordedMeter>, zone: &TimeZone) -> Result<Vec<Glance>, LedgerError> {
    let now = minute_in_progress();
    // Meters reach to the same few minutes.
    let mut edges: Vec<GlanceEdges> = Vec::new();
    let glance = |meter: RecordedMeter| {
        let until = until(ledger.newest_up_to(&meter, tomorrow(now))?.as_ref(), now);
        let known = edges.iter().position(|edges| edges.reach() == until).unwrap_or_else(|| {
            edges.push(GlanceEdges::until(until, zone));
            edges.len() - 1
        });
        Glance::read(ledger, meter, &edges[known])
    };
    meters.into_iter().map(glance).collect()
}

/// The minute in which we are.
pub(crate) fn minute_in_progress() -> Minute {
    Minute::nearest(daemon_runtime::now().as_second().div_euclid(Minute::SECONDS))
}

/// The latest minute that can be true: the publisher's clock may be ahead of ours, but not by more than a day.
pub(crate) fn tomorrow(now: Minute) -> Minute {
    Minute::nearest(now.epoch_minutes() + 24 * 60)
}
