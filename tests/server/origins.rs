//! What the log says about pages that cannot call the service, or whose cookie will not be sent.

use serde_json::json;

use super::http::{Client, Wire};
use super::instances::instance;
use super::person::{Person, now};
use super::postgres::Database;
use super::program::Program;

fn start(database: &Database) -> (Program, Client) {
    let program = instance(database.url()).start();
    let client = program.ready();
    (program, client)
}

/// Sends a request with these header lines, and returns the answer.
fn ask(client: &Client, line: &str, lines: &str, body: &str) -> String {
    let mut wire = Wire::open(client.address());
    let length = body.len();
    wire.send(format!(
        "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n{body}",
        client.address()
    ));
    wire.read_to_end()
}

#[test]
fn a_refused_origin_is_told_to_the_operator_once_with_the_setting() {
    let database = Database::create();
    let (program, client) = start(&database);
    for _ in 0..3 {
        let preflight = "origin: https://app.example.com\r\naccess-control-request-method: POST\r\n";
        assert!(ask(&client, "OPTIONS /login", preflight, "").starts_with("HTTP/1.1 403 "));
        let answer = ask(&client, "GET /health/live", "origin: https://app.example.com\r\n", "");
        assert!(answer.contains("origin_not_allowed"), "{answer}");
    }
    ask(
        &client,
        "GET /health/live",
        "origin: https://x.example/ hunter2\r\n",
        "",
    );
    let told = program.wait_for_message("a page of this origin was refused");
    assert_eq!(
        (&told["origin"], &told["level"]),
        (&json!("https://app.example.com"), &json!("WARN"))
    );
    assert!(told["message"].as_str().unwrap().contains("VESTIBULE_CORS_ORIGINS"));
    let log = program.stop().stderr;
    assert_eq!(log.matches("a page of this origin was refused").count(), 2, "{log}");
    assert!(log.contains("not an origin") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_header_that_pages_may_not_send_is_told_to_the_operator_once() {
    let database = Database::create();
    let (program, client) = start(&database);
    let ask_for = |headers: &str| {
        let lines = format!(
            "origin: http://localhost:5173\r\naccess-control-request-method: POST\r\naccess-control-request-headers: \
             {headers}\r\n"
        );
        ask(&client, "OPTIONS /login", &lines, "")
    };
    for headers in ["content-type,x-api-key", "X-API-Key", "x-api-key", "traceparent"] {
        let answer = ask_for(headers);
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && !answer.contains("x-api-key"),
            "{answer}"
        );
    }
    ask_for("x-other");
    let told = program.wait_for_message("a page asked to send a header");
    assert_eq!((&told["header"], &told["level"]), (&json!("x-api-key"), &json!("WARN")));
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("pages may send authorization, dpop, content-type")
    );
    let log = program.stop().stderr;
    assert_eq!(log.matches("a page asked to send a header").count(), 2, "{log}");
}

#[test]
fn a_cookie_for_a_page_of_another_site_is_told_to_the_developer() {
    let database = Database::create();
    let (program, client) = start(&database);
    for (site, told) in [("same-origin", false), ("same-site", false), ("cross-site", true)] {
        let person = Person::register(&client);
        let code = person.code(now());
        let body = json!({"pre_auth_token": person.pre_auth_token, "code": code, "delivery": "cookie"}).to_string();
        let lines =
            format!("content-type: application/json\r\norigin: http://localhost:5173\r\nsec-fetch-site: {site}\r\n");
        let answer = ask(&client, "POST /2fa/verify", &lines, &body);
        assert!(answer.contains("set-cookie: vestibule_refresh_"), "{answer}");
        assert!(
            answer.contains("access-control-allow-origin: http://localhost:5173"),
            "{answer}"
        );
        assert_eq!(
            program.log().contains("the browser drops the refresh cookie"),
            told,
            "{site}"
        );
    }
    let told = program.wait_for_message("the browser drops the refresh cookie");
    assert_eq!(
        (&told["page"], &told["service"]),
        (&json!("http://localhost:5173"), &json!(client.address()))
    );
}
