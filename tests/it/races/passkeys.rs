//! Of many concurrent requests with the same assertion or registration, exactly one counts.

use futures_util::future::join_all;
use serde_json::Value;

use super::{count, with_status};
use crate::support::actors::Person;
use crate::support::app::TestApp;
use crate::support::passkeys::{
    PASSKEYS, authenticator, login_challenge, registration_challenge, send_registration, sign_in_by_passkey,
    sign_in_challenge, step_up_by_passkey, step_up_challenge, verify_passkey,
};
use crate::support::response::TestResponse;

/// Requests at once.
const CROWD: usize = 20;

#[actix_web::test]
async fn one_assertion_signs_in_once() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    // An authenticator that does not count is protected by the challenge alone.
    key.step = 0;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    let instances = [&app, &sibling];
    let answers = join_all((0..CROWD).map(|number| sign_in_by_passkey(instances[number % 2], &assertion))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, CROWD - 1));
    assert_eq!(
        count(&app, "sessions WHERE state = 'active'"),
        2,
        "the sign-up's session and one more"
    );
    assert_eq!(count(&app, "sessions WHERE state = 'pending'"), 0);
    let kinds = app.notification_kinds("jo@example.com").await;
    assert!(!kinds.iter().any(|kind| kind == "passkey_cloned"), "{kinds:?}");
}

#[actix_web::test]
async fn one_assertion_completes_its_login_once() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let pending = jo.person.log_in(&app).await;
    let assertion = key.assert(&login_challenge(&app, &pending).await);
    let instances = [&app, &sibling];
    let answers = join_all((0..CROWD).map(|number| verify_passkey(instances[number % 2], &pending, &assertion))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, CROWD - 1));
    assert_eq!(count(&app, "sessions WHERE state = 'active'"), 2);
}

#[actix_web::test]
async fn one_assertion_steps_up_once() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    let assertion = key.assert(&step_up_challenge(&app, &jo.access_token).await);
    let instances = [&app, &sibling];
    let answers =
        join_all((0..CROWD).map(|number| step_up_by_passkey(instances[number % 2], &jo.access_token, &assertion)))
            .await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, CROWD - 1));
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_mfa_fail'"), 0);
}

#[actix_web::test]
async fn one_registration_makes_one_passkey_and_one_set_of_recovery_codes() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let token = &jo.pre_auth_token;
    let credential = authenticator(&jo.id).register(&registration_challenge(&app, token).await);
    let instances = [&app, &sibling];
    let answers = join_all((0..CROWD).map(|number| send_registration(instances[number % 2], token, &credential))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 403)), (1, CROWD - 1));
    assert_eq!((count(&app, "passkeys"), count(&app, "recovery_codes")), (1, 10));
}

#[actix_web::test]
async fn one_challenge_registers_one_of_many_passkeys() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let challenge = registration_challenge(&app, &jo.access_token).await;
    let credentials: Vec<_> = (0..CROWD)
        .map(|_| authenticator(&jo.person.id).register(&challenge))
        .collect();
    let answers = join_all(sent_in_turn([&app, &sibling], &jo.access_token, &credentials)).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 422)), (1, CROWD - 1));
    assert_eq!(count(&app, "passkeys"), 1);
}

#[actix_web::test]
async fn a_crowd_of_registrations_makes_no_more_than_twenty() {
    let settings = [PASSKEYS[0], ("MAX_SESSIONS", "100")];
    let app = TestApp::with(&settings).await;
    let sibling = app.sibling(&settings).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let (mut key, _) = jo.add_passkey(&app).await;
    for _ in 1..10 {
        jo.add_passkey(&app).await;
    }
    // In one session a later challenge makes the earlier ones useless, so each has its own.
    let mut made = Vec::new();
    for _ in 0..CROWD {
        let assertion = key.assert(&sign_in_challenge(&app).await);
        let answer = sign_in_by_passkey(&app, &assertion).await.expect(200);
        let token = answer.text("/access_token");
        let challenge = registration_challenge(&app, &token).await;
        made.push((token, authenticator(&jo.person.id).register(&challenge)));
    }
    let instances = [&app, &sibling];
    let sent = made
        .iter()
        .enumerate()
        .map(|(number, (token, credential))| send_registration(instances[number % 2], token, credential));
    let answers = join_all(sent).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (10, 10));
    assert_eq!(count(&app, "passkeys"), 20);
}

/// Sends credentials in one session, to two instances.
fn sent_in_turn<'a>(
    instances: [&'a TestApp; 2],
    token: &'a str,
    credentials: &'a [Value],
) -> impl Iterator<Item = impl Future<Output = TestResponse> + 'a> {
    let numbered = credentials.iter().enumerate();
    numbered.map(move |(number, credential)| send_registration(instances[number % 2], token, credential))
}
