//! `powerpi-alarms send-test`: one notice by e-mail and each webhook, now, to see whether it arrives.

use std::io::Write;

use anyhow::bail;

use crate::email::Email;
use crate::notice::{Notice, State};
use crate::settings::Settings;
use crate::texts::NoticeLanguage;
use crate::webhook::Webhook;

/// Sends it, and says of each way what came of it.
///
/// # Errors
/// Wrong settings; no way to send; one that has failed.
pub async fn send_test(settings: &Settings, out: &mut impl Write) -> anyhow::Result<()> {
    let email = settings.email.as_ref().map(Email::new).transpose()?;
    let webhooks = Webhook::all(&settings.webhook)?;
    let notice = test_notice(settings);
    let mut outcomes = Vec::new();
    if let Some(email) = email {
        outcomes.push(("email".to_owned(), email.send(&notice).await));
    }
    for webhook in &webhooks {
        outcomes.push((webhook.name.clone(), webhook.send(&notice).await));
    }
    for (way, outcome) in &outcomes {
        match outcome {
            Ok(()) => writeln!(out, "{way}: sent")?,
            Err(error) => writeln!(out, "{way}: not sent: {error:#}")?,
        }
    }
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    match (outcomes.len(), failed) {
        (0, _) => bail!("the settings have neither [email] nor [[webhook]]: notices go by MQTT only"),
        (_, 0) => Ok(()),
        (all, failed) => bail!("{failed} of {all} not sent"),
    }
}

fn test_notice(settings: &Settings) -> Notice {
    let text = match settings.language {
        NoticeLanguage::English => "PowerPi: a test. Notices arrive here.",
        NoticeLanguage::German => "PowerPi: ein Test. Meldungen kommen hier an.",
    };
    Notice {
        state: State::Test,
        since: Some(daemon_runtime::now()),
        until: None,
        highest: None,
        text: Some(text.to_owned()),
        page: settings.pages.clone(),
        ..Notice::sample()
    }
}
