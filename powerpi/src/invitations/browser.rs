//! `powerpi invite --browser`, `powerpi users`, `powerpi revoke --browser`: who may come to the pages.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};
use broker_users::{NotChanged, OpenInvitation, PasswordHash, Role, UserChange, UserName, UsersFile};
use daemon_runtime::replace_file;
use jiff::{Timestamp, ToSpan};
use pairing::BrowserInvitation;
use serde_json::json;

use super::control::PAGES;
use super::own_names::own_addresses;
use super::place::{Place, ToldPlace, folder_of_pages};
use super::printing::{clock, print};
use crate::web_settings::WebSettings;

/// What is to be invited, as options say it.
pub(super) struct Invited<'a> {
    pub(super) name: &'a UserName,
    pub(super) role: Role,
    pub(super) minutes: u32,
    /// Whether it is somebody who is there and sets another password.
    pub(super) replace: bool,
    /// Where browsers reach the pages.
    pub(super) pages: Option<&'a str>,
}

/// The command line of `users`.
#[derive(clap::Args)]
pub(crate) struct UsersOptions {
    #[command(flatten)]
    server: Place,
    /// Prints a JSON object a line, for programs
    #[arg(long)]
    json: bool,
}

/// Scheme, host and sub-path of the pages, as far as their settings tell.
fn address(settings: &WebSettings) -> anyhow::Result<String> {
    let listen = settings.listen()?;
    let host = match listen.ip() {
        ip if ip.is_loopback() => format!("localhost:{}", listen.port()),
        ip if ip.is_unspecified() => {
            let own = own_addresses(listen.port()).into_iter().next();
            own.map_or_else(|| format!("localhost:{}", listen.port()), |own| own.to_string())
        }
        _ => listen.to_string(),
    };
    Ok(format!("http://{host}{}", settings.base_path()))
}

/// Invites somebody to the pages, and prints the link.
pub(super) fn invite(server: &ToldPlace, invited: &Invited<'_>) -> anyhow::Result<()> {
    if invited.role.pages().is_none() {
        bail!("{} is no role at the pages; choose look, enter-readings or admin", invited.role);
    }
    let mut settings = server.web()?;
    let address = match invited.pages {
        Some(address) => address.trim_end_matches('/').to_owned(),
        None => address(&settings)?,
    };
    let users = settings.users_or_usual();
    check_writable(&users, &folder_of_pages(&settings)?)?;
    let now = daemon_runtime::now();
    let until = now.checked_add(i64::from(invited.minutes).minutes())?;
    let until = Timestamp::from_second(until.as_second())?;
    let link = BrowserInvitation::random();
    add(&users, link, invited, until)?;
    if settings.users().is_none() {
        settings.set_users(&users);
        if let Some(text) = settings.changed() {
            replace_file(&server.web_toml(), &text, 0o644, None)?;
        }
        server.control().tell("reload", PAGES)?;
        eprintln!(
            "From now on the pages ask for a name and a password; whoever has none sees public meters only."
        );
    }
    print(&format!("{address}{}", link.path()))?;
    eprintln!("Whoever opens this link sets a password. It works once, until {}.", clock(until));
    if address.starts_with("http://localhost") {
        eprintln!(
            "It can be opened on this machine; from elsewhere with --pages and the address of the pages there."
        );
    }
    Ok(())
}

/// The pages write the file when somebody sets a password: into a folder of theirs.
fn check_writable(users: &Path, folder: &Path) -> anyhow::Result<()> {
    let owner = |path: &Path| path.metadata().map(|data| data.uid()).ok();
    if users.parent().and_then(owner) != owner(folder) {
        let (from, to) = (users.display(), folder.join("users.toml"));
        let to = to.display();
        bail!(
            "the pages may not write {from}, as setting a password takes. Move it once: \
             install -m 640 --owner powerpi-web --group powerpi-web {from} {to}, write users = \"{to}\" \
             below [access] in powerpi-web.toml, and systemctl reload powerpi-web"
        );
    }
    Ok(())
}

fn add(path: &Path, link: BrowserInvitation, invited: &Invited<'_>, until: Timestamp) -> anyhow::Result<()> {
    let secret = PasswordHash::of(link.secret.password().as_bytes())?;
    let mut file = UsersFile::open(path)?;
    let name = invited.name;
    let there = file.users()?.user.get(name).map(|user| user.role);
    let role = match there {
        // Who is there stays what they are.
        Some(Some(role)) if role.pages().is_some() => role,
        Some(_) => {
            bail!("there is a user \"{name}\" who is somebody else at the broker; choose another name")
        }
        None => invited.role,
    };
    let invite = UserChange::Invite {
        as_user: link.id.user().parse()?,
        secret,
        invitation: OpenInvitation { name: name.clone(), role, until },
        is_new: there.is_none() || !invited.replace,
    };
    match file.change(invite, daemon_runtime::now()) {
        Err(NotChanged::Taken) => bail!("{name} is there already; with --replace they set another password"),
        changed => changed?,
    };
    Ok(file.save()?)
}

/// Prints who may come to the pages, and who is invited.
pub(crate) fn users(options: &UsersOptions) -> anyhow::Result<()> {
    let Some(file) = options.server.web()?.users() else {
        eprintln!("The pages have no users: whoever reaches them sees everything.");
        return Ok(());
    };
    let users = UsersFile::open(&file)?.users()?;
    for (name, user) in &users.user {
        if let Some(role) = user.role.filter(|role| role.pages().is_some()) {
            match options.json {
                true => println!("{}", json!({"user": name.as_str(), "role": role.name()})),
                false => println!("{name}\t{role}"),
            }
        }
    }
    let now = daemon_runtime::now();
    let is_open = |open: &OpenInvitation| open.until > now && open.role.pages().is_some();
    for (_, OpenInvitation { name, role, until }) in users.invitations().filter(|(_, open)| is_open(open)) {
        let said = match options.json {
            true => json!({"user": name.as_str(), "role": role.name(), "invited_until": until}).to_string(),
            false => format!("{name}\t{role}\tinvited, until {until}"),
        };
        println!("{said}");
    }
    Ok(())
}

/// Lets somebody into the pages no longer, and withdraws their invitations. The pages see it within a second.
pub(super) fn revoke(server: &Place, name: &UserName) -> anyhow::Result<()> {
    let nobody = || format!("the pages have no user \"{name}\"; `powerpi users` lists them");
    let mut file = UsersFile::open(&server.web()?.users().with_context(nobody)?)?;
    let users = file.users()?;
    let is_invited = users.invitations().any(|(_, open)| open.name == *name);
    let name_of = || name.clone();
    let change = match users.user.get(name).map(|user| user.role) {
        Some(Some(was)) if was.pages().is_some() => UserChange::Delete { name: name_of(), was },
        Some(_) => bail!("\"{name}\" is no user of the pages; `powerpi passwd --delete {name}` deletes it"),
        None if !is_invited => bail!(nobody()),
        None => UserChange::Withdraw { name: name_of() },
    };
    match file.change(change, daemon_runtime::now()) {
        Err(NotChanged::LastAdmin) => bail!("{name} is the last admin; invite another one first"),
        changed => changed?,
    };
    file.save()?;
    println!("{name} is let in no longer.");
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_tell_where_the_pages_are() {
        let of = |text: &str| address(&WebSettings::read(text).unwrap()).unwrap();
        assert_eq!(of(""), "http://localhost:8080");
        assert_eq!(of("listen = '192.168.1.2:80'\nbase_path = '/power/'"), "http://192.168.1.2:80/power");
        assert!(of("listen = '0.0.0.0:8080'").ends_with(":8080"));
    }
}
