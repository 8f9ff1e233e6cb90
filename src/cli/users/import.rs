//! `vestibule users import`.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::operate::operate;
use crate::cli::progress::Progress;
use crate::cli::{Failure, counted, write_out};
use crate::config::Config;
use crate::domain::typed_text::without_byte_order_mark;
use crate::flows::account::user_import::{ImportLine, ImportReport, LineNote, MAX_LINE, UserImport, supported_hashes};

/// The number of lines in one transaction.
const BATCH: usize = 500;

/// Returns the help for the file: its members, and the kinds of hashes.
pub(super) fn file_help() -> String {
    let mut help = "The file; - reads standard input\n\n\
        One JSON object per line: email, username or both; password_hash, unless the user signs in without one; \
        and optionally totp_secret (base32), passkeys, email_verified, roles, claims, locale and created_at.\n\n\
        The kinds of password_hash, as the other program stored it:\n"
        .to_owned();
    for (maker, looks) in supported_hashes() {
        // Writing to a string cannot fail.
        let _ = writeln!(help, "- {maker}: {}", looks.join(", "));
    }
    help.push_str(
        "\nOther hashes are refused, each with its reason. Import such users with the hash of a random password, and \
         let them set a new password.",
    );
    help
}

/// Imports a file.
pub(super) fn run(config: &Config, file: &Path, dry_run: bool, as_json: bool) -> Result<(), Failure> {
    // Before the database: for a misspelt file name, the private PostgreSQL need not be started.
    let mut source = Source::open(file).map_err(|error| Failure::of(format!("{}: {error}", file.display())))?;
    operate(config, async |core| {
        let mut run = UserImport::new(core, dry_run);
        let outcome = feed(&mut run, &mut source).await;
        source.progress.finish();
        // The report is also written if the import failed half way: the lines before that were imported.
        let report = &run.report;
        write_out(&if as_json {
            format!("{}\n", as_value(report, dry_run))
        } else {
            as_text(report, dry_run)
        })?;
        outcome?;
        if report.failed > 0 {
            let lines = counted(report.failed, "line");
            return Err(Failure::of(format!("{lines} could not be imported")));
        }
        Ok(())
    })
}

async fn feed(run: &mut UserImport, source: &mut Source) -> Result<(), Failure> {
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH
            && let Some(line) = source.next_line()?
        {
            batch.push(line);
        }
        if batch.is_empty() {
            return Ok(());
        }
        run.take(batch).await?;
        let report = &run.report;
        source.progress.say(format!(
            "{} imported, {} present, {} failed",
            report.imported, report.present, report.failed
        ));
    }
}

/// A file that is read line by line, with a progress bar.
struct Source {
    reader: BufReader<Box<dyn Read>>,
    lines: u64,
    progress: Progress,
}

impl Source {
    fn open(file: &Path) -> io::Result<Self> {
        let (reader, length): (Box<dyn Read>, u64) = if file == Path::new("-") {
            (Box::new(io::stdin()), 0)
        } else {
            let file = File::open(file)?;
            // A pipe has no length.
            let length = file.metadata()?.len();
            (Box::new(file), length)
        };
        let progress = if length > 0 {
            Progress::new("bytes", length)
        } else {
            Progress::of_unknown_length("bytes")
        };
        let mut reader = BufReader::with_capacity(2 * MAX_LINE, reader);
        if let Some(unfit) = unfit(reader.fill_buf()?) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, unfit));
        }
        Ok(Self {
            reader,
            lines: 0,
            progress,
        })
    }

    /// Reads the next line that is not blank.
    fn next_line(&mut self) -> io::Result<Option<ImportLine>> {
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX) + 1;
        loop {
            let mut text = Zeroizing::new(Vec::new());
            let mut read = self.reader.by_ref().take(limit).read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.lines += 1;
            let too_long = read > MAX_LINE;
            if too_long && !text.ends_with(b"\n") {
                read += self.reader.skip_until(b'\n')?;
            }
            self.progress.add(u64::try_from(read).unwrap_or_default());
            if too_long || !without_byte_order_mark(&text).trim_ascii().is_empty() {
                return Ok(Some(ImportLine {
                    number: self.lines,
                    text: (!too_long).then_some(text),
                }));
            }
        }
    }
}

/// Says what is wrong with a file as a whole, by how it begins. Line by line it would be told thousands of times, or of
/// one line that is too long.
fn unfit(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Some("is in UTF-32: convert it first, such as with iconv -f UTF-32 -t UTF-8");
        }
        // By its mark, which Windows PowerShell writes, or without one by the zero byte of a brace.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => {
            return Some("is in UTF-16: convert it first, such as with iconv -f UTF-16 -t UTF-8");
        }
        _ => {}
    }
    // A carriage return inside of an object is white space (RFC 8259 §2). Between objects it ends a line of old Macs.
    let is_between = |(index, _): &(usize, &u8)| {
        let (before, after) = beginning.split_at(*index);
        before.trim_ascii_end().ends_with(b"}") && after.trim_ascii_start().starts_with(b"{")
    };
    let mut returns = beginning.iter().enumerate().filter(|(_, byte)| **byte == b'\r');
    (!beginning.contains(&b'\n') && returns.any(|found| is_between(&found)))
        .then_some("has carriage returns as line ends: convert them to line feeds first, such as with tr '\\r' '\\n'")
}

