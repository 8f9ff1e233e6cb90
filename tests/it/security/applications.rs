//! Applications: what an attacker tries with codes, tokens and requests of others.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::RunQueryDsl;
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;
use vestibule::domain::ids::{ClientId, UserId};
use vestibule::domain::oauth::client::ClientChanges;
use vestibule::store::consents;

use super::api_keys::shuts_out;
use super::pending::{Case, End, Pending, every_end, town};
use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, Person, claims, log_in, request_link};
use crate::support::app::TestApp;
use crate::support::applications::{
    API, Application, VERIFIER, consider, decide, described, parameter, service, text, user_and_shop,
};

const CANCELLED: &str = "invalid_grant";

#[actix_web::test]
async fn a_code_works_once_and_a_second_use_ends_its_grant_and_nothing_else() {
    let (app, signed_in, shop) = user_and_shop().await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, CANCELLED);
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect_oauth(401, "invalid_token");
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn a_code_that_is_presented_again_later_ends_its_grant() {
    let (app, signed_in, shop) = user_and_shop().await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
    // Within the life of a code, and long after it.
    app.clock.advance(30);
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    let refused = shop.refresh(&app, &text(&tokens, "refresh_token")).await;
    refused.expect_oauth(400, CANCELLED);
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
    app.clock.advance(300);
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    let refused = shop.refresh(&app, &text(&tokens, "refresh_token")).await;
    refused.expect_oauth(400, CANCELLED);
}

#[actix_web::test]
async fn of_a_crowd_with_one_code_at_most_one_gets_tokens() {
    let app = TestApp::serving().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    for _ in 0..3 {
        let code = shop.code(&app, &signed_in.access_token, &[]).await;
        let answers = join_all((0..10).map(|_| shop.redeem(&app, &code, &[]))).await;
        let granted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(granted, 1);
    }
}

#[actix_web::test]
async fn a_wrong_secret_uses_the_code_up() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "public")).await;
    let (other, longer) = ("x".repeat(43), format!("{VERIFIER}A"));
    for changes in [
        ("code_verifier", other.as_str()),
        ("code_verifier", longer.as_str()),
        // The challenge itself, as a downgrade to `plain` would accept.
        ("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("redirect_uri", "https://shop.example.com/callback/"),
        ("client_id", forum.id.as_str()),
    ] {
        let code = shop.code(&app, &signed_in.access_token, &[]).await;
        let thief = if changes.0 == "client_id" { &forum } else { &shop };
        let changes = if changes.0 == "client_id" {
            vec![]
        } else {
            vec![changes]
        };
        thief.redeem(&app, &code, &changes).await.expect_oauth(400, CANCELLED);
        shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    }
}

#[actix_web::test]
async fn a_code_expires_and_other_tokens_are_refused_in_its_place() {
    let (app, signed_in, shop) = user_and_shop().await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    app.clock.advance(60);
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    let renamed = signed_in.refresh_token.replacen("vrt_", "vac_", 1);
    for token in [&signed_in.access_token, &signed_in.refresh_token, &renamed, "vac_x", ""] {
        let answer = shop.redeem(&app, token, &[]).await;
        assert_eq!(answer.status, 400, "{token}");
    }
    // A code does not name a login that waits for its second factor.
    let code = shop.code(&app, &signed_in.person.sign_in_again(&app).await, &[]).await;
    let pre_auth = code.replacen("vac_", "vpa_", 1);
    for token in [&code, &pre_auth] {
        let body = json!({"pre_auth_token": token, "code": signed_in.person.code(&app)});
        app.post("/2fa/verify", &body)
            .await
            .expect_problem(401, "invalid_pre_auth_token");
    }
}

