//! `GET /me/identities` `DELETE /me/identities/{id}`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, claims, log_in, verify};
use crate::support::app::TestApp;
use crate::support::federation::{Providers, link, sign_in, start_linking, verified};

const HONEST: &[&str] = &["honest"];
const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];

async fn identities(app: &TestApp, token: &str) -> Vec<Value> {
    let listed = app.get_as("/me/identities", token).await.expect(200).json();
    listed["identities"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn an_identity_may_have_another_address_than_its_account() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let user = verified("private", "private@example.org");
    link(&app, "honest", &jo, &user).await;
    sign_in(&app, "honest", &user).await.expect(200);
    let me = app.get_as("/me", &jo.access_token).await.expect(200).json();
    assert_eq!(me["email"], "jo@example.com");
    assert_eq!(
        identities(&app, &jo.access_token).await[0]["email"],
        "private@example.org"
    );
}

#[actix_web::test]
async fn linking_again_changes_nothing_and_another_account_cannot_link_the_same_user() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let ann = Person::sign_up(&app, "ann@example.com").await;
    let user = verified("there", "there@example.com");
    let first = link(&app, "honest", &jo, &user).await;
    assert_eq!(link(&app, "honest", &jo, &user).await, first);
    let started = start_linking(&app, "honest", &ann.access_token).await;
    let answer = started.finish_as(&app, &ann.access_token, &user).await;
    answer.expect_problem(409, "identity_taken");
    assert!(identities(&app, &ann.access_token).await.is_empty());
}

#[actix_web::test]
async fn an_identity_is_unlinked_and_its_sessions_end() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let user = verified("there", "there@example.com");
    let id = link(&app, "honest", &jo, &user).await;
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "second_factor_required");
    app.clock.advance(30);
    let elsewhere = verify(&app, &answer.text("/pre_auth_token"), &jo.person.code(&app))
        .await
        .expect(200);
    let uri = format!("/me/identities/{id}");
    app.bare_as(Method::DELETE, &uri, &jo.access_token).await.expect(204);
    assert!(identities(&app, &jo.access_token).await.is_empty());
    // The other session still has the proof by the authenticator, but no longer two factors.
    let left = app
        .post(
            "/token/refresh",
            &json!({"refresh_token": elsewhere.text("/refresh_token")}),
        )
        .await;
    assert_eq!(claims(&left.expect(200).text("/access_token"))["acr"], "aal1");
    assert!(
        app.notification_kinds("jo@example.com")
            .await
            .contains(&"identity_unlinked".to_owned())
    );
    app.bare_as(Method::DELETE, &uri, &jo.access_token)
        .await
        .expect_problem(404, "not_found");
    // The user of the provider is a newcomer from now on.
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_ne!(claims(&answer.text("/access_token"))["sub"], json!(jo.person.id));
}

#[actix_web::test]
async fn the_last_way_in_stays() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(OPTIONAL).await;
    let answer = sign_in(&app, "honest", &verified("alice", "alice@example.com"))
        .await
        .expect(200);
    let token = answer.text("/access_token");
    let id = identities(&app, &token).await[0]["id"].as_str().unwrap().to_owned();
    let uri = format!("/me/identities/{id}");
    app.bare_as(Method::DELETE, &uri, &token)
        .await
        .expect_problem(409, "conflict");
    // With another provider it is not the last one.
    let started = start_linking(&app, "second", &token).await;
    started
        .finish_as(&app, &token, &verified("alice", "alice@example.com"))
        .await
        .expect(200);
    app.bare_as(Method::DELETE, &uri, &token).await.expect(204);
    let left = identities(&app, &token).await[0]["id"].as_str().unwrap().to_owned();
    let uri = format!("/me/identities/{left}");
    app.bare_as(Method::DELETE, &uri, &token)
        .await
        .expect_problem(409, "conflict");
    // With a password it is not either.
    let body = json!({"new_password": PASSWORD});
    app.call_as(Method::POST, "/password/set", &token, &body)
        .await
        .expect(204);
    app.bare_as(Method::DELETE, &uri, &token).await.expect(204);
}

#[actix_web::test]
async fn the_export_has_the_identities_and_a_deletion_frees_them() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let token = sign_in(&app, "honest", &user).await.expect(200).text("/access_token");
    let export = app.get_as("/me/export", &token).await.expect(200).json();
    let identity = &export["identities"][0];
    assert_eq!(
        (&identity["subject"], &identity["issuer"]),
        (&json!("alice"), &json!(providers.issuer("honest")))
    );
    app.bare_as(Method::DELETE, "/me", &token).await.expect(204);
    let again = sign_in(&app, "honest", &user).await.expect(200);
    assert_ne!(claims(&again.text("/access_token"))["sub"], claims(&token)["sub"]);
}

#[actix_web::test]
async fn a_password_of_a_linked_account_still_signs_in() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    link(&app, "honest", &jo, &verified("jo", "jo@example.com")).await;
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn the_owner_is_told_which_account_at_which_provider_was_linked() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let id = link(&app, "honest", &jo, &verified("there", "private@example.org")).await;
    let uri = format!("/me/identities/{id}");
    app.bare_as(Method::DELETE, &uri, &jo.access_token).await.expect(204);
    for (kind, named) in [
        ("identity_linked", "with the account private@example.org at The honest"),
        ("identity_unlinked", "The account private@example.org at The honest"),
    ] {
        let told = app.notification("jo@example.com", kind).await;
        let text = told["text"].as_str().unwrap();
        assert!(text.contains(named), "{text}");
    }
    // A user whom the provider gives no address.
    let ann = Person::sign_up_verified(&app, "ann@example.com").await;
    link(&app, "honest", &ann, &json!({"sub": "nameless"})).await;
    let told = app.notification("ann@example.com", "identity_linked").await;
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("with an account at The honest"), "{text}");
}

/// The address is not verified: its reader may be a stranger.
#[actix_web::test]
async fn an_unverified_address_is_told_nothing_of_the_account_at_the_provider() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "mistyped@example.com").await;
    link(&app, "honest", &jo, &verified("there", "private@example.org")).await;
    let told = app.notifications("mistyped@example.com").await;
    assert!(!json!(told).to_string().contains("private@example.org"), "{told:?}");
}
