//! `vestibule completions` and `vestibule man`: files that a package installs, generated from the definition of the
//! commands.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;

use super::{Failure, write_out};

/// Prints the script with which a shell completes commands and flags.
pub(super) fn completions(mut program: Command, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "vestibule", &mut script);
    write_out(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, or writes those of all commands into a directory.
pub(super) fn manual(program: Command, directory: Option<&Path>) -> Result<(), Failure> {
    let program = program.disable_help_subcommand(true);
    let Some(directory) = directory else {
        return write_out(&page(program)?);
    };
    fs::create_dir_all(directory)?;
    write_pages(program, "vestibule", directory)?;
    Ok(())
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).manual("Vestibule").render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes the page of a command and those of its subcommands, such as `vestibule-users-list.1`.
fn write_pages(command: Command, name: &str, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below.clone(), &format!("{name}-{}", below.get_name()), directory)?;
    }
    let version = command.get_version().unwrap_or(env!("CARGO_PKG_VERSION")).to_owned();
    let titled = command
        .name(name.to_owned())
        .display_name(name.to_owned())
        .bin_name(name.replace('-', " "))
        .version(version);
    fs::write(directory.join(format!("{name}.1")), page(titled)?)
}
