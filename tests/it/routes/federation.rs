//! `GET /federation` `POST /federation/{provider}/start` `POST /federation/{provider}/finish`
//! `POST /federation/{provider}/token` `GET /federation/{provider}/callback` `POST /federation/{provider}/callback`
//! `GET /me/identities` `DELETE /me/identities/{id}`

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, ORIGIN};
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, claims, log_in, verify};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::oath;
use crate::support::providers::{
    BACK, Providers, Started, come_back, id_token, link, sign_in, start, start_linking, verified,
};

const HONEST: &[&str] = &["honest"];
const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];

async fn identities(app: &TestApp, token: &str) -> Vec<Value> {
    let listed = app.get_as("/me/identities", token).await.expect(200).json();
    listed["identities"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn the_providers_are_listed_and_without_a_file_there_are_none() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(&[]).await;
    let listed = app.get("/federation").await.expect(200).json();
    let expected =
        json!({"providers": [{"id": "honest", "name": "The honest"}, {"id": "second", "name": "The second"}]});
    assert_eq!(listed, expected);
    let app = TestApp::new().await;
    assert_eq!(
        app.get("/federation").await.expect(200).json(),
        json!({"providers": []})
    );
    let answer = app
        .post("/federation/honest/start", &json!({"redirect_uri": BACK}))
        .await;
    answer.expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_newcomer_gets_an_account_and_a_second_factor() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let user = verified("alice", "Alice@Example.com");
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "enrolment_required");
    let pending = answer.text("/pre_auth_token");
    let enrolment = app.post_as("/2fa/totp", &pending).await.expect(201);
    let code = || oath::code_at(&enrolment.text("/secret"), app.now());
    let answer = verify(&app, &pending, &code()).await.expect(200);
    let token = answer.text("/access_token");
    assert_eq!(claims(&token)["amr"], json!(["fed", "otp", "mfa"]));
    assert_eq!(claims(&token)["acr"], "aal2");
    let me = app.get_as("/me", &token).await.expect(200).json();
    assert_eq!(
        (&me["email"], &me["email_verified"]),
        (&json!("alice@example.com"), &json!(true))
    );
    assert_eq!(me["has_password"], false);
    let linked = identities(&app, &token).await;
    assert_eq!(linked.len(), 1);
    assert_eq!(
        (&linked[0]["provider"], &linked[0]["name"]),
        (&json!("honest"), &json!("The honest"))
    );
    assert_eq!(linked[0]["email"], "alice@example.com");
    // The next time it is the same account, and the second factor is asked for.
    app.clock.advance(30);
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "second_factor_required");
    let again = verify(&app, &answer.text("/pre_auth_token"), &code()).await.expect(200);
    assert_eq!(claims(&again.text("/access_token"))["sub"], claims(&token)["sub"]);
    assert!(identities(&app, &token).await[0]["last_used_at"].is_string());
    // No mail asks for what the provider has proved.
    assert!(
        app.notification_kinds("alice@example.com")
            .await
            .iter()
            .all(|kind| kind != "email_verification")
    );
}

#[actix_web::test]
async fn where_the_second_factor_is_optional_the_provider_signs_in() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    let answer = sign_in(&app, "honest", &verified("alice", "alice@example.com"))
        .await
        .expect(200);
    assert_eq!(answer.text("/status"), "authenticated");
    let shown = claims(&answer.text("/access_token"));
    assert_eq!((&shown["acr"], &shown["amr"]), (&json!("aal1"), &json!(["fed"])));
    let events = app
        .get_as("/me/events", &answer.text("/access_token"))
        .await
        .expect(200)
        .json();
    let names: Vec<&str> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    for name in [
        "user_created",
        "identity_linked",
        "federation_used",
        "authn_login_success",
        "session_created",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

#[actix_web::test]
async fn two_factors_at_the_provider_count_where_the_operator_says_so() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    for (sub, amr, status) in [
        ("one", json!(["pwd", "mfa"]), "authenticated"),
        ("two", json!(["pwd", "otp"]), "enrolment_required"),
        ("three", json!("mfa"), "enrolment_required"),
    ] {
        let mut user = verified(sub, &format!("{sub}@example.com"));
        user["amr"] = amr;
        let answer = sign_in(&app, "honest", &user).await.expect(200);
        assert_eq!(answer.text("/status"), status, "{sub}");
        if status == "authenticated" {
            let shown = claims(&answer.text("/access_token"));
            assert_eq!((&shown["acr"], &shown["amr"]), (&json!("aal2"), &json!(["fed", "mfa"])));
        }
    }
}

