//! Which sites a recorder takes and gives back, where several share a ledger. Pure.
//!
//! Nobody decides for others: each looks at the same rows and comes to the same result. Whoever is wrong, because it has
//! looked at something old, changes nothing: a site is taken only if nobody holds it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use meter_ledger::{LeaseChanges, Leases, RecorderId};
use meter_messages::SiteId;

/// How often each looks, and gives a sign of life.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whoever has given no sign of life for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// Who has not looked for so long, because it was stopped or could not reach the database, knows nothing of the others'
/// signs of life.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// The signs of life of the other recorders, by this one's clock.
#[derive(Debug, Default)]
pub struct Others {
    /// The last sign of each, and when it was new.
    heard: HashMap<RecorderId, (u64, Instant)>,
    looked: Option<Instant>,
}

impl Others {
    /// Takes in who is there; returns those that are gone, with their last signs.
    pub fn look(
        &mut self,
        recorders: &BTreeMap<RecorderId, u64>,
        me: RecorderId,
        now: Instant,
    ) -> Vec<(RecorderId, u64)> {
        let was_away = self.looked.is_none_or(|looked| now.duration_since(looked) > LONGEST_GAP);
        self.looked = Some(now);
        self.heard.retain(|id, _| recorders.contains_key(id));
        let mut gone = Vec::new();
        for (id, signs) in recorders.iter().filter(|(id, _)| **id != me) {
            let heard = self.heard.entry(*id).or_insert((*signs, now));
            if was_away || heard.0 != *signs {
                *heard = (*signs, now);
            }
            if now.duration_since(heard.1) >= GONE_AFTER {
                gone.push((*id, *signs));
            }
        }
        gone
    }
}

/// What `me` has to change, so that each site is held by somebody who is there and nobody holds two more than another.
pub fn changes(me: RecorderId, seen: &Leases, gone: Vec<(RecorderId, u64)>) -> LeaseChanges {
    let mut changes = LeaseChanges { gone, ..LeaseChanges::default() };
    let is_here = |id: &RecorderId| !changes.gone.iter().any(|(gone, _)| gone == id);
    let here = seen.recorders.keys().copied().filter(is_here);
    let shared_out = shared_out(&seen.sites, here);
    let Some(mine) = shared_out.get(&me) else { return changes };
    let mine: BTreeSet<&SiteId> = mine.iter().copied().collect();
    for (site, holder) in &seen.sites {
        let is_mine = mine.contains(site);
        // What another one is to give back is not there yet.
        let is_free = holder.is_none_or(|holder| !shared_out.contains_key(&holder));
        if is_mine && is_free {
            changes.taken.push(site.clone());
        } else if !is_mine && *holder == Some(me) {
            changes.given.push(site.clone());
        }
    }
    changes
}

