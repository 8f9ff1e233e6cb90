//! Every guarded route refuses every kind of bad token.
//!
//! The loop reads the table of routes, so a new route is covered as soon as it is in the table.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use vestibule::api::routes::{Access, ROUTES, RouteSpec, Verb};

use crate::support::actors::{
    PASSWORD, Person, SignedIn, challenge, claims, header as token_header, step_up, verify_by,
};
use crate::support::api_keys::{access_token, make_key};
use crate::support::app::TestApp;
use crate::support::applications::{Application, claims_writer, service};
use crate::support::passkeys::authenticator;
use crate::support::response::TestResponse;

#[actix_web::test]
async fn routes_for_signed_in_users_accept_only_live_access_tokens_of_ours() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let bad = bad_access_tokens(&app, &signed_in).await;
    let for_signed_in = [Access::AccessToken, Access::RecentAuthentication];
    let routes = ROUTES.iter().filter(|route| for_signed_in.contains(&route.access));
    for (number, route) in routes.enumerate() {
        // Each route gets its own user: some requests end the session of the token.
        let person = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        let good = call(&app, route, Some(&person.access_token)).await;
        assert_ne!(good.status.as_u16(), 401, "{} refuses a good token", route.path);
        call(&app, route, None).await.expect_problem(401, "invalid_token");
        for (name, token) in &bad {
            let answer = call(&app, route, Some(token)).await;
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer error=\"invalid_token\""),
                "{name}"
            );
            answer.expect_problem(401, "invalid_token");
        }
    }
}

#[actix_web::test]
async fn routes_for_pending_logins_accept_only_live_pre_auth_tokens() {
    let app = TestApp::new().await;
    let pending = Person::register(&app, "mo@example.com").await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let forged = format!("vpa_{}", URL_SAFE_NO_PAD.encode([1; 73]));
    let bad = bad_access_tokens(&app, &signed_in).await;
    for route in ROUTES.iter().filter(|route| route.access == Access::Enrolment) {
        let good = call(&app, route, Some(&pending.pre_auth_token)).await;
        assert_ne!(good.status.as_u16(), 401, "{} refuses a good token", route.path);
        call(&app, route, None).await.expect_problem(401, "invalid_token");
        for token in [
            &forged,
            &signed_in.person.pre_auth_token,
            &signed_in.refresh_token.replacen("vrt_", "vpa_", 1),
        ] {
            call(&app, route, Some(token))
                .await
                .expect_problem(401, "invalid_pre_auth_token");
        }
        // Here a live pre-auth token is accepted.
        for (name, token) in bad.iter().filter(|(name, _)| *name != "a pre-auth token") {
            let answer = call(&app, route, Some(token)).await;
            assert_eq!(answer.status.as_u16(), 401, "{name}");
        }
    }
}

#[actix_web::test]
async fn sensitive_changes_require_a_recent_proof_of_all_factors() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(301);
    let sensitive = [Access::RecentAuthentication, Access::Enrolment];
    for route in ROUTES.iter().filter(|route| sensitive.contains(&route.access)) {
        let answer = call(&app, route, Some(&signed_in.access_token)).await;
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"300\""),
        );
        let problem = answer.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(
            (&problem["acr_values"], &problem["max_age"]),
            (&json!("aal2"), &json!(300))
        );
    }
}

/// The operations that the page for operators lists, and no others.
#[actix_web::test]
async fn work_of_administrators_that_outlasts_their_token_requires_a_recent_proof() {
    let app = TestApp::new().await;
    let mut admin = Person::sign_up(&app, "jo@example.com").await;
    set_roles(&app, "{admin}");
    admin.refresh(&app).await;
    app.clock.advance(301);
    let mut demanding = Vec::new();
    for route in ROUTES.iter().filter(|route| route.access.needs_administrator()) {
        let answer = call(&app, route, Some(&admin.access_token)).await;
        if answer.status == 401 {
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"300\""),
            );
            answer.expect_problem(401, "insufficient_user_authentication");
            demanding.push(format!("{} {}", route.verb.name(), route.path));
        }
    }
    let page = include_str!("../../../docs/how-to/accounts.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let named = rows
        .filter_map(|row| row.split_once("` | "))
        .map(|(operation, _why)| operation);
    let mut listed: Vec<&str> = named.filter(|operation| operation.contains(" /admin/")).collect();
    listed.sort_unstable();
    demanding.sort_unstable();
    assert_eq!(demanding, listed);
}

