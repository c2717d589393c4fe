//! What a disk holds when the power fails. Pure.
//!
//! What was synced is certain: a file's content by a sync of the file, a name by a sync of its
//! folder. Of the rest each write may be there, or not, or in parts: sectors of 512 bytes, pages
//! of 4096. Changes of names in one folder survive in their order, as file systems with a journal
//! keep them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::trace::event::{Change, Event};
use crate::torture::SeededRandom;

/// Whether the disk honours a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// It does.
    Honest,
    /// As if nothing was synced: only what is older than so many nanoseconds is kept, because the
    /// system writes it back in the meantime.
    Forgetful(u64),
}

/// Files by their names.
#[derive(Debug, Default)]
pub struct Image(pub BTreeMap<String, Vec<u8>>);

impl Image {
    /// Puts the files into a folder.
    pub fn write_to(&self, folder: &Path) {
        for (name, content) in &self.0 {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
    }
}

/// A file, by what was done to it.
#[derive(Default)]
struct File<'a> {
    sure: Vec<u8>,
    unsure: Vec<(u64, Piece<'a>)>,
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    Write(u64, &'a [u8]),
    Resize(u64),
}

/// A change of names in a folder.
struct Naming {
    at_ns: u64,
    folder: String,
    /// Names and the file they stand for then, if any.
    names: Vec<(String, Option<usize>)>,
}

#[derive(Default)]
struct Folders<'a> {
    files: Vec<File<'a>>,
    by_inode: HashMap<u64, usize>,
    /// The files as programs see them.
    names: BTreeMap<String, usize>,
    sure: BTreeMap<String, usize>,
    unsure: Vec<Naming>,
}

pub(super) fn image(events: &[Event], at_ns: u64, disk: Disk, chance: &mut SeededRandom) -> Image {
    let mut folders = Folders::default();
    for event in events.iter().take_while(|event| event.at_ns <= at_ns) {
        folders.take(event, disk);
    }
    if let Disk::Forgetful(after_ns) = disk {
        folders.write_back(at_ns.saturating_sub(after_ns));
    }
    folders.power_goes(chance)
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
}

impl<'a> Folders<'a> {
    fn take(&mut self, event: &'a Event, disk: Disk) {
        let at_ns = event.at_ns;
        match &event.change {
            Change::Write(offset, data) => self.change(event, Piece::Write(*offset, data)),
            Change::Resize(length) => self.change(event, Piece::Resize(*length)),
            Change::Rename(to) => {
                let file = self.file(event);
                self.name(at_ns, vec![(to.clone(), Some(file)), (event.path.clone(), None)]);
            }
            Change::Unlink => {
                self.by_inode.remove(&event.inode);
                self.name(at_ns, vec![(event.path.clone(), None)]);
            }
            Change::Synced(begun_ns) if disk == Disk::Honest => self.synced(event, *begun_ns),
            Change::Synced(_) => {}
        }
    }

    fn change(&mut self, event: &Event, piece: Piece<'a>) {
        let file = self.file(event);
        self.files[file].unsure.push((event.at_ns, piece));
    }

    /// The file of an event; a new one with its name where it is not known.
    fn file(&mut self, event: &Event) -> usize {
        if let Some(&known) = self.by_inode.get(&event.inode) {
            return known;
        }
        let new = self.files.len();
        self.files.push(File::default());
        self.by_inode.insert(event.inode, new);
        self.name(event.at_ns, vec![(event.path.clone(), Some(new))]);
        new
    }

    fn name(&mut self, at_ns: u64, names: Vec<(String, Option<usize>)>) {
        for (name, file) in &names {
            let before = match file {
                Some(file) => self.names.insert(name.clone(), *file),
                None => self.names.remove(name),
            };
            // The file that had the name has no other; its inode may be given to a new file.
            if let (Some(before), Some(_)) = (before, file) {
                self.by_inode.retain(|_, known| *known != before);
            }
        }
        let folder = folder_of(&names[0].0);
        self.unsure.push(Naming { at_ns, folder, names });
    }

    fn synced(&mut self, event: &Event, begun_ns: u64) {
        if let Some(&file) = self.by_inode.get(&event.inode) {
            self.files[file].settle(begun_ns);
        } else {
            let folder = event.path.clone();
            self.settle_names(|naming| naming.folder == folder && naming.at_ns <= begun_ns);
        }
    }

    fn settle_names(&mut self, surely: impl Fn(&Naming) -> bool) {
        for naming in self.unsure.extract_if(.., |naming| surely(naming)) {
            apply(&mut self.sure, naming);
        }
    }

    fn write_back(&mut self, until_ns: u64) {
        self.settle_names(|naming| naming.at_ns <= until_ns);
        self.files.iter_mut().for_each(|file| file.settle(until_ns));
    }

