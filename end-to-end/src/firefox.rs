//! A real Firefox, driven through its own WebDriver.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::end_all_of;
use crate::site::free_port;

/// Debian's.
const BINARY: &str = "/usr/bin/firefox-esr";

/// One window.
#[derive(Debug)]
pub struct Firefox {
    /// The WebDriver client, for everything that has no method here.
    pub page: Client,
    driver: Child,
    folder: TempDir,
}

/// The driver, which Debian does not have: `make test-pages` builds it where cargo puts programs.
fn driver() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|folder| folder.ends_with("target"));
    let built = target.expect("a test lies in target").join("geckodriver/bin/geckodriver");
    if built.is_file() { built } else { "geckodriver".into() }
}

impl Firefox {
    /// Opens a window in the language of pages that name none.
    pub async fn open(language: &str) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let driver = Command::new(driver())
            .args(["--port", &port.to_string(), "--websocket-port", &free_port().to_string()])
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("geckodriver: `make test-pages` builds it");
        let preferences = json!({
            "intl.accept_languages": language,
            // What pages complain of stands in the log.
            "devtools.console.stdout.content": true,
        });
        let mut capabilities = Capabilities::new();
        let options = json!({ "binary": BINARY, "args": ["-headless"], "prefs": preferences });
        capabilities.insert("moz:firefoxOptions".into(), options);
        let began = Instant::now();
        let page = loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
            {
                Ok(page) => break page,
                Err(error) if began.elapsed() > Duration::from_secs(120) => panic!("firefox: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        };
        Self { page, driver, folder }
    }

    /// Evaluates a JavaScript expression.
    pub async fn evaluate(&self, expression: &str) -> Value {
        self.page.execute(&format!("return {expression}"), vec![]).await.unwrap()
    }

    /// Waits until an expression is true.
    pub async fn wait_for(&self, expression: &str) {
        let began = Instant::now();
        while self.evaluate(expression).await != Value::Bool(true) {
            assert!(began.elapsed() < Duration::from_secs(90), "waited 90 s for {expression}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What pages have complained of so far.
    pub fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        let of_pages = |line: &&str| {
            let is_serious = ["JavaScript error:", "JavaScript warning:", "console.error:", "console.warn:"];
            // Firefox's own parts write there, too: some of no page, and its password manager of each that asks for one.
            let is_own = line.contains("LoginRecipes") || !line.contains("127.0.0.1");
            is_serious.iter().any(|kind| line.starts_with(kind)) && !is_own
        };
        log.lines().filter(of_pages).map(str::to_owned).collect()
    }

    /// Closes the window.
    pub async fn close(self) {
        // The session may have ended by itself.
        let _ = self.page.clone().close().await;
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        end_all_of(self.folder.path());
    }
}
