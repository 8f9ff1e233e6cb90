//! Attacks by way of an upstream provider: by one that lies, by its users, and on what a client holds meanwhile.

use actix_web::http::Method;
use actix_web::http::header::HOST;
use actix_web::test::TestRequest;
use chrono::Utc;
use serde_json::{Value, json};

use crate::races::{count, execute};
use crate::support::actors::{PASSWORD, Person, claims, log_in, step_up, verify};
use crate::support::app::TestApp;
use crate::support::federation::{BACK, Providers, Started, id_token, link, sign_in, start, start_linking, verified};
use crate::support::lies;

const OPTIONAL: &[(&str, &str)] = &[("TWO_FACTOR_POLICY", "optional")];

/// Returns how many rows an answer that must change nothing could have written.
fn rows(app: &TestApp) -> [i64; 5] {
    [
        "users",
        "identities",
        "account_names",
        "sessions",
        "spent_federation_tokens",
    ]
    .map(|table| count(app, table))
}

#[actix_web::test]
async fn every_lie_of_a_provider_is_found_and_leaves_no_row() {
    // A file has sixteen providers at most.
    for some in lies::all().chunks(16) {
        every_lie_among_is_found(some).await;
    }
}

async fn every_lie_among_is_found(some: &[&str]) {
    let providers = Providers::start(some);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let before = rows(&app);
    for lie in some {
        // The clock of the peer goes on.
        let behind = Utc::now() - app.now();
        app.clock.advance(behind.num_seconds());
        let answer = if lies::IN_CONFIGURATION.contains(lie) {
            let uri = format!("/federation/{lie}/start");
            app.post(&uri, &json!({"redirect_uri": BACK})).await
        } else {
            // `userinfo-redirect` says nothing of an address in its ID token, so userinfo is asked.
            sign_in(&app, lie, &user).await
        };
        assert_eq!(answer.status, 502, "{lie}");
        let problem = answer.expect_problem(502, "provider_untrusted");
        assert!(!problem["detail"].as_str().unwrap().contains("alice"), "{lie}");
        assert_eq!(rows(&app), before, "{lie}");
    }
}

#[actix_web::test]
async fn the_issuer_beside_a_code_is_compared_and_missed() {
    let providers = Providers::start(&["honest", "no-iss-parameter"]);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    for issuer in [
        json!("https://another.example"),
        json!(format!("{}/", providers.issuer("honest"))),
        Value::Null,
    ] {
        let started = start(&app, "honest").await;
        let mut body = started.finishing(&app, &user);
        if issuer.is_null() {
            body.as_object_mut().unwrap().remove("iss");
        } else {
            body["iss"] = issuer;
        }
        let answer = app.post(&started.path("finish"), &body).await;
        answer.expect_problem(502, "provider_untrusted");
    }
    assert_eq!(count(&app, "users"), 0);
    // A provider that does not promise it need not send it.
    let started = start(&app, "no-iss-parameter").await;
    let mut body = started.finishing(&app, &user);
    body.as_object_mut().unwrap().remove("iss");
    app.post(&started.path("finish"), &body).await.expect(200);
}

/// Account pre-hijacking: the attacker registers first, and waits for the victim.
#[actix_web::test]
async fn who_registered_with_the_address_of_a_victim_does_not_get_into_their_account() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let mallory = Person::sign_up(&app, "victim@example.com").await;
    let victim = sign_in(&app, "honest", &verified("victim", "victim@example.com"))
        .await
        .expect(200);
    let of_victim = claims(&victim.text("/access_token"));
    assert_ne!(of_victim["sub"], json!(mallory.person.id));
    // The attacker keeps an account of their own, which has lost the address.
    let me = app.get_as("/me", &mallory.access_token).await.expect(200).json();
    assert_eq!(me["email"], Value::Null);
    let spare = me["username"].as_str().unwrap();
    assert!(spare.starts_with("user-"), "{spare}");
    // The attacker cannot take it before, to stay in the way.
    let id = mallory.person.id.replace('-', "");
    assert!(!id.contains(&spare["user-".len()..]), "{spare}");
    let answer = log_in(&app, "victim@example.com", PASSWORD).await;
    answer.expect_problem(401, "invalid_credentials");
    let body = json!({"username": spare, "password": PASSWORD});
    assert_eq!(
        app.post("/login", &body).await.expect(200).text("/status"),
        "second_factor_required"
    );
    // Links that were mailed for the attacker's account do nothing to the victim's.
    let token = app.mailed_token("victim@example.com", "email_verification").await;
    let body = json!({"token": token, "password": PASSWORD});
    app.post("/email/verify", &body)
        .await
        .expect_problem(400, "invalid_link_token");
}

