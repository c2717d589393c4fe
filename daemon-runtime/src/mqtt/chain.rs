//! The certificates that a broker shows.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use super::Address;

/// How long one step of the way may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the broker at `address`, which must have a port, for the certificates that it shows. Nobody has checked them:
/// they are good for nothing but to find the one among them that is known by its fingerprint. Nothing is sent there.
///
/// # Errors
/// If there is nobody who speaks TLS.
pub fn shown_certificates(address: &Address) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut tcp = connect(address)?;
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&tcp, Some(PATIENCE)).context("setting a time limit")?;
    }
    let shown = Arc::new(Shown { provider: Arc::new(ring::default_provider()), chain: Mutex::default() });
    let config = ClientConfig::builder_with_provider(Arc::clone(&shown.provider))
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&shown) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(address.host.clone()).context("its name")?;
    let mut tls = ClientConnection::new(Arc::new(config), name).context("beginning TLS")?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).context("TLS")?;
    }
    tls.send_close_notify();
    let _ = tls.write_tls(&mut tcp).and_then(|_| tcp.flush());
    let chain = std::mem::take(&mut *shown.chain.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(chain)
}

fn connect(address: &Address) -> anyhow::Result<TcpStream> {
    let port = address.port.context("the address has no port")?;
    let mut outcome = Err(anyhow!("the name has no address"));
    for socket in (address.host.as_str(), port).to_socket_addrs().context("looking up its name")? {
        outcome = TcpStream::connect_timeout(&socket, PATIENCE).map_err(Into::into);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Notes what is shown.
#[derive(Debug)]
struct Shown {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        broker: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(broker).chain(others).map(|one| one.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        broker: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, broker, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        broker: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, broker, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
