//! One measured service with its database and its users, and the requests that it is sent.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vestibule::domain::opaque_token::TokenKind;

use crate::bounds::{Library, bare_hashes, pgbench, start_fixed_route};
use crate::database::Database;
use crate::drive::{Load, Outcome, Pace, Requests, drive, fetch};
use crate::extremes::median;
use crate::http::{get, post};
use crate::machine::{self, Apart};
use crate::population::{Kind, MASTER_KEY, PASSWORD, Population};
use crate::service::{Program, Service};
use crate::statements::{self, COUNTER, LOGGED, NOT_LOGGED, Script};

/// Connections of the service to its database, and of `pgbench`.
pub const POOL: u64 = 10;
/// Connections to the service for routes whose bound is the database.
pub const CONNECTIONS: usize = 20;
/// Service clients that introspect, or get tokens, in turn: each may do so a hundred times a second.
const SERVICE_CLIENTS: usize = 150;
/// The user whose password the service itself hashes.
const REGISTERED: &str = "registered@example.com";

/// The name of the row that measures the second factor while the database has processors to itself.
pub const VERIFY_APART: &str = "/2fa/verify apart";
/// The same for refresh; see [`VERIFY_APART`].
pub const REFRESH_APART: &str = "/token/refresh apart";
/// A refresh of a grant, beside one of a session.
pub const REFRESH_OF_GRANT: &str = "/oauth/token refresh";
/// A refresh while back ends poll the list of ended sessions, beside one without.
pub const REFRESH_POLLED: &str = "/token/refresh polled";
/// How often the list of ended sessions is asked for meanwhile: by so many processes of back ends, once a second each.
const POLLS_A_SECOND: f64 = 100.0;
/// A token of a service, beside a fixed answer.
pub const TOKEN_OF_SERVICE: &str = "/oauth/token service";

/// How much is measured.
#[derive(Clone)]
pub struct Size {
    /// Users in the database.
    pub users: u64,
    /// Users that send requests.
    pub sampled: u64,
    /// How long each load lasts.
    pub lasts: Duration,
    /// The cost of password hashes.
    pub cost: u32,
    /// Hashing threads.
    pub hash_threads: usize,
}

/// The measurements of one kind of request.
#[derive(Clone)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Requests per second when each connection sends one after the other.
    pub per_second: f64,
    /// The rate at which the latencies were measured: half of that.
    pub rate: f64,
    /// Latencies in milliseconds at that rate: the 50th, 99th and 99.9th percentiles.
    pub times: [f64; 3],
    /// Processor time per request in milliseconds: of the service, the database and the generator.
    pub cpu: [f64; 3],
    /// Resident memory of the service afterwards, in MiB.
    pub resident: f64,
    /// The name of the bound, and its rate per second.
    pub bound: (&'static str, f64),
    /// If the bound is `pgbench`: the database's processor time per transaction in milliseconds.
    pub bound_cpu: f64,
    /// Requests with an unexpected answer.
    pub failed: u64,
    /// Statements that one request sends to the database.
    pub statements: Option<usize>,
}

impl Row {
    /// Returns which part of the bound was reached.
    pub fn ratio(&self) -> f64 {
        self.per_second / self.bound.1
    }
}

/// A service under test.
pub struct Bench {
    /// The program.
    pub program: Program,
    /// Its database.
    pub database: Database,
    /// Its users.
    pub population: Population,
    /// The running service.
    pub service: Service,
    /// How much is measured.
    pub size: Size,
    directory: PathBuf,
    hash: String,
    clients: Rc<Vec<String>>,
    scripts: Option<(Script, Script)>,
    runs: u64,
}

