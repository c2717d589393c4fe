//! What is reckoned from the ledger: periods of the site's clock, figures, costs and files of rows. It
//! knows no HTTP and no MQTT, and whoever owns the ledger's thread asks it there.

mod base_load;
mod clock_hour;
mod curves;
mod day_profile;
mod estimates;
mod exports;
mod figures;
mod glance;
mod hour;
mod hours;
mod house;
mod implausible;
mod like_for_like;
mod local_time;
mod meter_readings;
mod period;
mod period_name;
mod recent_spans;
mod series;
mod spread;
mod step;
mod tariff;
mod unit_names;

pub use base_load::{BaseLoad, Change, Level, last_night};
pub use curves::{CURVE_STEP, Curve};
pub use day_profile::{DayProfile, HourOfDay, StrongHour};
pub use exports::{Notation, Pieces, Row, Rows, StatisticId, Statistics, Text};
#[cfg(feature = "workbook")]
pub use exports::{Table, WorkbookError, WorkbookWords, table, workbook};
pub use figures::{Costs, DAYS, Figures, until};
pub use glance::{Glance, GlanceEdges};
pub use hour::{AtDayPrices, Hour};
pub use hours::{between, bill_facts, highest_quarters, hours, sums};
pub use house::{Balance, Balances, Flow, House, HouseSums, MediumSums, Reckoned};
pub use implausible::{Implausible, highest_plausible, implausible};
pub use like_for_like::{LikeForLike, SideBySide};
pub use local_time::{Moment, local, midnight, minute_of, with_offset};
pub use meter_readings::{Backwards, CheckedReading, Comparison, checked_readings};
pub use period::{Period, pieces};
pub use recent_spans::{RecentSpans, shown_until};
pub use series::{Points, Series, SeriesRequest};
pub use spread::Spread;
pub use step::{SpanError, Step};
pub use tariff::{
    Bill, BillFacts, BillItem, BillLine, BillingDay, BlockSettings, CapacityOf, Cost, HighestOf, Holiday,
    MOST_PRICES, Prices, Saved, Scope, SiteTariffs, TariffError, TariffKey, TariffSettings, Tariffs,
    TimeSettings,
};
pub use unit_names::name_in;