#[actix_web::test]
async fn refresh_tokens_belong_to_their_application() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "confidential")).await;
    let of_shop = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    let of_forum = text(
        &forum.sign_in(&app, &signed_in.access_token, &[]).await,
        "refresh_token",
    );
    forum.refresh(&app, &of_shop).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &of_forum).await.expect_oauth(400, CANCELLED);
    // The id of an application is public.
    let thief = Application {
        id: forum.id.clone(),
        secret: None,
    };
    thief.refresh(&app, &of_forum).await.expect_oauth(401, "invalid_client");
    let next = text(
        &forum.refresh(&app, &of_forum).await.expect(200).json(),
        "refresh_token",
    );
    // Nor is the token before the live one, which gets the same successor for a moment.
    thief.refresh(&app, &of_forum).await.expect_oauth(401, "invalid_client");
    forum.refresh(&app, &next).await.expect(200);
    shop.refresh(&app, &of_shop).await.expect(200);
    // The two spellings of a refresh stay apart.
    for token in [&of_shop, &of_shop.replacen("vgr_", "vrt_", 1)] {
        app.post("/token/refresh", &json!({"refresh_token": token}))
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    for token in [
        &signed_in.refresh_token,
        &signed_in.refresh_token.replacen("vrt_", "vgr_", 1),
    ] {
        shop.refresh(&app, token).await.expect_oauth(400, CANCELLED);
    }
}

#[actix_web::test]
async fn a_used_refresh_token_ends_the_grant_and_never_the_session() {
    let (app, signed_in, shop) = user_and_shop().await;
    let first = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    let second = text(&shop.refresh(&app, &first).await.expect(200).json(), "refresh_token");
    let repeated = text(&shop.refresh(&app, &first).await.expect(200).json(), "refresh_token");
    assert_eq!(repeated, second, "the answer may have been lost");
    app.clock.advance(60);
    shop.refresh(&app, &first).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &second).await.expect_oauth(400, CANCELLED);
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn the_token_of_an_application_or_a_service_opens_nothing_else_here() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut own = described("Console", "public");
    own.first_party = true;
    // Even for the deployment's own audience.
    own.audiences = vec!["https://auth.example.com".to_owned()];
    let console = Application::register(&app, own).await;
    let worker = Application::register(&app, service("Worker")).await;
    let tokens = console.sign_in(&app, &signed_in.access_token, &[]).await;
    let service_token = worker
        .token(&app, &[("grant_type", "client_credentials")])
        .await
        .expect(200);
    for token in [
        &text(&tokens, "access_token"),
        &text(&tokens, "id_token"),
        &service_token.text("/access_token"),
    ] {
        for (method, path) in [
            (Method::GET, "/me"),
            (Method::GET, "/sessions"),
            (Method::GET, "/token/validate"),
            (Method::GET, "/me/applications"),
            (Method::POST, "/logout"),
            (Method::POST, "/oauth/authorize"),
        ] {
            let body = json!({"request": "x"});
            let answer = if path == "/oauth/authorize" {
                app.call_as(method, path, token, &body).await
            } else {
                app.bare_as(method, path, token).await
            };
            answer.expect_problem(401, "invalid_token");
        }
    }
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect(200);
}

#[actix_web::test]
async fn a_pending_second_factor_gets_no_code() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[]).await;
    let pending = signed_in.person.log_in(&app).await;
    decide(&app, &pending, &request, "approve")
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn a_disabled_user_has_nothing() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    diesel::sql_query("UPDATE users SET status = 'disabled'")
        .execute(&mut app.database.connect())
        .unwrap();
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, CANCELLED);
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect_oauth(401, "invalid_token");
}

