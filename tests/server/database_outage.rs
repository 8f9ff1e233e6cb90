//! A database that is unavailable: reported at once, never as a fault of the service, and recovered from without a
//! restart.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::http::{Answer, Client};
use super::instances::instance;
use super::person::Person;
use super::postgres::{Cluster, OpenSession, psql};
use super::process::{eventually, send};
use super::program::Program;
use super::quiet;

/// More than the pool has connections, so that every connection has been tried.
const REQUESTS: usize = 15;
/// An answer that waited for nothing, on a slow machine.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Any answer: one wait for a connection, and some more for a slow machine.
const BOUNDED: Duration = Duration::from_secs(8);
/// The connections of an instance, as it is by default.
const POOL: usize = 10;

/// One request of each kind that needs the database.
fn requests(client: &Client, access_token: &str) -> [Answer; 4] {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Another name each time: too many wrong passwords for one would make it wait.
    let email = format!("nobody{}@mail.example", NUMBER.fetch_add(1, Ordering::Relaxed));
    [
        client.get("/health/ready"),
        client.post("/login", &json!({"email": email, "password": "wrong password"})),
        client.get_as(access_token, "/me"),
        client.post("/register", &json!({"email": "x@mail.example", "password": "password"})),
    ]
}

fn assert_turned_away_at_once(client: &Client, access_token: &str) {
    for answer in requests(client, access_token).into_iter().take(3) {
        assert!(answer.took < AT_ONCE, "{:?}", answer.took);
        answer.problem(503, "service_unavailable");
    }
}

fn assert_served(client: &Client, access_token: &str) {
    let [ready, login, me, register] = requests(client, access_token);
    ready.expect(200);
    login.problem(401, "invalid_credentials");
    me.expect(200);
    register.problem(422, "password_rejected");
}

fn assert_no_fault(program: &Program) {
    let log = program.log();
    assert!(!log.contains("\"status\":500"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn before_the_database_is_there_it_lives_and_turns_requests_away_and_then_it_serves() {
    quiet::alone();
    let mut cluster = Cluster::start();
    cluster.stop();
    let program = instance(cluster.url()).start();
    let client = program.client();
    for _ in 0..REQUESTS {
        let live = client.get("/health/live");
        assert!(live.took < AT_ONCE, "{:?}", live.took);
        live.expect(200);
        assert_turned_away_at_once(&client, "x");
        client.get("/.well-known/jwks.json").problem(503, "service_unavailable");
    }

    cluster.start_again();

    let (_, tokens) = Person::sign_up(&program.ready());
    assert_served(&client, &tokens.access);
    assert_no_fault(&program);
    program.stop().expect(0);
}

#[test]
fn a_database_that_stops_and_starts_again_costs_only_the_requests_meanwhile() {
    let mut cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    for _ in 0..2 {
        fill_the_pool(&client, &tokens.access);
        cluster.stop();

        // The first requests find out.
        for _ in 0..REQUESTS {
            let answer = client.get_as(&tokens.access, "/me");
            assert!(answer.took < BOUNDED, "{:?}", answer.took);
            answer.problem(503, "service_unavailable");
        }
        for _ in 0..REQUESTS {
            assert_turned_away_at_once(&client, &tokens.access);
        }
        client.get("/health/live").expect(200);
        client.get("/.well-known/jwks.json").expect(200);

        cluster.start_again();
        eventually("readiness", || {
            let ready = client.get("/health/ready");
            assert_ne!(ready.status, 500, "{}", ready.text);
            (ready.status == 200).then_some(())
        });
        for _ in 0..REQUESTS {
            assert_served(&client, &tokens.access);
        }
    }
    person.sign_in_again(&client);
    assert_no_fault(&program);
}

#[test]
fn many_requests_at_once_are_all_turned_away_in_time() {
    quiet::alone();
    let mut cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    fill_the_pool(&client, &tokens.access);
    cluster.stop();
    client.get_as(&tokens.access, "/me").problem(503, "service_unavailable");

    let answers = at_once(&client, &tokens.access, 40);
    for answer in answers {
        assert!(answer.took < BOUNDED, "{:?}", answer.took);
        answer.problem(503, "service_unavailable");
    }
    // Now the service knows that the database is unavailable.
    for answer in at_once(&client, &tokens.access, 40) {
        assert!(answer.took < AT_ONCE, "{:?}", answer.took);
        answer.problem(503, "service_unavailable");
    }
    assert_no_fault(&program);
}

#[test]
fn connections_that_an_operator_ended_are_replaced_unnoticed() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    for _ in 0..3 {
        fill_the_pool(&client, &tokens.access);
        let ended = psql(
            cluster.url(),
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'vestibule %'",
        );
        assert_ne!(ended, "0");

        assert_served(&client, &tokens.access);
        person.log_in(&client);
    }
    assert_no_fault(&program);
}

#[test]
fn a_database_that_crashes_under_load_causes_no_fault_of_ours() {
    let mut cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    for _ in 0..3 {
        let (requests, backend) = thread::scope(|scope| {
            let load: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        (0..40)
                            .map(|_| client.get_as(&tokens.access, "/me"))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            let find = "SELECT min(pid) FROM pg_stat_activity WHERE application_name LIKE 'vestibule %'";
            let backend: u32 = eventually("a connection", || psql(cluster.url(), find).parse().ok());
            // The server then ends all other connections, too, and recovers.
            send(Signal::KILL, backend);
            (
                load.into_iter()
                    .flat_map(|load| load.join().unwrap())
                    .collect::<Vec<_>>(),
                backend,
            )
        });
        assert_ne!(backend, 0);
        for answer in requests {
            assert!(answer.took < BOUNDED, "{:?}", answer.took);
            if answer.status != 200 {
                answer.problem(503, "service_unavailable");
            }
        }
        eventually("recovery", || {
            (client.get_as(&tokens.access, "/me").status == 200).then_some(())
        });
    }
    assert_no_fault(&program);
    cluster.stop();
}

#[test]
fn a_lock_that_is_held_too_long_is_not_waited_for_again_and_again() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    let holder = OpenSession::begin(
        cluster.url(),
        "BEGIN; LOCK TABLE users, signing_keys IN ACCESS EXCLUSIVE MODE",
    );
    for answer in requests(&client, &tokens.access).into_iter().take(3) {
        assert!(answer.took < BOUNDED, "{:?}", answer.took);
        answer.problem(503, "service_unavailable");
    }
    drop(holder);
    assert_served(&client, &tokens.access);
}

#[test]
fn a_database_that_hangs_delays_answers_for_a_bounded_time() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    fill_the_pool(&client, &tokens.access);
    let frozen = Frozen::all(&cluster);

    for answer in at_once(&client, &tokens.access, 12) {
        assert!(answer.took < Duration::from_secs(20), "{:?}", answer.took);
        answer.problem(503, "service_unavailable");
    }
    client.get("/health/live").expect(200);
    drop(frozen);

    eventually("readiness", || {
        (client.get_as(&tokens.access, "/me").status == 200).then_some(())
    });
    assert_no_fault(&program);
}

