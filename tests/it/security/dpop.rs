//! Sessions that are bound to a key of their client (RFC 9449): a copy of their tokens is worth nothing without the key.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use vestibule::api::openapi::document;
use vestibule::api::routes::{ProofUse, ROUTES};
use vestibule::domain::oauth::client::{ClientChanges, ClientDescription};

use crate::support::actors::{PASSWORD, Person, claims, log_in, refresh, verify};
use crate::support::api_keys::{introspect, make_key};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, CALLBACK, VERIFIER, described, service, text};
use crate::support::dpop::{Bound, Proof, Prover, with_proof};
use crate::support::passkeys::authenticator;
use crate::support::response::TestResponse;
use crate::support::statements;

async fn app_and_bound() -> (TestApp, Bound) {
    let app = TestApp::new().await;
    let bound = Prover::new().sign_up(&app, "jo@example.com").await;
    app.clock.advance(1);
    (app, bound)
}

/// Sends a GET with a bound token and a changed proof.
async fn read_with(app: &TestApp, bound: &Bound, change: impl FnOnce(&mut Proof)) -> TestResponse {
    let mut proof = bound
        .prover
        .describe(app, &Method::GET, "/me", Some(&bound.access_token));
    change(&mut proof);
    let request = TestRequest::get().uri("/me");
    app.send(with_proof(request, &bound.access_token, bound.prover.sign(&proof)))
        .await
}

#[actix_web::test]
async fn a_bound_session_works_with_its_key_from_the_beginning_to_the_end() {
    let (app, bound) = app_and_bound().await;
    assert_eq!(claims(&bound.access_token)["cnf"], json!({"jkt": bound.prover.jkt()}));
    let answer = bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    assert!(answer.header("dpop-nonce").is_some());
    let change = json!({"locale": "de"});
    bound
        .prover
        .call(&app, (Method::PATCH, "/me"), &bound.access_token, Some(&change))
        .await
        .expect(200);
    let body = json!({"refresh_token": bound.refresh_token});
    let answer = bound.prover.post(&app, "/token/refresh", &body).await.expect(200);
    assert_eq!(answer.text("/token_type"), "DPoP");
    app.clock.advance(1);
    let access_token = answer.text("/access_token");
    assert_eq!(claims(&access_token)["cnf"], json!({"jkt": bound.prover.jkt()}));
    app.clock.advance(30);
    let code = json!({"code": bound.person.code(&app)});
    let stepped_up = bound
        .prover
        .call(&app, (Method::POST, "/step-up"), &access_token, Some(&code))
        .await
        .expect(200);
    assert_eq!(stepped_up.text("/token_type"), "DPoP");
    app.clock.advance(1);
    let access_token = stepped_up.text("/access_token");
    bound
        .prover
        .call(&app, (Method::POST, "/logout"), &access_token, None)
        .await
        .expect(204);
    bound
        .prover
        .get(&app, "/me", &access_token)
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_login_binds_its_session_too() {
    let (app, bound) = app_and_bound().await;
    let other = Prover::new();
    app.clock.advance(30);
    let body = json!({"email": bound.person.email, "password": PASSWORD});
    let login = other.post(&app, "/login", &body).await.expect(200);
    let body = json!({"pre_auth_token": login.text("/pre_auth_token"), "code": bound.person.code(&app)});
    let answer = other.post(&app, "/2fa/verify", &body).await.expect(200);
    assert_eq!(claims(&answer.text("/access_token"))["cnf"]["jkt"], other.jkt());
}

#[actix_web::test]
async fn every_route_refuses_a_bound_token_as_a_bearer_token() {
    const ID: &str = "019ca945-0a00-7673-b71e-0108b877dbc7";
    let (app, bound) = app_and_bound().await;
    let mut routes = 0;
    let beside_token = ROUTES.iter().filter(|route| route.proof == Some(ProofUse::BesideToken));
    for route in beside_token {
        let path = route.path.replace("{id}", ID);
        let mut request = TestRequest::with_uri(&path).method(route.verb.method());
        request = request.insert_header((header::AUTHORIZATION, format!("Bearer {}", bound.access_token)));
        let body = match route.path {
            "/2fa/challenge" => json!({"method": "passkey"}),
            "/oauth/authorize" => json!({"request": "x"}),
            "/2fa/passkeys" => json!({"credential": authenticator(ID).register("AAAA")}),
            _ => json!({}),
        };
        if route.has_body {
            request = request.set_json(body);
        }
        let answer = app.send(request).await;
        assert_eq!(answer.status, 401, "{} {}", route.verb.name(), route.path);
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer error=\"invalid_token\"", "{}", route.path);
        routes += 1;
    }
    assert!(routes > 50, "{routes}");
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
}

