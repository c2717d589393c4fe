//! One line of a trace, in bytes. Also compiled into the tests that read it.

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Bytes were written from an offset on.
    Write(u64, Vec<u8>),
    /// It was made so long.
    Resize(u64),
    /// It was given another name.
    Rename(String),
    /// Its name was removed.
    Unlink,
    /// All that had been changed by then, on the monotonic clock, is on disk.
    Synced(u64),
}

/// A change that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was done, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// The file or folder.
    pub inode: u64,
    /// Its name within the watched folder, empty for that one itself.
    pub path: String,
    /// What happened.
    pub change: Change,
}

impl Event {
    /// The bytes of the event.
    pub fn encode(&self) -> Vec<u8> {
        let none: &[u8] = &[];
        let (kind, number, data) = match &self.change {
            Change::Write(offset, data) => (0_u8, *offset, data.as_slice()),
            Change::Resize(length) => (1, *length, none),
            Change::Rename(to) => (2, 0, to.as_bytes()),
            Change::Unlink => (3, 0, none),
            Change::Synced(begun_ns) => (4, *begun_ns, none),
        };
        let mut bytes = Vec::with_capacity(37 + self.path.len() + data.len());
        bytes.push(kind);
        for field in [self.at_ns, self.inode, number] {
            bytes.extend(field.to_le_bytes());
        }
        for part in [self.path.as_bytes(), data] {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// The first event and what follows it; `None` at the end, and where the end was cut off.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&kind, rest) = bytes.split_first()?;
        let (at_ns, rest) = number(rest)?;
        let (inode, rest) = number(rest)?;
        let (value, rest) = number(rest)?;
        let (path, rest) = part(rest)?;
        let (data, rest) = part(rest)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let change = match kind {
            0 => Change::Write(value, data.to_vec()),
            1 => Change::Resize(value),
            2 => Change::Rename(text(data)),
            3 => Change::Unlink,
            4 => Change::Synced(value),
            _ => return None,
        };
        Some((Self { at_ns, inode, path: text(path), change }, rest))
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}
