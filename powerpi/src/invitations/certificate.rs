//! The files of the broker's own certificate, and `powerpi renew-certificate`.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use pairing::Fingerprint;
use rcgen::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::authority::{Shown, is_own_root, sign_authority, sign_broker};
use super::broker_settings::CertificateFiles;
use super::control::BROKER;
use super::place::{Place, ToldPlace};
use daemon_runtime::{OwnerNames, replace_file};

/// The group of the program that reads the key.
const BROKERS_GROUP: &str = "powerpi-broker";

/// The command line of `renew-certificate`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: ToldPlace,
}

/// Renews the broker's own certificate if it ends within months; says nothing if it does not.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let own = OwnCertificate::of(&options.server);
    if own.broker_pem.is_file() && own.issue(&[], daemon_runtime::now())? {
        options.server.control().tell("reload", BROKER)?;
        println!("{} was renewed.", own.broker_pem.display());
    }
    Ok(())
}

/// Where the server keeps the CA that it has made itself, and the broker's certificate of it.
#[derive(Debug)]
pub(super) struct OwnCertificate {
    folder: PathBuf,
    ca_key: PathBuf,
    ca_pem: PathBuf,
    broker_key: PathBuf,
    broker_pem: PathBuf,
}

impl OwnCertificate {
    pub(super) fn of(server: &Place) -> Self {
        let folder = server.folder().join("tls");
        let file = |name: &str| folder.join(name);
        let [ca_key, ca_pem, broker_key, broker_pem] =
            ["own-ca.key", "own-ca.pem", "own-broker.key", "own-broker.pem"].map(file);
        Self { folder, ca_key, ca_pem, broker_key, broker_pem }
    }

    /// What the broker has to be told.
    pub(super) fn files(&self) -> CertificateFiles {
        CertificateFiles { certificate: self.broker_pem.clone(), key: self.broker_key.clone() }
    }

    /// Makes what is not there yet, and the broker's certificate anew where it is time. Keys are made once, and each
    /// file is there as a whole or not at all, so that they fit each other at any moment. Whether something changed.
    pub(super) fn issue(&self, names: &[String], now: Timestamp) -> anyhow::Result<bool> {
        if !self.folder.is_dir() {
            std::fs::create_dir(&self.folder).with_context(|| format!("making {}", self.folder.display()))?;
            give(&self.folder, 0o750)?;
        }
        let (ca_key, broker_key) = (key(&self.ca_key, 0o600)?, key(&self.broker_key, 0o640)?);
        // Those of a broker that was removed, or of another machine, may have a group that is not this one's.
        [&self.folder, &self.broker_key].into_iter().for_each(|path| give_group(path));
        let ca_pem = match read(&self.ca_pem)? {
            Some(pem) => pem,
            None => {
                let pem = sign_authority(&ca_key)?;
                write(&self.ca_pem, &pem, 0o644)?;
                pem
            }
        };
        let names = match read(&self.broker_pem)? {
            None => Some(names.to_vec()),
            Some(pem) => {
                let shown = Shown::read(&pem).with_context(|| self.broker_pem.display().to_string())?;
                shown.names_anew(names, now)
            }
        };
        let Some(names) = names else { return Ok(false) };
        let broker = sign_broker(ca_key, &broker_key, &names, now)?;
        // With the CA's, so that who is invited finds it.
        write(&self.broker_pem, &(broker + &ca_pem), 0o644)?;
        Ok(true)
    }
}

/// The fingerprint of the CA in the file of the certificate that the broker shows.
///
/// # Errors
/// If its last certificate is not that of a CA that has signed itself.
pub(super) fn authority_of(files: &CertificateFiles) -> anyhow::Result<Fingerprint> {
    let path = files.certificate.display();
    let chain =
        CertificateDer::pem_file_iter(&files.certificate).with_context(|| format!("reading {path}"))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().with_context(|| format!("reading {path}"))?;
    match chain.last() {
        Some(last) if is_own_root(last) => Ok(Fingerprint::of(last)),
        _ => bail!(
            "{path}: the Pi can only be told which CA to trust if its certificate is the last one in this file: append it \
             and reload the broker, or take the certificate out of [tls] in the broker's settings, and one is made here"
        ),
    }
}

fn key(path: &Path, mode: u32) -> anyhow::Result<KeyPair> {
    let pem = match read(path)? {
        Some(pem) => pem,
        None => {
            let pem = KeyPair::generate().context("making a key")?.serialize_pem();
            write(path, &pem, mode)?;
            pem
        }
    };
    KeyPair::from_pem(&pem).with_context(|| format!("{} holds no key", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Writes a file as a whole or not at all; a new one is for the broker's group.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    replace_file(path, text, mode, brokers_group())
}

/// To the broker's group, if this machine has it and we may; and with this mode.
pub(super) fn give(path: &Path, mode: u32) -> anyhow::Result<()> {
    give_group(path);
    Ok(std::fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn give_group(path: &Path) {
    if let Some(group) = brokers_group() {
        // Who is not root has made all files for itself.
        let _ = std::os::unix::fs::chown(path, None, Some(group));
    }
}

fn brokers_group() -> Option<u32> {
    OwnerNames::read("/etc/group".as_ref()).number(BROKERS_GROUP)
}
