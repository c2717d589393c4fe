//! What the broker itself says that it keeps, and for whom.

use std::time::Duration;

use rumqttc::Packet;
use serde_json::Value;

use super::neighbourhood::{Neighbourhood, USERS};
use crate::torture::client::Came;

/// Figures come every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that the broker keeps for clients, as it tells an admin.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) bytes: u64,
    maximum: u64,
    /// Those who have most, and how much.
    owners: Vec<(String, u64)>,
}

impl Neighbourhood {
    /// The next one that it tells.
    pub(super) fn account(&self) -> Account {
        let mut admin = self.client("admin", "account", true);
        assert!(admin.subscribe("$SYS/broker/kept/+"));
        let mut account = Account::default();
        while account.owners.is_empty() {
            let Came::Packet(Packet::Publish(figure)) = admin.next(PATIENCE) else {
                panic!("the broker tells no figures");
            };
            admin.acknowledge(&figure);
            // What is retained is of before.
            if figure.retain {
                continue;
            }
            let told: Value = serde_json::from_slice(&figure.payload).unwrap();
            match figure.topic.as_str() {
                "$SYS/broker/kept/bytes" => account.bytes = told.as_u64().unwrap(),
                "$SYS/broker/kept/maximum" => account.maximum = told.as_u64().unwrap(),
                _ => account.owners = told.as_array().unwrap().iter().map(owner).collect(),
            }
        }
        admin.disconnect();
        account
    }
}

fn owner(holding: &Value) -> (String, u64) {
    (holding["owner"].as_str().unwrap().to_owned(), holding["bytes"].as_u64().unwrap())
}

impl Account {
    /// What one owner may have at most: the part of each user, and three quarters of what is nobody's part.
    fn share(&self) -> u64 {
        let parts = USERS.len() as u64 + 1;
        let part = self.maximum / 2 / parts;
        let rest = self.maximum - part * parts;
        part + rest - rest / 4
    }

    /// What is beyond the budget.
    pub(super) fn faults(&self) -> Vec<String> {
        let share = self.share();
        let greedy = self.owners.iter().filter(|(_, bytes)| *bytes > share);
        let greedy =
            greedy.map(|(owner, bytes)| format!("{owner} has {bytes} bytes, {share} are one's share"));
        let all =
            (self.bytes > self.maximum).then(|| format!("{} bytes, {} are all", self.bytes, self.maximum));
        greedy.chain(all).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_more_than_a_share_is_found() {
        let account =
            |bytes, greedy| Account { bytes, maximum: 1600, owners: vec![("greedy".into(), greedy)] };
        assert_eq!(account(1600, 700).faults(), [""; 0]);
        assert_eq!(account(1601, 701).faults().len(), 2);
    }
}
