//! What people are given: the dashboard in deploy/, and the settings in docs/MONITORING.md.

use serde_json::Value;

/// What a dashboard asks Prometheus.
pub(crate) struct Dashboard {
    /// With all sites and meters in place of what is chosen.
    pub(crate) queries: Vec<String>,
    /// What can be chosen from: the values of a label in some series.
    pub(crate) lists: Vec<(String, String)>,
}

pub(crate) fn dashboard() -> Dashboard {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../../deploy/grafana/powerpi.json")).unwrap();
    let chosen = |text: &str| text.replace("$site", ".*").replace("$meter", ".*");
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| chosen(target["expr"].as_str().unwrap())).collect();
    let lists = dashboard["templating"]["list"].as_array().unwrap().iter().map(|list| {
        let asked = list["query"]["query"].as_str().unwrap();
        let inner = asked.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
        let (series, label) = inner.rsplit_once(", ").unwrap();
        (chosen(series), label.to_owned())
    });
    Dashboard { queries, lists: lists.collect() }
}

/// The blocks of YAML, in their order: what to scrape, and rules.
pub(crate) fn yaml() -> [String; 2] {
    let text = include_str!("../../../docs/MONITORING.md");
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().try_into().expect("two blocks of YAML")
}
