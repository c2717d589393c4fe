//! Whether a session brings anything. Pure.
//!
//! A broker that is there and answers may still give a session nothing any more: a node of NATS that was killed can damage
//! its own file, and what waits in it for the session never comes. No keep-alive shows that. So a recorder says something that
//! it is subscribed to when it has heard nothing for a while, and where nodes stand in for each other when a connection begins.
//! Where the broker takes that and does not give it back, the session is of no use: another one begins, and publishers send again
//! what is not marked.

use std::time::Duration;

use tokio::time::Instant;

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Whether something is said as soon as a connection begins. Others who are subscribed to everything hear it, too.
    from_the_beginning: bool,
    /// After so long without a message something is said.
    silence: Duration,
    /// So long the broker may take to give back what it has taken.
    given_back_within: Duration,
}

impl Patience {
    /// Longer than a minute, in which each publisher says something.
    pub(crate) const OF_ONE_BROKER: Self = Self {
        from_the_beginning: false,
        silence: Duration::from_secs(90),
        given_back_within: Duration::from_secs(30),
    };

    /// Where nodes stand in for each other one of them may well have been killed, and minutes wait for a quick end of it. To agree on
    /// who goes on takes them some seconds.
    pub(crate) const OF_SEVERAL_NODES: Self = Self {
        from_the_beginning: true,
        silence: Duration::from_secs(30),
        given_back_within: Duration::from_secs(15),
    };
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Listen,
    /// Something is to be said.
    Ask,
    /// The session brings nothing.
    Deaf,
    /// It brings nothing, as the one before it has brought nothing: here nothing of that kind is ever given back.
    NeverAnswered,
}

/// What was heard of a session.
#[derive(Debug)]
pub(crate) struct Hearing {
    patience: Patience,
    /// When something came last, or it was looked.
    since: Instant,
    asked: Asked,
    /// Whether anything that was said has ever been given back.
    is_answered: bool,
    /// Whether a session ended because it brought nothing.
    has_begun_anew: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// No, and it is time for it.
    NotYet,
    /// The broker has not acknowledged anything since.
    Said,
    /// It has.
    Taken,
}

impl Hearing {
    pub(crate) fn new(patience: Patience, now: Instant) -> Self {
        Self { patience, since: now, asked: Asked::No, is_answered: false, has_begun_anew: false }
    }

    /// A connection begins.
    pub(crate) fn connected(&mut self, now: Instant) {
        let asked = if self.patience.from_the_beginning { Asked::NotYet } else { Asked::No };
        (self.since, self.asked) = (now, asked);
    }

    /// A message has come that shows nothing more than itself.
    pub(crate) fn heard(&mut self, now: Instant) {
        (self.since, self.asked) = (now, Asked::No);
    }

    /// What was said has been given back.
    pub(crate) fn given_back(&mut self, now: Instant) {
        self.is_answered = true;
        self.heard(now);
    }

    /// The broker has acknowledged something that this program has said.
    pub(crate) fn taken(&mut self, now: Instant) {
        if self.asked == Asked::Said {
            (self.since, self.asked) = (now, Asked::Taken);
        }
    }

    /// When to [look](Self::look).
    pub(crate) fn due(&self) -> Instant {
        let patience = match self.asked {
            Asked::NotYet => Duration::ZERO,
            Asked::No | Asked::Said => self.patience.silence,
            // This user may have no right to say it, and nobody may have said anything yet: what comes once, such as a reading, must
            // not miss a session because of that.
            Asked::Taken if self.patience.from_the_beginning && !self.is_answered => {
                self.patience.silence + self.patience.given_back_within
            }
            Asked::Taken => self.patience.given_back_within,
        };
        self.since + patience
    }

    /// What is to be done at this time. Who still owes the broker acknowledgements may be given nothing more because of that.
    pub(crate) fn look(&mut self, now: Instant, owes_nothing: bool) -> Next {
        if now < self.due() {
            return Next::Listen;
        }
        self.since = now;
        match std::mem::replace(&mut self.asked, Asked::No) {
            _ if !owes_nothing => Next::Listen,
            Asked::Taken if self.has_begun_anew && !self.is_answered => Next::NeverAnswered,
            Asked::Taken => Next::Deaf,
            Asked::No | Asked::NotYet | Asked::Said => {
                self.asked = Asked::Said;
                Next::Ask
            }
        }
    }