/// Like a firewall that drops the state of a connection: both ends stay open, and no data arrives.
#[test]
fn a_link_to_the_database_that_falls_silent_delays_answers_for_the_documented_time() {
    let cluster = Cluster::start();
    let link = Link::to(cluster.url());
    let program = instance(&link.url).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);
    fill_the_pool(&client, &tokens.access);
    link.forwards.store(false, Ordering::Relaxed);

    // Those of the first statements find out, and then one for each connection: two seconds for a connection and ten
    // for the answer, on a busy machine. The others wait only for a connection.
    let mut slow_after_the_first = Vec::new();
    for round in 0.. {
        let mut slow = 0;
        for answer in at_once(&client, &tokens.access, 12) {
            assert!(answer.took < Duration::from_secs(18), "{:?}", answer.took);
            slow += usize::from(answer.took >= BOUNDED);
            answer.problem(503, "service_unavailable");
        }
        if round > 0 {
            slow_after_the_first.push(slow);
            if slow == 0 {
                break;
            }
        }
    }
    let slow: usize = slow_after_the_first.iter().sum();
    assert!(slow <= POOL, "{slow_after_the_first:?}");
    client.get("/health/live").expect(200);
    client.get("/.well-known/jwks.json").expect(200);
    link.forwards.store(true, Ordering::Relaxed);

    eventually("readiness", || {
        (client.get_as(&tokens.access, "/me").status == 200).then_some(())
    });
    assert_no_fault(&program);
}

#[test]
fn a_stop_does_not_wait_for_a_database_that_hangs() {
    let cluster = Cluster::start();
    let frozen = Frozen::all(&cluster);
    let program = instance(cluster.url()).start();
    program
        .client()
        .get("/health/ready")
        .problem(503, "service_unavailable");

    let (ended, took) = super::process::timed(|| program.stop());

    ended.expect(0);
    assert!(took < Duration::from_secs(25), "{took:?}");
    drop(frozen);
}

/// A connection to a server that can stop forwarding. Its threads end with the test program.
struct Link {
    url: String,
    forwards: Arc<AtomicBool>,
}

impl Link {
    /// Starts to forward data from a port to the socket file that a URL names.
    fn to(url: &str) -> Self {
        let parsed = url::Url::parse(url).unwrap();
        let (_, host) = url.split_once('@').unwrap();
        let directory = host.split([':', '/']).next().unwrap();
        let directory = percent_encoding::percent_decode_str(directory).decode_utf8().unwrap();
        let file = format!("{directory}/.s.PGSQL.{}", parsed.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let forwards = Arc::new(AtomicBool::new(true));
        let open = Arc::clone(&forwards);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&file).unwrap());
                let (answers, asks) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (there, back) = (Arc::clone(&open), Arc::clone(&open));
                thread::spawn(move || forward(asks, server, &there));
                thread::spawn(move || forward(answers, client, &back));
            }
        });
        let (user, database) = (parsed.username(), parsed.path());
        Self {
            url: format!("postgres://{user}@127.0.0.1:{port}{database}?sslmode=disable"),
            forwards,
        }
    }
}

fn forward(mut from: impl Read, mut to: impl Write, open: &AtomicBool) {
    let mut piece = [0; 4096];
    while let Ok(count) = from.read(&mut piece) {
        while !open.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        if count == 0 || to.write_all(&piece[..count]).is_err() {
            return;
        }
    }
}

/// The server's processes, stopped; they continue when this is dropped.
struct Frozen(Vec<u32>);

impl Frozen {
    fn all(cluster: &Cluster) -> Self {
        let backends = psql(
            cluster.url(),
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
        );
        let backends = backends.lines().map(|pid| pid.parse().unwrap());
        let all: Vec<u32> = [cluster.postmaster()].into_iter().chain(backends).collect();
        for pid in &all {
            send(Signal::STOP, *pid);
        }
        Self(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            send(Signal::CONT, *pid);
        }
    }
}

/// Makes the pool open several connections.
fn fill_the_pool(client: &Client, access_token: &str) {
    for answer in at_once(client, access_token, 20) {
        answer.expect(200);
    }
}

fn at_once(client: &Client, access_token: &str, count: usize) -> Vec<Answer> {
    thread::scope(|scope| {
        let sent: Vec<_> = (0..count)
            .map(|_| scope.spawn(|| client.get_as(access_token, "/me")))
            .collect();
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    })
}
