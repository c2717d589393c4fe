//! Passwords in a file, as PostgreSQL's own programs read them: `host:port:database:user:password` in each line, with `*`
//! for any.

use std::path::Path;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The password for an address: that of the first line that fits it.
pub(crate) fn find(file: &Path, config: &Config) -> Result<String, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
    let hosts: Vec<String> = config.get_hosts().iter().map(name).collect();
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let fits = |line: &[String]| {
        let is = |field: &str, value: &str| field == "*" || field == value;
        (line[0] == "*" || hosts.contains(&line[0]))
            && is(&line[1], &port)
            && is(&line[2], config.get_dbname().unwrap_or_default())
            && is(&line[3], config.get_user().unwrap_or_default())
    };
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(fields);
    let found =
        lines.filter(|line| line.len() == 5).find(|line| fits(line)).map(|mut line| line.swap_remove(4));
    found.ok_or_else(|| {
        format!("{} has no line for this server; one is `host:port:database:user:password`", file.display())
    })
}

/// As PostgreSQL's own programs, a socket is this machine.
fn name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(_) => "localhost".into(),
    }
}

/// A backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut characters) = (vec![String::new()], line.chars());
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut().expect("there is one").extend(characters.next()),
            other => fields.last_mut().expect("there is one").push(other),
        }
    }
    fields
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_tells_the_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "# ours\nb:*:*:web:no\na:5432:powerpi:web:p\\:a\\\\ss:word\n*:*:*:*:any\n",
        )
        .unwrap();
        let of = |address: &str| find(file.path(), &address.parse().unwrap()).unwrap();
        assert_eq!(of("postgresql://web@a/powerpi"), "p:a\\ss:word");
        assert_eq!(of("postgresql://web@c,b/powerpi"), "no");
        assert_eq!(of("postgresql://recorder@a/powerpi"), "any");
        std::fs::write(file.path(), "b:*:*:web:no").unwrap();
        assert!(find(file.path(), &"postgresql://web@a/powerpi".parse().unwrap()).is_err());
    }
}
