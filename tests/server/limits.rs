//! What a client can do to a socket, at the cost of its own request only.

use std::thread;
use std::time::Duration;

use serde_json::json;
use ureq::http::Method;
use vestibule::api::routes::{ROUTES, Verb};

use super::http::Client;
use super::process::{eventually, timed};
use super::program::{DataDir, Launch, Program};

const MOST: usize = 16 * 1024;
/// How long a connection of a slow client may last: the limit, and some more for a slow machine.
const SLOW: Duration = Duration::from_secs(25);

fn server(place: &DataDir) -> (Program, Client) {
    let program = Launch::dev().data_dir(place).start();
    let client = program.ready();
    (program, client)
}

/// A login of an exact length.
fn login_of(length: usize) -> String {
    let body = json!({"email": "nobody@mail.example", "password": "wrong password"}).to_string();
    format!("{body}{}", " ".repeat(length - body.len()))
}

fn post_login(headers: &str, body: &str) -> String {
    format!("POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\r\n{body}")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_body_of_16_kib_is_read_and_a_longer_one_is_not() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for (length, expected) in [(MOST, "401"), (MOST + 1, "413"), (8 * MOST, "413")] {
        let mut wire = client.connect();
        wire.send(post_login(&format!("content-length: {length}\r\n"), &login_of(length)));
        let answer = wire.read_answer();
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains("application/problem+json"));
    }
    // Answered at once, whatever length is announced.
    let mut wire = client.connect();
    wire.send(post_login("content-length: 999999999999\r\n", &login_of(MOST + 1)));
    assert_eq!(status(&wire.read_answer()), "413");
}

#[test]
fn a_body_that_is_held_back_is_refused_from_its_head() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for length in [MOST + 1, 8 * MOST] {
        let mut wire = client.connect();
        wire.send(post_login(
            &format!("content-length: {length}\r\nexpect: 100-continue\r\n"),
            "",
        ));
        let (answer, took) = timed(|| wire.read_answer());
        // The server library may send its interim answer first (RFC 9110 section 10.1.1).
        assert!(answer.contains("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("payload_too_large"), "{answer}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_body_in_pieces_has_the_same_limit() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let chunked = |length: usize| {
        let body = login_of(length);
        let chunks = body.as_bytes().chunks(1000);
        let chunks = chunks.map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
        let chunks = chunks.collect::<Vec<_>>().concat();
        post_login("transfer-encoding: chunked\r\n", &format!("{chunks}0\r\n\r\n"))
    };
    for (length, expected) in [(MOST, "401"), (MOST + 1, "413"), (4 * MOST, "413")] {
        let mut wire = client.connect();
        wire.send(chunked(length));
        let answer = wire.read_answer();
        assert_eq!(status(&answer), expected, "{answer}");
    }
}

#[test]
fn a_body_without_end_is_cut_off_wherever_it_is_sent() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for path in ["/login", "/nowhere", "/health/live", "/2fa/totp"] {
        let mut wire = client.connect();
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        ));
        let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
        let ((), took) = timed(|| {
            eventually("the end of the connection", || {
                (0..100).any(|_| !wire.send(&piece)).then_some(())
            });
        });
        assert!(took < SLOW, "{path} took more for {took:?}");
        client.get("/health/live").expect(200);
    }
}

#[test]
fn a_head_that_does_not_come_to_an_end_is_given_up() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    thread::scope(|scope| {
        for begun in [
            "",
            "P",
            "POST /login HTTP/1.1\r\nhost: localhost\r\n",
            "POST /login HTTP/1.1\r\nhost: localhost\r\nx-more: ",
        ] {
            let client = &client;
            scope.spawn(move || {
                let mut wire = client.connect();
                wire.send(begun);
                let (answer, took) = timed(|| wire.trickle("x"));
                assert!(took < SLOW, "{begun:?}: {took:?}");
                assert!(["", "408", "400"].contains(&status(&answer)), "{answer}");
            });
        }
        scope.spawn(|| {
            let mut wire = client.connect();
            let (answer, took) = timed(|| wire.read_to_end());
            assert!(took < SLOW, "{took:?}");
            assert!(["", "408"].contains(&status(&answer)), "{answer}");
        });
    });
    client.get("/health/ready").expect(200);
}

