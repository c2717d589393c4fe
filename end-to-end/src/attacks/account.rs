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
    /// Those who have most.
    owners: Vec<Holding>,
}

/// What one owner has.
#[derive(Debug, Default)]
struct Holding {
    owner: String,
    bytes: u64,
    /// Lasting sessions, their filters and messages.
    of_sessions: u64,
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
                _ => account.owners = told.as_array().unwrap().iter().map(holding).collect(),
            }
        }
        admin.disconnect();
        account
    }
}

fn holding(told: &Value) -> Holding {
    let number = |what: &str| told[what].as_u64().unwrap();
    Holding {
        owner: told["owner"].as_str().unwrap().to_owned(),
        bytes: number("bytes"),
        of_sessions: number("sessions") + number("filters") + number("owed"),
    }
}

impl Account {
    /// What one owner may have at most: the part of each user, and three quarters of what is nobody's part.
    fn share(&self) -> u64 {
        let parts = USERS.len() as u64 + 1;
        let part = self.maximum / 2 / parts;
        let rest = self.maximum - part * parts;
        part + rest - rest / 4
    }

    /// Whether nothing waits for clients of this user.
    pub(super) fn has_nobody_of(&self, user: &str) -> bool {
        let of_user = self.owners.iter().filter(|holding| holding.owner == user);
        of_user.map(|holding| holding.of_sessions).sum::<u64>() == 0
    }

    /// What is beyond the budget.
    pub(super) fn faults(&self) -> Vec<String> {
        let share = self.share();
        let greedy = self.owners.iter().filter(|holding| holding.bytes > share);
        let greedy = greedy.map(|Holding { owner, bytes, .. }| {
            format!("{owner} has {bytes} bytes, {share} are one's share")
        });
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
        let account = |bytes, greedy| {
            let owners = vec![Holding { owner: "greedy".into(), bytes: greedy, of_sessions: 1 }];
            Account { bytes, maximum: 1600, owners }
        };
        assert_eq!(account(1600, 700).faults(), [""; 0]);
        assert_eq!(account(1601, 701).faults().len(), 2);
        assert!(account(0, 0).has_nobody_of("other") && !account(0, 0).has_nobody_of("greedy"));
    }
}
