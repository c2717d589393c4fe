//! Whether all is well: one verdict, the same on every page. Pure.

use jiff::Timestamp;
use meter_messages::{Meter, SiteId, Status};

use crate::ledger::records::LATE_AFTER_S;
use crate::live::alarms::AlarmSaid;
use crate::live::values::{Freshness, Presence};

/// What is known of a meter.
#[derive(Debug, Clone, Default)]
pub(crate) struct MeterFacts {
    /// What it is called.
    pub(crate) name: String,
    /// The end of its newest minute; `None` before the first.
    pub(crate) recorded_until: Option<Timestamp>,
    /// Whether minutes of the past are coming in, of it or of another meter of its site: they come one after the other.
    pub(crate) is_catching_up: bool,
    /// Since when no minute of it is missing.
    pub(crate) whole_since: Option<Timestamp>,
    /// Whether two publishers count under its name.
    pub(crate) is_counted_twice: bool,
    /// Its value of now, and whether its publisher is there.
    pub(crate) presence: Presence,
    /// Whether its publisher waits for a clock that was never set.
    pub(crate) has_no_clock: bool,
}

/// What is known of everything, as far as who asks may see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) meters: Vec<(Meter, MeterFacts)>,
    /// Since when the broker has been out of reach, if it is.
    pub(crate) broker_away: Option<Timestamp>,
    /// Whether the broker says that its disk is full.
    pub(crate) broker_is_full: bool,
    /// What the alarms said last.
    pub(crate) alarms: Vec<AlarmSaid>,
}

/// How one meter does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MeterState {
    /// Values come, and minutes are recorded.
    Well,
    /// Nobody can know: the broker is away, or nothing was ever said of it.
    Unknown,
    /// Its past is coming in.
    CatchingUp,
    /// Its publisher is there, or was; no minute has been recorded yet.
    NothingYet,
    /// Its publisher has gone, since then as far as is known.
    Offline(Option<Timestamp>),
    /// Its publisher is there, and no value comes.
    Silent(Timestamp),
    /// Values come, and no minute is recorded.
    NotRecorded(Timestamp),
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// The broker cannot be reached.
    BrokerAway(Timestamp),
    /// The broker takes nothing in.
    BrokerFull,
    /// A site's publisher has gone, with these meters.
    Offline(Vec<String>, Option<Timestamp>),
    /// No value comes.
    Silent(String, Timestamp),
    /// No minute is recorded.
    NotRecorded(String, Timestamp),
    /// No minute has been recorded yet.
    NothingYet(String),
    /// Two publishers count under its name.
    CountedTwice(String),
    /// Minutes wait for a clock.
    NoClock(String),
    /// An alarm is raised.
    Alarm(AlarmSaid),
}

/// The verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Verdict {
    /// What is wrong, the most urgent first.
    pub(crate) problems: Vec<Problem>,
    /// Since when nothing is missing of any meter, where there is one.
    pub(crate) whole_since: Option<Timestamp>,
    /// Whether the past of any meter is coming in.
    pub(crate) is_catching_up: bool,
}

impl MeterFacts {
    /// How it does at `now`.
    pub(crate) fn state(&self, broker_is_away: bool, now: Timestamp) -> MeterState {
        if broker_is_away {
            return MeterState::Unknown;
        }
        let value = self.presence.value.as_ref().map(|value| value.at);
        let is_late = |until: Timestamp| now.duration_since(until).as_secs() > LATE_AFTER_S;
        match (self.presence.freshness(now), self.recorded_until) {
            (Freshness::Offline, until) => MeterState::Offline(value.or(until)),
            (_, until) if self.is_catching_up && until.is_none_or(is_late) => MeterState::CatchingUp,
            (_, None) => MeterState::NothingYet,
            (Freshness::Unknown, Some(_)) if self.presence.status.is_none() => MeterState::Unknown,
            (Freshness::Unknown, Some(until)) => MeterState::Silent(until),
            (Freshness::Stale, Some(until)) => MeterState::Silent(value.unwrap_or(until)),
            (Freshness::Live, Some(until)) if is_late(until) => MeterState::NotRecorded(until),
            (Freshness::Live, Some(_)) => MeterState::Well,
        }
    }
}

