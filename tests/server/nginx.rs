//! A real nginx that asks the service about every request, configured as the documentation shows.
//!
//! The upstream answers with the request as it arrived, so that a test sees what nginx made of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use ureq::http::Method;

use super::http::{Client, Wire};
use super::instances::MASTER_KEY;
use super::person::{Person, Tokens};
use super::postgres::Database;
use super::process::eventually;
use super::program::{DataDir, Launch, Program, open_directory, path};

const TEMPLATE: &str = include_str!("../../docs/examples/nginx-auth-request.conf");
const DOCUMENTATION: &str = include_str!("../../docs/VERIFYING.md");

/// All files that nginx would otherwise write below `/var` are in its own directory.
const MAIN_CONFIG: &str = "
pid nginx.pid;
error_log error.log info;
events {
    worker_connections 512;
}
http {
    access_log off;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    include server.conf;
}
";

/// The server behind the gateway: answers every request with the request.
pub(crate) struct Upstream {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Starts it; it ends with the test program.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read(&stream);
                seen.lock().unwrap().push(request.clone());
                answer(&stream, &request);
            }
        });
        Self { address, requests }
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn read(stream: &TcpStream) -> String {
    // If an announced body does not arrive, the test should fail soon.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
    let mut body = vec![0; value(&request, "content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
}

fn answer(mut stream: &TcpStream, request: &str) {
    let length = request.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{request}");
    // nginx may have closed the connection.
    let _ = stream.write_all(answer.as_bytes());
}

/// Returns the only value of a header in a request as the upstream saw it.
#[track_caller]
fn value<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next().unwrap();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value);
    assert!(found.next().is_none(), "{name} is there twice: {request}");
    value
}

/// A running gateway or load balancer; killed when dropped.
pub(crate) struct Nginx {
    child: Child,
    directory: TempDir,
}

impl Nginx {
    /// Starts it in front of the service and the upstream, and returns it with a client.
    #[track_caller]
    fn start(vestibule: &Client, upstream: &Upstream) -> (Self, Client) {
        Self::configured(|address| {
            TEMPLATE
                .replace("@LISTEN@", address)
                .replace("@VESTIBULE@", vestibule.address())
                .replace("@UPSTREAM@", &upstream.address)
        })
    }

    /// Starts it with this content of its http block for an address, and returns it with a client.
    #[track_caller]
    pub(crate) fn configured(server: impl Fn(&str) -> String) -> (Self, Client) {
        // Another process may take the port before nginx does, but hardly three times.
        for _ in 0..3 {
            let address = free_address();
            let mut nginx = Self::spawn(&server(&address));
            if nginx.listens() {
                return (nginx, Client::new(&address));
            }
        }
        panic!("nginx does not start");
    }

    #[track_caller]
    fn spawn(server: &str) -> Self {
        let directory = checked(server);
        let place = directory.path();
        // One process, so that none is left when it is killed.
        let mut run = nginx(place);
        run.args(["-g", "daemon off; master_process off;"]);
        let output = File::create(place.join("stderr")).unwrap();
        Self {
            child: run.stderr(output).spawn().unwrap(),
            directory,
        }
    }

    /// Waits until it listens or has ended. It writes its process id when its sockets are open.
    fn listens(&mut self) -> bool {
        let number = self.child.id().to_string();
        eventually("nginx", || {
            let written = fs::read_to_string(self.directory.path().join("nginx.pid")).unwrap_or_default();
            let ended = self.child.try_wait().unwrap().is_some();
            (ended || written.trim() == number).then_some(!ended)
        })
    }
}

/// Shows what a web server said, if its test fails.
pub(crate) fn show_logs(server: &str, directory: &TempDir) {
    if thread::panicking() {
        for name in ["stderr", "error.log"] {
            let text = fs::read_to_string(directory.path().join(name)).unwrap_or_default();
            eprintln!("{server}'s {name}:\n{text}");
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        show_logs("nginx", &self.directory);
    }
}

/// Writes a configuration into a directory, and has nginx check it (`nginx -t`).
#[track_caller]
pub(crate) fn checked(server: &str) -> TempDir {
    let directory = open_directory();
    let place = directory.path();
    fs::write(place.join("nginx.conf"), MAIN_CONFIG).unwrap();
    fs::write(place.join("server.conf"), server).unwrap();
    let check = nginx(place).arg("-t").output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success() && !said.contains("[warn]"), "{said}");
    directory
}

