//! What the publisher tells of its meters, and what it needs for that.

use std::sync::Mutex;

use daemon_runtime::MqttSettings;
use meter_messages::{Info, Medium, Meter, MeterConstant, MeterId, Minute, OutboxId, Relation, SiteId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::constants::Constants;
use crate::counting::CurrentValues;
use crate::outbox_keeper::{Command, Extent};
use crate::readings::Readings;

/// What the publisher tells of one meter.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its place among the publisher's meters.
    pub place: usize,
    /// Its site and id.
    pub meter: Meter,
    /// Its name for people.
    pub name: String,
    /// What flows through it.
    pub medium: Medium,
    /// The meter constant.
    pub constant: MeterConstant,
    /// That and those before it.
    pub constants: Constants,
    /// What it showed itself, as somebody has said.
    pub readings: Readings,
    /// What it measures and whose part it is.
    pub relation: Relation,
    /// Where its pulses come from.
    pub source: String,
    /// The outbox of its minutes.
    pub outbox: OutboxId,
    /// The newest values.
    pub reading: watch::Receiver<CurrentValues>,
    /// How far the outbox reaches.
    pub extent: watch::Receiver<Extent>,
    /// How far the recorder's mark reaches, as far as is known here.
    pub mark: watch::Sender<u64>,
    /// The last minute that it covers, once a mark has said so since the start.
    pub recorded_until: watch::Sender<Option<Minute>>,
    /// Whether a mark has shown since the start that the recorder means the same
    /// minutes by the outbox's numbers.
    pub confirmed: watch::Sender<bool>,
}

impl Published {
    /// The meter's `info`.
    pub fn info(&self) -> Info {
        Info {
            name: self.name.clone(),
            medium: self.medium,
            constant: self.constant,
            source: self.source.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            outbox: self.outbox.clone(),
            oldest_seq: self.extent.borrow().oldest_seq,
            history: self.constants.history(),
            relation: self.relation.clone(),
            readings: self.readings.said(),
            unclear: None,
        }
    }
}

/// Everything a connection needs.
#[derive(Debug)]
pub struct Publisher {
    /// The broker.
    pub mqtt: MqttSettings,
    /// Whether Home Assistant shall discover the meters.
    pub home_assistant: bool,
    /// This publisher's name.
    pub site: SiteId,
    /// Whether it is connected to the broker now.
    pub connected: watch::Sender<bool>,
    /// The meters, by place.
    pub meters: Vec<Published>,
    /// Those that were counted once and are no longer in the settings.
    pub removed: Vec<Meter>,
    /// Those whose announcement to Home Assistant is taken back.
    pub withdrawn: Vec<Meter>,
    /// The outbox's thread.
    pub keeper: flume::Sender<Command>,
    /// Meters whose outboxes turned out to be older copies of ones that went on.
    pub old_copies: Mutex<Vec<MeterId>>,
    /// Ends this run, so that they can start again.
    pub stop: CancellationToken,
}
