//! A second server, which has what the first one has and can take its place.

use std::fs;

use crate::process;
use crate::server::{Server, Syncs};

/// Two servers, of which one is written and the other one has each commit on its disk before that is answered.
#[derive(Debug)]
pub struct Pair {
    servers: [Server; 2],
    primary: usize,
}

impl Pair {
    /// Starts both.
    pub fn start() -> Self {
        let mut pair = Self { servers: [Server::start(Syncs::Yes), Server::nothing()], primary: 0 };
        pair.add_standby();
        pair
    }

    /// The address of the ledger with both servers in it: whoever connects takes the one that can be written.
    pub fn address(&self, user: &str) -> String {
        let [one, other] = self.servers.each_ref().map(|server| server.folder.display().to_string());
        format!("postgresql:///powerpi?host={one}&host={other}&user={user}")
    }

    /// The server that is written now.
    pub fn primary(&mut self) -> &mut Server {
        &mut self.servers[self.primary]
    }

    /// The other one.
    pub fn standby(&mut self) -> &mut Server {
        &mut self.servers[1 - self.primary]
    }

    /// Makes the standby the primary, after that was killed or stopped.
    pub fn promote(&mut self) {
        let standby = self.standby();
        let data = standby.folder.join("data");
        let promoted =
            process::command("pg_ctl").args(["promote", "-w", "-s", "-D"]).arg(data).status().unwrap();
        assert!(promoted.success(), "{}", standby.log());
        self.primary = 1 - self.primary;
    }

    /// The primary's commits wait for no standby any more.
    pub fn go_on_alone(&mut self) {
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"] {
            self.primary().say(statement);
        }
    }

    /// Makes a standby of the server that is not the primary, with nothing of what it held before. A commit waits for it.
    pub fn add_standby(&mut self) {
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            self.primary().say(statement);
        }
        let from = self.primary().folder.clone();
        let standby = self.standby();
        let data = standby.folder.join("data");
        let _ = fs::remove_dir_all(&data);
        let mut copy = process::command("pg_basebackup");
        copy.arg("-D").arg(&data).arg("-h").arg(&from);
        copy.args(["-U", "tester", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
        let copied = copy.output().unwrap();
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        standby.start_again();
    }
}
