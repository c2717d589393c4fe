//! `powerpi open-pages`: lets others see the pages than who sits at this machine.

mod asking;
mod openness;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::bail;
use broker_users::{PasswordHash, Role, UserName, Users, UsersFile};
use daemon_runtime::replace_file;

use self::openness::{HAVE_USERS, Openness, Proxy};
use crate::invitations::{ToldPlace, folder_of_pages, own_addresses};
use crate::passwd;

/// The service of the pages.
const PAGES: &str = "powerpi-web";

/// Where the package has samples for proxies.
const SAMPLES: &str = "/usr/share/doc/powerpi-server/examples/";

/// Where the pages listen, if nothing else is said.
const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8080);

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A user who signs in and may do everything there is to do on the pages; the password is asked for
    #[arg(long, value_name = "NAME")]
    user: Option<UserName>,
    /// Takes the password from this file instead of asking; "-" for standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Browsers come through a proxy: "here" for one on this machine, or the proxy's address
    #[arg(long, value_name = "ADDRESS")]
    proxy: Option<Proxy>,
    /// Everybody who reaches the pages sees every meter, without a password
    #[arg(long, conflicts_with = "user")]
    everybody: bool,
    /// Where the pages listen; on every address and port 8080 by default
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    server: ToldPlace,
}

/// Opens the pages, and says where they are.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let server = &options.server;
    let mut settings = server.web()?;
    let (openness, user) = options.said(settings.users().is_some())?;

    let before = settings.listen()?;
    if let Some(name) = &user {
        if settings.users().is_none() {
            folder_of_pages(&settings)?;
        }
        let file = settings.users_or_usual();
        add(name, &file, options.password_file.as_deref())?;
        settings.set_users(&file);
    }
    match (&openness, options.listen) {
        (Openness::ProxyHere, None) => {}
        (_, listen) => settings.set_listen(listen.unwrap_or(EVERYWHERE)),
    }
    if let Openness::ProxyAt(proxy) = &openness {
        settings.trust(proxy);
    }
    if let Some(text) = settings.changed() {
        replace_file(&server.web_toml(), &text, 0o644, None)?;
    }
    let is_moved = settings.listen()? != before || matches!(openness, Openness::ProxyAt(_));
    server.control().tell(if is_moved { "restart" } else { "reload" }, PAGES)?;
    tell(&openness, settings.listen()?, user.as_ref());
    if user.is_some()
        && settings.users().is_some_and(|file| server.brokers_users().is_ok_and(|it| it == Some(file)))
    {
        println!("The broker has the same users: this one may do everything there as well.");
    }
    Ok(())
}

impl Options {
    /// How others are to reach the pages, and who signs in; asked for where the command line does not say it.
    fn said(&self, has_users: bool) -> anyhow::Result<(Openness, Option<UserName>)> {
        if self.user.is_none() && self.proxy.is_none() && !self.everybody {
            return asking::ask(has_users);
        }
        if self.everybody && has_users {
            bail!(HAVE_USERS);
        }
        if self.user.is_none() && !self.everybody && !has_users {
            bail!("say who shall see the pages behind the proxy: --user NAME, or --everybody");
        }
        let openness = match &self.proxy {
            None => Openness::Network,
            Some(Proxy::Here) => Openness::ProxyHere,
            Some(Proxy::At(address)) => Openness::ProxyAt(address.clone()),
        };
        Ok((openness, self.user.clone()))
    }
}

/// Makes somebody an admin of the pages, or gives an admin another password.
fn add(name: &UserName, path: &Path, password_file: Option<&Path>) -> anyhow::Result<()> {
    check_is_nobody_else(name, &UsersFile::open(path)?.users()?, path)?;
    // Nobody has to wait while a person is asked.
    let password = PasswordHash::of(&passwd::password(password_file)?)?;
    let mut file = UsersFile::open(path)?;
    check_is_nobody_else(name, &file.users()?, path)?;
    file.set(name, Some(&password), Some(Role::Admin));
    Ok(file.save()?)
}

/// Who is there with fewer rights, perhaps a program at the broker, does not get all of them by the way.
fn check_is_nobody_else(name: &UserName, users: &Users, path: &Path) -> anyhow::Result<()> {
    let role = match users.user.get(name).map(|user| user.role) {
        None | Some(Some(Role::Admin)) => return Ok(()),
        Some(role) => role.map_or("filters of their own", Role::name),
    };
    let path = path.display();
    bail!(
        "{path} has a user \"{name}\" already ({role}); choose another name, or make them an admin first: \
         powerpi passwd --file {path} --role admin {name}"
    );
}

fn tell(openness: &Openness, listen: SocketAddr, user: Option<&UserName>) {
    let signing_in = user.map(|name| format!(", and sign in as {name}")).unwrap_or_default();
    match openness {
        Openness::ProxyHere => println!(
            "The pages are at http://{listen}/, for a proxy on this machine; samples for nginx, Apache and Caddy are in {SAMPLES}"
        ),
        Openness::ProxyAt(proxy) => println!("The pages are at {listen}, for the proxy at {proxy}."),
        Openness::Network => {
            let addresses = match listen.ip().is_unspecified() {
                true => own_addresses(listen.port()).iter().map(ToString::to_string).collect(),
                false => vec![listen.to_string()],
            };
            let addresses: Vec<String> =
                addresses.iter().map(|address| format!("http://{address}/")).collect();
            println!("Open {}{signing_in}.", addresses.join(" or "));
        }
    }
    if user.is_some() && *openness != Openness::ProxyHere {
        println!(
            "Without a proxy with a certificate, passwords can be read in your network; never open port {} to the internet.",
            listen.port()
        );
    }
}
