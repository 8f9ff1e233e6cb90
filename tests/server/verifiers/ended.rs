//! The middleware of docs/examples that reads the list of ended sessions: a back end with it refuses the tokens of an
//! ended session within seconds, and asks the service about none of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use ureq::http::Method;

use super::back_end::BackEnd;
use super::between::{Between, Way};
use super::forger::{Forger, parts};
use super::{prepared, source};
use crate::server::http::Client;
use crate::server::instances::MASTER_KEY;
use crate::server::nginx::Nginx;
use crate::server::person::{Person, Tokens};
use crate::server::postgres::Database;
use crate::server::process::eventually;
use crate::server::program::{DataDir, Launch, Program};
use crate::server::quiet;

/// What the documentation promises, from the answer to the logout on.
const PROMISED: Duration = Duration::from_secs(5);
/// After how many seconds without the list these back ends refuse everything.
const STALE_AFTER: &str = "3";
const PAGE: &str = include_str!("../../../docs/VERIFYING.md");

#[derive(Clone, Copy, Debug)]
enum Language {
    Node,
    Python,
}

const BOTH: [Language; 2] = [Language::Node, Language::Python];

impl Language {
    const fn ending(self) -> &'static str {
        match self {
            Self::Node => "mjs",
            Self::Python => "py",
        }
    }

    /// Starts a back end with the middleware, and waits until it has read the list.
    #[track_caller]
    fn start(self, issuer: &str, stale_after: &str) -> BackEnd {
        let code = TempDir::new_in(prepared("node")).unwrap();
        let (app, middleware) = (
            format!("ended_app.{}", self.ending()),
            format!("ended_sessions.{}", self.ending()),
        );
        fs::copy(source(&app), code.path().join(&app)).unwrap();
        fs::copy(example(&middleware), code.path().join(&middleware)).unwrap();
        let back_end = BackEnd::start(code, |port| {
            let mut command = match self {
                Self::Node => Command::new("node"),
                Self::Python => Command::new(prepared("python/bin/python")),
            };
            command
                .args([app.as_str(), port, issuer, stale_after])
                .env_remove("NODE_OPTIONS");
            command
        });
        eventually("the list of ended sessions", || {
            let answer = back_end.client.get_as("x", "/me");
            (answer.status == 401).then_some(())
        });
        back_end
    }
}

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name)
}

/// A service on a database of its own.
struct Service {
    program: Program,
    client: Client,
    database: Database,
    _place: DataDir,
}

impl Service {
    fn start() -> Self {
        Self::launch(Launch::dev())
    }

    fn launch(launch: Launch) -> Self {
        let (place, database) = (DataDir::new(), Database::create());
        let program = launch
            .data_dir(&place)
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env("VESTIBULE_REFRESH_REUSE_GRACE", "0")
            .start();
        let client = program.ready();
        Self {
            program,
            client,
            database,
            _place: place,
        }
    }

    /// Signs an administrator in.
    fn administrator(&self) -> Tokens {
        let (person, tokens) = Person::sign_up(&self.client);
        let grant = format!("UPDATE users SET roles = '{{admin}}' WHERE email = '{}'", person.email);
        self.database.sql(&grant);
        let body = json!({"refresh_token": tokens.refresh});
        Tokens::of(&self.client.post("/token/refresh", &body).expect(200))
    }
}

/// Something that ends the session of a token.
struct End {
    what: &'static str,
    access: String,
    bring_about: Box<dyn FnOnce()>,
}

/// Prepares one user for each way in which a session ends.
fn every_end(service: &Service) -> Vec<End> {
    let admin = service.administrator();
    let mut ends = Vec::new();
    let mut add = |what, access: &str, bring_about: Box<dyn FnOnce()>| {
        let access = access.to_owned();
        ends.push(End {
            what,
            access,
            bring_about,
        });
    };
    let users = || (service.client.clone(), Person::sign_up(&service.client));

    let (client, (_, tokens)) = users();
    let access = tokens.access.clone();
    add(
        "a logout",
        &tokens.access,
        Box::new(move || drop(client.post_as(&access, "/logout").expect(204))),
    );

    let (client, (_, tokens)) = users();
    let id = client.get_as(&tokens.access, "/me").expect(200).text_at("/id");
    let disable = move || {
        let (path, body) = (format!("/admin/users/{id}"), json!({"disabled": true}));
        drop(
            client
                .send(Method::PATCH, &path, Some(&admin.access), Some(&body))
                .expect(200),
        );
    };
    add("an administrator", &tokens.access, Box::new(disable));

    let (client, (person, tokens)) = users();
    let other = person.sign_in_again(&client);
    let change = move || {
        let body = json!({"current_password": person.password, "new_password": "heftklammer im regen"});
        drop(
            client
                .send(Method::POST, "/password/change", Some(&other.access), Some(&body))
                .expect(204),
        );
    };
    add("a changed password", &tokens.access, Box::new(change));

    let (client, (_, tokens)) = users();
    let refresh = tokens.refresh.clone();
    let reuse = move || {
        let body = json!({"refresh_token": refresh});
        client.post("/token/refresh", &body).expect(200);
        client.post("/token/refresh", &body).expect(401);
    };
    add("a copied refresh token", &tokens.access, Box::new(reuse));

    let (client, (_, tokens)) = users();
    let access = tokens.access.clone();
    let delete = move || drop(client.send(Method::DELETE, "/me", Some(&access), None).expect(204));
    add("a deleted account", &tokens.access, Box::new(delete));
    ends
}

