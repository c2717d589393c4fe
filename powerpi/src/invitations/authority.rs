//! A CA that signs for one broker only, and the broker's certificate.

use anyhow::Context;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints as BasicConstraintsRead, SubjectAltName};

/// How long the broker's certificate is good, in days.
const GOOD_FOR_DAYS: i64 = 730;

/// It is renewed once it is good for fewer days than this.
const RENEWED_BEFORE_DAYS: i64 = 240;

/// More names than this are not carried over from an old certificate.
const MOST_NAMES: usize = 32;

/// The broker's certificate, as far as it matters when to renew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The names and addresses that it is good for.
    pub(super) names: Vec<String>,
    /// When it ends.
    pub(super) ends: Timestamp,
}

impl Shown {
    /// Reads the first certificate of a PEM file.
    pub(super) fn read(pem: &str) -> anyhow::Result<Self> {
        let certificate = read(pem)?.tbs_certificate;
        let alternatives = certificate.get::<SubjectAltName>().context("the certificate's names")?;
        let names = alternatives.into_iter().flat_map(|(_, names)| names.0);
        let ends = certificate.validity.not_after.to_unix_duration().as_secs();
        Ok(Self {
            names: names.filter_map(text).collect(),
            ends: i64::try_from(ends)
                .ok()
                .and_then(|s| Timestamp::from_second(s).ok())
                .unwrap_or(Timestamp::MAX),
        })
    }

    /// With which names to make a new one, if it is time for that: it ends soon, or some of `names` are missing.
    pub(super) fn names_anew(&self, names: &[String], now: Timestamp) -> Option<Vec<String>> {
        let all_there = names.iter().all(|name| self.names.contains(name));
        if all_there && self.ends > after(now, RENEWED_BEFORE_DAYS) {
            return None;
        }
        // Invitations and Pis know the old ones.
        let old = self.names.iter().filter(|name| !names.contains(name));
        Some(names.iter().chain(old).take(MOST_NAMES).cloned().collect())
    }
}

/// The first certificate of a PEM file.
fn read(pem: &str) -> anyhow::Result<Certificate> {
    let der =
        CertificateDer::from_pem_slice(pem.as_bytes()).context("there is no certificate in PEM format")?;
    Certificate::from_der(&der).context("the certificate cannot be read")
}

fn text(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            4 => <[u8; 4]>::try_from(bytes.as_bytes()).ok().map(|it| std::net::IpAddr::from(it).to_string()),
            _ => <[u8; 16]>::try_from(bytes.as_bytes()).ok().map(|it| std::net::IpAddr::from(it).to_string()),
        },
        _ => None,
    }
}

/// Whether a certificate in DER is a CA's that has signed itself.
pub(super) fn is_own_root(der: &[u8]) -> bool {
    let Ok(Certificate { tbs_certificate: it, .. }) = Certificate::from_der(der) else { return false };
    let is_ca = it.get::<BasicConstraintsRead>().is_ok_and(|found| found.is_some_and(|(_, found)| found.ca));
    is_ca && it.subject == it.issuer
}

/// The CA's certificate, in PEM. It has no end: who trusts it knows it by its fingerprint, and can be told of no other.
pub(super) fn sign_authority(key: &KeyPair) -> anyhow::Result<String> {
    Ok(authority()?.self_signed(key).context("signing the CA's certificate")?.pem())
}

fn authority() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name("PowerPi CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    // RFC 5280, 4.1.2.5: no well-defined end.
    params.not_after = date_time_ymd(9999, 12, 31);
    Ok(params)
}

/// A certificate of the broker's for these names and addresses, from `now` on, in PEM.
pub(super) fn sign_broker(
    ca_key: KeyPair,
    broker_key: &KeyPair,
    names: &[String],
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut params = CertificateParams::new(names).context("the broker's names")?;
    params.distinguished_name = name("PowerPi broker");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Days are enough, and clocks may differ.
    params.not_before = day(after(now, -2));
    params.not_after = day(after(now, GOOD_FOR_DAYS));
    let issuer = Issuer::new(authority()?, ca_key);
    Ok(params.signed_by(broker_key, &issuer).context("signing the broker's certificate")?.pem())
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn after(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add((24 * days).hours()).unwrap_or(now)
}

/// The beginning of its day of UTC.
fn day(at: Timestamp) -> time::OffsetDateTime {
    let date = TimeZone::UTC.to_datetime(at).date();
    date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key() -> KeyPair {
        KeyPair::generate().unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_renewed_in_time_and_for_new_names() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let ours = names(&["server.lan", "192.168.1.2", "fd00::1"]);
        let pem = sign_broker(key(), &key(), &ours, now).unwrap();
        let shown = Shown::read(&pem).unwrap();
        assert_eq!((&shown.names, shown.ends.to_string().as_str()), (&ours, "2028-11-28T00:00:00Z"));
        assert_eq!(shown.names_anew(&ours, now), None);
        assert_eq!(shown.names_anew(&names(&["server.lan"]), after(now, 480)), None);
        assert_eq!(shown.names_anew(&ours, after(now, 500)), Some(ours.clone()));
        // New ones first; those of invitations that were given out before stay.
        let moved = shown.names_anew(&names(&["10.0.0.1", "server.lan"]), now).unwrap();
        assert_eq!(moved, names(&["10.0.0.1", "server.lan", "192.168.1.2", "fd00::1"]));
        let many: Vec<String> = (0..100).map(|n| format!("{n}.lan")).collect();
        assert_eq!(shown.names_anew(&many, now).unwrap().len(), MOST_NAMES);
    }

    #[test]
    fn the_ca_is_the_same_however_often_it_signs_and_has_no_end() {
        let key = key();
        let (one, other) = (sign_authority(&key).unwrap(), sign_authority(&key).unwrap());
        let [one, other] = [one, other].map(|pem| read(&pem).unwrap().tbs_certificate);
        assert_eq!(one.subject_public_key_info, other.subject_public_key_info);
        // The last day that there is: no time that programs know is later.
        assert_eq!(Shown::read(&sign_authority(&key).unwrap()).unwrap().ends, Timestamp::MAX);
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        assert!(
            Shown::read("").is_err()
                && Shown::read("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----").is_err()
        );
        assert!(!is_own_root(b"x"));
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert!(is_own_root(&der(&sign_authority(&key()).unwrap())));
        let broker = sign_broker(key(), &key(), &names(&["server.lan"]), Timestamp::UNIX_EPOCH).unwrap();
        assert!(!is_own_root(&der(&broker)));
    }
}
