#![allow(clippy::unwrap_used)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::totals::source::CounterSource;

/// Registers of a profile of Eastron.
const TOTAL: u16 = 0x48;
const POWER: u16 = 0x0c;
const NUMBER: u16 = 0xfc00;
/// 230.2 as a number of 32 bits with a point in it.
const WORDS: [u16; 2] = [0x4366, 0x3333];

/// What a meter does with the question for a register.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Answers,
    /// It does, and closes the connection.
    AnswersOnce,
    Refuses,
    Nothing,
}

/// A meter in the network, whose frames are written by hand: a header of seven bytes, a function, and what belongs to it.
async fn meter(listener: &TcpListener, does: impl Fn(u16) -> Does) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut question = [0; 12];
        while client.read_exact(&mut question).await.is_ok() {
            let (transaction, function) = ([question[0], question[1]], question[7]);
            let does = does(u16::from_be_bytes([question[8], question[9]]));
            let said = match does {
                Does::Answers | Does::AnswersOnce => {
                    let words = WORDS.map(u16::to_be_bytes).concat();
                    [&[function, 4][..], &words].concat()
                }
                Does::Refuses => vec![function | 0x80, 2],
                Does::Nothing => continue,
            };
            let length = said.len() as u8 + 1;
            let answer = [&transaction[..], &[0, 0, 0, length, question[6]], &said].concat();
            client.write_all(&answer).await.unwrap();
            if does == Does::AnswersOnce {
                break;
            }
        }
    }
}

/// What is heard of a meter of one phase until it has said so many totals, within a minute.
async fn heard(totals: usize, does: impl Fn(u16) -> Does) -> Vec<Heard> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = format!("host = \"127.0.0.1\"\nport = {port}\nprofile = \"sdm120\"\nevery_s = 1");
    let paper: crate::totals::modbus::settings::ModbusOnPaper = daemon_runtime::parse(&said).unwrap();
    let settings = ModbusSettings::try_from(paper).unwrap();
    let (sender, heard) = flume::unbounded();
    let listener_of = Listener { counter: CounterSource::Modbus(settings.clone()), heard: sender };
    let mut polling = Polling::of(&settings.bus, &[(&settings, &listener_of)]);
    let enough = async {
        let mut all = Vec::new();
        while all.iter().filter(|heard| matches!(heard, Heard::Total(..))).count() < totals {
            all.push(heard.recv_async().await.unwrap());
        }
        all
    };
    timeout(Duration::from_secs(60), async {
        tokio::select! {
            all = enough => all,
            ended = polling.run() => panic!("{ended:?}"),
            () = meter(&listener, does) => unreachable!(),
        }
    })
    .await
    .unwrap()
}

const TOTAL_HEARD: Heard = Heard::Total(230_199_996_948, false);

#[tokio::test]
async fn a_meter_says_its_number_its_power_and_its_total() {
    let heard = heard(2, |_| Does::Answers).await;
    let number = Heard::Name("1130771251".into());
    assert_eq!(heard, [number, Heard::Rate(230), TOTAL_HEARD, Heard::Rate(230), TOTAL_HEARD]);
}

#[tokio::test]
async fn a_gateway_that_closes_after_each_answer_is_asked_at_the_rate() {
    let heard = heard(5, |_| Does::AnswersOnce).await;
    assert!(!heard.iter().any(|heard| matches!(heard, Heard::Unreadable(_))), "{heard:?}");
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::Rate(230)).count(), 5);
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Heard::Name(_))).count(), 1);
}

/// Some meters refuse registers that they do not have, and some say nothing at all.
#[tokio::test]
async fn a_meter_without_power_or_number_says_its_total_at_the_rate() {
    for lacking in [Does::Refuses, Does::Nothing] {
        let of = |register| if [POWER, NUMBER].contains(&register) { lacking } else { Does::Answers };
        let heard = heard(8, of).await;
        let totals = heard.iter().filter(|heard| **heard == TOTAL_HEARD).count();
        let without = heard.iter().filter(|heard| matches!(heard, Heard::WithoutRate(_))).count();
        assert_eq!((totals, without > 0, without < 8), (8, true, true), "{heard:?}");
        assert_eq!(totals + without, heard.len(), "{heard:?}");
    }
    let other = heard(1, |register| if register == TOTAL { Does::Answers } else { Does::Refuses }).await;
    assert!(matches!(&other[..], [Heard::Total(..)]), "{other:?}");
}
