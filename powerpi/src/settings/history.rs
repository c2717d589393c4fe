//! The versions, the newest first.

use serde_json::json;

use super::OfServer;

impl OfServer {
    pub(super) fn history(&self) -> anyhow::Result<()> {
        let numbers = self.store.numbers()?;
        if numbers.is_empty() && !self.json {
            println!("Nothing is saved yet.");
        }
        for number in numbers.into_iter().rev() {
            match self.store.version(number) {
                Ok(version) if self.json => {
                    let line = json!({
                        "version": number, "at": version.at, "by": version.by, "why": version.why,
                        "bytes": version.text.len(),
                    });
                    println!("{line}");
                }
                Ok(version) => {
                    let why = version.why.map(|why| format!(": {why}")).unwrap_or_default();
                    println!("{number}  {:.0}  {}{why}", version.at, version.by);
                }
                Err(error) => eprintln!("powerpi: {error}"),
            }
        }
        Ok(())
    }
}
