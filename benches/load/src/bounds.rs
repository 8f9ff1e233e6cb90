//! The upper bounds on this machine: hashes of a bare loop, transactions of `pgbench`, answers of a fixed route. Each
//! runs in a separate process, so that its processor time is not counted as the generator's.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;

use crate::database::Database;
use crate::drive::fetch;
use crate::http::get;
use crate::population::Population;
use crate::service::free_address;
use crate::statements::Script;

/// The answer of the fixed route. It is as long as the smallest answers of the service.
const FIXED: &str = r#"{"status":"ok","padding":"0123456789012345678901234567890123456789"}"#;

/// A helper process, which ends when it is dropped.
pub struct Helper {
    child: Child,
    /// The address that it listens on, if it does.
    pub address: SocketAddr,
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts this program again with other arguments.
fn start_again(arguments: &[&str]) -> Result<Child, Box<dyn Error>> {
    Ok(Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?)
}

/// Starts a server with one route. With a key set it checks the signature of each request's token before it answers.
pub fn start_fixed_route(keys: Option<&str>) -> Result<Helper, Box<dyn Error>> {
    let address = free_address()?;
    let at = address.to_string();
    let mut arguments = vec!["fixed-route", &at];
    arguments.extend(keys.iter().flat_map(|keys| ["--keys", keys]));
    let child = start_again(&arguments)?;
    let helper = Helper { child, address };
    for _ in 0..1000 {
        if fetch(address, &[get("/", "")]).is_ok() {
            return Ok(helper);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("the fixed route does not answer".into())
}

/// Serves one route for ever, in the process that [`start_fixed_route`] starts.
pub fn serve_fixed_route(address: SocketAddr, keys: Option<&str>) -> Result<(), Box<dyn Error>> {
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

    let keys: Option<JwkSet> = keys.map(serde_json::from_str).transpose()?;
    let keys = web::Data::new(keys);
    let answer = |request: HttpRequest, keys: web::Data<Option<JwkSet>>| async move {
        if let Some(keys) = keys.as_ref()
            && is_signed(&request, keys).is_none()
        {
            return HttpResponse::Unauthorized().finish();
        }
        HttpResponse::Ok().content_type("application/json").body(FIXED)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let server = HttpServer::new(move || App::new().app_data(keys.clone()).default_service(web::to(answer)));
        server.bind(address)?.run().await
    })?;
    Ok(())
}

/// Checks the signature, the one check of a token that no service can omit.
fn is_signed(request: &actix_web::HttpRequest, keys: &JwkSet) -> Option<()> {
    let token = request
        .headers()
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref()?)?).ok()?;
    let (message, signature) = token.rsplit_once('.')?;
    let right = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, header.alg).ok()?;
    right.then_some(())
}

