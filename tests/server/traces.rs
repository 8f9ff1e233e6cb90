//! Traces, as an independent collector receives them. Built with the feature `otlp` only: `scripts/test --all`.

use serde_json::Value;

use super::http::Client;
use super::instances::instance;
use super::postgres::Database;
use super::program::{Launch, Program};
use crate::support::peer::Peer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traced(database: &Database, collector: &Peer) -> Launch {
    instance(database.url()).env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        format!("http://127.0.0.1:{}", collector.port),
    )
}

/// Requests the public keys as part of a trace.
fn ask_in_trace(client: &Client, headers: &str) {
    let mut wire = client.connect();
    wire.send(format!(
        "GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         traceparent: 00-{TRACE}-{PARENT}-01\r\n{headers}\r\n"
    ));
    assert!(wire.read_to_end().starts_with("HTTP/1.1 200"));
}

/// Stops the program, and returns the spans that it has sent.
fn spans(program: Program, collector: Peer) -> Vec<Value> {
    program.stop().expect(0);
    collector.rest()
}

fn of<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

#[test]
fn a_request_is_a_span_of_the_trace_that_a_private_peer_names() {
    let (database, collector) = (Database::create(), Peer::start("otlp_collector.py", &[]));
    let program = traced(&database, &collector).start();
    let client = program.ready();
    ask_in_trace(&client, "");
    client.get("/somewhere").expect(404);
    let spans = spans(program, collector);
    let span = of(&spans, "GET /.well-known/jwks.json");
    assert_eq!(
        (&span["trace_id"], &span["parent_span_id"]),
        (&TRACE.into(), &PARENT.into())
    );
    // SPAN_KIND_SERVER.
    assert_eq!(
        (&span["kind"], &span["service"], &span["events"]),
        (&2.into(), &"vestibule".into(), &0.into())
    );
    let attributes = &span["attributes"];
    assert_eq!(attributes["http.request.method"], "GET");
    assert_eq!(attributes["http.route"], "/.well-known/jwks.json");
    assert_eq!(attributes["http.response.status_code"], 200);
    let other = of(&spans, "GET unmatched");
    assert_eq!((&other["parent_span_id"], &other["status"]), (&"".into(), &0.into()));
    assert_ne!(other["trace_id"], TRACE);
}

#[test]
fn a_public_peer_adds_nothing_to_a_trace() {
    let (database, collector) = (Database::create(), Peer::start("otlp_collector.py", &[]));
    let program = traced(&database, &collector).start();
    let client = program.ready();
    ask_in_trace(&client, "X-Forwarded-For: 192.0.2.1\r\n");
    let spans = spans(program, collector);
    let span = of(&spans, "GET /.well-known/jwks.json");
    assert_ne!(span["trace_id"], TRACE);
    assert_eq!(span["parent_span_id"], "");
}

#[test]
fn spans_identify_no_user() {
    let (database, collector) = (Database::create(), Peer::start("otlp_collector.py", &[]));
    let program = traced(&database, &collector).start();
    let secrets = super::logs::whole_flow(&program.ready());
    let spans = spans(program, collector);
    assert!(spans.iter().any(|span| span["name"] == "POST /login"), "{spans:?}");
    let known = [
        "request_id",
        "method",
        "route",
        "http.request.method",
        "http.route",
        "http.response.status_code",
    ];
    for span in &spans {
        for name in span["attributes"].as_object().unwrap().keys() {
            assert!(known.contains(&name.as_str()), "{name} in {span}");
        }
        let text = span.to_string();
        for (what, secret) in secrets.iter().filter(|(what, _)| *what != "code") {
            assert!(!text.contains(secret), "{what} in {text}");
        }
        assert!(!text.contains("127.0.0.1"), "{text}");
    }
}

#[test]
fn a_collector_that_is_away_costs_no_request() {
    let database = Database::create();
    let program = instance(database.url())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .start();
    program.ready().get("/.well-known/jwks.json").expect(200);
    program.stop().expect(0);
}
