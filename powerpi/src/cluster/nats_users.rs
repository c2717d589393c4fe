//! `powerpi cluster nats-users`: the broker's users as NATS' settings have them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use broker_users::Users;
use daemon_runtime::replace_file;

use super::password_folder::PasswordFolder;
use super::rights::Rights;

/// The command line.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The broker's users file
    #[arg(long, value_name = "FILE", default_value = "/etc/powerpi/users.toml")]
    users: PathBuf,
    /// The folder of passwords: a file for each user, whose first line is the password. Nobody can read passwords in the
    /// users file, so who has no file here gets a new password in one, readable by its owner only
    #[arg(long, value_name = "FOLDER")]
    passwords: PathBuf,
    /// Where users and rights are written, for `include` in NATS' settings; the same file is for all nodes
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Lets publishers announce themselves to Home Assistant. NATS cannot tell whose device it is, so each of them can then
    /// announce one under any name
    #[arg(long)]
    discovery: bool,
}

/// Writes the file, and says what NATS cannot have.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let users = Users::read(&options.users)?;
    let passwords = PasswordFolder::open(&options.passwords)?;
    let (mut entries, mut number, mut drawn, mut left_out) = (String::new(), 0, 0, BTreeMap::new());
    for (name, user) in &users.user {
        let Some(rights) = Rights::of(name, user, options.discovery) else { continue };
        let (hash, is_new) = passwords.hash(name)?;
        let permissions = rights.to_string().replace('\n', "\n        ");
        writeln!(
            entries,
            "    {{\n      user: \"{name}\", password: \"{hash}\", allowed_connection_types: [\"MQTT\"]\n      \
             permissions: {{\n        {permissions}\n      }}\n    }}"
        )?;
        number += 1;
        drawn += u64::from(is_new);
        for (filter, unfit) in rights.left_out {
            left_out.entry((filter, unfit.why())).or_insert_with(Vec::new).push(name.as_str());
        }
    }
    let text = format!(
        "# Made by `powerpi cluster nats-users`, which replaces it. Passwords are hashed with bcrypt.\n\
         authorization {{\n  users: [\n{entries}  ]\n}}\n"
    );
    replace_file(&options.to, &text, 0o640, None)?;
    let folder = options.passwords.display();
    println!("{}: {number} users. {drawn} new passwords are in {folder}.", options.to.display());
    for ((filter, why), names) in left_out {
        let whose = match names.as_slice() {
            [name] => (*name).to_owned(),
            [name, ..] => format!("{name} and {} more", names.len() - 1),
            [] => continue,
        };
        println!("Left out for {whose}: {filter} ({why}).");
    }
    println!("NATS reads it at its start and after `systemctl reload nats-server`, on each node.");
    Ok(())
}
