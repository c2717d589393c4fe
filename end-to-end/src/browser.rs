//! A real Chromium, driven through its WebDriver.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::site::free_port;

/// The colour scheme that a user prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    Light,
    /// Light on black.
    Dark,
}

/// One browser window.
#[derive(Debug)]
pub struct Browser {
    /// The WebDriver client, for everything that has no method here.
    pub page: Client,
    driver: Child,
    profile: TempDir,
}

/// chromedriver's own commands, beyond the WebDriver standard.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Opens a window of `width` pixels.
    pub async fn open(width: u32, theme: Theme) -> Self {
        let profile = TempDir::new().unwrap();
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver; it is in Debian's chromium-driver");
        let profile_dir = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            // As others in the house come: by a name, without encryption.
            "--host-resolver-rules=MAP powerpi.test 127.0.0.1",
            &profile_dir,
        ];
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".into(), json!({ "args": arguments }));
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let began = Instant::now();
        let page = loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
            {
                Ok(page) => break page,
                Err(error) if began.elapsed() > Duration::from_secs(60) => panic!("chromium: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let browser = Self { page, driver, profile };
        browser.resize(width, 900).await;
        browser.prefer(theme).await;
        // It asks for pages without the headers that are sent for a user.
        browser.use_worker(false).await;
        browser
    }

    /// Sets the preferred theme.
    pub async fn prefer(&self, theme: Theme) {
        let theme = if theme == Theme::Dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Sets the window's width and height in pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sends a user's name and password with every request from now on, or none.
    pub async fn log_in(&self, user: Option<(&str, &str)>) {
        let headers = user.map_or(json!({}), |(name, password)| {
            let token = STANDARD.encode(format!("{name}:{password}"));
            json!({ "Authorization": format!("Basic {token}") })
        });
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setExtraHTTPHeaders", json!({ "headers": headers })).await;
    }

    /// Lets the pages' own worker answer for the server, or not.
    pub async fn use_worker(&self, on: bool) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBypassServiceWorker", json!({ "bypass": !on })).await;
    }

    /// One of Chromium's own commands, beyond WebDriver.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.page.issue_cmd(Extra { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// Runs a script at the beginning of each page loaded from now on.
    pub async fn run_first(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Switches JavaScript off (or on) for pages loaded from now on.
    pub async fn set_javascript(&self, on: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !on })).await;
    }

    /// Presses the key Tab.
    pub async fn tab(&self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
            self.devtools("Input.dispatchKeyEvent", key).await;
        }
    }

    /// Turns a wheel over an element, at its middle.
    pub async fn wheel(&self, css: &str, delta: i32, ctrl: bool) {
        let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + box.height / 2]";
        let middle = self.page.execute(script, vec![css.into()]).await.unwrap();
        let event = json!({ "type": "mouseWheel", "x": middle[0], "y": middle[1], "deltaX": 0, "deltaY": delta, "modifiers": if ctrl { 2 } else { 0 } });
        self.devtools("Input.dispatchMouseEvent", event).await;
    }

    /// Drags from one place of an element to another (in parts of its width),
    /// with Shift held or not.
    pub async fn drag(&self, css: &str, (from, to): (f64, f64), shift: bool) {
        let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); \
             return [box.left, box.width, box.top + box.height / 2]";
        let place = self.page.execute(script, vec![css.into()]).await.unwrap();
        let number = |index: usize| place[index].as_f64().unwrap();
        for (kind, at) in [
            ("mousePressed", from),
            ("mouseMoved", (from + to) / 2.0),
            ("mouseMoved", to),
            ("mouseReleased", to),
        ] {
            let event = json!({
                "type": kind, "x": number(0) + at * number(1), "y": number(2), "button": "left", "buttons": 1,
                "clickCount": 1, "modifiers": if shift { 8 } else { 0 },
            });
            self.devtools("Input.dispatchMouseEvent", event).await;
        }
    }

    /// The same by a finger, from the middle of an element.
    pub async fn drag_by_touch(&self, css: &str, by: f64) {
        let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); \
             return [box.left + box.width / 2, box.top + box.height / 2]";
        let middle = self.page.execute(script, vec![css.into()]).await.unwrap();
        let (x, y) = (middle[0].as_f64().unwrap(), middle[1].clone());
        for (kind, moved) in [
            ("touchStart", Some(0.0)),
            ("touchMove", Some(by / 2.0)),
            ("touchMove", Some(by)),
            ("touchEnd", None),
        ] {
            let fingers: Vec<Value> = moved.iter().map(|moved| json!({ "x": x + moved, "y": y })).collect();
            self.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": fingers })).await;
        }
    }

    /// Lets pages do what a browser asks its user for: `clipboard-read` and the like.
    pub async fn permit(&self, what: &str) {
        let body = json!({ "descriptor": { "name": what }, "state": "granted" });
        self.page.issue_cmd(Extra { path: "permissions", body }).await.unwrap();
    }

    /// Errors and warnings that the page has written to its console.
    pub async fn complaints(&self) -> Vec<String> {
        let log =
            self.page.issue_cmd(Extra { path: "se/log", body: json!({ "type": "browser" }) }).await.unwrap();
        let serious = |line: &&Value| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING"));
        log.as_array().unwrap().iter().filter(serious).map(|line| line["message"].to_string()).collect()
    }

    /// Evaluates a JavaScript expression.
    pub async fn evaluate(&self, expression: &str) -> Value {
        self.page.execute(&format!("return {expression}"), vec![]).await.unwrap()
    }

    /// The text of an element; fails when there is none.
    pub async fn text(&self, css: &str) -> String {
        let element = self.page.find(fantoccini::Locator::Css(css)).await;
        element.unwrap_or_else(|_| panic!("no {css} on the page")).text().await.unwrap()
    }

    /// Waits until an expression is true. Some things come once a minute, and the last one may just have been.
    pub async fn wait_for(&self, expression: &str) {
        let began = Instant::now();
        while self.evaluate(expression).await != Value::Bool(true) {
            assert!(began.elapsed() < Duration::from_secs(90), "waited 90 s for {expression}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A picture of the upper part of the page, as PNG.
    pub async fn screenshot(&self, width: u32, height: u32, file: &Path) {
        self.resize(width, height).await;
        std::fs::write(file, self.page.screenshot().await.unwrap()).unwrap();
    }

    /// Closes the window.
    pub async fn close(self) {
        // The session may have ended by itself; chromedriver is killed when this is dropped.
        let _ = self.page.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // A test that failed has not closed its window, and Chromium does not end with its driver.
        end_all_of(self.profile.path());
    }
}

/// Ends a browser's processes, by the folder that is its own.
pub(crate) fn end_all_of(folder: &Path) {
    let of_ours = |arguments: Vec<u8>| {
        let folder = folder.as_os_str().as_encoded_bytes();
        arguments.windows(folder.len()).any(|part| part == folder)
    };
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = process.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?));
        let arguments = fs::read(process.path().join("cmdline"));
        if let Some(id) = id.filter(|_| arguments.is_ok_and(of_ours)) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}
