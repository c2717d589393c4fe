//! User names and passwords in each combination that the standard allows; a password is any bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use broker_users::{PasswordHash, Role, UsersFile};
use mqtt_proto::v5::ConnectReasonCode;
use rumqttc::{ConnectReturnCode, Packet};

use crate::access::access_settings;
use crate::common::Client;
use crate::program::Home;
use crate::v5::client::{V5, connect};

/// What the client's side of a login looks like, and what the broker may make of it.
struct Case {
    what: &'static str,
    user: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    /// It names somebody, and does not show that it is them.
    Refused,
    /// Nobody is named, where everybody must be.
    Nameless,
    /// It is no CONNECT.
    Closed,
    /// Only in MQTT 5 is it one [MQTT-3.1.2-22 of MQTT 3.1.1].
    ClosedBefore5,
}

use Outcome::{Accepted, Closed, ClosedBefore5, Nameless, Refused};

fn case(what: &'static str, user: Option<&[u8]>, password: Option<&[u8]>, outcome: Outcome) -> Case {
    Case { what, user: user.map(<[u8]>::to_vec), password: password.map(<[u8]>::to_vec), outcome }
}

/// A CONNECT of MQTT 3.1.1.
fn connect_4(user: Option<&[u8]>, password: Option<&[u8]>) -> Vec<u8> {
    let fields = [user, password].into_iter().flatten();
    let fields: Vec<u8> =
        fields.flat_map(|field| [&(field.len() as u16).to_be_bytes()[..], field].concat()).collect();
    let flags = 0x02 | if user.is_some() { 0x80 } else { 0 } | if password.is_some() { 0x40 } else { 0 };
    let rest = [b"\x00\x04MQTT\x04", &[flags][..], b"\x00\x3c\x00\x01a", &fields].concat();
    let length = [rest.len() as u8 | 0x80, (rest.len() >> 7) as u8 | 0x80, (rest.len() >> 14) as u8];
    [&[0x10][..], &length, &rest].concat()
}

fn check(home: &Home, cases: &[Case]) {
    for Case { what, user, password, outcome } in cases {
        let (user, password) = (user.as_deref(), password.as_deref());
        println!("{what}");
        let mut client = Client::raw(home.address);
        client.send_bytes(&connect_4(user, password));
        let code = match outcome {
            Accepted => Some(ConnectReturnCode::Success),
            Refused => Some(ConnectReturnCode::BadUserNamePassword),
            Nameless => Some(ConnectReturnCode::NotAuthorized),
            Closed | ClosedBefore5 => None,
        };
        match client.next(std::time::Duration::from_secs(60)) {
            Some(Packet::ConnAck(connack)) => assert_eq!(Some(connack.code), code),
            None => assert_eq!(code, None),
            Some(other) => panic!("{other:?}"),
        }
        // mqtt-proto's client cannot send what is no text.
        let Ok(user) = user.map(std::str::from_utf8).transpose() else { continue };
        let mut five = connect("a");
        (five.username, five.password) = (user.map(Into::into), password.map(bytes::Bytes::copy_from_slice));
        let mut client = V5::raw(home.address);
        client.send(five);
        let code = match outcome {
            Accepted => ConnectReasonCode::Success,
            Refused => ConnectReasonCode::BadUserNameOrPassword,
            Nameless | ClosedBefore5 => ConnectReasonCode::NotAuthorized,
            Closed => ConnectReasonCode::MalformedPacket,
        };
        let code = if *outcome == ClosedBefore5 && !home.path().join("users.toml").exists() {
            ConnectReasonCode::Success
        } else {
            code
        };
        assert_eq!(client.expect_connack().reason_code, code);
    }
}

#[test]
fn each_allowed_combination_is_taken_where_everybody_comes_in() {
    let home = Home::new();
    let _running = home.start();
    let long = vec![b'x'; 65_535];
    check(
        &home,
        &[
            case("neither", None, None, Accepted),
            case("a user", Some(b"u"), None, Accepted),
            case("a user with an empty password", Some(b"u"), Some(b""), Accepted),
            case("a user with a password", Some(b"u"), Some(b"p"), Accepted),
            case("a password with NUL", Some(b"u"), Some(b"p\0q"), Accepted),
            case("a password that is no text", Some(b"u"), Some(b"\xff\xfe\x00\xc3"), Accepted),
            case("as long as can be", Some(&long), Some(&long), Accepted),
            case("an empty user name", Some(b""), None, Accepted),
            case("both empty", Some(b""), Some(b""), Accepted),
            case("an empty user name with a password", Some(b""), Some(b"p"), Accepted),
            case("a password without a user name", None, Some(b"p"), ClosedBefore5),
            case("an empty password without a user name", None, Some(b""), ClosedBefore5),
            case("a user name with NUL", Some(b"u\0"), Some(b"p"), Closed),
            case("a user name that is no text", Some(b"\xff"), Some(b"p"), Closed),
        ],
    );
}

#[test]
fn a_password_is_compared_byte_by_byte() {
    const BYTES: &[u8] = b"\xff\x00\xfe secret";
    let home = Home::new();
    let mut users = UsersFile::open(&home.path().join("users.toml")).unwrap();
    for (name, password) in [("bytes", BYTES), ("text", "größe".as_bytes()), ("mosquitto", &b"\xff\xfe"[..])]
    {
        let hash = PasswordHash::of(password).unwrap();
        users.set(&name.parse().unwrap(), Some(&hash), Some(Role::Reader));
    }
    users.save().unwrap();
    home.write(&access_settings(&home));
    let _running = home.start();
    for version in ["311", "5"] {
        let arguments = ["-V", version, "-t", "powerpi/#", "-E", "-u", "mosquitto", "-P"];
        let mut command = home.mosquitto("mosquitto_sub", &arguments);
        assert!(command.arg(OsStr::from_bytes(b"\xff\xfe")).status().unwrap().success(), "{version}");
    }
    check(
        &home,
        &[
            case("bytes", Some(b"bytes"), Some(BYTES), Accepted),
            case("text", Some(b"text"), Some("größe".as_bytes()), Accepted),
            case(
                "what could be shown of it",
                Some(b"bytes"),
                Some("\u{fffd}\0\u{fffd} secret".as_bytes()),
                Refused,
            ),
            case("no password", Some(b"bytes"), None, Refused),
            case("neither", None, None, Nameless),
            case("both empty", Some(b""), Some(b""), Nameless),
            case("a password without a user name", None, Some(BYTES), ClosedBefore5),
            case("up to its NUL", Some(b"bytes"), Some(b"\xff"), Refused),
        ],
    );
}
