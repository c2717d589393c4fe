//! Why there is no proper answer, and what is said then.

use foreign_text::foreign;
use hyper::{StatusCode, header};
use meter_figures::{SpanError, WorkbookError};
use site_settings::StoreError;
use web_http::Prepared;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use crate::access::Denied;
use crate::api;
use crate::ledger::reader::ReadError;
use crate::pages::{self, MessagePage};
use crate::route::RouteError;

/// Why there is no proper answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The same whether there is such a meter or not.
    #[error("only users may see this")]
    LoginNeeded,
    #[error("this visitor may not enter readings")]
    NoRight,
    #[error("only admins may do this, and there are no users")]
    NoAdmin,
    #[error("without users this is only for a browser on the server itself")]
    NotLocal,
    #[error("this invitation is no longer good")]
    InvitationOver,
    #[error("the users file cannot be written")]
    UsersFile,
    #[error(transparent)]
    Settings(#[from] StoreError),
    #[error("this form does not come from a page of this server")]
    Foreign,
    #[error("this form cannot be read: {0}")]
    Form(StatusCode),
    #[error("this meter has never been recorded")]
    UnknownMeter,
    #[error(transparent)]
    Ledger(#[from] ReadError),
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
    #[error("a page could not be rendered")]
    Unfilled,
}

impl From<SpanError> for NoAnswer {
    fn from(error: SpanError) -> Self {
        Self::Route(error.into())
    }
}

/// The answer that says it.
pub(super) fn refused(refusal: &NoAnswer, asked: &Asked<'_>) -> Reply {
    let status = match refusal {
        NoAnswer::Route(RouteError::Parameter { .. }) => StatusCode::BAD_REQUEST,
        NoAnswer::Route(RouteError::NotFound) | NoAnswer::UnknownMeter | NoAnswer::InvitationOver => {
            StatusCode::NOT_FOUND
        }
        NoAnswer::LoginNeeded | NoAnswer::Denied(Denied::WrongLogin) => StatusCode::UNAUTHORIZED,
        NoAnswer::Denied(Denied::TooMany(_)) => StatusCode::TOO_MANY_REQUESTS,
        NoAnswer::Denied(Denied::NoRight) | NoAnswer::NoRight | NoAnswer::NoAdmin => StatusCode::FORBIDDEN,
        NoAnswer::NotLocal | NoAnswer::Foreign => StatusCode::FORBIDDEN,
        NoAnswer::Form(status) => *status,
        NoAnswer::Ledger(_) | NoAnswer::Workbook(_) | NoAnswer::Settings(_) | NoAnswer::UsersFile => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        NoAnswer::Unfilled => StatusCode::INTERNAL_SERVER_ERROR,
    };
    match refusal {
        NoAnswer::Ledger(error) => {
            tracing::warn!(%error, path = ?foreign(asked.path), "the ledger could not be read");
        }
        NoAnswer::Workbook(error) => {
            tracing::warn!(%error, path = ?foreign(asked.path), "a workbook could not be made");
        }
        NoAnswer::Settings(error) => tracing::warn!("the settings of the site cannot be read: {error}"),
        _ => {}
    }
    let mut reply = if asked.by_a_program() {
        let parameter = match refusal {
            NoAnswer::Route(RouteError::Parameter { parameter, .. }) => Some(*parameter),
            _ => None,
        };
        api::error(status, parameter, &refusal.to_string())
    } else {
        message(refusal, status, asked)
    };
    match refusal {
        NoAnswer::LoginNeeded | NoAnswer::Denied(Denied::WrongLogin) => {
            reply::set(&mut reply, header::WWW_AUTHENTICATE, "Basic realm=\"PowerPi\", charset=\"UTF-8\"");
        }
        NoAnswer::Denied(Denied::TooMany(pause)) => {
            reply::set(&mut reply, header::RETRY_AFTER, &(pause.as_secs() + 1).to_string());
        }
        _ => {}
    }
    reply
}

/// A page that says why there is no other.
fn message(refusal: &NoAnswer, status: StatusCode, asked: &Asked<'_>) -> Reply {
    let page = match refusal {
        NoAnswer::Route(error @ RouteError::Parameter { .. }) => {
            MessagePage::refused(asked.frame(), error.to_string())
        }
        NoAnswer::Ledger(_) => MessagePage::not_yet(asked.frame()),
        NoAnswer::LoginNeeded | NoAnswer::Denied(Denied::WrongLogin) => MessagePage::log_in(asked.frame()),
        NoAnswer::Denied(Denied::TooMany(_)) => MessagePage::too_many_logins(asked.frame()),
        NoAnswer::NoRight if asked.visitor.name().is_none() => MessagePage::no_users(asked.frame()),
        NoAnswer::Denied(Denied::NoRight) | NoAnswer::NoRight => MessagePage::no_right(asked.frame()),
        NoAnswer::NoAdmin => MessagePage::no_admin(asked.frame()),
        NoAnswer::NotLocal => MessagePage::not_local(asked.frame()),
        NoAnswer::InvitationOver => MessagePage::invitation_over(asked.frame()),
        NoAnswer::UsersFile => MessagePage::users_file(asked.frame()),
        NoAnswer::Settings(_) => MessagePage::settings_unreadable(asked.frame()),
        NoAnswer::Foreign => MessagePage::foreign_form(asked.frame()),
        NoAnswer::Form(status) => MessagePage::malformed_form(asked.frame(), *status),
        _ => MessagePage::not_found(asked.frame()),
    };
    let mut headers = asked.headers.clone();
    // It is no page that a browser may have kept.
    headers.remove(header::IF_NONE_MATCH);
    let mut reply =
        Prepared::html(pages::filled(&page).unwrap_or_default()).reply(&headers, reply::ASK_AGAIN);
    *reply.status_mut() = status;
    reply
}
