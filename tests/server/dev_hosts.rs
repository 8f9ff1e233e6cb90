//! `vestibule dev` answers only under names of this machine, so that no page can reach it through a name of its own
//! (DNS rebinding).

use super::http::{Client, Wire};
use super::instances::MASTER_KEY;
use super::postgres::Database;
use super::program::{DataDir, Launch};

/// Sends a request with these header fields, and returns the status and the whole answer.
#[track_caller]
fn ask(client: &Client, line: &str, fields: &str) -> (u16, String) {
    let mut wire = Wire::open(client.address());
    wire.send(format!("{line}\r\n{fields}connection: close\r\n\r\n"));
    let answer = wire.read_to_end();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {answer}")), answer)
}

#[test]
fn development_answers_under_names_of_this_machine_only() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let outbox = "GET /dev/outbox HTTP/1.1";
    for host in [
        client.address(),
        "localhost",
        "LOCALHOST:8080",
        "localhost.:1",
        "app.localhost:3000",
        "127.0.0.1",
        "127.1.2.3:9",
        "[::1]",
        "[::1]:8080",
    ] {
        let (status, answer) = ask(&client, outbox, &format!("host: {host}\r\n"));
        assert_eq!(status, 200, "{host}: {answer}");
    }
    for fields in [
        "host: evil.example\r\n",
        "host: evil.example:8080\r\n",
        "host: localhost.evil.example\r\n",
        "host: 127.0.0.1.evil.example\r\n",
        "host: localhost@evil.example\r\n",
        "host: 0.0.0.0:8080\r\n",
        "host: [2001:db8::1]\r\n",
        "host:\r\n",
        // A name that a proxy adds does not replace the requested one.
        "host: evil.example\r\nx-forwarded-host: localhost\r\nforwarded: host=localhost\r\n",
    ] {
        for line in [
            outbox,
            "GET /dev/clock HTTP/1.1",
            "GET /metrics HTTP/1.1",
            "GET /account/ HTTP/1.1",
            "GET /nowhere HTTP/1.1",
            "OPTIONS /login HTTP/1.1",
        ] {
            let (status, answer) = ask(&client, line, fields);
            assert!(
                status == 421 && answer.contains("\"misdirected_request\"") && answer.contains("no-store"),
                "{line} {fields}: {answer}"
            );
        }
    }
    let (status, answer) = ask(&client, "GET /dev/outbox HTTP/1.0", "");
    assert_eq!(status, 421, "{answer}");
    program.stop().expect(0);
}

#[test]
fn a_service_answers_under_the_name_that_its_proxy_uses() {
    let database = Database::create();
    let program = Launch::serve()
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .start();
    let (status, answer) = ask(
        &program.ready(),
        "GET /health/ready HTTP/1.1",
        "host: vestibule-1:8080\r\n",
    );
    assert_eq!(status, 200, "{answer}");
}
