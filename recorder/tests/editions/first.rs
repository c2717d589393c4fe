//! The contract's first edition.

use std::collections::BTreeMap;
use std::fmt::Write;

use meter_messages::{Minute, PulseCount};

use crate::site::{Message, Publisher, Recorder};

/// Sends from the mark on; a mark that does not go on means "send again from there".
#[derive(Debug, Default)]
pub(crate) struct FirstPublisher {
    mark: u64,
    next: u64,
}

impl Publisher for FirstPublisher {
    fn connect(&mut self, mark: u64) {
        *self = Self { mark, next: mark + 1 };
    }

    fn take(&mut self, mark: &[u8], _last_seq: u64) -> u64 {
        let seq = number(mark, "seq");
        self.next = if seq > self.mark { self.next.max(seq + 1) } else { seq + 1 };
        self.mark = seq;
        seq
    }

    fn wanted(&self, last_seq: u64) -> Option<(u64, u64)> {
        (self.next <= last_seq).then(|| (self.next - 1, last_seq + 1 - self.next))
    }

    fn sent(&mut self, seq: u64) {
        self.next = seq + 1;
    }

    fn minute(&self, _outbox: &str, count: PulseCount) -> Vec<u8> {
        let PulseCount { minute, watched_s, seq, pulses, total } = count;
        format!(r#"{{"t":"{minute}","s":{watched_s},"seq":{seq},"pulses":{pulses},"total":{total}}}"#)
            .into_bytes()
    }
}

/// Books minutes for the outbox of the last `info`. Its mark goes on minute by minute, also over what it has.
#[derive(Debug, Default)]
pub(crate) struct FirstRecorder {
    outbox: Option<String>,
    marks: BTreeMap<String, (u64, Option<String>)>,
    ledger: BTreeMap<(String, String), u32>,
}

impl FirstRecorder {
    fn said(&self) -> Vec<Vec<u8>> {
        let Some(outbox) = &self.outbox else { return Vec::new() };
        let (seq, minute) = &self.marks[outbox];
        let mut mark = format!(r#"{{"outbox":"{outbox}","seq":{seq}"#);
        minute.iter().for_each(|minute| write!(mark, r#","t":"{minute}""#).unwrap());
        vec![(mark + "}").into_bytes()]
    }
}

impl Recorder for FirstRecorder {
    fn take(&mut self, messages: &[Message]) -> Vec<Vec<u8>> {
        let mut says = false;
        for message in messages {
            match message {
                Message::Info { payload, .. } => {
                    let outbox = text(payload, "outbox");
                    says |= self.outbox.as_ref() != Some(&outbox);
                    self.marks.entry(outbox.clone()).or_default();
                    self.outbox = Some(outbox);
                }
                Message::Minute(payload) => {
                    let Some(outbox) = self.outbox.clone() else { continue };
                    let (seq, minute) = (number(payload, "seq"), text(payload, "t"));
                    let pulses = number(payload, "pulses") as u32;
                    self.ledger.entry((minute.clone(), outbox.clone())).or_insert(pulses);
                    let mark = self.marks.entry(outbox).or_default();
                    if seq == mark.0 + 1 {
                        *mark = (seq, Some(minute));
                    }
                    // It has moved, or asks for what is missing before this one.
                    says |= seq >= mark.0;
                }
            }
        }
        if says { self.said() } else { Vec::new() }
    }

    fn restart(&mut self) -> Vec<Vec<u8>> {
        self.said()
    }

    fn recorded(&mut self) -> Vec<(Minute, u32)> {
        self.ledger.iter().map(|((minute, _), pulses)| (minute.parse().unwrap(), *pulses)).collect()
    }
}

/// What follows a field's name in a payload, up to the next field.
fn field(payload: &[u8], name: &str) -> String {
    let text = String::from_utf8(payload.to_vec()).unwrap();
    let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}']).next().unwrap().to_owned()
}

fn number(payload: &[u8], name: &str) -> u64 {
    field(payload, name).parse().unwrap()
}

fn text(payload: &[u8], name: &str) -> String {
    field(payload, name).trim_matches('"').to_owned()
}
