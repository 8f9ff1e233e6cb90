//! Measurements outside of normal operation: starts, floods, many idle connections, overload.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::drive::{Load, Outcome, Pace, drive, fetch};
use crate::http::{get, post};
use crate::machine;
use crate::population::{PASSWORD, Population};
use crate::service::Program;

/// Measures starts: the first and a later one with a private database, and one with a migrated database that is
/// running.
pub fn starts(bench: &Bench, directory: &Path) -> Result<Value, Box<dyn Error>> {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let private = Program {
        path: bench.program.path.clone(),
        log: directory.join("private.log"),
        settings: vec![(
            "VESTIBULE_DATA_DIR".to_owned(),
            directory.join("private").display().to_string(),
        )],
    };
    let mut started = Vec::new();
    for _ in 0..4 {
        let service = private.start(&[])?;
        started.push(milliseconds(service.started_after));
        service.stop()?;
    }
    let (mut migrated, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let service = bench.program.start(&[])?;
        migrated.push(milliseconds(service.started_after));
        idle.push(machine::resident(service.process()));
        service.stop()?;
    }
    let first = started.remove(0);
    Ok(json!({
        "migrated_ms": median(migrated),
        "private_first_ms": first,
        "private_later_ms": median(started),
        "idle_mib": median(idle),
    }))
}

/// Returns the median.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures refreshes at a fixed rate, alone and during more logins than can be hashed.
pub fn login_flood(bench: &mut Bench, rate: f64) -> Result<Value, Box<dyn Error>> {
    bench.population.renew(&bench.database)?;
    let at_rate = |bench: &Bench, first| {
        drive(Load {
            pace: Pace::Open(rate),
            connections: 64,
            first,
            ..bench.load(&bench.refresh_from(1), 64)
        })
    };
    let alone = at_rate(bench, 0);
    let sent = alone.statuses.values().sum();
    machine::forget_peak(bench.service.process());
    let (address, lasts) = (bench.service.address, bench.size.lasts);
    let emails: Vec<String> = (0..bench.population.sampled)
        .map(|place| bench.population.email(place))
        .collect();
    let flood = thread::spawn(move || {
        let outcome = drive(Load {
            address,
            requests: std::rc::Rc::new(move |number| {
                let email = &emails[number as usize % emails.len()];
                Some(post(
                    "/login",
                    &json!({"email": email, "password": PASSWORD}).to_string(),
                ))
            }),
            first: 0,
            connections: 200,
            pace: Pace::Open(100.0),
            lasts: lasts + Duration::from_secs(1),
            wanted: 200,
            member: "",
        });
        (outcome.statuses.clone(), outcome.done)
    });
    // Wait until the hashing queue is full.
    thread::sleep(Duration::from_secs(1));
    let flooded = at_rate(bench, sent);
    let (statuses, _) = flood.join().map_err(|_panicked| "the flood failed")?;
    Ok(json!({
        "rate": rate,
        "alone_p50_ms": alone.milliseconds(0.5), "alone_p99_ms": alone.milliseconds(0.99),
        "flooded_p50_ms": flooded.milliseconds(0.5), "flooded_p99_ms": flooded.milliseconds(0.99),
        "times_p99": flooded.milliseconds(0.99) / alone.milliseconds(0.99),
        "failed": alone.failed() + flooded.failed(),
        "logins_by_status": statuses,
        "peak_mib": machine::peak_resident(bench.service.process()),
    }))
}

/// Measures memory while thousands of idle connections are open, half of them in the middle of a request.
pub fn idle_connections(bench: &Bench, number: usize) -> Result<Value, Box<dyn Error>> {
    let process = bench.service.process();
    let before = machine::resident(process);
    machine::forget_peak(process);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address = bench.service.address;
    let begun = Instant::now();
    let mut opened_within = Duration::ZERO;
    let (open, answered, with) = runtime.block_on(async {
        // Opened concurrently, since the service closes connections that send nothing for a few seconds.
        let connecting: Vec<_> = (0..number)
            .map(|place| tokio::spawn(open_and_say_nothing(address, place % 2 == 1)))
            .collect();
        let mut open = Vec::with_capacity(number);
        for connecting in connecting {
            open.extend(connecting.await.ok().flatten());
        }
        opened_within = begun.elapsed();
        let answered = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            fetch(address, &[get("/.well-known/jwks.json", "")]).map(|answers| (answers[0].0, begun.elapsed()))
        });
        let answered = tokio::time::timeout(Duration::from_secs(20), answered).await;
        (open.len(), answered, machine::resident(process))
    });
    let answer = match answered {
        Ok(Ok(Ok((status, time)))) => json!({"status": status, "ms": time.as_secs_f64() * 1000.0}),
        _ => json!("none within 20 s"),
    };
    drop(runtime);
    Ok(json!({
        "opened": open, "opened_within_s": opened_within.as_secs_f64(),
        "before_mib": before, "with_mib": with, "peak_mib": machine::peak_resident(process),
        "another_is_answered": answer,
    }))
}

