//! Pictures: drawn by one thread, at most once a minute however many look.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;
use meter_ledger::RecordedMeter;
use meter_messages::{Meter, Minute};
use meter_rrd::{DatabaseError, Graph, GraphRenderer, MeterDatabase, Picture, Size, Span, Theme};
use tokio::sync::{mpsc, oneshot};

use crate::http::answer_cache::Lasts;
use crate::http::reply::{Effort, Prepared};
use crate::ledger::reader::{LedgerReader, ReadError, minute_in_progress};
use crate::reckoning::calendar::Period;
use crate::reckoning::figures;
use crate::reckoning::periods::Periods;
use crate::texts::{Language, Texts};

/// Pictures that may wait to be drawn; who wants more waits with them.
const QUEUE: usize = 32;

/// Pictures kept in memory, some 100 KB each.
const MOST: usize = 300;

/// Seconds after a minute's end until it is surely recorded: pictures change then.
const SETTLED_S: i64 = 8;

/// For how many rounds we keep such a picture ourselves.
const CLOSED_ROUNDS: i64 = 10;

/// Which picture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PictureKey {
    /// Of which meter.
    pub(crate) meter: Meter,
    /// How much time.
    pub(crate) span: Span,
    /// Which time, where it is not the time up to now.
    pub(crate) period: Option<Period>,
    /// Its format.
    pub(crate) picture: Picture,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Its layout.
    pub(crate) size: Size,
    /// Its words.
    pub(crate) language: Language,
}

/// A picture, and until when it is the newest.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The file.
    pub(crate) file: Arc<Prepared>,
    /// The minute (by its pictures, not the clock) it belongs to.
    round: i64,
    /// Whether it shows a time that is over.
    over: bool,
}

impl Drawn {
    /// Until when nobody need ask again.
    pub(crate) fn lasts(&self) -> Lasts {
        match self.over {
            true => Lasts::closed(),
            false => Lasts::until((self.round + 1) * 60 + SETTLED_S),
        }
    }

