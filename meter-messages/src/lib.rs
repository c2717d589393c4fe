//! The contract on the wire: names, topics and payloads. Pure: no I/O, no clock,
//! no async.
//!
//! Everything from outside is parsed here once, into types that cannot hold
//! anything invalid: a [`MeterId`] is safe in a topic *and* in a file name.

mod alarm_test;
mod colour;
mod correction;
mod home_assistant;
mod id;
mod info;
mod live;
mod meter_reading;
mod minute;
mod payload;
mod period;
mod price;
mod pulse_times;
mod relation;
mod taken_back;
mod topic;
mod tree;
mod units;

pub use alarm_test::{AlarmTest, AlarmTested, Sent, alarm_of_topic, alarm_topic};
pub use colour::{Colour, UnknownColour};
pub use correction::{
    CorrectionKind, CorrectionMessage, Factor, FactorError, SaidCorrection, UndoneCorrection,
};
pub use home_assistant::{home_assistant_counter, home_assistant_name};
pub use id::{IdError, Meter, MeterId, OutboxId, SiteId};
pub use info::{ConstantFrom, Info};
pub use live::{Live, State};
pub use meter_reading::MeterReading;
pub use minute::{Minute, MinuteError};
pub use payload::{
    CounterBreak, Diag, MOST_LOST, MOST_MISSING, Mark, OutboxMinute, PayloadError, PulseCount, Status,
};
pub use period::PeriodKind;
pub use price::{Currency, DayPrices, EnergyPrice, MOST_PRICES, PriceError, PriceSpan};
pub use pulse_times::{FEW_PULSES, PulseTimes};
pub use relation::{Measures, MeasuresError, PartOf, Relation};
pub use taken_back::{ReadingMessage, TakenBack};
pub use topic::{
    ALL_MINUTES, ALL_OF_METERS, ALL_PRICES, ALL_SITES, ENTERED, Topic, TopicError, infos_of, minutes_of,
};
pub use tree::{Refused, Related, Tree, Unfit};
pub use units::{MAX_COUNT, Medium, MediumError, MeterConstant, Unit, UnitError};
