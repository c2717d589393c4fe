//! The link by which somebody who is invited sets a password. It works once, and for a time; guessing it is slowed down like
//! guessing passwords.

use broker_users::{LONGEST_PASSWORD, NotChanged, UserChange};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header;
use web_http::reply::{self, Reply};

use super::asked::Asked;
use super::entering::not_kept;
use super::forms::short_body;
use super::refusals::NoAnswer;
use super::sign_in::is_encrypted;
use super::site::{Site, filled};
use crate::access::Denied;
use crate::pages::InvitationPage;
use crate::site_forms::Values;

/// The shortest password that somebody may choose here, in characters.
const SHORTEST: usize = 8;

impl Site {
    /// The form, if the link is good.
    pub(super) async fn invitation_page(&self, link: &str, asked: &Asked<'_>) -> Result<Reply, NoAnswer> {
        match self.access.invited(link, asked.visit.address).await {
            Ok((_, _, invitation)) => {
                self.welcome((link, invitation.name.as_str()), None, asked, StatusCode::OK)
            }
            Err(Denied::WrongLogin) => Err(NoAnswer::InvitationOver),
            Err(denied) => Err(denied.into()),
        }
    }

    fn welcome(
        &self,
        (link, name): (&str, &str),
        wrong: Option<&'static str>,
        asked: &Asked<'_>,
        status: StatusCode,
    ) -> Result<Reply, NoAnswer> {
        let (frame, words) = (asked.frame(), asked.texts().settings);
        let [welcome, advice] =
            [words.welcome, words.choose_password].map(|text| text.replace("{name}", name));
        let action = format!("/invitation/{link}");
        let page = InvitationPage { frame, words, welcome, advice, name: name.to_owned(), action, wrong };
        not_kept(filled(&page)?, asked, status)
    }

    /// Takes the password: its user is there from now on, and signed in.
    pub(super) async fn invitation_sent(
        &self,
        link: &str,
        asked: &Asked<'_>,
        form: Incoming,
    ) -> Result<Reply, NoAnswer> {
        let body = short_body(asked, form).await?;
        let (as_user, secret, invitation) = match self.access.invited(link, asked.visit.address).await {
            Err(Denied::WrongLogin) => return Err(NoAnswer::InvitationOver),
            invited => invited?,
        };
        let (values, words) = (Values::of(&body), asked.texts().settings);
        let (password, again) = (values.exact("password"), values.exact("again"));
        let is_short = password.chars().count() < SHORTEST || password.len() > LONGEST_PASSWORD;
        let wrong = match (is_short, password == again) {
            (true, _) => Some(words.password_short),
            (_, false) => Some(words.passwords_differ),
            _ => None,
        };
        if wrong.is_some() {
            let of = (link, invitation.name.as_str());
            return self.welcome(of, wrong, asked, StatusCode::BAD_REQUEST);
        }
        let password = self.access.hash(asked.visit.address, password).await?;
        let accept = UserChange::Accept { as_user, secret, password: password.clone() };
        let name = match self.access.change(accept, invitation.name.as_str()).await {
            Ok(name) => name.ok_or(NoAnswer::InvitationOver)?,
            Err(NotChanged::File(error)) => {
                tracing::error!("a password was not set: {error}");
                return Err(NoAnswer::UsersFile);
            }
            Err(_) => return Err(NoAnswer::InvitationOver),
        };
        let mut reply = reply::see_other(&asked.frame().link("/"));
        let session = self.access.begin_session(&name, &password);
        let root = asked.visit.base_path.as_str();
        reply::set(&mut reply, header::SET_COOKIE, &session.cookie(root, is_encrypted(&asked.visit)));
        Ok(reply)
    }
}
