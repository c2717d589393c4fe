//! Figures for Prometheus and all who read its formats: what a daemon says of itself when it is asked.
//!
//! Names are by Prometheus' conventions: base units (seconds, bytes, joules), and what only goes up ends in `_total`.
//! prometheus-client writes them, with units and endings.

mod durations;
mod form;
mod process;

pub use self::durations::Durations;
pub use self::form::MetricsForm;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
pub use prometheus_client::registry::Unit as MetricUnit;

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
    values: Values,
}

/// What kind of figure it is, and what it is now.
#[derive(Debug)]
enum Values {
    Gauges(Vec<(MetricLabels, f64)>),
    Counters(Vec<(MetricLabels, f64)>),
    Durations(Durations),
}

impl Values {
    fn kind(&self) -> MetricType {
        match self {
            Self::Gauges(_) => MetricType::Gauge,
            Self::Counters(_) => MetricType::Counter,
            Self::Durations(_) => MetricType::Histogram,
        }
    }
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
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            self.families.push(Family { name, help, unit, values: Values::Gauges(values) });
        }
    }

    /// Adds a figure that only goes up, or begins anew. The unit and `_total` are written behind the name.
    pub fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<MetricUnit>,
        values: impl IntoIterator<Item = (MetricLabels, f64)>,
    ) {
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            self.families.push(Family { name, help, unit, values: Values::Counters(values) });
        }
    }

    /// A gauge with one value.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, unit: Option<MetricUnit>, value: f64) {
        self.gauges(name, help, unit, [(MetricLabels::new(), value)]);
    }

    /// A counter with one value.
    pub fn counter(&mut self, name: &'static str, help: &'static str, unit: Option<MetricUnit>, value: f64) {
        self.counters(name, help, unit, [(MetricLabels::new(), value)]);
    }

    /// How long something took, each time: how often it took at most so long, and all of it together.
    pub fn durations(&mut self, name: &'static str, help: &'static str, durations: Durations) {
        let (unit, values) = (Some(MetricUnit::Seconds), Values::Durations(durations));
        self.families.push(Family { name, help, unit, values });
    }

    /// All of it, in a form.
    pub fn text(self, form: MetricsForm) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut written = String::new();
        // Writing to a text does not fail.
        let _ = form.write(&registry, &mut written);
        written
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for Family { name, help, unit, values } in &self.families {
            let family = encoder.encode_descriptor(name, help, unit.as_ref(), values.kind())?;
            match values {
                Values::Gauges(values) => {
                    write(values, family, |value, encoder| ConstGauge::new(value).encode(encoder))?;
                }
                Values::Counters(values) => {
                    write(values, family, |value, encoder| ConstCounter::new(value).encode(encoder))?;
                }
                Values::Durations(durations) => durations.write(family)?,
            }
        }
        Ok(())
    }
}

fn write(
    values: &[(MetricLabels, f64)],
    mut family: MetricEncoder<'_>,
    one: impl Fn(f64, MetricEncoder<'_>) -> std::fmt::Result,
) -> std::fmt::Result {
    for (labels, value) in values {
        if labels.is_empty() {
            // There is no other value without labels.
            return one(*value, family);
        }
        one(*value, family.encode_family(labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn figures_are_written_with_units_and_endings() {
        let mut metrics = Metrics::default();
        let site = |site: &str| vec![("site", site.to_owned()), ("meter", "main".to_owned())];
        let energy = [(site("hq"), 3_600.5), (site("flat"), 0.0)];
        metrics.counters("powerpi_energy", "Energy", Some(MetricUnit::Joules), energy);
        metrics.gauges("powerpi_nothing", "Nothing", None, []);
        metrics.gauge("powerpi_clients", "Clients", None, 7.0);
        let mut durations = Durations::default();
        [3, 30, 30, 70_000].into_iter().for_each(|ms| durations.took(Duration::from_millis(ms)));
        metrics.durations("powerpi_commit", "Commits", durations);
        let expected = "# HELP powerpi_energy_joules Energy\n\
                        # TYPE powerpi_energy_joules counter\n\
                        # UNIT powerpi_energy_joules joules\n\
                        powerpi_energy_joules_total{site=\"hq\",meter=\"main\"} 3600.5\n\
                        powerpi_energy_joules_total{site=\"flat\",meter=\"main\"} 0.0\n\
                        # HELP powerpi_clients Clients\n\
                        # TYPE powerpi_clients gauge\n\
                        powerpi_clients 7.0\n\
                        # HELP powerpi_commit_seconds Commits\n\
                        # TYPE powerpi_commit_seconds histogram\n\
                        # UNIT powerpi_commit_seconds seconds\n\
                        powerpi_commit_seconds_sum 70.063\n\
                        powerpi_commit_seconds_count 4\n\
                        powerpi_commit_seconds_bucket{le=\"0.001\"} 0\n\
                        powerpi_commit_seconds_bucket{le=\"0.01\"} 1\n\
                        powerpi_commit_seconds_bucket{le=\"0.1\"} 3\n\
                        powerpi_commit_seconds_bucket{le=\"1.0\"} 3\n\
                        powerpi_commit_seconds_bucket{le=\"10.0\"} 3\n\
                        powerpi_commit_seconds_bucket{le=\"+Inf\"} 4\n\
                        # EOF\n";
        assert_eq!(metrics.text(MetricsForm::Open), expected);
    }

    #[test]
    fn a_process_tells_its_own() {
        let told = Metrics::of_process("x").text(MetricsForm::Plain);
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