#[actix_web::test]
async fn a_deleted_client_is_refused_at_once_and_its_grants_end() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let request = shop.begin(&app, &[]).await;
    app.delete_client(&shop.id).await;
    shop.redeem(&app, &code, &[]).await.expect_oauth(401, "invalid_client");
    shop.refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(401, "invalid_client");
    app.get_as("/userinfo", &text(&tokens, "access_token"))
        .await
        .expect_oauth(401, "invalid_token");
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn grants_are_not_among_the_sessions_of_the_user_and_crowd_none_out() {
    let app = TestApp::with(&[("MAX_SESSIONS", "2")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    for _ in 0..5 {
        shop.sign_in(&app, &signed_in.access_token, &[]).await;
    }
    let again = signed_in.person.sign_in_again(&app).await;
    let listed = app.get_as("/sessions", &again).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn an_application_that_asks_without_end_ends_its_own_oldest_grants() {
    let (app, signed_in, shop) = user_and_shop().await;
    let forum = Application::register(&app, described("Forum", "public")).await;
    let of_forum = text(
        &forum.sign_in(&app, &signed_in.access_token, &[]).await,
        "refresh_token",
    );
    let first = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    app.clock.advance(1);
    let second = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    app.clock.advance(1);
    for _ in 0..49 {
        shop.sign_in(&app, &signed_in.access_token, &[]).await;
    }
    shop.refresh(&app, &first).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &second).await.expect(200);
    forum.refresh(&app, &of_forum).await.expect(200);
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn what_was_withdrawn_after_the_page_looked_is_asked_for_again() {
    let (app, signed_in, shop) = user_and_shop().await;
    shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let request = shop.begin(&app, &[]).await;
    let seen = consider(&app, &signed_in.access_token, &request).await.expect(200);
    assert_eq!(seen.json()["consent_required"], false);
    let path = format!("/me/applications/{}", shop.id);
    app.bare_as(Method::DELETE, &path, &signed_in.access_token)
        .await
        .expect(204);
    let answer = decide(&app, &signed_in.access_token, &request, "continue")
        .await
        .expect(200);
    assert_eq!(answer.json()["consent_required"], true);
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    let next = shop.begin(&app, &[]).await;
    let answer = decide(&app, &signed_in.access_token, &next, "continue")
        .await
        .expect(200);
    assert!(answer.text("/redirect_to").contains("code="));
}

#[actix_web::test]
async fn a_refused_refresh_uses_nothing_up() {
    let (app, signed_in, shop) = user_and_shop().await;
    let token = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    for (name, value, error) in [
        ("scope", "openid orders:read", "invalid_scope"),
        ("resource", "https://other.example.com", "invalid_target"),
    ] {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            (name, value),
        ];
        shop.token(&app, &form).await.expect_oauth(400, error);
    }
    app.clock.advance(60);
    shop.refresh(&app, &token).await.expect(200);
}

#[actix_web::test]
async fn a_grant_that_waits_loses_the_factor_that_the_owner_removes() {
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let body = json!({"password": PASSWORD, "code": signed_in.recovery_codes[0]});
    app.call_as(Method::DELETE, "/2fa/totp", &signed_in.access_token, &body)
        .await
        .expect(204);
    let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
    let claims = claims(&text(&tokens, "access_token"));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal1"), &json!(["pwd"])));
}

#[actix_web::test]
async fn the_end_of_all_other_sessions_spares_what_was_granted_in_this_one() {
    let (app, signed_in, shop) = user_and_shop().await;
    let other = signed_in.person.sign_in_again(&app).await;
    let of_other = text(&shop.sign_in(&app, &other, &[]).await, "refresh_token");
    let own = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    app.bare_as(Method::DELETE, "/sessions", &signed_in.access_token)
        .await
        .expect(204);
    shop.refresh(&app, &of_other).await.expect_oauth(400, CANCELLED);
    shop.refresh(&app, &own).await.expect(200);
}

#[actix_web::test]
async fn every_way_to_end_a_session_ends_its_grants() {
    let app = TestApp::new().await;
    let shop = Application::public(&app).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    for way in ["owner", "others", "limit", "sign-out-all"] {
        let granting = jo.person.sign_in_again(&app).await;
        let refresh_token = text(&shop.sign_in(&app, &granting, &[]).await, "refresh_token");
        let sid = claims(&granting)["sid"].as_str().unwrap().to_owned();
        let other = jo.person.sign_in_again(&app).await;
        match way {
            "owner" => drop(
                app.bare_as(Method::DELETE, &format!("/sessions/{sid}"), &other)
                    .await
                    .expect(204),
            ),
            "others" => drop(app.bare_as(Method::DELETE, "/sessions", &other).await.expect(204)),
            "limit" => {
                for _ in 0..10 {
                    jo.person.sign_in_again(&app).await;
                }
            }
            _ => app.sign_out_all().await,
        }
        app.get_as("/me", &granting).await.expect_problem(401, "invalid_token");
        let answer = shop.refresh(&app, &refresh_token).await;
        assert_eq!(answer.json()["error"], CANCELLED, "{way}");
    }
}

#[actix_web::test]
async fn a_code_is_for_the_program_that_asked() {
    let app = TestApp::new().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    let request = shop.begin(&app, &[]).await;
    let answer = decide(&app, &jo.access_token, &request, "approve").await.expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    // An attacker who gets the user to approve their own request has no use of it without the verifier of their program,
    // and a program that is handed another's code has another verifier.
    let other = "y".repeat(50);
    shop.redeem(&app, &code, &[("code_verifier", &other)])
        .await
        .expect_oauth(400, CANCELLED);
}

fn without(scope: &str) -> ClientChanges {
    let scopes = described("", "").scopes.into_iter().filter(|one| one != scope);
    ClientChanges {
        scopes: Some(scopes.collect()),
        ..ClientChanges::default()
    }
}

fn id_of(text: &str) -> Uuid {
    Uuid::parse_str(text).unwrap()
}

#[actix_web::test]
async fn whatever_shuts_an_intruder_out_forgets_what_was_allowed() {
    for end in every_end() {
        let app = town(end).await;
        let admin = administrator(&app, "root@example.com").await;
        let shop = Application::public(&app).await;
        let case = Case::begin(&app, &admin, (Pending::Login, end)).await;
        shop.code(&app, &case.second, &[]).await;
        shop.code(&app, &admin.access_token, &[]).await;
        let is_allowed = |token: &str| {
            let user_id = UserId::from_uuid(id_of(claims(token)["sub"].as_str().unwrap()));
            let client_id = ClientId::from_uuid(id_of(&shop.id));
            let allowed = consents::list(&mut app.database.connect(), user_id).unwrap();
            allowed.iter().any(|consent| consent.client_id == client_id)
        };
        assert!(is_allowed(&case.second));
        case.end(&app, &admin, end).await;
        assert_eq!(is_allowed(&case.second), !shuts_out(end), "{end:?}");
        // What other users allowed is not concerned, unless all are signed out.
        assert_eq!(is_allowed(&admin.access_token), end != End::SignOutAll, "{end:?}");
    }
}

#[actix_web::test]
async fn a_scope_that_is_taken_from_a_client_is_gone_from_what_it_was_granted() {
    let (app, signed_in, shop) = user_and_shop().await;
    let wanted = [("scope", "openid email offline_access orders:read")];
    let tokens = shop.sign_in(&app, &signed_in.access_token, &wanted).await;
    let code = shop.code(&app, &signed_in.access_token, &wanted).await;
    let request = shop.begin(&app, &wanted).await;
    let pushed = shop.begin(&app, &[("scope", "orders:read")]).await;
    app.update_client(&shop.id, without("orders:read")).await;

    let left = "openid email offline_access";
    let next = shop
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect(200)
        .json();
    let redeemed = shop.redeem(&app, &code, &[]).await.expect(200).json();
    let answer = decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    let decided = shop.redeem(&app, &code, &[]).await.expect(200).json();
    for tokens in [&next, &redeemed, &decided] {
        assert_eq!(tokens["scope"], left);
        let claims = claims(&text(tokens, "access_token"));
        assert_eq!(claims["scope"], left);
    }
    let again = shop.refresh(&app, &text(&redeemed, "refresh_token")).await.expect(200);
    assert_eq!(again.json()["scope"], left, "it is gone from the grant, too");
    decide(&app, &signed_in.access_token, &pushed, "approve")
        .await
        .expect_problem(400, "invalid_authorization_request");
    // What comes back is not granted by itself.
    app.update_client(&shop.id, without("none of them")).await;
    let again = shop
        .refresh(&app, &text(&again.json(), "refresh_token"))
        .await
        .expect(200);
    assert_eq!(again.json()["scope"], left);
}

#[actix_web::test]
async fn without_the_scope_for_refresh_tokens_those_that_exist_end() {
    let (app, signed_in, shop) = user_and_shop().await;
    let kept = shop
        .sign_in(&app, &signed_in.access_token, &[("scope", "openid email")])
        .await;
    let ended = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    app.update_client(&shop.id, without("offline_access")).await;
    shop.refresh(&app, &text(&ended, "refresh_token"))
        .await
        .expect_oauth(400, CANCELLED);
    app.get_as("/userinfo", &text(&kept, "access_token")).await.expect(200);
    let next = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    assert_eq!(next.get("refresh_token"), None);
}

#[actix_web::test]
async fn what_was_granted_for_a_resource_ends_when_the_client_loses_it() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let files = "https://files.example.com";
    let mut two = described("Shop", "public");
    two.audiences.push(files.to_owned());
    let shop = Application::register(&app, two).await;
    let to_files = [("resource", files)];
    let lost = shop.sign_in(&app, &signed_in.access_token, &to_files).await;
    let kept = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let (code, request) = (
        shop.code(&app, &signed_in.access_token, &to_files).await,
        shop.begin(&app, &to_files).await,
    );
    let changes = ClientChanges {
        audiences: Some(vec![API.to_owned()]),
        ..ClientChanges::default()
    };
    app.update_client(&shop.id, changes).await;
    shop.refresh(&app, &text(&lost, "refresh_token"))
        .await
        .expect_oauth(400, CANCELLED);
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect_problem(400, "invalid_authorization_request");
    shop.refresh(&app, &text(&kept, "refresh_token")).await.expect(200);
    app.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn an_application_that_gets_its_first_resource_keeps_what_it_was_granted() {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let mut small = described("Shop", "public");
    small.audiences.clear();
    let shop = Application::register(&app, small).await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let changes = ClientChanges {
        audiences: Some(vec![API.to_owned()]),
        ..ClientChanges::default()
    };
    app.update_client(&shop.id, changes).await;
    let next = shop
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect(200)
        .json();
    let claims = claims(&text(&next, "access_token"));
    assert_eq!(
        claims["aud"], "https://auth.example.com/userinfo",
        "the old grant counts nowhere else"
    );
}

#[actix_web::test]
async fn a_redirect_uri_that_is_taken_from_a_client_gets_nothing_more() {
    let (app, signed_in, shop) = user_and_shop().await;
    let tokens = shop.sign_in(&app, &signed_in.access_token, &[]).await;
    let code = shop.code(&app, &signed_in.access_token, &[]).await;
    let request = shop.begin(&app, &[]).await;
    let changes = ClientChanges {
        redirect_uris: Some(vec!["https://shop.example.com/new".to_owned()]),
        ..ClientChanges::default()
    };
    app.update_client(&shop.id, changes).await;
    shop.redeem(&app, &code, &[]).await.expect_oauth(400, CANCELLED);
    for decision in ["approve", "deny"] {
        decide(&app, &signed_in.access_token, &request, decision)
            .await
            .expect_problem(400, "invalid_authorization_request");
    }
    app.get(&format!("/oauth/authorize?{}", shop.query(&[])))
        .await
        .expect_problem(400, "invalid_authorization_request");
    // What it got before goes on.
    shop.refresh(&app, &text(&tokens, "refresh_token")).await.expect(200);
}

/// Bodies that a page of another origin can send without a preflight (Fetch §2.2.2), and what decides here.
#[actix_web::test]
async fn no_page_of_another_origin_decides() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[]).await;
    let json = json!({"request": request, "decision": "approve"}).to_string();
    let form = serde_urlencoded::to_string([("request", request.as_str()), ("decision", "approve")]).unwrap();
    let with_client = format!("{form}&{}", shop.query(&[]));
    for (media_type, body) in [
        ("application/x-www-form-urlencoded", &form),
        ("application/x-www-form-urlencoded", &with_client),
        ("application/x-www-form-urlencoded; charset=utf-8", &json),
        ("APPLICATION/X-WWW-FORM-URLENCODED", &json),
        ("text/plain", &json),
        ("multipart/form-data; boundary=x", &json),
        ("application/json", &json),
    ] {
        for origin in ["https://evil.example", "null"] {
            // A browser adds no token. Even with one, nothing is decided.
            for token in [None, Some(&signed_in.access_token)] {
                let mut sent = TestRequest::post()
                    .uri("/oauth/authorize")
                    .insert_header((header::ORIGIN, origin))
                    .insert_header((header::CONTENT_TYPE, media_type));
                if let Some(token) = token {
                    sent = sent.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
                }
                let answer = app.send(sent.set_payload(body.clone())).await;
                assert!([303, 400, 403].contains(&answer.status.as_u16()), "{media_type}");
                assert_eq!(answer.header("access-control-allow-origin"), None);
                let url = answer.header("location").unwrap_or_default();
                assert!(!url.contains("code=") && !url.contains("#request="), "{url}");
            }
        }
    }
    let listed = app
        .get_as("/me/applications", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed, json!({"items": []}));
    // The request was not spent by all this.
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
}