    /// Whether it need not be drawn anew in a round.
    fn is_good(&self, round: i64) -> bool {
        round - self.round < if self.over { CLOSED_ROUNDS } else { 1 }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// Nobody recorded this meter, or its file is not there yet.
    #[error("this meter has no picture")]
    NotFound,
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// It cannot be drawn.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

type Answer = oneshot::Sender<Result<Arc<Drawn>, Arc<PictureError>>>;
type Cache = Arc<Mutex<HashMap<PictureKey, Arc<Drawn>>>>;

/// Asks for pictures.
#[derive(Debug, Clone)]
pub(crate) struct Graphs {
    orders: mpsc::Sender<(PictureKey, Answer)>,
    cache: Cache,
}

impl Graphs {
    /// Starts the thread that draws; it ends when the last handle is gone.
    pub(crate) fn start(rrd_dir: PathBuf, ledger: LedgerReader) -> anyhow::Result<Self> {
        let (orders, mut incoming) = mpsc::channel::<(PictureKey, Answer)>(QUEUE);
        let renderer = GraphRenderer::new(ledger.zone().clone())?;
        let cache = Cache::default();
        let studio = Studio { renderer, rrd_dir, ledger, cache: cache.clone() };
        thread::Builder::new().name("graphs".into()).spawn(move || {
            while let Some((key, answer)) = incoming.blocking_recv() {
                let drawn = studio.picture(&key);
                // Who asked may have gone.
                let _ = answer.send(drawn.map_err(Arc::new));
            }
        })?;
        Ok(Self { orders, cache })
    }

    /// The picture of this minute.
    pub(crate) async fn picture(&self, key: PictureKey) -> Result<Arc<Drawn>, Arc<PictureError>> {
        if let Some(drawn) = cached(&self.cache, &key) {
            return Ok(drawn);
        }
        let stopped = |_| Arc::new(PictureError::Ledger(ReadError::Stopped));
        let (answer, drawn) = oneshot::channel();
        self.orders.send((key, answer)).await.map_err(|_| stopped(()))?;
        drawn.await.map_err(|_| stopped(()))?
    }
}

fn round() -> i64 {
    (Timestamp::now().as_second() - SETTLED_S).div_euclid(60)
}

fn cached(cache: &Cache, key: &PictureKey) -> Option<Arc<Drawn>> {
    let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    cache.get(key).filter(|drawn| drawn.is_good(round())).cloned()
}

/// What the thread owns.
struct Studio {
    renderer: GraphRenderer,
    rrd_dir: PathBuf,
    ledger: LedgerReader,
    cache: Cache,
}

impl Studio {
    fn picture(&self, key: &PictureKey) -> Result<Arc<Drawn>, PictureError> {
        // Others may have waited for the same one.
        if let Some(drawn) = cached(&self.cache, key) {
            return Ok(drawn);
        }
        let round = round();
        let started = std::time::Instant::now();
        let image = self.draw(key)?;
        tracing::debug!(?key, bytes = image.len(), elapsed = ?started.elapsed(), "drew a picture");
        let file = Arc::new(match key.picture {
            Picture::Svg => Prepared::text("image/svg+xml", image, Effort::Quick),
            Picture::Png => Prepared::binary("image/png", image),
        });
        let over = key.period.as_ref().is_some_and(|period| period.span.end <= minute_in_progress());
        let drawn = Arc::new(Drawn { file, round, over });
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, drawn| drawn.is_good(round));
        if cache.len() >= MOST {
            cache.clear();
        }
        cache.insert(key.clone(), drawn.clone());
        Ok(drawn)
    }

    fn draw(&self, key: &PictureKey) -> Result<Vec<u8>, PictureError> {
        let now = minute_in_progress();
        let (meter, total) = self.sum(key, now)?.ok_or(PictureError::NotFound)?;
        let meter = self.ledger.meters().named(meter);
        let database = MeterDatabase::open(&self.rrd_dir, &key.meter)?.ok_or(PictureError::NotFound)?;
        let texts = key.language.texts();
        // On pages the heading is the page's own.
        let title = match key.picture {
            Picture::Svg => String::new(),
            Picture::Png => format!("{} · {}", meter.name, self.title(key, texts)),
        };
        let mut constant = meter.constant_at(Minute::nearest(i64::MIN));
        let earlier: Vec<_> = meter
            .constant_changes()
            .map(|(from, next)| (from, std::mem::replace(&mut constant, next)))
            .collect();
        let unit = meter.medium.unit();
        let graph = Graph {
            earlier: &earlier,
            span: key.span,
            theme: key.theme,
            colour: self.ledger.meters().colour(&key.meter),
            size: key.size,
            picture: key.picture,
            words: &texts.graph,
            title: &title,
            unit,
            rate: texts.measure(unit).rate,
            constant: meter.constant,
            total,
            now,
            range: key.period.as_ref().map(|period| (period.span.start, period.span.end)),
        };
        Ok(self.renderer.render(&database, &graph)?)
    }

    fn title(&self, key: &PictureKey, texts: &Texts) -> String {
        match &key.period {
            Some(period) => {
                let start = period.span.start.timestamp().to_zoned_datetime(self.ledger.zone().clone());
                texts.title(period.kind, start.datetime())
            }
            None => texts.span(key.span).to_owned(),
        }
    }

    /// The meter and the energy of what the picture shows.
    fn sum(&self, key: &PictureKey, now: Minute) -> Result<Option<(RecordedMeter, Option<f64>)>, ReadError> {
        let (meter, span, zone) = (key.meter.clone(), key.span, self.ledger.zone().clone());
        let period = key.period.as_ref().map(|period| period.span.clone());
        self.ledger.ask_blocking(move |ledger| {
            let Some(meter) = ledger.meter(&meter)? else { return Ok(None) };
            let until = figures::until(ledger.newest(&meter)?.as_ref(), now);
            let [hour, day, week, month, year] = Periods::until(until, &zone).pictures;
            let shown = match span {
                _ if period.is_some() => period.unwrap_or(hour),
                Span::Hour => hour,
                Span::Day => day,
                Span::Week => week,
                Span::Month => month,
                Span::Year => year,
            };
            let sum = ledger.sum(&meter, shown)?;
            let kwh = (sum.minutes > 0).then(|| sum.quantity());
            Ok(Some((meter, kwh)))
        })
    }
}
