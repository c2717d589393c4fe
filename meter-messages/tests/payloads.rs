//! Every payload looks as documented, round-trips, and says what is wrong with it.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use meter_messages::{
    ConstantFrom, CounterBreak, Diag, Info, Live, MAX_COUNT, Mark, Measures, Medium, MeterConstant,
    MeterReading, Minute, OutboxMinute, PayloadError, PulseCount, PulseTimes, ReadingMessage, Relation,
    State, Status,
};
use proptest::prelude::*;
use proptest::sample;

fn minutes() -> impl Strategy<Value = Minute> {
    (15_778_080i64..68_374_080).prop_map(|m| Minute::from_epoch_minutes(m).unwrap())
}

fn times() -> impl Strategy<Value = Timestamp> {
    (946_684_800_000i64..4_102_444_800_000).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap())
}

prop_compose! {
    fn counts()(minute in minutes(), watched_s in 1u8..=60, seq in 1..=MAX_COUNT, pulses in 0u32..=1_000_000, more in 0..=MAX_COUNT / 2)
        -> PulseCount {
        PulseCount { minute, watched_s, seq, pulses, total: u64::from(pulses) + more }
    }
}

proptest! {
    #[test]
    fn minutes_round_trip(
        count in counts(), says_its_outbox: bool, gap: Option<u32>,
        few in proptest::option::of((1u32..=4, 0u32..60_000, 0u32..60_000)),
    ) {
        let outbox = says_its_outbox.then(|| "9f3a".parse().unwrap());
        let few = few.and_then(|(pulses, one, other)| {
            let last_ms = if pulses == 1 { one } else { other };
            Some((pulses, PulseTimes::new(pulses, one, last_ms)?))
        });
        let pulses = few.map_or(count.pulses, |(pulses, _)| pulses);
        let count = PulseCount { pulses, total: count.total + u64::from(pulses), ..count };
        let minute = OutboxMinute { count, outbox, gap, times: few.map(|(_, times)| times) };
        prop_assert_eq!(OutboxMinute::from_json(&minute.to_json()).unwrap(), minute);
    }

    #[test]
    fn live_and_state_round_trip(
        at in times(), medium in sample::select(&Medium::ALL), rate: Option<u32>, total in 0..=MAX_COUNT,
    ) {
        let live = Live::new(medium.unit(), at, rate, total);
        prop_assert_eq!(&Live::from_json(&live.to_json()).unwrap(), &live);
        let state = State::new(medium.unit(), at, rate, total as f64 / 1000.0, total);
        prop_assert_eq!(&Live::from(state.clone()), &live);
        prop_assert_eq!(State::from_json(&state.to_json()).unwrap(), state);
    }

    #[test]
    fn infos_round_trip(
        name in "\\PC{1,40}".prop_filter("a name", |name| Info::is_name(name)), medium in sample::select(&Medium::ALL), constant in 1u64..=1_000_000,
        oldest_seq in 1..=MAX_COUNT, minute in minutes(), changed: bool,
        measures in proptest::option::of(sample::select(&Measures::ALL)), is_part: bool,
    ) {
        let constant = MeterConstant::try_from(constant).unwrap();
        let info = Info {
            name,
            medium,
            constant,
            source: "simulated household".into(),
            version: "0.1.0".into(),
            outbox: "9f3a".parse().unwrap(),
            oldest_seq,
            history: if changed { vec![ConstantFrom { minute, constant }] } else { Vec::new() },
            relation: Relation { measures, part_of: is_part.then(|| "hq/main".parse().unwrap()) },
            readings: None,
            unclear: None,
        };
        prop_assert_eq!(Info::from_json(&info.to_json()).unwrap(), info);
    }

    #[test]
    fn diags_round_trip(at in times(), rejected in 0..=MAX_COUNT, width: Option<u16>) {
        let width_ms = width.map(f64::from);
        let diag = Diag {
            at, rejected, width_min_ms: width_ms, width_mean_ms: width_ms, width_max_ms: width_ms,
            lost_edges: 0, outbox_depth: 3, outbox_writable: true, clock: "synchronised".into(),
            broken: Some(CounterBreak::BeganAnew), broken_at: Some(at),
        };
        prop_assert_eq!(Diag::from_json(&diag.to_json()).unwrap(), diag);
    }

    #[test]
    fn marks_round_trip(seq in 0..=MAX_COUNT, minute in proptest::option::of(minutes()), set_back: bool, rival: bool, recorder: Option<u32>) {
        let missing = if seq < MAX_COUNT / 2 { vec![[seq + 2, seq + 2], [seq + 4, seq + 9]] } else { Vec::new() };
        let lost = if seq > 9 { vec![[1, 2], [4, seq]] } else { Vec::new() };
        let mark = Mark { outbox: "9f3a".parse().unwrap(), seq, minute, missing, lost, set_back, rival, recorder };
        prop_assert_eq!(Mark::from_json(&mark.to_json()).unwrap(), mark);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = OutboxMinute::from_json(&bytes);
        let _ = Info::from_json(&bytes);
        let _ = Status::from_payload(&bytes);
    }
}

