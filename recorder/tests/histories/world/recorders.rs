//! Recorders that stop, are killed, and find an older ledger.

use recorder::bookkeeping::Input;

use super::{Fault, Killed, World};
use crate::recorder::input;

impl World {
    pub(crate) fn recorder_connects(&mut self, which: usize) {
        // What a full disk refuses is tried again until there is room.
        self.recorders[which].connects_later = !self.record(which, &[Input::Connected]);
        self.bring_retained_info(which);
    }

    pub(crate) fn recorder_restarts(&mut self, which: usize) {
        self.recorders[which].start();
        self.recorder_connects(which);
    }

    pub(crate) fn recorder_stops(&mut self, which: usize) {
        self.recorders[which].stop();
    }

    /// It is killed while it records, and starts again.
    pub(crate) fn recorder_killed(&mut self, which: usize, messages: usize, when: Killed) {
        let (now, recorder) = (self.now, &mut self.recorders[which]);
        if recorder.runs() {
            let batch = recorder.take(messages, 0);
            let inputs: Vec<_> = batch.iter().cloned().map(input).collect();
            match (when, self.fault) {
                (Killed::BeforeCommit, Some(Fault::MarkBeforeCommit)) => {
                    let output = recorder.forgetting(|recorder| recorder.record(&inputs, now));
                    recorder.put_back(batch);
                    self.say(which, output.unwrap_or_default());
                }
                (Killed::BeforeCommit, _) => recorder.put_back(batch),
                (Killed::AfterCommit, _) => {
                    recorder.record(&inputs, now);
                    recorder.put_back(batch);
                }
            }
        }
        self.recorder_restarts(which);
    }

    pub(crate) fn back_up_ledger(&mut self, which: usize) {
        self.recorders[which].back_up();
    }

    /// Its backup takes a ledger's place; the recorder is stopped for it.
    pub(crate) fn restore_ledger(&mut self, which: usize, starts: bool) {
        if self.recorders[which].restore() && starts {
            self.recorder_restarts(which);
        }
    }
}