/// The rule that the test above reads is complete: each route that takes a token reads the proof beside it.
#[test]
fn every_guarded_route_reads_proofs() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut guarded = 0;
    for route in ROUTES.iter().filter(|route| !route.operation_id.is_empty()) {
        let operation = &document["paths"][route.path][route.verb.name().to_ascii_lowercase()];
        if operation["security"].to_string().contains("_token") {
            // A path may take a form at one route and a token at another; the document describes them together.
            let mut same = ROUTES
                .iter()
                .filter(|other| (other.path, other.verb) == (route.path, route.verb));
            assert!(
                same.any(|one| one.proof == Some(ProofUse::BesideToken)),
                "{}",
                route.path
            );
            guarded += 1;
        }
    }
    assert!(guarded > 50, "{guarded}");
}

#[actix_web::test]
async fn an_unbound_token_is_refused_under_the_scheme_of_bound_ones() {
    let (app, bound) = app_and_bound().await;
    let bearer = Person::sign_up(&app, "mo@example.com").await;
    let answer = bound.prover.get(&app, "/me", &bearer.access_token).await;
    let challenge = answer.header("www-authenticate").unwrap();
    assert_eq!(
        challenge,
        "DPoP error=\"invalid_token\", algs=\"ES256 EdDSA Ed25519 PS256 RS256\""
    );
    answer.expect_problem(401, "invalid_token");
    // A proof beside a bearer token says nothing.
    let proof = bound
        .prover
        .prove(&app, &Method::GET, "/me", Some(&bearer.access_token));
    let request = TestRequest::get().uri("/me").insert_header(("dpop", proof));
    let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {}", bearer.access_token)));
    app.send(request).await.expect(200);
}

/// What a refusal names, and the change that causes it.
type Fault = (&'static str, Box<dyn Fn(&mut Proof)>);

#[actix_web::test]
async fn another_proof_is_refused_with_one_clear_answer() {
    let (app, bound) = app_and_bound().await;
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    let private = |proof: &mut Proof| proof.header["jwk"]["d"] = json!("AAAA");
    let faults: [Fault; 13] = [
        ("typ", Box::new(|proof| proof.header["typ"] = json!("JWT"))),
        ("alg", Box::new(|proof| proof.header["alg"] = json!("none"))),
        ("alg", Box::new(|proof| proof.header["alg"] = json!("HS256"))),
        ("crit", Box::new(|proof| proof.header["crit"] = json!(["x"]))),
        ("jwk", Box::new(|proof| proof.header["jwk"] = Value::Null)),
        ("private", Box::new(private)),
        ("signature", Box::new(|proof| proof.header["jwk"] = Prover::new().jwk())),
        ("htm", Box::new(|proof| proof.claims["htm"] = json!("POST"))),
        (
            "htu",
            Box::new(|proof| proof.claims["htu"] = json!("https://evil.example/me")),
        ),
        (
            "iat",
            Box::new(|proof| proof.claims["iat"] = json!(proof.claims["iat"].as_i64().unwrap() - 61)),
        ),
        (
            "iat",
            Box::new(|proof| proof.claims["iat"] = json!(proof.claims["iat"].as_i64().unwrap() + 61)),
        ),
        ("ath", Box::new(|proof| proof.claims["ath"] = json!("AAAA"))),
        ("jti", Box::new(|proof| proof.claims["jti"] = json!(""))),
    ];
    for (named, change) in faults {
        let answer = read_with(&app, &bound, change).await;
        assert_eq!(
            answer.header("www-authenticate"),
            Some("DPoP error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA Ed25519 PS256 RS256\"")
        );
        let problem = answer.expect_problem(401, "invalid_dpop_proof");
        assert!(
            problem["detail"].as_str().unwrap().contains(named),
            "{named}: {problem}"
        );
    }
    for nonce in [Value::Null, json!("x"), json!(URL_SAFE_NO_PAD.encode([7; 73]))] {
        let answer = read_with(&app, &bound, |proof| proof.claims["nonce"] = nonce).await;
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("error=\"use_dpop_nonce\"")
        );
        assert!(answer.header("dpop-nonce").is_some());
        answer.expect_problem(401, "use_dpop_nonce");
    }
    read_with(&app, &bound, |_| ()).await.expect(200);
}

