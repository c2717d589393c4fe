//! RRD files, read without librrd: it trusts what stands in a file, and one that was cut off ends the process. Files of
//! other machines are read, too: the size of their words follows from where the float cookie stands.

use std::path::Path;

use anyhow::{Context, bail};
use foreign_text::foreign;

const FLOAT_COOKIE: f64 = 8.642135E130;

/// More is no file of a meter.
const MOST_BYTES: u64 = 1 << 30;

/// Data sources and archives, each at most so many.
const MOST: usize = 1000;

/// An RRD file.
#[derive(Debug)]
pub(super) struct Rrd {
    bytes: Vec<u8>,
    /// Of its data sources, in seconds.
    pub(super) step: i64,
    last: i64,
    pub(super) sources: Vec<Source>,
    archives: Vec<Archive>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) kind: String,
}

#[derive(Debug)]
struct Archive {
    is_average: bool,
    rows: usize,
    steps: i64,
    newest_row: usize,
    /// Where its values begin.
    at: usize,
}

impl Rrd {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let length = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
        if length > MOST_BYTES {
            bail!("{} is larger than 1 GiB", path.display());
        }
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(bytes).with_context(|| format!("{} is not an RRD file that can be read", path.display()))
    }

    fn parse(bytes: Vec<u8>) -> anyhow::Result<Self> {
        if bytes.get(..4) != Some(b"RRD\0") {
            bail!("it does not begin like one");
        }
        let version = bytes.get(4..9).unwrap_or_default();
        if !matches!(version.get(..4), Some(b"0001" | b"0003" | b"0004" | b"0005")) {
            bail!("it is of a format that is not known");
        }
        let cookie = |at: usize| bytes.get(at..at + 8) == Some(&FLOAT_COOKIE.to_le_bytes()[..]);
        // On 32-bit x86 doubles lie at multiples of four.
        let (word, align) = match () {
            () if cookie(12) => (4, 4),
            () if cookie(16) && words_are_8(&bytes) => (8, 8),
            () if cookie(16) => (4, 8),
            () => bail!(
                "it comes from a machine with another order of bytes; use `rrdtool dump` there and `rrdtool restore` here"
            ),
        };
        let mut fields = Fields { bytes: &bytes, at: if cookie(12) { 20 } else { 24 }, word, align };
        let (sources, archives) = (fields.word()?, fields.word()?);
        let step = i64::try_from(fields.word()?)?;
        if !(1..=MOST).contains(&sources)
            || !(1..=MOST).contains(&archives)
            || !(1..=86_400 * 366).contains(&step)
        {
            bail!("its head makes no sense");
        }
        fields.parameters()?;
        let sources = (0..sources)
            .map(|_| {
                let (name, kind) = (fields.text(20)?, fields.text(20)?);
                fields.parameters()?;
                Ok(Source { name, kind })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let archives = (0..archives)
            .map(|_| {
                let is_average = fields.text(20)? == "AVERAGE";
                let (rows, steps) = (fields.word()?, i64::try_from(fields.word()?)?);
                fields.parameters()?;
                if rows == 0 || !(1..=10_000_000).contains(&steps) {
                    bail!("an archive of it makes no sense");
                }
                Ok(Archive { is_average, rows, steps, newest_row: 0, at: 0 })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Self::located(&bytes, (word, fields.at), step, sources, archives)
            .map(|located| Self { bytes, ..located })
    }

    /// Where values stand follows from the end of the file: they are its last part, and before them each archive's newest
    /// row.
    fn located(
        bytes: &[u8],
        (word, defined): (usize, usize),
        step: i64,
        sources: Vec<Source>,
        mut archives: Vec<Archive>,
    ) -> anyhow::Result<Self> {
        let values = archives.iter().try_fold(0usize, |sum, archive| {
            archive.rows.checked_mul(sources.len() * 8).and_then(|bytes| sum.checked_add(bytes))
        });
        let begin = values.and_then(|values| bytes.len().checked_sub(values)).context("it was cut off")?;
        let rows_at = begin.checked_sub(archives.len() * word).context("it was cut off")?;
        let mut at = begin;
        for (number, archive) in archives.iter_mut().enumerate() {
            archive.newest_row = read_word(bytes, rows_at + number * word, word).context("it was cut off")?;
            if archive.newest_row >= archive.rows {
                bail!("the place of its newest value makes no sense");
            }
            archive.at = at;
            at += archive.rows * sources.len() * 8;
        }
        let last = [8, word].into_iter().find_map(|size| {
            let at = defined.next_multiple_of(size.min(8));
            let last = read_word(bytes, at, size)? as i64;
            (946_684_800..4_102_444_800).contains(&last).then_some(last)
        });
        let last = last.context("the time of its last update makes no sense")?;
        Ok(Self { bytes: Vec::new(), step, last, sources, archives })
    }

    /// The means of a data source, each with its time in seconds since 1970: from the finest archive that has them.
    pub(super) fn means(&self, source: usize) -> anyhow::Result<Vec<(i64, i64, f64)>> {
        let mut archives: Vec<&Archive> = self.archives.iter().filter(|archive| archive.is_average).collect();
        if archives.is_empty() {
            bail!("none of its archives holds means (AVERAGE)");
        }
        archives.sort_by_key(|archive| archive.steps);
        let (mut rows, mut until) = (Vec::new(), i64::MAX);
        for archive in archives {
            let seconds = self.step * archive.steps;
            let end = self.last.div_euclid(seconds) * seconds;
            let first = end - seconds * archive.rows as i64;
            for age in 0..archive.rows {
                let to = end - seconds * age as i64;
                if to > until {
                    continue;
                }
                let row = (archive.newest_row + archive.rows - age) % archive.rows;
                let at = archive.at + (row * self.sources.len() + source) * 8;
                let value = self
                    .bytes
                    .get(at..at + 8)
                    .and_then(|value| value.try_into().ok())
                    .map(f64::from_le_bytes);
                if let Some(value) = value.filter(|value| value.is_finite()) {
                    rows.push((to - seconds, to, value));
                }
            }
            until = until.min(first);
        }
        rows.sort_by_key(|(from, ..)| *from);
        Ok(rows)
    }
}

/// Whether the numbers behind the cookie are those of 64-bit words: there the upper half of each is zero.
fn words_are_8(bytes: &[u8]) -> bool {
    [28, 36, 44].iter().all(|at| bytes.get(*at..at + 4) == Some(&[0; 4]))
}

fn read_word(bytes: &[u8], at: usize, word: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(word)?)?;
    match word {
        8 => Some(usize::try_from(u64::from_le_bytes(field.try_into().ok()?)).ok()?),
        _ => Some(u32::from_le_bytes(field.try_into().ok()?) as usize),
    }
}

/// Reads one field after the other.
struct Fields<'file> {
    bytes: &'file [u8],
    at: usize,
    word: usize,
    align: usize,
}

impl Fields<'_> {
    fn word(&mut self) -> anyhow::Result<usize> {
        self.at = self.at.next_multiple_of(self.word);
        let word = read_word(self.bytes, self.at, self.word).context("it was cut off")?;
        self.at += self.word;
        Ok(word)
    }

    fn text(&mut self, length: usize) -> anyhow::Result<String> {
        let field = self.bytes.get(self.at..self.at + length).context("it was cut off")?;
        self.at += length;
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(foreign(&String::from_utf8_lossy(text)).to_string())
    }

    /// Ten parameters of eight bytes.
    fn parameters(&mut self) -> anyhow::Result<()> {
        self.at = self.at.next_multiple_of(self.align) + 80;
        if self.at > self.bytes.len() { bail!("it was cut off") } else { Ok(()) }
    }
}
