//! The words of what somebody shows others.

/// What stands on the button by which a page is shared.
#[derive(Debug)]
pub(crate) struct SharingWords {
    /// The button.
    pub(crate) share: &'static str,
    /// Where the device offers nobody: sentence, address and picture can be pasted.
    pub(crate) copied: &'static str,
    /// Neither was possible.
    pub(crate) failed: &'static str,
}

pub(super) static ENGLISH: SharingWords =
    SharingWords { share: "Share", copied: "Copied", failed: "Could not be shared" };

pub(super) static GERMAN: SharingWords =
    SharingWords { share: "Teilen", copied: "Kopiert", failed: "Teilen hat nicht geklappt" };