#[actix_web::test]
async fn there_is_exactly_one_proof_in_a_request() {
    let (app, bound) = app_and_bound().await;
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    let proof = || bound.prover.prove(&app, &Method::GET, "/me", Some(&bound.access_token));
    let request = with_proof(TestRequest::get().uri("/me"), &bound.access_token, proof());
    app.send(request.append_header(("dpop", proof())))
        .await
        .expect_problem(401, "invalid_dpop_proof");
    let request = TestRequest::get().uri("/me");
    let request = request.insert_header((header::AUTHORIZATION, format!("DPoP {}", bound.access_token)));
    app.send(request).await.expect_problem(401, "invalid_dpop_proof");
    for other in ["", "x", "a.b.c", "ä"] {
        let request = with_proof(TestRequest::get().uri("/me"), &bound.access_token, other.to_owned());
        app.send(request).await.expect_problem(401, "invalid_dpop_proof");
    }
}

#[actix_web::test]
async fn the_host_of_a_request_does_not_matter_but_its_public_url() {
    let (app, bound) = app_and_bound().await;
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    let path = "/me/events?limit=1";
    bound.prover.get(&app, path, &bound.access_token).await.expect(200);
    let mut proof = bound
        .prover
        .describe(&app, &Method::GET, "/me", Some(&bound.access_token));
    proof.claims["htu"] = json!("https://localhost/me");
    let request = with_proof(
        TestRequest::get().uri("/me"),
        &bound.access_token,
        bound.prover.sign(&proof),
    );
    app.send(request.insert_header((header::HOST, "localhost")))
        .await
        .expect_problem(401, "invalid_dpop_proof");
    proof.claims["htu"] = json!("HTTPS://auth.example.com:443/%6de?x=1#y");
    let request = with_proof(
        TestRequest::get().uri("/me"),
        &bound.access_token,
        bound.prover.sign(&proof),
    );
    app.send(request).await.expect(200);
}

#[actix_web::test]
async fn a_nonce_expires() {
    let (app, bound) = app_and_bound().await;
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    app.clock.advance(300);
    read_with(&app, &bound, |_| ()).await.expect(200);
    app.clock.advance(1);
    read_with(&app, &bound, |_| ())
        .await
        .expect_problem(401, "use_dpop_nonce");
}

#[actix_web::test]
async fn a_copy_of_a_change_changes_nothing_and_of_a_crowd_one_wins() {
    let (app, bound) = app_and_bound().await;
    let sibling = app.sibling(&[]).await;
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    let proof = bound
        .prover
        .prove(&app, &Method::PATCH, "/me", Some(&bound.access_token));
    let change = |number: usize| {
        let request = TestRequest::patch().uri("/me").set_json(json!({"locale": "de"}));
        let request = with_proof(request, &bound.access_token, proof.clone());
        let instance = if number.is_multiple_of(2) { &app } else { &sibling };
        instance.send(request)
    };
    let answers = join_all((0..10).map(change)).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 9));
    for answer in refused {
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("error=\"use_dpop_nonce\"")
        );
        answer.expect_problem(401, "use_dpop_nonce");
    }
    // A read needs no nonce of its own, and takes none.
    for _ in 0..2 {
        read_with(&app, &bound, |_| ()).await.expect(200);
    }
    app.clock.advance(1);
    bound
        .prover
        .call(
            &app,
            (Method::PATCH, "/me"),
            &bound.access_token,
            Some(&json!({"locale": "en"})),
        )
        .await
        .expect(200);
    // What was copied before does not come back by a later change.
    change(0).await.expect_problem(401, "use_dpop_nonce");
}

