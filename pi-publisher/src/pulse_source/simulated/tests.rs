#![allow(clippy::unwrap_used)]

use std::time::Instant;

use meter_messages::Minute;

use super::*;
use crate::pulse_source::Edge;
use crate::settings::SourceSettings;

const MINUTE_NS: i64 = 60_000_000_000;
/// It only keeps a test from hanging.
const HANGING: Duration = Duration::from_secs(60);

fn constant(pulses_per_kwh: u64) -> MeterConstant {
    MeterConstant::try_from(pulses_per_kwh).unwrap()
}

fn household(settings: &SimulatedSettings, pulses_per_kwh: u64) -> Household {
    Household::new(settings, constant(pulses_per_kwh)).unwrap()
}

fn minutes(from: &str, until: &str) -> impl Iterator<Item = Minute> + Clone {
    let at = |text: &str| text.parse::<Minute>().unwrap().epoch_minutes();
    (at(from)..at(until)).map(Minute::nearest)
}

fn past(from: &str, until: &str) -> SimulatedSettings {
    SimulatedSettings {
        from: Some(from.parse().unwrap()),
        until: Some(until.parse().unwrap()),
        ..SimulatedSettings::default()
    }
}

/// All that a source gives out until its end.
fn edges(mut source: Simulated) -> Vec<Edge> {
    let (mut edges, mut position) = (vec![], source.began().0);
    while position < source.end {
        let watched = source.watch().unwrap();
        assert!(watched.edges.iter().all(|edge| (position..watched.until).contains(&edge.at)));
        edges.extend(watched.edges);
        position = watched.until;
    }
    edges
}

/// Checks that each pulse lies wholly in its minute, and that the widths and
/// the spaces are S0's; returns the pulses a minute.
fn check_pulses(edges: &[Edge], first: Minute, shortest_ns: i64) -> Vec<u32> {
    let mut counts = vec![];
    for pulse in edges.chunks(2) {
        let [closing, opening] = pulse else { panic!("half a pulse") };
        assert_eq!((closing.contact, opening.contact), (Contact::Closed, Contact::Open));
        assert!(opening.at.since(closing.at) >= shortest_ns);
        let minute = closing.at.0.div_euclid(MINUTE_NS);
        assert_eq!(minute, opening.at.0.div_euclid(MINUTE_NS), "over when its minute is");
        let place = (minute - first.epoch_minutes()) as usize;
        counts.resize(counts.len().max(place + 1), 0);
        counts[place] += 1;
    }
    let spaces = edges[1..].chunks_exact(2);
    assert!(spaces.into_iter().all(|space| space[1].at.since(space[0].at) >= shortest_ns));
    counts
}