#[test]
fn a_body_that_does_not_come_to_an_end_is_answered_408() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    thread::scope(|scope| {
        for headers in ["content-length: 16000\r\n", "transfer-encoding: chunked\r\n"] {
            for trickles in [true, false] {
                let client = &client;
                scope.spawn(move || {
                    let mut wire = client.connect();
                    wire.send(post_login(headers, "3e80\r\n{"));
                    let (answer, took) = timed(|| {
                        if trickles {
                            wire.trickle(" ")
                        } else {
                            wire.read_to_end()
                        }
                    });
                    assert!(took < SLOW, "{took:?}");
                    assert_eq!(status(&answer), "408", "{answer}");
                    assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
                });
            }
        }
    });
    client.get("/health/ready").expect(200);
}

/// The HTTP library answers these before the service's code sees a request, so there is no problem document.
#[test]
fn a_head_that_is_not_http_gets_an_empty_400_and_the_end_of_the_connection() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-secret: {}", "s".repeat(200 * 1024));
    for head in [
        "secret\r\n\r\n",
        "GET /secret\r\n\r\n",
        "GET / HTTP/9.9\r\nhost: secret\r\n\r\n",
        "GET / HTTP/1.1\r\nhost x secret\r\n\r\n",
        "GET / HTTP/1.1\r\nsecret\0: x\r\n\r\n",
        "G\u{7f}T /secret HTTP/1.1\r\nhost: x\r\n\r\n",
        &long,
    ] {
        let mut wire = client.connect();
        wire.send(head);
        let (answer, took) = timed(|| wire.read_to_end());
        let shown = head.get(..40).unwrap_or(head);
        assert!(took < SLOW, "{shown:?}: {took:?}");
        assert!(["", "400", "431"].contains(&status(&answer)), "{shown:?}: {answer}");
        assert!(answer.is_empty() || answer.ends_with("\r\n\r\n"), "{shown:?}: {answer}");
        assert!(
            !answer.contains("secret") && !answer.contains("ssss"),
            "{shown:?}: {answer}"
        );
    }
    client.get("/health/ready").expect(200);
}

#[test]
fn a_request_whose_end_can_be_read_in_two_ways_is_refused() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let hidden = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let length = hidden.len();
    for (framing, body) in [
        (
            "content-length: 5\r\ntransfer-encoding: chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            format!("content-length: 0\r\ncontent-length: {length}\r\n"),
            hidden.to_owned(),
        ),
        (
            format!("content-length: {length}\r\ncontent-length: 0\r\n"),
            hidden.to_owned(),
        ),
        (format!("content-length: 0, {length}\r\n"), hidden.to_owned()),
        ("content-length: +0\r\n".to_owned(), hidden.to_owned()),
        ("content-length: -1\r\n".to_owned(), hidden.to_owned()),
        ("content-length: 0x0\r\n".to_owned(), hidden.to_owned()),
        ("content-length : 0\r\n".to_owned(), hidden.to_owned()),
        (
            "transfer-encoding: xchunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding: chunked, identity\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding : chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding:\u{b}chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("-1\r\n\r\n{hidden}"),
        ),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("ffffffffffffffff1\r\n\r\n{hidden}"),
        ),
        ("transfer-encoding: chunked\r\n".to_owned(), format!("0\n\n{hidden}")),
    ] {
        let mut wire = client.connect();
        wire.send(post_login(&framing, &body));
        wire.finish();
        let answers = wire.read_to_end();
        assert!(!answers.contains("HTTP/1.1 2"), "{framing:?}\n{answers}");
        assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{framing:?}\n{answers}");
    }
    client.get("/health/ready").expect(200);
}

#[test]
fn requests_that_are_sent_without_waiting_are_answered_in_turn() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let mut wire = client.connect();
    let body = login_of(200);
    let login = post_login("content-length: 200\r\n", &body);
    let last = "GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    wire.send(format!(
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n{login}{last}"
    ));

    let answers = wire.read_to_end();

    let statuses: Vec<&str> = answers
        .match_indices("HTTP/1.1 ")
        .filter_map(|(at, _)| answers.get(at + 9..at + 12))
        .collect();
    assert_eq!(statuses, ["200", "401", "404"]);
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let mut wire = client.connect();
    wire.send(post_login(
        "content-length: 200\r\nconnection: close\r\n",
        &login_of(200),
    ));
    wire.finish();
    assert_eq!(status(&wire.read_to_end()), "401");
}

