//! Prometheus as a program, and its questions.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use end_to_end::{Program, free_port, http_get, wait_until};
use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded::Serializer;

/// A Prometheus that scrapes each second.
pub(crate) struct Prometheus {
    port: u16,
    _program: Program,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes these ports of this machine, each as a job of its own.
    pub(crate) fn start(jobs: &[(&str, u16)]) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let mut config =
            String::from("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n");
        for (job, port) in jobs {
            config +=
                &format!("  - job_name: {job}\n    static_configs:\n      - targets: ['127.0.0.1:{port}']\n");
        }
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let arguments = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let file = Path::new("/usr/bin/prometheus");
        assert!(file.is_file(), "prometheus; it is in Debian's prometheus");
        let program = Program::spawn_file("prometheus", file, folder.path(), &arguments, &[]);
        wait_until("Prometheus is ready", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() && http_get(port, "/-/ready").0 == 200
        });
        Self { port, _program: program, _folder: folder }
    }

    /// The labels and values that a query has now.
    pub(crate) fn query(&self, query: &str) -> Vec<(BTreeMap<String, String>, f64)> {
        let data = self.ask("/api/v1/query", &[("query", query)]);
        let found = data["result"].as_array().unwrap_or_else(|| panic!("{query}: {data}"));
        let one = |series: &Value| {
            let labels = serde_json::from_value(series["metric"].clone()).unwrap();
            (labels, series["value"][1].as_str().unwrap().parse().unwrap())
        };
        found.iter().map(one).collect()
    }

    /// The values of a label in some series.
    pub(crate) fn label_values(&self, label: &str, series: &str) -> Vec<String> {
        let values = self.ask(&format!("/api/v1/label/{label}/values"), &[("match[]", series)]);
        serde_json::from_value(values).unwrap()
    }

    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let (status, answer) = http_get(self.port, &format!("{path}?{query}"));
        assert_eq!(status, 200, "{path}?{query}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"].clone()
    }
}

/// Whether promtool has found everything in order, and what it says.
pub(crate) fn promtool(arguments: &[&str], input: Option<&str>) -> (bool, String) {
    let mut promtool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool; it is in Debian's prometheus");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(input.unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
