//! Whether a session brings anything. Pure.
//!
//! A broker that is there and answers may still give a session nothing any more: a node of NATS that was killed can damage
//! its own file, and what waits in it for the session never comes. No keep-alive shows that. So a recorder that has
//! heard nothing for a while says something that it is subscribed to. Where the broker takes that and does not give it
//! back, the session is of no use: another one begins, and publishers send again what is not marked.

use std::time::Duration;

use tokio::time::Instant;

/// After so long without a message something is said: longer than a minute, in which each publisher says something.
const SILENCE: Duration = Duration::from_secs(90);

/// So long the broker may take to give back what it has taken.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(30);

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
    /// When something came last, or the connection began, or it was looked.
    since: Instant,
    asked: Asked,
    /// Whether a session ended because it brought nothing, and nothing was given back since.
    has_begun_anew: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// The broker has not acknowledged anything since.
    Said,
    /// It has.
    Taken,
}

impl Hearing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, asked: Asked::No, has_begun_anew: false }
    }

    /// A connection begins, or a message has come that shows nothing more than itself.
    pub(crate) fn listen(&mut self, now: Instant) {
        (self.since, self.asked) = (now, Asked::No);
    }

    /// What was said has been given back.
    pub(crate) fn given_back(&mut self, now: Instant) {
        self.has_begun_anew = false;
        self.listen(now);
    }

    /// The broker has acknowledged something that this program has said.
    pub(crate) fn taken(&mut self, now: Instant) {
        if self.asked == Asked::Said {
            (self.since, self.asked) = (now, Asked::Taken);
        }
    }

    /// When to [look](Self::look).
    pub(crate) fn due(&self) -> Instant {
        self.since + if self.asked == Asked::Taken { GIVEN_BACK_WITHIN } else { SILENCE }
    }

    /// What is to be done at this time. Who still owes the broker acknowledgements may be given nothing more because of that.
    pub(crate) fn look(&mut self, now: Instant, owes_nothing: bool) -> Next {
        if now < self.due() {
            return Next::Listen;
        }
        self.since = now;
        match std::mem::replace(&mut self.asked, Asked::No) {
            _ if !owes_nothing => Next::Listen,
            Asked::Taken if self.has_begun_anew => Next::NeverAnswered,
            Asked::Taken => Next::Deaf,
            Asked::No | Asked::Said => {
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
            Self { start, hearing: Hearing::new(start) }
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
        assert_eq!([world.look(89), world.look(90)], [Next::Listen, Next::Ask]);
        world.hearing.taken(world.at(91));
        assert_eq!([world.look(120), world.look(121)], [Next::Listen, Next::Deaf]);
        world.hearing.begin_anew();
        world.hearing.listen(world.at(122));
        assert_eq!(world.look(212), Next::Ask);
        world.hearing.taken(world.at(212));
        world.hearing.given_back(world.at(213));
        assert_eq!([world.look(302), world.look(303)], [Next::Listen, Next::Ask]);
        world.hearing.taken(world.at(303));
        assert_eq!(world.look(333), Next::Deaf, "the next time that it happens");
    }

    #[test]
    fn where_nothing_is_ever_given_back_one_session_after_the_other_would_be_of_no_use() {
        let mut world = At::new();
        assert_eq!(world.look(90), Next::Ask);
        world.hearing.taken(world.at(90));
        assert_eq!(world.look(120), Next::Deaf);
        world.hearing.begin_anew();
        world.hearing.listen(world.at(121));
        assert_eq!(world.look(211), Next::Ask);
        world.hearing.taken(world.at(211));
        assert_eq!(world.look(241), Next::NeverAnswered);
        assert_eq!(world.look(331), Next::Ask, "the broker's rights may be changed");
    }

    #[test]
    fn a_broker_that_takes_nothing_and_one_that_waits_for_acknowledgements_are_not_to_blame() {
        let mut world = At::new();
        assert_eq!(world.look(90), Next::Ask);
        assert_eq!(world.look(120), Next::Listen);
        assert_eq!(world.look(180), Next::Ask, "nothing of it is known to be there");
        world.hearing.taken(world.at(181));
        let at = world.at(300);
        assert_eq!(world.hearing.look(at, false), Next::Listen);
        assert_eq!([world.look(389), world.look(390)], [Next::Listen, Next::Ask]);
        world.hearing.taken(world.at(391));
        world.hearing.listen(world.at(400));
        assert_eq!([world.look(489), world.look(490)], [Next::Listen, Next::Ask]);
    }
}
