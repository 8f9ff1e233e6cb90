//! `GET /federation` `POST /federation/{provider}/start` `POST /federation/{provider}/finish`

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::races::count;
use crate::routes::admin::administrator;
use crate::support::actors::{Person, claims, verify};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::federation::{BACK, Providers, link, sign_in, start, start_linking, verified};
use crate::support::oath;

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
    let mut user = verified("four", "four@example.com");
    user["acr"] = json!("urn:two");
    let answer = sign_in(&app, "honest", &user).await.expect(200);
    assert_eq!(answer.text("/status"), "authenticated");
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
    let refused = "audit_events WHERE reason = 'email_not_verified' AND provider = 'honest'";
    assert_eq!(count(&app, refused), 2 * 5);
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

/// Owners and administrators have to know which provider it was: its users may be those of an attacker.
#[actix_web::test]
async fn the_trail_names_the_provider() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(OPTIONAL).await;
    let admin = administrator(&app, "root@example.com").await;
    let alice = verified("alice", "alice@example.com");
    let token = sign_in(&app, "honest", &alice).await.expect(200).text("/access_token");
    sign_in(&app, "second", &alice).await.expect(200);
    let started = start_linking(&app, "second", &token).await;
    let linked = started.finish_as(&app, &token, &alice).await.expect(200);
    let started = start_linking(&app, "second", &admin.access_token).await;
    let taken = started.finish_as(&app, &admin.access_token, &alice).await;
    taken.expect_problem(409, "identity_taken");
    let uri = format!("/me/identities/{}", linked.text("/identity/id"));
    app.bare_as(Method::DELETE, &uri, &token).await.expect(204);
    // In alphabetical order: the clock stands still, so their times are equal.
    let expected = [
        "authn_login_fail at second: false",
        "federation_used at honest: true",
        "identity_linked at honest: true",
        "identity_linked at second: true",
        "identity_unlinked at second: true",
        "user_created at honest: true",
    ];
    let named = |events: &Value| {
        let events = events.as_array().unwrap().iter();
        let of_providers = events.filter_map(|event| Some((event, event.get("provider")?.as_str()?)));
        let shown = of_providers.map(|(event, provider)| {
            let name = event["event"].as_str().unwrap();
            format!("{name} at {provider}: {}", event["success"])
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort_unstable();
        shown
    };
    let own = app.get_as("/me/events", &token).await.expect(200).json();
    assert_eq!(named(&own["items"]), expected);
    let trail = async |query: &str| {
        let path = format!("/admin/events?{query}");
        app.get_as(&path, &admin.access_token).await.expect(200).json()["items"].clone()
    };
    let user_id = claims(&token)["sub"].clone();
    let all = trail(&format!("user_id={}", user_id.as_str().unwrap())).await;
    assert_eq!(named(&all), expected);
    let export = app.get_as("/me/export", &token).await.expect(200).json();
    assert_eq!(named(&export["events"]), expected);
    let linked = trail("event=identity_linked").await;
    let refused = linked
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["success"] == false);
    let refused = refused.unwrap();
    assert_eq!(
        (&refused["provider"], &refused["reason"]),
        (&json!("second"), &json!("identity_taken"))
    );
}

/// The code was not used up, so the user need not start again.
#[actix_web::test]
async fn what_a_provider_answered_is_good_once_the_provider_is_back() {
    let providers = Providers::start(&["returns"]);
    let app = providers.app(OPTIONAL).await;
    let started = start(&app, "returns").await;
    let user = verified("alice", "alice@example.com");
    for _ in 0..2 {
        let answer = started.finish(&app, &user).await;
        assert_eq!(answer.header("retry-after"), Some("5"));
        answer.expect_problem(503, "provider_unavailable");
    }
    let asked = providers.asked();
    let asked_for_tokens = asked.iter().filter(|path| path.ends_with("/token")).count();
    assert_eq!(asked_for_tokens, 1, "it is not asked while it is paused");
    app.clock.advance(5);
    started.finish(&app, &user).await.expect(200);
}
