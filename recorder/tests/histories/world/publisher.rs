//! What the publisher says, and what it makes of marks.

use meter_messages::{Info, Mark, OutboxMinute};
use pi_publisher::delivery::Delivery;
use pi_publisher::old_copy::Verdict;
use rumqttc::{Publish, QoS};

use super::{Fault, World};

const MINUTE_TOPIC: &str = "powerpi/hq/main/minute";

impl World {
    pub(super) fn send(&mut self) {
        let last_seq = self.card().last_seq();
        while let Some((after, count)) = self.delivery.wanted(last_seq) {
            let counts = self.card().between(after, after + count).to_vec();
            if counts.first().is_none_or(|first| first.seq > after + 1) {
                self.say_info();
            }
            let mut last = self.card().between(after.saturating_sub(1), after).first().copied();
            for count in counts {
                let minute = OutboxMinute::after(last.as_ref(), count, self.card().outbox.clone());
                let minute = match self.is(Fault::OutboxNotSaid) {
                    true => OutboxMinute { outbox: None, gap: None, ..minute },
                    false => minute,
                };
                last = Some(count);
                self.publish(&Publish::new(MINUTE_TOPIC, QoS::AtLeastOnce, minute.to_json()));
                self.sent += 1;
            }
            self.delivery.sent(after + count);
        }
    }

    /// The publisher gets a mark.
    pub(super) fn hear(&mut self, mark: &Mark) {
        let lost = if self.is(Fault::LostForgotten) { Vec::new() } else { mark.lost.clone() };
        let set_back = mark.set_back && !self.is(Fault::SetBackNotSaid);
        let (mark, has_room) = (Mark { lost, set_back, ..mark.clone() }, !self.is_full);
        let card = self.card();
        if card.outbox != mark.outbox {
            return;
        }
        match card.judge(&mark, has_room) {
            Verdict::OldCopy if !self.is(Fault::CopyGoesOn) => return self.begin_anew(&mark),
            Verdict::Later => return,
            _ => {}
        }
        let card = self.card();
        let repeats = mark.seq <= std::mem::replace(&mut card.mark, mark.seq);
        let held = (card.oldest_seq(), card.last_seq());
        if repeats && self.is(Fault::RepeatIgnored) {
            return;
        }
        self.delivery.take(&mark, held);
        if mark.seq == 0 {
            self.say_info();
        }
        self.send();
    }

    pub(super) fn say_info(&mut self) {
        let (outbox, oldest_seq) = (self.card().outbox.clone(), self.card().oldest_seq());
        let json = format!(
            r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":{oldest_seq}}}"#
        );
        assert!(Info::from_json(json.as_bytes()).is_ok());
        let info = Publish::new("powerpi/hq/main/info", QoS::AtLeastOnce, json);
        self.retained_info = Some(info.clone());
        self.publish(&info);
    }

    pub(crate) fn publisher_connects(&mut self) {
        self.delivery = Delivery::from_mark(self.card().mark);
        self.say_info();
        if let Some(mark) = self.retained_mark.clone() {
            self.hear(&mark);
        }
        self.send();
    }

    pub(crate) fn publisher_killed(&mut self) {
        self.card().forget_mark();
        self.publisher_connects();
    }
}
