//! Packets that have to wait, and what comes after them.

use crate::exchange::Exchange;
use crate::outgoing::Outgoing;
use crate::router::RouterFailure;
use crate::session::ConnectionId;

/// Held packets that try again together.
const RETRY: usize = 100;

impl Exchange {
    /// Packets that had to wait try again, if there may be room now.
    pub(super) fn retry_held(&mut self) -> Result<(), RouterFailure> {
        if !std::mem::take(&mut self.room_made) {
            return Ok(());
        }
        // Not always the same first, when not all of them have their turn.
        if !self.served.is_empty() {
            self.served.rotate_left(1);
        }
        for index in 0..self.served.len() {
            self.retry(self.served[index])?;
        }
        Ok(())
    }

    /// A single packet first, which tells whether more have a chance.
    fn retry(&mut self, connection: ConnectionId) -> Result<(), RouterFailure> {
        let mut chance = 1;
        while let Some(client) = self.clients.get_mut(&connection)
            && !client.held.is_empty()
        {
            let rest = client.held.split_off(chance.min(client.held.len()));
            let held = std::mem::take(&mut client.held);
            self.take(connection, held)?;
            self.route()?;
            let Some(client) = self.clients.get_mut(&connection) else {
                break;
            };
            let still_waiting = !client.held.is_empty();
            client.held.extend(rest);
            if still_waiting {
                break;
            }
            chance = RETRY;
        }
        Ok(())
    }

    /// Asks connections for more, except those that have to wait.
    pub(super) fn ask_for_more(&mut self) {
        let clients = &mut self.clients;
        self.served.retain(|connection| match clients.get_mut(connection) {
            Some(client) if client.held.is_empty() => {
                client.outgoing.push(Outgoing::Next);
                false
            }
            Some(_) => true,
            None => false,
        });
    }
}
