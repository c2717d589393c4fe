//! The recorder's figures for Prometheus: what its threads count, and what the ledger says of itself.

use std::collections::BTreeMap;

use daemon_runtime::{LogPace, MetricLabels, MetricUnit, Metrics, Owner, OwnerThread, Tells};
use meter_ledger::{Checked, Ledger, LedgerError, LedgerHome, Space, Unwatched};
use meter_messages::{Meter, Minute};
use tokio::sync::watch;

use crate::counts::Counts;

/// What is told, and by whom.
#[derive(Debug)]
pub struct Figures {
    ledger: Owner<LedgerFigures>,
    counts: watch::Receiver<Counts>,
    connected: watch::Receiver<bool>,
    max_meters: usize,
}

impl Figures {
    /// Reads the ledger in a thread of its own.
    ///
    /// # Errors
    /// If the ledger cannot be read, or the system has no thread.
    pub fn of(
        home: &LedgerHome,
        counts: watch::Receiver<Counts>,
        connected: watch::Receiver<bool>,
        max_meters: usize,
    ) -> anyhow::Result<(Self, OwnerThread)> {
        let ledger = Ledger::open_read_only(home)?;
        let read = LedgerFigures { ledger, home: home.clone(), unwatched: Unwatched::default() };
        let (ledger, thread) = Owner::spawn("figures", read)?;
        Ok((Self { ledger, counts, connected, max_meters }, thread))
    }
}

impl Tells for Figures {
    async fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::of_process("powerpi-recorder");
        let connected = f64::from(u8::from(*self.connected.borrow()));
        metrics.gauge("powerpi_recorder_connected", "1 while connected to the broker", None, connected);
        let counts = *self.counts.borrow();
        add_counts(&mut metrics, &counts);
        metrics.gauge("powerpi_recorder_meters", "Meters that are recorded", None, counts.meters as f64);
        let most = self.max_meters as f64;
        metrics.gauge("powerpi_recorder_max_meters", "How many there may be (max_meters)", None, most);
        match self.ledger.ask(LedgerFigures::read).await {
            Ok(Ok(told)) => told.add_to(&mut metrics),
            Ok(Err(error)) => {
                static PACE: LogPace = LogPace::new();
                if let Some(left_out) = PACE.due() {
                    tracing::warn!(%error, left_out, "figures without what the ledger says");
                }
            }
            // Its thread is gone only where this process is about to end.
            Err(_) => {}
        }
        metrics
    }
}

fn add_counts(metrics: &mut Metrics, counts: &Counts) {
    let outcome = &counts.outcome;
    for (name, help, value) in [
        ("powerpi_recorder_recorded", "Minutes that were new in the ledger", outcome.recorded),
        ("powerpi_recorder_repeated", "Minutes that were in it before", outcome.repeated),
        ("powerpi_recorder_set_aside", "Minutes put aside with their reason", outcome.set_aside),
        ("powerpi_recorder_refused_messages", "Messages left with their publishers", outcome.refused),
        ("powerpi_recorder_ignored_messages", "Messages that mean nothing here", outcome.ignored),
        ("powerpi_recorder_failed_commits", "Commits that the disk refused", counts.failed_commits),
    ] {
        metrics.counter(name, help, None, value as f64);
    }
    metrics.durations("powerpi_recorder_commit_duration", "How long commits took", counts.commits);
}

/// The thread's state.
#[derive(Debug)]
struct LedgerFigures {
    ledger: Ledger,
    home: LedgerHome,
    unwatched: Unwatched,
}

/// What the ledger says of itself.
#[derive(Debug)]
struct Told {
    space: Space,
    checked: Option<Checked>,
    meters: BTreeMap<Meter, MeterFigures>,
}

/// What it says of a meter.
#[derive(Debug, Default)]
struct MeterFigures {
    /// Up to which minute nothing is missing; `None` before the first one.
    mark: Option<Minute>,
    /// Seconds that were not watched, and in how many gaps; if that was worked out already.
    unwatched: Option<(u64, u64)>,
}

impl LedgerFigures {
    fn read(&mut self) -> Result<Told, LedgerError> {
        let known = self.ledger.meters()?;
        for due in self.unwatched.due(&known) {
            self.unwatched.work_out(&self.ledger, &due)?;
        }
        self.unwatched.keep_only(&known);
        let of = |meter: &Meter| MeterFigures { mark: None, unwatched: self.unwatched.of(meter) };
        let mut meters: BTreeMap<_, _> =
            known.iter().map(|known| (known.meter.clone(), of(&known.meter))).collect();
        // A mark stands under the name that minutes come under.
        let former = self.ledger.former_names()?;
        for (name, mark) in self.ledger.outbox_marks()? {
            let Some(meter) = meters.get_mut(former.get(&name).unwrap_or(&name)) else { continue };
            meter.mark = meter.mark.max(mark.mark_minute);
        }
        Ok(Told { space: Space::around(&self.home), checked: self.ledger.checked()?, meters })
    }
}

