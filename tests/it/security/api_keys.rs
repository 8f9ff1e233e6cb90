//! API keys: what an attacker tries with a key, with its tokens, and to get one.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use serde_json::json;
use vestibule::api::routes::{Access, ROUTES};
use vestibule::domain::session_end::EndCause;

use super::pending::{Case, End, Pending, every_end, town};
use crate::routes::admin::{administrator, set_roles, sql};
use crate::support::actors::{Person, SignedIn, claims};
use crate::support::api_keys::{
    EXCHANGE, access_token, ask_for_key, delete_key, exchange, exchange_with, introspect, make_key, revoke, send_form,
};
use crate::support::app::TestApp;
use crate::support::applications::{Application, described, service, text};

const REFUSED: &str = "invalid_request";

async fn owner(app: &TestApp, roles: &str) -> SignedIn {
    let jo = Person::sign_up_verified(app, "jo@example.com").await;
    set_roles(app, "jo@example.com", roles);
    jo
}

#[actix_web::test]
async fn only_a_key_itself_is_exchanged() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{}").await;
    let max = Person::sign_up(&app, "max@example.com").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let of_max = make_key(&app, &max.access_token, &["email"]).await.api_key;
    let (head, tail) = key.split_at(60);
    let spliced = format!("{}{tail}", &of_max[..60]);
    let forged = format!("vak_{}", "A".repeat(98));
    let token = access_token(&app, &key).await;
    for wrong in [
        "vak_x",
        &forged,
        &spliced,
        head,
        &format!("{key}="),
        &key.replacen("vak_", "vrt_", 1),
        &jo.refresh_token,
        &jo.refresh_token.replacen("vrt_", "vak_", 1),
        &jo.person.pre_auth_token.replacen("vpa_", "vak_", 1),
        &jo.access_token,
        &token,
    ] {
        exchange(&app, wrong).await.expect_oauth(400, REFUSED);
    }
    // Nor is it anything else.
    for kind in ["vrt_", "vgr_"] {
        app.post(
            "/token/refresh",
            &json!({"refresh_token": key.replacen("vak_", kind, 1)}),
        )
        .await
        .expect_problem(401, "invalid_refresh_token");
    }
    let body = json!({"pre_auth_token": key.replacen("vak_", "vpa_", 1), "code": jo.person.code(&app)});
    app.post("/2fa/verify", &body)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    // A file ends with a line break.
    exchange(&app, &format!("{key}\n")).await.expect(200);
}

#[actix_web::test]
async fn what_is_presented_has_to_say_what_it_is() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{}").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let [grant, kind] = EXCHANGE;
    for form in [
        vec![grant, kind],
        vec![grant, ("subject_token", &key)],
        vec![
            grant,
            ("subject_token", &key),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ],
        vec![grant, kind, ("subject_token", &key), ("subject_token", &key)],
    ] {
        send_form(&app, &form).await.expect_oauth(400, REFUSED);
    }
}

/// Every other grant needs its client, and a client that says who it is must be that client.
#[actix_web::test]
async fn without_a_client_there_is_nothing_but_the_exchange() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{}").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let shop = Application::public(&app).await;
    let tokens = shop.sign_in(&app, &jo.access_token, &[]).await;
    let refresh_token = text(&tokens, "refresh_token");
    for form in [
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
        ],
        vec![("grant_type", "client_credentials")],
        vec![("grant_type", "authorization_code"), ("code", "vac_x")],
        vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", "vdc_x"),
        ],
        vec![("grant_type", "x")],
        vec![("subject_token", key.as_str())],
    ] {
        send_form(&app, &form).await.expect_oauth(401, "invalid_client");
    }
    let form = [&EXCHANGE[..], &[("subject_token", key.as_str())]].concat();
    shop.token(&app, &form).await.expect(200);
    let forum = Application::register(&app, described("Forum", "confidential")).await;
    forum.token(&app, &form).await.expect(200);
    for wrong in [
        vec![("client_id", "x")],
        vec![("client_id", "019ca945-0a00-7673-b71e-0108b877dbc7")],
        vec![("client_id", forum.id.as_str())],
        vec![("client_secret", "vcs_x")],
        vec![("client_id", forum.id.as_str()), ("client_secret", "vcs_x")],
    ] {
        exchange_with(&app, &key, &wrong)
            .await
            .expect_oauth(401, "invalid_client");
    }
    for credentials in ["Basic x", "Bearer x"] {
        let request = TestRequest::post().uri("/oauth/token").set_form(&form);
        app.send(request.insert_header((header::AUTHORIZATION, credentials)))
            .await
            .expect_oauth(401, "invalid_client");
    }
}