/// An address that its owner has verified, or that an invitation waits at, is not taken away.
#[actix_web::test]
async fn only_an_account_that_proved_nothing_loses_its_address() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    Person::sign_up_verified(&app, "jo@example.com").await;
    assert!(app.invite("ann@example.com", None).await);
    for (sub, email) in [("1", "jo@example.com"), ("2", "ann@example.com")] {
        let answer = sign_in(&app, "honest", &verified(sub, email)).await.expect(200);
        assert_eq!(answer.text("/status"), "link_required", "{email}");
    }
    // A provider that does not prove the address takes it from no account.
    Person::register(&app, "bob@example.com").await;
    let unproven = json!({"sub": "3", "email": "bob@example.com"});
    let answer = sign_in(&app, "honest", &unproven).await.expect(200);
    assert_eq!(answer.text("/status"), "link_required");
    assert_eq!(count(&app, "users WHERE email = 'bob@example.com'"), 1);
}

/// "nOAuth": the administrator of a tenant gives a user any address.
#[actix_web::test]
async fn the_address_of_a_victim_at_a_provider_gives_nothing_of_the_victim() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    // The operator does not believe the provider for this domain.
    let claim = |sub: &str| json!({"sub": sub, "email": "victim@example.org", "email_verified": true});
    let mallory = sign_in(&app, "honest", &claim("mallory")).await.expect(200);
    let me = app
        .get_as("/me", &mallory.text("/access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(me["email_verified"], false);
    // The victim signs in with a mail, and gets the account without anything of the attacker.
    app.post("/magic-link", &json!({"email": "victim@example.org"}))
        .await
        .expect(202);
    let token = app.mailed_token("victim@example.org", "magic_link").await;
    let victim = app
        .post("/magic-link/verify", &json!({"token": token}))
        .await
        .expect(200);
    app.get_as("/me", &mallory.text("/access_token"))
        .await
        .expect_problem(401, "invalid_token");
    let listed = app
        .get_as("/me/identities", &victim.text("/access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(listed, json!({"identities": []}));
    let answer = sign_in(&app, "honest", &claim("mallory")).await.expect(200);
    assert_eq!(answer.json(), json!({"status": "link_required"}));
}

#[actix_web::test]
async fn users_who_swap_their_addresses_keep_their_accounts() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let subject = async |sub: &str, email: &str| {
        let answer = sign_in(&app, "honest", &verified(sub, email)).await.expect(200);
        claims(&answer.text("/access_token"))["sub"].clone()
    };
    let one = subject("one", "one@example.com").await;
    let two = subject("two", "two@example.com").await;
    assert_eq!(subject("one", "two@example.com").await, one);
    assert_eq!(subject("two", "one@example.com").await, two);
    assert_eq!(count(&app, "users"), 2);
    let kept = "users JOIN identities ON users.id = user_id WHERE email = subject || '@example.com'";
    assert_eq!(count(&app, kept), 2);
    // Issuers and subjects are compared with their case.
    let other = sign_in(&app, "honest", &verified("ONE", "three@example.com"))
        .await
        .expect(200);
    assert_ne!(claims(&other.text("/access_token"))["sub"], one);
}

#[actix_web::test]
async fn a_session_that_proved_nothing_lately_links_and_unlinks_nothing() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let id = link(&app, "honest", &jo, &verified("first", "first@example.com")).await;
    let started = start_linking(&app, "honest", &jo.access_token).await;
    app.clock.advance(301);
    let body = json!({"redirect_uri": BACK});
    app.call_as(Method::POST, "/federation/honest/start", &jo.access_token, &body)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    app.bare_as(Method::DELETE, &format!("/me/identities/{id}"), &jo.access_token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    // What was started with a recent proof is finished within its ten minutes, by the same session only.
    let user = verified("second", "second@example.com");
    let answer = app.post(&started.path("finish"), &started.finishing(&app, &user)).await;
    answer.expect_problem(401, "invalid_federation_token");
    let ann = Person::sign_up(&app, "ann@example.com").await;
    let answer = started.finish_as(&app, &ann.access_token, &user).await;
    answer.expect_problem(401, "invalid_federation_token");
    let other = jo.person.sign_in_again(&app).await;
    let answer = started.finish_as(&app, &other, &user).await;
    answer.expect_problem(401, "invalid_federation_token");
    started.finish_as(&app, &jo.access_token, &user).await.expect(200);
    assert_eq!(count(&app, "identities"), 2);
}

#[actix_web::test]
async fn a_session_that_ended_links_nothing() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let started = start_linking(&app, "honest", &jo.access_token).await;
    app.post_as("/logout", &jo.access_token).await.expect(204);
    let user = verified("there", "there@example.com");
    let answer = started.finish_as(&app, &jo.access_token, &user).await;
    answer.expect_problem(401, "invalid_token");
    assert_eq!(count(&app, "identities"), 0);
}

#[actix_web::test]
async fn a_disabled_account_is_shut_out_on_every_way() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let user = verified("jo", "jo@example.com");
    link(&app, "honest", &jo, &user).await;
    execute(&app, "UPDATE users SET status = 'disabled'");
    sign_in(&app, "honest", &user)
        .await
        .expect_problem(401, "invalid_credentials");
    // Neither does another user of the provider get an account with that address.
    let answer = sign_in(&app, "honest", &verified("other", "jo@example.com"))
        .await
        .expect(200);
    assert_eq!(answer.json(), json!({"status": "link_required"}));
    assert_eq!(count(&app, "sessions WHERE state = 'pending'"), 0);
}

