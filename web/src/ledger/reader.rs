//! The one thread that reads the ledger, and the handle to ask it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMinute};
use meter_messages::{Meter, Minute};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::reckoning::figures::{self, Figures};
use crate::reckoning::tariff::SiteTariffs;
use crate::settings::meters::SiteMeters;

/// Questions that may wait; who has more waits with them.
const QUEUE: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The ledger has none.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file that was made from it.
    #[error("a file could not be read")]
    File(#[from] std::io::Error),
    /// This server is stopping.
    #[error("the ledger's thread has stopped")]
    Stopped,
}

type Question = Box<dyn FnOnce(&mut Reader) + Send>;

/// Asks the ledger's thread.
#[derive(Debug, Clone)]
pub(crate) struct LedgerReader {
    questions: mpsc::Sender<Question>,
    /// Held by one of those who read much.
    much: Arc<Semaphore>,
    zone: TimeZone,
    tariffs: Arc<SiteTariffs>,
    meters: Arc<SiteMeters>,
}

impl LedgerReader {
    /// Starts the thread; it ends when the last handle is gone. The ledger need
    /// not be there yet.
    pub(crate) fn start(
        path: PathBuf,
        zone: TimeZone,
        tariffs: SiteTariffs,
        meters: SiteMeters,
    ) -> std::io::Result<Self> {
        let (questions, mut incoming) = mpsc::channel::<Question>(QUEUE);
        let (much, tariffs, meters) = (Arc::new(Semaphore::new(1)), Arc::new(tariffs), Arc::new(meters));
        let named = meters.clone();
        thread::Builder::new().name("ledger".into()).spawn(move || {
            let mut reader = Reader { path, ledger: None, meters: named, figures: HashMap::new() };
            while let Some(question) = incoming.blocking_recv() {
                question(&mut reader);
            }
        })?;
        Ok(Self { questions, much, zone, tariffs, meters })
    }

    /// The zone of days and months.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What energy costs.
    pub(crate) fn tariffs(&self) -> &SiteTariffs {
        &self.tariffs
    }

    /// What the site says of its meters.
    pub(crate) fn meters(&self) -> &SiteMeters {
        &self.meters
    }

    /// Asks the ledger and waits for its answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (question, answer) = posed(question);
        self.questions.send(question).await.map_err(|_| ReadError::Stopped)?;
        answer.await.map_err(|_| ReadError::Stopped)?
    }

    /// Asks for a part of something long. However many want such parts, others wait for one of
    /// them at most.
    pub(crate) async fn ask_much<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _one = self.much.acquire().await.map_err(|_| ReadError::Stopped)?;
        self.ask(question).await
    }

    /// Asks the ledger from a thread that may block.
    pub(crate) fn ask_blocking<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (question, answer) = posed(question);
        self.questions.blocking_send(question).map_err(|_| ReadError::Stopped)?;
        answer.blocking_recv().map_err(|_| ReadError::Stopped)?
    }

    /// A meter's figures of this minute; `None` for a meter that nobody recorded.
    /// Worked out once a minute, however many ask.
    pub(crate) async fn figures(&self, meter: Meter) -> Result<Option<Arc<Figures>>, ReadError> {
        let (zone, tariffs) = (self.zone.clone(), self.tariffs.clone());
        let (answer, figures) = oneshot::channel();
        let question: Question = Box::new(move |reader| {
            let _ = answer.send(reader.figures(&meter, &zone, &tariffs).map_err(ReadError::from));
        });
        self.questions.send(question).await.map_err(|_| ReadError::Stopped)?;
        figures.await.map_err(|_| ReadError::Stopped)?
    }
}

/// A question that sends its answer back; who asked may have gone.
fn posed<T: Send + 'static>(
    question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> (Question, oneshot::Receiver<Result<T, ReadError>>) {
    let (sender, receiver) = oneshot::channel();
    let question: Question = Box::new(move |reader| {
        let _ = sender.send(reader.read(question).map_err(ReadError::from));
    });
    (question, receiver)
}

/// What the thread owns.
struct Reader {
    path: PathBuf,
    ledger: Option<Ledger>,
    meters: Arc<SiteMeters>,
    /// The last figures of each meter, with the newest minute they know.
    figures: HashMap<Meter, (Option<RecordedMinute>, Arc<Figures>)>,
}

impl Reader {
    fn read<T>(
        &mut self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => Ledger::open_read_only(&self.path)?,
        };
        // After an error the file is opened anew: it may be another one now.
        let answer = question(&ledger)?;
        self.ledger = Some(ledger);
        Ok(answer)
    }

    fn figures(
        &mut self,
        meter: &Meter,
        zone: &TimeZone,
        tariffs: &SiteTariffs,
    ) -> Result<Option<Arc<Figures>>, LedgerError> {
        let found = self.read(|ledger| {
            let Some(known) = ledger.meter(meter)? else { return Ok(None) };
            let newest = ledger.newest(&known)?;
            Ok(Some((known, newest)))
        })?;
        let Some((known, newest)) = found else { return Ok(None) };
        let known = self.meters.named(known);
        let until = figures::until(newest.as_ref(), minute_in_progress());
        if let Some((cached_newest, figures)) = self.figures.get(meter)
            && (*cached_newest, figures.until, &figures.meter) == (newest, until, &known)
        {
            return Ok(Some(figures.clone()));
        }
        let tariffs = tariffs.of(known.medium);
        let figures = self.read(|ledger| Figures::read(ledger, known, newest, until, (zone, tariffs)))?;
        let figures = Arc::new(figures);
        self.figures.insert(meter.clone(), (newest, figures.clone()));
        Ok(Some(figures))
    }
}

/// The minute in which we are.
pub(crate) fn minute_in_progress() -> Minute {
    Minute::nearest(Timestamp::now().as_second().div_euclid(Minute::SECONDS))
}
