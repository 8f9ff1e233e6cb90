//! The results as a table and as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::bench::{REFRESH_APART, Row, VERIFY_APART};
use crate::extremes::median;

/// Returns the median of several runs of each kind, by the reached part of the bound.
pub fn middle(runs: &[Vec<Row>]) -> Vec<Row> {
    let kinds = runs.first().into_iter().flatten().map(|row| row.name);
    let of_kind = |name| {
        let mut rows: Vec<&Row> = runs.iter().flatten().filter(|row| row.name == name).collect();
        rows.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
        let mut row = (*rows.get(rows.len() / 2)?).clone();
        row.failed = rows.iter().map(|row| row.failed).sum();
        Some(row)
    };
    kinds.filter_map(of_kind).collect()
}

/// Formats the table.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<24} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6}  {:<18} {:>8} {:>6}\n",
        "", "req/s", "p50", "p99", "p99.9", "cpu svc", "cpu db", "MiB", "bound", "per s", "of it"
    );
    for row in rows {
        let [p50, p99, p999] = row.times;
        let [service, database, _] = row.cpu;
        let _ = writeln!(
            text,
            "{:<24} {:>8.1} {p50:>7.2} {p99:>7.2} {p999:>7.2} {service:>7.3} {database:>7.3} {:>6.1}  {:<18} {:>8.1} {:>5.1}%{}",
            row.name,
            row.per_second,
            row.resident,
            row.bound.0,
            row.bound.1,
            row.ratio() * 100.0,
            if row.failed > 0 {
                format!("  ({} failed)", row.failed)
            } else {
                String::new()
            },
        );
        if row.bound_cpu.is_finite() {
            let _ = writeln!(text, "{:<56}{:>7.3}  in {}", "", row.bound_cpu, row.bound.0);
        }
    }
    text.push_str("times in ms at half the rate; cpu in ms a request, of the service and of its database\n");
    text
}

/// Formats a row as JSON.
pub fn row(row: &Row) -> Value {
    json!({
        "name": row.name, "per_second": row.per_second, "statements": row.statements,
        "rate_of_times": row.rate, "p50_ms": row.times[0], "p99_ms": row.times[1], "p999_ms": row.times[2],
        "cpu_ms": {"service": row.cpu[0], "database": row.cpu[1], "generator": row.cpu[2]},
        "resident_mib": row.resident, "failed": row.failed,
        "bound": {"what": row.bound.0, "per_second": row.bound.1, "ratio": row.ratio(), "database_cpu_ms": row.bound_cpu},
    })
}

/// A goal, and whether it was reached.
pub struct Goal {
    /// The quantity.
    pub what: String,
    /// The measured value.
    pub measured: f64,
    /// The limit.
    pub limit: f64,
    /// Whether the limit is a minimum, not a maximum.
    pub at_least: bool,
}

impl Goal {
    /// Returns whether it was reached.
    pub fn is_met(&self) -> bool {
        if self.at_least {
            self.measured >= self.limit
        } else {
            self.measured <= self.limit
        }
    }
}

/// Formats the goals.
pub fn goals(goals: &[Goal]) -> String {
    let mut text = String::new();
    for goal in goals {
        let sign = if goal.at_least { "≥" } else { "≤" };
        let met = if goal.is_met() { "met" } else { "NOT MET" };
        let _ = writeln!(
            text,
            "{:<58} {:>9.2}  {sign} {:<7} {met}",
            goal.what, goal.measured, goal.limit
        );
    }
    text
}

/// Formats them as JSON.
pub fn goals_as_json(goals: &[Goal]) -> Value {
    let goal = |goal: &Goal| {
        json!({
            "what": goal.what, "measured": goal.measured, "limit": goal.limit, "met": goal.is_met(),
        })
    };
    goals.iter().map(goal).collect()
}

/// Compares the measurements with the goals, which apply to every machine.
pub fn evaluate(runs: &[Vec<Row>], extremes: &Map<String, Value>, peak: f64) -> Vec<Goal> {
    let all = |name: &str, value: &dyn Fn(&Row) -> f64| {
        let named = runs.iter().flatten().filter(|row| row.name == name);
        median(named.map(value).collect())
    };
    let ratio = |name: &str| all(name, &Row::ratio);
    let goal = |what: &str, measured: f64, limit: f64, at_least: bool| Goal {
        what: what.to_owned(),
        measured,
        limit,
        at_least,
    };
    let beside_pgbench = |name: &str, least| goal(&format!("{name}, part of pgbench"), ratio(name), least, true);
    let number = |extreme: &str, key: &str| {
        let measured = extremes.get(extreme).and_then(|measured| measured.get(key));
        measured.and_then(Value::as_f64).unwrap_or(f64::NAN)
    };
    vec![
        goal("/login, part of the bare bcrypt loop", ratio("/login"), 2.5, true),
        beside_pgbench("/2fa/verify", 0.9),
        beside_pgbench("/token/refresh", 1.5),
        beside_pgbench(VERIFY_APART, 0.8),
        beside_pgbench(REFRESH_APART, 0.8),
        goal(
            "/token/validate, part of the route that checks a signature",
            ratio("/token/validate"),
            1.0,
            true,
        ),
        goal(
            "p99 of /token/refresh in a login flood, times alone",
            number("login-flood", "times_p99"),
            2.0,
            false,
        ),
        goal("MiB idle", number("starts", "idle_mib"), 30.0, false),
        goal("MiB under any load", peak, 100.0, false),
        goal("ms to start, migrated", number("starts", "migrated_ms"), 100.0, false),
        goal(
            "ms to start, private database, first",
            number("starts", "private_first_ms"),
            1500.0,
            false,
        ),
        goal(
            "ms to start, private database, later",
            number("starts", "private_later_ms"),
            250.0,
            false,
        ),
    ]
}
