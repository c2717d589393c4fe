//! Figures for Prometheus, as OpenMetrics has them: what a daemon says of itself when it is asked.
//!
//! Names are by Prometheus' conventions: base units (seconds, bytes, joules), and what only goes up ends in `_total`.
//! prometheus-client writes them, with units and endings.

mod process;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
pub use prometheus_client::registry::Unit as MetricUnit;

/// The content type of [`Metrics::text`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What tells values of one figure from each other: names and values.
pub type MetricLabels = Vec<(&'static str, String)>;

/// The figures of one moment.
#[derive(Debug, Default)]
pub struct Metrics {
    families: Vec<Family>,
}

/// One figure, with a value for each set of labels.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<MetricUnit>,
    kind: MetricType,
    values: Vec<(MetricLabels, f64)>,
}

impl Metrics {
    /// Adds a figure that goes up and down; one without values is left out. The unit is written behind the name.
    pub fn gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<MetricUnit>,
        values: impl IntoIterator<Item = (MetricLabels, f64)>,
    ) {
        self.add(name, help, unit, MetricType::Gauge, values);
    }

    /// Adds a figure that only goes up, or begins anew. The unit and `_total` are written behind the name.
    pub fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<MetricUnit>,
        values: impl IntoIterator<Item = (MetricLabels, f64)>,
    ) {
        self.add(name, help, unit, MetricType::Counter, values);
    }

    /// A gauge with one value.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, unit: Option<MetricUnit>, value: f64) {
        self.gauges(name, help, unit, [(MetricLabels::new(), value)]);
    }

    /// A counter with one value.
    pub fn counter(&mut self, name: &'static str, help: &'static str, unit: Option<MetricUnit>, value: f64) {
        self.counters(name, help, unit, [(MetricLabels::new(), value)]);
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<MetricUnit>,
        kind: MetricType,
        values: impl IntoIterator<Item = (MetricLabels, f64)>,
    ) {
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            self.families.push(Family { name, help, unit, kind, values });
        }
    }

    /// All of it, to be sent as [`METRICS_CONTENT_TYPE`].
    pub fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut written = String::new();
        // Writing to a text does not fail.
        let _ = text::encode(&mut written, &registry);
        written
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for Family { name, help, unit, kind, values } in &self.families {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), *kind)?;
            for (labels, value) in values {
                if labels.is_empty() {
                    write(*kind, *value, family)?;
                    // There is no other value without labels.
                    break;
                }
                write(*kind, *value, family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn write(kind: MetricType, value: f64, encoder: MetricEncoder<'_>) -> std::fmt::Result {
    match kind {
        MetricType::Counter => ConstCounter::new(value).encode(encoder),
        _ => ConstGauge::new(value).encode(encoder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_units_and_endings() {
        let mut metrics = Metrics::default();
        let site = |site: &str| vec![("site", site.to_owned()), ("meter", "main".to_owned())];
        let energy = [(site("hq"), 3_600.5), (site("flat"), 0.0)];
        metrics.counters("powerpi_energy", "Energy", Some(MetricUnit::Joules), energy);
        metrics.gauges("powerpi_nothing", "Nothing", None, []);
        metrics.gauge("powerpi_clients", "Clients", None, 7.0);
        let expected = "# HELP powerpi_energy_joules Energy\n\
                        # TYPE powerpi_energy_joules counter\n\
                        # UNIT powerpi_energy_joules joules\n\
                        powerpi_energy_joules_total{site=\"hq\",meter=\"main\"} 3600.5\n\
                        powerpi_energy_joules_total{site=\"flat\",meter=\"main\"} 0.0\n\
                        # HELP powerpi_clients Clients\n\
                        # TYPE powerpi_clients gauge\n\
                        powerpi_clients 7.0\n\
                        # EOF\n";
        assert_eq!(metrics.text(), expected);
    }

    #[test]
    fn a_process_tells_its_own() {
        let told = Metrics::of_process("x").text();
        let value = |name: &str| {
            let line = told.lines().find(|line| line.split([' ', '{']).next() == Some(name));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        };
        assert!(value("process_resident_memory_bytes").is_some_and(|bytes| bytes > 100_000.0), "{told}");
        assert!(value("process_open_fds").is_some_and(|fds| fds >= 3.0), "{told}");
        assert!(value("process_threads").is_some_and(|threads| threads >= 1.0), "{told}");
        let started = value("process_start_time_seconds");
        let now = crate::now().as_second() as f64;
        assert!(started.is_some_and(|started| (now - 86_400.0..=now + 2.0).contains(&started)), "{told}");
        assert!(value("process_cpu_seconds_total").is_some(), "{told}");
        assert_eq!(value("powerpi_build_info"), Some(1.0));
    }
}
