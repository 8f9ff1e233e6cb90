//! Load: a flood of logins, clients that send slowly or too much, and a stop during it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::http::{Client, Wire};
use super::person::{Person, Tokens};
use super::process::{PATIENCE, StopAtEnd, eventually, timed};
use super::program::{DataDir, Launch, Program};
use super::quiet;

/// An answer that waits only for its turn on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// How many may wait for a hashing thread in the program.
const QUEUE_LENGTH: usize = 64;

fn login_body() -> String {
    json!({"email": "nobody@mail.example", "password": "wrong password"}).to_string()
}

fn login_head(more: &str) -> String {
    let length = login_body().len();
    format!(
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n"
    )
}

/// A program with slow hashing, on one thread.
fn slow_hashing(place: &DataDir) -> Program {
    let launch = Launch::dev().data_dir(place);
    launch
        .env("VESTIBULE_BCRYPT_COST", "12")
        .env("VESTIBULE_HASH_THREADS", "1")
        .start()
}

/// Returns the statuses of the requests to a route, from the log.
fn statuses(program: &Program, route: &str) -> Vec<u64> {
    let log = program.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let answered = lines.filter(|line| line["span"]["route"] == route && line["message"] == "request");
    answered.filter_map(|line| line["status"].as_u64()).collect()
}

#[test]
fn a_flood_of_logins_costs_logins_and_nothing_else() {
    quiet::alone();
    let place = DataDir::new();
    let program = slow_hashing(&place);
    let client = program.ready();
    let (_, mut tokens) = Person::sign_up(&client);
    let flooding = AtomicBool::new(true);

    let (answers, during) = thread::scope(|scope| {
        let (client, flooding) = (&client, &flooding);
        let flood: Vec<_> = (0..2 * QUEUE_LENGTH)
            .map(|number| {
                // Another name each, so that none has to wait for its own failures.
                let body = json!({"email": format!("nobody{number}@mail.example"), "password": "wrong password"});
                scope.spawn(move || client.post("/login", &body))
            })
            .collect();
        let others = scope.spawn(move || {
            let mut during = 0;
            while flooding.load(Ordering::Relaxed) {
                let body = json!({"refresh_token": tokens.refresh});
                let answer = client.post("/token/refresh", &body).expect(200);
                assert!(answer.took < SOON, "{:?}", answer.took);
                tokens = Tokens::of(&answer);
                for path in ["/health/live", "/health/ready", "/.well-known/jwks.json"] {
                    let answer = client.get(path).expect(200);
                    assert!(answer.took < SOON, "{path}: {:?}", answer.took);
                }
                during += 1;
            }
            during
        });
        let stopping = Lower(flooding);
        let answers: Vec<_> = flood.into_iter().map(|login| login.join().unwrap()).collect();
        drop(stopping);
        (answers, others.join().unwrap())
    });

    assert!(during > 0);
    let (looked_at, turned_away): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 401);
    assert!(!looked_at.is_empty());
    // No more than the queue length wait at a time, and each for a limited time.
    assert!(
        turned_away.len() >= QUEUE_LENGTH / 2,
        "{} were turned away",
        turned_away.len()
    );
    for answer in turned_away {
        answer.problem(503, "service_unavailable");
    }
    client
        .post(
            "/login",
            &json!({"email": "x@mail.example", "password": "wrong password"}),
        )
        .expect(401);
}

/// Logs in from an address that a proxy names; with `None` from this machine. Returns the status and how long it took.
fn log_in_from(client: &Client, address: Option<&str>, email: &str, password: &str) -> (u16, Duration) {
    let body = json!({"email": email, "password": password}).to_string();
    let forwarded = address.map_or_else(String::new, |address| format!("x-forwarded-for: {address}\r\n"));
    let (answer, took) = timed(|| {
        let mut wire = client.connect();
        let length = body.len();
        wire.send(format!(
            "POST /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{forwarded}\r\n{body}"
        ));
        wire.read_to_end()
    });
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {answer}")), took)
}