/// Opens a connection, and sends the beginning of a request or nothing.
async fn open_and_say_nothing(address: SocketAddr, begins: bool) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    if begins {
        stream.write_all(b"POST /login HTTP/1.1\r\nHost: be").await.ok()?;
    }
    Some(stream)
}

/// Sends twice the load that the service can carry, until each sampled session was refreshed once, then measures how
/// long it takes to be as fast as before.
pub fn overload(bench: &mut Bench, carried: f64) -> Result<Value, Box<dyn Error>> {
    bench.population.renew(&bench.database)?;
    let process = bench.service.process();
    machine::forget_peak(process);
    let requests = bench.refresh_once();
    let twice = drive(Load {
        pace: Pace::Open(carried * 2.0),
        connections: 2000,
        ..bench.load(&requests, 2000)
    });
    let begun = Instant::now();
    let recovered = recovery(bench, begun);
    Ok(json!({
        "offered": carried * 2.0, "carried": twice.per_second(),
        "p50_ms": twice.milliseconds(0.5), "p99_ms": twice.milliseconds(0.99),
        "by_status": twice.statuses,
        "refused_p50_ms": refused(&twice, 0.5), "refused_p99_ms": refused(&twice, 0.99),
        "recovered_after_s": recovered,
        "peak_mib": machine::peak_resident(process),
    }))
}

fn refused(outcome: &Outcome, quantile: f64) -> f64 {
    outcome.other_times.value_at_quantile(quantile) as f64 / 1000.0
}

/// Waits until ten consecutive requests that query the database are answered within 50 ms each.
fn recovery(bench: &Bench, begun: Instant) -> f64 {
    let request = [get("/health/ready", "")];
    let mut quick = 0;
    while quick < 10 && begun.elapsed() < Duration::from_mins(1) {
        let asked = Instant::now();
        let good = fetch(bench.service.address, &request).is_ok_and(|answers| answers[0].0 == 200);
        quick = if good && asked.elapsed() < Duration::from_millis(50) {
            quick + 1
        } else {
            0
        };
    }
    begun.elapsed().as_secs_f64()
}

/// Events in the month to be dropped.
const OLD_EVENTS: u64 = 500_000;

/// Measures how many old sessions the retention job deletes per second, and whether it drops an old month of the audit
/// trail, during refreshes at half the rate that the service can carry.
pub fn retention(bench: &mut Bench, carried: f64) -> Result<Value, Box<dyn Error>> {
    bench.population.renew(&bench.database)?;
    let seconds = bench.size.lasts.as_secs_f64();
    // More than it can delete in the time.
    let old = 5000 * seconds.ceil() as u64;
    bench
        .population
        .insert_old(&bench.database, old, OLD_EVENTS.min(10 * old))?;
    // The retention job runs as soon as the service has started.
    let deleting = bench.program.start(&[])?;
    let (before, begun) = (Population::count_old(&bench.database)?, Instant::now());
    let refreshed = drive(Load {
        pace: Pace::Open(carried / 2.0),
        connections: 64,
        ..bench.load(&bench.refresh_from(1), 64)
    });
    let (after, took) = (Population::count_old(&bench.database)?, begun.elapsed());
    deleting.stop()?;
    let count = |statement: &str| bench.database.run(statement);
    Ok(json!({
        "sessions_deleted_per_second": (before - after) as f64 / took.as_secs_f64(),
        "old_month_dropped": count("SELECT to_regclass('audit_events_2020_01') IS NULL")? == "t",
        "events_without_a_month": count("SELECT count(*) FROM audit_events_default")?,
        "refresh_p50_ms": refreshed.milliseconds(0.5), "refresh_p99_ms": refreshed.milliseconds(0.99),
        "refresh_failed": refreshed.failed(),
    }))
}

/// Checks whether the hot statements can find their rows by an index. Returns those that have to read whole tables.
/// The database must not choose to: for a table of a few rows, such as `throttles` here, it would.
pub fn plans(bench: &Bench) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    let (refresh, verify) = bench.scripts()?;
    for statement in refresh.explainable.iter().chain(&verify.explainable) {
        let plan = bench
            .database
            .run(&format!("SET enable_seqscan = off; EXPLAIN (COSTS OFF) {statement}"))?;
        if plan.contains("Seq Scan") {
            found.push(format!("{statement}\n{plan}"));
        }
    }
    Ok(found)
}
