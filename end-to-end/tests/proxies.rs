//! The sample settings of nginx, Apache and Caddy, each in the real server before the
//! real pages: over TLS, as a host of its own and below a path.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use end_to_end::{Site, free_port, mosquitto_pub, wait_until};
use rustix::process::{Pid, Signal, kill_process};

/// One kind of server, its ports, and a folder for it.
struct Proxy {
    child: Child,
    tls: u16,
    folder: std::path::PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked to, nginx takes its workers along.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    /// Starts a server with a sample of `deploy/proxies`, in which only ports and
    /// certificates are other ones.
    fn start(site: &Site, sample: &str, command: impl Fn(&Path, &str, u16) -> Command) -> Self {
        let (plain, tls) = (free_port(), free_port());
        let folder = site.path().join(sample);
        fs::create_dir(&folder).unwrap();
        let names = ["power.example.org".to_owned(), "www.example.org".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(folder.join("fullchain.pem"), certified.cert.pem()).unwrap();
        fs::write(folder.join("privkey.pem"), certified.signing_key.serialize_pem()).unwrap();
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/proxies").join(sample));
        let text = text
            .unwrap()
            .replace("/etc/ssl/powerpi", folder.to_str().unwrap())
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", site.web))
            .replace("listen 80;", &format!("listen 127.0.0.1:{plain};"))
            .replace("listen 443 ", &format!("listen 127.0.0.1:{tls} "))
            .replace("*:80>", &format!("127.0.0.1:{plain}>"))
            .replace("*:443>", &format!("127.0.0.1:{tls}>"));
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = command(&folder, &text, tls)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{sample}: {error}; run deploy/install-packages.sh test"));
        let mut proxy = Self { child, tls, folder };
        wait_until(&format!("{sample} serves"), || {
            if let Some(status) = proxy.child.try_wait().unwrap() {
                panic!("{sample}: {status}: {}", fs::read_to_string(proxy.folder.join("log")).unwrap());
            }
            proxy.try_get("power", "/health", &[]).is_some()
        });
        proxy
    }

    /// What a browser gets that believes nobody but this server's own certificate.
    fn try_get(&self, host: &str, path: &str, headers: &[&str]) -> Option<(u16, String)> {
        let mut curl = self.curl(host, path, headers);
        let output = curl.args(["-w", "\n%{http_code}"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n')?;
        output.status.success().then(|| (status.parse().unwrap(), body.to_owned()))
    }

    fn get(&self, host: &str, path: &str, headers: &[&str]) -> (u16, String) {
        self.try_get(host, path, headers).unwrap_or_else(|| {
            panic!("{host}{path}: {}", fs::read_to_string(self.folder.join("log")).unwrap())
        })
    }

    fn curl(&self, host: &str, path: &str, headers: &[&str]) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-sN", "--max-time", "20", "--cacert"])
            .arg(self.folder.join("fullchain.pem"))
            .arg("--resolve")
            .arg(format!("{host}.example.org:{}:127.0.0.1", self.tls));
        for header in headers {
            curl.args(["-H", header]);
        }
        curl.arg(format!("https://{host}.example.org:{}{path}", self.tls));
        curl
    }
}

fn nginx(site: &Site) -> Proxy {
    Proxy::start(site, "nginx.conf", |folder, text, _| {
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};"))
            .concat();
        let whole = format!(
            "daemon off; pid {at}/pid; error_log stderr; user root; events {{}}\n\
             http {{ access_log off; {temporary}\n{text}\n}}"
        );
        fs::write(folder.join("whole.conf"), whole.replace("user root;", &as_root("user root;"))).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(folder.join("whole.conf")).args(["-e", "stderr"]);
        command
    })
}

/// A setting that only root may give.
fn as_root(setting: &str) -> String {
    if rustix::process::geteuid().is_root() { setting.to_owned() } else { String::new() }
}

fn apache(site: &Site) -> Proxy {
    Proxy::start(site, "apache.conf", |folder, text, tls| {
        let modules = ["mpm_event", "authz_core", "alias", "headers", "http2", "proxy", "proxy_http", "ssl"]
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .concat();
        let plain = text.split("<VirtualHost 127.0.0.1:").nth(1).unwrap().split('>').next().unwrap();
        let at = folder.display();
        let whole = format!(
            "{modules}ServerName localhost\nServerRoot {at}\nDefaultRuntimeDir {at}\nPidFile {at}/pid\n\
             ErrorLog /dev/stderr\nMutex file:{at}\nListen 127.0.0.1:{plain}\nListen 127.0.0.1:{tls}\n{text}"
        );
        fs::write(folder.join("whole.conf"), whole).unwrap();
        let mut command = Command::new("/usr/sbin/apache2");
        command.arg("-f").arg(folder.join("whole.conf")).arg("-DFOREGROUND");
        command
    })
}

fn caddy(site: &Site) -> Proxy {
    Proxy::start(site, "Caddyfile", |folder, text, tls| {
        let whole = format!(
            "{{\nadmin off\nauto_https disable_redirects\nhttps_port {tls}\nstorage file_system {}\n}}\n{}",
            folder.display(),
            text.replace("\ttls ", "\tbind 127.0.0.1\n\ttls ")
        );
        fs::write(folder.join("whole"), whole).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("whole"));
        command
    })
}

