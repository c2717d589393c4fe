//! Manual pages and completions of a program, made of its command line. Packages have them; whoever asks for help has no
//! need to know how they are made, so the command for it is in no help.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `PROGRAM write-manual FOLDER` fills a folder that is laid out like `/usr/share`.
const WRITE: &str = "write-manual";

/// Where each shell looks for completions, below `/usr/share`.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions"),
    (Shell::Zsh, "zsh/vendor-completions"),
    (Shell::Fish, "fish/vendor_completions.d"),
];

/// Reads the command line of a program. Answers `--help` and `--version`, and ends the process where there is nothing
/// more to do.
pub fn read_command_line(command: Command) -> ArgMatches {
    if let Some(folder) = asked_for(std::env::args_os().skip(1)) {
        let written = write(command, &folder);
        let code = written.map_or_else(
            |error| {
                eprintln!("{}: {error}", folder.display());
                crate::EXIT_FAILURE
            },
            |()| 0,
        );
        std::process::exit(code.into());
    }
    command.get_matches()
}

/// The folder, if that is what is asked for.
fn asked_for(mut arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    arguments.next().filter(|first| first == WRITE)?;
    let folder = arguments.next()?;
    arguments.next().is_none().then(|| folder.into())
}

fn write(command: Command, share: &Path) -> io::Result<()> {
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    for (shell, place) in COMPLETIONS {
        let (place, name) = (share.join(place), command.get_name().to_owned());
        fs::create_dir_all(&place)?;
        // Bash finds them by the program's name alone.
        let file = match shell {
            Shell::Zsh => place.join(format!("_{name}")),
            Shell::Fish => place.join(format!("{name}.fish")),
            _ => place.join(&name),
        };
        fs::write(file, completions(&command, shell, &name))?;
    }
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let version = format!("PowerPi {}", command.get_version().unwrap_or_default());
    write_pages(&command, &version, &pages)
}

fn completions(command: &Command, shell: Shell, name: &str) -> Vec<u8> {
    let mut written = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), name, &mut written);
    if shell != Shell::Bash {
        return written;
    }
    // clap_complete 4.6 writes a name with a dash in one way where it sets it and in another where it looks for it, so
    // that Bash would complete nothing behind a subcommand.
    let [set, looked_for] = ["__", "__subcmd__"].map(|by| name.replace('-', by));
    String::from_utf8_lossy(&written).replace(&set, &looked_for).into_bytes()
}

/// A page of the command, and one of each below it.
fn write_pages(command: &Command, version: &str, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, version, folder)?;
    }
    let is_program = command.get_display_name().is_none_or(|name| name == command.get_name());
    let page = Man::new(command.clone()).source(version).manual("PowerPi").date(date());
    let mut file = File::create(folder.join(page.get_filename()))?;
    page.render_title(&mut file)?;
    page.render_name_section(&mut file)?;
    page.render_synopsis_section(&mut file)?;
    page.render_description_section(&mut file)?;
    page.render_options_section(&mut file)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        page.render_subcommands_section(&mut file)?;
    }
    ending(command, is_program).to_writer(&mut file)
}

/// What `--help` does not say.
fn ending(command: &Command, is_program: bool) -> Roff {
    let mut ending = Roff::new();
    ending.control("SH", ["EXIT STATUS"]);
    for (code, when) in [
        ("0", "It did what it was asked to do, or was told to stop."),
        ("1", "It could not; standard error says why, and what to do."),
        ("2", "The command line or the settings are wrong."),
    ] {
        ending.control("TP", []).text([bold(code)]).text([roman(when)]);
    }
    if is_program {
        let folder = if command.get_name() == "pi-publisher" { "powerpi-pi" } else { "powerpi-server" };
        ending.control("SH", ["SEE ALSO"]);
        ending
            .text([roman("The guide and all other documents: "), bold(format!("/usr/share/doc/{folder}/"))]);
    }
    ending
}

/// The day that a page is of: that of the release where it is built for one, so that it is the same each time.
fn date() -> String {
    let said = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let at = said.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(crate::now);
    TimeZone::UTC.to_datetime(at).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_taken_for_it() {
        let asked = |words: &[&str]| asked_for(words.iter().map(OsString::from));
        assert_eq!(asked(&["write-manual", "out"]), Some("out".into()));
        for other in
            [&["write-manual"][..], &[], &["out"], &["write-manual", "a", "b"], &["-c", "write-manual"]]
        {
            assert_eq!(asked(other), None, "{other:?}");
        }
    }
}
