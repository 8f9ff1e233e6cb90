//! Of concurrent requests that would together remove the last way in, or set two passwords, one counts.

use actix_web::http::Method;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{count, with_status};
use crate::support::actors::{Person, log_in};
use crate::support::app::TestApp;
use crate::support::passkeys::{
    PASSKEYS, authenticator, registration_challenge, removal_challenge, remove_passkey, remove_password,
    send_registration, sign_in_by_passkey, sign_in_challenge,
};

#[actix_web::test]
async fn of_the_removals_of_the_password_and_of_the_passkey_at_once_one_counts() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    for round in 0..8 {
        let jo = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        let (mut key, id) = jo.add_passkey(&app).await;
        let assertion = key.assert(&removal_challenge(&app, &jo.access_token).await);
        let (first, second) = if round % 2 == 0 {
            (&app, &sibling)
        } else {
            (&sibling, &app)
        };
        let (password, passkey) = join(
            remove_password(first, &jo.access_token, &assertion),
            remove_passkey(second, &jo.access_token, &id),
        )
        .await;
        let outcome = (password.status.as_u16(), passkey.status.as_u16());
        assert!([(204, 409), (401, 204)].contains(&outcome), "{outcome:?}");
    }
    let lost = "users WHERE password_scheme = 'none' AND NOT EXISTS (SELECT id FROM passkeys WHERE user_id = users.id)";
    assert_eq!(count(&app, lost), 0);
}

#[actix_web::test]
async fn of_the_removals_of_both_passkeys_at_once_one_counts() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let (jo, mut first_key) = Person::sign_up_without_password(&app, "jo@example.com").await;
    let (mut second_key, _) = jo.add_passkey(&app).await;
    for key in [&mut first_key, &mut second_key] {
        let assertion = key.assert(&sign_in_challenge(&app).await);
        sign_in_by_passkey(&app, &assertion).await.expect(200);
    }
    let listed = app.get_as("/2fa/passkeys", &jo.access_token).await.expect(200);
    let (first, second) = (listed.text("/passkeys/0/id"), listed.text("/passkeys/1/id"));
    let (one, other) = join(
        remove_passkey(&app, &jo.access_token, &first),
        remove_passkey(&sibling, &jo.access_token, &second),
    )
    .await;
    let mut outcomes = [one.status.as_u16(), other.status.as_u16()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [204, 409]);
    assert_eq!(count(&app, "passkeys"), 1);
}

#[actix_web::test]
async fn of_many_first_passwords_at_once_one_is_set() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    let (jo, _) = Person::sign_up_without_password(&app, "jo@example.com").await;
    let new = |number: usize| format!("heftklammer im regen {number}");
    let set = async |number: usize| {
        let body = json!({"new_password": new(number)});
        let instance = [&app, &sibling][number % 2];
        instance
            .call_as(Method::POST, "/password/set", &jo.access_token, &body)
            .await
    };
    let answers = join_all((0..6).map(set)).await;
    assert_eq!((with_status(&answers, 204), with_status(&answers, 409)), (1, 5));
    let winner = answers.iter().position(|answer| answer.status == 204).unwrap();
    log_in(&app, "jo@example.com", &new(winner)).await.expect(200);
    assert_eq!(count(&app, "audit_events WHERE event = 'password_set'"), 1);
}

#[actix_web::test]
async fn of_many_registrations_of_an_abandoned_name_at_once_one_counts() {
    let app = TestApp::with(PASSKEYS).await;
    let sibling = app.sibling(PASSKEYS).await;
    Person::register_without_password(&app, "jo@example.com").await;
    app.clock.advance(301);
    let body = json!({"email": "jo@example.com", "passkey": true});
    let answers = join_all((0..8).map(|number| [&app, &sibling][number % 2].post("/register", &body))).await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 7));
    assert_eq!((count(&app, "users"), count(&app, "account_names")), (1, 1));
}

/// The deletion of abandoned accounts and a registration at the last moment.
#[actix_web::test]
async fn an_account_whose_passkey_came_in_time_is_not_deleted() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register_without_password(&app, "jo@example.com").await;
    let credential = authenticator(&jo.id).register(&registration_challenge(&app, &jo.pre_auth_token).await);
    app.clock.advance(298);
    send_registration(&app, &jo.pre_auth_token, &credential)
        .await
        .expect(201);
    app.clock.advance(10);
    app.delete_expired().await;
    assert_eq!(
        (
            count(&app, "users"),
            count(&app, "passkeys"),
            count(&app, "unfinished_registrations")
        ),
        (1, 1, 0)
    );
}
