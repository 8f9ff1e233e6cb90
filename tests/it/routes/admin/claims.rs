//! `PUT /admin/users/{id}/claims`

use actix_web::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::domain::oauth::client::{ClientChanges, ClientDescription};

use super::{administrator, patch, path};
use crate::support::actors::{Person, SignedIn, claims};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, claims_writer};
use crate::support::dpop::Prover;
use crate::support::response::TestResponse;

const FORM: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// A service that may set claims, with an access token.
struct Writer {
    service: Application,
    access_token: String,
}

impl Writer {
    async fn register(app: &TestApp) -> Self {
        let service = Application::register(app, claims_writer("Billing")).await;
        let access_token = service.token(app, &FORM).await.expect(200).text("/access_token");
        Self { service, access_token }
    }

    async fn put(&self, app: &TestApp, id: &str, body: &Value) -> TestResponse {
        let path = format!("/admin/users/{id}/claims");
        app.call_as(Method::PUT, &path, &self.access_token, body).await
    }
}

#[actix_web::test]
async fn a_service_replaces_the_claims_and_the_next_token_has_them() {
    let app = TestApp::new().await;
    let writer = Writer::register(&app).await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    assert_eq!(claims(&jo.access_token).get("app"), None);
    for given in [
        json!({"plan": "gold", "tenant": 7}),
        json!({"seats": [1, 2]}),
        json!({}),
    ] {
        let body = json!({"claims": given});
        writer.put(&app, &jo.person.id, &body).await.expect(204);
        // The same object once more changes nothing.
        writer.put(&app, &jo.person.id, &body).await.expect(204);
        jo.refresh(&app).await;
        let written = Some(given.clone()).filter(|given| *given != json!({}));
        assert_eq!(claims(&jo.access_token).get("app"), written.as_ref());
        let me = app.get_as("/me", &jo.access_token).await.expect(200).json();
        assert_eq!(me["claims"], given);
    }
    // Sign-ins and exports have them, too.
    let body = json!({"claims": {"plan": "silver"}});
    writer.put(&app, &jo.person.id, &body).await.expect(204);
    app.clock.advance(30);
    let again = jo.person.sign_in_again(&app).await;
    assert_eq!(claims(&again)["app"], json!({"plan": "silver"}));
    let export = app.get_as("/me/export", &again).await.expect(200).json();
    assert_eq!(export["user"]["claims"], json!({"plan": "silver"}));

    let admin = administrator(&app, "root@example.com").await;
    let trail = super::events(&app, &admin, "user_updated").await;
    let set: Vec<&Value> = trail.iter().filter(|event| event["reason"] == "claims").collect();
    assert_eq!(set.len(), 4, "{trail:?}");
    assert!(
        set.iter()
            .all(|event| event["client_id"] == json!(writer.service.id) && event["actor_id"].is_null())
    );
    // The owner sees the change, and not where the back end is.
    let own = app.get_as("/me/events", &again).await.expect(200).json();
    let seen = own["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["reason"] == "claims");
    assert_eq!(seen.unwrap()["ip"], Value::Null);
}

#[actix_web::test]
async fn an_administrator_replaces_them_too() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    let changed = patch(&app, &admin, &jo.person, json!({"claims": {"plan": "gold"}})).await;
    assert_eq!(changed.expect(200).json()["claims"], json!({"plan": "gold"}));
    // Another change leaves them.
    let changed = patch(&app, &admin, &jo.person, json!({"disabled": false})).await;
    assert_eq!(changed.expect(200).json()["claims"], json!({"plan": "gold"}));
    jo.refresh(&app).await;
    assert_eq!(claims(&jo.access_token)["app"], json!({"plan": "gold"}));
    patch(&app, &admin, &jo.person, json!({"claims": {}})).await.expect(200);
    let done = super::events(&app, &admin, "authz_admin").await;
    let reasons: Vec<&str> = done.iter().filter_map(|event| event["reason"].as_str()).collect();
    assert_eq!(reasons, ["claims_changed", "claims_changed"]);
    assert!(done.iter().all(|event| event["actor_id"] == json!(admin.person.id)));
    // A refused request changes nothing: the claims are checked before everything else.
    let refused = patch(&app, &admin, &jo.person, json!({"disabled": true, "claims": []})).await;
    assert_eq!(
        refused.expect_problem(422, "validation_failed")["errors"][0]["pointer"],
        "/claims"
    );
    app.get_as("/me", &jo.access_token).await.expect(200);
}

