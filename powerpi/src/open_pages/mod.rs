//! `powerpi open-pages`: lets others see the pages than who sits at this machine.

mod asking;
mod openness;
mod web_settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use broker_users::{PasswordHash, Role, UserName, UsersFile};
use daemon_runtime::{OwnerNames, replace_file};

use self::openness::{Openness, Proxy};
use self::web_settings::WebSettings;
use crate::invitations::{Place, own_addresses};
use crate::passwd;

/// The service of the pages, and the group that reads their users.
const PAGES: &str = "powerpi-web";

/// Where the package has samples for proxies.
const SAMPLES: &str = "/usr/share/doc/powerpi-server/examples/";

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
    /// Where the pages listen, if others reach them directly
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    server: Place,
}

/// Opens the pages, and says where they are.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let toml = options.server.folder().join("powerpi-web.toml");
    let text = std::fs::read_to_string(&toml).with_context(|| {
        format!("reading {}: are the pages on this machine, and are you root?", toml.display())
    })?;
    let mut settings = WebSettings::read(&text)?;
    let (openness, user) = options.said(settings.users().is_some())?;

    let before = settings.listen()?;
    if let Some(name) = &user {
        let file = settings.users().unwrap_or_else(|| options.server.folder().join("web-users.toml"));
        add(name, &file, options.password_file.as_deref())?;
        settings.set_users(&file);
    }
    match &openness {
        Openness::ProxyHere => {}
        Openness::Network => settings.set_listen(options.listen),
        Openness::ProxyAt(proxy) => {
            settings.set_listen(options.listen);
            settings.trust(proxy);
        }
    }
    if let Some(text) = settings.changed() {
        replace_file(&toml, &text, 0o644, None)?;
    }
    let is_moved = settings.listen()? != before || matches!(openness, Openness::ProxyAt(_));
    options.server.control().tell(if is_moved { "restart" } else { "reload" }, PAGES)?;
    tell(&openness, settings.listen()?, user.as_ref());
    Ok(())
}

impl Options {
    /// How others are to reach the pages, and who signs in; asked for where the command line does not say it.
    fn said(&self, has_users: bool) -> anyhow::Result<(Openness, Option<UserName>)> {
        if self.user.is_none() && self.proxy.is_none() && !self.everybody {
            return asking::ask();
        }
        if self.everybody && has_users {
            bail!(
                "the pages have users, who sign in; to do without them, take `users` out of [access] in their settings"
            );
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

/// Makes somebody a user of the pages, or gives them another password.
fn add(name: &UserName, path: &Path, password_file: Option<&Path>) -> anyhow::Result<()> {
    // Nobody has to wait while a person is asked.
    let password = PasswordHash::of(&passwd::password(password_file)?)?;
    let is_new = !path.exists();
    let mut file = UsersFile::open(path)?;
    file.set(name, Some(&password), Some(Role::Admin));
    file.save()?;
    if is_new {
        let text = std::fs::read_to_string(path)?;
        replace_file(path, &text, 0o640, OwnerNames::read("/etc/group".as_ref()).number(PAGES))?;
    }
    Ok(())
}

fn tell(openness: &Openness, listen: SocketAddr, user: Option<&UserName>) {
    let signing_in = user.map(|name| format!(", and sign in as {name}")).unwrap_or_default();
    match openness {
        Openness::ProxyHere => println!(
            "The pages stay at http://{listen}/, for a proxy on this machine; samples for nginx, Apache and Caddy are in {SAMPLES}"
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
