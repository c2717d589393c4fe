//! Forms that are sent: who may send them, from where, and how long they may be.

use std::time::Duration;

use broker_users::UserName;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::refusals::NoAnswer;
use super::site::Site;
use crate::access::{Visitor, comes_from_our_page};
use crate::route::Route;

/// The longest form, in bytes.
const LONGEST_FORM: usize = 4096;
/// The longest form of settings: tariffs have many fields.
const LONGEST_SETTINGS: usize = 16 << 10;
/// How long it may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

impl Site {
    /// The answer to a form.
    pub(super) async fn take(&self, mut asked: Asked<'_>, form: Incoming) -> Reply {
        let answer = match Route::parse(asked.path, asked.query) {
            Ok(Route::Readings(meter)) => match self.form(&mut asked, form, may_enter, LONGEST_FORM).await {
                Ok((body, by)) => self.reading_sent(meter, &asked, &body, &by).await,
                Err(refused) => Err(refused),
            },
            Ok(Route::CorrectionsPage(meter)) => {
                match self.form(&mut asked, form, may_correct, LONGEST_FORM).await {
                    Ok((body, by)) => self.correction_sent(meter, &asked, &body, &by).await,
                    Err(NoAnswer::NoRight) if asked.visitor.name().is_none() => Err(NoAnswer::NoAdmin),
                    Err(refused) => Err(refused),
                }
            }
            Ok(Route::Settings(place)) => {
                match self.form(&mut asked, form, Visitor::may_set, LONGEST_SETTINGS).await {
                    Ok((body, by)) => self.settings_sent(place, &asked, &body, &by).await,
                    Err(NoAnswer::NoRight) => Err(self.may_not_set(&asked)),
                    Err(refused) => Err(refused),
                }
            }
            Ok(Route::Invitation(token)) => self.invitation_sent(&token, &asked, form).await,
            Ok(Route::Login) => self.sign_in(&asked, form).await,
            Ok(Route::Logout) => self.sign_out(&asked).await,
            _ => return reply::not_allowed(),
        };
        self.finished(answer, &asked)
    }

    /// A form of a visitor who may send it, and who that is.
    async fn form(
        &self,
        asked: &mut Asked<'_>,
        form: Incoming,
        may: impl Fn(&Visitor) -> Option<String>,
        longest: usize,
    ) -> Result<(Bytes, String), NoAnswer> {
        asked.visitor = self.access.visitor(asked.headers, &asked.visit).await?;
        let Some(by) = may(&asked.visitor) else {
            // Who has not said who they are can do so.
            let login = asked.visitor.name().is_none() && self.access.is_restricted();
            return Err(if login { NoAnswer::LoginNeeded } else { NoAnswer::NoRight });
        };
        if !comes_from_our_page(asked.headers, &asked.visit.origin) {
            return Err(NoAnswer::Foreign);
        }
        Ok((body(asked, form, longest).await?, by))
    }
}

fn may_enter(visitor: &Visitor) -> Option<String> {
    visitor.may_enter().map(UserName::to_string)
}

fn may_correct(visitor: &Visitor) -> Option<String> {
    visitor.may_correct().map(UserName::to_string)
}

/// The body of a form for which nobody has to say who they are.
pub(super) async fn short_body(asked: &Asked<'_>, form: Incoming) -> Result<Bytes, NoAnswer> {
    if !comes_from_our_page(asked.headers, &asked.visit.origin) {
        return Err(NoAnswer::Foreign);
    }
    body(asked, form, LONGEST_FORM).await
}

/// A form's body; a longer or a slower one than ours is none.
async fn body(asked: &Asked<'_>, form: Incoming, longest: usize) -> Result<Bytes, NoAnswer> {
    if !asked.text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded") {
        return Err(NoAnswer::Form(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let whole = tokio::time::timeout(ARRIVES_WITHIN, Limited::new(form, longest).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(NoAnswer::Form(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Ok(Err(_)) => Err(NoAnswer::Form(StatusCode::BAD_REQUEST)),
        Err(_) => Err(NoAnswer::Form(StatusCode::REQUEST_TIMEOUT)),
    }
}
