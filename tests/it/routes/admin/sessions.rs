//! `GET /admin/users/{id}/sessions` `DELETE /admin/users/{id}/sessions` `DELETE /admin/users/{id}/sessions/{session_id}`

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::json;

use super::{administrator, assert_out, events, path};
use crate::support::actors::{Person, claims, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn administrators_see_where_a_user_is_signed_in() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.person.sign_in_again(&app).await;
    // A login that waits for its second factor is not a session yet.
    jo.person.log_in(&app).await;
    Person::sign_up(&app, "ann@example.com").await;

    let uri = format!("{}/sessions", path(&jo.person));
    let listed = app.get_as(&uri, &admin.access_token).await.expect(200).json();
    let own = app.get_as("/sessions", &jo.access_token).await.expect(200).json();
    let mut own = own.as_array().unwrap().clone();
    assert_eq!(own.len(), 2);
    for session in &mut own {
        let session = session.as_object_mut().unwrap();
        assert!(
            session.remove("current").is_some(),
            "it is of the caller, whom this list does not concern"
        );
    }
    assert_eq!(listed, json!({"sessions": own}));
    assert_eq!(listed["sessions"][0]["ip"], "203.0.113.7");

    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    let listed = app.get_as(&uri, &admin.access_token).await.expect(200).json();
    assert_eq!(listed, json!({"sessions": []}));
}

#[actix_web::test]
async fn all_sessions_of_one_account_end_and_no_others() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let second = jo.person.sign_in_again(&app).await;
    let pending = jo.person.log_in(&app).await;
    let ann = Person::sign_up(&app, "ann@example.com").await;

    let uri = format!("{}/sessions", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    app.clock.advance(30);
    let code = jo.person.code(&app);
    assert_out(&app, &jo, (&pending, &code)).await;
    app.get_as("/me", &second).await.expect_problem(401, "invalid_token");
    app.get_as("/me", &ann.access_token).await.expect(200);
    // The owner can sign in again.
    jo.person.log_in_with(&app, &code).await.expect(200);

    let done = &events(&app, &admin, "authz_admin").await[0];
    assert_eq!(done["reason"], "sessions_ended");
    let ended = events(&app, &admin, "authn_token_revoked").await;
    assert_eq!(ended.len(), 3);
    assert!(ended.iter().all(|event| event["actor_id"] == json!(admin.person.id)));
}

#[actix_web::test]
async fn one_session_of_an_account_ends_and_no_other() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let second = jo.person.sign_in_again(&app).await;
    let id = claims(&second)["sid"].as_str().unwrap().to_owned();

    let uri = format!("{}/sessions/{id}", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    app.get_as("/me", &second).await.expect_problem(401, "invalid_token");
    app.get_as("/me", &jo.access_token).await.expect(200);
    let ended = events(&app, &admin, "authn_token_revoked").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (&ended[0]["session_id"], &ended[0]["reason"], &ended[0]["actor_id"]),
        (&json!(id), &json!("by_operator"), &json!(admin.person.id))
    );
    let done = events(&app, &admin, "authz_admin").await;
    assert_eq!(
        (done.len(), &done[0]["reason"], &done[0]["user_id"]),
        (1, &json!("session_ended"), &json!(jo.person.id))
    );

    // It is gone, and no further event says so.
    app.bare_as(Method::DELETE, &uri, &admin.access_token)
        .await
        .expect_problem(404, "not_found");
    assert_eq!(events(&app, &admin, "authn_token_revoked").await.len(), 1);
    assert_eq!(events(&app, &admin, "authz_admin").await.len(), 1);
}

#[actix_web::test]
async fn only_a_listed_session_of_the_account_can_be_ended() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let ann = Person::sign_up(&app, "ann@example.com").await;
    let pending = jo.person.log_in(&app).await;
    let of_ann = claims(&ann.access_token)["sid"].as_str().unwrap().to_owned();
    let waiting = "SELECT id::text AS id FROM sessions WHERE state = 'pending'";
    let waiting: Vec<Id> = diesel::sql_query(waiting).load(&mut app.database.connect()).unwrap();
    let [waiting] = &waiting[..] else {
        panic!("one login waits")
    };
    let unknown = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071";
    for id in [of_ann.as_str(), &waiting.id, unknown, "x"] {
        let uri = format!("{}/sessions/{id}", path(&jo.person));
        let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
    for account in ["x", unknown] {
        let uri = format!("/admin/users/{account}/sessions/{of_ann}");
        let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
        answer.expect_problem(404, "not_found");
    }
    app.get_as("/me", &ann.access_token).await.expect(200);
    app.clock.advance(30);
    let code = jo.person.code(&app);
    verify(&app, &pending, &code).await.expect(200);
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    id: String,
}

#[actix_web::test]
async fn administrators_may_end_their_own() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let uri = format!("{}/sessions", path(&admin.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    app.get_as("/me", &admin.access_token)
        .await
        .expect_problem(401, "invalid_token");
    let answer = app.bare_as(Method::DELETE, &uri, &admin.access_token).await;
    answer.expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn an_unknown_account_is_404() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let answer = app
        .bare_as(Method::DELETE, "/admin/users/x/sessions", &admin.access_token)
        .await;
    answer.expect_problem(404, "not_found");
    for id in ["x", "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"] {
        let uri = format!("/admin/users/{id}/sessions");
        app.get_as(&uri, &admin.access_token)
            .await
            .expect_problem(404, "not_found");
    }
}
