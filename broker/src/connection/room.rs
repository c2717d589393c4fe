//! Whether a connection has room for what it reads and writes next.

use crate::account::Lease;

/// Bytes that may wait for the client to read them whatever its user has: answers and small messages get through.
const ALWAYS_WRITTEN: usize = 16 * 1024;

/// What one connection has of the room for what is on its way.
#[derive(Debug)]
pub(super) struct Room {
    lease: Lease,
    /// Whether there was room for what is needed to get on, in reading and writing.
    is_there: bool,
}

impl Room {
    pub(super) fn new(lease: Lease) -> Room {
        Room { lease, is_there: true }
    }

    /// Whether there was all the room without which nothing goes on, since it was last looked anew.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    pub(super) fn look_anew(&mut self) {
        self.is_there = true;
    }

    /// Whether so many bytes may be on the way in all, with the rest of a packet that is being read.
    pub(super) fn for_reading(&mut self, all: usize) -> bool {
        self.needed(all)
    }

    /// Whether a message of `bytes` may be written behind those that are `unwritten`, and those of which TLS may
    /// still hold some (`unflushed`), where so many are on the way.
    pub(super) fn for_writing(
        &mut self,
        bytes: usize,
        unwritten: usize,
        unflushed: usize,
        on_the_way: usize,
    ) -> bool {
        if unwritten + bytes <= ALWAYS_WRITTEN || bytes == 0 {
            return true;
        }
        if unwritten + unflushed == 0 {
            return self.needed(on_the_way + bytes);
        }
        // It can wait until what is being written is read: so where there is no room, one message at a time gets
        // through, and its client is not taken for one that gets no room.
        self.lease.hold(on_the_way + bytes)
    }

    fn needed(&mut self, all: usize) -> bool {
        let has_room = self.lease.hold_needed(all);
        self.is_there &= has_room;
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Owner, Transit};

    /// Its user has 64 KiB and 240 KiB of what is shared; other connections have taken all of it.
    fn without_room() -> (Vec<Lease>, Room) {
        let (transit, user) = (Transit::new(640 * 1024, 4), Owner::User("r".into()));
        let mut others: Vec<_> = (0..2).map(|_| transit.lease(&user)).collect();
        assert!(others.iter_mut().zip([144, 160]).all(|(lease, more)| lease.hold((16 + more) * 1024)));
        (others, Room::new(transit.lease(&user)))
    }

    #[test]
    fn who_reads_slowly_is_not_one_that_gets_no_room() {
        let (_others, mut room) = without_room();
        for (unwritten, unflushed) in [(60_000, 0), (0, 60_000), (10_000, 50_000)] {
            assert!(!room.for_writing(60_000, unwritten, unflushed, 60_000));
            assert!(room.is_there(), "it gets on by reading what is written");
        }
    }

    #[test]
    fn who_cannot_get_on_is_one_that_gets_no_room() {
        let (others, mut room) = without_room();
        assert!(room.for_writing(10_000, 0, 0, 0) && room.for_writing(0, 60_000, 0, 60_000), "small ones");
        assert!(room.is_there());
        assert!(!room.for_writing(60_000, 0, 0, 0) && !room.is_there());
        room.look_anew();
        assert!(room.is_there() && !room.for_reading(60_000) && !room.is_there());
        // Others have made room.
        drop(others);
        room.look_anew();
        assert!(room.for_reading(60_000) && room.for_writing(60_000, 0, 0, 60_000) && room.is_there());
    }
}
