//! Signing in by a form, and out again.

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header;
use web_http::Visit;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::entering::not_kept;
use super::forms::short_body;
use super::refusals::NoAnswer;
use super::site::{Site, filled};
use crate::access::{Denied, comes_from_our_page, no_cookie};
use crate::pages::SignInPage;

impl Site {
    /// Where somebody may sign in, the form for it instead.
    pub(super) fn form_for(&self, refusal: NoAnswer, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        let NoAnswer::LoginNeeded = refusal else { return Err(refusal) };
        if asked.by_a_program() || !asked.reads_pages() {
            return Err(refusal);
        }
        let is_form = asked.path == "/login";
        let (status, next) = match is_form {
            true => (StatusCode::OK, "/"),
            false => (StatusCode::UNAUTHORIZED, asked.address),
        };
        self.sign_in_page(asked, next, (status, None))
    }

    /// The form, with what was `wrong`; then on to `next`.
    pub(super) fn sign_in_page(
        &self,
        asked: &Asked<'_>,
        next: &str,
        (status, wrong): (StatusCode, Option<&'static str>),
    ) -> Result<Reply, NoAnswer> {
        let page = filled(&SignInPage { frame: asked.frame(), next: next.to_owned(), wrong })?;
        not_kept(page, asked, status)
    }

    /// Takes the form: with the right password the browser gets a session, and goes on.
    pub(super) async fn sign_in(&self, asked: &Asked<'_>, form: Incoming) -> Result<Reply, NoAnswer> {
        let form = short_body(asked, form).await?;
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(&form);
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let (name, password, next) = (field("name"), field("password"), field("next"));
        let next = ours(&next);
        let texts = asked.language().texts();
        let visit = &asked.visit;
        match self.access.sign_in(name.trim(), &password, visit.address).await {
            Ok(session) => {
                let mut reply = reply::see_other(&asked.frame().link(next));
                let cookie = session.cookie(visit.base_path.as_str(), is_encrypted(visit));
                reply::set(&mut reply, header::SET_COOKIE, &cookie);
                Ok(reply)
            }
            Err(Denied::WrongLogin) => {
                self.sign_in_page(asked, next, (StatusCode::UNAUTHORIZED, Some(texts.signing_in.wrong_login)))
            }
            Err(denied) => Err(denied.into()),
        }
    }

    /// Ends the session, on this server and in the browser.
    pub(super) async fn sign_out(&self, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        if !comes_from_our_page(asked.headers, &asked.visit.origin) {
            return Err(NoAnswer::Foreign);
        }
        self.access.sign_out(asked.headers).await;
        let mut reply = reply::see_other(&asked.frame().link("/"));
        let cookie = no_cookie(asked.visit.base_path.as_str(), is_encrypted(&asked.visit));
        reply::set(&mut reply, header::SET_COOKIE, &cookie);
        Ok(reply)
    }
}

pub(super) fn is_encrypted(visit: &Visit) -> bool {
    visit.origin.starts_with("https://")
}

/// A path of this server, or its first page: no form leads anywhere else.
fn ours(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    // What looks like one of the forms would come back here.
    if is_path && !next.starts_with("/log") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn a_form_leads_to_a_page_of_ours() {
        assert_eq!(ours("/m/hq/main?lang=de"), "/m/hq/main?lang=de");
        for other in ["", "//evil", "https://evil", "/\\evil", "/login", "/a\r\nSet-Cookie: x"] {
            assert_eq!(ours(other), "/", "{other}");
        }
    }
}
