//! Starting the service, and seeing that its minutes arrive.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::{Connection, MqttSession, random_id};
use meter_messages::Topic;
use rumqttc::{Packet, QoS};
use tokio::time::timeout;

use super::options::Options;
use crate::settings::Settings;

/// How long the broker may take to acknowledge a subscription.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(10);

/// Starts the service and waits until the server says that it has recorded a minute.
pub(super) async fn start_and_wait(
    options: &Options,
    settings: &Settings,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let session = MqttSession::new(&settings.mqtt, &format!("join-{}", random_id()));
    let marks = format!("powerpi/{}/+/recorded", settings.site);
    let session =
        MqttSession { subscriptions: vec![(marks, QoS::AtLeastOnce)], needs_subscriptions: true, ..session };
    // Before the start: no mark is missed.
    let mut connection = session.connect().await?;
    timeout(SUBSCRIBED_WITHIN, subscribed(&mut connection)).await.context("the broker does not answer")??;
    start(options)?;
    if options.wait == 0 {
        return Ok(writeln!(out, "pi-publisher counts.")?);
    }
    writeln!(out, "pi-publisher counts. Waiting for its first minute …")?;
    out.flush()?;
    let seen = timeout(Duration::from_secs(options.wait), first_mark(&mut connection)).await;
    connection.close(None).await;
    match seen {
        Ok(meter) => {
            Ok(writeln!(out, "The server has recorded the first minute of {}. All is well.", meter?)?)
        }
        Err(_) if !daemon_runtime::Clocks::now().is_ok_and(|clocks| clocks.synchronised) => {
            let said =
                "This machine's clock is not set yet: minutes wait until it is, and are then recorded.";
            Ok(writeln!(out, "{said} `timedatectl` tells more.")?)
        }
        Err(_) => bail!(
            "no minute was recorded within {} s; `journalctl -u pi-publisher` here and `powerpi doctor` on the server tell why",
            options.wait
        ),
    }
}

async fn subscribed(connection: &mut Connection) -> anyhow::Result<()> {
    while !matches!(connection.next().await?, Packet::SubAck(_)) {}
    Ok(())
}

/// The meter of the first mark that is new: one that the broker had kept may be of another Pi.
async fn first_mark(connection: &mut Connection) -> anyhow::Result<String> {
    loop {
        let message = connection.message().await?;
        match message.topic.parse() {
            Ok(Topic::Recorded(meter)) if !message.retain => return Ok(meter.to_string()),
            _ => {}
        }
    }
}

fn start(options: &Options) -> anyhow::Result<()> {
    let (program, service) = (options.control.display(), "pi-publisher");
    let by_hand = || format!("this Pi has joined, but `{program} restart {service}` did not work");
    let output = Command::new(&options.control).args(["restart", service]).output().with_context(by_hand)?;
    if !output.status.success() {
        bail!("{}: {}", by_hand(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
