//! Who wants to hear of a counter.

use crate::totals::heard::Heard;
use crate::totals::source::CounterSource;

/// Who wants to hear of a counter.
#[derive(Debug)]
pub struct Listener {
    /// The counter.
    pub counter: CounterSource,
    /// Where it goes.
    pub heard: flume::Sender<Heard>,
}

impl Listener {
    /// Hands on what was heard.
    pub(crate) async fn hear(&self, heard: Heard) {
        // A meter's thread that has ended ends the program.
        let _ = self.heard.send_async(heard).await;
    }
}

/// How listening at a place has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Why.
    pub(crate) error: anyhow::Error,
    /// Whether anything was heard before.
    pub(crate) has_worked: bool,
}