/// Several tokens of one session are valid at the same time. A token must not profit from a proof of another token,
/// neither from its time nor from its level.
#[actix_web::test]
async fn no_token_is_lifted_by_another_one_of_its_session() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_email(&app).await;
    set_roles(&app, "{admin}");
    app.clock.advance(60);
    let login = signed_in.person.log_in(&app).await;
    challenge(&app, &login, "email").await.expect(202);
    let code = app.sent_code("jo@example.com").await;
    let low = verify_by(&app, &login, &code, "email")
        .await
        .expect(200)
        .text("/access_token");
    let stale = signed_in.person.sign_in_again(&app).await;
    app.clock.advance(301);
    let recovery = json!({"code": signed_in.recovery_codes[0]});
    let high = step_up(&app, &low, &recovery).await.expect(200).text("/access_token");
    // The same factor as that of the stale token: only the time of the proof differs.
    let code = json!({"code": signed_in.person.code(&app)});
    let fresh = step_up(&app, &stale, &code).await.expect(200).text("/access_token");

    for route in ROUTES.iter() {
        let refused_of: &[(&str, &str)] = match route.access {
            access if access.needs_recent_proof() => &[("low", &low), ("stale", &stale)],
            access if access.needs_administrator() => &[("low", &low)],
            _ => &[],
        };
        for (name, token) in refused_of {
            let answer = call(&app, route, Some(token)).await;
            assert_eq!(answer.status.as_u16(), 401, "{} takes the {name} token", route.path);
            answer.expect_problem(401, "insufficient_user_authentication");
        }
    }
    for token in [&low, &stale] {
        app.call_as(Method::PATCH, "/me", token, &json!({"username": "jo.doe"}))
            .await
            .expect_problem(401, "insufficient_user_authentication");
        let told = app.get_as("/token/validate", token).await.expect(200).json();
        let said = claims(token);
        for claim in ["auth_time", "acr", "amr"] {
            assert_eq!(told[claim], said[claim], "{claim}");
        }
    }
    for token in [&high, &fresh] {
        app.get_as("/me/export", token).await.expect(200);
        app.get_as("/admin/users", token).await.expect(200);
    }
}

#[actix_web::test]
async fn a_role_counts_while_both_the_token_and_the_account_have_it() {
    let app = TestApp::new().await;
    let mut signed_in = Person::sign_up(&app, "jo@example.com").await;
    let client = app.service_client("api").await;
    let from_before = signed_in.access_token.clone();
    set_roles(&app, "{admin,editor}");
    signed_in.refresh(&app).await;
    app.get_as("/admin/users", &signed_in.access_token).await.expect(200);
    let assert_roles = async |token: &str, roles: &[&str]| {
        let validated = app.get_as("/token/validate", token).await.expect(200);
        assert_eq!(validated.header("x-auth-roles"), Some(roles.join(",").as_str()));
        // Without roles the member is missing.
        let said = (!roles.is_empty()).then(|| json!(roles));
        assert_eq!(validated.json().get("roles"), said.as_ref());
        let request = TestRequest::with_uri("/token/introspect").method(Method::POST);
        let request = request.insert_header((header::AUTHORIZATION, client.clone()));
        let introspected = app.send(request.set_json(json!({"token": token}))).await;
        assert_eq!(introspected.expect(200).json().get("roles"), said.as_ref());
    };
    assert_roles(&from_before, &[]).await;
    assert_roles(&signed_in.access_token, &["admin", "editor"]).await;
    let administrators = || ROUTES.iter().filter(|route| route.access.needs_administrator());
    for route in administrators() {
        call(&app, route, Some(&from_before))
            .await
            .expect_problem(403, "forbidden");
    }
    set_roles(&app, "{editor}");
    for route in administrators() {
        call(&app, route, Some(&signed_in.access_token))
            .await
            .expect_problem(403, "forbidden");
    }
    assert_roles(&signed_in.access_token, &["editor"]).await;
}

fn set_roles(app: &TestApp, roles: &str) {
    let statement = format!("UPDATE users SET roles = '{roles}'");
    app.database.connect().batch_execute(&statement).unwrap();
}

