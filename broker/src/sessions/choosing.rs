//! Who receives a message: each session that has subscribed, and of each share the member that can best do with it. Pure.

use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::message::lower;
use crate::router::{FilterId, Match};
use crate::session::{Session, SubscriptionOptions};
use crate::sessions::shared::Members;
use crate::sessions::{Recipient, SessionId, Sessions};

/// How well a session can do with a message; the first is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fitness {
    /// It is here, and what is owed to it is on disk.
    HereAndLasting,
    Here,
    Absent,
    HereButFull,
    AbsentAndFull,
}

impl Sessions {
    /// Who receives a message of this QoS with these matches that `publisher` has published: each session
    /// once, and of each share one member. `has_room` says whether a session may be owed one more.
    pub(crate) fn recipients(
        &mut self,
        matches: &[Match],
        (publisher, published): (Option<SessionId>, QoS),
        has_room: impl Fn(&Session) -> bool,
        recipients: &mut Vec<Recipient>,
    ) {
        recipients.clear();
        for found in matches {
            let subscribers = self.subscribers.get(&found.filter);
            let subscribers = subscribers.into_iter().flat_map(|subscribers| &subscribers.sessions);
            recipients.extend(
                subscribers
                    .filter(|(session, options)| !(options.no_local && publisher == Some(*session)))
                    .filter(|(session, _)| {
                        self.resting.is_empty() || !self.resting.contains(&(*session, found.filter))
                    })
                    .map(|(session, options)| Recipient {
                        session: *session,
                        qos: options.qos,
                        retain_as_published: options.retain_as_published,
                        identifiers: options.identifier.into(),
                        share: None,
                    }),
            );
            self.choose_members(found.filter, published, &has_room, recipients);
        }
        if matches.len() > 1 {
            recipients.sort_unstable_by_key(|recipient| {
                (recipient.session, recipient.share.is_some(), 2 - recipient.qos as u8)
            });
            recipients.dedup_by(|later, first| {
                let same = later.session == first.session && later.share.is_none() && first.share.is_none();
                if same {
                    first.retain_as_published |= later.retain_as_published;
                    first.identifiers.append(&mut later.identifiers);
                }
                same
            });
        }
    }

    /// One member of each share of a filter, for a message of this QoS. `has_room` says whether a session may be
    /// owed one more.
    fn choose_members(
        &mut self,
        filter: FilterId,
        published: QoS,
        has_room: &impl Fn(&Session) -> bool,
        recipients: &mut Vec<Recipient>,
    ) {
        let Some(shares) = self.shared.by_filter.get_mut(&filter) else { return };
        for (path, Members { subscribers, turn }) in shares {
            let members = &subscribers.sessions;
            let fitness = |index: usize| {
                let (id, options) = &members[index % members.len()];
                let session = self.sessions.get(id)?;
                let is_here = session.connection.is_some();
                let of_qos0 = lower(published, options.qos) == QoS::AtMostOnce;
                if (of_qos0 && !is_here) || self.resting.contains(&(*id, filter)) {
                    return None;
                }
                let fitness = match (is_here, has_room(session)) {
                    (true, true) if session.clean => Fitness::Here,
                    (true, true) => Fitness::HereAndLasting,
                    (false, true) => Fitness::Absent,
                    (true, false) => Fitness::HereButFull,
                    (false, false) => Fitness::AbsentAndFull,
                };
                Some(((fitness, session.owed_messages()), index % members.len()))
            };
            let best = (*turn..*turn + members.len()).filter_map(fitness).min_by_key(|(fitness, _)| *fitness);
            let Some((_, index)) = best else { continue };
            *turn = (index + 1) % members.len();
            let (session, options) = members[index];
            recipients.push(Recipient {
                session,
                qos: options.qos,
                retain_as_published: options.retain_as_published,
                identifiers: options.identifier.into(),
                share: Some(Arc::clone(path)),
            });
        }
    }

    /// Who else of a share may take over what is owed to one of its members, and how it is to be delivered: of
    /// those who are here, or of all, the one to whom least is owed. What is on disk goes to one that keeps it
    /// there, unless it `must` go.
    pub(crate) fn successor(
        &self,
        id: SessionId,
        (filter, path): (FilterId, &str),
        must: bool,
        has_room: impl Fn(&Session) -> bool,
    ) -> Option<(SessionId, SubscriptionOptions)> {
        let is_lasting = self.is_lasting(id);
        let members = &self.shared.members(filter, path)?.subscribers.sessions;
        let fitting = members.iter().filter(|(other, options)| {
            *other != id && options.qos != QoS::AtMostOnce && !self.resting.contains(&(*other, filter))
        });
        let fitting = fitting.filter_map(|(other, options)| {
            let session = self.sessions.get(other)?;
            let away = session.connection.is_none();
            let allowed = must || !(away || is_lasting && session.clean);
            let order = (away, is_lasting && session.clean, session.owed_messages());
            (allowed && has_room(session)).then_some((order, (*other, *options)))
        });
        fitting.min_by_key(|(order, _)| *order).map(|(_, found)| found)
    }

    /// Whether a session takes part in a share, and brings what it gets from it to its client.
    pub(crate) fn serves(&self, id: SessionId, path: &str) -> bool {
        self.sessions.get(&id).is_some_and(|session| {
            let subscription = session.subscriptions.get(path);
            session.connection.is_some()
                && subscription.is_some_and(|subscription| !self.resting.contains(&(id, subscription.filter)))
        })
    }

    /// Sessions whose clients are absent, and to which something of a share is owed.
    pub(crate) fn absent_members(&self) -> impl Iterator<Item = SessionId> {
        let absent = self.sessions.iter().filter(|(_, session)| session.connection.is_none());
        absent.filter(|(_, session)| session.owes_of_any_share()).map(|(id, _)| *id)
    }

    /// How many shares there are.
    pub(crate) fn shares(&self) -> usize {
        self.shared.len()
    }
}
