//! Users in the browser: who there is, who is invited, and what each may do.

use broker_users::{NotChanged, OpenInvitation, Role, User, UserChange, UserName, Users};
use hyper::StatusCode;
use jiff::{Timestamp, ToSpan};
use pairing::BrowserInvitation;
use web_http::reply::{self, Reply};

use super::super::asked::Asked;
use super::super::entering::not_kept;
use super::super::refusals::NoAnswer;
use super::super::site::{Site, filled};
use crate::pages::{Notice, UserRow, UsersPage};
use crate::site_forms::Values;

/// How long a link is good, in hours.
const GOOD_FOR_H: i64 = 24;

/// What somebody may do at the pages, in the order of its choice.
pub(crate) const ROLES: [Role; 3] = [Role::Look, Role::EnterReadings, Role::Admin];

impl Site {
    /// The page, with what is to be said.
    pub(super) fn users_page(
        &self,
        asked: &Asked<'_>,
        notice: Option<Notice>,
        status: StatusCode,
    ) -> Result<Reply, NoAnswer> {
        let (frame, words) = (asked.frame(), asked.texts().settings);
        let users = self.access.users();
        let notice = match (notice, &users) {
            (None, None) => Some(Notice::good(words.no_users_file)),
            (None, _) => asked.query.get("saved").map(|_| Notice::good(words.user_changed)),
            (notice, _) => notice,
        };
        let rows = users.as_ref().map(|users| self.user_rows(users, asked)).unwrap_or_default();
        let roles = ROLES.map(Role::name).into_iter().zip(words.roles).collect();
        not_kept(
            filled(&UsersPage { frame, words, notice, rows, roles, has_users: users.is_some() })?,
            asked,
            status,
        )
    }

    fn user_rows(&self, users: &Users, asked: &Asked<'_>) -> Vec<UserRow> {
        let (texts, words, now) = (asked.texts(), asked.texts().settings, daemon_runtime::now());
        let open = |name: &UserName| {
            let mut all = users.invitations().filter(|(_, invitation)| invitation.until > now);
            let until = all.find(|(_, invitation)| invitation.name == *name)?.1.until;
            let at = texts.moment(self.ledger.zone().to_datetime(until));
            Some(words.invited_until.replace("{at}", &at))
        };
        let is_person = |user: &User| user.invitation.is_none();
        let there = users.user.iter().filter(|(_, user)| is_person(user)).map(|(name, user)| UserRow {
            name: name.to_string(),
            role: user.role.filter(|role| ROLES.contains(role)).map(Role::name),
            invited: open(name),
            is_there: true,
        });
        let new = users.invitations().filter(|(_, it)| it.until > now && !users.user.contains_key(&it.name));
        let new = new.filter(|(_, it)| it.role.pages().is_some()).map(|(_, invitation)| UserRow {
            name: invitation.name.to_string(),
            role: Some(invitation.role.name()),
            invited: open(&invitation.name),
            is_there: false,
        });
        there.chain(new).collect()
    }

    /// One of the page's forms.
    pub(super) async fn users_sent(
        &self,
        values: &Values,
        asked: &Asked<'_>,
        by: &str,
    ) -> Result<Reply, NoAnswer> {
        let words = asked.texts().settings;
        let malformed = || NoAnswer::Form(StatusCode::BAD_REQUEST);
        let Ok(name) = values.get("name").parse::<UserName>() else {
            return self.users_page(asked, Some(Notice::bad(words.no_user_name)), StatusCode::BAD_REQUEST);
        };
        let role = |field: &str| {
            let given = values.get(field);
            ROLES.into_iter().find(|role| role.name() == given).ok_or_else(malformed)
        };
        let (change, link) = match values.get("do") {
            "invite" => self.invitation(name.clone(), role("role")?, true, asked).await?,
            "link" => self.invitation(name.clone(), role("was")?, false, asked).await?,
            "role" => (UserChange::Role { name: name.clone(), was: role("was")?, role: role("role")? }, None),
            "delete" => (UserChange::Delete { name: name.clone(), was: role("was")? }, None),
            "withdraw" => (UserChange::Withdraw { name: name.clone() }, None),
            _ => return Err(malformed()),
        };
        match (self.access.change(change, by).await, link) {
            (Ok(_), Some(link)) => {
                let frame = asked.frame();
                let address = format!("{}{}", asked.visit.origin, frame.plain(&link.path()));
                let said = words.link_made.replace("{name}", name.as_str());
                self.users_page(asked, Some(Notice::link(&said, address)), StatusCode::OK)
            }
            (Ok(_), None) => Ok(reply::see_other(&asked.frame().link("/settings/users?saved=1"))),
            (Err(refused), _) => {
                let (notice, status) = self.not_changed(&refused, asked);
                self.users_page(asked, Some(notice), status)
            }
        }
    }

    async fn invitation(
        &self,
        name: UserName,
        role: Role,
        is_new: bool,
        asked: &Asked<'_>,
    ) -> Result<(UserChange, Option<BrowserInvitation>), NoAnswer> {
        let link = BrowserInvitation::random();
        let secret = self.access.hash(asked.visit.address, &link.secret.password()).await?;
        let until = daemon_runtime::now().checked_add(GOOD_FOR_H.hours()).unwrap_or(Timestamp::MAX);
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        let as_user = link.id.user().parse().map_err(|_| NoAnswer::Unfilled)?;
        let invitation = OpenInvitation { name, role, until };
        Ok((UserChange::Invite { as_user, secret, invitation, is_new }, Some(link)))
    }

    /// Why the users file was not changed, in words.
    pub(in crate::answers) fn not_changed(
        &self,
        refused: &NotChanged,
        asked: &Asked<'_>,
    ) -> (Notice, StatusCode) {
        let words = asked.texts().settings;
        let said = match refused {
            NotChanged::File(error) => {
                tracing::warn!("the users file was not changed: {error}");
                let file = self.access.users_file().unwrap_or_default().display().to_string();
                return (
                    Notice::bad(&words.not_writable.replace("{file}", &file)),
                    StatusCode::SERVICE_UNAVAILABLE,
                );
            }
            NotChanged::Stale => words.user_stale,
            NotChanged::Taken => words.user_taken,
            NotChanged::LastAdmin | NotChanged::FirstIsAdmin => words.last_admin,
            NotChanged::TooMany => words.too_many_invitations,
            NotChanged::Over => words.invitation_over,
            NotChanged::NoUsers => words.no_users_file,
        };
        (Notice::bad(said), StatusCode::CONFLICT)
    }
}