impl Told {
    fn add_to(&self, metrics: &mut Metrics) {
        let (seconds, bytes) = (|| Some(MetricUnit::Seconds), || Some(MetricUnit::Bytes));
        if let Some(size) = self.space.ledger_bytes {
            metrics.gauge("powerpi_recorder_ledger", "The ledger with its journal", bytes(), size as f64);
        }
        if let Some(free) = self.space.free_bytes {
            metrics.gauge("powerpi_recorder_ledger_free", "Room left for it", bytes(), free as f64);
        }
        if let Some(checked) = &self.checked {
            let help = "Faults that the recorder's last check of the ledger has found";
            metrics.gauge("powerpi_recorder_ledger_faults", help, None, checked.faults as f64);
            let (help, at) = ("When that was, since 1970", checked.at.as_second() as f64);
            metrics.gauge("powerpi_recorder_ledger_checked_timestamp", help, seconds(), at);
        }
        let help = "End of the minute up to which nothing is missing, since 1970";
        let mark = self.of(|meter| Some(meter.mark?.end() as f64));
        metrics.gauges("powerpi_recorder_mark_timestamp", help, seconds(), mark);
        let help = "Time that nobody watched since the first minute";
        let unwatched = self.of(|meter| Some(meter.unwatched?.0 as f64));
        metrics.gauges("powerpi_recorder_unwatched", help, seconds(), unwatched);
        let gaps = self.of(|meter| Some(meter.unwatched?.1 as f64));
        metrics.gauges("powerpi_recorder_gaps", "Gaps in the record", None, gaps);
    }

    fn of(&self, read: impl Fn(&MeterFigures) -> Option<f64>) -> Vec<(MetricLabels, f64)> {
        let labels =
            |meter: &Meter| vec![("site", meter.site.to_string()), ("meter", meter.meter.to_string())];
        self.meters.iter().filter_map(|(meter, figures)| Some((labels(meter), read(figures)?))).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use daemon_runtime::MetricsForm;
    use meter_messages::{Info, PulseCount};
    use tempfile::TempDir;

    use super::*;

    /// A ledger of so many meters, each with two minutes that are not beside each other.
    fn of_meters(number: usize) -> (TempDir, LedgerFigures) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let mut ledger = Ledger::open(&path).unwrap();
        let info =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        let info = Info::from_json(info).unwrap();
        let mut batch = ledger.batch().unwrap();
        for meter in 0..number {
            let mark = batch.register(&format!("hq/m{meter}").parse().unwrap(), &info).unwrap();
            for seq in 1..=2 {
                let minute = Minute::nearest(29_931_900 + 5 * seq as i64);
                let count = PulseCount { minute, watched_s: 60, seq, pulses: 5, total: 5 * seq };
                batch.record(&mark, &count).unwrap();
            }
        }
        batch.commit().unwrap();
        let ledger = Ledger::open_read_only(&path).unwrap();
        (folder, LedgerFigures { ledger, home: path.into(), unwatched: Unwatched::default() })
    }

    /// What a scrape says of gaps, and how long it took.
    fn scrape(figures: &mut LedgerFigures) -> (usize, Duration) {
        let began = Instant::now();
        let mut metrics = Metrics::default();
        figures.read().unwrap().add_to(&mut metrics);
        let told = metrics.text(MetricsForm::Open);
        (told.matches("\npowerpi_recorder_gaps{").count(), began.elapsed())
    }

    /// The shortest of several scrapes that work nothing out.
    fn shortest(figures: &mut LedgerFigures) -> Duration {
        (0..10).map(|_| scrape(figures).1).min().unwrap()
    }

    #[test]
    fn a_scrape_of_a_thousand_meters_costs_as_much_as_ten_of_a_hundred() {
        let ((_hundred, mut few), (_thousand, mut many)) = (of_meters(100), of_meters(1000));
        for scrapes in 1..=5 {
            assert_eq!(scrape(&mut few).0, 20 * scrapes);
        }
        // Some at a time, so that no scrape waits for all of them.
        for scrapes in 1..=50 {
            assert_eq!(scrape(&mut many).0, 20 * scrapes);
        }
        let (few, many) = (shortest(&mut few), shortest(&mut many));
        assert!(many < 30 * few, "{many:?} instead of {few:?}");
    }
}
