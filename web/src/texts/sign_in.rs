//! The words around signing in.

/// What is said to those who sign in, or would have to.
#[derive(Debug)]
pub(crate) struct SignInWords {
    /// Link, and title of the page for those who have not logged in.
    pub(crate) log_in: &'static str,
    /// And what to do then.
    pub(crate) log_in_advice: &'static str,
    /// Label.
    pub(crate) password: &'static str,
    /// After a wrong one, or a name that is none.
    pub(crate) wrong_login: &'static str,
    /// Button.
    pub(crate) log_out: &'static str,
    /// Before the name of who has.
    pub(crate) logged_in_as: &'static str,
    /// Title of the page after too many wrong passwords.
    pub(crate) too_many_logins: &'static str,
    /// And what to do then.
    pub(crate) too_many_logins_advice: &'static str,
    /// Title of the page for users without the right.
    pub(crate) no_right: &'static str,
    /// And what to do then.
    pub(crate) no_right_advice: &'static str,
}

pub(super) static ENGLISH: SignInWords = SignInWords {
    log_in: "Log in",
    log_in_advice: "Log in to see this page.",
    password: "Password",
    wrong_login: "Wrong name or password.",
    log_out: "Log out",
    logged_in_as: "Logged in as",
    too_many_logins: "Too many failed logins",
    too_many_logins_advice: "Too many wrong passwords came from your address. Please wait half a minute.",
    no_right: "Not permitted",
    no_right_advice: "You do not have permission to do this. The administrator of this server can grant it.",
};

pub(super) static GERMAN: SignInWords = SignInWords {
    log_in: "Anmelden",
    log_in_advice: "Bitte melde dich an, um diese Seite zu sehen.",
    password: "Passwort",
    wrong_login: "Name oder Passwort stimmt nicht.",
    log_out: "Abmelden",
    logged_in_as: "Angemeldet als",
    too_many_logins: "Zu viele Fehlversuche",
    too_many_logins_advice: "Von dieser Adresse kamen zu viele falsche Passwörter. Bitte eine halbe Minute warten.",
    no_right: "Das ist nicht erlaubt",
    no_right_advice: "Dieser Benutzer hat dazu keine Berechtigung. Wer den Server betreut, kann sie erteilen.",
};
