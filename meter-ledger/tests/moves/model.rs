//! What a meter is by a simple model: single minutes, and what people say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use meter_ledger::CorrectionKind;

/// By minute, pulses and watched seconds.
pub(crate) type Minutes = BTreeMap<i64, (u64, u64)>;

/// A meter.
#[derive(Default, Clone)]
pub(crate) struct Known {
    /// What was counted: by minute and the name under which it came, its pulses.
    pub(crate) minutes: BTreeMap<(i64, usize), u64>,
    /// Imported minutes: the import, and what is left of their pulses and seconds.
    pub(crate) imported: BTreeMap<i64, (i64, u64, u64)>,
    /// Imported longer times by their first minute: the minute after them, the import and their pulses.
    pub(crate) spans: BTreeMap<i64, (i64, i64, u64)>,
    /// Corrections that hold.
    pub(crate) holding: Vec<(i64, Range<i64>, CorrectionKind)>,
}

impl Known {
    /// The minutes that are known by themselves.
    fn single(&self) -> Minutes {
        let imported = self.imported.iter();
        let mut all: Minutes = imported.map(|(at, (_, pulses, left_s))| (*at, (*pulses, *left_s))).collect();
        for ((at, _), pulses) in &self.minutes {
            let sum = all.entry(*at).or_default();
            *sum = (sum.0 + pulses, (sum.1 + watched_s(*at)).min(60));
        }
        all
    }

    /// How many seconds of a minute those watched who have counted in it.
    fn counted_s(&self, at: i64) -> u64 {
        self.minutes.range((at, 0)..(at + 1, 0)).map(|((at, _), _)| watched_s(*at)).sum()
    }

    /// Takes off an imported minute what was counted in it.
    fn take_off(&mut self, at: i64, counted: u64) {
        let free_s = 60u64.saturating_sub(self.counted_s(at));
        if let Some((_, pulses, left_s)) = self.imported.get_mut(&at) {
            (*pulses, *left_s) = (pulses.saturating_sub(counted), free_s.min(*left_s));
        }
        self.imported.retain(|_, (_, _, left_s)| *left_s > 0);
    }

    /// All minutes as they were counted and imported.
    pub(crate) fn counted(&self) -> Minutes {
        let single = self.single();
        let mut all = single.clone();
        for (from, (to, _, pulses)) in &self.spans {
            let free: Vec<i64> = (*from..*to).filter(|at| !single.contains_key(at)).collect();
            let left = pulses.saturating_sub(single.range(from..to).map(|(_, (pulses, _))| pulses).sum());
            let so_far = |minutes: usize| left * minutes as u64 / free.len() as u64;
            let evenly =
                free.iter().enumerate().map(|(at, minute)| (*minute, (so_far(at + 1) - so_far(at), 60)));
            all.extend(evenly);
        }
        all
    }

    pub(crate) fn corrected(&self) -> Minutes {
        let (counted, mut all) = (self.counted(), self.counted());
        for (_, span, kind) in &self.holding {
            let of_span: Vec<_> = counted.range(span.clone()).map(|(at, it)| (*at, *it)).collect();
            of_span.iter().for_each(|(at, _)| _ = all.remove(at));
            match kind {
                CorrectionKind::Void => {}
                CorrectionKind::Replace { pulses } => {
                    let minutes = (span.end - span.start) as u64;
                    for (passed, at) in (0..).zip(span.clone()) {
                        all.insert(at, (pulses * (passed + 1) / minutes - pulses * passed / minutes, 60));
                    }
                }
                CorrectionKind::Scale(factor) => {
                    let (mut counted, mut given) = (0, 0);
                    for (at, (pulses, watched_s)) in of_span {
                        counted += pulses;
                        let (over, under) = (u64::from(factor.numerator()), u64::from(factor.denominator()));
                        let so_far = (2 * counted * over + under) / (2 * under);
                        all.insert(at, (so_far - given, watched_s));
                        given = so_far;
                    }
                }
            }
        }
        all
    }

    pub(crate) fn may_be_corrected(&self, span: &Range<i64>, kind: &CorrectionKind) -> bool {
        let counted = self.counted();
        let ends = counted.keys().next().zip(counted.keys().next_back());
        let is_within = ends.is_some_and(|(first, newest)| *first <= span.start && span.end <= newest + 1);
        let is_free = self.holding.iter().all(|(_, other, _)| !overlap(other, span));
        let has_minutes = counted.range(span.clone()).next().is_some();
        is_within && is_free && (has_minutes || matches!(kind, CorrectionKind::Replace { .. }))
    }

    /// Something was counted under a name: it goes before what was imported.
    pub(crate) fn record(&mut self, minutes: impl Iterator<Item = ((i64, usize), u64)>) {
        for (of, pulses) in minutes {
            if self.minutes.insert(of, pulses).is_none() {
                self.take_off(of.0, pulses);
            }
        }
        self.give_way();
    }

