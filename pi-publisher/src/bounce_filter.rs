//! Tells pulses from bounces by both edges. Pure.
//!
//! A contact that closes trembles, and long wires pick up spikes. So a state
//! counts only once it has lasted: a closing becomes a pulse when the contact
//! has then stayed closed for a while, after it had stayed open for a while.
//! Decided by the edges' stamps alone, so a busy machine changes nothing.

use serde::{Deserialize, Serialize};

use crate::pulse_source::{Contact, Edge, SourceTime};

impl FilterState {
    /// The contact as the edges tell it.
    pub fn contact(&self) -> Contact {
        self.contact
    }
}

/// What a pulse must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BounceSettings {
    /// How long the contact must stay closed, in milliseconds. S0 (EN 62053-31)
    /// promises pulses of at least 30 ms.
    pub min_closed_ms: u16,
    /// How long it must stay open between two pulses, in milliseconds; S0
    /// promises 30 ms.
    pub min_open_ms: u16,
}

impl Default for BounceSettings {
    fn default() -> Self {
        Self { min_closed_ms: 20, min_open_ms: 20 }
    }
}

impl BounceSettings {
    fn least_ns(self, contact: Contact) -> i64 {
        let milliseconds = match contact {
            Contact::Closed => self.min_closed_ms,
            Contact::Open => self.min_open_ms,
        };
        i64::from(milliseconds) * SourceTime::MS
    }
}

/// A pulse that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// When the contact closed.
    pub at: SourceTime,
    /// False for a pulse whose edges were lost ([`Edge::lost_before`]): it is
    /// counted, but `at` is when the loss ended. Its distance to its
    /// neighbours says nothing about power.
    pub stamped: bool,
}

/// How long a pulse lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// [`Pulse::at`] of the pulse.
    pub began: SourceTime,
    /// From its closing to its opening, in nanoseconds.
    pub ns: i64,
}

/// What some edges came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// Pulses that are now certain, in the order of their stamps.
    pub pulses: Vec<Pulse>,
    /// Widths of pulses that are now over; always after the pulse itself, and
    /// never for one without a stamp.
    pub widths: Vec<Width>,
    /// Closings that were no pulse: too short, or too soon after one.
    pub rejected: u32,
    /// Edges that the kernel counted and dropped.
    pub lost_edges: u32,
    /// No pulse with an earlier stamp can still come: minutes may be closed up
    /// to here. Never goes back.
    pub settled: SourceTime,
}

/// Debounces one contact.
#[derive(Debug)]
pub struct BounceFilter {
    settings: BounceSettings,
    state: FilterState,
}

/// What a filter knows of its contact; it can go on in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterState {
    /// The state that counts.
    accepted: Contact,
    /// When the pulse that is on began; none in a state that was not counted.
    pulse_began: Option<SourceTime>,
    /// The state as the edges tell it, and since when. Where it differs from
    /// `accepted`, it has not lasted yet.
    contact: Contact,
    since: SourceTime,
    /// Every edge before this has been taken in.
    until: SourceTime,
}

impl BounceFilter {
    /// Begins with the contact as found. One that is closed already is not a
    /// pulse: it was counted when it closed, or nobody saw it close.
    pub fn new(settings: BounceSettings, began: SourceTime, contact: Contact) -> Self {
        let state = FilterState { accepted: contact, pulse_began: None, contact, since: began, until: began };
        Self { settings, state }
    }

    /// Goes on where another one left off.
    pub fn resume(settings: BounceSettings, state: FilterState) -> Self {
        Self { settings, state }
    }

    /// Where it stands.
    pub fn state(&self) -> FilterState {
        self.state
    }

    /// Takes the next edges, and that the line was watched until `until`.
    ///
    /// Taken at once or bit by bit, the same edges give the same pulses.
    pub fn take(&mut self, edges: &[Edge], until: SourceTime) -> Filtered {
        let mut filtered = Filtered {
            pulses: Vec::new(),
            widths: Vec::new(),
            rejected: 0,
            lost_edges: 0,
            settled: self.state.until,
        };
        for edge in edges {
            self.take_edge(*edge, &mut filtered);
        }
        self.state.until = self.state.until.max(until);
        self.settle(self.state.until, &mut filtered);
        filtered.settled = if self.is_closing() { self.state.since } else { self.state.until };
        filtered
    }

    /// Whether a pulse may be in the making.
    pub fn is_closing(&self) -> bool {
        self.state.contact == Contact::Closed && self.state.accepted == Contact::Open
    }

    fn take_edge(&mut self, edge: Edge, filtered: &mut Filtered) {
        // An edge may come late, when this process was suspended between two
        // looks: its width counts all the same.
        let at = edge.at.max(self.state.since);
        self.state.until = self.state.until.max(at);
        self.settle(at, filtered);
        filtered.lost_edges += edge.lost_before;

        // Edges alternate, so whether an even or odd number is missing shows in
        // the contact. Where it does not fit, the kernel saw two edges as one.
        let fits = edge.lost_before.is_multiple_of(2) == (edge.contact != self.state.contact);
        match (edge.lost_before, fits) {
            // There and back before the kernel could look: a spike.
            (0, false) => filtered.rejected += 1,
            (0, true) | (1, false) => self.change(edge.contact, at, filtered),
            (lost, _) => self.change_after_loss(lost - u32::from(!fits), edge.contact, at, filtered),
        }
    }