/// A site with one minute in its ledger, and its programs.
fn recorded_site() -> (Site, [end_to_end::Program; 3]) {
    let site = Site::new("");
    let programs = ["powerpi-broker", "powerpi-recorder", "powerpi-web"].map(|name| site.start(name));
    for meter in ["main", "oven"] {
        let info =
            r#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
        mosquitto_pub(site.mqtt, &format!("powerpi/hq/{meter}/info"), info, &["-r"]);
        let minute = r#"{"t":"2026-03-01T12:00:00Z","s":60,"seq":1,"pulses":6,"total":6}"#;
        mosquitto_pub(site.mqtt, &format!("powerpi/hq/{meter}/minute"), minute, &[]);
        wait_until("the minute is recorded", || site.recorded(&format!("hq/{meter}")).len() == 1);
    }
    (site, programs)
}

/// Every address of ours that a page names; a form's with a day that was picked.
fn addresses(page: &str) -> Vec<String> {
    let quoted = |mark: &'static str| page.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
    let links = quoted("href=\"").chain(quoted("src=\"")).filter(|address| !address.starts_with('#'));
    let picked = quoted("action=\"").map(|form| format!("{form}?kind=day&date=2026-03-01"));
    // An empty one is the page itself, wherever it is.
    let links = links.filter(|address| !address.is_empty());
    links.map(|address| address.replace("&amp;", "&").replace("&#38;", "&")).chain(picked).collect()
}

/// Follows every link of the first pages, and looks for the site's own name in
/// what is meant for others.
fn looks_right(proxy: &Proxy, host: &str, base: &str) {
    let (status, start) = proxy.get(host, &format!("{base}/"), &[]);
    assert_eq!(status, 200, "{start}");
    for page in [start, proxy.get(host, &format!("{base}/m/hq/main"), &[]).1] {
        let addresses = addresses(&page);
        assert!(addresses.len() > 8, "{page}");
        for address in addresses {
            assert!(address.starts_with(&format!("{base}/")), "{host}: {address}");
            let (status, body) = proxy.get(host, &address, &[]);
            assert!([200, 303].contains(&status), "{host}{address}: {status} {body}");
        }
    }
    let (_, page) = proxy.get(host, &format!("{base}/m/hq/main"), &[]);
    let origin = format!("https://{host}.example.org:{}{base}/m/hq/main/day.png", proxy.tls);
    assert!(page.contains(&origin), "no {origin} in {page}");
    let (_, meters) = proxy.get(host, &format!("{base}/api/v1/meters"), &[]);
    assert!(meters.contains(&format!("\"href\":\"{base}/api/v1/meters/hq/main\"")), "{meters}");
    let (_, manifest) = proxy.get(host, &format!("{base}/manifest.webmanifest"), &[]);
    assert!(manifest.contains(&format!("\"start_url\":\"{base}/\"")), "{manifest}");
    // What a browser claims changes nothing.
    let claims = ["X-Forwarded-Prefix: /evil", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher"];
    let (_, page) = proxy.get(host, &format!("{base}/m/hq/main"), &claims);
    assert!(page.contains(&origin) && !page.contains("/evil") && !page.contains("evil.example"), "{page}");
}

/// A live value comes through while the stream goes on.
fn lives(proxy: &Proxy, site: &Site, host: &str, base: &str) {
    let path = format!("{base}/api/v1/meters/hq/main/live");
    let mut curl = proxy.curl(host, &path, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stream = curl.stdout.take().unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut all, mut piece) = (String::new(), [0; 4096]);
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            all.push_str(&String::from_utf8_lossy(&piece[..length]));
            let _ = said.send(all.clone());
        }
    });
    wait_until("a live value comes through the proxy", || {
        let now = r#"{"t":"2026-03-01T12:00:30Z","w":4711,"total":6}"#;
        mosquitto_pub(site.mqtt, "powerpi/hq/main/live", now, &[]);
        heard.try_iter().any(|all| all.contains("4711"))
    });
    curl.kill().unwrap();
    curl.wait().unwrap();
    reader.join().unwrap();
}

fn is_served_by(start: fn(&Site) -> Proxy) {
    let (site, _programs) = recorded_site();
    let proxy = start(&site);
    for (host, base) in [("power", ""), ("www", "/power")] {
        looks_right(&proxy, host, base);
        lives(&proxy, &site, host, base);
    }
    let (status, _) = proxy.get("www", "/power", &[]);
    assert!([301, 308].contains(&status), "{status}");
}

#[test]
fn nginx_serves_it_as_the_sample_says() {
    is_served_by(nginx);
}

#[test]
fn apache_serves_it_as_the_sample_says() {
    is_served_by(apache);
}

#[test]
fn caddy_serves_it_as_the_sample_says() {
    is_served_by(caddy);
}

/// A proxy that tells nothing, and takes the sub-path off or does not.
#[test]
fn a_sub_path_can_be_a_setting() {
    let (site, [broker, recorder, web]) = recorded_site();
    web.stop();
    let settings = site.path().join("powerpi-web.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("base_path = '/power'\n{text}")).unwrap();
    let _programs = (broker, recorder, site.start("powerpi-web"));
    for path in ["/power/m/hq/main", "/m/hq/main"] {
        let (status, page) = end_to_end::http_get(site.web, path);
        assert_eq!(status, 200);
        for address in addresses(&page) {
            assert!(address.starts_with("/power/"), "{address}");
            assert!([200, 303].contains(&end_to_end::http_get(site.web, &address).0), "{address}");
        }
    }
}
