//! The statements that the service sends for one request, read from the database server's log and turned into a script
//! for `pgbench`.
//!
//! This makes the bound fair by construction: whatever statements the service sends, `pgbench` sends the same ones, in
//! the same transaction, prepared in the same way. Only values that must differ between runs are replaced: the ids of
//! the user, the counter of the refresh token, and the ids of new rows.

use std::error::Error;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::population::{Kind, Population};

/// A refresh counter that no other value equals.
pub const COUNTER: u64 = 770_077_001;

/// A statement with the values of its parameters as text.
#[derive(Debug)]
struct Statement {
    text: String,
    parameters: Vec<Option<String>>,
}

/// A script and the variables that it needs.
pub struct Script {
    /// For `pgbench -f`.
    pub text: String,
    /// For `pgbench -D`.
    pub variables: Vec<(String, String)>,
    /// How many statements one request sends, including `BEGIN` and `COMMIT`.
    pub statements: usize,
    /// The original statements, for `EXPLAIN`.
    pub explainable: Vec<String>,
}

/// Turns on the logging of statements, for new connections.
pub const LOGGED: &str = "ALTER DATABASE vestibule SET log_statement = 'all';
     ALTER DATABASE vestibule SET log_error_verbosity = 'default';";
/// Turns it off.
pub const NOT_LOGGED: &str = "ALTER DATABASE vestibule RESET log_statement;
     ALTER DATABASE vestibule RESET log_error_verbosity;";

/// Reads what was logged after a position, and makes a script of the statements that concern a user of the sample.
pub fn script(log: &Path, from: u64, population: &Population, place: u64) -> Result<Script, Box<dyn Error>> {
    // The server writes a log line before it answers, but the line may not be visible in the file immediately.
    std::thread::sleep(Duration::from_millis(200));
    let mut file = fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let statements = of_user(read(&text), population, place);
    if statements.is_empty() {
        return Err(format!("the server's log has no statement for the request: {text}").into());
    }
    Ok(write(&statements, population, place))
}

/// Parses the log lines that contain statements.
fn read(log: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for line in log.lines() {
        let message = line.split_once("] ").map_or(line, |(_, message)| message);
        if let Some(parameters) = ["DETAIL:  parameters: ", "DETAIL:  Parameters: "]
            .iter()
            .find_map(|prefix| message.strip_prefix(prefix))
        {
            if let Some(last) = statements.last_mut() {
                last.parameters = read_parameters(parameters);
            }
            continue;
        }
        let Some(message) = message.strip_prefix("LOG:  ") else {
            continue;
        };
        let text = match message.split_once(": ") {
            Some(("statement", text)) => text,
            Some((execute, text)) if execute.starts_with("execute ") => text,
            _ => continue,
        };
        statements.push(Statement {
            text: text.to_owned(),
            parameters: Vec::new(),
        });
    }
    statements
}

/// Parses `$1 = 'text', $2 = NULL`; a quote in a text is doubled.
fn read_parameters(mut text: &str) -> Vec<Option<String>> {
    let mut parameters = Vec::new();
    while let Some((_, value)) = text.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            parameters.push(None);
            text = value;
            continue;
        };
        let (mut read, mut rest) = (String::new(), quoted);
        while let Some((part, after)) = rest.split_once('\'') {
            read.push_str(part);
            rest = after;
            let Some(doubled) = after.strip_prefix('\'') else { break };
            read.push('\'');
            rest = doubled;
        }
        parameters.push(Some(read));
        text = rest;
    }
    parameters
}

/// Selects the transactions, and the statements outside of any, that contain an id of the user, since the service has
/// background jobs, too.
fn of_user(statements: Vec<Statement>, population: &Population, place: u64) -> Vec<Statement> {
    let ids: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| population.id(*kind, place).to_string())
        .collect();
    let email = population.email(place);
    let names = |statement: &Statement| {
        let mut given = statement.parameters.iter().flatten();
        given.any(|value| *value == email || ids.contains(value))
    };
    let mut kept = Vec::new();
    let mut unit: Vec<Statement> = Vec::new();
    for statement in statements {
        let opens = statement.text.starts_with("BEGIN");
        let closes = matches!(statement.text.as_str(), "COMMIT" | "ROLLBACK");
        let inside = !unit.is_empty();
        unit.push(statement);
        if closes || !(inside || opens) {
            if unit.iter().any(names) {
                kept.append(&mut unit);
            }
            unit.clear();
        }
    }
    kept
}

fn write(statements: &[Statement], population: &Population, place: u64) -> Script {
    let mut writer = Writer {
        population,
        place,
        variables: Vec::new(),
        made: Vec::new(),
    };
    // The client's next user or, after the last one, the first again, whose counter has increased.
    let mut text = "\\set i :i + 1\n\\set number (:client_id * :chunk + mod(:i - 1, :chunk) + 1) * :stride\n\
         \\set counter (:i - 1) / :chunk + 1\n"
        .to_owned();
    for statement in statements {
        text.push_str(&writer.fill_in(statement));
        text.push_str(";\n");
    }
    Script {
        text,
        variables: writer.variables,
        statements: statements.len(),
        explainable: statements.iter().filter_map(Statement::with_values).collect(),
    }
}