/// Login CSRF: the attacker leads the victim's browser to the way back with their own code.
#[actix_web::test]
async fn an_answer_fits_only_what_was_started() {
    let providers = Providers::start(&["honest", "second"]);
    let app = providers.app(OPTIONAL).await;
    let user = verified("mallory", "mallory@example.com");
    let (of_victim, of_attacker) = (start(&app, "honest").await, start(&app, "honest").await);
    let right = of_victim.finishing(&app, &user);
    let theirs = of_attacker.finishing(&app, &user);
    // The attacker's state, or the victim's with the attacker's code: the code is bound to another challenge.
    let mut with_state = right.clone();
    with_state["state"] = theirs["state"].clone();
    app.post("/federation/honest/finish", &with_state)
        .await
        .expect_problem(401, "invalid_federation_token");
    let mut with_code = right.clone();
    with_code["code"] = theirs["code"].clone();
    app.post("/federation/honest/finish", &with_code)
        .await
        .expect_problem(401, "provider_refused");
    // Mix-up: the token of one provider does not finish at another one.
    app.post("/federation/second/finish", &right)
        .await
        .expect_problem(401, "invalid_federation_token");
    // Each still finishes for itself, once.
    for body in [&theirs, &right] {
        app.post("/federation/honest/finish", body).await.expect(200);
        app.post("/federation/honest/finish", body)
            .await
            .expect_problem(401, "invalid_federation_token");
    }
}