    fn power_goes(mut self, chance: &mut SeededRandom) -> Image {
        let weather = chance.below(100);
        // In a folder what came first is there first.
        let mut ended: Vec<String> = Vec::new();
        for naming in std::mem::take(&mut self.unsure) {
            if !ended.contains(&naming.folder) && survives(weather, chance) {
                apply(&mut self.sure, naming);
            } else {
                ended.push(naming.folder);
            }
        }
        let content = |(name, file): (String, usize), chance: &mut SeededRandom| {
            let content = self.files[file].left(weather, chance);
            // An index of shared memory is never right after a power cut.
            let is_index = name.ends_with("-shm");
            let content =
                if is_index { content.iter().map(|_| chance.below(256) as u8).collect() } else { content };
            (name, content)
        };
        let sure = std::mem::take(&mut self.sure);
        Image(sure.into_iter().map(|entry| content(entry, chance)).collect())
    }
}

fn apply(sure: &mut BTreeMap<String, usize>, naming: Naming) {
    for (name, file) in naming.names {
        match file {
            Some(file) => sure.insert(name, file),
            None => sure.remove(&name),
        };
    }
}

/// At some moments everything survives, at some nothing; mostly each write is decided at random.
fn survives(weather: u64, chance: &mut SeededRandom) -> bool {
    match weather {
        0..15 => true,
        15..30 => false,
        _ => chance.percent(50),
    }
}

impl File<'_> {
    fn settle(&mut self, until_ns: u64) {
        let sure = &mut self.sure;
        for (_, piece) in self.unsure.extract_if(.., |(at_ns, _)| *at_ns <= until_ns) {
            match piece {
                Piece::Write(offset, data) => write(sure, offset as usize, data),
                Piece::Resize(length) => sure.resize(length as usize, 0),
            }
        }
    }

    /// The file as it survives.
    fn left(&self, weather: u64, chance: &mut SeededRandom) -> Vec<u8> {
        let mut content = self.sure.clone();
        for (_, piece) in &self.unsure {
            match *piece {
                Piece::Write(offset, data) => {
                    // Whole, or torn at the borders of sectors or pages.
                    let grain = [usize::MAX, 512, 4096][chance.below(3) as usize];
                    for (offset, data) in grains(offset as usize, data, grain) {
                        if survives(weather, chance) {
                            write(&mut content, offset, data);
                        }
                    }
                }
                Piece::Resize(length) if survives(weather, chance) => content.resize(length as usize, 0),
                Piece::Resize(_) => {}
            }
        }
        content
    }
}

fn write(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// A write in pieces that end where a grain of the file does.
fn grains(mut offset: usize, mut data: &[u8], grain: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    while !data.is_empty() {
        let (piece, rest) = data.split_at(data.len().min(grain - offset % grain));
        pieces.push((offset, piece));
        offset += piece.len();
        data = rest;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_ns: u64, inode: u64, path: &str, change: Change) -> Event {
        Event { at_ns, inode, path: path.to_owned(), change }
    }

    fn write_at(at_ns: u64, text: &str) -> Event {
        event(at_ns, 1, "a", Change::Write(0, text.as_bytes().to_vec()))
    }

    /// What the file `a` may hold at a moment, over many seeds.
    fn possible(events: &[Event], at_ns: u64, disk: Disk) -> Vec<Option<String>> {
        let mut seen: Vec<Option<String>> = (0..300)
            .map(|seed| {
                let image = image(events, at_ns, disk, &mut SeededRandom::new(seed));
                image.0.get("a").map(|content| String::from_utf8_lossy(content).into_owned())
            })
            .collect();
        seen.sort();
        seen.dedup();
        seen
    }

    #[test]
    fn synced_in_file_and_folder_is_sure_and_nothing_else() {
        let text = |text: &str| Some(text.to_owned());
        let events = [
            write_at(1, "one"),
            event(3, 1, "a", Change::Synced(2)),
            event(5, 9, "", Change::Synced(4)),
            write_at(6, "two"),
        ];
        assert_eq!(possible(&events, 0, Disk::Honest), [None]);
        assert_eq!(possible(&events, 2, Disk::Honest), [None, text(""), text("one")]);
        assert_eq!(possible(&events, 3, Disk::Honest), [None, text("one")], "but for its name");
        assert_eq!(possible(&events, 5, Disk::Honest), [text("one")]);
        assert_eq!(possible(&events, 6, Disk::Honest), [text("one"), text("two")]);
        assert_eq!(possible(&events, 6, Disk::Forgetful(100)), [None, text(""), text("one"), text("two")]);
    }

    #[test]
    fn a_write_after_the_sync_began_is_not_sure() {
        let events = [
            write_at(1, "one"),
            event(3, 1, "a", Change::Synced(2)),
            event(4, 9, "", Change::Synced(3)),
            write_at(6, "two"),
            event(8, 1, "a", Change::Synced(5)),
        ];
        assert_eq!(possible(&events, 8, Disk::Honest).len(), 2);
    }

    #[test]
    fn a_file_that_replaced_another_is_one_of_the_two() {
        let events = [
            write_at(1, "old"),
            event(2, 1, "a", Change::Synced(1)),
            event(3, 2, "b", Change::Write(0, b"new".to_vec())),
            event(5, 2, "b", Change::Synced(4)),
            event(7, 9, "", Change::Synced(6)),
            event(8, 2, "b", Change::Rename("a".to_owned())),
            event(10, 9, "", Change::Synced(9)),
        ];
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(possible(&events, 8, Disk::Honest), [text("new"), text("old")]);
        assert_eq!(possible(&events, 10, Disk::Honest), [text("new")]);
    }

    #[test]
    fn large_writes_are_torn() {
        let page = vec![7; 4096];
        let events = [
            event(1, 1, "a", Change::Resize(4096)),
            event(3, 1, "a", Change::Synced(2)),
            event(5, 9, "", Change::Synced(4)),
            event(6, 1, "a", Change::Write(0, page)),
        ];
        assert!(possible(&events, 6, Disk::Honest).len() > 10);
        assert_eq!(
            grains(500, &[1; 600], 512).iter().map(|(_, data)| data.len()).collect::<Vec<_>>(),
            [12, 512, 76]
        );
    }
}