#[actix_web::test]
async fn a_login_is_completed_with_the_key_that_it_began_with() {
    let app = TestApp::new().await;
    let person = Person::sign_up(&app, "jo@example.com").await.person;
    app.clock.advance(30);
    let (first, second) = (Prover::new(), Prover::new());
    let credentials = json!({"email": person.email, "password": PASSWORD});
    let bound = first.post(&app, "/login", &credentials).await.expect(200);
    let unbound = log_in(&app, &person.email, PASSWORD).await.expect(200);
    let body =
        |login: &TestResponse| json!({"pre_auth_token": login.text("/pre_auth_token"), "code": person.code(&app)});
    for _ in 0..6 {
        // Another key, no key, and a key that comes later: each is refused, and takes no attempt.
        second
            .post(&app, "/2fa/verify", &body(&bound))
            .await
            .expect_problem(400, "invalid_dpop_proof");
        app.post("/2fa/verify", &body(&bound))
            .await
            .expect_problem(400, "invalid_dpop_proof");
        first
            .post(&app, "/2fa/verify", &body(&unbound))
            .await
            .expect_problem(400, "invalid_dpop_proof");
    }
    let answer = first.post(&app, "/2fa/verify", &body(&bound)).await.expect(200);
    assert_eq!(answer.text("/token_type"), "DPoP");
    app.clock.advance(30);
    let answer = app.post("/2fa/verify", &body(&unbound)).await.expect(200);
    assert_eq!(answer.text("/token_type"), "Bearer");
}