#[actix_web::test]
async fn other_tokens_are_not_federation_tokens_and_an_old_one_is_none() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let user = verified("jo", "jo@example.com");
    let started = start(&app, "honest").await;
    let token = &started.federation_token;
    let mut changed = token.clone();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    let pending = jo.person.log_in(&app).await;
    for wrong in [
        &changed,
        &jo.access_token,
        &jo.refresh_token,
        &pending,
        &token.replace("vft_", "vpa_"),
        &token.replace("vft_", ""),
    ] {
        let mut body = started.finishing(&app, &user);
        body["federation_token"] = json!(wrong);
        let answer = app.post("/federation/honest/finish", &body).await;
        answer.expect_problem(401, "invalid_federation_token");
    }
    // Nor is it a token of any other kind.
    app.get_as("/me", token).await.expect_problem(401, "invalid_token");
    app.post("/token/refresh", &json!({"refresh_token": token}))
        .await
        .expect_problem(401, "invalid_refresh_token");
    app.clock.advance(600);
    let answer = started.finish(&app, &user).await;
    answer.expect_problem(401, "invalid_federation_token");
}

/// Where only a mail says whether an address is taken, a provider that proves nothing does not say it.
#[actix_web::test]
async fn private_registration_reveals_nothing_by_an_unproven_address() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[OPTIONAL[0], ("REGISTRATION", "private")]).await;
    Person::sign_up_verified(&app.sibling(&[]).await, "known@example.com").await;
    let mut answers = Vec::new();
    for (sub, email) in [("1", "known@example.com"), ("2", "unknown@example.com")] {
        let user = json!({"sub": sub, "email": email});
        for _ in 0..2 {
            let problem = sign_in(&app, "honest", &user)
                .await
                .expect_problem(403, "email_not_verified");
            answers.push(json!([problem["title"], problem["detail"]]));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(
        app.notification_kinds("known@example.com")
            .await
            .contains(&"account_exists".to_owned())
    );
    assert!(
        app.notification_kinds("unknown@example.com")
            .await
            .contains(&"registration_started".to_owned())
    );
    // Neither shows later what became of it: whether the identity has an account by now.
    let own = Person::sign_up(&app.sibling(&[]).await, "mallory@example.com").await;
    for sub in ["1", "2"] {
        link(
            &app,
            "honest",
            &own,
            &json!({"sub": sub, "email": "mallory@example.com"}),
        )
        .await;
    }
    // A provider that proves the address speaks to its owner.
    let answer = sign_in(&app, "honest", &verified("3", "known@example.com"))
        .await
        .expect(200);
    assert_eq!(answer.text("/status"), "link_required");
}

#[actix_web::test]
async fn a_sign_in_at_a_provider_is_what_an_account_without_a_password_proves_changes_with() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let token = sign_in(&app, "honest", &user).await.expect(200).text("/access_token");
    app.get_as("/me/export", &token).await.expect(200);
    // A mail alone does not stand in its place: who reads it must not change how the owner signs in.
    app.post("/magic-link", &json!({"email": "alice@example.com"}))
        .await
        .expect(202);
    let link = app.mailed_token("alice@example.com", "magic_link").await;
    let by_mail = app
        .post("/magic-link/verify", &json!({"token": link}))
        .await
        .expect(200)
        .text("/access_token");
    app.get_as("/me/export", &by_mail)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    app.clock.advance(301);
    app.get_as("/me/export", &token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    // There is no password to step up with.
    let answer = step_up(&app, &token, &json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, 401);
}

/// The holder of a stolen account at a provider must not get in with a login that began before the identity was unlinked.
#[actix_web::test]
async fn a_login_that_waits_ends_with_the_identity() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let user = verified("there", "there@example.com");
    let id = link(&app, "honest", &jo, &user).await;
    let pending = sign_in(&app, "honest", &user).await.expect(200).text("/pre_auth_token");
    let by_password = jo.person.log_in(&app).await;
    app.bare_as(Method::DELETE, &format!("/me/identities/{id}"), &jo.access_token)
        .await
        .expect(204);
    app.clock.advance(30);
    verify(&app, &pending, &jo.person.code(&app))
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    verify(&app, &by_password, &jo.person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn what_was_started_decides_how_it_is_finished() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let user = verified("alice", "alice@example.com");
    // A sign-in beside an access token, whose proof of possession would not be read.
    let started = start(&app, "honest").await;
    let answer = started.finish_as(&app, &jo.access_token, &user).await;
    answer.expect_problem(401, "invalid_federation_token");
    // An ID token for what a browser started, which has no verifier.
    let body = json!({
        "federation_token": started.federation_token,
        "id_token": id_token(&providers, "honest", &started, &user, "vestibule"),
    });
    app.post(&started.path("token"), &body)
        .await
        .expect_problem(401, "invalid_federation_token");
    // And a code for what an app started.
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let native = Started::native("honest", &answer);
    let answer = native.finish(&app, &user).await;
    answer.expect_problem(401, "invalid_federation_token");
    assert_eq!(count(&app, "identities"), 0);
    // Nothing used the code up.
    started.finish(&app, &user).await.expect(200);
}

#[actix_web::test]
async fn a_repeated_id_token_writes_nothing() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let started = Started::native("honest", &answer);
    let user = verified("alice", "alice@example.com");
    let token = id_token(&providers, "honest", &started, &user, "app");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    app.post("/federation/honest/token", &body).await.expect(200);
    let used = "identities WHERE last_used_at = created_at";
    assert_eq!(count(&app, used), 1);
    app.clock.advance(5);
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_federation_token");
    assert_eq!(count(&app, used), 1);
}

