//! An attack from many networks goes on while the owner signs in: from a new network within seconds, with the libraries
//! of ALTCHA; and from a known one at once, also after the attacker has paid for all guesses that strangers get.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Answer, Client};
use super::person::{PERIOD, Person, now};
use super::process::{StopAtEnd, eventually};
use super::program::{DataDir, Launch};
use super::quiet;
use crate::support::work::solve;
use crate::verifiers::{beside_its_modules, prepared, source};

/// The network that the owner signs in from.
const HOME: &str = "203.0.113.7";
/// How long an owner may take, on a machine that hashes for an attacker meanwhile.
const SECONDS: Duration = Duration::from_secs(10);

/// Who solves a challenge.
#[derive(Clone, Copy, Debug)]
enum Solver {
    Node,
    Python,
}

impl Solver {
    fn solve(self, challenge: &Value) -> String {
        let mut command = match self {
            Self::Node => {
                let mut node = Command::new("node");
                node.arg(beside_its_modules("work.mjs"));
                node
            }
            Self::Python => {
                let mut python = Command::new(prepared("python/bin/python"));
                python.arg(source("work.py"));
                python
            }
        };
        let output = command.arg(challenge.to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn log_in(client: &Client, address: &str, owner: &Person, password: &str, altcha: Option<&str>) -> Answer {
    let mut body = json!({"email": owner.email, "password": password});
    if let Some(altcha) = altcha {
        body["altcha"] = json!(altcha);
    }
    client.post_from(address, "/login", &body)
}

/// Logs in, and does the work that the service asks for, again if it got harder meanwhile. Returns the answer.
fn log_in_with_work(
    client: &Client,
    address: &str,
    owner: &Person,
    password: &str,
    solve: impl Fn(&Value) -> String,
) -> Answer {
    let mut answer = log_in(client, address, owner, password, None);
    for _ in 0..4 {
        let problem = answer.json();
        let Some(challenge) = problem.get("challenge").filter(|_| answer.status == 429) else {
            return answer;
        };
        answer = log_in(client, address, owner, password, Some(&solve(challenge)));
    }
    answer
}

/// Returns an address in a network of its own.
fn network(number: u32) -> String {
    format!("198.{}.{}.1", 18 + number / 250, number % 250)
}

#[test]
fn the_owner_signs_in_within_seconds_while_the_attack_goes_on() {
    quiet::alone();
    let place = DataDir::new();
    let program = Launch::dev()
        .data_dir(&place)
        .env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.1")
        .start();
    let client = program.ready();
    let owner = Person::register(&client);
    let first = json!({"pre_auth_token": owner.pre_auth_token, "code": owner.code(now())});
    client.post_from(HOME, "/2fa/verify", &first).expect(200);
    let link = |kind: &str| mailed_token(&client, &owner.email, kind);
    let verified = json!({"token": link("email_verification"), "password": owner.password});
    client.post_from(HOME, "/email/verify", &verified).expect(204);
    know_home(&client, &owner);

    let (stop, guesses, is_paying) = (AtomicBool::new(false), AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // Two of them pay later: what more of them compute at once is too easy before it is sent.
        for may_pay in [true, true, false, false] {
            let (client, owner, stop, guesses, is_paying) = (&client, &owner, &stop, &guesses, &is_paying);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let address = network(guesses.fetch_add(1, Ordering::Relaxed));
                    if may_pay && is_paying.load(Ordering::Relaxed) {
                        log_in_with_work(client, &address, owner, "wrong password", solve);
                    } else {
                        log_in(client, &address, owner, "wrong password", None);
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        let _stopping = StopAtEnd(&stop);
        eventually("strangers have to wait", || {
            let address = network(guesses.fetch_add(1, Ordering::Relaxed));
            let answer = log_in(&client, &address, &owner, "wrong password", None);
            answer.json().get("challenge").map(|_asked| ())
        });
        for (number, solver) in [Solver::Node, Solver::Python].into_iter().enumerate() {
            let begun = Instant::now();
            let address = format!("192.0.{}.1", 10 + number);
            let answer = log_in_with_work(&client, &address, &owner, &owner.password, |challenge| {
                solver.solve(challenge)
            });
            answer.expect(200);
            assert!(begun.elapsed() < SECONDS, "{solver:?}: {:?}", begun.elapsed());
        }
        // From now on the attacker pays. In the end, strangers are refused, whatever they send.
        is_paying.store(true, Ordering::Relaxed);
        mailed_token(&client, &owner.email, "password_refused_to_strangers");
        let elsewhere = |address: &str| log_in_with_work(&client, address, &owner, &owner.password, solve);
        elsewhere("192.0.20.1").expect(401);
        // On a new network there is the mail.
        let begun = Instant::now();
        client
            .post_from("192.0.22.1", "/magic-link", &json!({"email": owner.email}))
            .expect(202);
        let token = mailed_token(&client, &owner.email, "magic_link");
        client
            .post_from("192.0.22.1", "/magic-link/verify", &json!({"token": token}))
            .expect(200);
        assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
        // Where the owner signed in before, the password works at once, without any work.
        let begun = Instant::now();
        log_in(&client, HOME, &owner, &owner.password, None).expect(200);
        assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
        // Strangers have fifty guesses again, so it may work elsewhere as well, until the attacker has used these up.
        assert!([200, 401].contains(&elsewhere("192.0.23.1").status));
    });
    assert!(guesses.load(Ordering::Relaxed) > 100);
}

/// Signs the owner in from home, so that the network is known: the registration came from another one.
fn know_home(client: &Client, owner: &Person) {
    let login = log_in(client, HOME, owner, &owner.password, None).expect(200);
    let code = owner.code(now() + PERIOD);
    let body = json!({"pre_auth_token": login.text_at("/pre_auth_token"), "code": code});
    client.post_from(HOME, "/2fa/verify", &body).expect(200);
}

/// Returns what the newest link of a kind contains; empty if such a message has none.
fn mailed_token(client: &Client, to: &str, kind: &str) -> String {
    eventually(kind, || {
        let sent = client.get(&format!("/dev/outbox?to={to}")).expect(200).json();
        let of_kind = sent
            .as_array()
            .unwrap()
            .iter()
            .filter(|message| message["kind"] == kind);
        let newest = of_kind.max_by_key(|message| message["created_at"].to_string())?;
        let link = newest["link"].as_str().unwrap_or_default();
        Some(link.split("token=").nth(1).unwrap_or_default().to_owned())
    })
}
