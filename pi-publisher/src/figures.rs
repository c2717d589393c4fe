//! The publisher's figures for Prometheus.

use daemon_runtime::{MetricLabels, MetricUnit, Metrics, Tells};
use tokio::sync::watch;

use crate::publisher::{Published, Publisher};

/// What is told: of each meter, from moment to moment.
#[derive(Debug)]
pub struct Figures {
    meters: Vec<Published>,
    connected: watch::Receiver<bool>,
}

impl Figures {
    /// Those of a publisher.
    pub fn of(publisher: &Publisher) -> Self {
        Self { meters: publisher.meters.clone(), connected: publisher.connected.subscribe() }
    }

    fn each(&self, read: impl Fn(&Published) -> Option<f64>) -> Vec<(MetricLabels, f64)> {
        let labels = |meter: &Published| {
            let meter = &meter.meter;
            vec![("site", meter.site.to_string()), ("meter", meter.meter.to_string())]
        };
        self.meters.iter().filter_map(|meter| Some((labels(meter), read(meter)?))).collect()
    }

    fn add_counts(&self, metrics: &mut Metrics) {
        let pulses = self.each(|meter| Some(meter.reading.borrow().total as f64));
        let help = "Pulses counted since the meter was set up";
        metrics.counters("powerpi_publisher_pulses", help, None, pulses);
        let rejected = self.each(|meter| Some(meter.reading.borrow().rejected as f64));
        let help =
            "Closings too short for a pulse, and messages without a total that can be, since the start";
        metrics.counters("powerpi_publisher_rejected_edges", help, None, rejected);
        let lost = self.each(|meter| Some(meter.reading.borrow().lost_edges as f64));
        let help = "Edges that the kernel dropped, since the start";
        metrics.counters("powerpi_publisher_lost_edges", help, None, lost);
        let synchronised = self.each(|meter| {
            let clock = meter.reading.borrow().clock;
            // Before the first look at the clock nothing is known of it.
            (!clock.is_empty()).then(|| f64::from(u8::from(clock != "unsynchronised")))
        });
        let help = "1 if the clock is synchronised";
        metrics.gauges("powerpi_publisher_clock_synchronised", help, None, synchronised);
    }

    fn add_outbox(&self, metrics: &mut Metrics) {
        let depth = self.each(|meter| {
            let last = meter.extent.borrow().last_seq;
            Some(last.saturating_sub(*meter.mark.borrow()) as f64)
        });
        let help = "Minutes in the outbox that no mark covers yet";
        metrics.gauges("powerpi_publisher_outbox_depth", help, None, depth);
        let kept = self.each(|meter| {
            let extent = meter.extent.borrow();
            Some((extent.last_seq + 1).saturating_sub(extent.oldest_seq) as f64)
        });
        let help = "Minutes in the outbox, recorded or not";
        metrics.gauges("powerpi_publisher_outbox_kept", help, None, kept);
        let writable = self.each(|meter| Some(f64::from(u8::from(meter.extent.borrow().writable))));
        let help = "0 while the disk takes no minutes; they wait in memory";
        metrics.gauges("powerpi_publisher_outbox_writable", help, None, writable);
        let marked = self.each(|meter| Some(meter.recorded_until.borrow().as_ref()?.end() as f64));
        let help = "End of the minute up to which all is recorded, since 1970, as the last mark says";
        metrics.gauges("powerpi_publisher_mark_timestamp", help, Some(MetricUnit::Seconds), marked);
    }
}

impl Tells for Figures {
    async fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::of_process("pi-publisher");
        let connected = f64::from(u8::from(*self.connected.borrow()));
        metrics.gauge("powerpi_publisher_connected", "1 while connected to the broker", None, connected);
        self.add_counts(&mut metrics);
        self.add_outbox(&mut metrics);
        metrics
    }
}