#[test]
fn a_network_that_floods_the_hashing_queue_waits_for_itself() {
    quiet::alone();
    let place = DataDir::new();
    let launch = Launch::dev().data_dir(&place);
    let program = launch
        // Cheap enough that a turn comes within two seconds on a machine that has other work, too.
        .env("VESTIBULE_BCRYPT_COST", "8")
        .env("VESTIBULE_HASH_THREADS", "1")
        .env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.0/8")
        .start();
    let client = program.ready();
    // From this machine, whose network is a known one of the owner from then on.
    let (owner, _) = Person::sign_up(&client);
    let flooding = AtomicBool::new(true);
    let (full, names) = (AtomicBool::new(false), AtomicUsize::new(0));

    let (flood, known, stranger) = thread::scope(|scope| {
        let stopping = Lower(&flooding);
        // A few more than there are places. Each waits a moment after a refusal: clients that try again at once would
        // take the processors from the threads that hash, which have a low priority.
        let attackers: Vec<_> = (0..QUEUE_LENGTH + QUEUE_LENGTH / 4)
            .map(|number| {
                let (client, flooding, full, names) = (&client, &flooding, &full, &names);
                scope.spawn(move || {
                    let mut waits = Vec::new();
                    while flooding.load(Ordering::Relaxed) {
                        // Many addresses of one /48, and another name each time.
                        let address = format!("2001:db8:7:{number:x}::{number:x}");
                        let name = names.fetch_add(1, Ordering::Relaxed);
                        let email = format!("nobody{name}@mail.example");
                        let (status, took) = log_in_from(client, Some(&address), &email, "wrong password");
                        waits.push(took);
                        if status == 503 {
                            full.store(true, Ordering::Relaxed);
                            // Waits for nothing: it limits the load that this client makes.
                            thread::sleep(Duration::from_millis(50));
                        }
                    }
                    waits
                })
            })
            .collect();
        eventually("a full queue", || full.load(Ordering::Relaxed).then_some(()));
        let log_in = |address| {
            (0..4)
                .map(|_| log_in_from(&client, address, &owner.email, &owner.password))
                .collect()
        };
        let known: Vec<(u16, Duration)> = log_in(None);
        let stranger: Vec<(u16, Duration)> = log_in(Some("203.0.113.9"));
        drop(stopping);
        let waits = attackers.into_iter().flat_map(|attacker| attacker.join().unwrap());
        (waits.max().unwrap(), known, stranger)
    });

    for (status, took) in known.into_iter().chain(stranger) {
        assert_eq!(status, 200, "the owner waited {took:?}");
        assert!(took < flood, "the owner waited {took:?}, the flood {flood:?}");
    }
}

/// Clears a flag when dropped.
struct Lower<'a>(&'a AtomicBool);

impl Drop for Lower<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn a_client_that_hangs_up_frees_its_place_in_the_queue() {
    quiet::alone();
    let place = DataDir::new();
    let program = slow_hashing(&place);
    let client = program.ready();
    // An unread answer makes the system tell the other side at once that the client has gone.
    let live = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut wires: Vec<Wire> = (0..QUEUE_LENGTH / 2).map(|_| client.connect()).collect();
    for wire in &mut wires {
        wire.send(format!("{live}{}{}", login_head(""), login_body()));
    }
    eventually("all of them", || {
        (statuses(&program, "/health/live").len() == wires.len()).then_some(())
    });
    drop(wires);

    let mut tries = 0;
    eventually("a free thread", || {
        tries += 1;
        let body = json!({"email": "x@mail.example", "password": "wrong password"});
        (client.post("/login", &body).status == 401).then_some(())
    });
    // The requests of clients that waited were answered, and are in the log; the other clients had left.
    let answered = statuses(&program, "/login").len() - tries;
    assert!(answered < QUEUE_LENGTH / 4, "{answered} waited for nothing");
    let ended = program.stop().expect(0);
    assert!(!ended.stderr.contains("panicked"));
}

