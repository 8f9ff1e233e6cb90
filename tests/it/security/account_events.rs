//! What back ends are told of accounts: each type of event is caused by every way in, and names its actor.

use std::collections::HashSet;

use actix_web::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::domain::account_event::{AccountEvent, AccountEventType};
use vestibule::domain::audit_event::EventFilter;
use vestibule::domain::ids::UserId;
use vestibule::store::audit_events;

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, PHONE, Person, log_in, refresh, request_link, verify};
use crate::support::app::TestApp;
use crate::support::applications::{Application, text};
use crate::support::federation::{Providers, link, sign_in, verified};
use crate::support::passkeys::{login_challenge, removal_challenge, remove_passkey, remove_password, verify_passkey};

const NEW_PASSWORD: &str = "heftklammer im regen";
const HASH: &str = "$2b$06$ehpU/g3cEXTiEPzSpL4N/O.9RgRBX6ct93UZOde3xrZg7rJ09oESG";

/// Reads what happened to an account since the last look.
struct Watch<'a> {
    app: &'a TestApp,
    id: String,
    seen: HashSet<Uuid>,
}

impl<'a> Watch<'a> {
    fn of(app: &'a TestApp, id: &str) -> Self {
        let mut watch = Self {
            app,
            id: id.to_owned(),
            seen: HashSet::new(),
        };
        watch.since();
        watch
    }

    /// Returns the messages about what is new, as JSON, in the order of their types.
    fn messages(&mut self) -> Vec<Value> {
        let filter = EventFilter {
            user_id: UserId::parse(&self.id),
            ..EventFilter::default()
        };
        let mut connection = self.app.database.connect();
        let all = audit_events::page(&mut connection, &filter, None, 1000).unwrap();
        let new = all.iter().filter(|row| self.seen.insert(row.id.uuid()));
        let told = new.filter_map(|row| AccountEvent::of(row, None));
        let mut told: Vec<_> = told.map(|message| serde_json::to_value(message).unwrap()).collect();
        told.sort_by_key(|message| message["type"].as_str().unwrap().to_owned());
        told
    }

    /// Returns each new event: its type, the kind of its actor, and its reason.
    fn since(&mut self) -> Vec<String> {
        let text = |message: &Value| {
            let data = &message["data"];
            let reason = data["reason"]
                .as_str()
                .map(|reason| format!(" {reason}"))
                .unwrap_or_default();
            format!(
                "{} {}{reason}",
                message["type"].as_str().unwrap(),
                data["actor"]["type"].as_str().unwrap()
            )
        };
        self.messages().iter().map(text).collect()
    }
}

/// Asserts what is new of an account whose events were not looked at before.
fn begins(app: &TestApp, id: &str, expected: &[&str]) {
    assert_eq!(
        Watch {
            app,
            id: id.to_owned(),
            seen: HashSet::new(),
        }
        .since(),
        expected
    );
}

#[actix_web::test]
async fn what_an_owner_does_is_told() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email,sms")]).await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    let started = [
        "factor.added user totp",
        "session.started user totp",
        "user.created user",
    ];
    begins(&app, &jo.person.id, &started);
    let mut watch = Watch::of(&app, &jo.person.id);
    app.verify_email("jo@example.com").await;
    assert_eq!(watch.since(), ["user.verified user email_verified"]);
    let change = json!({"username": "jo.doe"});
    for expected in [&["user.updated user profile"][..], &[]] {
        app.call_as(Method::PATCH, "/me", &jo.access_token, &change)
            .await
            .expect(200);
        assert_eq!(watch.since(), expected, "only what changes is told");
    }
    jo.set_up_phone(&app, PHONE).await;
    assert_eq!(watch.since(), ["factor.added user sms"]);
    app.bare_as(Method::DELETE, "/2fa/phone", &jo.access_token)
        .await
        .expect(204);
    assert_eq!(watch.since(), ["factor.removed user sms"]);
    let elsewhere = jo.person.sign_in_again(&app).await;
    assert_eq!(watch.since(), ["session.started user totp"]);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.call_as(Method::POST, "/password/change", &jo.access_token, &change)
        .await
        .expect(204);
    assert_eq!(watch.since().len(), 2, "the password, and the session elsewhere");
    app.get_as("/me", &elsewhere).await.expect(401);
    jo.refresh(&app).await;
    app.call_as(
        Method::POST,
        "/email/change",
        &jo.access_token,
        &json!({"email": "new@example.com"}),
    )
    .await
    .expect(202);
    assert_eq!(watch.since(), [""; 0], "a request changes nothing");
    let token = app.mailed_token("new@example.com", "email_change").await;
    app.call_as(
        Method::POST,
        "/email/verify",
        &jo.access_token,
        &json!({"token": token}),
    )
    .await
    .expect(204);
    assert_eq!(watch.since(), ["user.updated user email_changed"]);
    app.post_as("/logout", &jo.access_token).await.expect(204);
    let ended = watch.messages();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (&ended[0]["type"], &ended[0]["data"]["actor"]["id"]),
        (&json!("session.ended"), &json!(jo.person.id))
    );
    assert!(ended[0]["data"]["session_id"].is_string());
}