#[test]
fn every_end_of_a_session_counts_within_the_promised_time_without_a_question_to_the_service() {
    let service = Service::start();
    let back_ends = BOTH.map(|language| language.start(&service.client.issuer(), STALE_AFTER));
    let (_, kept) = Person::sign_up(&service.client);
    for End {
        what,
        access,
        bring_about,
    } in every_end(&service)
    {
        for back_end in &back_ends {
            back_end.client.get_as(&access, "/me").expect(200);
        }
        bring_about();
        let ended = Instant::now();
        for (language, back_end) in BOTH.iter().zip(&back_ends) {
            while back_end.client.get_as(&access, "/me").status == 200 {
                assert!(ended.elapsed() < PROMISED, "{language:?}: {what}");
                thread::sleep(Duration::from_millis(50));
            }
            let answer = back_end.client.get_as(&access, "/me").expect(401);
            assert_eq!(
                answer.header("www-authenticate"),
                "Bearer error=\"invalid_token\"",
                "{what}"
            );
            back_end.client.get_as(&kept.access, "/me").expect(200);
        }
    }
    let log = service.program.log();
    assert!(log.contains("/token/ended"));
    assert!(!log.contains("/token/introspect") && !log.contains("/token/validate"));
}

#[test]
fn a_back_end_without_the_list_refuses_all_or_goes_on_as_it_is_told() {
    let service = Service::start();
    let issuer = service.client.issuer();
    let (strict, lenient) = (
        BOTH.map(|language| language.start(&issuer, STALE_AFTER)),
        BOTH.map(|language| language.start(&issuer, "Infinity")),
    );
    let (_, tokens) = Person::sign_up(&service.client);
    let all = || strict.iter().chain(&lenient);
    for back_end in all() {
        back_end.client.get_as(&tokens.access, "/me").expect(200);
    }
    service.program.stop().expect(0);
    for back_end in &strict {
        eventually("503", || {
            (back_end.client.get_as(&tokens.access, "/me").status == 503).then_some(())
        });
    }
    for back_end in &lenient {
        back_end.client.get_as(&tokens.access, "/me").expect(200);
    }
}

/// Each of these lists is fresh and signed, or would be if a client followed, waited or read for long enough.
#[test]
fn what_is_not_the_list_that_was_asked_for_or_does_not_come_in_time_counts_as_none() {
    let between = Between::start();
    let service = Service::launch(Launch::dev().env("VESTIBULE_PUBLIC_URL", &between.url));
    between.to(&service.client);
    let back_ends = BOTH.map(|language| language.start(&between.url, STALE_AFTER));
    let (_, tokens) = Person::sign_up(&service.client);
    for way in [
        Way::OtherCursor,
        Way::Redirect,
        Way::Drip,
        Way::Endless,
        Way::Nothing,
        Way::EndlessKeys,
    ] {
        // Back to the honest way, back ends go on at once: each of those answers was given up.
        for (way, status) in [(way, 503), (Way::Honest, 200)] {
            between.turn(way);
            for (language, back_end) in BOTH.iter().zip(&back_ends) {
                eventually(&format!("{status} of {language:?}, {way:?}"), || {
                    (back_end.client.get_as(&tokens.access, "/me").status == status).then_some(())
                });
            }
        }
    }
}

#[test]
fn a_forged_token_is_refused_whatever_its_key_id() {
    let service = Service::start();
    let back_ends = BOTH.map(|language| language.start(&service.client.issuer(), STALE_AFTER));
    let (_, tokens) = Person::sign_up(&service.client);
    let keys = service.client.get("/.well-known/jwks.json").expect(200).json();
    // A token without `kid` could be of each of them.
    assert!(keys["keys"].as_array().unwrap().len() > 1);
    let (header, claims) = parts(&tokens.access);
    let mut headers = vec![
        ("the service's", header.clone()),
        ("unknown", header.clone()),
        ("none", header),
    ];
    headers[1].1["kid"] = json!("other");
    headers[2].1.as_object_mut().unwrap().remove("kid");
    for (kid, header) in headers {
        let forged = Forger::new().sign(&header, &claims);
        for (language, back_end) in BOTH.iter().zip(&back_ends) {
            let answer = back_end.client.get_as(&forged, "/me");
            assert_eq!(answer.status, 401, "{language:?}: {kid}");
            assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        }
    }
}

