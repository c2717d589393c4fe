//! Becoming a user of the server's broker.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use broker_users::PasswordHash;
use daemon_runtime::{Connection, MqttSession, MqttSettings, Secret, random_id};
use pairing::{Answer, Invitation, Request, answer_topic, request_topic};
use rumqttc::QoS;
use tokio::time::{Instant, sleep, timeout};

use super::place::Place;

/// How long whoever answers on the server may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// How long to wait for an answer before asking again.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How long the end of the invitation's connection is waited for.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// How long the broker may take to know its new user.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);

/// How long to wait between two logins.
const PAUSE: Duration = Duration::from_secs(1);

/// Uses the invitation. Afterwards the broker lets us in with the coming password, or with the one that there was if an
/// earlier try with this invitation had come that far.
pub(super) async fn become_a_user(
    invitation: &Invitation,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if place.has_password_only() && may_come_in(invitation, place, place.password(), Duration::ZERO).await {
        return Ok(writeln!(out, "The server lets this Pi in already.")?);
    }
    let coming = place.coming_password()?;
    let asked = ask(invitation, place, coming).await;
    // Whatever came of it, what counts is whether we may come in: the answer may have been lost.
    let patience = if asked.is_ok() { KNOWN_WITHIN } else { Duration::ZERO };
    if may_come_in(invitation, place, coming, patience).await {
        return Ok(writeln!(out, "The server lets this Pi in as \"{}\".", invitation.site)?);
    }
    asked?;
    bail!(
        "the server has taken the invitation, but does not let this Pi in; its log (powerpi-broker) tells why"
    )
}

fn settings(invitation: &Invitation, place: &Place, user: &str, password: &Path) -> MqttSettings {
    MqttSettings {
        hosts: Some(invitation.addresses.clone()),
        user: Some(user.to_owned()),
        password_file: Some(password.to_owned()),
        tls: true,
        ca_file: Some(place.authority().to_owned()),
        ..MqttSettings::default()
    }
}

async fn ask(invitation: &Invitation, place: &Place, coming: &Path) -> anyhow::Result<()> {
    let mut secret = tempfile::NamedTempFile::new().context("keeping the invitation's secret")?;
    writeln!(secret, "{}", invitation.secret.password())?;
    let user = invitation.id.user();
    let mqtt = settings(invitation, place, &user, secret.path());
    let session = MqttSession {
        subscriptions: vec![(answer_topic(&user), QoS::AtLeastOnce)],
        needs_subscriptions: true,
        ..MqttSession::new(&mqtt, &format!("join-{}", random_id()))
    };
    let mut connection = session.connect().await.context(
        "the invitation is good for nothing any more: it has been used or withdrawn, or its time is over; or the server \
         cannot be reached",
    )?;
    let password = Secret::read(coming).with_context(|| format!("reading {}", coming.display()))?;
    let hash = PasswordHash::of(password.reveal().as_bytes())?;
    let request = Request { id: random_id(), password: hash.as_str().to_owned() };
    let answer = timeout(ANSWERED_WITHIN, answer_to(&request, &user, &mut connection)).await;
    let answer = answer.context("nobody on the server answers; does its service powerpi-pairing run?")??;
    if let Some(why) = answer.refused {
        bail!("the server says: {}", foreign_text::foreign(&why));
    }
    // The broker ends the connection of an invitation that is used up as soon as it knows the site.
    let _ = timeout(ENDED_WITHIN, async { while connection.next().await.is_ok() {} }).await;
    Ok(())
}

/// Asks again and again until there is an answer: whoever answers may have been starting.
async fn answer_to(request: &Request, user: &str, connection: &mut Connection) -> anyhow::Result<Answer> {
    loop {
        connection.client.publish(request_topic(user), QoS::AtLeastOnce, false, request.to_json()).await?;
        let answered = async {
            loop {
                let message = connection
                    .message()
                    .await
                    .context("the invitation was used by somebody, or withdrawn")?;
                match Answer::from_json(&message.payload) {
                    Ok(answer) if answer.id == request.id => return anyhow::Ok(answer),
                    _ => {}
                }
            }
        };
        if let Ok(answer) = timeout(ASK_EVERY, answered).await {
            return answer;
        }
    }
}

/// Whether the broker lets the site in with this password, at once or within `patience`.
async fn may_come_in(invitation: &Invitation, place: &Place, password: &Path, patience: Duration) -> bool {
    let mqtt = settings(invitation, place, invitation.site.as_str(), password);
    let session = MqttSession::new(&mqtt, &format!("join-{}", random_id()));
    let until = Instant::now() + patience;
    loop {
        if let Ok(connection) = session.connect().await {
            connection.close(None).await;
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        sleep(PAUSE).await;
    }
}