#[actix_web::test]
async fn accounts_without_a_password_and_deletions_are_told() {
    let app = TestApp::new().await;
    let (jo, mut key) = Person::sign_up_without_password(&app, "jo@example.com").await;
    let types: Vec<String> = Watch {
        app: &app,
        id: jo.person.id.clone(),
        seen: HashSet::new(),
    }
    .since();
    assert!(types.iter().any(|told| told.starts_with("user.created")), "{types:?}");
    assert!(types.iter().any(|told| told.starts_with("factor.added")), "{types:?}");
    let mut watch = Watch::of(&app, &jo.person.id);
    let set = json!({"new_password": NEW_PASSWORD});
    app.call_as(Method::POST, "/password/set", &jo.access_token, &set)
        .await
        .expect(204);
    assert_eq!(watch.since(), ["password.changed user"]);
    let (_other, id) = jo.add_passkey(&app).await;
    assert_eq!(watch.since(), ["factor.added user passkey"]);
    remove_passkey(&app, &jo.access_token, &id).await.expect(204);
    assert_eq!(watch.since(), ["factor.removed user passkey"]);
    let assertion = key.assert(&removal_challenge(&app, &jo.access_token).await);
    remove_password(&app, &jo.access_token, &assertion).await.expect(204);
    assert_eq!(watch.since(), ["password.changed user"]);
    app.bare_as(Method::DELETE, "/me", &jo.access_token).await.expect(204);
    assert!(watch.since().contains(&"user.deleted user".to_owned()));
}

#[actix_web::test]
async fn what_the_reader_of_an_address_takes_from_an_account_is_told() {
    let app = TestApp::new().await;
    let stranger = Person::sign_up(&app, "jo@example.com").await;
    let mut watch = Watch::of(&app, &stranger.person.id);
    let token = request_link(&app, "/magic-link", "magic_link", "jo@example.com").await;
    app.post("/magic-link/verify", &json!({"token": token}))
        .await
        .expect(200);
    let expected = ["factor.removed", "password.changed", "session.ended", "user.verified"];
    let told = watch.since();
    let types: Vec<&str> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(types, expected, "{told:?}");
    // By a new password it is the same, and the password is set.
    let stranger = Person::sign_up(&app, "ann@example.com").await;
    let mut watch = Watch::of(&app, &stranger.person.id);
    let token = request_link(&app, "/password/forgot", "password_reset", "ann@example.com").await;
    app.post(
        "/password/reset",
        &json!({"token": token, "new_password": NEW_PASSWORD}),
    )
    .await
    .expect(204);
    let told = watch.since();
    let types: Vec<&str> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(types, expected, "{told:?}");
}