impl Verdict {
    /// What these facts come to at `now`.
    pub(crate) fn of(facts: &Facts, now: Timestamp) -> Self {
        let mut problems: Vec<Problem> = facts.broker_away.map(Problem::BrokerAway).into_iter().collect();
        if facts.broker_is_full {
            problems.push(Problem::BrokerFull);
        }
        problems.extend(facts.alarms.iter().filter(|it| it.is_raised).cloned().map(Problem::Alarm));
        let mut gone: Vec<(&SiteId, Vec<String>, Option<Timestamp>)> = Vec::new();
        let (mut others, mut is_catching_up) = (Vec::new(), false);
        for (meter, of_it) in &facts.meters {
            let name = || of_it.name.clone();
            match of_it.state(facts.broker_away.is_some(), now) {
                MeterState::Well | MeterState::Unknown => {}
                MeterState::CatchingUp => is_catching_up = true,
                MeterState::NothingYet => others.push(Problem::NothingYet(name())),
                MeterState::Silent(since) => others.push(Problem::Silent(name(), since)),
                MeterState::NotRecorded(since) => others.push(Problem::NotRecorded(name(), since)),
                MeterState::Offline(since) => match gone.iter_mut().find(|(site, ..)| **site == meter.site) {
                    // The last that was heard of any of them.
                    Some((_, names, at)) => {
                        names.push(name());
                        *at = (*at).max(since);
                    }
                    None => gone.push((&meter.site, vec![name()], since)),
                },
            }
            if of_it.is_counted_twice {
                others.push(Problem::CountedTwice(name()));
            }
            let is_there = of_it.presence.status == Some(Status::Online);
            if of_it.has_no_clock && is_there && facts.broker_away.is_none() {
                others.push(Problem::NoClock(name()));
            }
        }
        problems.extend(gone.into_iter().map(|(_, names, since)| Problem::Offline(names, since)));
        problems.extend(others);
        let whole_since = facts.meters.iter().filter_map(|(_, of_it)| of_it.whole_since).max();
        Self { problems, whole_since, is_catching_up }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Live;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 / 60 * 60 + minute * 60).unwrap()
    }

    fn facts(
        name: &str,
        value: Option<i64>,
        status: Option<Status>,
        until: Option<i64>,
    ) -> (Meter, MeterFacts) {
        let value = value.map(|minute| Live { at: at(minute), power_w: Some(5), flow_l_h: None, total: 5 });
        let facts = MeterFacts {
            name: name.to_owned(),
            recorded_until: until.map(at),
            whole_since: until.map(|_| at(-600)),
            presence: Presence { value, status },
            ..MeterFacts::default()
        };
        (format!("hq/{name}").parse().unwrap(), facts)
    }

    fn problems(meters: Vec<(Meter, MeterFacts)>, away: Option<i64>) -> Vec<Problem> {
        let facts = Facts { meters, broker_away: away.map(at), ..Facts::default() };
        Verdict::of(&facts, at(0)).problems
    }

    #[test]
    fn a_meter_is_well_only_while_values_come_and_minutes_are_recorded() {
        let online = Some(Status::Online);
        let well = facts("main", Some(0), online, Some(0));
        assert_eq!(problems(vec![well.clone()], None), []);
        let silent = facts("flat", Some(-3), online, Some(-2));
        let never = facts("new", None, online, None);
        let unrecorded = facts("shed", Some(0), online, Some(-9));
        assert_eq!(
            problems(vec![well, silent, never, unrecorded], None),
            [
                Problem::Silent("flat".into(), at(-3)),
                Problem::NothingYet("new".into()),
                Problem::NotRecorded("shed".into(), at(-9)),
            ]
        );
        // While what was counted before is coming in, values that are missing are no trouble; a publisher that has gone is.
        let behind = |value, status, until| {
            let (meter, mut behind) = facts("shed", value, status, until);
            behind.is_catching_up = true;
            (meter, behind)
        };
        for (value, until) in
            [(Some(0), Some(-9)), (None, Some(-900)), (Some(-900), Some(-900)), (None, None)]
        {
            assert_eq!(problems(vec![behind(value, online, until)], None), [], "{value:?} {until:?}");
        }
        let all = Facts { meters: vec![behind(None, online, None)], ..Facts::default() };
        assert!(Verdict::of(&all, at(0)).is_catching_up);
        assert_eq!(problems(vec![behind(None, Some(Status::Offline), Some(-900))], None).len(), 1);
        assert_eq!(problems(vec![behind(Some(-3), online, Some(-1))], None).len(), 1, "it is not late");
    }

    #[test]
    fn the_meters_of_a_publisher_that_has_gone_are_one_problem() {
        let offline = Some(Status::Offline);
        let gone = vec![facts("main", Some(-9), offline, Some(-8)), facts("flat", None, offline, Some(-7))];
        let expected = Problem::Offline(vec!["main".into(), "flat".into()], Some(at(-7)));
        assert_eq!(problems(gone.clone(), None), [expected]);
        // While the broker is away nobody knows more than that.
        assert_eq!(problems(gone, Some(-1)), [Problem::BrokerAway(at(-1))]);
    }
}
