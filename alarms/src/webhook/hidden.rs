//! What nobody is to read in a log or on a page, should a server repeat it. Pure.

use hyper::Uri;

use super::settings::WebhookSettings;

/// What is a secret of a webhook, or may be one: servers tell what they refuse, and a token may stand in the address, in a
/// header, or in the message.
pub(super) fn hidden(settings: &WebhookSettings, address: &Uri, login: Option<&str>) -> Vec<String> {
    let login = login.map(|login| login.split_once(' ').map_or(login, |(_, secret)| secret));
    let wholes = [Some(address.path().trim_matches('/')), address.query(), login].into_iter().flatten();
    let headers = || settings.headers.values().map(|value| value.reveal());
    let texts = [address.path(), address.query().unwrap_or_default()].into_iter().chain(headers());
    let body = settings.body.as_ref().map(|body| body.reveal());
    let words = texts.chain(body).flat_map(words).filter(|word| may_be_token(word));
    let all = wholes.chain(headers()).map(str::trim).chain(words);
    all.filter(|hidden| !hidden.is_empty()).map(str::to_owned).collect()
}

/// What a text has between everything of which tokens do not consist.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.:~+".contains(letter))
}

/// Words of a language are shorter, and have no digits in them.
fn may_be_token(word: &str) -> bool {
    word.len() >= 20 || word.len() >= 5 && word.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_token_is_hidden_wherever_it_stands() {
        let toml = r#"
            url = "https://example.org/bot123:AAF-x/send?key=k3y-of-mine&n=1"
            body = '{"token": "tok_8812", "user": "somebody", "priority": 1, "text": "{text}"}'
            [headers]
            X-Key = "letters"
        "#;
        let settings: WebhookSettings = daemon_runtime::parse(toml).unwrap();
        let hidden = hidden(&settings, &settings.address().unwrap(), Some("Bearer s3cret"));
        for said in [
            "no bot123:AAF-x here",
            "Cannot POST /bot123:AAF-x/send",
            "key k3y-of-mine is not known",
            "tok_8812 is not valid",
            "s3cret is not known",
            "letters is not known",
        ] {
            assert!(hidden.iter().any(|hidden| said.contains(hidden)), "{said}: {hidden:?}");
        }
        for said in
            ["user somebody is not known", "priority must be 2 to 5", "text is missing", "token is not valid"]
        {
            assert!(!hidden.iter().any(|hidden| said.contains(hidden)), "{said}: {hidden:?}");
        }
    }
}
