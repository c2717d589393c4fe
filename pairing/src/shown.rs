//! Open invitations, as they lie on the server for its first page: whoever has just invited need not look for the line.
//!
//! A file for each site, in a folder in memory that only root and the pages may read. The line is as secret there as
//! where it was printed, and it goes when it is used, withdrawn or over.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use meter_messages::SiteId;

use crate::Invitation;

/// Where they lie, if the package has made this folder.
pub const SHOWN: &str = "/run/powerpi/invitations";

/// More than a file has, in bytes.
const LONGEST: u64 = 8192;

/// More than can be open.
const MOST: usize = 200;

/// An invitation that nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// Until when it is good.
    pub until: Timestamp,
}

impl ShownInvitation {
    /// Puts it into a folder; it takes the place of an earlier one for the same site. Does nothing where the folder is
    /// missing: nobody looks there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn show(&self, folder: &Path) -> anyhow::Result<()> {
        if !folder.is_dir() {
            return Ok(());
        }
        let text = format!("{}\n{}\n", self.until, self.invitation);
        daemon_runtime::replace_file(&file(folder, &self.invitation.site), &text, 0o640, None)
    }

    /// Those in a folder that are open at `now`, by their sites' names. What cannot be read is none.
    pub fn open_at(now: Timestamp, folder: &Path) -> Vec<Self> {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let read = files.take(MOST).filter_map(|file| Self::read(&file.path()));
        let mut open: Vec<Self> = read.filter(|shown| shown.until > now).collect();
        open.sort_by(|one, other| one.invitation.site.cmp(&other.invitation.site));
        open
    }

    fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        std::fs::File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
        let (until, line) = text.split_once('\n')?;
        Some(Self { invitation: line.parse().ok()?, until: until.parse().ok()? })
    }
}

/// Takes the invitation of a site away from a folder, if it is there.
///
/// # Errors
/// If it is there and stays.
pub fn hide(site: &SiteId, folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file(folder, site)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn file(folder: &Path, site: &SiteId) -> PathBuf {
    folder.join(site.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Fingerprint, InvitationId, InvitationSecret};

    fn invitation(site: &str) -> Invitation {
        Invitation {
            addresses: vec!["server.lan:8883".to_owned().try_into().unwrap()],
            site: site.parse().unwrap(),
            id: InvitationId::random(),
            secret: InvitationSecret::random(),
            authority: Fingerprint::of(b"x"),
        }
    }

    #[test]
    fn what_is_open_is_shown_until_it_is_over_or_used() {
        let folder = tempfile::tempdir().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let until = at("2026-11-29T12:00:00Z");
        let [attic, home] =
            ["attic", "home"].map(|site| ShownInvitation { invitation: invitation(site), until });
        let earlier = ShownInvitation { invitation: invitation("home"), until };
        for shown in [&earlier, &home, &attic] {
            shown.show(folder.path()).unwrap();
        }
        std::fs::write(folder.path().join("other"), "nonsense").unwrap();
        let open = || ShownInvitation::open_at(at("2026-11-29T11:59:59Z"), folder.path());
        assert_eq!(open(), [attic, home.clone()]);
        assert_eq!(ShownInvitation::open_at(until, folder.path()), []);
        hide(&"attic".parse().unwrap(), folder.path()).unwrap();
        hide(&"attic".parse().unwrap(), folder.path()).unwrap();
        assert_eq!(open(), std::slice::from_ref(&home));
        home.show(&folder.path().join("missing")).unwrap();
        assert_eq!(ShownInvitation::open_at(until, &folder.path().join("missing")), []);
    }
}
