//! Begins to count one meter where an earlier run stopped: from a contact, or from a counter's totals.

use daemon_runtime::OwnerThread;
use flume::Sender;
use meter_messages::{Meter, MeterId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::constants::Constants;
use crate::counting::{self, Counting, CurrentValues};
use crate::interim::{self, Resumed};
use crate::outbox::{Account, Outbox};
use crate::outbox_keeper::{Command, Extent};
use crate::publisher::Published;
use crate::pulse_source::{self, EarlierRun, KeptLine, LineRequest};
use crate::readings::Readings;
use crate::safekeeping::{self, Newest, Safekeeping};
use crate::settings::{MeterSettings, MeterSource, Settings, SourceSettings};
use crate::stored_lines::StoredLines;
use crate::totals::listener::Listener;
use crate::totals::source::CounterSource;
use crate::totals::total_counter::Limits;
use crate::totals::total_counting::{OfMeter, TotalCounting};
use crate::unkept::Keeping;

/// What was heard of a counter and waits for its meter; more waits where it comes from.
const UNHEARD: usize = 64;

/// One meter about to be counted.
pub(crate) struct Beginning<'a> {
    place: usize,
    settings: &'a Settings,
    pub(crate) meter: &'a MeterSettings,
    pub(crate) account: Account,
    resumed: Resumed,
    constants: Constants,
    readings: Readings,
    boot: String,
}

impl<'a> Beginning<'a> {
    /// Finds out where an earlier run stopped.
    pub(crate) fn prepare(
        place: usize,
        settings: &'a Settings,
        meter: &'a MeterSettings,
        outbox: &mut Outbox,
    ) -> anyhow::Result<Self> {
        let account = outbox.account(&meter.id, meter.initial_total)?;
        let boot = safekeeping::boot_id();
        let kept = safekeeping::kept(&settings.runtime_dir, &settings.state_dir, &meter.id, &account);
        let mut resumed = interim::resume(&account, &kept, &boot);
        let newest = resumed.in_progress.map(|now| now.minute).max(resumed.last_minute);
        let constants = outbox.constants(&account, meter.constant, newest, resumed.total)?;
        let readings = outbox.readings(&account, meter.medium.unit())?;
        // With other settings the line is another one.
        let settings_of_line = match &meter.source {
            MeterSource::Contact(source) => pulse_source::line_settings(source),
            MeterSource::Counter(_) => None,
        };
        resumed.line = resumed.line.filter(|line| Some(&line.request.settings) == settings_of_line.as_ref());
        Ok(Self { place, settings, meter, account, resumed, constants, readings, boot })
    }

    /// The name under which systemd keeps the line that an earlier run requested.
    pub(crate) fn line_name(&self) -> Option<String> {
        self.resumed.line.as_ref().map(|line| line_name(&self.meter.id, &line.request))
    }

    /// Opens the source, and counts in a thread.
    pub(crate) fn begin(
        self,
        extent: watch::Receiver<Extent>,
        newest: Newest,
        devices: &mut Devices<'_>,
        commands: &Sender<Command>,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<(Published, OwnerThread)> {
        let safekeeping = Safekeeping::new(&self.settings.runtime_dir, &self.meter.id, &self.account, newest);
        let keeping = Keeping {
            outbox: self.account.outbox.clone(),
            extent: extent.clone(),
            boot: self.boot.clone(),
            safekeeping,
        };
        match &self.meter.source {
            MeterSource::Contact(source) => {
                let (counting, source, reading) = self.of_contact(source, keeping, devices.stored)?;
                let thread = counting.spawn(&self.meter.id, commands.clone(), shutdown.clone())?;
                Ok((self.published(source, reading, extent), thread))
            }
            MeterSource::Counter(counter) => {
                let (counting, listener, reading) = self.of_counter(counter, keeping);
                devices.listeners.push(listener);
                let thread = counting.spawn(commands.clone(), shutdown.clone())?;
                Ok((self.published(counter.describe(), reading, extent), thread))
            }
        }
    }

    fn of_contact(
        &self,
        source: &SourceSettings,
        keeping: Keeping,
        stored: &mut StoredLines,
    ) -> anyhow::Result<(Counting, String, watch::Receiver<CurrentValues>)> {
        let descriptor = self.line_name().and_then(|name| stored.find(&name));
        let Self { place, settings, meter, account, resumed, .. } = self;
        let line = resumed.line.as_ref().zip(descriptor).map(|(line, descriptor)| KeptLine {
            descriptor,
            request: line.request.clone(),
            until: line.counted_until,
            contact: line.filter.contact(),
        });
        let goes_on = line.is_some();
        let kept = EarlierRun {
            counted_until_utc_ns: resumed.counted_until_utc_ns(),
            edges: Some(settings.runtime_dir.join(format!("{}.edges", meter.id))),
            line,
        };
        let source = pulse_source::open(source, meter.constant, kept)?;
        let described = source.describe();
        tracing::info!(meter = %meter.id, source = described, outbox = %account.outbox, total = resumed.total, goes_on, "counting");
        let of_counting = counting::Constants {
            meter: *place,
            constant: meter.constant,
            bounce: meter.bounce,
            wait_for_sync: settings.wait_for_clock,
        };
        let (counting, reading) = Counting::new(source, resumed.clone(), keeping, of_counting);
        if let Some((request, descriptor)) = counting.line() {
            stored.keep(&line_name(&meter.id, &request), descriptor);
        }
        Ok((counting, described, reading))
    }

    fn of_counter(
        &self,
        counter: &CounterSource,
        keeping: Keeping,
    ) -> (TotalCounting, Listener, watch::Receiver<CurrentValues>) {
        let Self { place, settings, meter, account, resumed, .. } = self;
        let source = counter.describe();
        tracing::info!(meter = %meter.id, source, outbox = %account.outbox, total = resumed.total, "counting");
        let (sender, heard) = flume::bounded(UNHEARD);
        let of_meter = OfMeter {
            place: *place,
            id: meter.id.clone(),
            constant: meter.constant,
            source,
            limits: Limits { max_rate: meter.max_rate, rolls_over_at: counter.end() },
            wait_for_sync: settings.wait_for_clock,
        };
        let (counting, reading) = TotalCounting::new(heard, resumed.clone(), keeping, of_meter);
        (counting, Listener { counter: counter.clone(), heard: sender }, reading)
    }

    fn published(
        self,
        source: String,
        reading: watch::Receiver<CurrentValues>,
        extent: watch::Receiver<Extent>,
    ) -> Published {
        let Self { place, settings, meter, account, constants, readings, .. } = self;
        Published {
            place,
            meter: Meter { site: settings.site.clone(), meter: meter.id.clone() },
            name: meter.name.clone().unwrap_or_else(|| meter.id.to_string()),
            medium: meter.medium,
            constant: meter.constant,
            constants,
            readings,
            relation: meter.relation(&settings.site),
            source,
            // Before the first minute there is nothing that could be another's.
            confirmed: watch::Sender::new(account.last_seq == 0 && account.mark == 0),
            outbox: account.outbox,
            reading,
            extent,
            mark: watch::Sender::new(account.mark),
            recorded_until: watch::Sender::new(None),
        }
    }
}

/// Where pulses come from outside: lines that systemd keeps, and who listens to counters.
pub(crate) struct Devices<'a> {
    pub(crate) stored: &'a mut StoredLines,
    pub(crate) listeners: Vec<Listener>,
}

fn line_name(meter: &MeterId, request: &LineRequest) -> String {
    format!("{meter}-{}", request.id)
}
