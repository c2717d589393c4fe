//! Who has how much of what the broker keeps, as it says itself.

use foreign_text::foreign;
use serde::Deserialize;

/// So many rows are shown; the broker names no more.
const MOST: usize = 50;

/// What one user, or one address of clients without a user, has at the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Holding {
    /// A user's name, or an address behind a slash; as it may be shown.
    pub(crate) owner: String,
    pub(crate) sessions: u64,
    pub(crate) filters: u64,
    /// Messages kept for those who subscribe later.
    pub(crate) retained: u64,
    /// Messages accepted for its sessions and not yet acknowledged.
    pub(crate) owed: u64,
    /// Memory for all of it.
    pub(crate) bytes: u64,
    /// As much as it may have, while the others have what they have.
    pub(crate) max_bytes: u64,
}

impl Holding {
    /// Reads what the broker says; `None` if it is something else.
    pub(crate) fn all(payload: &[u8]) -> Option<Vec<Holding>> {
        let mut all: Vec<Holding> = serde_json::from_slice(payload).ok()?;
        all.truncate(MOST);
        for holding in &mut all {
            holding.owner = foreign(&holding.owner).to_string();
        }
        Some(all)
    }

    /// How much of its share it uses, in percent.
    pub(crate) fn percent(&self) -> u64 {
        let percent = u128::from(self.bytes) * 100 / u128::from(self.max_bytes.max(1));
        u64::try_from(percent.min(100)).unwrap_or(100)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_understood_and_nonsense_is_not() {
        let said = r#"[{"owner":"hq","sessions":1,"filters":2,"retained":3,"retained_bytes":40,"owed":5,
                        "bytes":600,"max_bytes":1200,"in_transit":0},{"owner":"a\nb"}]"#;
        let all = Holding::all(said.as_bytes()).unwrap();
        let hq = Holding {
            owner: "hq".to_owned(),
            sessions: 1,
            filters: 2,
            retained: 3,
            owed: 5,
            bytes: 600,
            max_bytes: 1200,
        };
        assert_eq!(all[0], hq);
        assert_eq!((all[0].percent(), all[1].percent()), (50, 0));
        assert!(!all[1].owner.contains('\n'), "{}", all[1].owner);
        assert_eq!(Holding { bytes: u64::MAX, max_bytes: 0, ..hq }.percent(), 100);
        for nonsense in ["", "{}", "[1]", "[{\"bytes\":-1}]", "[{\"owner\":5}]"] {
            assert_eq!(Holding::all(nonsense.as_bytes()), None, "{nonsense}");
        }
        let many = format!("[{}{{}}]", "{\"owner\":\"x\"},".repeat(5_000));
        assert_eq!(Holding::all(many.as_bytes()).unwrap().len(), MOST);
    }
}
