//! `pi-publisher join`: makes this Pi a site of a server, with an invitation.
//!
//! What is done is whole at any moment: a password lies on the disk before the server hears its hash, and the settings
//! name the server once it lets this Pi in. Ended in the middle, the same command goes on.

mod asking;
mod exchange;
mod first_mark;
mod line;
mod options;
mod paper;
mod place;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use pairing::{Fingerprint, Invitation};
use rustls::pki_types::CertificateDer;

pub use self::options::Options;
use self::paper::Paper;
use self::place::Place;
use crate::check::{self, Form};
use crate::settings::Settings;

/// Joins the server of an invitation; `settings` is the publisher's settings file.
///
/// # Errors
/// What went wrong, and what to do. As long as the server has not let this Pi in, its settings are as they were.
pub async fn join(options: &Options, settings: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let invitation = options.invitation()?;
    let place = Place::of(settings, &invitation)?;
    let mut paper = Paper::read(settings)?;
    if let Some(meter) = options.meter(paper.is_of_nobody())? {
        paper.set_meter(&meter);
    }
    paper.set_broker(&invitation, &place);
    let joined = paper.settings().context("the settings")?;
    look(options, &joined, out)?;

    place.keep_authority(&authority(&invitation, out)?)?;
    exchange::become_a_user(&invitation, &place, out).await?;
    place.keep_password()?;
    place.keep_settings(&paper.text())?;
    writeln!(out, "The settings are in {}.", settings.display())?;
    if let Some(reading) = options.reading {
        let meter = joined.meter.first().context("the settings have no meter")?;
        place.set_reading(&meter.id, reading, &options.control)?;
        writeln!(out, "The reading of {} is {reading} now.", meter.id)?;
    }
    first_mark::start_and_wait(options, &joined, out).await
}

/// Shows what the lines do, before anything is sent or written.
fn look(options: &Options, settings: &Settings, out: &mut dyn Write) -> anyhow::Result<()> {
    if options.look == 0 {
        return Ok(());
    }
    check::check(settings, options.look, Form::Text, out).context(
        "nothing was changed, and the invitation is still good; if pi-publisher runs already, stop it or add --look 0",
    )?;
    Ok(writeln!(out)?)
}

/// The certificate of the server's CA, from the first address where it is shown.
fn authority(invitation: &Invitation, out: &mut dyn Write) -> anyhow::Result<CertificateDer<'static>> {
    let mut met_another = false;
    for address in &invitation.addresses {
        match daemon_runtime::shown_certificates(address) {
            Ok(shown) => {
                let ours = |der: &CertificateDer<'_>| Fingerprint::of(der) == invitation.authority;
                if let Some(authority) = shown.into_iter().find(ours) {
                    writeln!(out, "The server answers at {address}.")?;
                    return Ok(authority);
                }
                met_another = true;
                writeln!(
                    out,
                    "At {address} there is another server than the one that this invitation is from."
                )?;
            }
            Err(error) => writeln!(out, "{address}: {error:#}")?,
        }
    }
    if met_another {
        bail!(
            "the server that has made the invitation was not found; is the invitation from this network's server?"
        );
    }
    bail!("the server cannot be reached at any of its addresses; is port 8883 open in its firewall?")
}