/// Returns nginx with its own directory and a clean environment.
#[track_caller]
fn nginx(directory: &Path) -> Command {
    // Debian installs it outside the search path of ordinary accounts.
    let places = path() + ":/usr/sbin";
    let mut found = places.split(':').map(|place| Path::new(place).join("nginx"));
    let Some(program) = found.find(|program| program.is_file()) else {
        panic!("nginx is missing: run scripts/test, which installs nginx");
    };
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command
        .arg("-p")
        .arg(directory)
        .arg("-c")
        .arg(directory.join("nginx.conf"));
    command
}

pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Gateway, service and upstream, and a signed-in user.
struct Site {
    gateway: Client,
    upstream: Upstream,
    client: Client,
    person: Person,
    tokens: Tokens,
    _nginx: Nginx,
    program: Program,
    database: Database,
    _place: DataDir,
}

impl Site {
    #[track_caller]
    fn open() -> Self {
        let place = DataDir::new();
        let database = Database::create();
        let program = Launch::dev()
            .data_dir(&place)
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .start();
        let client = program.ready();
        let upstream = Upstream::start();
        let (nginx, gateway) = Nginx::start(&client, &upstream);
        let (person, tokens) = Person::sign_up(&client);
        Self {
            gateway,
            upstream,
            client,
            person,
            tokens,
            _nginx: nginx,
            program,
            database,
            _place: place,
        }
    }

