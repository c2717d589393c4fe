//! The command line of `join`.

use std::path::PathBuf;

use anyhow::bail;
use meter_messages::{MeterConstant, MeterId};
use pairing::Invitation;

use super::{asking, line};

/// What is said, or asked for where somebody can answer.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The line that `powerpi invite` on the server has printed, in quotes. Without it, it is asked for, or read from
    /// standard input: other users of this machine can see a command line, as long as the invitation is open
    invitation: Option<Invitation>,
    /// The meter's name in addresses of pages
    #[arg(long, value_name = "ID")]
    meter: Option<MeterId>,
    /// The pin of the header that S0+ is connected to
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=40))]
    pin: Option<u8>,
    /// The meter constant, printed on the meter as imp/kWh
    #[arg(long, value_name = "N", value_parser = constant)]
    pulses_per_kwh: Option<MeterConstant>,
    /// What the meter shows now, in kWh, or m³ of gas and water
    #[arg(long, value_name = "N")]
    pub(super) reading: Option<f64>,
    /// For how many seconds to look at the line before joining; 0 for not at all
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) look: u64,
    /// For how many seconds to wait for the first minute that the server has recorded; 0 for not at all
    #[arg(long, value_name = "N", default_value_t = 180)]
    pub(super) wait: u64,
    /// The program that starts services: it is called with "restart pi-publisher"
    #[arg(long, value_name = "PROGRAM", default_value = "systemctl")]
    pub(super) control: PathBuf,
}

fn constant(text: &str) -> Result<MeterConstant, String> {
    let number: f64 = text.parse().map_err(|_| "that is no number".to_owned())?;
    MeterConstant::try_from(number).map_err(|error| error.to_string())
}

/// A meter at a pin of the header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeterAtPin {
    pub(super) id: MeterId,
    pub(super) pin: u8,
    pub(super) constant: f64,
}

impl Options {
    /// The invitation, from the command line or whoever is asked.
    pub(super) fn invitation(&self) -> anyhow::Result<Invitation> {
        self.invitation.clone().map_or_else(line::read, Ok)
    }

    /// The meter that was described, by options or answers; `None` if the one in the settings is to stay. `needed` says
    /// that there is none in the settings that somebody has described.
    pub(super) fn meter(&self, needed: bool) -> anyhow::Result<Option<MeterAtPin>> {
        let is_said = self.meter.is_some() || self.pin.is_some() || self.pulses_per_kwh.is_some();
        if !is_said && !needed {
            return Ok(None);
        }
        if (self.pin.is_none() || self.pulses_per_kwh.is_none()) && !asking::can_ask() {
            bail!("say what meter it is: --pin N, the pin that S0+ is connected to, and --pulses-per-kwh N");
        }
        let pin = match self.pin {
            Some(pin) => pin,
            None => asking::ask("Which pin of the header is S0+ connected to?", 11)?,
        };
        let constant = match &self.pulses_per_kwh {
            Some(constant) => constant.per_unit(),
            None => asking::ask("How many pulses per kWh (imp/kWh) are printed on the meter?", 1000.0)?,
        };
        let id = self.meter.clone().map_or_else(|| "main".parse(), Ok)?;
        Ok(Some(MeterAtPin { id, pin, constant }))
    }
}
