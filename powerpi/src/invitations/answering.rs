//! `powerpi pair`: answers whoever is invited, until no invitation is open.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use broker_users::{PasswordHash, Role, UserName, UsersFile};
use daemon_runtime::{Connection, MqttSession, MqttSettings};
use pairing::{Answer, InvitationSecret, REQUESTS, Request, answer_topic, inviting_user};
use rumqttc::{Packet, Publish, QoS};
use rustix::fs::{FlockOperation, flock};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::control::BROKER;
use super::decision::{Decision, decide, expired, invitations};
use super::place::InvitingPlace;
use super::sites::no_longer_shown;

/// As whom it logs in. No site can have this name.
const USER: &str = "powerpi.pairing";

/// So often it looks for invitations that are over, and for new ones.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long it may take until the broker has an answer, before the reload disconnects who is to get it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: InvitingPlace,
}

/// Answers, and ends once no invitation is open.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    answer(&options.server).await
}

/// The same; at once if somebody answers already.
pub(super) async fn answer(place: &InvitingPlace) -> anyhow::Result<()> {
    let mut settings = place.broker()?;
    let answering = Answering { users: settings.users(&place.usual_users()), place };
    let alone = std::fs::File::open(place.broker_toml()).context("opening the broker's settings")?;
    if flock(&alone, FlockOperation::NonBlockingLockExclusive).is_err() {
        eprintln!("Somebody answers already: the service powerpi-pairing, or `powerpi invite --wait`.");
        return Ok(());
    }
    // From here on a signal takes back what was done.
    let stopped = daemon_runtime::on_signal().context("waiting for signals")?;
    let password = InvitationSecret::random().password();
    if !answering.come_in(&password)? {
        return Ok(());
    }
    let mut password_file = tempfile::NamedTempFile::new().context("keeping the password")?;
    writeln!(password_file, "{password}")?;
    let session = session(settings.plain_address()?, password_file.path());
    let stop = CancellationToken::new();
    let (ended, is_stopped) = tokio::select! {
        ended = answering.until_none_is_open() => (ended, false),
        () = session.run(&stop, async |connection| answering.serve(connection).await) => (Ok(()), false),
        () = stopped.cancelled() => (Ok(()), true),
    };
    ended.and(answering.go(is_stopped))
}

fn session(broker: SocketAddr, password_file: &Path) -> MqttSession {
    let mqtt = MqttSettings {
        host: Some(broker.ip().to_string()),
        port: Some(broker.port()),
        user: Some(USER.to_owned()),
        password_file: Some(password_file.to_owned()),
        ..MqttSettings::default()
    };
    MqttSession {
        subscriptions: vec![(REQUESTS.to_owned(), QoS::AtLeastOnce)],
        needs_subscriptions: true,
        ..MqttSession::new(&mqtt, &format!("pairing-{}", daemon_runtime::random_id()))
    }
}

fn warn(told: anyhow::Result<()>) {
    if let Err(error) = told {
        eprintln!("powerpi: {error:#}");
    }
}

/// Who answers.
struct Answering<'a> {
    users: PathBuf,
    place: &'a InvitingPlace,
}

impl Answering<'_> {
    /// Becomes a user of the broker, if an invitation is open.
    fn come_in(&self, password: &str) -> anyhow::Result<bool> {
        if !self.tidy()? {
            return self.go(false).map(|()| false);
        }
        let hash = PasswordHash::of(password.as_bytes())?;
        let mut file = UsersFile::open(&self.users)?;
        file.set(&user(), Some(&hash), Some(Role::Pairing));
        file.save()?;
        drop(file);
        self.tell_broker();
        Ok(true)
    }

    /// Withdraws invitations in time, and ends some time after the last one.
    async fn until_none_is_open(&self) -> anyhow::Result<()> {
        while self.tidy()? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // The last answer may be on its way.
        tokio::time::sleep(2 * ANSWERED_WITHIN).await;
        Ok(())
    }

    /// Is no user of the broker any more. Who is stopped by a signal waits for nobody.
    fn go(&self, is_stopped: bool) -> anyhow::Result<()> {
        let mut file = UsersFile::open(&self.users)?;
        if file.contains(&user()) {
            file.remove(&user())?;
            file.save()?;
            drop(file);
            match is_stopped {
                true => warn(self.place.control().tell_while_stopping("reload", BROKER)),
                false => self.tell_broker(),
            }
        }
        Ok(())
    }

    /// Withdraws invitations that are over; whether one is still open.
    fn tidy(&self) -> anyhow::Result<bool> {
        let mut file = UsersFile::open(&self.users)?;
        let before = invitations(&file.users()?).count();
        let is_open = tidy(&mut file, self.place)?;
        if invitations(&file.users()?).count() < before {
            file.save()?;
            drop(file);
            self.tell_broker();
        }
        Ok(is_open)
    }

    /// What is in the file counts in any case from the broker's next start on.
    fn tell_broker(&self) {
        warn(self.place.control().tell("reload", BROKER));
    }

    async fn serve(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let mut joined: Vec<UserName> = Vec::new();
        loop {
            let packet = match joined.is_empty() {
                true => connection.next().await?,
                false => match timeout(ANSWERED_WITHIN, connection.next()).await {
                    Ok(packet) => packet?,
                    Err(_) => Packet::PingResp,
                },
            };
            if let Packet::Publish(message) = packet {
                if let Some((topic, answer, paired)) = self.answer_to(&message)? {
                    joined.extend(paired);
                    connection.client.publish(topic, QoS::AtLeastOnce, false, answer.to_json()).await?;
                }
            } else if !joined.is_empty() {
                // The broker has an answer, or takes too long.
                self.tell_broker();
                joined.drain(..).for_each(|site| eprintln!("{site} has joined."));
            }
        }
    }

    /// The answer to a message and where it goes, and who has joined by it.
    fn answer_to(&self, message: &Publish) -> anyhow::Result<Option<(String, Answer, Option<UserName>)>> {
        let (Some(inviting), Ok(request)) =
            (inviting_user(&message.topic), Request::from_json(&message.payload))
        else {
            return Ok(None);
        };
        let mut file = UsersFile::open(&self.users)?;
        let (refused, paired) = match decide(&file.users()?, inviting, &request, daemon_runtime::now()) {
            Decision::Refuse(why) => (Some(why.to_owned()), None),
            Decision::Pair(invitation, password) => {
                // Both in one file: either the invitation is open, or the site is there.
                file.remove(&inviting.parse()?)?;
                file.set(&invitation.name, Some(&password), Some(invitation.role));
                file.save()?;
                no_longer_shown(&invitation.name, self.place);
                (None, Some(invitation.name))
            }
        };
        Ok(Some((answer_topic(inviting), Answer { id: request.id, refused }, paired)))
    }
}

fn user() -> UserName {
    USER.parse().expect("a user's name")
}

fn tidy(file: &mut UsersFile, place: &InvitingPlace) -> anyhow::Result<bool> {
    let users = file.users()?;
    for over in expired(&users, daemon_runtime::now()) {
        if let Some(invitation) = users.user.get(&over).and_then(|user| user.invitation.as_ref()) {
            no_longer_shown(&invitation.name, place);
        }
        file.remove(&over)?;
    }
    Ok(invitations(&file.users()?).next().is_some())
}