#[test]
fn a_client_may_ask_before_it_sends_the_body() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let mut wire = client.connect();
    wire.send(post_login(
        "content-length: 200\r\nexpect: 100-continue\r\nconnection: close\r\n",
        "",
    ));
    assert_eq!(status(&wire.read_answer()), "100");
    wire.send(login_of(200));
    assert_eq!(status(&wire.read_to_end()), "401");
}

#[test]
fn head_is_get_without_the_body() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for path in [
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/nowhere",
        "/me",
    ] {
        let get = client.get(path);
        let mut wire = client.connect();
        wire.send(format!(
            "HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ));
        let head = wire.read_to_end();
        assert_eq!(status(&head), get.status.to_string(), "{path}");
        assert!(head.ends_with("\r\n\r\n"), "{path} has a body:\n{head}");
        let length = format!("content-length: {}\r\n", get.text.len());
        assert!(head.to_ascii_lowercase().contains(&length), "{path}: {length}{head}");
    }
}

#[test]
fn unknown_paths_are_not_found_and_strange_ones_are_not_a_way_in() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for path in [
        "/nowhere",
        "/login/",
        "//login",
        "/LOGIN",
        "/2fa/",
        "/health",
        "/.well-known",
        "/.env",
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/problems/nonsense",
        "/me%00",
        "/%ff",
        "/me;x=y",
    ] {
        client.get(path).problem(404, "not_found");
    }
    let long = format!("/{}", "a".repeat(20_000));
    client.get(&long).problem(404, "not_found");
}

#[test]
fn other_methods_are_told_which_there_are() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    for route in ROUTES
        .iter()
        .filter(|route| !route.path.contains('{') && !route.any_method)
    {
        let here: Vec<&str> = ROUTES
            .iter()
            .filter(|other| other.path == route.path)
            .flat_map(|other| match other.verb {
                Verb::Get => vec!["GET", "HEAD"],
                verb => vec![verb.name()],
            })
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
            if here.contains(&method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = client.send(method, route.path, None, None).expect(405);
            let mut allowed: Vec<&str> = answer.header("allow").split(", ").collect();
            let mut expected = here.clone();
            allowed.sort_unstable();
            expected.sort_unstable();
            assert_eq!(allowed, expected, "{}", route.path);
        }
    }
    let mut wire = client.connect();
    wire.send("CONNECT /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = wire.read_to_end();
    assert!(["400", "404", "405"].contains(&status(&answer)), "{answer}");
}

#[test]
fn bytes_that_are_not_http_cost_their_own_connection_only() {
    let place = DataDir::new();
    let (program, client) = server(&place);
    let headers = (0..1000).map(|number| format!("x-{number}: y\r\n"));
    let headers = headers.collect::<Vec<_>>().concat();
    let samples: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        vec![0; 4096],
        vec![0xff; 4096],
        (0_u32..40_000).map(|number| (number.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\r\n\r\n".to_vec(),
        b"GET /health/live HTTP/1.1\nhost: localhost\n\n".to_vec(),
        b"GET http://evil.example/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"GET /health/live HTTP/1.1\r\nhost: \xff\x00\r\n\r\n".to_vec(),
        format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes(),
        format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(1_000_000)).into_bytes(),
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "y".repeat(1_000_000)).into_bytes(),
        b"POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_vec(),
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_vec(),
    ];
    for sample in &samples {
        let mut wire = client.connect();
        wire.send(sample);
        wire.finish();
        let answer = wire.read_to_end();
        assert!(!answer.starts_with("HTTP/1.1 5"), "{answer}");
    }
    // All of them together with a good one, and not all of them read to the end.
    for sample in samples.iter().cycle().take(200) {
        client.connect().send(sample);
    }
    client.get("/health/ready").expect(200);
    assert!(!program.log().contains("panicked"));
}

#[test]
fn where_a_request_says_it_is_for_changes_no_url_of_ours() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let mut wire = client.connect();
    wire.send(
        "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: evil.example\r\n\
         x-forwarded-proto: https\r\nforwarded: host=evil.example\r\nconnection: close\r\n\r\n",
    );
    let answer = wire.read_to_end();
    assert!(answer.contains(&client.issuer()), "{answer}");
    assert!(!answer.contains("evil"), "{answer}");
}

#[test]
fn connections_that_stay_open_do_not_keep_others_out() {
    let place = DataDir::new();
    let (_program, client) = server(&place);
    let idle: Vec<_> = (0..500).map(|_| client.connect()).collect();
    let answer = client.get("/health/live").expect(200);
    assert!(answer.took < Duration::from_secs(5), "{:?}", answer.took);
    drop(idle);
}