#[actix_web::test]
async fn the_pre_auth_token_of_a_bound_login_needs_a_proof_everywhere() {
    let app = TestApp::new().await;
    let (first, second) = (Prover::new(), Prover::new());
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    let registered = first.post(&app, "/register", &body).await.expect(201);
    let token = registered.text("/pre_auth_token");
    let totp = (Method::POST, "/2fa/totp");
    app.post_as("/2fa/totp", &token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    second
        .call(&app, totp.clone(), &token, None)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    first.call(&app, totp, &token, None).await.expect(201);
    let options = (Method::POST, "/2fa/passkeys/options");
    app.post_as("/2fa/passkeys/options", &token)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    first.call(&app, options, &token, None).await.expect(200);
    let body = json!({"pre_auth_token": token, "method": "passkey"});
    app.post("/2fa/challenge", &body)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    second
        .post(&app, "/2fa/challenge", &body)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    let link = app.mailed_token("jo@example.com", "email_verification").await;
    let body = json!({"token": link});
    let path = (Method::POST, "/email/verify");
    app.call_as(Method::POST, "/email/verify", &token, &body)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    second
        .call(&app, path.clone(), &token, Some(&body))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    first.call(&app, path, &token, Some(&body)).await.expect(204);
    let logout = (Method::POST, "/logout");
    app.post_as("/logout", &token)
        .await
        .expect_problem(401, "invalid_token");
    second
        .call(&app, logout.clone(), &token, None)
        .await
        .expect_problem(401, "invalid_token");
    first.call(&app, logout, &token, None).await.expect(204);
}

#[actix_web::test]
async fn a_refresh_with_another_key_is_not_a_reuse() {
    let (app, bound) = app_and_bound().await;
    let thief = Prover::new();
    let first = json!({"refresh_token": bound.refresh_token});
    let steal = async |body: &Value| {
        refresh(&app, body["refresh_token"].as_str().unwrap())
            .await
            .expect_problem(400, "invalid_dpop_proof");
        thief
            .post(&app, "/token/refresh", body)
            .await
            .expect_problem(400, "invalid_dpop_proof");
    };
    steal(&first).await;
    let second = bound.prover.post(&app, "/token/refresh", &first).await.expect(200);
    let second = json!({"refresh_token": second.text("/refresh_token")});
    app.clock.advance(60);
    // A used token, outside of the grace window: for its owner this would be a reuse.
    steal(&first).await;
    let third = bound.prover.post(&app, "/token/refresh", &second).await.expect(200);
    let third = json!({"refresh_token": third.text("/refresh_token")});
    app.clock.advance(60);
    bound
        .prover
        .post(&app, "/token/refresh", &first)
        .await
        .expect_problem(401, "invalid_refresh_token");
    bound
        .prover
        .post(&app, "/token/refresh", &third)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn a_session_without_a_key_never_gets_one() {
    let app = TestApp::new().await;
    let mut bearer = Person::sign_up(&app, "jo@example.com").await;
    let prover = Prover::new();
    let body = json!({"refresh_token": bearer.refresh_token});
    prover
        .post(&app, "/token/refresh", &body)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    bearer.refresh(&app).await;
    assert_eq!(claims(&bearer.access_token).get("cnf"), None);
}

#[actix_web::test]
async fn a_refresh_takes_one_statement_with_a_key_and_without() {
    statements::record();
    let (app, bound) = app_and_bound().await;
    let bearer = Person::sign_up(&app, "mo@example.com").await;
    let url = app.database.url.expose_secret();
    statements::take(url);
    refresh(&app, &bearer.refresh_token).await.expect(200);
    let without = statements::take(url);
    let body = json!({"refresh_token": bound.refresh_token});
    bound.prover.post(&app, "/token/refresh", &body).await.expect(200);
    let with = statements::take(url);
    assert_eq!((without.len(), &with), (1, &without));
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);
    let read = statements::take(url);
    app.get_as("/me", &bearer.access_token).await.expect(200);
    assert_eq!(read, statements::take(url));
}

#[actix_web::test]
async fn introspection_tells_the_key() {
    let (app, bound) = app_and_bound().await;
    let client = app.service_client("api").await;
    let told = introspect(&app, &client, &bound.access_token).await;
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(told["cnf"]["jkt"], bound.prover.jkt());
}

#[actix_web::test]
async fn where_proofs_are_off_none_is_taken_and_what_is_bound_stays_bound() {
    let (app, bound) = app_and_bound().await;
    let off = app.sibling(&[("DPOP", "off")]).await;
    let metadata = off.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(metadata.get("dpop_signing_alg_values_supported"), None);
    let prover = Prover::new();
    let body = json!({"email": "mo@example.com", "password": PASSWORD});
    let request = TestRequest::post()
        .uri("/register")
        .insert_header(("dpop", "x"))
        .set_json(&body);
    let token = off.send(request).await.expect(201).text("/pre_auth_token");
    let body = json!({"pre_auth_token": token, "method": "passkey"});
    off.post("/2fa/challenge", &body).await.expect(422);
    bound.prover.get(&off, "/me", &bound.access_token).await.expect(200);
    off.get_as("/me", &bound.access_token)
        .await
        .expect_problem(401, "invalid_token");
    let body = json!({"refresh_token": bound.refresh_token});
    refresh(&off, &bound.refresh_token)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    prover
        .post(&off, "/token/refresh", &body)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    bound.prover.post(&off, "/token/refresh", &body).await.expect(200);
}

#[actix_web::test]
async fn where_proofs_are_required_no_session_begins_without_one_but_those_of_the_account_pages() {
    let app = TestApp::with(&[("DPOP", "required")]).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    let refused = app
        .post("/register", &body)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    assert!(refused["detail"].as_str().unwrap().contains("DPoP header"));
    let bound = Prover::new().sign_up(&app, "jo@example.com").await;
    app.post("/login", &body)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    let magic = json!({"token": "x"});
    app.post("/magic-link/verify", &magic)
        .await
        .expect_problem(400, "invalid_dpop_proof");
    bound.prover.get(&app, "/me", &bound.access_token).await.expect(200);

    app.clock.advance(30);
    let from_page = |path: &str, body: &Value| {
        let request = TestRequest::post().uri(path).set_json(body);
        app.send(request.insert_header((header::ORIGIN, "https://auth.example.com")))
    };
    let login = from_page("/login", &body).await.expect(200);
    let code = json!({
        "pre_auth_token": login.text("/pre_auth_token"), "code": bound.person.code(&app), "delivery": "cookie",
    });
    let answer = from_page("/2fa/verify", &code).await.expect(200);
    assert_eq!(answer.text("/token_type"), "Bearer");
    app.get_as("/me", &answer.text("/access_token")).await.expect(200);
    let without_pages = app.sibling(&[("DPOP", "required"), ("ACCOUNT_PAGES", "off")]).await;
    let request = TestRequest::post().uri("/login").set_json(&body);
    without_pages
        .send(request.insert_header((header::ORIGIN, "https://auth.example.com")))
        .await
        .expect_problem(400, "invalid_dpop_proof");
}

#[actix_web::test]
async fn sessions_from_before_proofs_were_required_go_on() {
    let app = TestApp::new().await;
    let bearer = Person::sign_up(&app, "jo@example.com").await;
    let pending = Person::register(&app, "mo@example.com").await;
    let required = app.sibling(&[("DPOP", "required")]).await;
    required.get_as("/me", &bearer.access_token).await.expect(200);
    refresh(&required, &bearer.refresh_token).await.expect(200);
    verify(&required, &pending.pre_auth_token, &pending.code(&required))
        .await
        .expect(200);
}

/// A token that an application gets with a code, by its key or without one.
async fn redeem(app: &TestApp, shop: &Application, prover: Option<&Prover>, code: &str) -> TestResponse {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &shop.id),
    ];
    match prover {
        Some(prover) => prover.form(app, "/oauth/token", &form).await,
        None => app.send(TestRequest::post().uri("/oauth/token").set_form(form)).await,
    }
}