impl Bench {
    /// Starts a database and a service in a directory and creates the users.
    pub fn start(binary: PathBuf, directory: PathBuf, size: Size) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(&directory)?;
        let database = Database::start(&directory.join("data"))?;
        let mut settings = vec![
            ("DATABASE_URL".to_owned(), database.url.clone()),
            ("VESTIBULE_MASTER_KEY".to_owned(), MASTER_KEY.to_owned()),
            ("VESTIBULE_BCRYPT_COST".to_owned(), size.cost.to_string()),
            ("VESTIBULE_HASH_THREADS".to_owned(), size.hash_threads.to_string()),
            ("VESTIBULE_DB_POOL_SIZE".to_owned(), POOL.to_string()),
        ];
        let mut program = Program {
            path: binary,
            log: directory.join("service.log"),
            settings: Vec::new(),
        };
        // All load comes from one address, which the limits per address would reject.
        if program.run(&["serve", "--help"])?.contains("--ip-limits") {
            settings.push(("VESTIBULE_IP_LIMITS".to_owned(), "off".to_owned()));
        }
        program.settings = settings;
        let service = program.start(&[])?;
        let registration = json!({"email": REGISTERED, "password": PASSWORD}).to_string();
        expect(&fetch(service.address, &[post("/register", &registration)])?, 201)?;
        let hash = database.run(&format!("SELECT password_hash FROM users WHERE email = '{REGISTERED}'"))?;
        let population = Population::new(size.users, size.sampled);
        population.create(&database, REGISTERED)?;
        let mut bench = Self {
            program,
            database,
            population,
            service,
            size,
            directory,
            hash,
            clients: Rc::default(),
            scripts: None,
            runs: 0,
        };
        bench.scripts = Some(bench.record()?);
        Ok(bench)
    }

    /// Stops everything.
    pub fn stop(self) -> Result<(), Box<dyn Error>> {
        self.service.stop()?;
        self.database.stop()
    }

    /// Sends the service one request of each kind while the database server logs its statements.
    fn record(&self) -> Result<(Script, Script), Box<dyn Error>> {
        self.database.run(LOGGED)?;
        let service = self.program.start(&[("VESTIBULE_DB_POOL_SIZE", "1")])?;
        let log = self.database.log();
        // The first request prepares its statements; the second one shows the normal case.
        let mut scripts = Vec::new();
        let requests: [Requests; 2] = [self.refresh_from(COUNTER), self.verify()];
        for request in requests {
            let mut from = 0;
            for place in 0..2 {
                let session = self.population.id(Kind::Active, place);
                self.database.run(&format!(
                    "UPDATE sessions SET refresh_counter = {COUNTER} WHERE id = '{session}'"
                ))?;
                from = fs::metadata(&log)?.len();
                let request = request(place).ok_or("no request")?;
                expect(&fetch(service.address, &[request])?, 200)?;
            }
            scripts.push(statements::script(&log, from, &self.population, 1)?);
        }
        service.stop()?;
        self.database.run(NOT_LOGGED)?;
        self.population.renew(&self.database)?;
        let verify = scripts.pop().ok_or("no script")?;
        let refresh = scripts.pop().ok_or("no script")?;
        Ok((refresh, verify))
    }

    /// Returns the scripts of refresh and verify.
    pub fn scripts(&self) -> Result<&(Script, Script), Box<dyn Error>> {
        self.scripts.as_ref().ok_or_else(|| "nothing was recorded".into())
    }

    /// Returns a load on this service.
    pub fn load(&self, requests: &Requests, connections: usize) -> Load {
        Load {
            address: self.service.address,
            requests: Rc::clone(requests),
            first: 0,
            connections,
            pace: Pace::Closed,
            lasts: self.size.lasts,
            wanted: 200,
            member: "",
        }
    }

    /// Runs a load at the rate at which it is answered. Also returns the processor time per request of service,
    /// database and generator in milliseconds.
    pub fn closed(&self, load: &Load) -> Result<(Outcome, [f64; 3]), Box<dyn Error>> {
        let database = self.database.process()?;
        let cpu = || {
            [
                machine::cpu_seconds(self.service.process()),
                machine::tree_cpu_seconds(database),
                machine::cpu_seconds(std::process::id()),
            ]
        };
        let before = cpu();
        let closed = drive(load.clone());
        let after = cpu();
        let cost = |place: usize| (after[place] - before[place]) * 1000.0 / closed.done.max(1) as f64;
        let costs = [cost(0), cost(1), cost(2)];
        Ok((closed, costs))
    }

    /// Runs a load at the rate at which it is answered, then at half that rate to measure latencies.
    fn measure(&self, name: &'static str, load: &Load) -> Result<Row, Box<dyn Error>> {
        let (closed, cpu) = self.closed(load)?;
        let sent = closed.statuses.values().sum::<u64>();
        let rate = closed.per_second() / 2.0;
        let open = drive(Load {
            first: load.first + sent,
            pace: Pace::Open(rate.max(1.0)),
            connections: load.connections.max(64),
            ..load.clone()
        });
        complain(name, &closed);
        complain(name, &open);
        Ok(Row {
            name,
            per_second: closed.per_second(),
            rate,
            times: [0.5, 0.99, 0.999].map(|quantile| open.milliseconds(quantile)),
            cpu,
            resident: machine::resident(self.service.process()),
            bound: ("", f64::NAN),
            bound_cpu: f64::NAN,
            failed: closed.failed() + open.failed(),
            statements: None,
        })
    }

    /// Measures everything once, or only the named routes.
    pub fn run(&mut self, only: &[String]) -> Result<Vec<Row>, Box<dyn Error>> {
        const ALL: [&str; 14] = [
            "/register",
            "/login",
            "/2fa/verify",
            "/token/refresh",
            VERIFY_APART,
            REFRESH_APART,
            REFRESH_OF_GRANT,
            REFRESH_POLLED,
            TOKEN_OF_SERVICE,
            "/token/validate",
            "/token/introspect",
            "/me",
            "/.well-known/jwks.json",
            "/token/ended",
        ];
        let mut rows = Vec::new();
        for name in ALL {
            if only.is_empty() || only.iter().any(|wanted| wanted == name) {
                rows.push(match name {
                    "/register" => self.register()?,
                    "/login" => self.login()?,
                    "/2fa/verify" => self.measure_verify()?,
                    "/token/refresh" => self.measure_refresh()?,
                    REFRESH_OF_GRANT => self.refresh_of_grant()?,
                    REFRESH_POLLED => self.refresh_polled()?,
                    VERIFY_APART | REFRESH_APART => match self.apart(name)? {
                        Some(row) => row,
                        None => continue,
                    },
                    answered => self.answered(answered)?,
                });
            }
        }
        Ok(rows)
    }

    /// Measures a route that waits for the database while half of the processors are reserved for the database, as if
    /// it had its own machine. `None`: there is only one processor.
    fn apart(&mut self, name: &'static str) -> Result<Option<Row>, Box<dyn Error>> {
        let others = [self.service.process(), std::process::id()];
        let Some(_apart) = Apart::part(self.database.process()?, &others) else {
            return Ok(None);
        };
        let row = match name {
            VERIFY_APART => self.measure_verify()?,
            _ => self.measure_refresh()?,
        };
        Ok(Some(Row { name, ..row }))
    }

    /// Measures logins and, as the bound, a bare loop over the same hash.
    pub fn login(&self) -> Result<Row, Box<dyn Error>> {
        let row = self.measure("/login", &self.load(&self.logins(), self.hashes_at_once() + 2))?;
        self.beside_hashes(row)
    }

    fn register(&mut self) -> Result<Row, Box<dyn Error>> {
        self.runs += 1;
        let run = self.runs;
        let requests: Requests = Rc::new(move |number| {
            let email = format!("new{run}-{number}@example.com");
            Some(post(
                "/register",
                &json!({"email": email, "password": PASSWORD}).to_string(),
            ))
        });
        let load = Load {
            wanted: 201,
            ..self.load(&requests, self.hashes_at_once() + 2)
        };
        let row = self.measure("/register", &load)?;
        self.beside_hashes(row)
    }

    /// How many passwords the service hashes at once.
    fn hashes_at_once(&self) -> usize {
        self.size.hash_threads * vestibule::crypto::hash_lanes::LANES
    }

    /// Measures one login after the other while nothing else happens, and every bcrypt that is installed, each alone
    /// and on all processors.
    pub fn hashing(&self, runs: u32) -> Result<Value, Box<dyn Error>> {
        let median_of = |measure: &dyn Fn() -> Result<f64, Box<dyn Error>>| {
            let measured: Result<Vec<f64>, _> = (0..runs).map(|_| measure()).collect();
            measured.map(median)
        };
        let one_login = || Ok(self.closed(&self.load(&self.logins(), 1))?.0.milliseconds(0.5));
        let mut loops = serde_json::Map::new();
        for library in Library::ALL.into_iter().filter(Library::is_installed) {
            let rate = |threads| median_of(&|| library.hashes(&self.hash, threads, self.size.lasts));
            let (alone, all) = (rate(1)?, rate(self.size.hash_threads)?);
            loops.insert(
                library.name.to_owned(),
                json!({"alone_ms": 1000.0 / alone, "per_second": all}),
            );
        }
        Ok(json!({"one_login_ms": median_of(&one_login)?, "bare_loops": loops}))
    }

    fn beside_hashes(&self, row: Row) -> Result<Row, Box<dyn Error>> {
        let hashes = bare_hashes(&self.hash, self.size.hash_threads, self.size.lasts)?;
        Ok(Row {
            bound: ("bare bcrypt loop", hashes),
            ..row
        })
    }

    /// Measures the second factor and, as the bound, `pgbench` with the same statements.
    pub fn measure_verify(&mut self) -> Result<Row, Box<dyn Error>> {
        self.runs += 1;
        self.population.renew(&self.database)?;
        let half = self.population.sampled / 2;
        let all = self.verify();
        // Every code works once: half of the users for each of the two loads.
        let first: Requests = Rc::new(move |number| if number < half { all(number) } else { None });
        let load = Load {
            lasts: Duration::from_mins(10),
            ..self.load(&first, CONNECTIONS)
        };
        let mut row = self.measure("/2fa/verify", &load)?;
        let rate = row.rate;
        let second = drive(Load {
            first: half,
            pace: Pace::Open(rate),
            connections: 64,
            requests: self.verify(),
            ..load
        });
        complain("/2fa/verify", &second);
        row.failed += second.failed();
        row.times = [0.5, 0.99, 0.999].map(|quantile| second.milliseconds(quantile));
        self.beside_pgbench(row, |(_, verify)| verify)
    }

    /// Measures refresh and, as the bound, `pgbench` with the same statements.
    pub fn measure_refresh(&mut self) -> Result<Row, Box<dyn Error>> {
        self.runs += 1;
        self.population.renew(&self.database)?;
        let row = self.measure("/token/refresh", &self.load(&self.refresh_from(1), CONNECTIONS))?;
        self.beside_pgbench(row, |(refresh, _)| refresh)
    }

    /// Measures the refresh of a grant to an application and, as the bound, that of a session.
    fn refresh_of_grant(&mut self) -> Result<Row, Box<dyn Error>> {
        let application = ["clients", "create", "bench", "--kind", "public", "--json"];
        let client: Value = serde_json::from_str(&self.program.run(&application)?)?;
        let id = text(&client, "id");
        self.population.renew(&self.database)?;
        let (bound, _cpu) = self.closed(&self.load(&self.refresh_from(1), CONNECTIONS))?;
        self.population.renew(&self.database)?;
        self.population.grant(&self.database, Some(&id))?;
        let row = self.measure(REFRESH_OF_GRANT, &self.load(&self.refresh_grants(&id), CONNECTIONS))?;
        self.population.grant(&self.database, None)?;
        self.program.run(&["clients", "delete", &id, "--yes"])?;
        Ok(Row {
            bound: ("/token/refresh", bound.per_second()),
            ..row
        })
    }

    /// Measures refresh while back ends poll the list of ended sessions and, as the bound, refresh without.
    fn refresh_polled(&mut self) -> Result<Row, Box<dyn Error>> {
        self.population.renew(&self.database)?;
        let (bound, _cpu) = self.closed(&self.load(&self.refresh_from(1), CONNECTIONS))?;
        self.population.renew(&self.database)?;
        let (address, lasts) = (self.service.address, 2 * self.size.lasts);
        let polls = std::thread::spawn(move || {
            drive(Load {
                address,
                requests: Rc::new(|_| Some(get("/token/ended", ""))),
                first: 0,
                connections: CONNECTIONS,
                pace: Pace::Open(POLLS_A_SECOND),
                lasts,
                wanted: 200,
                member: "",
            })
        });
        let row = self.measure(REFRESH_POLLED, &self.load(&self.refresh_from(1), CONNECTIONS))?;
        complain("/token/ended", &polls.join().map_err(|_| "the polls died")?);
        Ok(Row {
            bound: ("/token/refresh", bound.per_second()),
            ..row
        })
    }

    /// Returns refreshes of the grants of all sampled users in turn.
    fn refresh_grants(&self, client: &str) -> Requests {
        let (population, client) = (Population::with_prefix_of(&self.population), client.to_owned());
        Rc::new(move |number| {
            let (place, turn) = (number % population.sampled, number / population.sampled);
            let token = population.token(TokenKind::GrantRefresh, place, 1 + turn);
            let form = format!("grant_type=refresh_token&refresh_token={token}&client_id={client}");
            Some(post_form("/oauth/token", "", &form))
        })
    }

    /// Runs one load at the rate at which it is answered and measures nothing else: for many short turns.
    pub fn turn(&mut self, name: &'static str) -> Result<(Outcome, [f64; 3]), Box<dyn Error>> {
        let requests = match name {
            "/2fa/verify" | "/token/refresh" => {
                self.population.renew(&self.database)?;
                if name == "/2fa/verify" {
                    self.verify()
                } else {
                    self.refresh_from(1)
                }
            }
            asked => self.questions(asked)?,
        };
        self.closed(&self.load(&requests, CONNECTIONS))
    }

    /// Replaces the service with another build, on the same database. Returns the previous program.
    pub fn replace(&mut self, binary: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
        let before = std::mem::replace(&mut self.program.path, binary);
        let service = self.program.start(&[])?;
        std::mem::replace(&mut self.service, service).stop()?;
        Ok(before)
    }

    fn beside_pgbench(&self, row: Row, script: impl Fn(&(Script, Script)) -> &Script) -> Result<Row, Box<dyn Error>> {
        self.population.renew(&self.database)?;
        let script = script(self.scripts()?);
        let database = self.database.process()?;
        let before = machine::tree_cpu_seconds(database);
        let reached = pgbench(
            &self.database,
            script,
            &self.population,
            (POOL, self.runs),
            &self.directory,
        )?;
        Ok(Row {
            bound: ("pgbench, same SQL", reached),
            bound_cpu: (machine::tree_cpu_seconds(database) - before) * 1000.0 / self.population.sampled as f64,
            statements: Some(script.statements),
            ..row
        })
    }

    /// Creates service clients, and returns the authorization header of each.
    fn service_clients(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let create = |number| -> Result<String, Box<dyn Error>> {
            let name = format!("bench-{number}");
            let made = [
                "clients",
                "create",
                &name,
                "--resource",
                "https://api.example.com",
                "--json",
            ];
            let client: Value = serde_json::from_str(&self.program.run(&made)?)?;
            let credentials = format!("{}:{}", text(&client, "id"), text(&client, "secret"));
            Ok(format!("Authorization: Basic {}\r\n", STANDARD.encode(credentials)))
        };
        (0..SERVICE_CLIENTS).map(create).collect()
    }

    /// Measures requests that change nothing and, as the bound, a route with a fixed answer.
    fn answered(&mut self, path: &'static str) -> Result<Row, Box<dyn Error>> {
        let requests = self.questions(path)?;
        let row = self.measure(path, &self.load(&requests, CONNECTIONS))?;
        // To say whose token it is, the service must at least check its signature.
        let keys = match path {
            "/token/validate" | "/me" => Some(self.key_set()?),
            _ => None,
        };
        let fixed = start_fixed_route(keys.as_deref())?;
        let bound = drive(Load {
            address: fixed.address,
            ..self.load(&requests, CONNECTIONS)
        });
        Ok(Row {
            bound: (keys.map_or("fixed route", |_| "route, signature"), bound.per_second()),
            ..row
        })
    }

    fn key_set(&self) -> Result<String, Box<dyn Error>> {
        let answers = fetch(self.service.address, &[get("/.well-known/jwks.json", "")])?;
        expect(&answers, 200)?;
        let (_status, body) = answers.into_iter().next().ok_or("no key set")?;
        Ok(String::from_utf8(body)?)
    }

    /// Returns requests that change nothing, with the tokens of many users in turn.
    fn questions(&mut self, path: &'static str) -> Result<Requests, Box<dyn Error>> {
        if self.clients.is_empty() && matches!(path, "/token/introspect" | TOKEN_OF_SERVICE) {
            self.clients = Rc::new(self.service_clients()?);
        }
        // New ones each time: all runs together take longer than an access token lives.
        let (tokens, clients) = (self.access_tokens()?, Rc::clone(&self.clients));
        let token = move |number: u64| tokens[number as usize % tokens.len()].clone();
        Ok(match path {
            "/token/introspect" => Rc::new(move |number| {
                let client = &clients[number as usize % clients.len()];
                Some(post_form(path, client, &format!("token={}", token(number))))
            }),
            TOKEN_OF_SERVICE => Rc::new(move |number| {
                let client = &clients[number as usize % clients.len()];
                Some(post_form("/oauth/token", client, "grant_type=client_credentials"))
            }),
            "/.well-known/jwks.json" | "/token/ended" => Rc::new(move |_| Some(get(path, ""))),
            _ => Rc::new(move |number| Some(get(path, &format!("Authorization: Bearer {}\r\n", token(number))))),
        })
    }

    /// Gets access tokens of some users.
    pub fn access_tokens(&self) -> Result<Vec<String>, Box<dyn Error>> {
        self.population.renew(&self.database)?;
        let request = self.refresh_from(1);
        let requests: Vec<Vec<u8>> = (0..self.population.sampled.min(1000))
            .filter_map(|place| request(place))
            .collect();
        let answers = fetch(self.service.address, &requests)?;
        expect(&answers, 200)?;
        let token = |(_, body): &(u16, Vec<u8>)| Some(text(&serde_json::from_slice(body).ok()?, "access_token"));
        Ok(answers.iter().filter_map(token).collect())
    }

    /// Returns logins with the right password.
    pub fn logins(&self) -> Requests {
        let emails: Vec<String> = (0..self.population.sampled)
            .map(|place| self.population.email(place))
            .collect();
        Rc::new(move |number| {
            let email = &emails[number as usize % emails.len()];
            Some(post(
                "/login",
                &json!({"email": email, "password": PASSWORD}).to_string(),
            ))
        })
    }

    /// Returns refreshes of all sampled users' sessions in turn; the first ones carry `counter`.
    pub fn refresh_from(&self, counter: u64) -> Requests {
        let population = Population::with_prefix_of(&self.population);
        Rc::new(move |number| {
            let (place, turn) = (number % population.sampled, number / population.sampled);
            let token = population.token(TokenKind::Refresh, place, counter + turn);
            Some(post("/token/refresh", &format!(r#"{{"refresh_token":"{token}"}}"#)))
        })
    }

    /// Returns the first refresh of each sampled user's session, once: a refusal then makes no later request fail, and
    /// no request is the repetition of an earlier one, which costs more.
    pub fn refresh_once(&self) -> Requests {
        let (requests, sampled) = (self.refresh_from(1), self.population.sampled);
        Rc::new(move |number| (number < sampled).then(|| requests(number)).flatten())
    }

    /// Returns second factors with the right code, one per user.
    pub fn verify(&self) -> Requests {
        let population = Population::with_prefix_of(&self.population);
        Rc::new(move |place| {
            if place >= population.sampled {
                return None;
            }
            let (token, code) = (population.token(TokenKind::PreAuth, place, 0), Population::code(place));
            let body = format!(r#"{{"pre_auth_token":"{token}","code":"{code}"}}"#);
            Some(post("/2fa/verify", &body))
        })
    }
}

/// Makes a request with a form.
fn post_form(path: &str, headers: &str, form: &str) -> Vec<u8> {
    let length = form.len();
    let head = format!("{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}");
    format!("POST {path} HTTP/1.1\r\nHost: bench\r\n{head}\r\n\r\n{form}").into_bytes()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Fails unless every answer has the expected status.
pub fn expect(answers: &[(u16, Vec<u8>)], wanted: u16) -> Result<(), Box<dyn Error>> {
    match answers.iter().find(|(status, _)| *status != wanted) {
        None => Ok(()),
        Some((status, body)) => Err(format!("{status} {}", String::from_utf8_lossy(body)).into()),
    }
}

/// Reports unexpected answers: numbers that were measured with such answers mean nothing.
pub fn complain(name: &str, outcome: &Outcome) {
    if outcome.failed() > 0 {
        eprintln!("{name}: some answers were not as expected: {:?}", outcome.statuses);
    }
}
