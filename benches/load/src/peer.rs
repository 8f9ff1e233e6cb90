//! A third-party service with the same functions as the measured ones: its database, its users and its processes.
//!
//! `benches/peers` contains what setting each of them up requires, and `scripts/bench` copies it next to the installed
//! packages. Logins, codes and refresh tokens that work once are used once: every run has separate users.

use std::error::Error;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::database::Database;
use crate::drive::{Requests, fetch};
use crate::figures::Question;
use crate::http::{get, post, post_with};
use crate::population::{PASSWORD, code_of};
use crate::service::free_address;

/// The maximum time for a start.
const STARTS_WITHIN: Duration = Duration::from_mins(1);

/// A request of a service, as the table and the load generator know it.
pub struct Asks {
    /// Its name in the table.
    pub name: &'static str,
    /// The status of a right answer.
    pub wanted: u16,
    /// A text that a right answer contains.
    pub member: &'static str,
}

impl Asks {
    /// Describes a request whose right answer is 200.
    pub const fn ok(name: &'static str, member: &'static str) -> Self {
        Self {
            name,
            wanted: 200,
            member,
        }
    }
}

/// The static description of a peer.
pub struct Kind {
    /// Its name, and the name of its directory.
    pub name: &'static str,
    /// The command that creates its tables and users; the number of users is appended.
    populate: &'static [&'static str],
    /// The command that serves; the address is appended.
    serve: &'static [&'static str],
    /// Describes the request.
    pub asks: fn(Question) -> Asks,
    /// Builds the request.
    request: fn(Question, &User) -> Vec<u8>,
    /// Whether a refresh token works once.
    rotates: bool,
}

/// All peers.
pub const ALL: [Kind; 2] = [
    Kind {
        name: "better-auth",
        populate: &["node", "server.mjs", "populate"],
        serve: &["node", "server.mjs", "serve"],
        asks: |question| match question {
            Question::Login => Asks::ok("POST /sign-in/email", "\"twoFactorRedirect\""),
            Question::SecondFactor => Asks::ok("POST /two-factor/verify-totp", "\"token\""),
            Question::Refresh => Asks::ok("GET /token", "\"token\""),
            Question::Validate => Asks::ok("GET /get-session", "\"session\""),
        },
        request: better_auth,
        rotates: false,
    },
    Kind {
        name: "allauth",
        populate: &["venv/bin/python", "populate.py"],
        serve: &["venv/bin/gunicorn", "--bind"],
        asks: |question| match question {
            // 401 names the steps that are left. A wrong password is answered 400.
            Question::Login => Asks {
                name: "POST auth/login",
                wanted: 401,
                member: "\"mfa_authenticate\"",
            },
            Question::SecondFactor => Asks::ok("POST auth/2fa/authenticate", "\"refresh_token\""),
            Question::Refresh => Asks::ok("POST tokens/refresh", "\"refresh_token\""),
            Question::Validate => Asks::ok("GET auth/session", "\"is_authenticated\": true"),
        },
        request: allauth,
        rotates: true,
    },
];