#[actix_web::test]
async fn a_disabled_account_is_shut_out_of_apps_and_of_linking() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let user = verified("jo", "jo@example.com");
    link(&app, "honest", &jo, &user).await;
    let linking = start_linking(&app, "honest", &jo.access_token).await;
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let started = Started::native("honest", &answer);
    let token = id_token(&providers, "honest", &started, &user, "app");
    execute(&app, "UPDATE users SET status = 'disabled'");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    app.post("/federation/honest/token", &body)
        .await
        .expect_problem(401, "invalid_credentials");
    let answer = linking
        .finish_as(&app, &jo.access_token, &verified("other", "other@example.com"))
        .await;
    answer.expect_problem(401, "invalid_token");
    assert_eq!(count(&app, "identities"), 1);
}

/// A staging deployment may have the master key of the production, and be registered at the same provider.
#[actix_web::test]
async fn what_one_deployment_started_another_one_does_not_finish() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let elsewhere = providers.app_at("https://staging.example.com", OPTIONAL).await;
    let user = verified("alice", "alice@example.com");
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let native = Started::native("honest", &answer);
    let token = id_token(&providers, "honest", &native, &user, "app");
    let body = json!({"federation_token": native.federation_token, "id_token": token});
    let request = TestRequest::post()
        .uri("/federation/honest/token")
        .insert_header((HOST, "staging.example.com"))
        .set_json(&body);
    let answer = elsewhere.send(request).await;
    answer.expect_problem(401, "invalid_federation_token");
    assert_eq!(count(&elsewhere, "users"), 0);
    app.post("/federation/honest/token", &body).await.expect(200);
}

#[actix_web::test]
async fn nothing_that_a_provider_mentions_is_fetched() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(OPTIONAL).await;
    let mut user = verified("alice", "alice@example.com");
    for claim in ["picture", "profile", "website"] {
        user[claim] = json!(format!("{}/{claim}", providers.issuer("honest")));
    }
    sign_in(&app, "honest", &user).await.expect(200);
    let asked = providers.asked();
    assert!(asked.iter().any(|path| path.ends_with("/token")), "{asked:?}");
    for claim in ["picture", "profile", "website"] {
        assert!(!asked.iter().any(|path| path.ends_with(claim)), "{asked:?}");
    }
}
