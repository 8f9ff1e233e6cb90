//! Confirmation of commands that cannot be undone.

use std::io::{self, IsTerminal, Write};

use super::Failure;

/// Whether the operator has confirmed the command already, or can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// `--yes`.
    Given,
    /// The operator is at a terminal.
    ToBeAsked,
}

impl Consent {
    /// Decides before the command does anything, so that a script without `--yes` does not stop half way.
    pub(super) fn of(yes: bool) -> Result<Self, Failure> {
        if yes {
            Ok(Self::Given)
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            Ok(Self::ToBeAsked)
        } else {
            Err(Failure::usage(
                "this cannot be undone, and there is no terminal to ask for confirmation: add --yes",
            ))
        }
    }

    /// Asks for confirmation, unless it was given.
    pub(super) fn ask(self, question: &str) -> Result<(), Failure> {
        if self == Self::Given {
            return Ok(());
        }
        write!(io::stderr(), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if is_yes(&answer) {
            Ok(())
        } else {
            Err(Failure::of("nothing was done"))
        }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, expected) in [
            ("y\n", true),
            (" YES \n", true),
            ("", false),
            ("\n", false),
            ("yep\n", false),
            ("n\n", false),
        ] {
            assert_eq!(is_yes(answer), expected, "{answer:?}");
        }
    }
}
