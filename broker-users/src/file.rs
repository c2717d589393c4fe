//! Writing the users file.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Gid, Uid, fchown, flock};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use crate::name::UserName;
use crate::password::PasswordHash;
use crate::role::Role;
use crate::users::{OpenInvitation, Users, UsersError};

/// A new file's first lines.
const HEADING: &str = "# Users of powerpi-broker or powerpi-web; `powerpi passwd` writes this file, and you may edit it.\n\
                       # The pages see a change within a second, the broker after: systemctl reload powerpi-broker\n\n";

/// A users file that is being changed. What a person wrote into it stays: comments, order, filters.
/// Until it is saved or dropped, nobody else changes one in the same folder.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    document: DocumentMut,
    alone: Option<File>,
}

impl UsersFile {
    /// Reads the file, or starts a new one if there is none. Waits for whoever changes it now.
    ///
    /// # Errors
    /// If it cannot be read or is invalid; it is left as it is.
    pub fn open(path: &Path) -> Result<Self, UsersError> {
        // The folder, because the file itself is replaced. Without one there is nothing to wait for.
        let alone = File::open(folder_of(path))
            .ok()
            .filter(|folder| flock(folder, FlockOperation::LockExclusive).is_ok());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => HEADING.to_owned(),
            Err(error) => return Err(UsersError::io(path, error)),
        };
        Users::parse(&text).map_err(|error| UsersError::wrong(path, &error))?;
        let document = text.parse().map_err(|error| UsersError::wrong(path, &error))?;
        Ok(Self { path: path.to_owned(), document, alone })
    }

    /// The names of all users and their roles.
    pub fn users(&self) -> Result<Users, UsersError> {
        Users::parse(&self.document.to_string()).map_err(|error| UsersError::wrong(&self.path, &error))
    }

    /// Whether the user exists.
    pub fn contains(&self, name: &UserName) -> bool {
        self.document.get("user").and_then(|users| users.get(name.as_str())).is_some()
    }

    /// Sets what is given of a user, who may be new.
    pub fn set(&mut self, name: &UserName, password: Option<&PasswordHash>, role: Option<Role>) {
        let user = self.section(name);
        if let Some(role) = role {
            user["role"] = value(role.name());
        }
        if let Some(password) = password {
            user["password"] = value(password.as_str());
        }
    }

    /// Takes a user's password away: from then on only a client certificate lets them in.
    pub fn take_password(&mut self, name: &UserName) {
        if let Some(user) = self.section(name).as_table_like_mut() {
            user.remove("password");
        }
    }

    /// Adds the user of an invitation, who logs in with its secret.
    pub fn invite(&mut self, name: &UserName, secret: &PasswordHash, invitation: &OpenInvitation) {
        self.set(name, Some(secret), Some(Role::Invited));
        let mut said = InlineTable::new();
        said.insert("name", invitation.name.as_str().into());
        said.insert("role", invitation.role.name().into());
        said.insert("until", invitation.until.to_string().into());
        self.section(name)["invitation"] = value(said);
    }

    fn section(&mut self, name: &UserName) -> &mut Item {
        let users = self.document.entry("user").or_insert_with(|| {
            let mut users = Table::new();
            users.set_implicit(true);
            Item::Table(users)
        });
        let user = &mut users[name.as_str()];
        if user.is_none() {
            *user = Item::Table(Table::new());
        }
        user
    }

    /// Withdraws all invitations by which somebody would become this user.
    ///
    /// # Errors
    /// If the file has become invalid.
    pub fn withdraw(&mut self, name: &UserName) -> Result<(), UsersError> {
        let users = self.users()?;
        let open = users.invitations().filter(|(_, invitation)| invitation.name == *name);
        open.map(|(user, _)| user.clone()).try_for_each(|user| self.remove(&user))
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn remove(&mut self, name: &UserName) -> Result<(), UsersError> {
        let users = self.document.get_mut("user").and_then(Item::as_table_like_mut);
        let removed = users.and_then(|users| users.remove(name.as_str()));
        removed.map(drop).ok_or_else(|| UsersError::NoSuchUser(name.clone()))
    }

    /// Replaces the file atomically. It keeps owner, group and mode; a new one is readable by its
    /// owner and by the group of its folder.
    ///
    /// # Errors
    /// If it cannot be written; the old one is then unchanged.
    pub fn save(&self) -> Result<(), UsersError> {
        self.users()?;
        self.replace().map_err(|error| UsersError::io(&self.path, error))?;
        // The next one may have its turn.
        if let Some(folder) = &self.alone {
            let _ = flock(folder, FlockOperation::Unlock);
        }
        Ok(())
    }

    fn replace(&self) -> std::io::Result<()> {
        // The target of a symbolic link, so that the link stays.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = folder_of(&path);
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(self.document.to_string().as_bytes())?;
        match std::fs::metadata(&path) {
            Ok(old) => {
                // Who may not give files away, but may replace this one, becomes its owner; its group stays.
                give_to(file.as_file(), old.uid(), old.gid())
                    .or_else(|_| give_to(file.as_file(), file.as_file().metadata()?.uid(), old.gid()))?;
                file.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
            }
            Err(_) => share_with_group_of(folder, file.as_file())?,
        }
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes a new file readable by the group of its folder, and its owner's: a temporary file is for whoever makes it.
fn share_with_group_of(folder: &Path, file: &File) -> std::io::Result<()> {
    let (ours, folder) = (file.metadata()?, std::fs::metadata(folder)?);
    let (owner, group) = (folder.uid(), folder.gid());
    let given = || give_to(file, owner, group).or_else(|_| give_to(file, ours.uid(), group));
    // Without the right to change them they stay; the broker reports if it cannot read the file.
    if (ours.uid(), ours.gid()) != (owner, group) && given().is_ok() {
        file.set_permissions(Permissions::from_mode(0o640))?;
    }
    Ok(())
}

fn give_to(file: &File, owner: u32, group: u32) -> std::io::Result<()> {
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (owner, group) {
        fchown(file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
    }
    Ok(())
}
