//! What services with an access token of their own may read: `GET /admin/events`, `GET /admin/users`, `GET
//! /admin/users/{id}`

use actix_web::http::Method;
use serde_json::{Value, json};
use vestibule::domain::oauth::client::{ClientChanges, ClientDescription};

use super::{administrator, path};
use crate::support::actors::{Person, log_in};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, described, service};
use crate::support::dpop::Prover;

const FORM: [(&str, &str); 1] = [("grant_type", "client_credentials")];
const RESOURCE: &str = "https://auth.example.com/admin";

fn reader(name: &str, scopes: &[&str]) -> ClientDescription {
    ClientDescription {
        audiences: vec![RESOURCE.to_owned()],
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        ..service(name)
    }
}

async fn token(app: &TestApp, service: &Application, more: &[(&str, &str)]) -> String {
    let form = [&FORM[..], more].concat();
    service.token(app, &form).await.expect(200).text("/access_token")
}

/// Returns each route with the scope that it requires.
fn routes(person: &Person) -> [(String, &'static str); 4] {
    [
        ("/admin/events".to_owned(), "events:read"),
        ("/admin/events?after=".to_owned(), "events:read"),
        ("/admin/users".to_owned(), "users:read"),
        (path(person), "users:read"),
    ]
}

#[actix_web::test]
async fn a_service_reads_what_its_scope_names_and_nothing_else() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::register(&app, "jo@example.com").await;
    for scope in ["events:read", "users:read", "claims:write"] {
        let service = Application::register(&app, reader(scope, &[scope])).await;
        let token = token(&app, &service, &[]).await;
        for (path, required) in routes(&jo) {
            let answer = app.get_as(&path, &token).await;
            if scope == required {
                let seen = app.get_as(&path, &admin.access_token).await.expect(200).json();
                assert_eq!(answer.expect(200).json(), seen, "{path}");
                continue;
            }
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{required}\"");
            assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
            answer.expect_problem(403, "insufficient_scope");
        }
        // What changes something, and the rest of `/admin`, stays with administrators.
        for path in ["/admin/clients", "/admin/webhooks", "/me", "/sessions"] {
            app.get_as(path, &token).await.expect_problem(401, "invalid_token");
        }
        let change = json!({"disabled": true});
        app.call_as(Method::PATCH, &path(&jo), &token, &change)
            .await
            .expect_problem(401, "invalid_token");
        app.bare_as(Method::DELETE, &path(&jo), &token)
            .await
            .expect_problem(401, "invalid_token");
    }
    let unknown = Application::register(&app, reader("all", &["users:read"])).await;
    let token = token(&app, &unknown, &[]).await;
    for id in ["019ca945-0a00-7673-b71e-0108b877dbc7", "x"] {
        let path = format!("/admin/users/{id}");
        app.get_as(&path, &token).await.expect_problem(404, "not_found");
    }
    let wrong = app.get_as("/admin/events?limit=0", &token).await;
    wrong.expect_problem(403, "insufficient_scope");
    let wrong = app.get_as("/admin/users?limit=0", &token).await;
    wrong.expect_problem(422, "validation_failed");
}

/// A reader that keeps its place gets each event once, in order.
#[actix_web::test]
async fn a_service_follows_the_trail() {
    let app = TestApp::new().await;
    let service = Application::register(&app, reader("reader", &["events:read"])).await;
    for number in 0..5 {
        app.clock.advance(1);
        let email = format!("jo{number}@example.com");
        log_in(&app, &email, "wrong").await.expect(401);
    }
    app.clock.advance(60);
    let token = token(&app, &service, &[]).await;
    let (mut after, mut seen): (String, Vec<Value>) = (String::new(), Vec::new());
    loop {
        let path = format!("/admin/events?event=authn_login_fail&limit=2&after={after}");
        let page = app.get_as(&path, &token).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        after = page["next_cursor"].as_str().unwrap().to_owned();
        let is_last = items.len() < 2;
        seen.extend(items);
        if is_last {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    let times: Vec<&str> = seen
        .iter()
        .map(|event| event["occurred_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[actix_web::test]
async fn a_token_for_another_resource_and_what_the_operator_took_do_not_count() {
    let app = TestApp::new().await;
    let jo = Person::register(&app, "jo@example.com").await;
    let both = ClientDescription {
        audiences: vec![RESOURCE.to_owned(), API.to_owned()],
        ..reader("reader", &["events:read", "users:read", "orders:read"])
    };
    let service = Application::register(&app, both).await;
    let elsewhere = token(&app, &service, &[("resource", API)]).await;
    let narrow = token(&app, &service, &[("scope", "orders:read")]).await;
    let good = token(&app, &service, &[]).await;
    for (path, _) in routes(&jo) {
        app.get_as(&path, &elsewhere).await.expect_problem(401, "invalid_token");
        app.get_as(&path, &narrow)
            .await
            .expect_problem(403, "insufficient_scope");
        app.get_as(&path, &good).await.expect(200);
    }
    let fewer = ClientChanges {
        scopes: Some(vec!["orders:read".to_owned()]),
        ..ClientChanges::default()
    };
    app.update_client(&service.id, fewer).await;
    for (path, _) in routes(&jo) {
        app.get_as(&path, &good).await.expect_problem(403, "insufficient_scope");
    }
    app.delete_client(&service.id).await;
    for (path, _) in routes(&jo) {
        app.get_as(&path, &good).await.expect_problem(401, "invalid_token");
    }
    let again = Application::register(&app, reader("again", &["events:read", "users:read"])).await;
    let late = token(&app, &again, &[]).await;
    app.clock.advance(601);
    for (path, _) in routes(&jo) {
        app.get_as(&path, &late).await.expect_problem(401, "invalid_token");
    }
}

/// An application with the resource and the scope acts for a user, so its token opens nothing here.
#[actix_web::test]
async fn a_token_of_a_user_with_the_scope_is_not_one_of_a_service() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let description = ClientDescription {
        audiences: vec![RESOURCE.to_owned()],
        scopes: ["openid", "events:read", "users:read"].map(str::to_owned).to_vec(),
        first_party: true,
        ..described("Shop", "public")
    };
    let shop = Application::register(&app, description).await;
    let changes = [("scope", "openid events:read users:read")];
    let tokens = shop.sign_in(&app, &admin.access_token, &changes).await;
    let token = crate::support::applications::text(&tokens, "access_token");
    assert_eq!(crate::support::actors::claims(&token)["aud"], json!(RESOURCE));
    for (path, _) in routes(&admin.person) {
        app.get_as(&path, &token).await.expect_problem(401, "invalid_token");
        app.get_as(&path, &admin.access_token).await.expect(200);
    }
}

#[actix_web::test]
async fn a_bound_token_of_a_service_counts_with_its_key_only() {
    let app = TestApp::new().await;
    let jo = Person::register(&app, "jo@example.com").await;
    let service = Application::register(&app, reader("reader", &["events:read", "users:read"])).await;
    let prover = Prover::new();
    let (id, secret) = (service.id.as_str(), service.secret.as_deref().unwrap());
    let form = [FORM[0], ("client_id", id), ("client_secret", secret)];
    let token = prover.form(&app, "/oauth/token", &form).await;
    let token = token.expect(200).text("/access_token");
    for path in ["/admin/events", "/admin/users", &path(&jo)] {
        app.get_as(path, &token).await.expect_problem(401, "invalid_token");
        let stranger = Prover::new().call(&app, (Method::GET, path), &token, None).await;
        stranger.expect_problem(401, "invalid_token");
        let own = prover.call(&app, (Method::GET, path), &token, None).await;
        own.expect(200);
    }
}