#[actix_web::test]
async fn routes_for_administrators_require_the_role_and_two_factors() {
    let app = TestApp::new().await;
    let mut signed_in = Person::sign_up(&app, "jo@example.com").await;
    let optional = app.sibling(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let weak = Person::register(&app, "weak@example.com").await;
    let weak_login = json!({"email": weak.email, "password": PASSWORD});
    set_roles(&app, "{admin}");
    let weak_token = optional
        .post("/login", &weak_login)
        .await
        .expect(200)
        .text("/access_token");
    signed_in.refresh(&app).await;
    let bad = bad_access_tokens(&app, &signed_in).await;
    let client = app.service_client("api").await;
    for route in ROUTES.iter().filter(|route| route.access.needs_administrator()) {
        for few in ["{}", "{editor,Admin,shop:admin}"] {
            set_roles(&app, few);
            for token in [&signed_in.access_token, &weak_token] {
                call(&app, route, Some(token)).await.expect_problem(403, "forbidden");
            }
        }
        set_roles(&app, "{admin}");
        let answer = call(&app, route, Some(&weak_token)).await;
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("acr_values=\"aal2\""), "{challenge}");
        answer.expect_problem(401, "insufficient_user_authentication");
        call(&app, route, None).await.expect_problem(401, "invalid_token");
        for (_, token) in &bad {
            call(&app, route, Some(token))
                .await
                .expect_problem(401, "invalid_token");
        }
        let request = TestRequest::with_uri("/admin/users").insert_header((header::AUTHORIZATION, client.clone()));
        app.send(request).await.expect_problem(401, "invalid_token");
        let good = call(&app, route, Some(&signed_in.access_token)).await;
        assert!(
            ![401, 403].contains(&good.status.as_u16()),
            "{} refuses an administrator",
            route.path
        );
    }
}

#[actix_web::test]
async fn routes_for_services_accept_only_their_tokens_for_this_resource() {
    let app = TestApp::new().await;
    let mut admin = Person::sign_up(&app, "jo@example.com").await;
    set_roles(&app, "{admin}");
    admin.refresh(&app).await;
    let mut bad = bad_access_tokens(&app, &admin).await;
    bad.push(("an administrator's", admin.access_token.clone()));
    let elsewhere = Application::register(&app, service("Worker")).await;
    let form = [("grant_type", "client_credentials")];
    let token = elsewhere.token(&app, &form).await.expect(200).text("/access_token");
    bad.push(("a service's for another resource", token));
    let credentials = app.service_client("api").await;
    let writer = Application::register(&app, claims_writer("Writer")).await;
    let good = writer.token(&app, &form).await.expect(200).text("/access_token");
    for route in ROUTES.iter().filter(|route| route.access == Access::Service) {
        assert_ne!(call(&app, route, Some(&good)).await.status.as_u16(), 401);
        call(&app, route, None).await.expect_problem(401, "invalid_token");
        let path = route.path.replace("{id}", &admin.person.id);
        let request = TestRequest::with_uri(&path).method(route.verb.method());
        let request = request.insert_header((header::AUTHORIZATION, credentials.clone()));
        app.send(request).await.expect_problem(401, "invalid_token");
        for (name, token) in &bad {
            let refused = call(&app, route, Some(token)).await;
            assert_eq!(refused.status.as_u16(), 401, "{name}");
            refused.expect_problem(401, "invalid_token");
        }
    }
}

#[test]
fn every_route_that_touches_an_account_is_guarded_or_is_a_way_in() {
    // The other public routes take their token in the body, and their own tests cover it.
    let ways_in = [
        "/register",
        "/login",
        "/federation/{provider}/start",
        "/federation/{provider}/callback",
        "/federation/{provider}/finish",
        "/federation/{provider}/token",
        "/2fa/verify",
        "/2fa/challenge",
        "/magic-link",
        "/magic-link/verify",
        "/passkey/options",
        "/passkey/verify",
        "/password/forgot",
        "/password/reset",
        "/email/change/cancel",
        "/email/verify",
        "/email/verify/request",
        "/token/refresh",
        "/logout",
        "/oauth/authorize",
        "/oauth/logout",
        "/oauth/par",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/device_authorization",
        "/userinfo",
    ];
    for route in ROUTES.iter().filter(|route| route.access == Access::Public) {
        let is_below = |part: &&str| route.path == *part || route.path.starts_with(&format!("{part}/"));
        let guarded = ["/me", "/admin"].iter().any(is_below);
        let harmless = route.verb == Verb::Get && !guarded;
        assert!(harmless || ways_in.contains(&route.path), "{} is public", route.path);
    }
}