#[test]
fn a_count_looks_as_documented() {
    let first_edition = r#"{"t":"2026-10-03T12:34:00Z","s":60,"seq":904321,"pulses":17,"total":12345678}"#;
    let documented = first_edition.replace('}', r#","outbox":"9f3a"}"#);
    for (json, outbox) in [(first_edition, None), (&documented, Some("9f3a".parse().unwrap()))] {
        let minute = OutboxMinute::from_json(json.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(minute.to_json()).unwrap(), json);
        assert_eq!((minute.count.pulses, minute.count.total, minute.outbox), (17, 12_345_678, outbox));
    }
}

/// They say nothing of what was counted, so a minute with times that cannot be is a minute all the same.
#[test]
fn a_minute_with_few_pulses_says_when_they_came() {
    let minute = |times: &str, pulses: u32| {
        let json = format!(
            r#"{{"t":"2026-10-03T12:34:00Z","s":60,"seq":904321,"pulses":{pulses},"total":12345678,"outbox":"9f3a"{times}}}"#
        );
        let minute = OutboxMinute::from_json(json.as_bytes()).unwrap();
        let times = minute.times.map(|times| (times.first_ms(), times.last_ms()));
        (times, json == String::from_utf8(minute.to_json()).unwrap())
    };
    assert_eq!(minute(r#","first_ms":12345"#, 1), (Some((12_345, 12_345)), true));
    assert_eq!(minute(r#","first_ms":0,"last_ms":59999"#, 3), (Some((0, 59_999)), true));
    for (times, pulses) in [
        (r#","first_ms":60000"#, 1),
        (r#","first_ms":4294967295"#, 1),
        (r#","last_ms":5"#, 1),
        (r#","first_ms":9,"last_ms":5"#, 2),
        (r#","first_ms":5,"last_ms":5"#, 2),
        (r#","first_ms":5"#, 0),
        (r#","first_ms":5,"last_ms":9"#, 17),
    ] {
        assert_eq!(minute(times, pulses).0, None, "{times}");
    }
}

#[test]
fn a_mark_names_what_is_missing_in_order_and_in_bounds() {
    let mark = |missing: &str| {
        Mark::from_json(format!(r#"{{"outbox":"9f3a","seq":7,"missing":[{missing}]}}"#).as_bytes())
    };
    assert_eq!(mark("[9,9],[12,20]").unwrap().missing, [[9, 9], [12, 20]]);
    assert!(Mark::from_json(br#"{"outbox":"9f3a","seq":7}"#).unwrap().missing.is_empty());
    for wrong in ["[7,9]", "[9,8]", "[9,12],[12,14]", "[12,14],[9,10]", "[9]", "9"] {
        assert!(mark(wrong).is_err(), "{wrong}");
    }
    let spans =
        |count: u64| (0..count).map(|n| format!("[{0},{0}]", 10 + 2 * n)).collect::<Vec<_>>().join(",");
    assert!(mark(&spans(16)).is_ok() && mark(&spans(17)).is_err());
}

#[test]
fn a_mark_names_what_is_lost_up_to_it() {
    let mark =
        |lost: &str| Mark::from_json(format!(r#"{{"outbox":"9f3a","seq":7,"lost":[{lost}]}}"#).as_bytes());
    assert_eq!(mark("[1,2],[5,7]").unwrap().lost, [[1, 2], [5, 7]]);
    for wrong in ["[0,1]", "[7,8]", "[3,2]", "[1,3],[3,4]", "[8,8]"] {
        assert!(mark(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_reading_looks_as_documented_and_is_what_a_meter_can_show() {
    let documented = r#"{"t":"2026-11-25T17:30:00Z","kwh":12345.6,"by":"anna"}"#;
    let reading = MeterReading::from_json(documented.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(reading.to_json()).unwrap(), documented);
    let with = |field: &str, value: serde_json::Value| {
        let mut json: serde_json::Value = serde_json::from_str(documented).unwrap();
        json[field] = value;
        MeterReading::from_json(json.to_string().as_bytes()).map(drop).map_err(|error| error.to_string())
    };
    assert!(with("kwh", 0.into()).is_ok() && with("kwh", 1e9.into()).is_ok());
    for (field, value) in
        [("kwh", serde_json::json!(-0.1)), ("kwh", 1.1e9.into()), ("t", "1999-12-31T23:59:59Z".into())]
    {
        assert!(with(field, value).unwrap_err().contains("must be between"), "{field}");
    }
    for (field, value) in [("kwh", "12345".into()), ("t", "today".into()), ("by", serde_json::Value::Null)] {
        assert!(with(field, value).unwrap_err().starts_with("payload: "), "{field}");
    }
    assert!(with("by", "".into()).unwrap_err().contains("by must have 1 to 64 bytes"));
    assert!(with("by", "x".repeat(65).into()).unwrap_err().contains("by must have 1 to 64 bytes"));
}

#[test]
fn a_reading_is_taken_back_as_documented() {
    let documented = r#"{"t":"2026-11-25T17:30:00Z","taken_back":true,"by":"anna"}"#;
    let message = ReadingMessage::from_json(documented.as_bytes()).unwrap();
    let ReadingMessage::TakenBack(taken_back) = message else { panic!("{message:?}") };
    assert_eq!(String::from_utf8(taken_back.to_json()).unwrap(), documented);
    for not in [
        r#"{"t":"2026-11-25T17:30:00Z","kwh":1,"by":"anna"}"#,
        &documented.replace("true", "false,\"kwh\":1"),
    ] {
        let message = ReadingMessage::from_json(not.as_bytes()).unwrap();
        assert!(matches!(message, ReadingMessage::Read(_)), "{not}");
    }
    for (from, to) in [("anna", ""), ("2026", "1926"), ("true", "1"), ("true", "null"), ("\"t\"", "\"at\"")] {
        assert!(ReadingMessage::from_json(documented.replace(from, to).as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn names_say_the_unit() {
    let documented = r#"{"name":"Gas","pulses_per_m3":100,"medium":"gas","unit":"m³","source":"s","version":"0.1.0","outbox":"9f3a","oldest_seq":1}"#;
    let info = Info::from_json(documented.as_bytes()).unwrap();
    assert_eq!((info.medium, info.constant.per_unit()), (Medium::Gas, 100.0));
    assert_eq!(String::from_utf8(info.to_json()).unwrap(), documented);
    for (from, to, said) in [
        ("per_m3", "per_kwh", "gas needs pulses_per_m3"),
        ("\"gas\"", "\"electricity\"", "electricity needs pulses_per_kwh"),
        ("\"gas\"", "\"steam\"", "unknown variant `steam`"),
        ("100", "0", "must be a number from 0.001 to 1000000 with at most 6 digits after the point, not 0"),
    ] {
        let error = Info::from_json(documented.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let at: Timestamp = "2026-11-25T17:30:00Z".parse().unwrap();
    let live = Live::new(Medium::Water.unit(), at, Some(720), 5);
    assert_eq!(live.to_json(), br#"{"t":"2026-11-25T17:30:00Z","l_h":720,"total":5}"#);
    let state = State::new(Medium::Water.unit(), at, Some(720), 0.005, 5);
    let documented = br#"{"t":"2026-11-25T17:30:00Z","flow_l_h":720,"volume_m3":0.005,"total":5}"#;
    assert_eq!(state.to_json(), documented);
    for not in [r#""volume_m3":0.005,"#, r#""flow_l_h":720"#] {
        let json = String::from_utf8(state.to_json()).unwrap();
        let json = json.replace(not, if not.starts_with("\"v") { "" } else { r#""energy_kwh":1"# });
        assert!(
            State::from_json(json.as_bytes()).unwrap_err().to_string().contains("energy_kwh, or"),
            "{json}"
        );
    }
    let reading = MeterReading::from_json(br#"{"t":"2026-11-25T17:30:00Z","m3":12.3,"by":"anna"}"#).unwrap();
    assert_eq!((reading.shown, reading.unit), (12.3, Medium::Gas.unit()));
}

#[test]
fn an_error_names_the_field() {
    let said = |json: &str| OutboxMinute::from_json(json.as_bytes()).unwrap_err().to_string();
    let with = |field: &str, value: &str| {
        let mut count = serde_json::json!({"t":"2026-10-03T12:34:00Z","s":60,"seq":1,"pulses":17,"total":17});
        count[field] = serde_json::from_str(value).unwrap();
        said(&count.to_string())
    };
    assert!(with("t", "\"2026-10-03T12:34:01Z\"").contains("t \"2026-10-03T12:34:01Z\" is not the start"));
    assert_eq!(with("s", "0"), "s must be between 1 and 60, not 0");
    assert_eq!(with("s", "61"), "s must be between 1 and 60, not 61");
    assert_eq!(with("seq", "0"), "seq must be between 1 and 9007199254740991, not 0");
    assert_eq!(with("pulses", "1000001"), "pulses must be between 0 and 1000000, not 1000001");
    assert_eq!(with("total", "16"), "total must be between 17 and 9007199254740991, not 16");
    assert!(said("{}").contains("missing field `t`"));
    assert!(matches!(OutboxMinute::from_json(&[b' '; 9000]), Err(PayloadError::TooLong(9000))));
}

/// Names stand in logs, mails, pages and JSON.
#[test]
fn what_people_read_stays_in_its_line() {
    let info = |field: &str, text: &str| {
        let documented = r#"{"name":"Gas","pulses_per_m3":100,"medium":"gas","source":"s","version":"0.1.0","outbox":"9f3a","oldest_seq":1}"#;
        let mut json: serde_json::Value = serde_json::from_str(documented).unwrap();
        json[field] = text.into();
        Info::from_json(json.to_string().as_bytes()).map_err(|error| error.to_string())
    };
    for name in ["Hauptzähler ☀️ 👨‍👩‍👧", "<b>\"&\\", "حساب"] {
        assert_eq!(info("name", name).unwrap().name, name);
    }
    let reading = |by: &str| serde_json::json!({"t":"2026-11-25T17:30:00Z","kwh":1,"by":by}).to_string();
    let taken_back =
        |by: &str| serde_json::json!({"t":"2026-11-25T17:30:00Z","taken_back":true,"by":by}).to_string();
    for control in [
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "\u{9b}",
        "\u{2028}",
        "\u{2029}",
        "\u{202e}",
        "\u{2066}",
    ] {
        let name = format!("Gas{control}x");
        let refused = info("name", &name).unwrap_err();
        assert_eq!(refused, "name must have 1 to 200 bytes and no control characters");
        for message in [reading(&name), taken_back(&name)] {
            let refused = ReadingMessage::from_json(message.as_bytes()).unwrap_err().to_string();
            assert_eq!(refused, "by must have 1 to 64 bytes and no control characters");
        }
        // What decides nothing is no reason to refuse a meter.
        for field in ["source", "version"] {
            let info = info(field, &name).unwrap();
            assert!(!(info.source + &info.version).contains(control), "{control:?}");
        }
        // Nor is an error a way into the log.
        let error = info("medium", &name).unwrap_err();
        assert!(error.contains("unknown variant") && !error.contains(control), "{error:?}");
    }
    let long = info("medium", &"x".repeat(8_000)).unwrap_err();
    assert!(long.chars().count() < 300 && long.contains("more characters"), "{long}");
    assert!(info("source", &"x".repeat(8_000)).unwrap().source.ends_with("(7800 more characters)"));
}

#[test]
fn status_is_one_of_two_words() {
    for status in [Status::Online, Status::Offline] {
        assert_eq!(Status::from_payload(status.as_str().as_bytes()).unwrap(), status);
    }
    assert!(Status::from_payload(b"Online").is_err());
}

#[test]
fn what_is_wrong_is_said_in_one_short_line() {
    let long = "x".repeat(5000);
    for text in ["\\n2026-11-28T00:00:00Z ERROR forged", "\\u001b[31m", "\\u0000\\r", &long] {
        let payloads = [
            format!(r#"{{"t":"{text}","s":60,"seq":1,"pulses":1,"total":1}}"#),
            format!(r#"{{"name":"x","medium":"{text}","pulses_per_kwh":1}}"#),
            format!(r#"{{"outbox":"{text}","seq":1}}"#),
            format!(r#"{{"t":"{text}","kwh":1,"by":"x"}}"#),
            format!(r#""{text}""#),
        ];
        for payload in payloads.map(String::into_bytes) {
            let errors = [
                OutboxMinute::from_json(&payload).unwrap_err(),
                Info::from_json(&payload).unwrap_err(),
                Mark::from_json(&payload).unwrap_err(),
                MeterReading::from_json(&payload).unwrap_err(),
            ];
            for said in errors.map(|error| error.to_string()) {
                assert!(!said.contains(char::is_control) && said.chars().count() < 450, "{said:?}");
            }
        }
    }
}

#[test]
fn a_relation_that_cannot_be_read_is_left_out_and_the_rest_holds() {
    let info = |said: &str| {
        let rest =
            r#""name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1"#;
        Info::from_json(format!("{{{rest}{said}}}").as_bytes()).unwrap()
    };
    let whole = Some("hq/main".parse().unwrap());
    // Publishers of before say nothing, and a recorder of before passes it over.
    let before = info("");
    assert_eq!((before.relation, before.unclear), (Relation::default(), None));
    let both = info(r#","measures":"consumption","part_of":"hq/main""#);
    let relation = Relation { measures: Some(Measures::Consumption), part_of: whole.clone() };
    assert_eq!((both.relation, both.unclear), (relation, None));
    let null = info(r#","measures":null,"part_of":null"#);
    assert_eq!((null.relation, null.unclear), (Relation::default(), None));
    for (said, left, unclear) in [
        (r#","measures":"export","part_of":"main""#, (Some(Measures::Export), None), "part_of: meter"),
        (r#","measures":"heat","part_of":"hq/main""#, (None, whole), "cannot measure \"heat\""),
        (r#","measures":7,"part_of":["hq/main"]"#, (None, None), "cannot measure \"7\""),
        (r#","measures":"\u001b[31m\n""#, (None, None), "write import"),
    ] {
        let said = info(said);
        assert_eq!((said.relation.measures, said.relation.part_of), left);
        let why = said.unclear.unwrap();
        assert!(why.contains(unclear) && !why.contains(char::is_control), "{why}");
    }
    let long = info(&format!(r#","part_of":"{}""#, "x".repeat(7_000)));
    assert!(long.unclear.is_some_and(|why| why.len() < 500));
}
