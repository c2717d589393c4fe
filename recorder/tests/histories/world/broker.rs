//! What the broker does with messages, and what the recorders say.

use meter_messages::Mark;
use recorder::bookkeeping::{Input, Output};
use rumqttc::Publish;

use super::{Fault, World};
use crate::recorder::input;

impl World {
    /// The broker keeps a message for each of its recorders.
    pub(super) fn publish(&mut self, message: &Publish) {
        self.recorders.iter_mut().for_each(|recorder| recorder.queue.push_back(message.clone()));
    }

    pub(crate) fn deliver(&mut self, which: usize, messages: usize, from: usize) {
        let recorder = &mut self.recorders[which];
        if !recorder.runs() {
            return;
        }
        let batch = recorder.take(messages, from);
        let inputs: Vec<_> = batch.iter().cloned().map(input).collect();
        if !inputs.is_empty() && !self.record(which, &inputs) {
            self.recorders[which].put_back(batch);
        }
    }

    pub(crate) fn forget(&mut self, which: usize, messages: usize, from: usize) {
        self.recorders[which].take(messages, from);
    }

    /// Only what was sent last arrives.
    pub(crate) fn deliver_last(&mut self, which: usize) {
        self.deliver(which, 1, self.recorders[which].queue.len() - 1);
    }

    pub(crate) fn repeat(&mut self, which: usize, messages: usize, from: usize) {
        let again = self.recorders[which].take(messages, from);
        self.recorders[which].queue.extend(again.iter().cloned().chain(again.clone()));
    }

    /// False if the recorder's disk is full: then nothing has changed.
    pub(super) fn record(&mut self, which: usize, inputs: &[Input]) -> bool {
        let (now, says_all_the_same) = (self.now, self.is(Fault::FullSaysMarks));
        let recorder = &mut self.recorders[which];
        if let Some(output) = recorder.record(inputs, now) {
            self.say(which, output);
            return true;
        }
        if says_all_the_same {
            let output = recorder.forgetting(|recorder| recorder.record(inputs, now));
            self.say(which, output.unwrap_or_default());
            self.recorder_restarts(which);
        }
        false
    }

    pub(super) fn say(&mut self, which: usize, output: Output) {
        for (_, mark) in output.marks {
            self.retained_mark = Some(mark.clone());
            self.hear(&mark);
        }
        for (_, outbox) in output.strangers {
            let hears_of_it = outbox.map(|outbox| Mark::new(outbox, 0, None));
            hears_of_it.iter().for_each(|mark| self.hear(mark));
            self.bring_retained_info(which);
        }
    }

    pub(super) fn bring_retained_info(&mut self, which: usize) {
        let Some(info) = self.retained_info.clone() else { return };
        let info = Publish { retain: true, ..info };
        if !self.record(which, &[input(info.clone())]) {
            self.recorders[which].put_back(vec![info]);
        }
    }

    /// Another broker, which knows nothing of what the last one held.
    pub(crate) fn new_broker(&mut self) {
        self.recorders.iter_mut().for_each(|recorder| recorder.queue.clear());
        (self.retained_info, self.retained_mark) = (None, None);
        self.publisher_connects();
        (0..self.recorders.len()).for_each(|which| self.recorder_connects(which));
    }
}
