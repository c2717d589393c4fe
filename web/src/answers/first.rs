//! The first page before there is a meter.

use hyper::StatusCode;
use meter_ledger::{Ledger, LedgerError};
use meter_messages::Status;
use pairing::ShownInvitation;
use web_http::reply::Reply;

use super::asked::Asked;
use super::entering::not_kept;
use super::health::NO_CLOCK;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::ledger::reader::ReadError;
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
            Err(ReadError::Ledger(error)) if error.is_of_nothing_yet() => false,
            Err(error) => return Err(error.into()),
        };
        let page = FirstPage::new(asked.frame(), &self.way(ledger_is_there, asked));
        not_kept(filled(&page)?, asked, StatusCode::OK).map(Some)
    }

    fn way(&self, ledger_is_there: bool, asked: &Asked<'_>) -> Way {
        let now = daemon_runtime::now();
        let may_see_invitations = match asked.visitor.name() {
            Some(_) => asked.visitor.may_administer(),
            None => asked.visit.is_local,
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
