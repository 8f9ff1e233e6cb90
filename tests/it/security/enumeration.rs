//! Neither the bytes of an answer nor its time reveals whether a name has an account.
//!
//! For each name the shortest time counts, over requests that take turns, since a busy machine only adds to it. There
//! are enough turns to measure it. No name may take twice as long as another: the tests fail for a hash that is
//! skipped, computed twice, or cheaper, but not because of load on the machine.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const LEAST_ROUNDS: usize = 4;
const MOST_ROUNDS: usize = 80;
/// A hash that takes long compared to all other work.
const COST: &str = "9";
/// A user's password, hashed by another program with bcrypt at cost 6.
const FOREIGN_HASH: &str = "$2b$06$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";

/// One name for each kind of account, and one without an account.
const NAMES: [&str; 7] = [
    "nobody@mail.example",
    "unverified@mail.example",
    "verified@mail.example",
    "disabled@mail.example",
    "imported@mail.example",
    "older@mail.example",
    "invited@mail.example",
];

async fn town(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![("BCRYPT_COST", COST)];
    all.extend(settings);
    let app = TestApp::with(&all).await;
    for email in NAMES.iter().skip(1) {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = app.post("/register", &body).await;
        assert!([201, 202].contains(&answer.status.as_u16()));
    }
    app.verify_email("verified@mail.example").await;
    let change = format!(
        "UPDATE users SET status = 'disabled' WHERE email = 'disabled@mail.example';
         UPDATE users SET password_scheme = 'bcrypt', password_key_id = 0, password_hash = '{FOREIGN_HASH}'
             WHERE email = 'imported@mail.example';
         UPDATE users SET password_hash = replace(password_hash, '$2b$09$', '$2b$05$')
             WHERE email = 'older@mail.example';
         UPDATE users SET password_scheme = 'none', password_key_id = 0, password_hash = ''
             WHERE email = 'invited@mail.example';
         INSERT INTO link_tokens (id, user_id, purpose, email, created_at, expires_at)
             SELECT gen_random_uuid(), id, 'invitation', email, created_at, created_at + interval '1 year' FROM users
             WHERE email = 'invited@mail.example'"
    );
    app.database.connect().batch_execute(&change).unwrap();
    app
}

/// Returns an answer without what differs each time, including the count of requests.
fn shape(answer: &TestResponse) -> String {
    without(&["x-request-id", "date", "ratelimit"], answer)
}

/// Returns an answer without ids and dates.
pub(super) fn without_ids(answer: &TestResponse) -> String {
    without(&["x-request-id", "date"], answer)
}

fn without(left_out: &[&str], answer: &TestResponse) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort_unstable();
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    // Each is different. What remains is how hard it is.
    for member in ["nonce", "salt", "expiresAt"] {
        if let Some(random) = body.pointer_mut(&format!("/challenge/parameters/{member}")) {
            *random = Value::Null;
        }
    }
    if let Some(signature) = body.pointer_mut("/challenge/signature") {
        *signature = Value::Null;
    }
    format!("{} {headers:?} {} {body}", answer.status, answer.body.len())
}

/// Sends one request for each name in turn, a day apart, until all names take about the same time. Asserts that this
/// happens, and that the answers are the same except for their ids.
async fn assert_alike(app: &TestApp, path: &str, body: impl Fn(&str, usize) -> Value) {
    let mut shortest = [Duration::MAX; NAMES.len()];
    for round in 0..MOST_ROUNDS {
        let mut first: Option<String> = None;
        for place in 0..NAMES.len() {
            // Starts with another name each time, so that none always comes after a pause.
            let place = (place + round) % NAMES.len();
            let name = NAMES[place];
            let begun = Instant::now();
            let answer = app.post(path, &body(name, round)).await;
            shortest[place] = shortest[place].min(begun.elapsed());
            let shape = shape(&answer);
            assert_eq!(&shape, first.get_or_insert_with(|| shape.clone()), "{path} of {name}");
        }
        app.clock.advance(86_400);
        let (least, most) = (shortest.iter().min(), shortest.iter().max());
        if round >= LEAST_ROUNDS && most.unwrap() < &(*least.unwrap() * 2) {
            return;
        }
    }
    panic!("{path} takes {shortest:?} for {NAMES:?}");
}

#[actix_web::test]
async fn a_wrong_password_is_refused_alike_for_every_account() {
    let app = town(&[]).await;
    let wrong = |name: &str, _| json!({"email": name, "password": "another password"});
    assert_alike(&app, "/login", wrong).await;
    // The same for the right password of a disabled account.
    let right = app
        .post(
            "/login",
            &json!({"email": "disabled@mail.example", "password": PASSWORD}),
        )
        .await;
    let unknown = app.post("/login", &wrong(NAMES[0], 0)).await;
    assert_eq!(shape(&right), shape(&unknown));
}

#[actix_web::test]
async fn a_wait_is_reported_alike_for_every_account() {
    let app = town(&[]).await;
    for name in NAMES {
        for _ in 0..5 {
            app.post("/login", &json!({"email": name, "password": "another password"}))
                .await
                .expect(401);
        }
    }
    let mut shapes = Vec::new();
    for name in NAMES {
        let answer = app
            .post("/login", &json!({"email": name, "password": PASSWORD}))
            .await
            .expect(429);
        shapes.push(shape(&answer));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
}

#[actix_web::test]
async fn a_request_for_mail_is_accepted_alike_for_every_account() {
    let app = town(&[]).await;
    for path in ["/password/forgot", "/magic-link"] {
        assert_alike(&app, path, |name, _| json!({"email": name})).await;
    }
}

#[actix_web::test]
async fn a_registration_in_private_is_answered_alike_for_every_address() {
    let app = town(&[("REGISTRATION", "private")]).await;
    assert_alike(&app, "/register", |name, round| {
        // An unknown name has an account after its first registration.
        let name = if name == NAMES[0] {
            format!("{round}.{name}")
        } else {
            name.to_owned()
        };
        json!({"email": name, "password": PASSWORD})
    })
    .await;
}

#[actix_web::test]
async fn a_registration_without_a_password_in_private_is_answered_alike_for_every_address() {
    let app = town(&[("REGISTRATION", "private"), ("SECOND_FACTORS", "totp,passkey")]).await;
    assert_alike(&app, "/register", |name, round| {
        // An unknown name has an account after its first registration.
        let name = if name == NAMES[0] {
            format!("{round}.{name}")
        } else {
            name.to_owned()
        };
        json!({"email": name, "passkey": true})
    })
    .await;
}

#[actix_web::test]
async fn in_private_the_password_of_an_unconfirmed_account_is_refused_like_a_wrong_one() {
    let app = town(&[("REGISTRATION", "private")]).await;
    assert_alike(&app, "/login", |name, _| {
        // The password that the unverified accounts were registered with.
        let right = ["unverified@mail.example", "older@mail.example", "nobody@mail.example"];
        let password = if right.contains(&name) {
            PASSWORD
        } else {
            "another password"
        };
        json!({"email": name, "password": password})
    })
    .await;
}

#[actix_web::test]
async fn the_right_password_at_an_older_cost_still_signs_in() {
    let app = TestApp::with(&[("BCRYPT_COST", "4")]).await;
    let person = Person::register(&app, "jo@mail.example").await;
    let dearer = app.sibling(&[("BCRYPT_COST", "6")]).await;
    person.log_in(&dearer).await;
    person.log_in(&app).await;
}