#[test]
fn those_who_send_slowly_do_not_keep_others_out() {
    quiet::alone();
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (address, stop) = (client.address(), &stop);
        for part in 0..4 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut slow: Vec<Wire> = (0..100).map(|_| Wire::open(address)).collect();
                    for (number, wire) in slow.iter_mut().enumerate() {
                        // Heads and bodies that never end.
                        wire.send(if (number + part) % 2 == 0 {
                            "POST /login HTTP/1.1\r\nx-a: ".to_owned()
                        } else {
                            login_head("")
                        });
                    }
                    while !stop.load(Ordering::Relaxed) && slow.iter_mut().all(|wire| wire.send(" ")) {
                        // Waits for nothing: it is the pace of a slow client.
                        thread::sleep(Duration::from_millis(50));
                    }
                }
            });
        }
        let _stopping = StopAtEnd(stop);
        let (person, tokens) = Person::sign_up(&client);
        for _ in 0..20 {
            for answer in [
                client.get("/health/ready"),
                client.get_as(&tokens.access, "/me"),
                client.post("/login", &json!({"email": person.email, "password": person.password})),
            ] {
                assert!(answer.took < SOON, "{:?}", answer.took);
                answer.expect(200);
            }
        }
    });
    program.stop().expect(0);
}

/// Returns the resident memory of a process in bytes.
#[cfg(target_os = "linux")]
fn memory(program: &Program) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn whatever_is_too_large_is_refused_in_bounded_memory() {
    quiet::alone();
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    client
        .post(
            "/login",
            &json!({"email": "x@mail.example", "password": "wrong password"}),
        )
        .expect(401);
    let before = memory(&program);
    let get = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n";
    let large = "y".repeat(4 << 20);
    let many = "x: y\r\n".repeat(40_000);
    let pipeline = format!("{get}\r\n").repeat(2_000);
    let samples = [
        format!("{get}x: {large}\r\n\r\n"),
        format!("{get}cookie: {large}\r\n\r\n"),
        format!("{get}{many}\r\n"),
        format!("GET /{large} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("{large} / HTTP/1.1\r\n\r\n"),
        format!(
            "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{large}",
            large.len()
        ),
        // More than is answered before any answer is read.
        pipeline,
    ];
    thread::scope(|scope| {
        for sample in samples.iter().cycle().take(5 * samples.len()) {
            let client = &client;
            scope.spawn(move || {
                let mut wire = client.connect();
                wire.send(sample);
                wire.finish();
                let answer = wire.read_to_end();
                assert!(!answer.contains("HTTP/1.1 5"), "{answer:.200}");
            });
        }
    });
    let grown = memory(&program).saturating_sub(before);
    assert!(grown < 128 << 20, "{} MiB", grown >> 20);

    for depth in [100, 4_000, 16_000] {
        let body = format!("{{\"email\":{}", "[".repeat(depth));
        let head = format!(
            "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut wire = client.connect();
        wire.send(head + &body);
        let answer = wire.read_answer();
        assert!(answer.contains("\"malformed_request\""), "{answer}");
    }
    client.get("/health/ready").expect(200);
    assert!(!program.stop().expect(0).stderr.contains("panicked"));
}

/// Sends one request over a connection of its own; `None` if it was not accepted.
fn ask(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then(|| String::from_utf8(answer).unwrap())
}

#[test]
fn a_request_that_was_accepted_before_a_stop_under_load_is_answered() {
    quiet::alone();
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let live = client.get("/health/live").expect(200).text;
    // The interim answer shows that the request was accepted.
    let mut under_way: Vec<Wire> = (0..40).map(|_| client.connect()).collect();
    for wire in &mut under_way {
        wire.send(login_head("expect: 100-continue\r\n"));
        assert!(wire.read_answer().starts_with("HTTP/1.1 100"));
    }
    let answers: Vec<String> = thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| {
                let address = client.address();
                scope.spawn(move || std::iter::from_fn(|| ask(address)).collect::<Vec<_>>())
            })
            .collect();
        eventually("some load", || {
            (statuses(&program, "/health/live").len() > 50).then_some(())
        });
        program.send(Signal::TERM);
        load.into_iter().flat_map(|load| load.join().unwrap()).collect()
    });
    for answer in answers {
        // Complete, or not at all.
        let whole = answer.ends_with(live.as_str());
        assert!(answer.starts_with("HTTP/1.1 200") && whole, "{answer}");
    }
    for wire in &mut under_way {
        wire.send(login_body());
    }
    for wire in &mut under_way {
        let answer = wire.read_answer();
        // The fifth wrong password for one name causes a wait.
        assert!(
            ["401", "429"]
                .iter()
                .any(|status| answer.starts_with(&format!("HTTP/1.1 {status}"))),
            "{answer}"
        );
    }
    program.wait().expect(0);
}