    /// Sends a request with these header lines through the gateway, and returns it as the upstream saw it.
    #[track_caller]
    fn pass(&self, token: &str, lines: &[&str], body: &str) -> String {
        let mut wire = Wire::open(self.gateway.address());
        let lines: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
        let length = body.len();
        wire.send(format!(
            "POST /orders?page=2 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        ));
        let answer = wire.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

#[test]
fn nothing_but_a_good_access_token_opens_the_gateway() {
    let site = Site::open();
    let answer = site.gateway.get("/orders").expect(401);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let pre_auth_token = site.person.log_in(&site.client);
    let cut = &site.tokens.access[..site.tokens.access.len() - 4];
    for token in ["x", cut, &site.tokens.refresh, &pre_auth_token] {
        let answer = site.gateway.get_as(token, "/orders").expect(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    assert_eq!(site.upstream.count(), 0);
    site.gateway.get_as(&site.tokens.access, "/orders").expect(200);
    assert_eq!(site.upstream.count(), 1);
}

/// With the limits that nginx has by default.
#[test]
fn a_token_with_the_largest_claims_passes() {
    let site = Site::open();
    let longest = "x".repeat(2040);
    site.database.sql(&format!(
        "UPDATE users SET claims = '{{\"a\":\"{longest}\"}}' RETURNING 1"
    ));
    let body = json!({"refresh_token": site.tokens.refresh});
    let token = site
        .client
        .post("/token/refresh", &body)
        .expect(200)
        .text_at("/access_token");
    assert!(token.len() > 3300, "{}", token.len());
    let seen = site.pass(&token, &[], "");
    assert_eq!(
        value(&seen, "x-auth-user"),
        value(&site.pass(&site.tokens.access, &[], ""), "x-auth-user")
    );
    assert!(value(&seen, "x-auth-user").is_some(), "{seen}");
}

#[test]
fn the_place_that_nginx_asks_is_closed_to_clients() {
    let site = Site::open();
    site.gateway.get_as(&site.tokens.access, "/_vestibule").expect(404);
    assert_eq!(site.upstream.count(), 0);
}

#[test]
fn the_upstream_learns_from_us_who_it_is_and_never_from_the_client() {
    let site = Site::open();
    let me = site.client.get_as(&site.tokens.access, "/me").expect(200);
    let session = site.client.get_as(&site.tokens.access, "/sessions").expect(200);
    let session = session.text_at("/0/id");
    let lies = [
        "X-Auth-User: admin",
        "x-auth-user: root",
        "X_Auth_User: admin",
        "X-Auth-Session: another",
        "X-Auth-Roles: admin",
        "X-AUTH-ROLES: owner",
        "X_Auth_Roles: admin",
    ];
    let expect = |request: &str, roles: Option<&str>| {
        assert_eq!(value(request, "x-auth-user"), Some(me.text_at("/id").as_str()));
        assert_eq!(value(request, "x-auth-session"), Some(session.as_str()));
        assert_eq!(value(request, "x-auth-roles"), roles);
        assert_eq!(value(request, "authorization"), None);
        for lie in ["admin", "root", "owner", "another", "X_Auth"] {
            assert!(!request.contains(lie), "{lie}: {request}");
        }
    };
    let request = site.pass(&site.tokens.access, &lies, "{\"item\": 7}");
    expect(&request, None);
    assert!(request.starts_with("POST /orders?page=2 "), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"item\": 7}"), "{request}");

    site.database.sql("UPDATE users SET roles = '{editor,clerk}'");
    let body = json!({"refresh_token": site.tokens.refresh});
    let tokens = Tokens::of(&site.client.post("/token/refresh", &body).expect(200));
    expect(&site.pass(&tokens.access, &lies, ""), Some("editor,clerk"));
}

#[test]
fn we_are_asked_with_the_token_and_without_the_body() {
    let asked = Upstream::start();
    let upstream = Upstream::start();
    let (_nginx, gateway) = Nginx::start(&Client::new(&asked.address), &upstream);
    // More than nginx's memory for one request.
    let body = json!({"note": "x".repeat(100_000)});
    let answer = gateway.send(Method::POST, "/orders", Some("token"), Some(&body));
    assert!(answer.expect(200).text.ends_with(&format!("\r\n\r\n{body}")));

    let questions = asked.requests.lock().unwrap();
    let [question] = questions.as_slice() else {
        panic!("asked {} times", questions.len());
    };
    assert!(question.starts_with("GET /token/validate HTTP/1."), "{question}");
    assert_eq!(value(question, "authorization"), Some("Bearer token"));
    assert_eq!(value(question, "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(value(question, "content-length"), None);
    assert!(question.ends_with("\r\n\r\n"), "{question}");
}

/// Browsers send no token with a preflight. If the gateway asked the service about it, pages of other origins could
/// call nothing.
#[test]
fn a_preflight_passes_without_a_token_and_without_an_identity() {
    let site = Site::open();
    let ask = |method: &str, lines: &str| {
        let mut wire = Wire::open(site.gateway.address());
        wire.send(format!(
            "{method} /orders HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nOrigin: https://app.example\r\n{lines}\r\n"
        ));
        wire.read_to_end()
    };
    let lies =
        "Access-Control-Request-Method: PUT\r\nX-Auth-User: root\r\nX-Auth-Roles: admin\r\nAuthorization: Bearer x\r\n";
    let answer = ask("OPTIONS", lies);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = answer.split_once("\r\n\r\n").unwrap().1;
    assert!(seen.starts_with("OPTIONS /orders "), "{seen}");
    assert_eq!(value(seen, "access-control-request-method"), Some("PUT"));
    assert_eq!(value(seen, "origin"), Some("https://app.example"));
    for name in ["x-auth-user", "x-auth-session", "x-auth-roles", "authorization"] {
        assert_eq!(value(seen, name), None, "{seen}");
    }
    // Any other request without a token is refused, whatever it shares with a preflight.
    let passed = site.upstream.count();
    for (method, lines) in [
        ("OPTIONS", ""),
        ("OPTIONS", "Access-Control-Request-Method:\r\n"),
        ("GET", "Access-Control-Request-Method: PUT\r\n"),
        (
            "POST",
            "Access-Control-Request-Method: PUT\r\nX-HTTP-Method-Override: OPTIONS\r\nContent-Length: 0\r\n",
        ),
    ] {
        let answer = ask(method, lines);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{method} {lines}: {answer}");
    }
    assert_eq!(site.upstream.count(), passed);
}

#[test]
fn a_logout_closes_the_gateway_at_once() {
    let site = Site::open();
    site.gateway.get_as(&site.tokens.access, "/orders").expect(200);
    site.client.post_as(&site.tokens.access, "/logout").expect(204);
    let answer = site.gateway.get_as(&site.tokens.access, "/orders").expect(401);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    assert_eq!(site.upstream.count(), 1);
}

#[test]
fn nothing_passes_while_the_service_is_down() {
    let site = Site::open();
    site.gateway.get_as(&site.tokens.access, "/orders").expect(200);
    site.program.kill();
    site.gateway.get_as(&site.tokens.access, "/orders").expect(500);
    site.gateway.get("/orders").expect(500);
    assert_eq!(site.upstream.count(), 1);
}

#[test]
fn the_documentation_shows_the_tested_configuration() {
    let (_, shown) = DOCUMENTATION.split_once("```nginx\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let tested = TEMPLATE
        .replace("@UPSTREAM@", "upstream")
        .replace("@VESTIBULE@", "vestibule");
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let tested = settings(&tested);
    // Without the server block around it.
    let inner = tested.get(2..tested.len() - 1).unwrap();
    assert_eq!(settings(shown), inner);
}
