//! The benchmark: starts a vestibule with a database and users, puts load on it, and prints its rates next to the upper
//! bounds that the same machine reaches in the same minute. `scripts/bench` builds and runs it; `docs/PERFORMANCE.md`
//! explains it.

mod bench;
mod bounds;
mod database;
mod drive;
mod extremes;
mod figures;
mod http;
mod machine;
mod peer;
mod peers;
mod population;
mod report;
mod service;
mod statements;
mod turns;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use bench::{Bench, Row, Size};

/// Put load on a vestibule and measure it
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Measure
    Run(Run),
    /// Serve one route, to see what HTTP itself costs
    #[command(hide = true)]
    FixedRoute {
        address: SocketAddr,
        #[arg(long)]
        keys: Option<String>,
    },
    /// Check a password repeatedly
    #[command(hide = true)]
    BareHashes { hash: String, threads: usize, seconds: f64 },
}

#[derive(clap::Args)]
struct Run {
    /// The program to measure
    #[arg(long)]
    vestibule: PathBuf,
    /// Directory for databases and logs
    #[arg(long)]
    scratch: PathBuf,
    /// Directory for the JSON output
    #[arg(long)]
    out: PathBuf,
    /// Users in the database
    #[arg(long, default_value_t = 20_000)]
    users: u64,
    /// Duration of each load in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How often everything is measured; the median is reported
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Threads that hash passwords: by default as many as processors, as in the service
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get))]
    hash_threads: usize,
    /// Only these, separated by commas: routes, and starts, login-flood, idle-connections, overload, retention. A flood
    /// and an overload need /token/refresh
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measure only briefly, to check that the benchmark works
    #[arg(long)]
    quick: bool,
    /// Only login, verify and refresh with ten thousand, a million and ten million users
    #[arg(long)]
    scale: bool,
    /// Only compare with another build on the same database, in as many turns as there are runs
    #[arg(long)]
    beside: Option<PathBuf>,
    /// Only second factor, refresh and validation, in comparison with third-party services that are installed in this
    /// directory
    #[arg(long)]
    peers: Option<PathBuf>,
    /// The numbers of users for --scale
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000,10000000")]
    scales: Vec<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse().part {
        Part::Run(run) => measure(run),
        Part::FixedRoute { address, keys } => bounds::serve_fixed_route(address, keys.as_deref()),
        Part::BareHashes { hash, threads, seconds } => {
            // The same priority as the service's hashing threads, which must not slow down other threads.
            let _ = rustix::process::setpriority_process(None, 10);
            let rate = bounds::check_hashes(&hash, threads, Duration::from_secs_f64(seconds));
            println!("{rate}");
            Ok(())
        }
    }
}

fn measure(mut run: Run) -> Result<(), Box<dyn Error>> {
    if run.quick {
        // With fewer users, each session would refresh more often than the service allows a session.
        (run.users, run.seconds, run.runs) = (8000, 1.0, 1);
        run.scales = vec![2000, 8000];
    }
    fs::create_dir_all(&run.out)?;
    // The service runs in another directory, so that a `.env` in the current one has no effect.
    (run.vestibule, run.scratch) = (fs::canonicalize(&run.vestibule)?, fs::canonicalize(&run.scratch)?);
    if let Some(other) = &run.beside {
        let mut bench = Bench::start(run.vestibule.clone(), run.scratch.join("main"), size(&run, run.users))?;
        turns::compare(&mut bench, fs::canonicalize(other)?, &run.only, run.runs)?;
        return bench.stop();
    }
    let (result, file) = match &run.peers {
        Some(home) => (beside_peers(&run, home)?, "peers.json"),
        None if run.scale => (scale(&run)?, "scale.json"),
        None => (everything(&run)?, "bench.json"),
    };
    let file = run.out.join(file);
    fs::write(&file, serde_json::to_string_pretty(&result)? + "\n")?;
    println!("as JSON: {}", file.display());
    Ok(())
}

fn size(run: &Run, users: u64) -> Size {
    Size {
        users,
        sampled: users.min(run.users),
        lasts: Duration::from_secs_f64(run.seconds),
        cost: if run.quick { 10 } else { 12 },
        hash_threads: run.hash_threads,
    }
}

/// A measurement outside of normal operation. It may depend on how many refreshes a second the service carries.
type Extreme = fn(&mut Bench, &Run, f64) -> Result<Value, Box<dyn Error>>;

/// Their names for `--only` and in the output.
const EXTREMES: &[(&str, Extreme)] = &[
    ("starts", |bench, run, _| extremes::starts(bench, &run.scratch)),
    ("login-flood", |bench, _, carried| {
        extremes::login_flood(bench, carried / 4.0)
    }),
    ("idle-connections", |bench, run, _| {
        extremes::idle_connections(bench, if run.quick { 200 } else { 10_000 })
    }),
    ("overload", |bench, _, carried| extremes::overload(bench, carried)),
    ("retention", |bench, _, carried| extremes::retention(bench, carried)),
];

