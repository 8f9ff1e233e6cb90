//! The database contains no credential that could be presented.

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::json;
use vestibule::domain::client_program::ClientProgram;
use vestibule::domain::factor_proof::FactorProof;
use vestibule::domain::message::{Channel, Locale, Message, Notification, Occasion};
use vestibule::domain::phone_number::PhoneNumber;

use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, challenge, log_in, verify_by};
use crate::support::api_keys::make_key;
use crate::support::app::TestApp;

#[derive(QueryableByName)]
struct Dump {
    #[diesel(sql_type = Text)]
    dump: String,
}

/// Returns a table's rows as JSON.
pub(super) fn dump(app: &TestApp, table: &str) -> String {
    let query = format!("SELECT coalesce(string_agg(row_to_json(t)::text, ' '), '') AS dump FROM {table} t");
    let dump = diesel::sql_query(query)
        .get_result::<Dump>(&mut app.database.connect())
        .unwrap()
        .dump;
    assert!(!dump.is_empty(), "{table} is empty, so this proves nothing");
    dump
}

/// Formats bytes as the database shows them.
fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[actix_web::test]
async fn no_secret_stands_in_any_table() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(30);
    let pending = signed_in.person.log_in(&app).await;
    let client = app.service_client("api").await;
    let api_key = make_key(&app, &signed_in.access_token, &["email"]).await.api_key;
    let mut everything = String::new();
    for table in [
        "users",
        "sessions",
        "totp_factors",
        "recovery_codes",
        "signing_keys",
        "service_clients",
        "api_keys",
        "audit_events",
    ] {
        everything.push_str(&dump(&app, table));
    }
    let secret = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, &signed_in.person.secret).unwrap();
    let hex = hex(&secret);
    let mut secrets = vec![
        PASSWORD.to_owned(),
        signed_in.person.secret.clone(),
        hex,
        pending,
        api_key,
        signed_in.access_token,
        signed_in.refresh_token,
    ];
    secrets.extend(
        signed_in
            .recovery_codes
            .iter()
            .flat_map(|code| [code.clone(), code.replace('-', "")]),
    );
    for secret in secrets {
        assert!(!everything.contains(&secret), "a secret is stored in clear");
    }
    assert!(!everything.contains("vak_") && !everything.contains("vcs_") && !everything.contains(&client));
    assert!(everything.contains("$2b$04$"));
}

const ALL: &[(&str, &str)] = &[("SECOND_FACTORS", "totp,email,sms")];
const OTHER_PHONE: &str = "+4915112345699";

/// Sends every kind of code, and returns the codes and the lines of text that were sent.
async fn send_all(app: &TestApp, signed_in: &SignedIn) -> (Vec<String>, Vec<String>) {
    signed_in.set_up_phone(app, PHONE).await;
    signed_in.set_up_email(app).await;
    app.clock.advance(60);
    let token = signed_in.person.log_in(app).await;
    challenge(app, &token, "sms").await.expect(202);
    challenge(app, &token, "email").await.expect(202);
    // One used code, one wrong one, and one that is still pending.
    verify_by(app, &token, "00000000", "email").await.expect(401);
    let code = app.sent_code(PHONE).await;
    verify_by(app, &token, &code, "sms").await.expect(200);
    let body = json!({"phone_number": OTHER_PHONE});
    app.call_as(Method::PUT, "/2fa/phone", &signed_in.access_token, &body)
        .await
        .expect(202);
    let (mut codes, mut words) = (Vec::new(), Vec::new());
    for to in [PHONE, OTHER_PHONE, "jo@example.com"] {
        for notification in app.notifications(to).await {
            codes.extend(notification["code"].as_str().map(str::to_owned));
            words.extend(notification["text"].as_str().unwrap().lines().map(str::to_owned));
        }
    }
    words.retain(|line| line.len() > 12);
    assert!(codes.len() == 5 && words.len() > 5, "{codes:?} {words:?}");
    (codes, words)
}

#[actix_web::test]
async fn neither_numbers_nor_codes_nor_words_of_messages_stand_in_any_table() {
    let app = TestApp::with(ALL).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let (codes, words) = send_all(&app, &signed_in).await;
    let tables = [
        "outbox",
        "sent_code_factors",
        "sent_codes",
        "quotas",
        "audit_events",
        "sessions",
    ];
    let everything: String = tables.map(|table| dump(&app, table)).concat();
    let mut secrets = words;
    secrets.push("jo@example.com".to_owned());
    secrets.extend([PHONE, OTHER_PHONE].map(|number| number.trim_start_matches('+').to_owned()));
    for secret in &secrets {
        assert!(!everything.contains(secret.as_str()), "{secret:?} is stored");
    }
    for secret in secrets.iter().chain(&codes) {
        assert!(
            !everything.contains(&hex(secret.as_bytes())),
            "{secret:?} is stored as bytes"
        );
    }
    for code in &codes {
        // A short code may occur by chance within a longer value, but not as a value by itself.
        let alone = everything.split(|character: char| !character.is_ascii_alphanumeric());
        assert!(alone.into_iter().all(|word| word != code), "{code} is stored");
    }
    let users = dump(&app, "users");
    assert!(codes.iter().all(|code| !users.contains(code.as_str())));
    assert!(!users.contains(&PHONE[1..]));
}

#[actix_web::test]
async fn a_number_that_was_moved_to_another_account_opens_nothing() {
    let app = TestApp::with(ALL).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, PHONE).await;
    let mo = Person::sign_up(&app, "mo@example.com").await;
    mo.set_up_phone(&app, OTHER_PHONE).await;
    app.clock.advance(60);
    let token = jo.person.log_in(&app).await;
    app.database
        .connect()
        .batch_execute(
            "UPDATE sent_code_factors AS mine SET sealed_phone_number = theirs.sealed_phone_number
             FROM sent_code_factors AS theirs WHERE theirs.id <> mine.id",
        )
        .unwrap();
    // A second factor that cannot be opened is never skipped.
    challenge(&app, &token, "sms")
        .await
        .expect_problem(500, "internal_error");
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(500, "internal_error");
    assert_eq!(app.notifications(OTHER_PHONE).await.len(), 1, "its own enrolment only");
    // A whole row of another account does not open either.
    let hand_over = format!(
        "DELETE FROM sent_code_factors WHERE user_id = '{}'; UPDATE sent_code_factors SET user_id = '{}'",
        jo.person.id, jo.person.id
    );
    app.database.connect().batch_execute(&hand_over).unwrap();
    challenge(&app, &token, "sms")
        .await
        .expect_problem(500, "internal_error");
}

#[test]
fn what_is_printed_for_debugging_tells_no_secret() {
    let code = |text, method| FactorProof::parse(text, method).unwrap();
    let message = Message::SecondFactorCode {
        code: "975310".to_owned(),
        minutes: 5,
    };
    let occasion = Occasion {
        at: chrono::DateTime::UNIX_EPOCH,
        ip: None,
        program: ClientProgram::default(),
    };
    let notification = Notification {
        to: PHONE.to_owned(),
        locale: Locale::En,
        message: message.clone(),
        occasion,
        repeats: 0,
    };
    let printed = format!(
        "{:?} {:?} {:?} {:?} {message:?} {notification:?} {:?} {:?}",
        code("975310", None),
        code("975310", Some("sms")),
        code("97531024", Some("email")),
        code("9753-1975-3197-5319-7531-9753", None),
        PhoneNumber::parse(PHONE),
        Channel::Sms,
    );
    for secret in ["9753", "1511", "jo@"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