#[actix_web::test]
async fn nothing_here_accepts_the_token_of_a_key() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{editor,admin}").await;
    let key = make_key(&app, &jo.access_token, &["email", "profile", "roles"]).await;
    let token = access_token(&app, &key.api_key).await;
    let guarded = [
        Access::AccessToken,
        Access::RecentAuthentication,
        Access::Enrolment,
        Access::Administrator,
        Access::RecentAdministrator,
        Access::AdministratorOrService,
        Access::Service,
    ];
    let routes: Vec<_> = ROUTES.iter().filter(|route| guarded.contains(&route.access)).collect();
    assert!(routes.iter().any(|route| route.path == "/token/validate"));
    for bearer in [&token, &key.api_key] {
        for route in &routes {
            let id = "019ca945-0a00-7673-b71e-0108b877dbc7";
            let path = route.path.replace("{id}", id).replace("{client_id}", id);
            let answer = app.call_as(route.verb.method(), &path, bearer, &json!({})).await;
            answer.expect_problem(401, "invalid_token");
        }
        for method in [Method::GET, Method::POST] {
            app.bare_as(method, "/userinfo", bearer)
                .await
                .expect_oauth(401, "invalid_token");
        }
        app.bare_as(Method::POST, "/logout", bearer)
            .await
            .expect_problem(401, "invalid_token");
        let shop = Application::register(&app, described(&format!("shop {}", bearer.len()), "public")).await;
        let request = shop.begin(&app, &[]).await;
        let body = json!({"request": request, "decision": "approve"});
        app.call_as(Method::POST, "/oauth/authorize", bearer, &body)
            .await
            .expect_problem(401, "invalid_token");
    }
    exchange(&app, &key.api_key).await.expect(200);
    app.get_as("/me", &jo.access_token).await.expect(200);
}

#[actix_web::test]
async fn neither_a_key_nor_an_application_nor_a_stale_session_makes_a_key() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{}").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let shop = Application::public(&app).await;
    let of_shop = text(&shop.sign_in(&app, &jo.access_token, &[]).await, "access_token");
    let worker = Application::register(&app, service("Worker")).await;
    let of_worker = worker
        .token(&app, &[("grant_type", "client_credentials")])
        .await
        .expect(200)
        .text("/access_token");
    for token in [
        &key,
        &access_token(&app, &key).await,
        &of_shop,
        &of_worker,
        &jo.refresh_token,
    ] {
        ask_for_key(&app, token, &["email"])
            .await
            .expect_problem(401, "invalid_token");
    }
    app.clock.advance(301);
    ask_for_key(&app, &jo.access_token, &["email"])
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

#[actix_web::test]
async fn a_key_allows_what_its_owner_may_do_now_and_never_what_needs_a_second_factor() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{editor,author,admin}").await;
    let all = make_key(&app, &jo.access_token, &["roles"]).await.api_key;
    let one = make_key(&app, &jo.access_token, &["editor"]).await.api_key;
    let both = make_key(&app, &jo.access_token, &["editor", "email"]).await.api_key;
    let service = app.service_client("api").await;
    let of = async |app: &TestApp, key: &str| claims(&access_token(app, key).await);
    assert_eq!(
        of(&app, &all).await["roles"],
        json!(["editor", "author"]),
        "never admin"
    );
    assert_eq!(of(&app, &one).await["roles"], json!(["editor"]));

    let stricter = app.sibling(&[("SECOND_FACTORS_FOR", "editor:totp")]).await;
    assert_eq!(of(&stricter, &all).await["roles"], json!(["author"]));
    exchange(&stricter, &one).await.expect_oauth(400, "invalid_scope");
    ask_for_key(&stricter, &jo.access_token, &["editor"])
        .await
        .expect_problem(422, "validation_failed");

    let before = access_token(&app, &both).await;
    assert_eq!(introspect(&app, &service, &before).await["roles"], json!(["editor"]));
    set_roles(&app, "jo@example.com", "{admin,other}");
    let after = of(&app, &both).await;
    assert_eq!((&after["scope"], after.get("roles")), (&json!("email"), None));
    assert_eq!(of(&app, &all).await["roles"], json!(["other"]));
    exchange(&app, &one).await.expect_oauth(400, "invalid_scope");
    let seen = introspect(&app, &service, &before).await;
    assert_eq!((&seen["active"], &seen["scope"]), (&json!(true), &json!("email")));
    assert_eq!(seen.get("roles"), None);
}

/// A role may have any name. One with the name of another scope is let through by `roles` alone.
#[actix_web::test]
async fn a_role_with_the_name_of_a_scope_is_not_let_through_by_it() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{email,profile,openid}").await;
    let key = make_key(&app, &jo.access_token, &["email", "profile"]).await.api_key;
    assert_eq!(claims(&access_token(&app, &key).await).get("roles"), None);
    ask_for_key(&app, &jo.access_token, &["openid"])
        .await
        .expect_problem(422, "validation_failed");
}