#[actix_web::test]
async fn what_administrators_do_names_them() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let mut watch = Watch::of(&app, &jo.person.id);
    let path = format!("/admin/users/{}", jo.person.id);
    let patch = async |body: Value| {
        app.call_as(Method::PATCH, &path, &admin.access_token, &body)
            .await
            .expect(200)
    };
    patch(json!({"roles": ["editor"]})).await;
    assert_eq!(watch.since(), ["user.updated administrator roles"]);
    patch(json!({"disabled": true})).await;
    let told = watch.messages();
    let types: Vec<_> = told.iter().map(|told| told["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["session.ended", "user.disabled"]);
    assert_eq!(
        told[1]["data"]["actor"],
        json!({"type": "administrator", "id": admin.person.id})
    );
    patch(json!({"disabled": false})).await;
    assert_eq!(watch.since(), ["user.enabled administrator enabled"]);
    app.bare_as(Method::DELETE, &format!("{path}/2fa"), &admin.access_token)
        .await
        .expect(204);
    assert_eq!(watch.since(), ["factor.removed administrator by_operator"]);
    app.bare_as(Method::DELETE, &path, &admin.access_token)
        .await
        .expect(204);
    assert!(watch.since().contains(&"user.deleted administrator".to_owned()));
    let invited = json!({"email": "ann@example.com"});
    let made = app
        .call_as(Method::POST, "/admin/users", &admin.access_token, &invited)
        .await
        .expect(201);
    let mut watch = Watch {
        app: &app,
        id: made.text("/id"),
        seen: HashSet::new(),
    };
    assert_eq!(watch.since(), ["user.created administrator invitation"]);
    let token = app.mailed_token("ann@example.com", "invitation").await;
    app.post(
        "/password/reset",
        &json!({"token": token, "new_password": NEW_PASSWORD}),
    )
    .await
    .expect(204);
    assert_eq!(
        watch.since(),
        ["password.changed user", "user.verified user email_verified"]
    );
}

#[actix_web::test]
async fn what_the_command_line_does_is_told_in_full() {
    let app = TestApp::new().await;
    assert!(app.invite("ann@example.com", None).await);
    let ann = id_of(&app, "ann@example.com");
    begins(&app, &ann, &["user.created operator invitation"]);
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let line = json!({"email": "jo@example.com", "email_verified": true, "password_hash": HASH, "totp_secret": secret});
    app.import(&line).await;
    let jo = id_of(&app, "jo@example.com");
    let expected = [
        "factor.added operator totp",
        "user.created operator import",
        "user.verified operator email_verified",
    ];
    begins(&app, &jo, &expected);
    app.import(&json!({"username": "bert", "password_hash": HASH})).await;
    let mut watch = Watch::of(&app, &jo);
    app.delete_user(&jo).await;
    assert_eq!(watch.since(), ["user.deleted operator"]);
}

fn id_of(app: &TestApp, email: &str) -> String {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = diesel::sql_types::Text)]
        id: String,
    }
    let query = diesel::sql_query(format!("SELECT id::text AS id FROM users WHERE email = '{email}'"));
    query.get_result::<Id>(&mut app.database.connect()).unwrap().id
}

#[actix_web::test]
async fn users_of_providers_are_told_as_all_others() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[("TWO_FACTOR_POLICY", "optional")]).await;
    sign_in(&app, "honest", &verified("there", "ann@example.com"))
        .await
        .expect(200);
    let expected = [
        "identity.linked user federation",
        "session.started user",
        "user.created user federation",
        "user.verified user email_verified",
    ];
    begins(&app, &id_of(&app, "ann@example.com"), &expected);
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let mut watch = Watch::of(&app, &jo.person.id);
    let id = link(&app, "honest", &jo, &verified("other", "other@example.com")).await;
    assert_eq!(watch.since(), ["identity.linked user"]);
    app.bare_as(Method::DELETE, &format!("/me/identities/{id}"), &jo.access_token)
        .await
        .expect(204);
    assert_eq!(watch.since(), ["identity.unlinked user"]);
    // The address of an account that never verified it goes to the user whose provider proves it.
    let mistaken = Person::sign_up(&app, "kim@example.com").await;
    let mut watch = Watch::of(&app, &mistaken.person.id);
    sign_in(&app, "honest", &verified("kim", "kim@example.com"))
        .await
        .expect(200);
    assert_eq!(watch.since(), ["user.updated service unverified_email_lost"]);
}

