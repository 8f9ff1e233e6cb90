//! The servers of docs/how-to/registration-hook.md are extracted and run, and decide who gets an account.

use std::net::TcpListener;
use std::process::Command;

use serde_json::json;

use super::applications_page::Server;
use super::prepared;
use crate::server::http::Client;
use crate::server::program::{DataDir, Launch};

const PAGE: &str = include_str!("../../../docs/how-to/registration-hook.md");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Starts one of the page's servers, and a service that asks it with a secret.
fn decide(name: &str, command: impl Fn(&str) -> Command, secret: &str, assert: impl FnOnce(&Client)) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    let mut program = command(&port);
    program.env("WEBHOOK_SECRET", SECRET);
    let _server = Server::start_at((PAGE, name), &port, program, "");
    let place = DataDir::new();
    let service = Launch::dev()
        .data_dir(&place)
        .env(
            "VESTIBULE_REGISTRATION_HOOK_URL",
            format!("http://127.0.0.1:{port}/registrations"),
        )
        .env("VESTIBULE_REGISTRATION_HOOK_SECRET", secret)
        .env("VESTIBULE_REGISTRATION_HOOK_FAILURE", "closed")
        .start();
    assert(&service.ready());
}

/// Asserts what the page says that its servers do.
fn assert_decided(client: &Client) {
    let register = |email: &str| {
        let body = json!({"email": email, "password": "Grüne Fenster im Regen"});
        client.post("/register", &body)
    };
    register("jo@example.com").expect(201);
    for refused in ["jo@example.com.evil.example", "jo@elsewhere.example"] {
        let problem = register(refused).expect(403).json();
        assert_eq!(problem["code"], "registration_denied");
        assert_eq!(problem["reason"], "Only addresses of example.com can register.");
    }
    let body = json!({"username": "jo.doe", "password": "Grüne Fenster im Regen"});
    client.post("/register", &body).expect(403);
}

fn flask(port: &str) -> Command {
    let mut command = Command::new(prepared("python/bin/python"));
    command.args(["-m", "flask", "--app", "registration_hook", "run", "--port", port]);
    command
}

fn node(_port: &str) -> Command {
    prepared("node/node_modules/standardwebhooks");
    let mut command = Command::new("node");
    command.arg("registration_hook.mjs");
    command
}

#[test]
fn the_server_on_flask_decides_who_registers() {
    decide("registration_hook.py", flask, SECRET, assert_decided);
}

#[test]
fn the_server_on_express_decides_who_registers() {
    decide("registration_hook.mjs", node, SECRET, assert_decided);
}

/// Both refuse what another program signed, and then no account is made.
#[test]
fn both_servers_verify_who_asks_them() {
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let refused = |client: &Client| {
        let body = json!({"email": "jo@example.com", "password": "Grüne Fenster im Regen"});
        let problem = client.post("/register", &body).expect(503).json();
        assert_eq!(problem["code"], "registration_unavailable");
    };
    decide("registration_hook.py", flask, other, refused);
    decide("registration_hook.mjs", node, other, refused);
    // One who replaces the secret signs with both.
    let both = format!("{other},{SECRET}");
    decide("registration_hook.mjs", node, &both, |client| {
        let body = json!({"email": "jo@example.com", "password": "Grüne Fenster im Regen"});
        client.post("/register", &body).expect(201);
    });
}