fn everything(run: &Run) -> Result<Value, Box<dyn Error>> {
    println!("{}\n", machine::describe());
    let mut bench = Bench::start(run.vestibule.clone(), run.scratch.join("main"), size(run, run.users))?;
    let process = bench.service.process();
    machine::forget_peak(process);
    let mut runs = Vec::new();
    for _ in 0..run.runs {
        runs.push(bench.run(&run.only)?);
    }
    let rows = report::middle(&runs);
    println!("{}", report::table(&rows));
    let hashing = if rows.iter().any(|row| row.name == "/login") {
        bench.hashing(run.runs)?
    } else {
        Value::Null
    };
    println!("hashing: {hashing}");
    let carried = rows
        .iter()
        .find(|row| row.name == "/token/refresh")
        .map_or(100.0, |row| row.per_second);
    let mut peak = machine::peak_resident(process);
    let mut beyond = serde_json::Map::new();
    for (name, measure) in EXTREMES {
        if run.only.is_empty() || run.only.iter().any(|wanted| wanted == name) {
            let measured = measure(&mut bench, run, carried)?;
            println!("{name}: {measured}");
            peak = peak.max(measured.get("peak_mib").and_then(Value::as_f64).unwrap_or(peak));
            beyond.insert((*name).to_owned(), measured);
        }
    }
    if !run.only.is_empty() {
        bench.stop()?;
        let rows: Vec<_> = rows.iter().map(report::row).collect();
        return Ok(json!({"machine": machine::describe(), "rows": rows, "hashing": hashing, "extremes": beyond}));
    }
    let whole_tables = extremes::plans(&bench)?;
    println!("hot statements that read whole tables: {}\n", whole_tables.len());
    let goals = report::evaluate(&runs, &beyond, peak);
    println!("{}", report::goals(&goals));
    bench.stop()?;
    Ok(json!({
        "machine": machine::describe(), "users": run.users, "seconds": run.seconds,
        "rows": rows.iter().map(report::row).collect::<Vec<_>>(),
        "runs": runs.iter().map(|rows| rows.iter().map(report::row).collect::<Vec<_>>()).collect::<Vec<_>>(),
        "hashing": hashing, "extremes": beyond, "peak_mib": peak,
        "whole_tables_read": whole_tables,
        "goals": report::goals_as_json(&goals),
    }))
}

fn scale(run: &Run) -> Result<Value, Box<dyn Error>> {
    println!("{}\n", machine::describe());
    let mut all = Vec::new();
    for users in &run.scales {
        let directory = run.scratch.join(format!("scale-{users}"));
        let mut bench = Bench::start(run.vestibule.clone(), directory.clone(), size(run, *users))?;
        let mut runs: Vec<Vec<Row>> = Vec::new();
        for _ in 0..run.runs {
            runs.push(vec![bench.login()?, bench.measure_verify()?, bench.measure_refresh()?]);
        }
        let whole_tables = extremes::plans(&bench)?;
        let size = bench
            .database
            .run("SELECT pg_size_pretty(pg_database_size('vestibule'))")?;
        bench.stop()?;
        remove(&directory)?;
        let rows = report::middle(&runs);
        println!(
            "{users} users, {size}, {} hot statements read whole tables",
            whole_tables.len()
        );
        println!("{}", report::table(&rows));
        all.push(json!({
            "users": users, "size": size, "rows": rows.iter().map(report::row).collect::<Vec<_>>(),
            "whole_tables_read": whole_tables,
        }));
    }
    Ok(json!({"machine": machine::describe(), "scales": all}))
}

fn beside_peers(run: &Run, home: &Path) -> Result<Value, Box<dyn Error>> {
    println!("{}\n", machine::describe());
    let bench = Bench::start(run.vestibule.clone(), run.scratch.join("main"), size(run, run.users))?;
    let codes = if run.quick { 100 } else { 1000 };
    let places = (&fs::canonicalize(home)?, &run.scratch);
    let compared = peers::compare(&bench, (places.0, places.1), (u64::from(run.runs), codes))?;
    bench.stop()?;
    Ok(json!({"machine": machine::describe(), "users": run.users, "compared": compared}))
}

/// Deletes a database. If the server runs as another account, its cluster is elsewhere and the directory links to it.
fn remove(directory: &Path) -> Result<(), Box<dyn Error>> {
    let cluster = directory.join("data/postgres");
    if let Ok(elsewhere) = fs::canonicalize(&cluster)
        && elsewhere != cluster
    {
        fs::remove_dir_all(elsewhere)?;
    }
    Ok(fs::remove_dir_all(directory)?)
}
