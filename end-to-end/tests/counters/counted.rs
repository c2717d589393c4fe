//! What a publisher has counted, wherever it is kept.

use end_to_end::{Site, wait_until};
use pi_publisher::interim::resume;
use pi_publisher::outbox::Outbox;
use pi_publisher::safekeeping::{boot_id, kept};

/// How far a counter's total is turned into pulses.
#[derive(Debug, PartialEq)]
pub(crate) struct Counted {
    /// The total, in Wh.
    pub(crate) total: f64,
    /// The pulses, of 1 Wh.
    pub(crate) pulses: u64,
    /// Whether all of them are in minutes.
    pub(crate) is_booked: bool,
}

/// How far a meter is counted, if it has begun.
pub(crate) fn counted(site: &Site, meter: &str) -> Option<Counted> {
    let meter = meter.parse().unwrap();
    let account = Outbox::open_read_only(site.path()).ok()?.existing_account(&meter).ok()??;
    let kept = kept(&site.path().join("run"), site.path(), &meter, &account);
    let resumed = resume(&account, &kept, &boot_id());
    let counter = resumed.counter?;
    Some(Counted { total: counter.total as f64 / 1e6, pulses: resumed.total, is_booked: counter.due == 0 })
}

/// Waits until a meter is counted up to a total, which is so many pulses.
pub(crate) fn wait_for_count(site: &Site, meter: &str, total: f64, pulses: u64) {
    let wanted = Some(Counted { total, pulses, is_booked: true });
    let mut last = None;
    let began = std::time::Instant::now();
    wait_until(&format!("{meter} is counted up to {total} Wh, {pulses} pulses"), || {
        last = counted(site, meter);
        if began.elapsed().as_secs() > 55 {
            eprintln!("{meter}: {last:?}");
        }
        last == wanted
    });
}