fn as_value(report: &ImportReport, dry_run: bool) -> Value {
    let note = |note: &LineNote| json!({"line": note.line, "member": note.member, "reason": note.reason});
    json!({
        "dry_run": dry_run,
        "imported": report.imported,
        "present": report.present,
        "failed": report.failed,
        "faults": report.faults.iter().map(note).collect::<Vec<_>>(),
        "without_roles": report.without_roles.iter().map(note).collect::<Vec<_>>(),
        "differing": report.differing.iter().map(note).collect::<Vec<_>>(),
    })
}

fn as_text(report: &ImportReport, dry_run: bool) -> String {
    let mut text = String::new();
    if dry_run {
        text.push_str("Nothing was changed. Without --dry-run the result would be:\n");
    }
    let ImportReport {
        imported,
        present,
        failed,
        faults,
        differing,
        without_roles,
    } = report;
    let counts = format!("imported  {imported}\npresent   {present}\nfailed    {failed}\n");
    text.push_str(&counts);
    for (heading, notes) in [
        ("Failed", faults),
        ("Imported without roles", without_roles),
        ("Present, under other names", differing),
    ] {
        if !notes.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{heading}:");
        }
        for LineNote { line, member, reason } in notes {
            let member = member.map(|member| format!("{member} ")).unwrap_or_default();
            let _ = writeln!(text, "  line {line}: {member}{reason}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<String> {
        let mut source = Source {
            reader: BufReader::new(Box::new(io::Cursor::new(text.to_vec()))),
            lines: 0,
            progress: Progress::of_unknown_length("bytes"),
        };
        let mut lines = Vec::new();
        while let Some(line) = source.next_line().unwrap() {
            let text = line.text.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
            lines.push(format!("{} {}", line.number, text.as_deref().unwrap_or("too long")));
        }
        lines
    }

    #[test]
    fn lines_keep_their_numbers_whatever_stands_between_them() {
        assert_eq!(read(b"a\n\r\n  \nb\r\nc"), ["1 a", "4 b", "5 c"]);
        assert_eq!(read(b""), Vec::<String>::new());
        assert_eq!(read("\u{feff}\r\n\u{feff}\n".as_bytes()), Vec::<String>::new());
        assert_eq!(read("\u{feff}a\nb".as_bytes()).len(), 2);
        let longest = vec![b'x'; MAX_LINE - 1];
        let longer = [longest.clone(), longest.clone()].concat();
        let just_longer = [&longest[..], b"x"].concat();
        let text = [&longest[..], b"\n", &longer, b"\nb\n", &just_longer, b"\nc\n", &longer].concat();
        let lines = read(&text);
        assert_eq!(lines[1..], ["2 too long", "3 b", "4 too long", "5 c", "6 too long"]);
    }

    #[test]
    fn a_file_in_another_form_is_named_as_a_whole() {
        let object = r#"{"email":"jo@example.com"}"#;
        let utf16 = |to_bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            format!("{mark}{object}\n").encode_utf16().flat_map(to_bytes).collect()
        };
        for (bytes, says) in [
            (utf16(u16::to_le_bytes, "\u{feff}"), Some("UTF-16")),
            (utf16(u16::to_be_bytes, "\u{feff}"), Some("UTF-16")),
            (utf16(u16::to_le_bytes, ""), Some("UTF-16")),
            (utf16(u16::to_be_bytes, ""), Some("UTF-16")),
            (b"\xff\xfe\0\0{\0\0\0".to_vec(), Some("UTF-32")),
            (format!("{object}\r{object}\r").into_bytes(), Some("carriage returns")),
            (format!("{object} \r\r {object}").into_bytes(), Some("carriage returns")),
            (format!("{object}\r\n{object}\r\n").into_bytes(), None),
            (format!("{object}\n").into_bytes(), None),
            (b"{\r\"email\":\r\"jo@example.com\"}\r".to_vec(), None),
            (format!("\u{feff}{object}\n").into_bytes(), None),
            (Vec::new(), None),
        ] {
            let found = unfit(&bytes);
            assert_eq!(found.is_some(), says.is_some(), "{bytes:?}: {found:?}");
            assert!(
                found.unwrap_or_default().contains(says.unwrap_or_default()),
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_report_names_lines_and_members() {
        let note = |line, member| LineNote {
            line,
            member,
            reason: "is wrong".to_owned(),
        };
        let report = ImportReport {
            imported: 1,
            present: 2,
            failed: 3,
            faults: vec![note(7, Some("email")), note(9, None)],
            differing: vec![],
            without_roles: vec![],
        };
        let expected =
            "imported  1\npresent   2\nfailed    3\n\nFailed:\n  line 7: email is wrong\n  line 9: is wrong\n";
        assert_eq!(as_text(&report, false), expected);
        assert!(as_text(&report, true).starts_with("Nothing was changed."));
        assert_eq!(as_value(&report, true)["faults"][1]["member"], Value::Null);
    }
}