async fn renew(app: &TestApp, shop: &Application, prover: Option<&Prover>, token: &str) -> TestResponse {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", &shop.id),
    ];
    match prover {
        Some(prover) => prover.form(app, "/oauth/token", &form).await,
        None => app.send(TestRequest::post().uri("/oauth/token").set_form(form)).await,
    }
}

#[actix_web::test]
async fn a_grant_is_bound_to_the_key_that_redeems_its_code() {
    let app = TestApp::new().await;
    let user = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let code = shop.code(&app, &user.access_token, &[]).await;
    // A proof that needs a nonce leaves the code as it is.
    let tokens = redeem(&app, &shop, Some(&prover), &code).await.expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let access = text(&tokens, "access_token");
    assert_eq!(claims(&access)["cnf"]["jkt"], prover.jkt());
    app.get_as("/userinfo", &access)
        .await
        .expect_oauth(401, "invalid_token");
    thief
        .get(&app, "/userinfo", &access)
        .await
        .expect_oauth(401, "invalid_token");
    prover.get(&app, "/userinfo", &access).await.expect(200);
    // It is a read, also by POST, and takes no nonce.
    for _ in 0..2 {
        prover
            .call(&app, (Method::POST, "/userinfo"), &access, None)
            .await
            .expect(200);
    }
    let refresh_token = text(&tokens, "refresh_token");
    renew(&app, &shop, None, &refresh_token)
        .await
        .expect_oauth(400, "invalid_dpop_proof");
    renew(&app, &shop, Some(&thief), &refresh_token)
        .await
        .expect_oauth(400, "invalid_dpop_proof");
    let tokens = renew(&app, &shop, Some(&prover), &refresh_token)
        .await
        .expect(200)
        .json();
    assert_eq!(tokens["token_type"], "DPoP");
    assert!(tokens["id_token"].is_string());
    // A copy of the same request: the tokens are worth nothing without the key, and an ID token would be.
    let again = renew(&app, &shop, Some(&prover), &refresh_token)
        .await
        .expect(200)
        .json();
    assert_eq!((&again["token_type"], again.get("id_token")), (&json!("DPoP"), None));
    let request = TestRequest::post().uri("/oauth/token").insert_header(("dpop", "x"));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", &shop.id),
    ];
    app.send(request.set_form(form))
        .await
        .expect_oauth(400, "invalid_dpop_proof");
}

