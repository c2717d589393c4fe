//! What people keep minutes with that come over mosquitto, all from Debian's packages but the compiled recorder.

use std::fmt;
use std::path::{Path, PathBuf};

use end_to_end::{Program, Site};

use crate::meters::{Counted, Meters};

/// What recorders subscribe to.
pub(crate) const TOPICS: &str = "meters/+/pulses";

const PYTHON: &str = "/usr/bin/python3";
const COLLECTD: &str = "/usr/sbin/collectd";
const RRDCACHED: &str = "/usr/bin/rrdcached";

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Compiled, RRD files.
    Compiled,
    /// paho-mqtt and rrdtool's module.
    PythonRrd,
    /// paho-mqtt and SQLite.
    PythonSqlite,
    /// collectd, RRD files.
    Collectd,
    /// collectd and rrdcached.
    CollectdCached,
}

impl Keeper {
    pub(crate) const ALL: [Self; 5] =
        [Self::Compiled, Self::PythonRrd, Self::PythonSqlite, Self::Collectd, Self::CollectdCached];

    /// The Debian package that is missing, if one is.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let program = |file: &str| Path::new(file).exists();
        let needed = match self {
            Self::Compiled => vec![],
            Self::PythonRrd => {
                vec![(module("paho"), "python3-paho-mqtt"), (module("rrdtool"), "python3-rrdtool")]
            }
            Self::PythonSqlite => vec![(module("paho"), "python3-paho-mqtt")],
            Self::Collectd => vec![(program(COLLECTD), "collectd-core")],
            Self::CollectdCached => {
                vec![(program(COLLECTD), "collectd-core"), (program(RRDCACHED), "rrdcached")]
            }
        };
        needed.into_iter().find(|(is_there, _)| !is_there).map(|(_, package)| package)
    }

    /// A commit for each message takes so long that it gets a part of the minutes.
    pub(crate) fn minutes_of(self, minutes: usize) -> usize {
        if self == Self::PythonSqlite { (minutes / 20).max(1) } else { minutes }
    }

    /// Topic and payload of a minute; its time is its end, as RRDtool wants it.
    pub(crate) fn message(self, counted: &Counted) -> (String, Vec<u8>) {
        let Counted { meter, minute, pulses, .. } = *counted;
        let (name, at) = (Meters::meter(meter).meter, minute.end());
        match self {
            Self::Collectd | Self::CollectdCached => {
                (format!("collectd/{name}/power/gauge-pulses"), format!("{at}:{pulses}").into_bytes())
            }
            _ => {
                (format!("meters/{name}/pulses"), format!("{{\"t\":{at},\"pulses\":{pulses}}}").into_bytes())
            }
        }
    }

    /// The RRD file of a meter.
    pub(crate) fn rrd(self, site: &Site, meter: usize) -> PathBuf {
        let name = Meters::meter(meter).meter;
        let folder = site.path().join("rrd");
        match self {
            Self::Collectd | Self::CollectdCached => folder.join(format!("{name}/power/gauge-pulses.rrd")),
            _ => folder.join(format!("{name}.rrd")),
        }
    }

    /// Starts its programs, but mosquitto.
    pub(crate) fn start(self, site: &Site) -> Vec<Program> {
        let (port, rrd) = (site.mqtt.to_string(), site.path().join("rrd").display().to_string());
        match self {
            Self::Compiled => {
                let arguments = ["--record".into(), rrd, "--port".into(), port];
                let own = std::env::current_exe().unwrap();
                vec![Program::spawn_file("recorder", &own, site.path(), &arguments, &[])]
            }
            Self::PythonRrd => vec![python(site, include_str!("record_rrd.py"), [port, rrd])],
            Self::PythonSqlite => {
                let file = sqlite_file(site).display().to_string();
                vec![python(site, include_str!("record_sqlite.py"), [port, file])]
            }
            Self::Collectd => {
                vec![collectd(site, "rrdtool", &format!("DataDir \"{rrd}\"\n  CacheTimeout 0"))]
            }
            Self::CollectdCached => {
                let cached = rrdcached(site);
                let socket = format!(
                    "DaemonAddress \"unix:{}\"\n  DataDir \"{rrd}\"\n  CreateFiles false",
                    socket(site).display()
                );
                vec![cached, collectd(site, "rrdcached", &socket)]
            }
        }
    }
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compiled => "compiled recorder into RRD",
            Self::PythonRrd => "Python into RRD",
            Self::PythonSqlite => "Python into SQLite",
            Self::Collectd => "collectd into RRD",
            Self::CollectdCached => "collectd and rrdcached",
        })
    }
}

/// The file of [`Keeper::PythonSqlite`].
pub(crate) fn sqlite_file(site: &Site) -> PathBuf {
    site.path().join("pulses.sqlite")
}

/// Where rrdcached is asked.
pub(crate) fn socket(site: &Site) -> PathBuf {
    site.path().join("rrdcached.sock")
}

/// Whether Debian's Python has a module.
fn module(name: &str) -> bool {
    let installed = std::fs::read_dir("/usr/lib/python3/dist-packages").into_iter().flatten().flatten();
    installed
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().split(['.', '-']).next() == Some(name))
}

fn python(site: &Site, script: &str, arguments: [String; 2]) -> Program {
    let file = site.path().join("record.py");
    std::fs::write(&file, script).unwrap();
    let arguments = [vec![file.display().to_string()], arguments.into()].concat();
    Program::spawn_file("recorder", Path::new(PYTHON), site.path(), &arguments, &[])
}

/// With one thread that writes: its usual five change the order of minutes, and most would be lost.
fn collectd(site: &Site, plugin: &str, settings: &str) -> Program {
    let (folder, port) = (site.path().display(), site.mqtt);
    let text = format!(
        "Hostname \"recorder\"\nFQDNLookup false\nInterval 60\nWriteThreads 1\nBaseDir \"{folder}\"\n\
         PIDFile \"{folder}/collectd.pid\"\nTypesDB \"/usr/share/collectd/types.db\"\nLoadPlugin mqtt\n\
         <Plugin mqtt>\n <Subscribe \"meters\">\n  Host \"127.0.0.1\"\n  Port {port}\n  ClientId \"recorder\"\n  QoS 1\n  \
         CleanSession false\n  Topic \"collectd/#\"\n </Subscribe>\n</Plugin>\nLoadPlugin {plugin}\n<Plugin {plugin}>\n  \
         {settings}\n  StepSize 60\n  HeartBeat 120\n</Plugin>\n"
    );
    let file = site.path().join("collectd.conf");
    std::fs::write(&file, text).unwrap();
    let arguments = ["-f".into(), "-C".into(), file.display().to_string()];
    Program::spawn_file("collectd", Path::new(COLLECTD), site.path(), &arguments, &[])
}

fn rrdcached(site: &Site) -> Program {
    let in_folder = |name: &str| site.path().join(name).display().to_string();
    std::fs::create_dir(in_folder("journal")).unwrap();
    let listen = format!("unix:{}", socket(site).display());
    let pairs = [
        ("-l", listen),
        ("-b", in_folder("rrd")),
        ("-j", in_folder("journal")),
        ("-p", in_folder("rrdcached.pid")),
    ];
    let mut arguments = vec!["-g".to_owned()];
    for (option, value) in pairs {
        arguments.extend([option.to_owned(), value]);
    }
    let program = Program::spawn_file("rrdcached", Path::new(RRDCACHED), site.path(), &arguments, &[]);
    end_to_end::wait_until("rrdcached listens", || socket(site).exists());
    program
}