#[actix_web::test]
async fn an_address_never_links_and_the_owner_links_after_signing_in() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let user = verified("jo-there", "jo@example.com");
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    // No token of any kind, and nothing was linked.
    assert_eq!(answer.json(), json!({"status": "link_required"}));
    assert!(answer.header("set-cookie").is_none());
    assert!(identities(&app, &jo.access_token).await.is_empty());
    link(&app, "honest", &jo, &user).await;
    assert!(
        app.notification_kinds("jo@example.com")
            .await
            .contains(&"identity_linked".to_owned())
    );
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "second_factor_required");
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
    let code = jo.person.code(&app);
    app.clock.advance(30);
    let _used = code;
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
    app.call_as(Method::PUT, "/me/password", &token, &body)
        .await
        .expect(204);
    app.bare_as(Method::DELETE, &uri, &token).await.expect(204);
}

#[actix_web::test]
async fn an_address_that_the_provider_does_not_prove_is_verified_by_mail() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[OPTIONAL[0], ("EMAIL_VERIFICATION", "required")]).await;
    let unproven = [
        json!({"sub": "1", "email": "one@example.com"}),
        json!({"sub": "2", "email": "two@example.com", "email_verified": false}),
        json!({"sub": "3", "email": "three@example.com", "email_verified": "true"}),
        json!({"sub": "4", "email": "four@example.com", "email_verified": 1}),
        // The operator believes this provider for example.com only.
        json!({"sub": "5", "email": "five@example.org", "email_verified": true}),
    ];
    for user in &unproven {
        let email = user["email"].as_str().unwrap();
        sign_in(&app, "honest", user)
            .await
            .expect_problem(403, "email_not_verified");
        sign_in(&app, "honest", user)
            .await
            .expect_problem(403, "email_not_verified");
        // The mail alone is not enough: its reader may be a victim whose address an attacker claims.
        let token = app.mailed_token(email, "email_verification").await;
        app.post("/email/verify", &json!({"token": token}))
            .await
            .expect_problem(401, "proof_required");
        // With the identity it is.
        let started = start(&app, "honest").await;
        let mut body = started.finishing(&app, user);
        body["email_token"] = json!(token);
        let answer = app.post(&started.path("finish"), &body).await.expect(200);
        assert_eq!(answer.text("/status"), "authenticated", "{user}");
        sign_in(&app, "honest", user).await.expect(200);
    }
}

#[actix_web::test]
async fn without_an_address_no_account_is_made() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    for user in [
        json!({"sub": "1"}),
        json!({"sub": "1", "email": "no address"}),
        json!({"sub": "1", "email": 7}),
    ] {
        sign_in(&app, "honest", &user)
            .await
            .expect_problem(422, "address_missing");
    }
    // An account that has the identity needs none.
    let jo = Person::sign_up(&app, "jo@example.com").await;
    link(&app, "honest", &jo, &json!({"sub": "1"})).await;
    sign_in(&app, "honest", &json!({"sub": "1"})).await.expect(200);
}

