//! What the broker does not have that the pages would use, found out by listening to it. Pure.

use std::time::Duration;

use rumqttc::Publish;

/// Something that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It says nothing of itself, under `$SYS`.
    Itself,
    /// It sends nobody who subscribes by wildcards what was said before.
    Retained,
}

impl Lack {
    /// For the log.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Self::Itself => {
                "the broker says nothing of itself ($SYS): the status page does not show its version and how full it is"
            }
            Self::Retained => {
                "the broker sends no retained messages to subscriptions with wildcards: after each start the pages know \
                 what publishers say of themselves only when they say it again, which takes up to an hour"
            }
        }
    }
}

/// A broker that has something says it within this.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);

/// What has been heard over one connection.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    itself: bool,
    retained: bool,
    meters: bool,
}

impl Signs {
    /// Takes a message in.
    pub(crate) fn take(&mut self, message: &Publish) {
        if message.topic.starts_with("$SYS/") {
            self.itself = true;
        } else {
            self.retained |= message.retain;
            self.meters = true;
        }
    }

    /// What is not there, once [`WITHIN`] is over. Without a publisher nothing is retained anywhere.
    pub(crate) fn lacks(&self) -> Vec<Lack> {
        let itself = (!self.itself).then_some(Lack::Itself);
        let retained = (self.meters && !self.retained).then_some(Lack::Retained);
        itself.into_iter().chain(retained).collect()
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;

    fn message(topic: &str, retain: bool) -> Publish {
        Publish { retain, ..Publish::new(topic, QoS::AtMostOnce, "x") }
    }

    #[test]
    fn what_is_not_heard_is_lacking_and_nothing_is_expected_of_a_broker_without_publishers() {
        let lacks = |messages: &[Publish]| {
            let mut signs = Signs::default();
            messages.iter().for_each(|message| signs.take(message));
            signs.lacks()
        };
        let (live, info) = (message("powerpi/hq/main/live", false), message("powerpi/hq/main/info", true));
        let version = message("$SYS/broker/version", true);
        assert_eq!(lacks(&[]), [Lack::Itself]);
        assert_eq!(lacks(&[version.clone(), info.clone(), live.clone()]), []);
        assert_eq!(lacks(&[version, live.clone()]), [Lack::Retained], "what it says of itself is no sign");
        assert_eq!(lacks(&[live, info]), [Lack::Itself]);
    }
}