#[actix_web::test]
async fn a_code_that_names_a_key_is_redeemed_with_that_key_only() {
    let app = TestApp::new().await;
    let user = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let jkt = prover.jkt();
    let named = [("dpop_jkt", jkt.as_str())];
    let code = shop.code(&app, &user.access_token, &named).await;
    redeem(&app, &shop, Some(&prover), &code).await.expect(200);
    for other in [None, Some(&thief)] {
        let code = shop.code(&app, &user.access_token, &named).await;
        redeem(&app, &shop, other, &code)
            .await
            .expect_oauth(400, "invalid_grant");
        // As after a wrong verifier: an attacker may have the code.
        redeem(&app, &shop, Some(&prover), &code)
            .await
            .expect_oauth(400, "invalid_grant");
    }
    let query = shop.query(&[("dpop_jkt", "short")]);
    let answer = app.get(&format!("/oauth/authorize?{query}")).await.expect(303);
    assert!(answer.header("location").unwrap().contains("error=invalid_request"));
}

#[actix_web::test]
async fn a_pushed_request_names_its_key_by_a_proof() {
    let app = TestApp::new().await;
    let user = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let push = async |changes: &[(&str, &str)]| {
        let query = shop.query(changes);
        let form: Vec<(String, String)> = serde_urlencoded::from_str(&query).unwrap();
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        prover.form(&app, "/oauth/par", &form).await
    };
    for (redeemer, status) in [(&prover, 200), (&thief, 400)] {
        let pushed = push(&[]).await.expect(201).text("/request_uri");
        let changes = [("request_uri", pushed.as_str())];
        let code = shop.code(&app, &user.access_token, &changes).await;
        redeem(&app, &shop, Some(redeemer), &code).await.expect(status);
    }
    let jkt = thief.jkt();
    push(&[("dpop_jkt", jkt.as_str())])
        .await
        .expect_oauth(400, "invalid_dpop_proof");
}

#[actix_web::test]
async fn a_confidential_application_a_service_and_a_script_are_bound_as_well() {
    let app = TestApp::new().await;
    let user = Person::sign_up(&app, "jo@example.com").await;
    let prover = Prover::new();
    let console = Application::register(&app, described("Console", "confidential")).await;
    let code = console.code(&app, &user.access_token, &[]).await;
    let secret = console.secret.clone().unwrap();
    let credentials = [("client_id", console.id.as_str()), ("client_secret", secret.as_str())];
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    form.extend(credentials);
    let tokens = prover.form(&app, "/oauth/token", &form).await.expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let refresh_token = text(&tokens, "refresh_token");
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &refresh_token)];
    form.extend(credentials);
    let thief = Prover::new();
    thief
        .form(&app, "/oauth/token", &form)
        .await
        .expect_oauth(400, "invalid_dpop_proof");
    prover.form(&app, "/oauth/token", &form).await.expect(200);

    let worker = Application::register(&app, service("Worker")).await;
    let secret = worker.secret.clone().unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", API),
        ("client_id", worker.id.as_str()),
        ("client_secret", secret.as_str()),
    ];
    let tokens = prover.form(&app, "/oauth/token", &form).await.expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(claims(&text(&tokens, "access_token"))["cnf"]["jkt"], prover.jkt());

    let key = make_key(&app, &user.access_token, &["roles"]).await.api_key;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", key.as_str()),
        ("subject_token_type", "urn:vestibule:params:oauth:token-type:api-key"),
    ];
    let tokens = prover.form(&app, "/oauth/token", &form).await.expect(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let client = app.service_client("api").await;
    let told = introspect(&app, &client, &text(&tokens, "access_token")).await;
    assert_eq!(
        (&told["token_type"], &told["cnf"]["jkt"]),
        (&json!("DPoP"), &json!(prover.jkt()))
    );
}