#[actix_web::test]
async fn where_only_operators_make_accounts_a_newcomer_gets_none() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[OPTIONAL[0], ("REGISTRATION", "closed")]).await;
    let user = verified("alice", "alice@example.com");
    sign_in(&app, "honest", &user).await.expect_problem(403, "forbidden");
    // An invited user is told to follow the invitation, and links then.
    assert!(app.invite("alice@example.com", None).await);
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "link_required");
    let unproven = json!({"sub": "mallory", "email": "alice@example.com"});
    sign_in(&app, "honest", &unproven)
        .await
        .expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn an_app_signs_in_with_an_id_token_of_its_system() {
    let providers = Providers::start(HONEST);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let started = start_native(&app).await;
    let token = id_token(&providers, "honest", &started, &user, "app");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    let answer = app.post("/federation/honest/token", &body).await.expect(200);
    assert_eq!(answer.text("/status"), "authenticated");
    // Once.
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_federation_token");
    // And with the nonce of its own start.
    let other = start_native(&app).await;
    let body = json!({"federation_token": other.federation_token, "id_token": token});
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_id_token");
    let of_another = id_token(&providers, "honest", &other, &user, "another");
    let body = json!({"federation_token": other.federation_token, "id_token": of_another});
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_id_token");
}

async fn start_native(app: &TestApp) -> Started {
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    assert!(answer.json().get("authorization_url").is_none());
    Started::native("honest", &answer)
}

#[actix_web::test]
async fn the_browser_is_led_back_to_the_client() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(&[]).await;
    let started = start(&app, "honest").await;
    let answer = come_back(&app, "honest", &format!("code=a+b&state={}&iss=x", started.state))
        .await
        .expect(303);
    let expected = format!("{BACK}?code=a+b&state={}&iss=x", started.state);
    assert_eq!(answer.header("location"), Some(expected.as_str()));
    let denied = come_back(&app, "honest", &format!("error=access_denied&state={}", started.state))
        .await
        .expect(303);
    let expected = format!("{BACK}?state={}&error=access_denied", started.state);
    assert_eq!(denied.header("location"), Some(expected.as_str()));
    // Apple sends a form, from its own origin.
    let form = TestRequest::post()
        .uri("/federation/honest/callback")
        .insert_header((ORIGIN, "https://appleid.apple.com"))
        .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .set_payload(format!("code=c&state={}&user=%7B%7D", started.state));
    let answer = app.send(form).await.expect(303);
    let expected = format!("{BACK}?code=c&state={}", started.state);
    assert_eq!(answer.header("location"), Some(expected.as_str()));
}

#[actix_web::test]
async fn a_browser_is_led_to_no_address_that_is_not_listed() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let body = json!({"redirect_uri": "https://attacker.example/"});
    let problem = app
        .post("/federation/honest/start", &body)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/redirect_uri");
    let forged = base64_of(&[&[0; 16][..], b"https://attacker.example/"].concat());
    for state in [forged.as_str(), "", "x", "%00"] {
        let answer = come_back(&app, "honest", &format!("code=c&state={state}")).await;
        answer.expect_problem(400, "invalid_authorization_request");
    }
    // A browser is shown a page.
    let request = TestRequest::get()
        .uri("/federation/honest/callback?code=c")
        .insert_header((ACCEPT, "text/html"));
    let answer = app.send(request).await.expect(303);
    let page = format!("{PUBLIC_URL}/account/federation#error=invalid_authorization_request");
    assert_eq!(answer.header("location"), Some(page.as_str()));
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[actix_web::test]
async fn the_pages_of_the_service_are_always_listed() {
    let providers = Providers::start(HONEST);
    let app = providers.app(&[]).await;
    let body = json!({"redirect_uri": format!("{PUBLIC_URL}/account/federation")});
    app.post("/federation/honest/start", &body).await.expect(200);
}

#[actix_web::test]
async fn a_provider_that_is_down_is_said_to_be() {
    let providers = Providers::start(&["honest", "discovery-500"]);
    let app = providers.app(OPTIONAL).await;
    let answer = app
        .post("/federation/discovery-500/start", &json!({"redirect_uri": BACK}))
        .await;
    assert!(answer.header("retry-after").is_some());
    answer.expect_problem(503, "provider_unavailable");
    // The other one works.
    sign_in(&app, "honest", &verified("alice", "alice@example.com"))
        .await
        .expect(200);
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