#[actix_web::test]
async fn what_is_not_a_small_object_is_refused() {
    let app = TestApp::new().await;
    let writer = Writer::register(&app).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::register(&app, "jo@example.com").await;
    for wrong in [
        json!(1),
        json!([]),
        json!("{}"),
        json!({"a": "x".repeat(2048)}),
        json!({"a": {"b": {"c": {"d": {}}}}}),
        json!({"a": "\u{0}"}),
        json!({"__proto__": {"admin": true}}),
        json!({"a": 9_007_199_254_740_993_u64}),
    ] {
        let body = json!({"claims": wrong});
        let refused = writer
            .put(&app, &jo.id, &body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/claims");
        patch(&app, &admin, &jo, body)
            .await
            .expect_problem(422, "validation_failed");
    }
    for wrong in [
        json!({}),
        json!({"claims": {}, "roles": ["admin"]}),
        json!({"roles": ["admin"]}),
    ] {
        writer
            .put(&app, &jo.id, &wrong)
            .await
            .expect_problem(400, "malformed_request");
    }
    // A member twice, anywhere: readers differ in which one counts.
    for twice in [
        r#"{"claims":{},"claims":{"plan":"gold"}}"#,
        r#"{"claims":{"plan":"silver","plan":"gold"}}"#,
        r#"{"claims":{"a":[{"plan":"silver","plan":"gold"}]}}"#,
    ] {
        for (method, path, token) in [
            (
                Method::PUT,
                format!("/admin/users/{}/claims", jo.id),
                &writer.access_token,
            ),
            (Method::PATCH, path(&jo), &admin.access_token),
        ] {
            let request = actix_web::test::TestRequest::with_uri(&path).method(method);
            let request = request
                .insert_header(("authorization", format!("Bearer {token}")))
                .insert_header(("content-type", "application/json"))
                .set_payload(twice);
            app.send(request).await.expect_problem(400, "malformed_request");
        }
    }
    let shown = app.get_as(&path(&jo), &admin.access_token).await.expect(200).json();
    assert_eq!((&shown["claims"], &shown["roles"]), (&json!({}), &json!([])));
    let unknown = "019ca945-0a00-7673-b71e-0108b877dbc7";
    for id in [unknown, "x"] {
        writer
            .put(&app, id, &json!({"claims": {}}))
            .await
            .expect_problem(404, "not_found");
    }
}

/// The token, and what the operator allows the service now, must both have the scope.
#[actix_web::test]
async fn a_service_without_the_scope_is_refused() {
    let app = TestApp::new().await;
    let jo = Person::register(&app, "jo@example.com").await;
    let body = json!({"claims": {"plan": "gold"}});
    let described = ClientDescription {
        scopes: vec!["claims:write".to_owned(), "orders:read".to_owned()],
        audiences: vec!["https://auth.example.com/admin".to_owned(), API.to_owned()],
        ..claims_writer("Billing")
    };
    let service = Application::register(&app, described).await;
    let token = async |more: (&str, &str)| {
        let answer = service.token(&app, &[FORM[0], more]).await;
        answer.expect(200).text("/access_token")
    };
    let mut writer = Writer {
        access_token: token(("scope", "orders:read")).await,
        service: Application::register(&app, claims_writer("Other")).await,
    };
    let refused = writer.put(&app, &jo.id, &body).await;
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"claims:write\"";
    assert_eq!(refused.header("www-authenticate"), Some(challenge));
    refused.expect_problem(403, "insufficient_scope");
    writer.access_token = token(("resource", API)).await;
    writer
        .put(&app, &jo.id, &body)
        .await
        .expect_problem(401, "invalid_token");
    writer.access_token = token(("scope", "claims:write")).await;
    writer.put(&app, &jo.id, &body).await.expect(204);

    let fewer = ClientChanges {
        scopes: Some(vec!["orders:read".to_owned()]),
        ..ClientChanges::default()
    };
    app.update_client(&service.id, fewer).await;
    writer
        .put(&app, &jo.id, &body)
        .await
        .expect_problem(403, "insufficient_scope");
    app.delete_client(&service.id).await;
    writer
        .put(&app, &jo.id, &body)
        .await
        .expect_problem(401, "invalid_token");
    app.clock.advance(601);
    writer.access_token = Writer::register(&app).await.access_token;
    app.clock.advance(601);
    writer
        .put(&app, &jo.id, &body)
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_bound_token_of_a_service_counts_with_its_key_only() {
    let app = TestApp::new().await;
    let jo = Person::register(&app, "jo@example.com").await;
    let service = Application::register(&app, claims_writer("Billing")).await;
    let prover = Prover::new();
    let (id, secret) = (service.id.as_str(), service.secret.as_deref().unwrap());
    let form = [FORM[0], ("client_id", id), ("client_secret", secret)];
    let token = prover
        .form(&app, "/oauth/token", &form)
        .await
        .expect(200)
        .text("/access_token");
    let (path, body) = (
        format!("/admin/users/{}/claims", jo.id),
        json!({"claims": {"plan": "gold"}}),
    );
    let put = || (Method::PUT, path.as_str());
    app.call_as(Method::PUT, &path, &token, &body)
        .await
        .expect_problem(401, "invalid_token");
    Prover::new()
        .call(&app, put(), &token, Some(&body))
        .await
        .expect_problem(401, "invalid_token");
    prover.call(&app, put(), &token, Some(&body)).await.expect(204);
}

/// Of writers at once one comes last, and its whole object stays.
#[actix_web::test]
async fn of_several_writers_the_last_one_wins_with_the_whole_object() {
    let app = TestApp::new().await;
    let writer = Writer::register(&app).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::register(&app, "jo@example.com").await;
    let given = |number: usize| json!({"claims": {"number": number, format!("only{number}"): true}});
    let writes = (0..20).map(|number| {
        let (body, writer, admin, jo, app) = (given(number), &writer, &admin, &jo, &app);
        async move {
            if number % 2 == 0 {
                writer.put(app, &jo.id, &body).await.expect(204)
            } else {
                patch(app, admin, jo, body).await.expect(200)
            }
        }
    });
    join_all(writes).await;
    let shown = app.get_as(&path(&jo), &admin.access_token).await.expect(200).json();
    let number = usize::try_from(shown["claims"]["number"].as_u64().unwrap()).unwrap();
    assert_eq!(shown["claims"], given(number)["claims"]);
    let changes = super::events(&app, &admin, "user_updated").await;
    assert_eq!(changes.iter().filter(|event| event["reason"] == "claims").count(), 20);
}

/// Refreshes that wait at the same moment share a statement: each session gets the claims of its own user.
#[actix_web::test]
async fn refreshes_at_once_have_the_claims_of_their_user() {
    let app = TestApp::new().await;
    let writer = Writer::register(&app).await;
    let mut users: Vec<SignedIn> = Vec::new();
    for number in 0..6 {
        let user = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        if number > 0 {
            let body = json!({"claims": {"number": number}});
            writer.put(&app, &user.person.id, &body).await.expect(204);
        }
        users.push(user);
    }
    join_all(users.iter_mut().map(|user| user.refresh(&app))).await;
    for (number, user) in users.iter().enumerate() {
        let expected = (number > 0).then(|| json!({"number": number}));
        assert_eq!(claims(&user.access_token).get("app"), expected.as_ref());
        let me = app.get_as("/me", &user.access_token).await.expect(200).json();
        assert_eq!(me["claims"], expected.unwrap_or_else(|| json!({})));
    }
}