fn better_auth(question: Question, user: &User) -> Vec<u8> {
    let session = format!("Cookie: {}\r\n", user.session);
    match question {
        Question::Login => post("/api/auth/sign-in/email", &user.credentials()),
        Question::SecondFactor => {
            // A browser sends the origin of a page, and the service accepts cookies only with it.
            let headers = format!("Cookie: {}\r\nOrigin: http://bench\r\n", user.pending);
            let body = format!(r#"{{"code":"{}"}}"#, code_of(&user.secret));
            post_with("/api/auth/two-factor/verify-totp", &headers, &body)
        }
        Question::Refresh => get("/api/auth/token", &session),
        Question::Validate => get("/api/auth/get-session", &session),
    }
}

fn allauth(question: Question, user: &User) -> Vec<u8> {
    match question {
        Question::Login => post("/_allauth/app/v1/auth/login", &user.credentials()),
        Question::SecondFactor => {
            let headers = format!("X-Session-Token: {}\r\n", user.pending);
            let body = format!(r#"{{"code":"{}"}}"#, code_of(&user.secret));
            post_with("/_allauth/app/v1/auth/2fa/authenticate", &headers, &body)
        }
        Question::Refresh => {
            let body = format!(r#"{{"refresh_token":"{}"}}"#, user.refresh);
            post("/_allauth/app/v1/tokens/refresh", &body)
        }
        Question::Validate => {
            let header = format!("Authorization: Bearer {}\r\n", user.session);
            get("/_allauth/app/v1/auth/session", &header)
        }
    }
}

/// A user of a peer, with the tokens and cookies of the user's client.
#[derive(Clone)]
struct User {
    email: String,
    secret: Vec<u8>,
    /// A pending login.
    pending: String,
    /// An active session.
    session: String,
    refresh: String,
}

impl User {
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let secret = text("secret")?;
        let byte = |place: usize| u8::from_str_radix(secret.get(place..place + 2)?, 16).ok();
        Some(Self {
            email: text("email")?,
            secret: (0..secret.len()).step_by(2).map(byte).collect::<Option<_>>()?,
            pending: text("pending")?,
            session: text("session")?,
            refresh: text("refresh").unwrap_or_default(),
        })
    }

    fn credentials(&self) -> String {
        json!({"email": self.email, "password": PASSWORD}).to_string()
    }
}

/// A running peer, which ends when it is dropped.
pub struct Peer {
    /// Its kind.
    pub kind: Kind,
    /// Its versions, and how it hashes passwords.
    pub about: String,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    users: Rc<Vec<User>>,
    again: Vec<User>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let process = i32::try_from(self.process()).ok();
        if let Some(process) = process.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Creates a peer's database with a number of users, whose passwords are hashed by bcrypt with `cost`, and starts the
    /// peer. Its installation is in the directory of its name below `home`; its log and its key are written to
    /// `scratch`.
    pub fn start(
        kind: Kind,
        (home, scratch): (&Path, &Path),
        database: &Database,
        (users, cost): (u64, u32),
    ) -> Result<Self, Box<dyn Error>> {
        database.run(&format!("CREATE DATABASE \"{}\"", kind.name))?;
        let log = kind.log(scratch);
        // The log is deleted before the developer can read it.
        let wrong = |what: &str| format!("{} {what}: {}", kind.name, fs::read_to_string(&log).unwrap_or_default());
        let mut populate = kind.command(kind.populate, (home, scratch), (database, cost))?;
        let output = populate.arg(users.to_string()).output()?;
        let made: Value = serde_json::from_slice(&output.stdout).map_err(|_nothing| wrong("did not create users"))?;
        let read = |key: &str| -> Option<Vec<User>> { made.get(key)?.as_array()?.iter().map(User::read).collect() };
        let (users, again) = (read("users").ok_or("no users")?, read("again").ok_or("no logins")?);
        let address = free_address()?;
        let mut server = kind.command(kind.serve, (home, scratch), (database, cost))?;
        let mut child = server.arg(address.to_string()).stdout(Stdio::null()).spawn()?;
        let about = made.get("about").and_then(Value::as_str).unwrap_or_default().to_owned();
        let begun = Instant::now();
        while fetch(address, &[get("/", "")]).is_err() {
            if begun.elapsed() > STARTS_WITHIN || child.try_wait()?.is_some() {
                let _ = child.kill();
                return Err(wrong("does not start").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            kind,
            about,
            address,
            child,
            users: Rc::new(users),
            again,
        })
    }

    /// Returns the id of its first process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the requests of a run. Each run uses `number` separate users.
    pub fn requests(&self, question: Question, run: u64, number: u64) -> Requests {
        let (users, request) = (Rc::clone(&self.users), self.kind.request);
        let once = question == Question::SecondFactor || (question == Question::Refresh && self.kind.rotates);
        Rc::new(move |place| {
            if once && place >= number {
                return None;
            }
            let user = users.get((run * number + place % number) as usize)?;
            Some(request(question, user))
        })
    }

    /// Returns second factors of one user's logins, all with the current code.
    pub fn same_code(&self) -> Vec<Vec<u8>> {
        let request = |user| (self.kind.request)(Question::SecondFactor, user);
        self.again.iter().map(request).collect()
    }
}

impl Kind {
    fn log(&self, scratch: &Path) -> PathBuf {
        scratch.join(format!("{}.log", self.name))
    }

    /// Prepares one of its programs.
    fn command(
        &self,
        parts: &[&str],
        (home, scratch): (&Path, &Path),
        (database, cost): (&Database, u32),
    ) -> Result<Command, Box<dyn Error>> {
        let (program, arguments) = parts.split_first().ok_or("no program")?;
        let directory = home.join(self.name);
        let installed = directory.join(program);
        let mut command = Command::new(if installed.exists() { installed } else { program.into() });
        let log = File::options().append(true).create(true).open(self.log(scratch))?;
        command
            .args(arguments)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stderr(log);
        for (name, variable) in [("PGHOST", "HOST"), ("PGPORT", "PORT"), ("PGUSER", "USER")] {
            // The values that psql connects with.
            command.env(name, database.run(&format!("\\echo :{variable}"))?);
        }
        command.env("PGDATABASE", self.name);
        command.env("PEER_BCRYPT_COST", cost.to_string());
        command.env("PEER_KEY", scratch.join(format!("{}.pem", self.name)));
        command
            .env("NODE_ENV", "production")
            .env("DJANGO_SETTINGS_MODULE", "settings");
        Ok(command)
    }
}