#[test]
fn a_year_comes_to_the_energy_asked_for() {
    for (seed, kwh_per_year) in [(1, 3500.0), (2, 3500.0), (3, 1200.0), (4, 9000.0)] {
        let settings = SimulatedSettings { seed, kwh_per_year, ..SimulatedSettings::default() };
        let household = household(&settings, 1000);
        let year = minutes("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        let kwh = year.map(|minute| f64::from(household.pulses_in(minute))).sum::<f64>() / 1000.0;
        assert!((kwh / kwh_per_year - 1.0).abs() < 0.1, "{kwh} kWh in a year, not {kwh_per_year}");
    }
}

#[test]
fn a_new_version_goes_on_with_the_same_curve() {
    let household = household(&SimulatedSettings::default(), 1000);
    let january = minutes("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let pulses: u32 = january.map(|minute| household.pulses_in(minute)).sum();
    assert_eq!(pulses, 377_768, "running demonstrations would change their past");
}

#[test]
fn a_minute_has_its_pulses_in_whatever_order_one_asks() {
    let settings = SimulatedSettings::default();
    let days = minutes("2026-05-30T00:00:00Z", "2026-06-02T00:00:00Z");
    let once = household(&settings, 1000);
    let counts: Vec<u32> = days.clone().map(|minute| once.pulses_in(minute)).collect();
    for (place, minute) in days.enumerate().step_by(97).collect::<Vec<_>>().into_iter().rev() {
        assert_eq!(household(&settings, 1000).pulses_in(minute), counts[place], "{minute}");
        assert_eq!(once.pulses_in(minute), counts[place], "{minute}");
    }
    let other = household(&SimulatedSettings { seed: 2, ..settings }, 1000);
    let others = minutes("2026-05-30T00:00:00Z", "2026-06-02T00:00:00Z").map(|m| other.pulses_in(m));
    assert_ne!(others.collect::<Vec<_>>(), counts);
}

#[test]
fn the_source_emits_what_the_household_says_on_days_of_23_24_and_25_hours() {
    for (from, until) in
        [("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"), ("2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z")]
    {
        for pulses_per_kwh in [1000, 10_000] {
            let settings = past(from, until);
            let edges = edges(open(&settings, constant(pulses_per_kwh), None).unwrap());
            let counts = check_pulses(&edges, from.parse().unwrap(), 29 * SourceTime::MS);
            let household = household(&settings, pulses_per_kwh);
            let truth: Vec<u32> = minutes(from, until).map(|minute| household.pulses_in(minute)).collect();
            assert_eq!(counts, truth);
        }
    }
}

#[test]
fn at_its_limit_the_output_still_gives_pulses_of_s0() {
    let from = "2026-01-10T00:00:00Z";
    let settings =
        SimulatedSettings { kwh_per_year: 50_000.0, pulse_ms: 90, ..past(from, "2026-01-12T00:00:00Z") };
    let edges = edges(open(&settings, constant(10_000), None).unwrap());
    let counts = check_pulses(&edges, from.parse().unwrap(), 29 * SourceTime::MS);
    assert!(counts.iter().filter(|count| **count >= 1000).count() > 100);
    assert!(counts.iter().all(|count| *count <= 1001));
}

#[test]
fn a_source_that_begins_later_goes_on_with_the_same_pulses() {
    let settings = past("2026-02-01T00:00:00Z", "2026-02-04T00:00:00Z");
    let whole = edges(open(&settings, constant(1000), None).unwrap());

    let resume = whole[1001].at.plus_ns(7);
    let resumed = open(&settings, constant(1000), Some(resume)).unwrap();
    assert_eq!(resumed.began(), (resume, Contact::Open));
    assert_eq!(edges(resumed), whole[1002..]);

    let within = open(&settings, constant(1000), Some(whole[1000].at.plus_ns(1))).unwrap();
    assert_eq!(within.began().1, Contact::Closed, "inside of a pulse");
    assert_eq!(edges(within), whole[1001..]);

    let at_once = open(&settings, constant(1000), Some(whole[1000].at)).unwrap();
    assert_eq!(at_once.began().1, Contact::Open, "the closing is still to come");
    assert_eq!(edges(at_once), whole[1000..]);

    let earlier = open(&settings, constant(1000), Some(SourceTime(0))).unwrap();
    assert_eq!(edges(earlier), whole, "`from` is the earliest");
}

/// Mean power in W at an hour of the clock, by UTC.
fn mean_w(household: &Household, days: impl Iterator<Item = Minute>, hours: std::ops::Range<i64>) -> f64 {
    let at_hour = |minute: &Minute| hours.contains(&(minute.epoch_minutes() / 60 % 24));
    let counts: Vec<f64> = days.filter(at_hour).map(|minute| household.pulses_in(minute).into()).collect();
    counts.iter().sum::<f64>() * 60.0 / counts.len() as f64
}

#[test]
fn days_nights_weekends_and_seasons_differ() {
    let household = household(&SimulatedSettings::default(), 1000);
    let january = minutes("2026-01-05T00:00:00Z", "2026-02-02T00:00:00Z");
    let june = minutes("2026-06-01T00:00:00Z", "2026-06-29T00:00:00Z");
    let mean = |days: &dyn Fn() -> Vec<Minute>, hours| mean_w(&household, days().into_iter(), hours);
    let winter = || january.clone().collect::<Vec<_>>();
    let summer = || june.clone().collect::<Vec<_>>();

    let (night, evening) = (mean(&winter, 1..4), mean(&winter, 17..20));
    assert!((80.0..220.0).contains(&night), "{night} W at night");
    assert!(evening > 4.0 * night, "{evening} W in the evening");
    let (cold, warm) = (mean(&winter, 0..24), mean(&summer, 0..24));
    assert!(cold > 1.2 * warm, "{cold} W in winter, {warm} W in summer");

    // 2026-01-05 is a Monday.
    let weekend = |minute: &Minute| (minute.epoch_minutes() / 1440 - 20_458) % 7 >= 5;
    let forenoon = |free: bool| mean(&|| january.clone().filter(|m| weekend(m) == free).collect(), 9..12);
    assert!(forenoon(true) > 1.5 * forenoon(false), "people are at home on Saturday and Sunday");
}

#[test]
fn a_kettle_stands_out_from_the_minutes_around_it() {
    let household = household(&SimulatedSettings::default(), 1000);
    let week: Vec<u32> = minutes("2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z")
        .map(|minute| household.pulses_in(minute))
        .collect();
    let jumps = week.windows(2).filter(|pair| pair[1] > pair[0] + 25).count();
    assert!((20..400).contains(&jumps), "{jumps} jumps of more than 1.5 kW in a week");
}

#[test]
fn a_past_is_run_through_at_once_and_the_present_comes_as_it_happens() {
    let from = daemon_runtime::now() - std::time::Duration::from_secs(86_400 * 3);
    let settings = SimulatedSettings { from: Some(from), kwh_per_year: 50_000.0, ..Default::default() };
    let began = Instant::now();
    let mut source = open(&settings, constant(10_000), None).unwrap();
    let mut batches = 0;
    while Pace::RealTime.now().since(source.position) > 1_000_000_000 {
        assert!(source.watch().unwrap().until.since(source_time(from)) > 0);
        batches += 1;
        assert!(batches < 10, "a day a batch");
    }

    let (mut before, mut seen) = (source.position, 0);
    while began.elapsed() < HANGING && seen < 4 {
        let watched = source.watch().unwrap();
        let late = Pace::RealTime.now().since(watched.until);
        // By itself it is milliseconds late and a second long; a loaded machine adds to both.
        assert!((0..30_000_000_000).contains(&late), "{late} ns late");
        assert!(watched.until.since(before) < 30_000_000_000, "at most about a second");
        (before, seen) = (watched.until, seen + watched.edges.len());
    }
    assert!(seen >= 4, "571 W of standby alone are three edges a second");
}

#[test]
fn without_a_beginning_it_begins_now() {
    let source = open(&SimulatedSettings::default(), constant(1000), None).unwrap();
    let age = Pace::RealTime.now().since(source.began().0);
    assert!((0..60_000_000_000).contains(&age), "{age} ns ago");
    assert_eq!(source.clock(), SourceClock::Utc);
    assert_eq!(source.describe(), "simulated household of 3500 kWh a year in Europe/Berlin, seed 1");
}

#[test]
fn at_speed_its_time_runs_faster_than_ours_and_past_now() {
    let from: Timestamp = "2090-02-01T17:00:00Z".parse().unwrap();
    let settings = SimulatedSettings { from: Some(from), speed: Some(36_000.0), ..Default::default() };
    let began = Instant::now();
    let mut source = open(&settings, constant(1000), None).unwrap();
    let (mut edges, mut hours) = (0, 0.0);
    // A fifth of a second of ours; two hours of ours if it did not run faster.
    while hours < 2.0 && began.elapsed() < HANGING {
        edges += source.watch().unwrap().edges.len();
        hours = source.position.since(source_time(from)) as f64 / 3.6e12;
    }
    let expected = began.elapsed().as_secs_f64() * 10.0;
    assert!(hours >= 2.0 && hours <= expected, "{hours} hours, {expected} expected");
    assert!(edges > 200, "{edges} edges in {hours} hours");
}

#[test]
fn at_its_end_it_is_quiet_without_turning_in_circles() {
    let mut source =
        open(&past("2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z"), constant(1000), None).unwrap();
    let end = source.watch().unwrap().until;
    assert_eq!(end, source.end);
    let began = Instant::now();
    assert_eq!(source.watch().unwrap(), Watched { edges: vec![], until: end, unwatched: vec![] });
    assert!(began.elapsed() >= WAIT, "{:?}", began.elapsed());
}

#[test]
fn settings_are_checked_with_a_word_of_advice() {
    let text = r#"{"kind": "simulated", "seed": 7, "from": "2026-01-01T00:00:00+01:00", "speed": 60}"#;
    let SourceSettings::Simulated(parsed) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
    let expected = SimulatedSettings {
        seed: 7,
        from: Some("2025-12-31T23:00:00Z".parse().unwrap()),
        speed: Some(60.0),
        ..SimulatedSettings::default()
    };
    assert_eq!(parsed, expected);
    assert!(serde_json::from_str::<SourceSettings>(r#"{"kind": "simulated", "sede": 7}"#).is_err());

    let refusal = |change: fn(&mut SimulatedSettings), pulses_per_kwh| {
        let mut settings = past("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z");
        change(&mut settings);
        open(&settings, constant(pulses_per_kwh), None).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(|settings| settings.time_zone = "Berlin".into(), 1000),
        "the time zone \"Berlin\" was not found; give a name from the IANA database, like Europe/Berlin"
    );
    assert_eq!(
        refusal(|settings| settings.pulse_ms = 20, 1000),
        "simulating a household: pulse_ms is 20, not 30 to 90"
    );
    assert!(refusal(|settings| settings.kwh_per_year = f64::NAN, 1000).contains("kwh_per_year is NaN"));
    assert!(refusal(|settings| settings.speed = Some(0.0), 1000).contains("speed is 0"));
    assert!(refusal(|settings| settings.until = settings.from, 1000).contains("is not after from"));
    let ancient = |settings: &mut SimulatedSettings| settings.from = Some(Timestamp::UNIX_EPOCH);
    assert!(refusal(ancient, 1000).contains("1970-01-01T00:00:00Z lies outside"));
    assert!(refusal(|_| (), 20_000).contains("only up to 10000"));
}
