//! The retained messages that one SUBSCRIBE brings.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::message::{Message, lower};
use crate::retained::Retained;
use crate::topic_tree::{Found, Search};
use crate::work::Work;

/// Finds each of them once, with the highest QoS that a matching filter got; it may be
/// interrupted.
#[derive(Debug)]
pub(crate) struct RetainedScan {
    /// With the QoS granted, the highest last.
    filters: Vec<(String, QoS)>,
    search: Option<(Search, QoS)>,
    /// Numbers of the messages found, if there are several filters.
    found: HashSet<u64>,
    /// The newest message at the time of the SUBSCRIBE.
    last_number: u64,
}

impl RetainedScan {
    pub(crate) fn new(mut filters: Vec<(String, QoS)>, retained: &Retained) -> RetainedScan {
        // A stable sort, so the filters come in the client's order after all.
        filters.reverse();
        filters.sort_by_key(|(_, qos)| *qos as u8);
        RetainedScan { filters, search: None, found: HashSet::new(), last_number: retained.last_number }
    }

    /// The next message and the QoS to send it with, as far as `work` goes.
    pub(crate) fn next<'a>(
        &mut self,
        retained: &'a Retained,
        now: Instant,
        work: &mut Work,
    ) -> Found<(&'a Arc<Message>, QoS)> {
        loop {
            let Some((search, granted)) = &mut self.search else {
                let Some((filter, qos)) = self.filters.pop() else {
                    return Found::NoMore;
                };
                self.search = Some((Search::topics(&filter), qos));
                continue;
            };
            let message = match search.next(&retained.by_topic, work) {
                Found::One(message) => message,
                Found::OutOfWork => return Found::OutOfWork,
                Found::NoMore => {
                    self.search = None;
                    continue;
                }
            };
            let is_due = message.number <= self.last_number && !message.message.has_expired(now);
            if is_due && self.found.insert(message.number) {
                work.deliver();
                return Found::One((&message.message, lower(*granted, message.qos)));
            }
        }
    }
}