impl Statement {
    /// Returns the statement with its values filled in, if it is one that has a plan.
    fn with_values(&self) -> Option<String> {
        let planned = ["SELECT", "UPDATE", "INSERT", "DELETE", "WITH"];
        if !planned.iter().any(|word| self.text.starts_with(word)) {
            return None;
        }
        let mut text = self.text.clone();
        for (index, parameter) in self.parameters.iter().enumerate().rev() {
            let value = parameter
                .as_ref()
                .map(|value| format!("'{}'", value.replace('\'', "''")));
            text = text.replace(&format!("${}", index + 1), value.as_deref().unwrap_or("NULL"));
        }
        Some(text)
    }
}

struct Writer<'a> {
    population: &'a Population,
    place: u64,
    variables: Vec<(String, String)>,
    made: Vec<String>,
}

impl Writer<'_> {
    fn fill_in(&mut self, statement: &Statement) -> String {
        let mut text = statement.text.clone();
        // From the last parameter to the first, so that `$1` does not match the beginning of `$12`.
        for (index, parameter) in statement.parameters.iter().enumerate().rev() {
            let value = parameter
                .as_deref()
                .map_or("NULL".to_owned(), |value| self.value(value));
            text = text.replace(&format!("${}", index + 1), &value);
        }
        text
    }

    fn value(&mut self, value: &str) -> String {
        for kind in Kind::ALL {
            if self.population.id(kind, self.place).to_string() == value {
                return format!(
                    "('{}' || lpad((:number)::text, 12, '0'))::uuid",
                    self.population.id_prefix(kind)
                );
            }
        }
        if value == COUNTER.to_string() {
            return ":counter".to_owned();
        }
        if value.len() == 36 && value.split('-').map(str::len).eq([8, 4, 4, 4, 12]) {
            return self.new_id(value);
        }
        let known = self.variables.iter().position(|(_, known)| known == value);
        let number = known.unwrap_or(self.variables.len());
        let name = format!("v{number}");
        if known.is_none() {
            self.variables.push((name.clone(), value.to_owned()));
        }
        format!(":{name}")
    }

    /// Returns an id that is unique and increases with every transaction of a client.
    fn new_id(&mut self, value: &str) -> String {
        let known = self.made.iter().position(|made| made == value);
        let place = known.unwrap_or_else(|| {
            self.made.push(value.to_owned());
            self.made.len() - 1
        });
        format!(
            "('ffffffff-' || lpad((:run)::text, 4, '0') || '-7000-8' || lpad((:client_id)::text, 3, '0') || '-' || \
             lpad((:i * 16 + {place})::text, 12, '0'))::uuid"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_request_becomes_a_script() {
        let population = Population::new(100, 10);
        let (user, session) = (population.id(Kind::User, 3), population.id(Kind::Active, 3));
        let log = format!(
            "2026-01-01 10:00:00.123 UTC [7] LOG:  statement: BEGIN\n\
             2026-01-01 10:00:00.123 UTC [7] LOG:  execute __diesel_stmt_0: SELECT 1 WHERE $1 = $2\n\
             2026-01-01 10:00:00.123 UTC [7] DETAIL:  parameters: $1 = 'a job''s', $2 = NULL\n\
             2026-01-01 10:00:00.123 UTC [7] LOG:  statement: COMMIT\n\
             2026-01-01 10:00:00.123 UTC [8] LOG:  execute __diesel_stmt_1: UPDATE sessions SET a = $1 WHERE id = $2 AND c = $3\n\
             2026-01-01 10:00:00.123 UTC [8] DETAIL:  parameters: $1 = '2026-01-01 10:00:00+00', $2 = '{session}', $3 = '{COUNTER}'\n\
             2026-01-01 10:00:00.123 UTC [8] LOG:  execute <unnamed>: INSERT INTO events VALUES ($1, $2)\n\
             2026-01-01 10:00:00.123 UTC [8] DETAIL:  parameters: $1 = '0198f3a4-0000-7abc-8def-000011112222', $2 = '{user}'\n"
        );
        let script = write(&of_user(read(&log), &population, 3), &population, 3);
        assert_eq!(script.statements, 2);
        assert!(script.text.contains("SET a = :v0 WHERE id = ('"), "{}", script.text);
        assert!(script.text.contains("AND c = :counter;"), "{}", script.text);
        assert!(script.text.contains("VALUES (('ffffffff-'"), "{}", script.text);
        assert_eq!(
            script.variables,
            [("v0".to_owned(), "2026-01-01 10:00:00+00".to_owned())]
        );
    }

    #[test]
    fn parameters_are_read_with_their_quotes() {
        let read = read_parameters("$1 = 'it''s, $2 = x', $2 = NULL, $3 = ''");
        assert_eq!(read, [Some("it's, $2 = x".to_owned()), None, Some(String::new())]);
    }
}
