//! Trusting a broker by the CA that the settings name, also on a machine that does not know the time yet.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::clock::Clocks;

/// A chain has at most so many certificates whose time can be wrong.
const LONGEST_CHAIN: usize = 8;

/// Checks all that there is to check, but while the kernel does not consider its clock right no certificate's dates:
/// a Pi begins each boot without the time, and where there is no NTP it never has it.
///
/// This is for a CA that is named in the settings, which signs for one broker only. What dates would protect from
/// meanwhile is a stolen key of an older certificate of that broker.
#[derive(Debug)]
pub(super) struct TrustWithoutClock {
    checks: Arc<WebPkiServerVerifier>,
    /// Whether the clock is right now.
    knows_the_time: fn() -> bool,
}

impl TrustWithoutClock {
    pub(super) fn new(checks: Arc<WebPkiServerVerifier>) -> Self {
        // Where the kernel does not tell, dates are checked.
        Self { checks, knows_the_time: || Clocks::now().map_or(true, |clocks| clocks.synchronised) }
    }
}

impl ServerCertVerifier for TrustWithoutClock {
    fn verify_server_cert(
        &self,
        broker: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let check = |at| self.checks.verify_server_cert(broker, between, name, ocsp, at);
        let mut checked = check(now);
        if (self.knows_the_time)() {
            return checked;
        }
        // At a time at which all of them are good, if there is one.
        for _ in 0..LONGEST_CHAIN {
            let Some(at) = checked.as_ref().err().and_then(other_time) else { break };
            checked = check(at);
        }
        checked
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        broker: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls12_signature(message, broker, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        broker: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls13_signature(message, broker, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.supported_verify_schemes()
    }
}

/// The nearest time at which the certificate that was refused for its dates is good.
fn other_time(refused: &Error) -> Option<UnixTime> {
    match refused {
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(*not_before)
        }
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => Some(*not_after),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::RootCertStore;
    use rustls::crypto::ring;

    use super::*;

    /// A broker's certificate for 2026, of a CA that begins in 2025, and the trust in that CA.
    fn broker_of_2026(knows_the_time: fn() -> bool) -> (TrustWithoutClock, CertificateDer<'static>) {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.not_before = date_time_ymd(2025, 1, 1);
        let ca_key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca.self_signed(&ca_key).unwrap().der().clone()).unwrap();
        let mut broker = CertificateParams::new(["server.lan".to_owned()]).unwrap();
        (broker.not_before, broker.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 12, 31));
        let signed = broker.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(ca, ca_key)).unwrap();
        let provider = Arc::new(ring::default_provider());
        let checks = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        (TrustWithoutClock { checks, knows_the_time }, signed.der().clone())
    }

    fn check(
        trust: &TrustWithoutClock,
        broker: &CertificateDer<'_>,
        name: &str,
        year: u64,
    ) -> Result<(), Error> {
        let at = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600 + 86_400 * 90));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        trust.verify_server_cert(broker, &[], &name, &[], at).map(drop)
    }

    #[test]
    fn without_the_time_no_date_is_checked() {
        let (trust, broker) = broker_of_2026(|| false);
        for year in [1970, 2026, 2038] {
            check(&trust, &broker, "server.lan", year).unwrap();
        }
    }

    #[test]
    fn with_the_time_dates_are_checked() {
        let (trust, broker) = broker_of_2026(|| true);
        check(&trust, &broker, "server.lan", 2026).unwrap();
        for year in [1970, 2038] {
            assert!(check(&trust, &broker, "server.lan", year).is_err(), "{year}");
        }
    }

    #[test]
    fn another_name_or_another_ca_is_refused_at_any_time() {
        let (trust, broker) = broker_of_2026(|| false);
        let (_, of_another_ca) = broker_of_2026(|| false);
        for year in [1970, 2026, 2038] {
            assert!(check(&trust, &broker, "other.lan", year).is_err(), "{year}");
            assert!(check(&trust, &of_another_ca, "server.lan", year).is_err(), "{year}");
        }
    }
}
