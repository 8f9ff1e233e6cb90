//! Several instances on one database act as one service.

use std::path::Path;
use std::thread;

use serde_json::json;

use super::http::Client;
use super::person::{Person, Tokens, now, verify};
use super::postgres::{Database, OpenSession};
use super::program::{Launch, Program};

pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The URL of the service, which all instances share.
pub(crate) const PUBLIC_URL: &str = "http://localhost:9";

/// An instance on a database that others may use, too.
pub(crate) fn instance(database_url: &str) -> Launch {
    Launch::dev()
        .env("DATABASE_URL", database_url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
}

#[test]
fn instances_that_start_at_once_on_an_empty_database_share_one_schema_and_one_signing_key() {
    let database = Database::create();
    let programs: Vec<Program> = (0..3).map(|_| instance(database.url()).start()).collect();
    let clients: Vec<Client> = programs.iter().map(Program::ready).collect();

    let keys: Vec<String> = clients
        .iter()
        .map(|client| client.get("/.well-known/jwks.json").expect(200).text)
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0], keys[2]);
    assert_eq!(
        clients[0].get("/.well-known/jwks.json").json()["keys"]
            .as_array()
            .unwrap()
            .len(),
        2,
        "one that signs, and the next"
    );
    assert_eq!(database.sql("SELECT count(*) FROM signing_keys"), "2");
    let applied = |program: &&Program| program.log().contains("the schema was brought up to date");
    assert_eq!(programs.iter().filter(applied).count(), 1);
    for program in programs {
        program.stop().expect(0);
    }
}

#[test]
fn every_token_of_one_instance_is_good_at_another() {
    let database = Database::create();
    let programs = [(); 2].map(|()| instance(database.url()).start());
    let [first, second] = programs.each_ref().map(Program::ready);

    let person = Person::register(&first);
    // The second request of a login goes to the other instance.
    let answer = verify(&second, &person.pre_auth_token, &person.code(now()));
    let tokens = Tokens::of(&answer.expect(200));

    for client in [&first, &second] {
        let me = client.get_as(&tokens.access, "/me").expect(200);
        assert_eq!(me.text_at("/email"), person.email);
    }
    let taken = first.post(
        "/register",
        &json!({"email": person.email, "password": "Zwei Türen, ein Raum"}),
    );
    taken.problem(409, "email_taken");
    let recovery = verify(&first, &person.log_in(&second), &tokens.recovery_codes[0]);
    recovery.expect(200);
    let spent = verify(&second, &person.log_in(&first), &tokens.recovery_codes[0]);
    spent.problem(401, "invalid_code");
}

#[test]
fn an_address_registered_at_several_instances_at_once_becomes_one_account() {
    let database = Database::create();
    let programs = [(); 2].map(|()| instance(database.url()).start());
    let clients = programs.each_ref().map(Program::ready);
    let body = json!({"email": "jo@mail.example", "username": "jo.doe", "password": "Grüne Fenster im Regen"});

    let statuses = thread::scope(|scope| {
        let posts: Vec<_> = (0..10)
            .map(|number| {
                let (client, body) = (&clients[number % 2], &body);
                scope.spawn(move || client.post("/register", body).status)
            })
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect::<Vec<_>>()
    });

    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        9,
        "{statuses:?}"
    );
    assert_eq!(database.sql("SELECT count(*) FROM users"), "1");
}

#[test]
fn a_schema_that_a_newer_program_made_is_refused() {
    let database = Database::create();
    let migrate = || instance_command("migrate", database.url()).run();
    migrate().expect(0);
    database.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");

    migrate().expect(1).saying("9999").saying("newer vestibule");
    let served = instance(database.url()).run();
    served.expect(1).saying("vestibule: the database has migration 9999");
}

#[test]
fn another_master_key_than_the_databases_is_told_and_nothing_is_served() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let (_, tokens) = Person::sign_up(&program.ready());
    program.stop().expect(0);
    let key = database.sql("SELECT string_agg(kid, ',' ORDER BY kid) FROM signing_keys");

    let ended = instance(database.url()).env("VESTIBULE_MASTER_KEY", OTHER_KEY).run();

    ended.expect(1).saying("vestibule: ").saying("master key");
    assert_eq!(
        database.sql("SELECT string_agg(kid, ',' ORDER BY kid) FROM signing_keys"),
        key
    );
    // With the right key nothing has changed, nor with a list that contains it.
    let keys = format!("2:{OTHER_KEY},1:{MASTER_KEY}");
    for given in [MASTER_KEY, &keys] {
        let program = instance(database.url()).env("VESTIBULE_MASTER_KEY", given).start();
        program.ready().get_as(&tokens.access, "/me").expect(200);
    }
}

#[test]
fn migrations_may_be_applied_beforehand_and_again() {
    let database = Database::create();
    let migrate = || instance_command("migrate", database.url()).run().expect(0);
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let count = std::fs::read_dir(migrations)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir())
        .count();
    assert!(migrate().stderr.contains(&format!("\"applied\":{count}")));
    assert!(migrate().stderr.contains("\"applied\":0"));
    let program = instance(database.url()).start();
    Person::sign_up(&program.ready());
    assert!(!program.log().contains("the schema was brought up to date"));
}

#[test]
fn a_start_waits_for_the_instance_that_migrates() {
    let database = Database::create();
    // The advisory lock under which migrations are applied.
    let holder = OpenSession::begin(database.url(), "SELECT pg_advisory_lock(8531352012944733548)");
    let program = instance(database.url()).start();
    let client = program.client();
    super::process::eventually("the instance to wait", || {
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        (database.sql(waits) == "1").then_some(())
    });
    client.get("/health/live").expect(200);
    client.get("/health/ready").problem(503, "service_unavailable");
    drop(holder);
    program.ready();
}

fn instance_command(command: &str, database_url: &str) -> Launch {
    Launch::of(command)
        .env("DATABASE_URL", database_url)
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
}
