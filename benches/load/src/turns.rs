//! Compares two builds in many short turns on one database, to measure a change on a machine whose speed varies.

use std::error::Error;
use std::path::PathBuf;

use crate::bench::{Bench, complain};
use crate::extremes::median;

const ROUTES: [&str; 4] = [
    "/2fa/verify",
    "/token/refresh",
    "/token/validate",
    "/.well-known/jwks.json",
];

/// Requests per second, and processor time per request of service and database in milliseconds.
type Turn = [f64; 3];

/// Measures the service and another build of it in turn and prints the medians of both.
pub fn compare(bench: &mut Bench, other: PathBuf, only: &[String], turns: u32) -> Result<(), Box<dyn Error>> {
    println!("{:<24} {:<8} {:>8} {:>8} {:>8}", "", "", "req/s", "cpu svc", "cpu db");
    for name in ROUTES {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let (mut these, mut others) = (Vec::new(), Vec::new());
        let mut waiting = other.clone();
        for _ in 0..turns {
            these.push(turn(bench, name)?);
            waiting = bench.replace(waiting)?;
            others.push(turn(bench, name)?);
            waiting = bench.replace(waiting)?;
        }
        for (which, turns) in [("this", these), ("other", others)] {
            let middle = |place: usize| median(turns.iter().filter_map(|turn| turn.get(place).copied()).collect());
            println!(
                "{name:<24} {which:<8} {:>8.1} {:>8.3} {:>8.3}",
                middle(0),
                middle(1),
                middle(2)
            );
        }
    }
    Ok(())
}

fn turn(bench: &mut Bench, name: &'static str) -> Result<Turn, Box<dyn Error>> {
    let (outcome, [service, database, _generator]) = bench.turn(name)?;
    complain(name, &outcome);
    Ok([outcome.per_second(), service, database])
}
