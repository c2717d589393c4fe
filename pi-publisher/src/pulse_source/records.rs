//! The kernel's records of edges, read so that a kill at any moment loses none.
//!
//! What is read from a line leaves the kernel's queue. So it is read straight
//! into a file in a tmpfs: after a kill, the next run finds it there by the
//! numbers that have not been counted yet.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use memmap2::MmapMut;

/// `struct gpio_v2_line_event` of `linux/gpio.h`: 48 bytes.
const SIZE: usize = 48;

/// The most that can be queued, and so the most one read returns.
pub(super) const MOST: usize = 1024;

/// `GPIO_V2_LINE_EVENT_RISING_EDGE`.
const RISING: u32 = 1;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// `CLOCK_MONOTONIC` of the interrupt, in nanoseconds.
    pub(super) timestamp_ns: u64,
    /// Towards active.
    pub(super) rising: bool,
    /// Counts the line's edges, dropped ones included, from 1.
    pub(super) number: u32,
}

impl Record {
    fn of(bytes: &[u8]) -> Self {
        let u32_at = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut stamp = [0; 8];
        stamp.copy_from_slice(&bytes[..8]);
        // timestamp_ns, id, offset, seqno, line_seqno, six words of padding.
        Self { timestamp_ns: u64::from_ne_bytes(stamp), rising: u32_at(8) == RISING, number: u32_at(20) }
    }
}

/// Where records are read to.
#[derive(Debug)]
pub(super) struct Records {
    map: MmapMut,
}

impl Records {
    /// In a file, which is created if it is missing, and emptied unless the request
    /// of its records continues.
    pub(super) fn in_file(path: &Path, goes_on: bool) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(!goes_on).open(path)?;
        file.set_len((SIZE * MOST) as u64)?;
        Ok(Self { map: mapped(&file)? })
    }

    /// In memory only: a kill loses what was read and not counted yet.
    pub(super) fn in_memory() -> io::Result<Self> {
        Ok(Self { map: MmapMut::map_anon(SIZE * MOST)? })
    }

    /// Reads everything in the queue; waits if it is empty.
    pub(super) fn read(&mut self, line: &OwnedFd) -> io::Result<Vec<Record>> {
        let mut line = std::fs::File::from(line.as_fd().try_clone_to_owned()?);
        let filled = line.read(&mut self.map)?;
        Ok(self.map[..filled].chunks_exact(SIZE).map(Record::of).collect())
    }

    /// What was read before and has a number after `last`, ascending. Older records
    /// may follow in the file.
    pub(super) fn after(&self, last: u32) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        for record in self.map.chunks_exact(SIZE).map(Record::of) {
            let before = records.last().map_or(last, |record| record.number);
            // Numbers wrap around after 2³².
            if record.number.wrapping_sub(last) as i32 > 0 && record.number.wrapping_sub(before) as i32 > 0 {
                records.push(record);
            }
        }
        records
    }
}

#[allow(unsafe_code)]
fn mapped(file: &std::fs::File) -> io::Result<MmapMut> {
    // SAFETY: the file is ours, in a folder of ours, and stays this long; another
    // program that changed it would only change numbers that are checked.
    unsafe { MmapMut::map_mut(file) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn bytes(number: u32) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        bytes[..8].copy_from_slice(&(u64::from(number) * 1000).to_ne_bytes());
        bytes[8..12].copy_from_slice(&(if number % 2 == 1 { RISING } else { 2 }).to_ne_bytes());
        bytes[16..20].copy_from_slice(&99_u32.to_ne_bytes());
        bytes[20..24].copy_from_slice(&number.to_ne_bytes());
        bytes
    }

    /// A pipe instead of the line: what is written to it is what the kernel would send.
    fn line(numbers: std::ops::RangeInclusive<u32>) -> OwnedFd {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&numbers.flat_map(bytes).collect::<Vec<_>>()).unwrap();
        reader.into()
    }

    #[test]
    fn what_was_read_is_found_again_by_whoever_goes_on() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("edges");
        let mut records = Records::in_file(&file, false).unwrap();
        let read = records.read(&line(1..=20)).unwrap();
        assert_eq!(read.len(), 20);
        assert_eq!((read[2].number, read[2].rising, read[2].timestamp_ns), (3, true, 3000));
        records.read(&line(21..=24)).unwrap();
        drop(records);

        let records = Records::in_file(&file, true).unwrap();
        let numbers = |last| records.after(last).iter().map(|record| record.number).collect::<Vec<_>>();
        assert_eq!(numbers(22), [23, 24], "5 to 20 lie behind them");
        assert_eq!(numbers(24), [0; 0]);
        assert_eq!(numbers(u32::MAX)[..4], [21, 22, 23, 24], "numbers go around");
    }
}