    /// Another session begins.
    pub(crate) fn begin_anew(&mut self) {
        self.has_begun_anew = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some seconds after a recorder has begun to listen.
    struct At {
        start: Instant,
        hearing: Hearing,
    }

    impl At {
        fn new() -> Self {
            let start = Instant::now();
            Self { start, hearing: Hearing::new(Patience::OF_ONE_BROKER, start) }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn look(&mut self, second: u64) -> Next {
            let at = self.at(second);
            self.hearing.look(at, true)
        }
    }

    #[test]
    fn what_is_taken_and_not_given_back_shows_that_a_session_brings_nothing() {
        let mut world = At::new();
        world.hearing.given_back(world.start);
        for start in [0, 123, 246] {
            let next = start + 90;
            assert_eq!([world.look(next - 1), world.look(next)], [Next::Listen, Next::Ask]);
            world.hearing.taken(world.at(next + 1));
            assert_eq!([world.look(next + 30), world.look(next + 31)], [Next::Listen, Next::Deaf]);
            world.hearing.begin_anew();
            // As often as it happens.
            world.hearing.connected(world.at(start + 123));
        }
    }

    #[test]
    fn where_nodes_stand_in_for_each_other_a_session_is_tried_when_the_connection_begins() {
        let start = Instant::now();
        let mut hearing = Hearing::new(Patience::OF_SEVERAL_NODES, start);
        let at = |second| start + Duration::from_secs(second);
        hearing.connected(at(0));
        assert_eq!(hearing.look(at(0), true), Next::Ask);
        hearing.taken(at(1));
        // Nothing is known of this broker.
        assert_eq!([hearing.look(at(45), true), hearing.look(at(46), true)], [Next::Listen, Next::Deaf]);
        hearing.begin_anew();
        hearing.connected(at(47));
        assert_eq!(hearing.look(at(47), true), Next::Ask);
        hearing.taken(at(47));
        hearing.given_back(at(48));
        hearing.connected(at(100));
        assert_eq!(hearing.look(at(100), true), Next::Ask);
        hearing.taken(at(100));
        assert_eq!([hearing.look(at(114), true), hearing.look(at(115), true)], [Next::Listen, Next::Deaf]);
    }

    #[test]
    fn where_nothing_is_ever_given_back_one_session_after_the_other_would_be_of_no_use() {
        let mut world = At::new();
        assert_eq!(world.look(90), Next::Ask);
        world.hearing.taken(world.at(90));
        assert_eq!([world.look(119), world.look(120)], [Next::Listen, Next::Deaf]);
        world.hearing.begin_anew();
        world.hearing.connected(world.at(121));
        assert_eq!(world.look(211), Next::Ask);
        world.hearing.taken(world.at(211));
        assert_eq!(world.look(241), Next::NeverAnswered);
        assert_eq!(world.look(331), Next::Ask, "the broker's rights may be changed");
        world.hearing.taken(world.at(331));
        world.hearing.given_back(world.at(332));
        assert_eq!(world.look(422), Next::Ask);
        world.hearing.taken(world.at(422));
        assert_eq!(world.look(452), Next::Deaf, "they were");
    }

    #[test]
    fn a_broker_that_takes_nothing_and_one_that_waits_for_acknowledgements_are_not_to_blame() {
        let mut world = At::new();
        world.hearing.given_back(world.start);
        assert_eq!(world.look(90), Next::Ask);
        assert_eq!(world.look(120), Next::Listen);
        assert_eq!(world.look(180), Next::Ask, "nothing of it is known to be there");
        world.hearing.taken(world.at(181));
        let at = world.at(300);
        assert_eq!(world.hearing.look(at, false), Next::Listen);
        assert_eq!([world.look(389), world.look(390)], [Next::Listen, Next::Ask]);
        world.hearing.taken(world.at(391));
        world.hearing.heard(world.at(400));
        assert_eq!([world.look(489), world.look(490)], [Next::Listen, Next::Ask]);
    }
}