/// A page cannot use the sealed answer of one user in the place of another's, nor one of these for another purpose.
#[actix_web::test]
async fn what_is_sealed_for_one_purpose_opens_for_no_other() {
    let (app, signed_in, shop) = user_and_shop().await;
    let request = shop.begin(&app, &[("response_mode", "form_post")]).await;
    let answer = decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    let sealed = parameter(&answer.text("/redirect_to"), "answer").unwrap();
    app.get(&format!("/oauth/form-post?answer={request}"))
        .await
        .expect_problem(400, "invalid_authorization_request");
    consider(&app, &signed_in.access_token, &sealed)
        .await
        .expect_problem(400, "invalid_authorization_request");
    let pushed = [
        ("request_uri", &*format!("urn:ietf:params:oauth:request_uri:{sealed}")),
        ("client_id", &*shop.id),
    ];
    app.get(&format!(
        "/oauth/authorize?{}",
        serde_urlencoded::to_string(pushed).unwrap()
    ))
    .await
    .expect_problem(400, "invalid_authorization_request");
    let mut changed = sealed.clone();
    changed.replace_range(40..41, if &sealed[40..41] == "A" { "B" } else { "A" });
    app.get(&format!("/oauth/form-post?answer={changed}"))
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn after_a_leak_nothing_is_allowed_also_where_no_session_is_left() {
    let (app, signed_in, shop) = user_and_shop().await;
    shop.code(&app, &signed_in.access_token, &[]).await;
    app.post_as("/logout", &signed_in.access_token).await.expect(204);
    app.sign_out_all().await;
    assert_eq!(consents::users(&mut app.database.connect(), None, 2).unwrap(), []);
}

/// A stranger may register the address of another user, and allow an application of their own.
#[actix_web::test]
async fn what_a_stranger_allowed_is_asked_of_the_reader_of_the_address() {
    const NEW: &str = "heftklammer im regen";
    let app = TestApp::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let stranger = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    shop.sign_in(&app, &stranger.access_token, &[]).await;
    let token = request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await;
    let body = json!({"token": token, "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
    let signed_in = log_in(&app, "jo@example.com", NEW).await.expect(200);
    let owner = signed_in.text("/access_token");
    let request = shop.begin(&app, &[]).await;
    let asked = consider(&app, &owner, &request).await.expect(200).json();
    assert_eq!(asked["consent_required"], true, "{asked}");
    let quiet = shop.begin(&app, &[("prompt", "none")]).await;
    let answer = consider(&app, &owner, &quiet).await.expect(200).text("/redirect_to");
    assert_eq!(parameter(&answer, "error").as_deref(), Some("consent_required"));
}