    fn give_way(&mut self) {
        let counted: BTreeSet<i64> = self.minutes.keys().map(|(at, _)| *at).collect();
        self.spans.retain(|from, (to, ..)| counted.range(*from..*to).count() as i64 != *to - *from);
    }

    /// Imports a time, and returns the pulses that are new.
    pub(crate) fn import(&mut self, id: i64, span: Range<i64>, pulses: u64) -> u64 {
        let single = self.single();
        let known = || single.range(span.clone());
        let (at, counted_s) = (span.start, self.counted_s(span.start));
        if span.end - at == 1
            && !self.reaches_into(&span)
            && !self.imported.contains_key(&at)
            && counted_s < 60
        {
            let left = pulses.saturating_sub(single.get(&at).map_or(0, |(pulses, _)| *pulses));
            self.imported.insert(at, (id, left, 60 - counted_s));
            return left;
        }
        let is_there = self.reaches_into(&span) || known().count() as i64 == span.end - span.start;
        if is_there {
            return 0;
        }
        self.spans.insert(span.start, (span.end, id, pulses));
        pulses.saturating_sub(known().map(|(_, (pulses, _))| pulses).sum())
    }

    pub(crate) fn undo_import(&mut self, id: i64) {
        self.imported.retain(|_, (of, ..)| *of != id);
        self.spans.retain(|_, (_, of, _)| *of != id);
    }

    /// Whether an imported longer time has minutes of a span.
    fn reaches_into(&self, span: &Range<i64>) -> bool {
        self.spans.iter().any(|(from, (to, ..))| overlap(&(*from..*to), span))
    }

    fn may_take(&self, other: &Self) -> bool {
        let minutes = other.single();
        self.holding.iter().all(|(_, span, _)| {
            minutes.range(span.clone()).next().is_none()
                && !other.reaches_into(span)
                && other.holding.iter().all(|(_, other, _)| !overlap(span, other))
        })
    }

    /// All that another meter has comes to this one; returns how many imported times are left out.
    fn take(&mut self, other: Self) -> u64 {
        let imported = |known: &Self| (known.imported.len(), known.spans.len());
        let (own, gone) = (imported(self), imported(&other));
        let own_minutes = self.minutes.clone();
        self.minutes.extend(other.minutes.clone());
        let is_own: BTreeSet<i64> = self.imported.keys().copied().collect();
        for (at, of) in other.imported {
            self.imported.entry(at).or_insert(of);
        }
        for at in self.imported.keys().copied().collect::<Vec<_>>() {
            let minutes = if is_own.contains(&at) { &other.minutes } else { &own_minutes };
            let counted = minutes.range((at, 0)..(at + 1, 0)).map(|(_, pulses)| pulses).sum();
            self.take_off(at, counted);
        }
        for (from, span) in other.spans {
            if !self.reaches_into(&(from..span.0)) {
                self.spans.insert(from, span);
            }
        }
        let spans = self.spans.len();
        self.give_way();
        self.holding.extend(other.holding);
        let left_out = own.0 + gone.0 - self.imported.len() + (own.1 + gone.1 - spans);
        left_out as u64
    }
}

/// How many seconds of a minute whoever counts in it watches.
pub(crate) fn watched_s(at: i64) -> u64 {
    if at % 5 == 2 { 20 } else { 60 }
}

fn overlap(one: &Range<i64>, other: &Range<i64>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Meters by what they are called, and what every name that was ever used leads to.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) meters: BTreeMap<usize, Known>,
    pub(crate) former: BTreeMap<usize, usize>,
    /// What was imported and not undone.
    pub(crate) imports: BTreeSet<i64>,
}

impl Model {
    pub(crate) fn now(&self, name: usize) -> usize {
        self.former.get(&name).copied().unwrap_or(name)
    }

    pub(crate) fn move_name(&mut self, from: usize, to: usize) {
        self.former.remove(&to);
        self.former.values_mut().filter(|now| **now == from).for_each(|now| *now = to);
        self.former.insert(from, to);
    }

    pub(crate) fn may_merge(&self, from: usize, into: usize) -> bool {
        let (Some(one), Some(other)) = (self.meters.get(&from), self.meters.get(&into)) else { return false };
        // Of a minute that was watched in part the other one may have watched another part.
        let whole = |known: &Known| {
            let minutes = known.minutes.keys().map(|(at, _)| *at);
            minutes.filter(|at| watched_s(*at) == 60).collect::<BTreeSet<_>>()
        };
        from != into && whole(one).is_disjoint(&whole(other)) && one.may_take(other) && other.may_take(one)
    }

    /// Returns how many imported times are left out.
    pub(crate) fn merge(&mut self, from: usize, into: usize) -> u64 {
        let gone = self.meters.remove(&from).unwrap();
        let left_out = self.meters.get_mut(&into).unwrap().take(gone);
        self.move_name(from, into);
        left_out
    }
}
