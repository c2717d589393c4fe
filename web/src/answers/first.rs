//! The first page before there is a meter.

use hyper::{HeaderMap, header};
use meter_ledger::{Ledger, LedgerError};
use meter_messages::Status;
use pairing::ShownInvitation;
use web_http::reply::{self, Reply};
use web_http::{Prepared, Visit};

use super::asked::Asked;
use super::health::NO_CLOCK;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::pages::{FirstPage, Invited, Joined, Way};

/// Of more sites than this the page would be no help.
const MOST_SITES: usize = 5;

impl Site {
    /// The page that leads to the first meter, as long as no minute of any has been recorded. It is for nobody else,
    /// and never kept: it may hold an invitation.
    pub(super) async fn first_page(&self, asked: &Asked<'_>) -> Result<Option<Reply>, NoAnswer> {
        if !asked.visitor.may_see_all() {
            return Ok(None);
        }
        let ledger_is_there = match self.ledger.ask(has_minutes).await {
            Ok(true) => return Ok(None),
            Ok(false) => true,
            Err(_) if !self.disk.exists() => false,
            Err(error) => return Err(error.into()),
        };
        let page = FirstPage::new(asked.frame(), &self.way(ledger_is_there, asked));
        let mut reply = Prepared::html(filled(&page)?).reply(asked.headers, reply::ASK_AGAIN);
        reply::set(&mut reply, header::CACHE_CONTROL, "no-store");
        Ok(Some(reply))
    }

    fn way(&self, ledger_is_there: bool, asked: &Asked<'_>) -> Way {
        let now = daemon_runtime::now();
        let may_see_invitations = match asked.visitor.name() {
            Some(_) => asked.visitor.may_administer(),
            None => is_on_this_machine(&asked.visit, asked.headers),
        };
        let open = may_see_invitations.then(|| ShownInvitation::open_at(now, &self.invitations));
        let zone = self.ledger.zone();
        let invited = |open: ShownInvitation| Invited {
            site: open.invitation.site.to_string(),
            until: zone.to_datetime(open.until).strftime("%H:%M").to_string(),
            line: open.invitation.to_string(),
        };
        let joined = self.live.sites(MOST_SITES).into_iter().map(|(site, status, clocks)| Joined {
            site: site.to_string(),
            is_there: status == Status::Online,
            has_no_clock: clocks.iter().any(|clock| clock == NO_CLOCK),
        });
        Way {
            broker_is_there: self.live.is_connected(),
            ledger_is_there,
            invited: open.into_iter().flatten().take(MOST_SITES).map(invited).collect(),
            joined: joined.collect(),
            is_closed: self.is_closed,
        }
    }
}

fn has_minutes(ledger: &Ledger) -> Result<bool, LedgerError> {
    for meter in ledger.meters()? {
        if ledger.first(&meter)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What proxies say of whom they speak for.
const BY_PROXIES: [&str; 5] = ["x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"];

/// Whether a browser is on this machine, and has opened a page of this machine: what comes through a proxy that says so
/// does not, nor does a page of another site that leads its visitors here.
fn is_on_this_machine(visit: &Visit, headers: &HeaderMap) -> bool {
    if BY_PROXIES.iter().any(|name| headers.contains_key(*name)) {
        return false;
    }
    let host = visit.origin.split_once("://").map_or("", |(_, host)| host);
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    let is_ours = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_ours && visit.address.to_canonical().is_loopback()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_from_elsewhere_is_not_here() {
        let visit = |address: &str, host: &str| Visit {
            address: address.parse().unwrap(),
            origin: format!("http://{host}"),
            base_path: Default::default(),
            is_local: false,
        };
        let is_here =
            |address: &str, host: &str| is_on_this_machine(&visit(address, host), &HeaderMap::new());
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(is_here("127.0.0.1", host) && is_here("::1", host), "{host}");
            assert!(!is_here("192.168.1.7", host), "{host}");
        }
        assert!(is_here("::ffff:127.0.0.1", "localhost"));
        for host in [
            "power.example.org",
            "192.168.1.2:8080",
            "",
            "localhost.evil.example",
            "[::1",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_here("127.0.0.1", host), "{host}");
        }
        for name in BY_PROXIES {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), "1.2.3.4".parse().unwrap())]);
            assert!(!is_on_this_machine(&visit("127.0.0.1", "localhost"), &headers), "{name}");
        }
    }
}