/// Returns how many hashes per second a number of threads check in a bare loop.
pub fn bare_hashes(hash: &str, threads: usize, lasts: Duration) -> Result<f64, Box<dyn Error>> {
    let (threads, lasts) = (threads.to_string(), lasts.as_secs_f64().to_string());
    let output = start_again(&["bare-hashes", hash, &threads, &lasts])?.wait_with_output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// A library that computes bcrypt.
pub struct Library {
    /// Its name.
    pub name: &'static str,
    /// What runs the script, and the option before it. `None`: this program, with the `bcrypt` crate.
    runs: Option<[&'static str; 2]>,
    /// Checks a password repeatedly: the arguments are a hash and a number of seconds. Prints the rate.
    script: &'static str,
}

impl Library {
    /// Those that a service in Rust, C, Python or Node would use.
    pub const ALL: [Self; 4] = [
        Self {
            name: "bcrypt (Rust)",
            runs: None,
            script: "",
        },
        Self {
            name: "libxcrypt",
            runs: Some(["perl", "-e"]),
            script: r#"use Time::HiRes "time"; my ($hash, $lasts) = @ARGV; my ($begun, $done) = (time, 0);
                do { crypt("a wrong password", $hash) =~ /^\$2b\$/ or exit 1; $done++ } while time - $begun < $lasts;
                print $done / (time - $begun);"#,
        },
        Self {
            name: "bcrypt (Python)",
            runs: Some(["python3", "-c"]),
            script: "import sys, time, bcrypt\n\
                     hash, lasts, begun, done = sys.argv[1].encode(), float(sys.argv[2]), time.time(), 0\n\
                     while not done or time.time() - begun < lasts:\n\
                     \x20   bcrypt.checkpw(b'a wrong password', hash); done += 1\n\
                     print(done / (time.time() - begun))",
        },
        Self {
            name: "bcrypt (Node)",
            runs: Some(["node", "-e"]),
            script: "const bcrypt = require('bcrypt'), [hash, lasts] = process.argv.slice(1), begun = Date.now();
                let done = 0;
                do { bcrypt.compareSync('a wrong password', hash); done++ } while (Date.now() - begun < lasts * 1000);
                console.log(done / (Date.now() - begun) * 1000)",
        },
    ];

    /// Returns whether it can be run here.
    pub fn is_installed(&self) -> bool {
        // The lowest cost, and for no time at all.
        let cheap = format!("$2b$04${}", ".".repeat(53));
        self.hashes(&cheap, 1, Duration::ZERO).is_ok()
    }

    /// Returns how many hashes per second a number of threads check in a bare loop. Each is a process of its own, since
    /// Python and Node have only one thread for it.
    pub fn hashes(&self, hash: &str, threads: usize, lasts: Duration) -> Result<f64, Box<dyn Error>> {
        let Some([program, option]) = self.runs else {
            return bare_hashes(hash, threads, lasts);
        };
        let start = || {
            Command::new("nice")
                .args([
                    "-n",
                    "10",
                    program,
                    option,
                    self.script,
                    hash,
                    &lasts.as_secs_f64().to_string(),
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
        };
        let running: Vec<Child> = (0..threads).map(|_| start()).collect::<Result<_, _>>()?;
        let mut rate = 0.0;
        for child in running {
            rate += String::from_utf8(child.wait_with_output()?.stdout)?
                .trim()
                .parse::<f64>()?;
        }
        Ok(rate)
    }
}

/// Checks a password repeatedly, in the process that [`bare_hashes`] starts.
pub fn check_hashes(hash: &str, threads: usize, lasts: Duration) -> f64 {
    let begun = Instant::now();
    let work = || {
        let (mut done, mut last) = (0_u32, begun);
        while begun.elapsed() < lasts {
            // A wrong password costs as much as a right one.
            let _ = bcrypt::verify("a password that is as long as a peppered one, that is 64 letters", hash);
            done += 1;
            last = Instant::now();
        }
        f64::from(done) / last.duration_since(begun).as_secs_f64()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// Runs a script once for every user of the sample, over as many connections as the service has. Returns the
/// transactions per second.
pub fn pgbench(
    database: &Database,
    script: &Script,
    population: &Population,
    (connections, run): (u64, u64),
    directory: &Path,
) -> Result<f64, Box<dyn Error>> {
    let file = directory.join("pgbench.sql");
    fs::write(&file, &script.text)?;
    let chunk = population.sampled / connections;
    let mut variables = script.variables.clone();
    for (name, value) in [
        ("i", 0),
        ("chunk", chunk),
        ("stride", population.stride()),
        ("run", run),
    ] {
        variables.push((name.to_owned(), value.to_string()));
    }
    let output = Command::new(pgbench_program()?)
        .args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "1",
            "-c",
            &connections.to_string(),
            "-t",
            &chunk.to_string(),
        ])
        .args(
            variables
                .iter()
                .flat_map(|(name, value)| ["-D".to_owned(), format!("{name}={value}")]),
        )
        .arg("-f")
        .arg(&file)
        .arg(&database.url)
        // The same limits as on the service's connections.
        .env(
            "PGOPTIONS",
            "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s",
        )
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    match (number("tps = "), output.status.success()) {
        (Some(per_second), true) => Ok(per_second),
        _ => Err(format!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Finds the program, which Debian installs with the server's programs and not on the search path.
fn pgbench_program() -> Result<String, Box<dyn Error>> {
    std::env::var("PGBENCH").map_err(|_unset| "scripts/bench names pgbench in PGBENCH".into())
}