#[actix_web::test]
async fn a_client_that_is_registered_for_bound_tokens_gets_no_others() {
    let app = TestApp::new().await;
    let user = Person::sign_up(&app, "jo@example.com").await;
    let prover = Prover::new();
    let description = ClientDescription {
        dpop_bound_access_tokens: true,
        ..described("Shop", "public")
    };
    let shop = Application::register(&app, description).await;
    let code = shop.code(&app, &user.access_token, &[]).await;
    // The refusal leaves the code as it is.
    redeem(&app, &shop, None, &code)
        .await
        .expect_oauth(400, "invalid_dpop_proof");
    redeem(&app, &shop, Some(&prover), &code).await.expect(200);
    let description = ClientDescription {
        dpop_bound_access_tokens: true,
        ..service("Worker")
    };
    let worker = Application::register(&app, description).await;
    let form = [("grant_type", "client_credentials"), ("resource", API)];
    worker.token(&app, &form).await.expect_oauth(400, "invalid_dpop_proof");
    // An operator may decide so later, and take it back. Grants without a key end, since none gets a key later.
    let open = Application::register(&app, described("Open", "public")).await;
    let tokens = open.sign_in(&app, &user.access_token, &[]).await;
    let code = open.code(&app, &user.access_token, &[]).await;
    let bound = |is_bound| ClientChanges {
        dpop_bound_access_tokens: Some(is_bound),
        ..ClientChanges::default()
    };
    app.update_client(&worker.id, bound(false)).await;
    worker.token(&app, &form).await.expect(200);
    app.update_client(&worker.id, ClientChanges::default()).await;
    worker.token(&app, &form).await.expect(200);
    app.update_client(&worker.id, bound(true)).await;
    worker.token(&app, &form).await.expect_oauth(400, "invalid_dpop_proof");
    app.update_client(&open.id, bound(true)).await;
    open.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
    redeem(&app, &open, Some(&prover), &code).await.expect(200);
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Binary>)]
    key_thumbprint: Option<Vec<u8>>,
}

#[actix_web::test]
async fn the_key_is_stored_as_its_thumbprint_from_the_beginning() {
    let app = TestApp::new().await;
    let prover = Prover::new();
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    prover.post(&app, "/register", &body).await.expect(201);
    let mut connection = app.database.connect();
    let stored: Stored = diesel::sql_query("SELECT state, key_thumbprint FROM sessions")
        .get_result(&mut connection)
        .unwrap();
    let expected = URL_SAFE_NO_PAD.decode(prover.jkt()).unwrap();
    assert_eq!(
        (stored.state.as_str(), stored.key_thumbprint),
        ("pending", Some(expected))
    );
}

#[actix_web::test]
async fn pages_may_send_proofs_and_read_nonces() {
    let app = TestApp::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let preflight = |path: &str| {
        let request = TestRequest::with_uri(path).method(Method::OPTIONS);
        let request = request.insert_header((header::ORIGIN, "https://app.example.com"));
        let request = request.insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"));
        app.send(request.insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type, dpop")))
    };
    let allowed = preflight("/login").await;
    assert!(allowed.status.is_success());
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("dpop"));
    for path in ["/login", "/oauth/token"] {
        let request = TestRequest::post()
            .uri(path)
            .insert_header((header::ORIGIN, "https://app.example.com"));
        let request = request.insert_header(("dpop", "x")).set_form([("client_id", "x")]);
        let answer = app.send(request).await;
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(
            exposed.contains("dpop-nonce") && answer.header("dpop-nonce").is_some(),
            "{path}"
        );
    }
}
