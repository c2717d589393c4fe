//! Home Assistant over its WebSocket API: a question, and its answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::Secret;
use foreign_text::foreign;
use futures_util::{SinkExt, StreamExt};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::settings::Settings;

/// How long Home Assistant may take for an answer: it may be busy with its database.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection, whatever carries it.
trait Carrier: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Carrier for T {}

/// A Home Assistant that lets us in.
pub(super) struct Conversation {
    socket: WebSocketStream<Box<dyn Carrier>>,
    /// The number of the last question.
    asked: u64,
    /// Its version, as it says it.
    pub(super) version: String,
}

impl Conversation {
    /// Connects, and says who asks.
    ///
    /// # Errors
    /// Nobody there, no Home Assistant, or a token that it does not take.
    pub(super) async fn begin(settings: &Settings, token: &Secret) -> anyhow::Result<Self> {
        let address: Uri = settings.url.parse().with_context(|| {
            format!("url = \"{}\" is no address; write http://HOST:8123", foreign(&settings.url))
        })?;
        let connected = tokio::time::timeout(PATIENCE, connect(&address, settings)).await;
        let socket = connected.context("it does not answer")??;
        let mut conversation = Self { socket, asked: 0, version: String::new() };
        let welcome = conversation.hear().await?;
        conversation.version = foreign(welcome["ha_version"].as_str().unwrap_or("unknown")).to_string();
        if welcome["type"] != "auth_required" {
            bail!("what is there is no Home Assistant");
        }
        conversation.say(&json!({ "type": "auth", "access_token": token.reveal().trim() })).await?;
        let answer = conversation.hear().await?;
        if answer["type"] != "auth_ok" {
            bail!(
                "it does not take the token; make one of an administrator in Home Assistant, in your profile under \
                 Security, \"Long-lived access tokens\", and write it into the file"
            );
        }
        Ok(conversation)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// If there is none, or if Home Assistant says that it cannot.
    pub(super) async fn ask(&mut self, kind: &str, question: Value) -> anyhow::Result<Value> {
        self.asked += 1;
        let mut said: Map<String, Value> = serde_json::from_value(question)?;
        said.insert("id".to_owned(), self.asked.into());
        said.insert("type".to_owned(), kind.into());
        self.say(&said.into()).await?;
        loop {
            let mut answer = self.hear().await?;
            // Whatever else it says is no answer to this question.
            if answer["id"] != self.asked || answer["type"] != "result" {
                continue;
            }
            if answer["success"] == true {
                return Ok(answer["result"].take());
            }
            let said = |key: &str| foreign(answer["error"][key].as_str().unwrap_or_default()).to_string();
            if said("code") == "unauthorized" {
                bail!("{kind} is for administrators; make the token as one");
            }
            bail!("{kind}: {} ({})", said("message"), said("code"));
        }
    }

    async fn say(&mut self, said: &Value) -> anyhow::Result<()> {
        let sent = tokio::time::timeout(PATIENCE, self.socket.send(Message::text(said.to_string()))).await;
        sent.context("it takes nothing any more")?.context("the connection to it broke")
    }

    /// The next thing that it says.
    async fn hear(&mut self) -> anyhow::Result<Value> {
        loop {
            let heard =
                tokio::time::timeout(PATIENCE, self.socket.next()).await.context("it does not answer")?;
            match heard.context("it has closed the connection")?.context("the connection to it broke")? {
                Message::Text(text) => return serde_json::from_str(&text).context("what it says is no JSON"),
                Message::Close(_) => bail!("it has closed the connection"),
                _ => {}
            }
        }
    }

    /// Takes leave; that it may be gone by now does not matter.
    pub(super) async fn end(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.socket.close(None)).await;
    }
}

async fn connect(address: &Uri, settings: &Settings) -> anyhow::Result<WebSocketStream<Box<dyn Carrier>>> {
    let (is_tls, scheme) = match address.scheme_str() {
        Some("http") => (false, "ws"),
        Some("https") => (true, "wss"),
        _ => bail!("url begins with http:// or https://"),
    };
    let authority = address.authority().context("url names no host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream =
        TcpStream::connect((host, port)).await.with_context(|| format!("connecting to {authority}"))?;
    let stream: Box<dyn Carrier> = if is_tls {
        let name = ServerName::try_from(host.to_owned()).context("the host of url")?;
        Box::new(
            TlsConnector::from(tls(settings)?)
                .connect(name, stream)
                .await
                .context("speaking TLS with it; ca_file says whose certificates are trusted")?,
        )
    } else {
        Box::new(stream)
    };
    let api = format!("{scheme}://{authority}{}/api/websocket", address.path().trim_end_matches('/'));
    let (socket, _) = client_async(api, stream).await.context("what is there is no Home Assistant")?;
    Ok(socket)
}

/// Whom to believe to be Home Assistant.
fn tls(settings: &Settings) -> anyhow::Result<Arc<ClientConfig>> {
    let found = match &settings.ca_file {
        Some(path) => {
            let wrong = || format!("ca_file {}: no certificate in PEM format", path.display());
            let all = CertificateDer::pem_file_iter(path).with_context(wrong)?;
            all.collect::<Result<_, _>>().with_context(wrong)?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found);
    if usable == 0 {
        bail!("no CA to trust; install ca-certificates, or set ca_file");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().context("choosing TLS versions")?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