    /// The contact changed, and nothing is missing before.
    fn change(&mut self, contact: Contact, at: SourceTime, filtered: &mut Filtered) {
        // What ends here did not last. Closed: that closing was no pulse. Open:
        // this closing still belongs to the pulse before.
        filtered.rejected += u32::from(self.state.contact != self.state.accepted);
        self.state.contact = contact;
        self.state.since = at;
    }

    /// The contact changed after `lost` unseen changes. They are taken for
    /// clean pulses, as far as so many fit into the time; a storm of
    /// interference must not become energy.
    fn change_after_loss(&mut self, lost: u32, contact: Contact, at: SourceTime, filtered: &mut Filtered) {
        let unsettled = u32::from(self.is_closing());
        let closings = unsettled + (lost + u32::from(self.state.contact == Contact::Open)) / 2;
        let shortest = self.settings.least_ns(Contact::Closed) + self.settings.least_ns(Contact::Open);
        let most = at.since(self.state.since).checked_div(shortest).unwrap_or(i64::MAX);
        let counted = closings.min(u32::try_from(most).unwrap_or(u32::MAX));

        filtered.pulses.extend((0..counted).map(|_| Pulse { at, stamped: false }));
        filtered.rejected += closings - counted;
        self.state.accepted = contact.opposite();
        self.state.pulse_began = None;
        self.state.contact = contact;
        self.state.since = at;
    }