#[actix_web::test]
async fn sessions_of_applications_are_told_with_their_client() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let mut watch = Watch::of(&app, &jo.person.id);
    let tokens = shop.sign_in(&app, &jo.access_token, &[]).await;
    let told = watch.messages();
    let client = json!(shop.id);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["client_id"], client);
    assert_eq!(told[0]["data"]["actor"], json!({"type": "client", "id": client}));
    let refresh_token = text(&tokens, "refresh_token");
    shop.form(&app, "/oauth/revoke", &[("token", &refresh_token)])
        .await
        .expect(200);
    let told = watch.messages();
    assert_eq!((told.len(), &told[0]["type"]), (1, &json!("session.ended")), "{told:?}");
    assert_eq!(told[0]["data"]["actor"], json!({"type": "client", "id": client}));
}

#[actix_web::test]
async fn what_makes_a_credential_suspicious_is_told_and_a_failed_login_is_not() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let mut watch = Watch::of(&app, &jo.person.id);
    log_in(&app, "jo@example.com", "wrong").await.expect(401);
    assert_eq!(watch.since(), [""; 0]);
    refresh(&app, &jo.refresh_token).await.expect(200);
    app.clock.advance(3600);
    refresh(&app, &jo.refresh_token).await.expect(401);
    let told = watch.since();
    assert_eq!(told[0], "credential.suspicious service refresh_reuse", "{told:?}");
    // An authorization code that is presented again.
    let kim = Person::sign_up_verified(&app, "kim@example.com").await;
    let mut watch = Watch::of(&app, &kim.person.id);
    let shop = Application::public(&app).await;
    let back = shop.code(&app, &kim.access_token, &[]).await;
    shop.redeem(&app, &back, &[]).await.expect(200);
    shop.redeem(&app, &back, &[]).await.expect(400);
    assert!(
        watch
            .since()
            .contains(&"credential.suspicious service authorization_code".to_owned())
    );
    // A passkey that was copied.
    let ann = Person::sign_up_verified(&app, "ann@example.com").await;
    let (mut key, _id) = ann.add_passkey(&app).await;
    let mut watch = Watch::of(&app, &ann.person.id);
    let pending = ann.person.log_in(&app).await;
    verify_passkey(&app, &pending, &key.assert(&login_challenge(&app, &pending).await))
        .await
        .expect(200);
    watch.since();
    key.sign_count = 0;
    let pending = ann.person.log_in(&app).await;
    verify_passkey(&app, &pending, &key.assert(&login_challenge(&app, &pending).await))
        .await
        .expect(401);
    assert_eq!(watch.since(), ["credential.suspicious service copied_passkey"]);
}

#[actix_web::test]
async fn guesses_that_disable_a_password_or_codes_are_told() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let mut watch = Watch::of(&app, &jo.person.id);
    sql(&app, "UPDATE users SET failed_passwords = 99");
    log_in(&app, "jo@example.com", "wrong").await.expect(401);
    assert_eq!(watch.since(), ["credential.suspicious service password_disabled"]);
    let kim = Person::sign_up_verified(&app, "kim@example.com").await;
    let mut watch = Watch::of(&app, &kim.person.id);
    sql(
        &app,
        "UPDATE users SET failed_codes = 99 WHERE email = 'kim@example.com'",
    );
    let pending = kim.person.log_in(&app).await;
    verify(&app, &pending, &kim.person.wrong_code(&app)).await.expect(401);
    assert_eq!(watch.since(), ["credential.suspicious service failed_attempts"]);
}

/// The other tests together cause every type.
#[test]
fn each_type_is_caused_in_this_file() {
    let this = include_str!("account_events.rs");
    for told in AccountEventType::ALL.map(AccountEventType::as_str) {
        assert!(this.contains(&format!("\"{told}")), "{told}");
    }
}

fn sql(app: &TestApp, statement: &str) {
    crate::routes::admin::sql(app, statement);
}
