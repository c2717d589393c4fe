#![allow(missing_docs, clippy::unwrap_used)]
#[path = "../../meter-rrd/tests/household/mod.rs"]
mod household;
use meter_ledger::*;
use meter_messages::*;
fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    std::fs::create_dir_all(&dir).unwrap();
    let now = Minute::containing(jiff::Timestamp::now().as_second()).unwrap();
    let mut ledger = Ledger::open(&dir.join("ledger.sqlite")).unwrap();
    for (id, name, ppk, shift) in
        [("hq/main", "Hauptzähler", 1000u64, 0), ("hq/heatpump", "Wärmepumpe", 500, 400)]
    {
        let meter: Meter = id.parse().unwrap();
        let info = Info {
            name: name.into(),
            pulses_per_kwh: PulsesPerKwh::try_from(ppk).unwrap(),
            unit: Default::default(),
            source: "x".into(),
            version: "0".into(),
            outbox: "abc".parse().unwrap(),
            oldest_seq: 1,
        };
        let first = Minute::nearest(now.epoch_minutes() - 420 * 1440);
        let mut total = 12_345_678;
        let mut batch = ledger.batch().unwrap();
        let custody = batch.register(&meter, &info).unwrap();
        let mut all = vec![];
        for (seq, at) in (first.epoch_minutes()..now.epoch_minutes()).enumerate() {
            let ago = now.epoch_minutes() - at;
            if (430..520).contains(&ago) || (5000..5500).contains(&ago) || (300_000..304_000).contains(&ago) {
                continue;
            }
            let at = Minute::nearest(at);
            let pulses = household::pulses(Minute::nearest(at.epoch_minutes() + shift));
            total += u64::from(pulses);
            batch
                .record(
                    &custody,
                    &PulseCount { minute: at, watched_s: 60, seq: seq as u64 + 1, pulses, total },
                )
                .unwrap();
            all.push((at, pulses));
        }
        batch.commit().unwrap();
        let from = Minute::nearest(now.epoch_minutes() - meter_rrd::MeterDatabase::MINUTES);
        meter_rrd::MeterDatabase::rebuild(
            &dir.join("rrd"),
            &meter,
            from,
            all.into_iter().skip_while(|(at, _)| *at < from),
        )
        .unwrap();
    }
    let ledger = Ledger::open_read_only(&dir.join("ledger.sqlite")).unwrap();
    let known = ledger.meter(&"hq/main".parse().unwrap()).unwrap().unwrap();
    for days in [1, 7, 30, 365] {
        let t = std::time::Instant::now();
        let s = ledger.sum(&known, Minute::nearest(now.epoch_minutes() - days * 1440)..now).unwrap();
        println!("{days} days: {s:?} {:?}", t.elapsed());
    }
}
