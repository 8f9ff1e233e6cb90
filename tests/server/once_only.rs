//! A single-use code or token works once, however many connections and instances it arrives over at the same moment.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use super::http::{Answer, Client};
use super::instances::instance;
use super::person::{PERIOD, Person, now, verify};
use super::postgres::Database;
use super::program::Program;

const TIMES: usize = 20;

/// Sends codes over as many connections at once, to the instances in turn. Returns the count of each answer.
fn at_once(clients: &[Client; 2], attempts: &[(String, String)]) -> BTreeMap<String, usize> {
    let gate = Barrier::new(attempts.len());
    let answers: Vec<Answer> = thread::scope(|scope| {
        let sent: Vec<_> = attempts
            .iter()
            .enumerate()
            .map(|(number, (token, code))| {
                let (client, gate) = (&clients[number % 2], &gate);
                scope.spawn(move || {
                    gate.wait();
                    verify(client, token, code)
                })
            })
            .collect();
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let mut counts = BTreeMap::new();
    for answer in answers {
        let name = if answer.status == 200 {
            "signed in".to_owned()
        } else {
            format!("{} {}", answer.status, answer.text_at("/code"))
        };
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

fn two_instances(database: &Database) -> ([Program; 2], [Client; 2]) {
    let programs = [(); 2].map(|()| instance(database.url()).start());
    let clients = programs.each_ref().map(Program::ready);
    (programs, clients)
}

#[test]
fn one_code_with_twenty_pre_auth_tokens_signs_in_once() {
    let database = Database::create();
    let (_programs, clients) = two_instances(&database);
    let (person, _) = Person::sign_up(&clients[0]);
    let tokens: Vec<String> = (0..TIMES).map(|number| person.log_in(&clients[number % 2])).collect();
    let code = person.code(now() + PERIOD);
    let attempts: Vec<_> = tokens.into_iter().map(|token| (token, code.clone())).collect();

    let counts = at_once(&clients, &attempts);

    let expected = [("signed in", 1), ("401 invalid_code", TIMES - 1)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    assert_eq!(
        database.sql("SELECT count(*) FROM sessions WHERE state = 'active'"),
        "2"
    );
}

#[test]
fn one_code_with_one_pre_auth_token_signs_in_once() {
    let database = Database::create();
    let (_programs, clients) = two_instances(&database);
    let (person, _) = Person::sign_up(&clients[0]);
    let attempts = vec![(person.log_in(&clients[0]), person.code(now() + PERIOD)); TIMES];

    let counts = at_once(&clients, &attempts);

    assert_eq!(counts.get("signed in"), Some(&1), "{counts:?}");
    assert!(
        counts
            .keys()
            .all(|name| name == "signed in" || name.starts_with("401 ")),
        "{counts:?}"
    );
}

#[test]
fn the_first_code_of_a_new_account_confirms_once() {
    let database = Database::create();
    let (_programs, clients) = two_instances(&database);
    let person = Person::register(&clients[0]);
    // Only the login that started the enrolment can confirm it: that of the registration.
    let attempt = (person.pre_auth_token.clone(), person.code(now()));
    let attempts: Vec<_> = (0..TIMES).map(|_| attempt.clone()).collect();

    let counts = at_once(&clients, &attempts);

    assert_eq!(counts.get("signed in"), Some(&1), "{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), TIMES, "{counts:?}");
    assert_eq!(database.sql("SELECT count(*) FROM recovery_codes"), "10");
}

#[test]
fn one_recovery_code_with_twenty_pre_auth_tokens_signs_in_once() {
    let database = Database::create();
    let (_programs, clients) = two_instances(&database);
    let (person, first) = Person::sign_up(&clients[0]);
    let tokens: Vec<String> = (0..TIMES).map(|number| person.log_in(&clients[number % 2])).collect();
    let attempts: Vec<_> = tokens
        .into_iter()
        .map(|token| (token, first.recovery_codes[0].clone()))
        .collect();

    let counts = at_once(&clients, &attempts);

    assert_eq!(counts.get("signed in"), Some(&1), "{counts:?}");
    assert_eq!(counts.get("401 invalid_code"), Some(&(TIMES - 1)), "{counts:?}");
}

#[test]
fn of_twenty_wrong_codes_at_once_five_are_looked_at() {
    let database = Database::create();
    let (_programs, clients) = two_instances(&database);
    let (person, _) = Person::sign_up(&clients[0]);
    let token = person.log_in(&clients[0]);
    let good: Vec<String> = (-2..=3).map(|steps| person.code(now() + steps * PERIOD)).collect();
    let wrong = (0..1_000_000).map(|number| format!("{number:06}"));
    let wrong = wrong.filter(|code| !good.contains(code)).take(TIMES);
    let attempts: Vec<_> = wrong.map(|code| (token.clone(), code)).collect();

    let counts = at_once(&clients, &attempts);

    let expected = [("401 invalid_code", 5), ("401 invalid_pre_auth_token", TIMES - 5)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
}
