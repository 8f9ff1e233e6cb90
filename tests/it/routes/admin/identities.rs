//! `DELETE /admin/users/{id}/identities/{identity_id}`

use actix_web::http::Method;
use serde_json::json;

use super::{administrator, events, path};
use crate::support::actors::{PASSWORD, Person, claims, log_in};
use crate::support::app::TestApp;
use crate::support::federation::{Providers, link, sign_in, verified};

const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];

#[actix_web::test]
async fn an_administrator_sees_the_identities_of_an_account_and_unlinks_one() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let user = verified("there", "there@example.com");
    let id = link(&app, "honest", &jo, &user).await;
    let shown = app
        .get_as(&path(&jo.person), &admin.access_token)
        .await
        .expect(200)
        .json();
    let identity = &shown["identities"][0];
    assert_eq!((&identity["id"], &identity["name"]), (&json!(id), &json!("The honest")));
    let uri = format!("{}/identities/{id}", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    app.bare_as(Method::DELETE, &uri, &admin.access_token)
        .await
        .expect_problem(404, "not_found");
    let done = &events(&app, &admin, "authz_admin").await[0];
    assert_eq!(done["reason"], "identity_unlinked");
    let unlinked = &events(&app, &admin, "identity_unlinked").await[0];
    assert_eq!(unlinked["provider"], "honest");
    assert_eq!(unlinked["actor_id"].as_str(), Some(admin.person.id.as_str()));
    assert!(
        app.notification_kinds("jo@example.com")
            .await
            .contains(&"identity_unlinked".to_owned())
    );
    // The password and the authenticator still sign in, and the user of the provider is a newcomer.
    jo.person.sign_in_again(&app).await;
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "enrolment_required");
}

#[actix_web::test]
async fn an_unknown_identity_is_404() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    for id in ["x", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        let uri = format!("{}/identities/{id}", path(&jo.person));
        let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn an_owner_without_another_way_in_gets_back_by_mail() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let admin = administrator(&app, "root@example.com").await;
    let user = verified("alice", "alice@example.com");
    let token = sign_in(&app, "honest", &user).await.expect(200).text("/access_token");
    let uri = only_identity(&app, &token).await;
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    app.get_as("/me", &token).await.expect_problem(401, "invalid_token");
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.json(), json!({"status": "link_required"}));
    app.post("/password/forgot", &json!({"email": "alice@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("alice@example.com", "password_reset").await;
    let body = json!({"token": token, "new_password": PASSWORD});
    app.post("/password/reset", &body).await.expect(204);
    log_in(&app, "alice@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn the_only_way_in_of_an_account_without_an_address_stays() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(OPTIONAL).await;
    let admin = administrator(&app, "root@example.com").await;
    // Its address is not verified, and goes to a user whom another provider believes to have it.
    let mistyped = json!({"sub": "mistyped", "email": "jo@example.com"});
    let token = sign_in(&app, "second", &mistyped)
        .await
        .expect(200)
        .text("/access_token");
    sign_in(&app, "honest", &verified("jo", "jo@example.com"))
        .await
        .expect(200);
    let me = app.get_as("/me", &token).await.expect(200).json();
    assert_eq!((&me["email"], &me["has_password"]), (&json!(null), &json!(false)));
    let uri = only_identity(&app, &token).await;
    app.bare_as(Method::DELETE, &uri, &admin.access_token)
        .await
        .expect_problem(409, "conflict");
    app.get_as("/me", &token).await.expect(200);
    let again = sign_in(&app, "second", &mistyped).await.expect(200);
    assert_eq!(claims(&again.text("/access_token"))["sub"], me["id"]);
    // An identity that is not there is not confused with one that stays.
    let (account, _) = uri.rsplit_once('/').unwrap();
    let other = format!("{account}/019ca945-0a00-7673-b71e-0108b877dbc7");
    app.bare_as(Method::DELETE, &other, &admin.access_token)
        .await
        .expect_problem(404, "not_found");
}

/// Returns the path of the only identity of the account of a token.
async fn only_identity(app: &TestApp, token: &str) -> String {
    let listed = app.get_as("/me/identities", token).await.expect(200).json();
    assert_eq!(listed["identities"].as_array().unwrap().len(), 1);
    let (account, identity) = (claims(token)["sub"].clone(), &listed["identities"][0]["id"]);
    format!(
        "/admin/users/{}/identities/{}",
        account.as_str().unwrap(),
        identity.as_str().unwrap()
    )
}