/// The sites of each of those who are here: what they have, and of the rest the next one goes to who has least. Then who
/// has most gives to who has least, as long as they differ by more than one.
fn shared_out(
    sites: &BTreeMap<SiteId, Option<RecorderId>>,
    here: impl Iterator<Item = RecorderId>,
) -> BTreeMap<RecorderId, Vec<&SiteId>> {
    let mut shares: BTreeMap<RecorderId, Vec<&SiteId>> = here.map(|id| (id, Vec::new())).collect();
    let mut free = Vec::new();
    for (site, holder) in sites {
        match holder.and_then(|holder| shares.get_mut(&holder)) {
            Some(share) => share.push(site),
            None => free.push(site),
        }
    }
    let least = |shares: &BTreeMap<RecorderId, Vec<&SiteId>>| {
        shares.iter().min_by_key(|(id, share)| (share.len(), **id)).map(|(id, share)| (*id, share.len()))
    };
    for site in free {
        if let Some(share) = least(&shares).and_then(|(id, _)| shares.get_mut(&id)) {
            share.push(site);
        }
    }
    while let Some((poorest, least)) = least(&shares) {
        let Some(richest) = shares.iter_mut().max_by_key(|(id, share)| (share.len(), Reverse(**id))) else {
            break;
        };
        let Some(site) = (richest.1.len() > least + 1).then(|| richest.1.pop()).flatten() else { break };
        shares.entry(poorest).or_default().push(site);
    }
    shares
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows, and a recorder for each number.
    #[derive(Default)]
    struct World {
        rows: Leases,
        recorders: Vec<Recorder>,
        now: Duration,
    }

    struct Recorder {
        me: RecorderId,
        others: Others,
        /// What it has looked at and is about to change.
        decided: Option<LeaseChanges>,
    }

    #[derive(Debug, Clone)]
    enum Event {
        Joins,
        Dies(usize),
        Looks(usize),
        Changes(usize),
        Passes(u64),
        IsFound(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            2 => Just(Event::Joins),
            1 => any::<usize>().prop_map(Event::Dies),
            8 => any::<usize>().prop_map(Event::Looks),
            8 => any::<usize>().prop_map(Event::Changes),
            4 => (0u64..8_000).prop_map(Event::Passes),
            2 => (0u8..12).prop_map(Event::IsFound),
        ]
    }

    impl World {
        fn happens(&mut self, event: &Event, start: Instant) {
            let many = self.recorders.len().max(1);
            let place = |number: &usize| number % many;
            match event {
                Event::Joins => {
                    let me = RecorderId::new(1 + self.rows.edition);
                    self.rows.edition += 1;
                    self.rows.recorders.insert(me, 0);
                    self.recorders.push(Recorder { me, others: Others::default(), decided: None });
                }
                Event::Dies(number) if !self.recorders.is_empty() => _ = self.recorders.remove(place(number)),
                Event::Looks(number) if !self.recorders.is_empty() => {
                    let now = start + self.now;
                    let recorder = &mut self.recorders[place(number)];
                    if let Some(signs) = self.rows.recorders.get_mut(&recorder.me) {
                        *signs += 1;
                    }
                    let gone = recorder.others.look(&self.rows.recorders, recorder.me, now);
                    recorder.decided = Some(changes(recorder.me, &self.rows, gone));
                }
                Event::Changes(number) if !self.recorders.is_empty() => {
                    let place = place(number);
                    let recorder = &mut self.recorders[place];
                    if let Some(decided) = recorder.decided.take() {
                        let me = recorder.me;
                        self.change(me, &decided);
                    }
                }
                Event::Passes(ms) => self.now += Duration::from_millis(*ms),
                Event::IsFound(number) => {
                    _ = self.rows.sites.entry(format!("s{number}").parse().unwrap()).or_default();
                }
                _ => {}
            }
        }

        /// As the ledger does it.
        fn change(&mut self, me: RecorderId, changes: &LeaseChanges) {
            let rows = &mut self.rows;
            for (gone, signs) in &changes.gone {
                if rows.recorders.get(gone) == Some(signs) {
                    rows.recorders.remove(gone);
                    rows.sites
                        .values_mut()
                        .filter(|holder| **holder == Some(*gone))
                        .for_each(|it| *it = None);
                }
            }
            let is_there = rows.recorders.contains_key(&me);
            for site in changes.taken.iter().filter(|_| is_there) {
                let holder = rows.sites.get_mut(site).unwrap();
                *holder = holder.or(Some(me));
            }
            for site in &changes.given {
                let holder = rows.sites.get_mut(site).unwrap();
                *holder = holder.filter(|holder| *holder != me);
            }
            rows.edition += 1;
        }

        /// All look, one after the other, once a second; how many rows that changes.
        fn second(&mut self, start: Instant) -> usize {
            self.now += LOOK_EVERY;
            let before = self.rows.sites.clone();
            for number in 0..self.recorders.len() {
                self.happens(&Event::Looks(number), start);
                self.happens(&Event::Changes(number), start);
            }
            before.iter().filter(|(site, holder)| self.rows.sites.get(*site) != Some(holder)).count()
        }

        /// As one that was struck off does: it begins again.
        fn rejoin(&mut self) {
            for recorder in &mut self.recorders {
                if !self.rows.recorders.contains_key(&recorder.me) {
                    self.rows.edition += 1;
                    recorder.me = RecorderId::new(1 + self.rows.edition);
                    (recorder.others, recorder.decided) = (Others::default(), None);
                    self.rows.recorders.insert(recorder.me, 0);
                }
            }
        }
    }

    proptest! {
        /// Whatever has happened: ten seconds later each site is held by somebody who is there, fairly, and stays there.
        #[test]
        fn ten_seconds_after_the_last_event_all_is_shared_out_and_stays_so(
            events in proptest::collection::vec(event(), 0..80),
        ) {
            let (mut world, start) = (World::default(), Instant::now());
            events.iter().for_each(|event| world.happens(event, start));
            world.rejoin();
            if world.recorders.is_empty() {
                return Ok(());
            }
            (0..10).for_each(|_| _ = world.second(start));
            let mut held: BTreeMap<RecorderId, usize> =
                world.recorders.iter().map(|recorder| (recorder.me, 0)).collect();
            for (site, holder) in &world.rows.sites {
                let holder = holder.and_then(|holder| held.get_mut(&holder));
                prop_assert!(holder.is_some(), "nobody looks after {site}: {:?}", world.rows);
                *holder.unwrap() += 1;
            }
            let (most, least) = (held.values().max().unwrap(), held.values().min().unwrap());
            prop_assert!(most - least <= 1, "{held:?}");
            prop_assert_eq!((0..10).map(|_| world.second(start)).sum::<usize>(), 0);
        }
    }

    fn two(sites: [Option<i64>; 4]) -> Leases {
        let recorders = BTreeMap::from([(RecorderId::new(1), 7), (RecorderId::new(2), 9)]);
        let site = |(number, holder): (usize, Option<i64>)| {
            (format!("s{number}").parse().unwrap(), holder.map(RecorderId::new))
        };
        Leases { recorders, sites: sites.into_iter().enumerate().map(site).collect(), edition: 1 }
    }

    #[test]
    fn a_newcomer_gets_half_once_it_is_given_back() {
        let [one, other] = [1, 2].map(RecorderId::new);
        let before = two([Some(1); 4]);
        assert_eq!(changes(one, &before, Vec::new()).given.len(), 2);
        assert!(changes(other, &before, Vec::new()).is_empty(), "all of it is held");
        let between = two([Some(1), Some(1), None, None]);
        assert!(changes(one, &between, Vec::new()).is_empty(), "what was given back is not taken again");
        assert_eq!(changes(other, &between, Vec::new()).taken.len(), 2);
    }

    #[test]
    fn who_is_silent_is_gone_unless_one_was_away_oneself() {
        let (me, other, start) = (RecorderId::new(1), RecorderId::new(2), Instant::now());
        let (mut others, seen) = (Others::default(), BTreeMap::from([(me, 1), (other, 9)]));
        let mut look = |seconds: u64| others.look(&seen, me, start + Duration::from_secs(seconds));
        assert!((0..5).all(|second| look(second).is_empty()));
        assert_eq!(look(5), [(other, 9)]);
        // Stopped for a minute: the other one may have given signs meanwhile.
        assert!((65..70).all(|second| look(second).is_empty()));
        assert_eq!(look(70), [(other, 9)]);
    }
}
