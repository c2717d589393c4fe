//! Prometheus, mosquitto as a bridge, and Node-RED.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use end_to_end::{Program, Site, free_port, http_get, wait_until};
use serde_json::{Value, json};

use crate::{Heard, METERS, Told, complaints};

fn listens(what: &str, port: u16) {
    wait_until(&format!("{what} listens"), || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// The first line of what a program says of itself that has a word in it.
fn version(program: &str, argument: &str, word: &str) -> String {
    let output = Command::new(program).arg(argument).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let line = said.lines().find(|line| line.contains(word)).unwrap_or_default().to_owned();
    line.split(" (").next().unwrap().to_owned()
}

/// Debian's Prometheus; it scrapes every 15 s, as by default.
pub(crate) struct Prometheus {
    program: Program,
    port: u16,
}

impl Prometheus {
    pub(crate) fn start(folder: &Path, jobs: &[(&str, u16)]) -> Self {
        let port = free_port();
        let mut config = String::from("global:\n  scrape_interval: 15s\nscrape_configs:\n");
        for (job, port) in jobs {
            config +=
                &format!("  - job_name: {job}\n    static_configs:\n      - targets: ['127.0.0.1:{port}']\n");
        }
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let arguments = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let program =
            Program::spawn_file("prometheus", Path::new("/usr/bin/prometheus"), folder, &arguments, &[]);
        listens("Prometheus", port);
        Self { program, port }
    }

    fn value(&self, query: &str) -> Option<f64> {
        let query = url::form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>();
        let (_, answer) = http_get(self.port, &format!("/api/v1/query?query={query}"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// The energy of all meters, and scrapes that went wrong, of the programs that still run and while the publisher did.
    pub(crate) fn told(&self, site: &Site) -> Told {
        let of =
            |id: &str| site.ledger().reading(&site.meter(&format!("hq/{id}")).unwrap()).unwrap().unwrap();
        let ledger: f64 = METERS.iter().filter(|(_, what)| *what == "energy").map(|(id, _)| of(id)).sum();
        let query = "sum(powerpi_energy_joules_total{job=\"powerpi-web\"})/3600000";
        let mut kwh = None;
        wait_until("Prometheus has scraped the last minute", || {
            kwh = self.value(query);
            kwh.is_some_and(|kwh| (kwh - ledger).abs() < 1e-6)
        });
        let failed =
            self.value("sum(count_over_time((up{job!=\"pi-publisher\"} == 0)[2h:15s])) or vector(0)");
        let scraped = self.value("sum(count_over_time(up[2h]))").unwrap_or_default();
        Told {
            who: version("prometheus", "--version", "prometheus, version"),
            what: format!(
                "{:.3} kWh, as the ledger; {scraped:.0} scrapes, of which {:.0} of a program that ran failed",
                kwh.unwrap_or_default(),
                failed.unwrap_or_default()
            ),
            log: complaints(&self.program.log(), &["level=warn", "level=error"]),
            is_right: failed == Some(0.0),
        }
    }
}

/// Debian's mosquitto with a bridge to us, and somebody who listens there.
pub(crate) struct Bridge {
    program: Program,
    listener: Program,
}

impl Bridge {
    pub(crate) fn start(folder: &Path, broker: u16) -> Self {
        let port = free_port();
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nconnection attic\naddress 127.0.0.1:{broker}\ntopic # both 1\n"
        );
        std::fs::write(folder.join("mosquitto.conf"), settings).unwrap();
        let arguments = ["-c".to_owned(), "mosquitto.conf".to_owned()];
        let program =
            Program::spawn_file("mosquitto", Path::new("/usr/sbin/mosquitto"), folder, &arguments, &[]);
        listens("mosquitto", port);
        let port = port.to_string();
        let listen =
            ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", "powerpi/+/+/minute"].map(str::to_owned);
        let listener =
            Program::spawn_file("mosquitto_sub", Path::new("/usr/bin/mosquitto_sub"), folder, &listen, &[]);
        Self { program, listener }
    }

    pub(crate) fn told(&self, recorded: Heard) -> Told {
        let heard = || {
            let log = self.listener.log();
            let counts = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            counts.fold(Heard::default(), |all, count| {
                all.and(Heard { minutes: 1, pulses: count["pulses"].as_u64().unwrap() })
            })
        };
        wait_until("the bridge has carried everything", || heard().minutes >= recorded.minutes);
        let Heard { minutes, pulses } = heard();
        Told {
            who: version("mosquitto", "-h", "mosquitto version") + " as a bridge, with its default settings",
            what: format!("{minutes} minutes with {pulses} pulses"),
            log: complaints(&self.program.log(), &["Warning", "Error", "error", "disconnect"]),
            is_right: heard() == recorded,
        }
    }
}

/// Node-RED, with a flow that adds up minutes.
pub(crate) struct NodeRed {
    program: Program,
    port: u16,
    version: String,
}

/// Where `make test-interop` has put it.
fn node_red() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".cache/node-red/node_modules/node-red")
}

impl NodeRed {
    pub(crate) fn start(folder: &Path, broker: u16) -> Self {
        let package = std::fs::read_to_string(node_red().join("package.json"))
            .expect("Node-RED; see make test-interop");
        let package: Value = serde_json::from_str(&package).unwrap();
        let port = free_port();
        let add = "const all = flow.get('all') || {minutes: 0, pulses: 0};\n\
                   all.minutes += 1; all.pulses += msg.payload.pulses; flow.set('all', all);";
        let flows = json!([
            { "id": "tab", "type": "tab", "label": "PowerPi" },
            { "id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": broker.to_string(),
              "protocolVersion": "5", "keepalive": "60", "cleansession": true, "autoConnect": true, "usetls": false },
            { "id": "in", "type": "mqtt in", "z": "tab", "topic": "powerpi/+/+/minute", "qos": "1",
              "datatype": "json", "broker": "broker", "wires": [["add"]] },
            { "id": "add", "type": "function", "z": "tab", "func": add, "outputs": 0, "wires": [] },
            { "id": "asked", "type": "http in", "z": "tab", "url": "/all", "method": "get", "wires": [["say"]] },
            { "id": "say", "type": "function", "z": "tab",
              "func": "msg.payload = flow.get('all') || {minutes: 0, pulses: 0}; return msg;", "outputs": 1,
              "wires": [["answer"]] },
            { "id": "answer", "type": "http response", "z": "tab", "wires": [] },
        ]);
        std::fs::write(folder.join("flows.json"), flows.to_string()).unwrap();
        let settings = format!(
            "module.exports = {{ uiHost: '127.0.0.1', uiPort: {port}, flowFile: 'flows.json', credentialSecret: false }};"
        );
        std::fs::write(folder.join("settings.js"), settings).unwrap();
        let red = node_red().join("red.js").display().to_string();
        let here = folder.display().to_string();
        let arguments =
            [red, "--userDir".to_owned(), here.clone(), "--settings".to_owned(), here + "/settings.js"];
        let node = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join("node"))
            .find(|node| node.is_file())
            .expect("node; it is in Debian's nodejs");
        let program = Program::spawn_file("node-red", &node, folder, &arguments, &[]);
        wait_until("Node-RED is connected", || program.log().contains("Connected to broker"));
        Self { program, port, version: package["version"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn told(&self, recorded: Heard) -> Told {
        let heard = || {
            let (_, answer) = http_get(self.port, "/all");
            let all: Value = serde_json::from_str(&answer).unwrap();
            Heard { minutes: all["minutes"].as_u64().unwrap(), pulses: all["pulses"].as_u64().unwrap() }
        };
        wait_until("Node-RED has heard everything", || heard().minutes >= recorded.minutes);
        let Heard { minutes, pulses } = heard();
        Told {
            who: format!("Node-RED {}, by MQTT 5", self.version),
            what: format!("{minutes} minutes with {pulses} pulses"),
            log: complaints(&self.program.log(), &["[warn]", "[error]"]),
            is_right: heard() == recorded,
        }
    }
}
