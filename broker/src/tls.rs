//! TLS: certificates from files, and the names in clients' certificates.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::settings::TlsSettings;

/// Reads certificates and key; `None` if no certificate is set.
///
/// # Errors
///
/// If a file is missing or wrong; the error says which.
pub(crate) fn read(settings: &TlsSettings) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    let (certificate, key) = match (&settings.certificate, &settings.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => bail!("[tls] needs both certificate and key"),
    };
    if settings.client_crl.is_some() && settings.client_ca.is_none() {
        bail!("[tls] client_crl needs client_ca");
    }
    let chain = certificates(certificate)?;
    let key_der = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("[tls] key {}: no private key in PEM format", key.display()))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider);
            let verifier = match &settings.client_crl {
                // Whoever signs clients' certificates need not be the CA itself.
                Some(path) => verifier.with_crls(revoked(path)?).only_check_end_entity_revocation(),
                None => verifier,
            };
            let verifier = match settings.require_client_certificate {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build().with_context(|| format!("[tls] client_ca {}", path.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, key_der)
        .with_context(|| format!("[tls] certificate {} and key {}", certificate.display(), key.display()))?;
    Ok(Some(Arc::new(config)))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let said = || format!("[tls] {}: no certificate in PEM format", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(said)?
        .collect::<Result<_, _>>()
        .with_context(said)?;
    if chain.is_empty() {
        bail!(said());
    }
    Ok(chain)
}

fn roots(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).with_context(|| format!("[tls] client_ca {}", path.display()))?;
    }
    Ok(roots)
}

fn revoked(path: &Path) -> anyhow::Result<Vec<CertificateRevocationListDer<'static>>> {
    let said =
        || format!("[tls] client_crl {}: no list of revoked certificates in PEM format", path.display());
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(path)
        .with_context(said)?
        .collect::<Result<_, _>>()
        .with_context(said)?;
    if lists.is_empty() {
        bail!(said());
    }
    Ok(lists)
}

/// What decides which clients' certificates are good: the files' content.
pub(crate) fn client_trust(settings: &TlsSettings) -> Vec<Option<Vec<u8>>> {
    [&settings.client_ca, &settings.client_crl].map(|path| std::fs::read(path.as_ref()?).ok()).into()
}

/// The names in a certificate that was verified: common names, then DNS names and mail addresses.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let subject = &certificate.tbs_certificate.subject;
    let attributes = subject.0.iter().flat_map(|rdn| rdn.0.iter());
    let mut names: Vec<String> = attributes
        .filter(|attribute| attribute.oid == CN)
        .filter_map(|attribute| text(&attribute.value))
        .collect();
    if let Ok(Some((_, alternatives))) = certificate.tbs_certificate.get::<SubjectAltName>() {
        names.extend(alternatives.0.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) | GeneralName::Rfc822Name(name) => Some(name.to_string()),
            _ => None,
        }));
    }
    names
}

fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.to_string()),
        Tag::PrintableString => PrintableStringRef::try_from(value).ok().map(|text| text.to_string()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|text| text.to_string()),
        _ => None,
    }
}
