//! `powerpi invite`: makes an invitation, and everything that it needs.

use std::path::PathBuf;

use anyhow::{Context, bail};
use broker_users::{OpenInvitation, PasswordHash, Role, UserChange, UserName, UsersFile};
use daemon_runtime::Address;
use jiff::{Timestamp, ToSpan};
use meter_messages::SiteId;
use pairing::{Fingerprint, Invitation, InvitationId, InvitationSecret, ShownInvitation};

use super::answering;
use super::browser::{self, Invited};
use super::certificate::{OwnCertificate, authority_of, give, write};
use super::control::{ANSWERING, BROKER};
use super::own_names::own_addresses;
use super::place::InvitingPlace;
use super::printing::{clock, print};

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The name of the Pi's site (a-z 0-9 _ -); with --browser that of the person
    name: UserName,
    /// Invites a person to the pages: prints a link by which they set a password
    #[arg(long, conflicts_with_all = ["address", "wait"])]
    browser: bool,
    /// With --browser: what the person may do; look, enter-readings or admin
    #[arg(long, value_name = "ROLE", requires = "browser", default_value = "look")]
    role: Role,
    /// With --browser: where browsers reach the pages, like `https://power.example.org`
    #[arg(long, value_name = "URL", requires = "browser", value_parser = pages)]
    pages: Option<String>,
    /// Where the Pi reaches this server, like server.lan or 192.168.1.2:8883; several times for several addresses.
    /// By default this machine's name and its addresses
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    address: Vec<Address>,
    /// For how many minutes the invitation is good
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Lets another Pi take the site's place: the one that has it now is no longer let in once the other has joined. With
    /// --browser: the person is there already, and sets another password
    #[arg(long)]
    replace: bool,
    /// Waits here until the Pi has joined, instead of leaving that to the service powerpi-pairing
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    server: InvitingPlace,
}

fn address(text: &str) -> Result<Address, String> {
    text.to_owned().try_into()
}

fn pages(text: &str) -> Result<String, String> {
    let is_address = text.starts_with("http://") || text.starts_with("https://");
    is_address.then(|| text.to_owned()).ok_or_else(|| "write it like https://power.example.org".into())
}

/// Invites, and prints the invitation.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    if options.browser {
        let Options { name, role, minutes, replace, pages, .. } = options;
        let (role, minutes, replace) = (*role, *minutes, *replace);
        let invited = Invited { name, role, minutes, replace, pages: pages.as_deref() };
        return browser::invite(&options.server, &invited);
    }
    let site: SiteId = options.name.as_str().parse().context("a site's name")?;
    let (server, now) = (&options.server, daemon_runtime::now());
    let until = now.checked_add(i64::from(options.minutes).minutes())?;
    let prepared = prepare(options, now)?;
    let (id, secret) = (InvitationId::random(), InvitationSecret::random());
    let invitation = OpenInvitation {
        name: options.name.clone(),
        role: Role::Publisher,
        until: Timestamp::from_second(until.as_second())?,
    };
    add(
        options,
        &prepared,
        &id.user().parse()?,
        &PasswordHash::of(secret.password().as_bytes())?,
        &invitation,
    )?;
    if let Some(text) = &prepared.settings {
        write(&server.broker_toml(), text, 0o644)?;
    }
    server.control().tell(if prepared.restart { "restart" } else { "reload" }, BROKER)?;
    if !options.wait {
        server.control().tell("start", ANSWERING).context("nobody answers the Pi yet; or add --wait")?;
    }
    let line = Invitation { addresses: prepared.addresses, site, id, secret, authority: prepared.authority };
    let line = ShownInvitation { invitation: line, until };
    if let Err(error) = line.show(server.shown()) {
        // The line is good all the same.
        eprintln!("powerpi: the first page cannot show this invitation: {error:#}");
    }
    print(&line.invitation.to_string())?;
    eprintln!(
        "It works once, until {}. On the Pi, run `sudo pi-publisher join` and paste the line.",
        clock(until)
    );
    match options.wait {
        true => answering::answer(server).await,
        false => Ok(()),
    }
}

/// What has to be there before anybody can be invited.
struct Prepared {
    users: PathBuf,
    /// Whether the broker gets to know them only now.
    are_users_new: bool,
    addresses: Vec<Address>,
    authority: Fingerprint,
    /// The broker's settings, if they have changed.
    settings: Option<String>,
    /// Whether the broker has to be restarted: it begins to speak TLS.
    restart: bool,
}

fn prepare(options: &Options, now: Timestamp) -> anyhow::Result<Prepared> {
    let server = &options.server;
    let mut settings = server.broker()?;
    let users = settings.users(&server.usual_users());
    let port = settings.tls_port()?;
    let addresses: Vec<Address> = match options.address.is_empty() {
        true => own_addresses(port),
        false => {
            options.address.iter().map(|it| Address { port: it.port.or(Some(port)), ..it.clone() }).collect()
        }
    };
    if addresses.is_empty() {
        bail!("this machine has no name and no address in a network; say where the Pi reaches it: --address");
    }
    let own = OwnCertificate::of(server);
    let before = settings.certificate()?;
    let is_own = before.as_ref().is_none_or(|files| *files == own.files());
    if is_own {
        let names: Vec<String> = addresses.iter().map(|address| address.host.clone()).collect();
        own.issue(&names, now)?;
    }
    let files = before.clone().unwrap_or_else(|| own.files());
    if before.is_none() {
        settings.show(&files);
    }
    Ok(Prepared {
        users,
        are_users_new: settings.added.contains(&"access.users"),
        addresses,
        authority: authority_of(&files)?,
        restart: before.is_none(),
        settings: (!settings.added.is_empty()).then(|| settings.text()),
    })
}

/// Puts the invitation into the users file; it takes the place of earlier ones for the same site.
fn add(
    options: &Options,
    Prepared { users: path, are_users_new, .. }: &Prepared,
    user: &UserName,
    secret: &PasswordHash,
    invitation: &OpenInvitation,
) -> anyhow::Result<()> {
    // One of before may have the group of a broker that is no more.
    let is_new = *are_users_new || !path.exists();
    let mut file = UsersFile::open(path)?;
    let site = &options.name;
    let there = file.users()?.user.get(site.as_str()).map(|user| user.role);
    match there {
        Some(Some(Role::Publisher)) if !options.replace => {
            bail!("{site} has joined already; with --replace another Pi can take its place")
        }
        Some(Some(Role::Publisher)) | None => {}
        Some(_) => bail!("there is a user \"{site}\" who is no site; choose another name"),
    }
    let (as_user, secret, invitation) = (user.clone(), secret.clone(), invitation.clone());
    let invite = UserChange::Invite { as_user, secret, invitation, is_new: there.is_none() };
    file.change(invite, daemon_runtime::now())?;
    file.save()?;
    if is_new {
        give(path, 0o640)?;
    }
    Ok(())
}
