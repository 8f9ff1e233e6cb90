//! `DELETE /admin/users/{id}/identities/{identity_id}`

use actix_web::http::Method;
use serde_json::json;

use super::{administrator, events, path};
use crate::support::actors::Person;
use crate::support::providers::{Providers, link, sign_in, verified};

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
