//! `powerpi sites` and `powerpi revoke`: who is let in, and no longer.

use anyhow::{Context, bail};
use broker_users::{OpenInvitation, Role, UserName, UsersFile};
use meter_messages::SiteId;
use serde_json::json;

use super::browser;
use super::control::BROKER;
use super::decision::invitations;
use super::place::{InvitingPlace, Place};

/// The command line of `sites`.
#[derive(clap::Args)]
pub(crate) struct SitesOptions {
    #[command(flatten)]
    server: Place,
    /// Prints a JSON object a line, for programs
    #[arg(long)]
    json: bool,
}

/// The command line of `revoke`.
#[derive(clap::Args)]
pub(crate) struct RevokeOptions {
    /// The site's name; with --browser that of a user of the pages
    site: UserName,
    /// Lets a person in no longer, at the pages
    #[arg(long)]
    browser: bool,
    #[command(flatten)]
    server: InvitingPlace,
}

/// Prints the sites that may come in, and the invitations that nobody has used yet.
pub(crate) fn sites(options: &SitesOptions) -> anyhow::Result<()> {
    let Some(file) = options.server.brokers_users()? else { return Ok(()) };
    let users = UsersFile::open(&file)?.users()?;
    for (name, user) in &users.user {
        if user.role == Some(Role::Publisher) {
            match options.json {
                true => println!("{}", json!({"site": name.as_str(), "state": "paired"})),
                false => println!("{name}\tpaired"),
            }
        }
    }
    let now = daemon_runtime::now();
    let is_of_site = |open: &OpenInvitation| open.until > now && open.role == Role::Publisher;
    for (_, invitation) in invitations(&users).filter(|(_, invitation)| is_of_site(invitation)) {
        let (name, until) = (&invitation.name, invitation.until);
        match options.json {
            true => println!("{}", json!({"site": name.as_str(), "state": "invited", "until": until})),
            false => println!("{name}\tinvited, until {until}"),
        }
    }
    Ok(())
}

/// Lets a site in no longer: its Pi is disconnected, and invitations for it are good for nothing.
pub(crate) fn revoke(options: &RevokeOptions) -> anyhow::Result<()> {
    if options.browser {
        return browser::revoke(&options.server, &options.site);
    }
    let site = &options.site;
    let nobody = || format!("there is no site \"{site}\"; `powerpi sites` lists them");
    let mut file = UsersFile::open(&options.server.brokers_users()?.with_context(nobody)?)?;
    let users = file.users()?;
    let mut gone: Vec<UserName> = invitations(&users)
        .filter(|(_, invitation)| invitation.name == *site)
        .map(|(user, _)| user.clone())
        .collect();
    match users.user.get(site).map(|user| user.role) {
        Some(Some(Role::Publisher)) => gone.push(site.clone()),
        Some(_) => bail!("the user \"{site}\" is no site; `powerpi passwd --delete {site}` deletes it"),
        None if gone.is_empty() => bail!(nobody()),
        None => {}
    }
    for user in &gone {
        file.remove(user)?;
    }
    file.save()?;
    drop(file);
    no_longer_shown(site, &options.server);
    options.server.control().tell("reload", BROKER)?;
    println!("{site} is let in no longer. What was recorded of it stays.");
    Ok(())
}

/// Takes a site's invitation off the server's first page. Whatever becomes of it, it is good for nothing any more.
pub(super) fn no_longer_shown(site: &UserName, server: &InvitingPlace) {
    let hidden =
        site.as_str().parse().ok().map_or(Ok(()), |site: SiteId| pairing::hide(&site, server.shown()));
    if let Err(error) = hidden {
        eprintln!("powerpi: {}: {error}", server.shown().display());
    }
}
