//! Endpoints of the format `caep` get Security Event Tokens, which libraries of others verify.

use std::process::Command;

use serde_json::{Value, json};

use super::{command, printed, until_all_are_told};
use crate::server::instances::instance;
use crate::server::person::Person;
use crate::server::postgres::Database;
use crate::support::peer::Peer;
use crate::verifiers::{prepared, source};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";
const PATH: &str = "/events";

/// Verifies with joserfc what jose has verified.
fn verify_in_python(issuer: &str, audience: &str, token: &str) -> Result<Value, String> {
    let output = Command::new(prepared("python/bin/python"))
        .arg(source("security_event.py"))
        .args([issuer, audience, token])
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[test]
fn two_libraries_verify_each_event_that_has_a_type_of_caep_or_risc() {
    let database = Database::create();
    let program = instance(database.url()).without("VESTIBULE_PUBLIC_URL").start();
    let client = program.ready();
    let issuer = client.issuer();
    let peer = Peer::start("security_events.mjs", &[&issuer, PATH]);
    let url = format!("http://127.0.0.1:{}{PATH}", peer.port);
    let added = printed(database.url(), &["webhooks", "add", &url, "--format", "caep"]);
    let (jo, tokens) = Person::sign_up(&client);
    let user = crate::support::token::claims(&tokens.access)["sub"].clone();
    client.post_as(&tokens.access, "/logout").expect(204);
    command(database.url(), &["users", "disable", &jo.email])
        .run()
        .expect(0);
    command(database.url(), &["users", "enable", &jo.email]).run().expect(0);
    command(database.url(), &["users", "delete", &jo.email, "--yes"])
        .run()
        .expect(0);
    let expected = [
        format!("{CAEP}/credential-change"),
        format!("{CAEP}/session-established"),
        format!("{CAEP}/session-revoked"),
        format!("{RISC}/account-disabled"),
        format!("{RISC}/account-enabled"),
        format!("{RISC}/account-purged"),
    ];
    let mut received: Vec<Value> = expected.iter().map(|_| peer.received()).collect();
    received.sort_by_key(|one| one["claims"]["events"].to_string());
    for (one, expected) in received.iter().zip(&expected) {
        let claims = &one["claims"];
        assert_eq!(
            claims["events"].as_object().unwrap().keys().next(),
            Some(expected),
            "{one}"
        );
        let token = one["token"].as_str().unwrap();
        assert_eq!(verify_in_python(&issuer, &url, token).as_ref(), Ok(claims));
        let subject = claims["sub_id"].get("user").unwrap_or(&claims["sub_id"]);
        assert_eq!(subject, &json!({"format": "iss_sub", "iss": issuer, "sub": user}));
        verify_in_python(&issuer, "http://other.example/events", token).unwrap_err();
        client.get_as(token, "/me").problem(401, "invalid_token");
    }
    let session = &received[1]["claims"]["sub_id"]["session"];
    assert_eq!(session, &received[2]["claims"]["sub_id"]["session"]);
    assert_eq!(session["id"], crate::support::token::claims(&tokens.access)["sid"]);
    let refused = verify_in_python(&issuer, &url, &tokens.access).unwrap_err();
    assert_eq!(refused, "refused: this is not an event");
    // The same again has the same id.
    until_all_are_told(database.url());
    let id = added["id"].as_str().unwrap();
    printed(
        database.url(),
        &["webhooks", "replay", id, "--since", "2026-01-01T00:00:00Z"],
    );
    for _ in &expected {
        assert_eq!(peer.received()["again"], true);
    }
    until_all_are_told(database.url());
    assert_eq!(peer.rest(), Vec::<Value>::new(), "no other event has such a type");
}