#[test]
fn a_page_of_another_origin_sends_its_preflight_and_sees_why_it_is_refused() {
    let service = Service::start();
    for language in BOTH {
        let back_end = language.start(&service.client.issuer(), STALE_AFTER);
        let ask = |head: &str| {
            let mut wire = back_end.client.connect();
            let origin = "Host: localhost\r\nOrigin: https://app.example.com";
            assert!(wire.send(format!("{head}\r\n{origin}\r\nConnection: close\r\n\r\n")));
            wire.read_to_end().to_ascii_lowercase()
        };
        let preflight = ask("OPTIONS /me HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization,content-type");
        let refusal = ask("GET /me HTTP/1.1");
        assert!(preflight.starts_with("http/1.1 20"), "{language:?}: {preflight}");
        assert!(refusal.starts_with("http/1.1 401"), "{language:?}: {refusal}");
        assert!(
            refusal.contains("access-control-expose-headers: www-authenticate"),
            "{language:?}: {refusal}"
        );
        for answer in [preflight, refusal] {
            assert!(
                answer.contains("access-control-allow-origin: https://app.example.com"),
                "{language:?}: {answer}"
            );
        }
    }
}

/// What became of the requests with one token through the gateway.
struct Seen {
    /// When the last request began that was answered 200, and how many were.
    last_accepted: Option<Instant>,
    accepted: usize,
    refused: usize,
}

/// Sends requests with a token until it is told to stop.
fn keep_calling(gateway: &Client, token: &str, calling: &AtomicBool) -> Seen {
    let mut seen = Seen {
        last_accepted: None,
        accepted: 0,
        refused: 0,
    };
    while calling.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match gateway.get_as(token, "/me").status {
            200 => {
                seen.last_accepted = Some(begun);
                seen.accepted += 1;
            }
            401 => seen.refused += 1,
            other => panic!("{other} through the gateway"),
        }
        // Each request has a connection of its own, of which the machine has not enough for more.
        thread::sleep(Duration::from_millis(10));
    }
    seen
}

#[test]
fn behind_a_gateway_under_load_ends_count_in_time_and_no_other_request_is_refused() {
    quiet::alone();
    let service = Service::start();
    let back_ends = BOTH.map(|language| language.start(&service.client.issuer(), "30"));
    let [node, python] = [0, 1].map(|at| back_ends[at].client.address().to_owned());
    let (_nginx, gateway) = Nginx::configured(|address| {
        format!(
            "upstream back_ends {{ server {node}; server {python}; }}
             server {{ listen {address}; location / {{ proxy_pass http://back_ends; }} }}"
        )
    });
    let signed_in: Vec<Tokens> = (0..6).map(|_| Person::sign_up(&service.client).1).collect();
    let (staying, leaving) = signed_in.split_at(3);
    let calling = AtomicBool::new(true);
    thread::scope(|scope| {
        let call = |tokens: &'_ Tokens| {
            let (gateway, access, calling) = (&gateway, tokens.access.clone(), &calling);
            scope.spawn(move || keep_calling(gateway, &access, calling))
        };
        let stay: Vec<_> = staying.iter().map(call).collect();
        let leave: Vec<_> = leaving.iter().map(call).collect();
        let ended: Vec<Instant> = leaving
            .iter()
            .map(|tokens| {
                thread::sleep(Duration::from_secs(1));
                service.client.post_as(&tokens.access, "/logout").expect(204);
                Instant::now()
            })
            .collect();
        thread::sleep(PROMISED + Duration::from_secs(1));
        calling.store(false, Ordering::Relaxed);
        for seen in stay.into_iter().map(|calls| calls.join().unwrap()) {
            assert!(
                seen.accepted > 50 && seen.refused == 0,
                "{} {}",
                seen.accepted,
                seen.refused
            );
        }
        for (seen, ended) in leave.into_iter().zip(ended) {
            let seen = seen.join().unwrap();
            assert!(seen.accepted > 0 && seen.refused > 0);
            let late = seen.last_accepted.unwrap().saturating_duration_since(ended);
            assert!(late < PROMISED, "a token was accepted {late:?} after the logout");
        }
    });
}

#[test]
fn the_documentation_shows_the_middleware_that_is_tested() {
    for language in BOTH {
        let name = format!("ended_sessions.{}", language.ending());
        let code = fs::read_to_string(example(&name)).unwrap();
        assert!(PAGE.contains(code.trim_end()), "VERIFYING.md shows another {name}");
    }
}