    /// Lets the contact count if it has lasted by `now`.
    fn settle(&mut self, now: SourceTime, filtered: &mut Filtered) {
        if self.state.contact == self.state.accepted
            || now.since(self.state.since) < self.settings.least_ns(self.state.contact)
        {
            return;
        }
        self.state.accepted = self.state.contact;
        match self.state.contact {
            Contact::Closed => {
                filtered.pulses.push(Pulse { at: self.state.since, stamped: true });
                self.state.pulse_began = Some(self.state.since);
            }
            Contact::Open => {
                let began = self.state.pulse_began.take();
                filtered.widths.extend(began.map(|began| Width { began, ns: self.state.since.since(began) }));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i64 = SourceTime::MS;

    fn filter(contact: Contact) -> BounceFilter {
        BounceFilter::new(BounceSettings::default(), SourceTime(0), contact)
    }

    /// Edges of a contact that starts open and then spends these milliseconds
    /// in each state; and the end of the last.
    fn alternating(phases_ms: impl IntoIterator<Item = i64>) -> (Vec<Edge>, SourceTime) {
        let (mut edges, mut at, mut contact) = (Vec::new(), SourceTime(0), Contact::Open);
        for phase in phases_ms {
            at = at.plus_ns(phase * MS);
            contact = contact.opposite();
            edges.push(Edge { at, contact, lost_before: 0 });
        }
        edges.pop();
        (edges, at)
    }

    fn stamps(filtered: &Filtered) -> Vec<i64> {
        filtered.pulses.iter().map(|pulse| pulse.at.0 / MS).collect()
    }

    #[test]
    fn a_contact_stuck_closed_is_one_pulse_and_does_not_hold_up_minutes() {
        let (edges, _) = alternating([100, 5]);
        let mut filter = filter(Contact::Open);
        let soon = filter.take(&edges, SourceTime(119 * MS));
        assert_eq!((stamps(&soon), soon.settled), (vec![], SourceTime(100 * MS)));
        let later = filter.take(&[], SourceTime(120 * MS));
        assert_eq!((stamps(&later), later.settled), (vec![100], SourceTime(120 * MS)));
        assert_eq!(stamps(&filter.take(&[], SourceTime(90_000 * MS))), [0_i64; 0]);
    }

    #[test]
    fn a_contact_found_closed_is_not_a_pulse() {
        let opens = Edge { at: SourceTime(50 * MS), contact: Contact::Open, lost_before: 0 };
        let all = filter(Contact::Closed).take(&[opens], SourceTime(500 * MS));
        assert_eq!((all.pulses, all.widths, all.rejected), (vec![], vec![], 0));
    }

    #[test]
    fn lost_edges_are_counted_without_a_stamp() {
        let lost = |contact, lost_before| {
            let edge = Edge { at: SourceTime(10_000 * MS), contact, lost_before };
            filter(Contact::Open).take(&[edge], SourceTime(20_000 * MS))
        };
        // 3 closings and 3 openings are missing, then a closing of its own.
        let closed = lost(Contact::Closed, 6);
        assert_eq!(closed.pulses.iter().filter(|pulse| !pulse.stamped).count(), 3);
        assert_eq!(stamps(&closed), [10_000; 4]);
        assert_eq!(closed.lost_edges, 6);
        // The last closing's opening is the edge that came through.
        assert_eq!(stamps(&lost(Contact::Open, 5)), [10_000; 3]);
        // An odd number before a closing: two edges were seen as one.
        assert_eq!(stamps(&lost(Contact::Closed, 1)), [10_000; 1]);
        assert_eq!(stamps(&lost(Contact::Closed, 5)), [10_000; 3]);
    }

    #[test]
    fn a_lost_storm_of_interference_does_not_become_energy() {
        let edge = Edge { at: SourceTime(1_000 * MS), contact: Contact::Open, lost_before: 80_001 };
        let storm = filter(Contact::Open).take(&[edge], SourceTime(2_000 * MS));
        assert_eq!(storm.pulses.len(), 25, "a second has room for 25 pulses of 20 and 20 ms");
        assert_eq!(storm.rejected, 40_001 - 25);
    }

    #[test]
    fn a_pulse_shorter_than_the_minimum_is_rejected() {
        let (edges, end) = alternating([100, 19, 100, 20, 100]);
        let all = filter(Contact::Open).take(&edges, end);
        assert_eq!((stamps(&all), all.rejected), (vec![219], 1));
    }

    /// Short phases, an even number of them: there and back.
    fn bounces() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec((1..20_i64, 1..20_i64), 0..4)
            .prop_map(|pairs| pairs.into_iter().flat_map(|(there, back)| [there, back]).collect())
    }

    /// Anything a line could do: time to the next edge in ms, contact, lost.
    fn any_edges() -> impl Strategy<Value = Vec<Edge>> {
        let step = (0..60_i64, any::<bool>(), prop_oneof![9 => Just(0_u32), 1 => 1..9_u32]);
        prop::collection::vec(step, 0..40).prop_map(|steps| {
            let mut at = SourceTime(0);
            let edge = |(after, closed, lost_before): (i64, bool, u32)| {
                at = at.plus_ns(after * MS);
                Edge { at, contact: if closed { Contact::Closed } else { Contact::Open }, lost_before }
            };
            steps.into_iter().map(edge).collect()
        })
    }

    proptest! {
        #[test]
        fn clean_pulses_are_counted_exactly(
            train in prop::collection::vec((30..5_000_i64, 30..200_i64), 1..60)
        ) {
            let phases = train.iter().flat_map(|(open, closed)| [*open, *closed]);
            let (edges, end) = alternating(phases.chain([30]));
            let all = filter(Contact::Open).take(&edges, end);

            let closings = edges.iter().filter(|edge| edge.contact == Contact::Closed);
            prop_assert_eq!(stamps(&all), closings.map(|edge| edge.at.0 / MS).collect::<Vec<_>>());
            let widths: Vec<i64> = all.widths.iter().map(|width| width.ns / MS).collect();
            prop_assert_eq!(widths, train.iter().map(|(_, closed)| *closed).collect::<Vec<_>>());
            prop_assert_eq!(all.rejected, 0);
        }

        #[test]
        fn bounces_never_add_or_lose_a_pulse(
            train in prop::collection::vec((20..300_i64, bounces(), 20..100_i64, bounces()), 1..30)
        ) {
            let mut phases = vec![];
            let mut bounced = 0;
            for (open, closing, closed, opening) in &train {
                phases.push(*open);
                // "closed for a moment, open for a moment", then closed for good.
                phases.extend(closing);
                phases.push(*closed);
                phases.extend(opening);
                bounced += (closing.len() + opening.len()) / 2;
            }
            let (edges, end) = alternating(phases.into_iter().chain([20]));
            let all = filter(Contact::Open).take(&edges, end);
            prop_assert_eq!(all.pulses.len(), train.len());
            prop_assert_eq!(all.widths.len(), train.len());
            prop_assert_eq!(all.rejected as usize, bounced);
        }

        #[test]
        fn batches_do_not_matter_and_settled_keeps_its_word(
            edges in any_edges(),
            cuts in prop::collection::vec(0..1_500_i64, 0..20),
        ) {
            let end = SourceTime(3_000 * MS);
            let at_once = filter(Contact::Open).take(&edges, end);

            let mut filter = filter(Contact::Open);
            let mut together = Filtered { settled: SourceTime(0), ..filter.take(&[], SourceTime(0)) };
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| SourceTime(cut * MS)).collect();
            cuts.sort_unstable();
            let mut rest = edges.as_slice();
            for until in cuts.into_iter().chain([end]) {
                let (now, later) = rest.split_at(rest.partition_point(|edge| edge.at < until));
                rest = later;
                let part = filter.take(now, until);
                prop_assert!(part.settled >= together.settled && part.settled <= until);
                prop_assert!(part.pulses.iter().all(|pulse| pulse.at >= together.settled));
                together.pulses.extend(part.pulses);
                together.widths.extend(part.widths);
                together.rejected += part.rejected;
                together.lost_edges += part.lost_edges;
                together.settled = part.settled;
            }
            prop_assert!(together.pulses.is_sorted_by_key(|pulse| pulse.at));
            prop_assert_eq!(together, at_once);
        }
    }
}
