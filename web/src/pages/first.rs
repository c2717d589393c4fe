//! Before there is a meter: what leads to the first picture, and how far it is.

use askama::Template;

use super::Frame;
use crate::texts::FirstWords;

/// What is known of the way to the first minute.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) broker_is_there: bool,
    pub(crate) ledger_is_there: bool,
    /// Open invitations, as far as this visitor may see them.
    pub(crate) invited: Vec<Invited>,
    /// The sites that have joined, as far as is known.
    pub(crate) joined: Vec<Joined>,
    /// Whether only browsers on this machine reach the pages.
    pub(crate) is_closed: bool,
}

/// A site that may join.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) site: String,
    /// In words.
    pub(crate) until: String,
    pub(crate) line: String,
}

/// A site that has joined.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) site: String,
    pub(crate) is_there: bool,
    pub(crate) has_no_clock: bool,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    Next,
    Later,
}

impl Progress {
    /// Its class in the style sheet.
    fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Next => "next",
            Self::Later => "later",
        }
    }

    fn word(self, words: &FirstWords) -> &'static str {
        match self {
            Self::Done => words.done,
            Self::Next => words.next,
            Self::Later => words.later,
        }
    }
}

/// One of the steps.
struct Step {
    progress: Progress,
    title: &'static str,
    /// A sentence, and what to type.
    said: Vec<(String, Vec<String>)>,
}

/// The page.
#[derive(Template)]
#[template(path = "first.html")]
pub(crate) struct FirstPage {
    frame: Frame,
    /// Which step is next, for those who do not see it.
    now: String,
    steps: Vec<Step>,
    is_closed: bool,
}

impl FirstPage {
    /// The page of somebody who may see every meter there will be.
    pub(crate) fn new(frame: Frame, way: &Way) -> Self {
        let words = frame.texts.first;
        let steps = steps(way, words);
        Self { now: now(&steps, words), steps, is_closed: way.is_closed, frame }
    }
}

fn steps(way: &Way, words: &FirstWords) -> Vec<Step> {
    let runs = way.broker_is_there && way.ledger_is_there;
    let (is_joined, is_there) = (!way.joined.is_empty(), way.joined.iter().any(|site| site.is_there));
    let done = [runs, !way.invited.is_empty() || is_joined, is_there, false];
    let next = done.iter().position(|is_done| !is_done);
    let said = [server(way, words), invite(way, words), join(way, words), minute(way, words)];
    let titles = [words.server, words.invite, words.join, words.minute];
    let progress = |place: usize| match next {
        Some(next) if place == next => Progress::Next,
        _ if done[place] => Progress::Done,
        _ => Progress::Later,
    };
    let steps = titles.into_iter().zip(said).enumerate();
    steps.map(|(place, (title, said))| Step { progress: progress(place), title, said }).collect()
}

fn now(steps: &[Step], words: &FirstWords) -> String {
    let next = steps.iter().zip(1..).find(|(step, _)| step.progress == Progress::Next);
    next.map(|(step, number)| words.step(number, steps.len(), step.title)).unwrap_or_default()
}

type Said = Vec<(String, Vec<String>)>;

fn say(sentence: &str, commands: &[&str]) -> (String, Vec<String>) {
    (sentence.to_owned(), commands.iter().map(|command| (*command).to_owned()).collect())
}

fn server(way: &Way, words: &FirstWords) -> Said {
    match (way.broker_is_there, way.ledger_is_there) {
        (false, _) => vec![say(words.broker_away, &["systemctl status powerpi-broker"])],
        (true, false) => vec![say(words.no_ledger, &["systemctl status powerpi-recorder"])],
        (true, true) => vec![say(words.server_runs, &[])],
    }
}

fn invite(way: &Way, words: &FirstWords) -> Said {
    if way.invited.is_empty() && way.joined.is_empty() {
        return vec![say(words.invite_by, &["sudo powerpi invite home"]), say(words.invite_means, &[])];
    }
    let invited = way.invited.iter().map(|it| {
        (format!("{} {}", words.invited(&it.site, &it.until), words.this_line), vec![it.line.clone()])
    });
    invited.collect()
}

fn join(way: &Way, words: &FirstWords) -> Said {
    if way.joined.is_empty() {
        let commands = ["sudo apt-get install -y ./powerpi-pi_*.deb", "sudo pi-publisher join"];
        return vec![say(words.join_by, &commands), say(words.join_means, &[])];
    }
    let of = |site: &Joined| match site.is_there {
        true => say(&words.joined.replace("{site}", &site.site), &[]),
        false => say(&words.gone.replace("{site}", &site.site), &["systemctl status pi-publisher"]),
    };
    way.joined.iter().map(of).collect()
}

fn minute(way: &Way, words: &FirstWords) -> Said {
    let waits = way.joined.iter().filter(|site| site.is_there && site.has_no_clock);
    let waits = waits.map(|site| say(&words.no_clock.replace("{site}", &site.site), &["timedatectl"]));
    std::iter::once(say(words.minute_means, &[])).chain(waits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(way: &Way) -> Vec<Progress> {
        let english = crate::texts::Language::default().texts();
        steps(way, english.first).iter().map(|step| step.progress).collect()
    }

    #[test]
    fn one_step_is_next() {
        use Progress::{Done, Later, Next};
        let mut way = Way::default();
        assert_eq!(progress(&way), [Next, Later, Later, Later]);
        (way.broker_is_there, way.ledger_is_there) = (true, true);
        assert_eq!(progress(&way), [Done, Next, Later, Later]);
        let invited = |site: &str| Invited { site: site.into(), until: String::new(), line: String::new() };
        way.invited = vec![invited("home")];
        assert_eq!(progress(&way), [Done, Done, Next, Later]);
        let joined = |is_there| Joined { site: "home".into(), is_there, has_no_clock: false };
        (way.invited, way.joined) = (Vec::new(), vec![joined(false)]);
        assert_eq!(progress(&way), [Done, Done, Next, Later]);
        way.joined = vec![joined(false), joined(true)];
        assert_eq!(progress(&way), [Done, Done, Done, Next]);
        way.broker_is_there = false;
        assert_eq!(progress(&way), [Next, Done, Done, Later], "what stopped is what is to be done");
    }
}
