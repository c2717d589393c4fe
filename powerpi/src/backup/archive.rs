//! The file: a tar archive, packed by gzip, whose first entry says what follows.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use indicatif::ProgressBar;
use ring::digest::{self, SHA256};
use tar::{Archive, Builder, Header};

use super::contents::{BackedUp, Contents, LONGEST, NAME};

/// The SHA-256 of all that is read, in hex, and how much that was.
pub(super) fn sha256(mut from: impl Read) -> io::Result<(String, u64)> {
    let mut hash = Hashing::new(io::sink());
    io::copy(&mut from, &mut hash)?;
    Ok(hash.finish())
}

/// Passes bytes on and adds them to a checksum.
struct Hashing<W> {
    to: W,
    hash: digest::Context,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(to: W) -> Self {
        Self { to, hash: digest::Context::new(&SHA256), bytes: 0 }
    }

    fn finish(self) -> (String, u64) {
        let digest = self.hash.finish();
        let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        (hex, self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a backup; `open` opens each of its files. It is on disk when this returns.
pub(super) fn write<'read>(
    to: File,
    contents: &Contents,
    bar: &ProgressBar,
    open: impl Fn(&BackedUp) -> anyhow::Result<Box<dyn Read + 'read>>,
) -> anyhow::Result<()> {
    let mut archive = Builder::new(GzEncoder::new(BufWriter::new(to), Compression::fast()));
    let head = serde_json::to_vec_pretty(&contents.to_json())?;
    let header = |bytes: u64, mode: u32| {
        let mut header = Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(mode);
        header.set_mtime(contents.taken.as_second().unsigned_abs());
        header
    };
    archive.append_data(&mut header(head.len() as u64, 0o600), NAME, head.as_slice())?;
    for file in &contents.files {
        let from = open(file)?.take(file.bytes);
        archive
            .append_data(&mut header(file.bytes, file.mode), &file.path, bar.wrap_read(from))
            .with_context(|| format!("adding {}", file.path))?;
    }
    let written = archive.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    written.sync_all()?;
    Ok(())
}

/// Reads a backup, and hands over each file with what it should be. What was written from it must not be used before
/// this has returned: only then everything has been compared.
pub(super) fn read(
    path: &Path,
    mut take: impl FnMut(&BackedUp, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<Contents> {
    let file = File::open(path).context("opening it")?;
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut entries = archive.entries()?;
    let first = entries.next().context("it is empty")??;
    if first.path()? != Path::new(NAME) {
        bail!("its first entry is not {NAME}");
    }
    let mut head = Vec::new();
    first.take(LONGEST).read_to_end(&mut head)?;
    let contents = Contents::from_json(&head)?;
    for file in &contents.files {
        let entry = entries.next().with_context(|| format!("{} is missing: it is cut off", file.path))?;
        let mut entry = entry.context("it is cut off or damaged")?;
        if entry.path()? != Path::new(&file.path) {
            bail!("{} is not where it should be", file.path);
        }
        let mut hashing = HashingReader { from: &mut entry, hash: Hashing::new(io::sink()) };
        take(file, &mut hashing)?;
        io::copy(&mut hashing, &mut io::sink()).context("it is cut off or damaged")?;
        if hashing.hash.finish() != (file.sha256.clone(), file.bytes) {
            bail!("{} does not agree with its checksum", file.path);
        }
    }
    if entries.next().is_some() {
        bail!("it holds more than it says");
    }
    // At its end stands what all of it adds up to.
    io::copy(&mut archive.into_inner(), &mut io::sink()).context("it is cut off or damaged")?;
    Ok(contents)
}

/// Reads all of a backup for its checksums alone.
pub(super) fn verify(path: &Path) -> anyhow::Result<Contents> {
    read(path, |_, _| Ok(()))
}

struct HashingReader<'entry, R> {
    from: &'entry mut R,
    hash: Hashing<io::Sink>,
}

impl<R: Read> Read for HashingReader<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.write_all(&into[..read])?;
        Ok(read)
    }
}
