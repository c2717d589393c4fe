//! Tests: somebody at the pages wants to know whether the notices of an alarm arrive. A test is sent once, beside what
//! waits to be sent, and nothing of it is kept.

use anyhow::{Context, anyhow};
use foreign_text::foreign;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::poll_fn;
use meter_messages::{AlarmTested, Meter, Sent};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use crate::email::Email;
use crate::notice::Notice;
use crate::webhook::Webhook;

/// So many tests are sent at the same time; more are passed over.
const AT_ONCE: usize = 4;

/// A test, and how it is called.
#[derive(Debug)]
pub struct Test {
    /// Its name.
    pub id: String,
    /// The alarm's meter.
    pub meter: Meter,
    /// What is sent.
    pub notice: Notice,
}

/// The outcome of one, of an alarm of this name and meter.
#[derive(Debug)]
pub struct Outcome {
    /// The alarm's meter.
    pub meter: Meter,
    /// The alarm.
    pub alarm: String,
    /// What became of it.
    pub tested: AlarmTested,
}

/// Between the session, which hears of tests and tells their outcomes, and who sends them.
#[derive(Debug)]
pub struct Tests {
    asked: (mpsc::Sender<Test>, Mutex<mpsc::Receiver<Test>>),
    done: (mpsc::Sender<Outcome>, Mutex<mpsc::Receiver<Outcome>>),
}

impl Default for Tests {
    fn default() -> Self {
        let (asked, done) = (mpsc::channel(1), mpsc::channel(AT_ONCE));
        Self { asked: (asked.0, Mutex::new(asked.1)), done: (done.0, Mutex::new(done.1)) }
    }
}

impl Tests {
    /// Asks for one.
    pub fn ask(&self, test: Test) {
        if self.asked.0.try_send(test).is_err() {
            tracing::warn!("a test was passed over: {AT_ONCE} are being sent already");
        }
    }

    /// The next outcome.
    pub async fn outcome(&self) -> Option<Outcome> {
        self.done.1.lock().await.recv().await
    }

    /// Sends what is asked for, without end: some at a time, because whoever asked waits for it.
    pub async fn run(&self, email: Option<&Email>, webhooks: &[Webhook]) {
        let mut asked = self.asked.1.lock().await;
        let asked = poll_fn(move |context| asked.poll_recv(context));
        asked.for_each_concurrent(AT_ONCE, |test| self.carry_out(test, email, webhooks)).await;
    }

    async fn carry_out(&self, test: Test, email: Option<&Email>, webhooks: &[Webhook]) {
        let Test { id, meter, notice } = test;
        let by_email = async {
            match email {
                Some(email) => Some(sent(in_time(email.send(&notice)).await)),
                None => None,
            }
        };
        let (email, webhook) = tokio::join!(by_email, by_all(webhooks, &notice));
        tracing::info!(alarm = notice.alarm, ?email, ?webhook, "tested");
        let outcome = Outcome { meter, alarm: notice.alarm, tested: AlarmTested { id, email, webhook } };
        // Without a broker nobody waits for it any more.
        let _nobody_listens = self.done.0.try_send(outcome);
    }
}

async fn in_time(sending: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    timeout(AlarmTested::WITHIN, sending).await.context("no answer in time").flatten()
}

/// What became of a notice by all webhooks, if there are any: those that failed say which they are.
async fn by_all(webhooks: &[Webhook], notice: &Notice) -> Option<Sent> {
    let outcomes = join_all(
        webhooks
            .iter()
            .map(async |webhook| in_time(webhook.send(notice)).await.with_context(|| webhook.name.clone())),
    );
    let failures: Vec<_> =
        outcomes.await.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    let outcome = if failures.is_empty() { Ok(()) } else { Err(anyhow!(failures.join("; "))) };
    (!webhooks.is_empty()).then(|| sent(outcome))
}

fn sent(outcome: anyhow::Result<()>) -> Sent {
    match outcome {
        Ok(()) => Sent::Ok,
        Err(error) => Sent::Failed(foreign(&format!("{error:#}")).to_string()),
    }
}
