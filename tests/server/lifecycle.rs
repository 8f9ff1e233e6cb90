//! Start and stop, in and out of order.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::instances::instance;
use super::person::{Person, verify};
use super::process::{eventually, timed, wait_for_end};
use super::program::{DataDir, Launch};

#[test]
fn both_signals_end_it_in_order_and_the_private_database_with_it() {
    let place = DataDir::new();
    for signal in [Signal::TERM, Signal::INT] {
        let program = Launch::dev().data_dir(&place).start();
        let client = program.ready();
        let (person, tokens) = Person::sign_up(&client);
        let me = client.get_as(&tokens.access, "/me").expect(200);
        assert_eq!(me.text_at("/email"), person.email);
        let postmaster = place.postmaster().unwrap();

        program.send(signal);
        let ended = program.wait().expect(0);

        assert!(!ended.stderr.contains("\"level\":\"ERROR\""), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        assert_eq!(place.postmaster(), None);
        wait_for_end(postmaster);
    }
}

#[test]
fn a_request_under_way_is_answered_before_the_program_ends() {
    let place = DataDir::new();
    let program = Launch::serve().data_dir(&place).start();
    let client = program.ready();
    let person = Person::register(&client);
    let body = json!({"email": person.email, "password": person.password}).to_string();
    let mut wire = client.connect();
    let (first, rest) = body.split_at(10);
    wire.send(format!(
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    ));
    // An answer to a later request shows that the first one was accepted.
    client.get("/health/live").expect(200);

    program.send(Signal::TERM);
    program.wait_for_message("stopping");
    wire.send(rest);

    let answer = wire.read_answer();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("vpa_"));
    program.wait().expect(0);
}

#[test]
fn a_connection_that_is_kept_alive_does_not_hold_the_stop_up() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let mut wire = program.ready().connect();
    wire.send("GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(wire.read_answer().starts_with("HTTP/1.1 200 "));

    let (ended, took) = timed(|| program.stop());

    ended.expect(0);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_stop_does_not_wait_for_a_database_that_cannot_be_reached() {
    let program = instance("postgres://vestibule@127.0.0.1:1/vestibule").start();
    program.wait_for_message("not ready");

    let (ended, took) = timed(|| program.stop());

    ended.expect(0);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_signal_during_the_first_start_leaves_no_database_server_running() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let postmaster = eventually("the private PostgreSQL", || place.postmaster());

    program.stop().expect(0);

    wait_for_end(postmaster);
    assert_eq!(place.postmaster(), None);
}

#[test]
fn after_a_kill_the_next_start_adopts_the_database_and_nothing_acknowledged_is_lost() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let address = program.address();
    let (person, tokens) = Person::sign_up(&program.ready());
    let postmaster = place.postmaster();
    program.kill();
    assert_eq!(place.postmaster(), postmaster);

    // The same address, so that the issuer in the old token stays the same.
    let again = Launch::dev().data_dir(&place).env("VESTIBULE_LISTEN", &address).start();
    let client = again.ready();

    assert_eq!(place.postmaster(), postmaster);
    again.wait_for_message("adopted");
    client.get_as(&tokens.access, "/me").expect(200);
    let code = person.code(super::person::now());
    let spent = verify(&client, &person.log_in(&client), &code);
    assert_ne!(spent.status, 500);
    person.sign_in_again(&client);
    again.stop().expect(0);
    assert_eq!(place.postmaster(), None);
}

#[test]
fn a_second_program_on_the_same_data_directory_is_refused() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();

    let second = Launch::dev().data_dir(&place).run();

    second.expect(1).saying("another vestibule is using");
    client.get("/health/ready").expect(200);
}

#[test]
fn a_start_waits_for_a_command_that_is_about_to_end() {
    let place = DataDir::new();
    let command = || Launch::of("clients").args(["list"]).data_dir(&place);
    Launch::of("migrate").data_dir(&place).run().expect(0);
    command().run().expect(0);
    assert!(!place.path().join("database.url").exists());
    let lock = File::open(place.path().join("lock")).unwrap();
    lock.try_lock().unwrap();

    let program = Launch::dev().data_dir(&place).start();
    program.wait_for_message("another vestibule is using");
    lock.unlock().unwrap();
    program.ready();

    // Concurrent commands do not stop each other's database either.
    program.stop().expect(0);
    assert!(!place.path().join("database.url").exists());
    let both = [(); 2].map(|()| command().start());
    for ended in both {
        ended.wait().expect(0);
    }
    assert_eq!(place.postmaster(), None);
}

/// In a wrong directory, a new user would be one of a database that the service does not have.
#[test]
fn a_command_makes_no_deployment_where_there_is_none() {
    let place = DataDir::new();
    let create = ["create", "jo@example.com", "--unverified"];
    for launch in [Launch::of("users").args(create), Launch::of("clients").args(["list"])] {
        let ended = launch.data_dir(&place).run();
        ended
            .expect(1)
            .saying("there is no database in")
            .saying("VESTIBULE_DATA_DIR");
        assert!(!place.path().join("postgres").exists());
        assert!(!place.path().join("master.key").exists());
    }
}

#[test]
fn a_process_that_holds_the_data_directory_for_long_is_not_waited_for() {
    let place = DataDir::new();
    Launch::of("migrate").data_dir(&place).run().expect(0);
    let lock = File::open(place.path().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let ended = Launch::of("migrate").data_dir(&place).run();
    ended.expect(1).saying("another vestibule is using");
}

#[test]
fn an_address_in_use_is_told_and_the_private_database_is_stopped_again() {
    let place = DataDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let ended = Launch::dev().data_dir(&place).env("VESTIBULE_LISTEN", &address).run();

    ended.expect(1).saying(&format!("cannot listen on {address}"));
    assert_eq!(place.postmaster(), None);
}

#[test]
fn a_restart_keeps_accounts_sessions_and_keys() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let address = program.address();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    let keys = client.get("/.well-known/jwks.json").expect(200).text;
    program.stop().expect(0);

    let again = Launch::dev().data_dir(&place).env("VESTIBULE_LISTEN", &address).start();
    let client = again.ready();

    assert_eq!(client.get("/.well-known/jwks.json").expect(200).text, keys);
    client.get_as(&tokens.access, "/me").expect(200);
    person.sign_in_again(&client);
}

#[test]
fn once_stopping_no_new_connection_is_taken() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let mut wire = client.connect();
    wire.send(
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{",
    );
    client.get("/health/live").expect(200);
    program.send(Signal::TERM);
    eventually("a refused connection", || TcpStream::connect(client.address()).err());
    wire.send("}");
    assert!(wire.read_answer().starts_with("HTTP/1.1 400 "));
    program.wait().expect(0);
}