#[actix_web::test]
async fn routes_for_service_clients_accept_only_their_credentials() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let client = app.service_client("api").await;
    for route in ROUTES.iter().filter(|route| route.access == Access::ServiceClient) {
        let request = || {
            TestRequest::with_uri(route.path)
                .method(route.verb.method())
                .set_json(json!({"token": "x"}))
        };
        app.send(request().insert_header((header::AUTHORIZATION, client.clone())))
            .await
            .expect(200);
        app.send(request()).await.expect_problem(401, "invalid_client");
        call(&app, route, Some(&signed_in.access_token))
            .await
            .expect_problem(401, "invalid_client");
    }
}

async fn call(app: &TestApp, route: &RouteSpec, token: Option<&str>) -> TestResponse {
    const ID: &str = "019ca945-0a00-7673-b71e-0108b877dbc7";
    let path = route.path.replace("{id}", ID);
    let mut request = TestRequest::with_uri(&path).method(route.verb.method());
    if let Some(token) = token {
        request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    }
    if route.has_body {
        let body = match route.path {
            // A pre-auth token is looked up after the body was parsed.
            "/2fa/passkeys" => json!({"credential": authenticator(ID).register("AAAA")}),
            _ => json!({}),
        };
        request = request.set_json(body);
    }
    app.send(request).await
}

async fn bad_access_tokens(app: &TestApp, signed_in: &SignedIn) -> Vec<(&'static str, String)> {
    let good = &signed_in.access_token;
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let with_header = |change: &dyn Fn(&mut Value)| {
        let mut header = token_header(good);
        change(&mut header);
        format!("{}.{rest}", encode(&header))
    };
    let with_claims = |change: &dyn Fn(&mut Value)| {
        let mut changed = claims(good);
        change(&mut changed);
        format!("{head}.{}.{signature}", encode(&changed))
    };
    // Tokens signed by another deployment, or by this one for another audience or client.
    let other_key = TestApp::new().await;
    let stranger = Person::sign_up(&other_key, "jo@example.com").await.access_token;
    let other_audience = app.sibling(&[("AUDIENCE", "https://other.example")]).await;
    let elsewhere = Person::sign_up(&other_audience, "ann@example.com").await.access_token;
    let other_client = app.sibling(&[("CLIENT_ID", "other")]).await;
    let another_client = Person::sign_up(&other_client, "bob@example.com").await.access_token;
    let key = make_key(app, good, &["roles"]).await.api_key;
    vec![
        ("garbage", "x".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("no signature", format!("{head}.{payload}.")),
        (
            "alg none",
            format!("{}.{payload}.", encode(&json!({"alg": "none", "typ": "at+jwt"}))),
        ),
        (
            "alg none with the old signature",
            with_header(&|header| header["alg"] = json!("none")),
        ),
        ("alg HS256", with_header(&|header| header["alg"] = json!("HS256"))),
        ("typ JWT", with_header(&|header| header["typ"] = json!("JWT"))),
        (
            "unknown kid",
            with_header(&|header| header["kid"] = json!("' OR 1=1--")),
        ),
        (
            "a key of the sender's",
            with_header(&|header| header["jku"] = json!("https://evil.example/jwks.json")),
        ),
        (
            "a later exp",
            with_claims(&|claims| claims["exp"] = json!(9_999_999_999_i64)),
        ),
        (
            "another sub",
            with_claims(&|claims| claims["sub"] = claims["jti"].clone()),
        ),
        ("a role", with_claims(&|claims| claims["roles"] = json!(["admin"]))),
        (
            "another signature",
            format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode([7; 64])),
        ),
        ("a padded signature", format!("{good}=")),
        ("a trailing part", format!("{good}.")),
        ("another deployment's", stranger),
        ("another audience", elsewhere),
        ("another client", another_client),
        ("a refresh token", signed_in.refresh_token.clone()),
        ("a pre-auth token", signed_in.person.log_in(app).await),
        ("an API key", key.clone()),
        ("the token of an API key", access_token(app, &key).await),
        ("far too long", format!("{head}.{}.{signature}", "A".repeat(5000))),
    ]
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
