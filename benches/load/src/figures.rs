//! The questions that all compared services are asked, and the results: as a table, as JSON, and whether vestibule
//! carries more.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::report::Goal;

/// What all services are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Starting a login with the right password, by bcrypt with the same cost in all services.
    Login,
    /// Completing a login with the code of an authenticator app.
    SecondFactor,
    /// Continuing a session, or getting a new access token if the service's sessions need no more.
    Refresh,
    /// Whose session is it, and is it still valid?
    Validate,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Login, Self::SecondFactor, Self::Refresh, Self::Validate];

    /// Returns its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SecondFactor => "second factor",
            Self::Refresh => "refresh",
            Self::Validate => "validate",
        }
    }
}

/// The measurements of one service and one question.
#[derive(Clone)]
pub struct Figures {
    /// What was asked.
    pub question: Question,
    /// The service.
    pub who: &'static str,
    /// The request.
    pub asked: &'static str,
    /// Requests per second with the expected answer.
    pub per_second: f64,
    /// The 50th and 99th percentiles of the latency in milliseconds.
    pub times: [f64; 2],
    /// Processor time per request in milliseconds: of the service and of the database.
    pub cpu: [f64; 2],
    /// Unexpected answers.
    pub failed: u64,
}

/// The result of several logins of one user with the same code.
pub struct SameCode {
    /// The service.
    pub who: &'static str,
    /// How many were completed: one, if a code works once.
    pub completed: usize,
    /// How many were tried.
    pub of: usize,
}

/// Returns the median of several runs of each request, by rate.
pub fn middle(all: &[Figures]) -> Vec<Figures> {
    let mut rows: Vec<Figures> = Vec::new();
    for first in all {
        if rows.iter().any(|row| row.asked == first.asked) {
            continue;
        }
        let mut same: Vec<&Figures> = all.iter().filter(|other| other.asked == first.asked).collect();
        same.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        let failed = same.iter().map(|figures| figures.failed).sum();
        rows.push(Figures {
            failed,
            ..same[same.len() / 2].clone()
        });
    }
    rows
}

/// Formats the table.
pub fn table(rows: &[Figures]) -> String {
    let mut text = format!(
        "{:<14} {:<12} {:<28} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6}\n",
        "", "", "", "req/s", "p50", "p99", "cpu svc", "cpu db", "failed"
    );
    for row in rows {
        let ([p50, p99], [service, database]) = (row.times, row.cpu);
        let _ = writeln!(
            text,
            "{:<14} {:<12} {:<28} {:>8.1} {p50:>7.2} {p99:>7.2} {service:>7.3} {database:>7.3} {:>6}",
            row.question.name(),
            row.who,
            row.asked,
            row.per_second,
            row.failed
        );
    }
    text.push_str(
        "times in ms at that rate; cpu in ms a request, of all processes of the service and of its database\n",
    );
    text
}

/// Formats a row as JSON.
pub fn row(row: &Figures) -> Value {
    json!({
        "question": row.question.name(), "who": row.who, "asked": row.asked, "per_second": row.per_second,
        "p50_ms": row.times[0], "p99_ms": row.times[1], "cpu_ms": {"service": row.cpu[0], "database": row.cpu[1]},
        "failed": row.failed,
    })
}

/// Compares the rate of vestibule with the highest rate of the others, which must be lower for every question.
pub fn goals(rows: &[Figures]) -> Vec<Goal> {
    let most = |question: Question, ours: bool| {
        let rows = rows
            .iter()
            .filter(|row| row.question == question && (row.who == "vestibule") == ours);
        rows.map(|row| row.per_second).fold(f64::NAN, f64::max)
    };
    let goal = |question: Question| Goal {
        what: format!("{}, times the most of another", question.name()),
        measured: most(question, true) / most(question, false),
        limit: 1.0,
        at_least: true,
    };
    Question::ALL.into_iter().map(goal).collect()
}
