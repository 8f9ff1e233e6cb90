//! `GET /sessions` `DELETE /sessions` `DELETE /sessions/{id}`

use actix_web::http::header;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::actors::{Person, SignedIn, refresh, verify};
use crate::support::app::TestApp;
use crate::support::applications::{Application, described};

fn delete(path: &str, token: &str) -> TestRequest {
    TestRequest::delete()
        .uri(path)
        .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

async fn list(app: &TestApp, token: &str) -> Vec<Value> {
    app.get_as("/sessions", token)
        .await
        .expect(200)
        .json()
        .as_array()
        .unwrap()
        .clone()
}

#[actix_web::test]
async fn a_user_sees_their_live_sessions_and_which_one_asks() {
    let app = TestApp::new().await;
    let SignedIn {
        person,
        access_token: first,
        ..
    } = Person::sign_up(&app, "jo@example.com").await;
    Person::sign_up(&app, "mo@example.com").await;
    let second = person.sign_in_again(&app).await;
    person.log_in(&app).await;
    let listed = list(&app, &second).await;
    assert_eq!(listed.len(), 2, "neither others' sessions nor pending logins");
    assert_eq!(
        (&listed[0]["current"], &listed[1]["current"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(listed[1]["id"], crate::support::actors::claims(&first)["sid"]);
    assert_eq!(
        (&listed[0]["ip"], &listed[0]["amr"]),
        (&json!("203.0.113.7"), &json!(["pwd", "otp", "mfa"]))
    );
}

#[actix_web::test]
async fn one_session_is_ended_and_only_an_own_one() {
    let app = TestApp::new().await;
    let SignedIn {
        person,
        access_token: first,
        ..
    } = Person::sign_up(&app, "jo@example.com").await;
    let stranger = Person::sign_up(&app, "mo@example.com").await;
    let second = person.sign_in_again(&app).await;
    let id = list(&app, &first).await[0]["id"].as_str().unwrap().to_owned();
    for unknown in ["x", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        app.send(delete(&format!("/sessions/{unknown}"), &first))
            .await
            .expect_problem(404, "not_found");
    }
    app.send(delete(&format!("/sessions/{id}"), &stranger.access_token))
        .await
        .expect_problem(404, "not_found");
    app.get_as("/me", &second).await.expect(200);
    app.send(delete(&format!("/sessions/{id}"), &first)).await.expect(204);
    app.get_as("/me", &second).await.expect_problem(401, "invalid_token");
    app.send(delete(&format!("/sessions/{id}"), &first))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn the_others_end_and_the_one_that_asks_goes_on() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let second = signed_in.person.sign_in_again(&app).await;
    let pending = signed_in.person.log_in(&app).await;
    app.send(delete("/sessions", &second)).await.expect(204);
    app.get_as("/me", &second).await.expect(200);
    refresh(&app, &signed_in.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    app.clock.advance(30);
    verify(&app, &pending, &signed_in.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn beyond_the_most_the_least_recently_used_session_ends() {
    let app = TestApp::with(&[("MAX_SESSIONS", "2")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let second = signed_in.person.sign_in_again(&app).await;
    // The first is used again, so the second is the least recently used.
    app.clock.advance(1);
    let first = refresh(&app, &signed_in.refresh_token)
        .await
        .expect(200)
        .text("/access_token");
    app.clock.advance(1);
    let third = signed_in.person.sign_in_again(&app).await;
    app.get_as("/me", &first).await.expect(200);
    app.get_as("/me", &third).await.expect(200);
    app.get_as("/me", &second).await.expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_session_names_the_applications_that_were_granted_something_in_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    // So that their ids have an order.
    app.clock.advance(1);
    let own = Application::register(&app, {
        let mut console = described("Console", "public");
        console.first_party = true;
        console
    })
    .await;
    let first = &signed_in.access_token;
    shop.sign_in(&app, first, &[]).await;
    shop.sign_in(&app, first, &[]).await;
    own.sign_in(&app, first, &[("scope", "openid")]).await;
    let second = signed_in.person.sign_in_again(&app).await;
    let named = async |token: &str| {
        let listed = list(&app, token).await;
        assert_eq!(listed.len(), 2, "a grant is not a session of its own: {listed:?}");
        let current = |is: bool| listed.iter().find(|one| one["current"] == is).unwrap()["applications"].clone();
        (current(true), current(false))
    };
    let both = json!([{"client_id": shop.id, "name": "Shop"}, {"client_id": own.id, "name": "Console"}]);
    assert_eq!(named(first).await, (both, json!([])));
    shop.sign_in(&app, &second, &[]).await;
    let path = format!("/me/applications/{}", shop.id);
    app.send(delete(&path, first)).await.expect(204);
    let console = json!([{"client_id": own.id, "name": "Console"}]);
    assert_eq!(named(&second).await, (json!([]), console));
}