#[actix_web::test]
async fn services_see_a_token_end_with_its_key_and_end_it() {
    let app = TestApp::new().await;
    let jo = owner(&app, "{editor}").await;
    let service = app.service_client("api").await;
    let key = make_key(&app, &jo.access_token, &["editor"]).await;
    let token = access_token(&app, &key.api_key).await;
    let seen = introspect(&app, &service, &token).await;
    assert_eq!((&seen["active"], &seen["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!(
        (&seen["sub"], &seen["client_id"]),
        (&json!(jo.person.id), &json!(key.id))
    );
    assert_eq!(introspect(&app, &service, &key.api_key).await, json!({"active": false}));
    delete_key(&app, &jo.access_token, &key.id).await.expect(204);
    assert_eq!(introspect(&app, &service, &token).await, json!({"active": false}));

    for by_token in [false, true] {
        let key = make_key(&app, &jo.access_token, &["editor"]).await;
        let token = access_token(&app, &key.api_key).await;
        // An application ends nothing but its own.
        let shop = Application::register(&app, described(&format!("shop {by_token}"), "public")).await;
        for presented in [&token, &key.api_key] {
            shop.form(&app, "/oauth/revoke", &[("token", presented)])
                .await
                .expect(200);
        }
        exchange(&app, &key.api_key).await.expect(200);
        revoke(&app, &service, if by_token { &token } else { &key.api_key }).await;
        exchange(&app, &key.api_key).await.expect_oauth(400, REFUSED);
        assert_eq!(introspect(&app, &service, &token).await, json!({"active": false}));
    }
    app.get_as("/me", &jo.access_token).await.expect(200);
    let events = app.get_as("/me/events", &jo.access_token).await.expect(200).json();
    let events = events["items"].as_array().unwrap();
    let reasons = events.iter().filter(|event| event["event"] == "api_key_deleted");
    let (by_client, by_user): (Vec<_>, Vec<_>) = reasons.partition(|event| event["reason"] == "by_client");
    assert_eq!((by_client.len(), by_user.len()), (2, 1));
}

#[actix_web::test]
async fn a_disabled_account_has_no_keys_left_and_a_deleted_one_neither() {
    let app = TestApp::new().await;
    let service = app.service_client("api").await;
    let jo = owner(&app, "{}").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let token = access_token(&app, &key).await;
    // The row alone, as a statement of an operator leaves it: the key is there, and the account is not active.
    sql(&app, "UPDATE users SET status = 'disabled'");
    exchange(&app, &key).await.expect_oauth(400, REFUSED);
    assert_eq!(introspect(&app, &service, &token).await, json!({"active": false}));
    sql(&app, "UPDATE users SET status = 'active'");
    exchange(&app, &key).await.expect(200);
    app.bare_as(Method::DELETE, "/me", &jo.access_token).await.expect(204);
    exchange(&app, &key).await.expect_oauth(400, REFUSED);
    assert_eq!(introspect(&app, &service, &token).await, json!({"active": false}));
}

#[actix_web::test]
async fn of_many_requests_at_once_no_more_keys_come_than_there_may_be() {
    let app = TestApp::serving().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let answers = join_all((0..25).map(|_| ask_for_key(&app, &jo.access_token, &["email"]))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, refused), (20, 5));
}

#[actix_web::test]
async fn a_script_that_never_rests_has_to_wait() {
    let app = TestApp::serving().await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let key = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let other = make_key(&app, &jo.access_token, &["email"]).await.api_key;
    let mut refused = None;
    for _ in 0..200 {
        let answer = exchange(&app, &key).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        answer.expect(200);
    }
    assert!(refused.expect("a limit").header("retry-after").is_some());
    exchange(&app, &other).await.expect(200);
}

/// What is against an intruder, and so deletes the keys of an account.
pub(super) fn shuts_out(end: End) -> bool {
    match end {
        End::SignOutAll
        | End::Session(
            EndCause::AccountDeleted
            | EndCause::OthersEndedByOwner
            | EndCause::RefreshReuse
            | EndCause::EndedByOperator
            | EndCause::AccountDisabled
            | EndCause::FactorsReset
            | EndCause::PasswordChanged
            | EndCause::PasswordReset
            | EndCause::UnverifiedAccountReset
            | EndCause::EmailChangeCancelled,
        ) => true,
        End::Session(
            EndCause::Logout
            | EndCause::EndedByOwner
            | EndCause::OneEndedByOperator
            | EndCause::RevokedByClient
            | EndCause::SessionLimit
            | EndCause::Expired
            | EndCause::GrantReuse
            | EndCause::CodeReuse
            | EndCause::ConsentWithdrawn
            | EndCause::ClientChanged
            | EndCause::ClientDeleted
            | EndCause::EmailChanged
            | EndCause::FactorRemoved,
        ) => false,
    }
}

#[actix_web::test]
async fn whatever_shuts_an_intruder_out_deletes_all_keys() {
    for end in every_end() {
        let app = town(end).await;
        let admin = administrator(&app, "root@example.com").await;
        let others = make_key(&app, &admin.access_token, &["email"]).await.api_key;
        let case = Case::begin(&app, &admin, (Pending::Login, end)).await;
        let key = make_key(&app, &case.second, &["email"]).await.api_key;
        exchange(&app, &key).await.expect(200);
        case.end(&app, &admin, end).await;
        let works = exchange(&app, &key).await.status == 200;
        assert_eq!(works, !shuts_out(end), "{end:?}");
        // Those of other users are not concerned.
        let works = exchange(&app, &others).await.status == 200;
        assert_eq!(works, end != End::SignOutAll, "{end:?}");
    }
}
