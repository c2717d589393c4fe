//! Notices by e-mail.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::{Secret, is_this_machine, warn_if_others_can_read};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;

use crate::notice::Notice;

/// How long a mail server may take.
const WITHIN: Duration = Duration::from_secs(30);

/// `[email]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSettings {
    /// The mail server.
    pub host: String,
    /// Its port; by default 465 with `tls`, 587 with `starttls`, 25 with `none`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// CAs to trust, in PEM; the system's by default.
    pub ca_file: Option<PathBuf>,
    /// The user at the mail server.
    pub user: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// The sender.
    pub from: Mailbox,
    /// The recipients.
    pub to: Vec<Mailbox>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the start.
    #[default]
    Tls,
    /// TLS after a greeting; an error if the server does not offer it.
    StartTls,
    /// No protection: for a mail server on this machine.
    None,
}

/// A mail server to send by.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    /// Reads certificates and password.
    ///
    /// # Errors
    /// Files that cannot be read; a password that would leave this machine unprotected.
    pub fn new(settings: &EmailSettings) -> anyhow::Result<Self> {
        let tls = |required: fn(TlsParameters) -> Tls| -> anyhow::Result<Tls> {
            let mut parameters = TlsParameters::builder(settings.host.clone());
            if let Some(file) = &settings.ca_file {
                let pem =
                    std::fs::read(file).with_context(|| format!("email: reading {}", file.display()))?;
                parameters = parameters.add_root_certificate(Certificate::from_pem(&pem)?);
            }
            Ok(required(parameters.build_rustls()?))
        };
        let (tls, usual_port) = match settings.security {
            Security::Tls => (tls(Tls::Wrapper)?, 465),
            Security::StartTls => (tls(Tls::Required)?, 587),
            Security::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port.unwrap_or(usual_port))
            .timeout(Some(WITHIN))
            .tls(tls);
        if let Some(user) = &settings.user {
            if settings.security == Security::None && !is_this_machine(&settings.host) {
                bail!("email: a password would go to {} in clear text; set security", settings.host);
            }
            let Some(file) = &settings.password_file else { bail!("email: user needs a password_file") };
            warn_if_others_can_read(file);
            let password =
                Secret::read(file).with_context(|| format!("email: reading {}", file.display()))?;
            transport = transport.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        if settings.to.is_empty() {
            bail!("email: `to` is empty");
        }
        Ok(Self { transport: transport.build(), from: settings.from.clone(), to: settings.to.clone() })
    }

    /// Sends a notice to all recipients.
    ///
    /// # Errors
    /// What the mail server said.
    pub async fn send(&self, notice: &Notice) -> anyhow::Result<()> {
        let text = notice.text.as_deref().unwrap_or_default();
        let page = notice.page.as_deref().map(|page| format!("\n\n{page}")).unwrap_or_default();
        let mut message =
            Message::builder().from(self.from.clone()).subject(text).header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        self.transport.send(message.body(format!("{text}{page}\n"))?).await?;
        Ok(())
    }
}
