//! `powerpi passwd`: writes users and their passwords into the users file of the broker or of the pages.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use broker_users::{LONGEST_PASSWORD, PasswordHash, Role, UserName, UsersFile};

/// The command line.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The user's name; a publisher's is its site
    #[arg(required_unless_present = "list")]
    name: Option<UserName>,
    /// What the user may do. At the broker: publisher, recorder, web, alarms, reader, home-assistant or bridge; at the
    /// pages: look or enter-readings; at both: admin, who may do everything
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// The users file: the broker's, or that of the pages, which is usually /var/lib/powerpi/web/users.toml
    #[arg(long, value_name = "FILE", default_value = "/etc/powerpi/users.toml")]
    file: PathBuf,
    /// Takes the password from this file instead of asking; "-" for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Gives the user no password, and takes away the one there is: they log in by client certificate only
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Changes the last admin with a password, too: nobody in the file may do everything afterwards
    #[arg(long)]
    force: bool,
    /// Deletes the user
    #[arg(long, conflicts_with_all = ["role", "password_file", "no_password"])]
    delete: bool,
    /// Lists the users and their roles
    #[arg(long, conflicts_with_all = ["name", "role", "password_file", "no_password", "delete"])]
    list: bool,
}

/// Changes one user, or lists all.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let file = UsersFile::open(&options.file)?;
    let Some(name) = &options.name else {
        return list(&file);
    };
    let change = asked_for(options, name, file.contains(name))?;
    // Nobody had to wait while a person was asked, and the file may have changed meanwhile.
    drop(file);
    let mut file = UsersFile::open(&options.file)?;
    let had_admin = file.users()?.has_admin();
    change.make(&mut file, name)?;
    if had_admin && !file.users()?.has_admin() && !options.force {
        bail!(
            "\"{name}\" is the last admin with a password in {}, so nothing was changed: make another admin first \
             (--role admin), or add --force",
            options.file.display()
        );
    }
    file.save()?;
    let file = options.file.display();
    println!(
        "{file} was written. The pages see that within a second, the broker after `systemctl reload powerpi-broker`."
    );
    Ok(())
}

/// What is to become of a user.
enum Change {
    Delete,
    Set { password: Option<PasswordHash>, role: Option<Role> },
    WithoutPassword { role: Option<Role> },
}

/// Asks for what the command line does not say.
fn asked_for(options: &Options, name: &UserName, is_there: bool) -> anyhow::Result<Change> {
    let role = options.role;
    if options.delete {
        return Ok(Change::Delete);
    }
    if !is_there && role.is_none() {
        bail!(
            "user \"{name}\" is new: give --role publisher, recorder, web, alarms, reader, home-assistant, bridge, \
             look, enter-readings or admin"
        );
    }
    if options.no_password {
        return Ok(Change::WithoutPassword { role });
    }
    // No password is asked for if only the role changes.
    let asked = !is_there || role.is_none() || options.password_file.is_some();
    let password = match asked {
        true => Some(PasswordHash::of(&password(options.password_file.as_deref())?)?),
        false => None,
    };
    Ok(Change::Set { password, role })
}

impl Change {
    fn make(&self, file: &mut UsersFile, name: &UserName) -> anyhow::Result<()> {
        match self {
            Self::Delete => {
                file.remove(name)?;
                // Nobody comes back by a link that was made before.
                file.withdraw(name)?;
            }
            Self::Set { password, role } => file.set(name, password.as_ref(), *role),
            Self::WithoutPassword { role } => {
                file.set(name, None, *role);
                file.take_password(name);
            }
        }
        Ok(())
    }
}

fn list(file: &UsersFile) -> anyhow::Result<()> {
    for (name, user) in file.users()?.user {
        let role = user.role.map_or("(own filters)", Role::name);
        let certificate_only = if user.password.is_none() { "  no password" } else { "" };
        println!("{name}\t{role}{certificate_only}");
    }
    Ok(())
}

/// The password in a file, or that of whoever is asked.
pub(crate) fn password(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    match file {
        Some(path) if path != Path::new("-") => {
            let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
            first_line(file)
        }
        None if std::io::stdin().is_terminal() => ask(),
        _ => first_line(std::io::stdin()),
    }
}

fn ask() -> anyhow::Result<Vec<u8>> {
    let password = rpassword::prompt_password("Password: ").context("asking for the password")?;
    if rpassword::prompt_password("Repeat it: ")? != password {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(password.into_bytes())
}

fn first_line(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    // A little more than the longest allowed, so that a longer one is noticed.
    source.take(LONGEST_PASSWORD as u64 + 2).read_to_end(&mut text).context("reading the password")?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}
