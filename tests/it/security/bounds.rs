//! A quota is counted by purpose, by target and by the client that caused it: what a stranger uses up is never the
//! owner's.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::races::count;
use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, verify};
use crate::support::app::TestApp;
use crate::support::response::TestResponse;

const PROXIED: &[(&str, &str)] = &[
    ("TRUSTED_PROXIES", "203.0.113.0/24"),
    ("SECOND_FACTORS", "totp,email,sms"),
];
const EMAIL: &str = "jo@example.com";
const NEW: &str = "heftklammer im regen";
/// Where any client can request a link to an address.
const LINKS: [&str; 3] = ["/password/forgot", "/magic-link", "/email/verify/request"];

/// A client in a network of its own, which a trusted proxy names. Requests without one come from the owner's network.
struct Elsewhere<'a> {
    app: &'a TestApp,
    ip: String,
}

impl<'a> Elsewhere<'a> {
    fn new(app: &'a TestApp, network: usize) -> Self {
        let ip = format!("198.51.{network}.1");
        Self { app, ip }
    }

    async fn post(&self, path: &str, body: &Value) -> TestResponse {
        let request = TestRequest::post().uri(path).set_json(body);
        let forwarded = header::HeaderName::from_static("x-forwarded-for");
        self.app.send(request.insert_header((forwarded, self.ip.clone()))).await
    }

    async fn log_in(&self) -> String {
        let body = json!({"email": EMAIL, "password": PASSWORD});
        self.post("/login", &body).await.expect(200).text("/pre_auth_token")
    }

    async fn verify(&self, pre_auth_token: &str, code: &str) -> TestResponse {
        let body = json!({"pre_auth_token": pre_auth_token, "code": code});
        self.post("/2fa/verify", &body).await
    }

    async fn challenge(&self, pre_auth_token: &str) -> TestResponse {
        let body = json!({"pre_auth_token": pre_auth_token, "method": "sms"});
        self.post("/2fa/challenge", &body).await
    }
}

async fn told(app: &TestApp, to: &str, kind: &str) -> usize {
    app.notification_kinds(to)
        .await
        .iter()
        .filter(|found| *found == kind)
        .count()
}

/// A user who verified their address and signed in from their own network, at a time when the next code of the
/// authenticator is accepted.
async fn owner(app: &TestApp) -> SignedIn {
    let owner = Person::sign_up(app, EMAIL).await;
    app.verify_email(EMAIL).await;
    app.clock.advance(30);
    owner
}

async fn step_up(app: &TestApp, token: &str, proof: Value) -> TestResponse {
    app.call_as(Method::POST, "/step-up", token, &proof).await
}

#[actix_web::test]
async fn sixty_renewals_of_recovery_codes_make_two_mails() {
    let app = TestApp::new().await;
    let owner = owner(&app).await;
    let renew = async || {
        app.post_as("/2fa/recovery-codes", &owner.access_token)
            .await
            .expect(200)
    };
    for _ in 0..60 {
        renew().await;
        app.clock.advance(4);
    }
    assert_eq!(told(&app, EMAIL, "recovery_codes_replaced").await, 2);
    let notifications = app.notifications(EMAIL).await;
    let merged = notifications.iter().filter(|notification| {
        let text = notification["text"].as_str().unwrap();
        text.contains("59 more times")
    });
    assert_eq!(merged.count(), 1);
    // The first was due at once, the other ten minutes after it.
    let at = |due: &str| format!("outbox WHERE kind = 'recovery_codes_replaced' AND next_try_at = {due}");
    assert_eq!(count(&app, &at("created_at")), 1);
    assert_eq!(count(&app, &at("created_at - interval '4 s' + interval '10 min'")), 1);
    // After those ten minutes the next one is notified again.
    app.clock.advance(360);
    let token = owner.person.sign_in_again(&app).await;
    app.post_as("/2fa/recovery-codes", &token).await.expect(200);
    assert_eq!(told(&app, EMAIL, "recovery_codes_replaced").await, 3);
}

#[actix_web::test]
async fn many_equal_notices_are_sent_twice_with_their_number() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let owner = owner(&app).await;
    let instances = [&app, &sibling];
    let renew = |number: usize| instances[number % 2].post_as("/2fa/recovery-codes", &owner.access_token);
    for answer in join_all((0..20).map(renew)).await {
        answer.expect(200);
    }
    assert_eq!(told(&app, EMAIL, "recovery_codes_replaced").await, 2);
    let notifications = app.notifications(EMAIL).await;
    let merged = |notification: &&Value| notification["text"].as_str().unwrap().contains("19 more times");
    assert_eq!(notifications.iter().filter(merged).count(), 1);
}

#[actix_web::test]
async fn a_notice_that_is_being_sent_is_not_changed_any_more() {
    let app = TestApp::new().await;
    let owner = owner(&app).await;
    let renew = async || {
        app.post_as("/2fa/recovery-codes", &owner.access_token)
            .await
            .expect(200)
    };
    renew().await;
    renew().await;
    // Another instance, whose clock is ahead, has taken the second.
    let taken = "UPDATE outbox SET attempts = 1 WHERE next_try_at > created_at";
    diesel::sql_query(taken).execute(&mut app.database.connect()).unwrap();
    renew().await;
    assert_eq!(told(&app, EMAIL, "recovery_codes_replaced").await, 3);
}

#[actix_web::test]
async fn an_unverified_address_gets_only_what_verifies_it() {
    let app = TestApp::with(PROXIED).await;
    let owner = Person::sign_up(&app, EMAIL).await;
    app.post_as("/2fa/recovery-codes", &owner.access_token)
        .await
        .expect(200);
    owner.set_up_phone(&app, PHONE).await;
    app.clock.advance(30);
    for _ in 0..4 {
        let token = owner.person.log_in(&app).await;
        verify(&app, &token, &owner.person.wrong_code(&app)).await.expect(401);
    }
    let change = json!({"email": "new@example.com"});
    app.call_as(Method::POST, "/email/change", &owner.access_token, &change)
        .await
        .expect(202);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    app.call_as(Method::POST, "/password/change", &owner.access_token, &change)
        .await
        .expect(204);
    assert_eq!(app.notification_kinds(EMAIL).await, ["email_verification"]);
    for path in ["/password/forgot", "/magic-link", "/email/verify/request"] {
        app.post(path, &json!({"email": EMAIL})).await.expect(202);
    }
    assert_eq!(
        app.notification_kinds(EMAIL).await,
        [
            "email_verification",
            "email_verification",
            "magic_link",
            "password_reset"
        ]
    );
}

#[actix_web::test]
async fn twenty_accounts_that_want_one_address_send_it_three_mails_and_are_answered_alike() {
    let app = TestApp::with(PROXIED).await;
    let body = json!({"email": "victim@example.com"});
    let mut answers = Vec::new();
    for number in 0..20 {
        let account = Person::sign_up(&app, &format!("jo{number}@example.com")).await;
        let answer = app
            .call_as(Method::POST, "/email/change", &account.access_token, &body)
            .await;
        answers.push(answer.expect(202).shown());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(app.notification_kinds("victim@example.com").await, ["email_change"; 3]);
    app.clock.advance(3600);
    let account = Person::sign_up(&app, "mo@example.com").await;
    app.call_as(Method::POST, "/email/change", &account.access_token, &body)
        .await
        .expect(202);
    assert_eq!(app.notifications("victim@example.com").await.len(), 4);
}

#[actix_web::test]
async fn the_owner_of_an_address_is_notified_three_times_an_hour_of_attempts_to_register_it() {
    let app = TestApp::with(&[("REGISTRATION", "private")]).await;
    let body = json!({"email": EMAIL, "password": PASSWORD});
    app.post("/register", &body).await.expect(202);
    app.verify_email(EMAIL).await;
    for _ in 0..10 {
        app.post("/register", &body).await.expect(202);
    }
    // The registration itself counts as one, so that free and taken addresses have the same quota.
    assert_eq!(told(&app, EMAIL, "account_exists").await, 2);
}

#[actix_web::test]
async fn strangers_who_enrol_a_number_do_not_keep_its_owner_from_signing_in() {
    let app = TestApp::with(PROXIED).await;
    let owner = owner(&app).await;
    owner.set_up_phone(&app, PHONE).await;
    let body = json!({"phone_number": PHONE});
    let mut refused = 0;
    for number in 0..12 {
        let stranger = Person::sign_up(&app, &format!("mallory{number}@example.com")).await;
        let answer = app
            .call_as(Method::PUT, "/2fa/phone", &stranger.access_token, &body)
            .await;
        refused += usize::from(answer.status == 429);
    }
    assert_eq!(refused, 3, "ten enrolments an hour, the owner's own among them");
    // The same with all other numbers of the block.
    for number in 0..50 {
        let neighbour = format!("{}{number:02}", &PHONE[..PHONE.len() - 2]);
        let stranger = Person::sign_up(&app, &format!("trudy{number}@example.com")).await;
        let body = json!({"phone_number": neighbour});
        let _sent_or_not = app
            .call_as(Method::PUT, "/2fa/phone", &stranger.access_token, &body)
            .await;
    }
    for number in 0..5 {
        let token = owner.person.log_in(&app).await;
        let body = json!({"pre_auth_token": token, "method": "sms"});
        app.post("/2fa/challenge", &body).await.expect(202);
        assert_eq!(told(&app, PHONE, "second_factor_code").await, number + 1);
    }
}

#[actix_web::test]
async fn a_thief_of_the_password_on_many_networks_leaves_the_owner_their_codes() {
    let app = TestApp::with(PROXIED).await;
    let owner = owner(&app).await;
    owner.set_up_phone(&app, PHONE).await;
    let mut refused = 0;
    for network in 0..15 {
        let thief = Elsewhere::new(&app, network);
        let token = thief.log_in().await;
        refused += usize::from(thief.challenge(&token).await.status == 429);
    }
    assert_eq!(refused, 5, "ten an hour for all networks that are not the owner's");
    // So that the newest code is the owner's.
    app.clock.advance(1);
    let token = owner.person.log_in(&app).await;
    let body = json!({"pre_auth_token": token, "method": "sms"});
    app.post("/2fa/challenge", &body).await.expect(202);
    let body = json!({"pre_auth_token": token, "method": "sms", "code": app.sent_code(PHONE).await});
    app.post("/2fa/verify", &body).await.expect(200);
}

#[actix_web::test]
async fn links_that_a_stranger_asks_for_do_not_keep_the_owners_own_from_being_sent() {
    let app = TestApp::with(PROXIED).await;
    owner(&app).await;
    let body = json!({"email": EMAIL});
    for (path, kind, life) in [
        ("/password/forgot", "password_reset", 900),
        ("/magic-link", "magic_link", 600),
    ] {
        for network in 0..10 {
            Elsewhere::new(&app, network).post(path, &body).await.expect(202);
        }
        assert_eq!(told(&app, EMAIL, kind).await, 3, "all strangers together");
        for sent in 4..=6 {
            app.post(path, &body).await.expect(202);
            assert_eq!(
                told(&app, EMAIL, kind).await,
                sent,
                "the known network of the owner has its own quota"
            );
        }
        app.post(path, &body).await.expect(202);
        Elsewhere::new(&app, 99).post(path, &body).await.expect(202);
        assert_eq!(told(&app, EMAIL, kind).await, 6);
        // The owner is travelling. No link is valid any longer, so one is sent, whichever client asks.
        app.clock.advance(life);
        Elsewhere::new(&app, 100).post(path, &body).await.expect(202);
        assert_eq!(told(&app, EMAIL, kind).await, 7);
        Elsewhere::new(&app, 101).post(path, &body).await.expect(202);
        assert_eq!(told(&app, EMAIL, kind).await, 7);
    }
}

#[actix_web::test]
async fn requests_for_links_are_answered_and_recorded_alike_for_an_address_without_an_account() {
    let app = TestApp::with(PROXIED).await;
    owner(&app).await;
    for email in [EMAIL, "nobody@example.com"] {
        let body = json!({"email": email});
        let mut answers = Vec::new();
        for step in 0..30 {
            let answer = Elsewhere::new(&app, step % 7).post("/magic-link", &body).await;
            answers.push(answer.expect(202).shown());
            app.clock.advance(if step % 10 == 9 { 600 } else { 1 });
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{email}");
        let rows = count(&app, "audit_events WHERE event = 'magic_link_requested'");
        // Twenty in an hour, whether they were sent or not.
        assert_eq!(rows % 20, 0, "{email}");
        app.clock.advance(3600);
    }
    let succeeded = "audit_events WHERE event = 'magic_link_requested' AND success";
    assert_eq!(count(&app, succeeded), 20);
}

#[actix_web::test]
async fn wrong_codes_of_a_thief_of_the_password_do_not_make_the_owner_wait_on_a_known_network() {
    let app = TestApp::with(PROXIED).await;
    let person = owner(&app).await.person;
    let thief = Elsewhere::new(&app, 0);
    for _ in 0..5 {
        let answer = thief.verify(&thief.log_in().await, &person.wrong_code(&app)).await;
        let problem = answer.expect_problem(401, "invalid_code");
        assert_eq!(problem["attempts_remaining"], 4, "of this login");
    }
    let locked = thief.verify(&thief.log_in().await, &person.code(&app)).await;
    assert_eq!(locked.header("retry-after"), Some("30"));
    locked.expect_problem(429, "rate_limited");
    // From another network the same thief continues, until all networks that are not known wait together.
    let other = Elsewhere::new(&app, 1);
    for _ in 0..4 {
        let answer = other.verify(&other.log_in().await, &person.wrong_code(&app)).await;
        answer.expect_problem(401, "invalid_code");
    }
    let third = Elsewhere::new(&app, 2);
    for _ in 0..2 {
        let answer = third.verify(&third.log_in().await, &person.wrong_code(&app)).await;
        answer.expect_problem(401, "invalid_code");
    }
    let fourth = Elsewhere::new(&app, 3);
    let locked = fourth.verify(&fourth.log_in().await, &person.code(&app)).await;
    assert_eq!(locked.header("retry-after"), Some("60"));
    locked.expect_problem(429, "rate_limited");
    person.log_in_with(&app, &person.code(&app)).await.expect(200);
    // A right code from the owner's network resets only the failures of that network.
    app.clock.advance(30);
    let token = fourth.log_in().await;
    fourth
        .verify(&token, &person.code(&app))
        .await
        .expect_problem(429, "rate_limited");
}

#[actix_web::test]
async fn all_networks_together_wait_longer_each_time_and_fifty_are_the_end_for_them() {
    let app = TestApp::with(PROXIED).await;
    let person = owner(&app).await.person;
    let began = count(&app, "audit_events WHERE event = 'authn_mfa_lock'");
    let mut waits = Vec::new();
    for guess in 0..50 {
        let thief = Elsewhere::new(&app, guess);
        let token = thief.log_in().await;
        let mut answer = thief.verify(&token, &person.wrong_code(&app)).await;
        if let Some(wait) = answer.header("retry-after").map(str::to_owned) {
            app.clock.advance(wait.parse().unwrap());
            waits.push(wait);
            answer = thief.verify(&thief.log_in().await, &person.wrong_code(&app)).await;
        }
        answer.expect_problem(401, "invalid_code");
    }
    assert_eq!(waits[..7], ["60", "120", "240", "480", "960", "1920", "3600"]);
    assert_eq!(waits.len(), 39);
    let locks = "audit_events WHERE event = 'authn_mfa_lock' AND reason = 'from_anywhere'";
    assert_eq!(count(&app, locks) - began, 40);
    assert_eq!(told(&app, EMAIL, "second_factors_refused_to_strangers").await, 1);
    app.clock.advance(3600);
    let thief = Elsewhere::new(&app, 51);
    thief
        .verify(&thief.log_in().await, &person.code(&app))
        .await
        .expect_problem(401, "invalid_code");
    person.log_in_with(&app, &person.code(&app)).await.expect(200);
}

#[actix_web::test]
async fn wrong_proofs_in_a_stolen_session_make_that_session_wait_and_no_other() {
    let app = TestApp::new().await;
    let stolen = owner(&app).await;
    let own = stolen.person.sign_in_again(&app).await;
    app.clock.advance(30);
    let wrong = json!({"code": stolen.person.wrong_code(&app)});
    for _ in 0..5 {
        step_up(&app, &stolen.access_token, wrong.clone())
            .await
            .expect_problem(401, "invalid_code");
    }
    let right = json!({"code": stolen.person.code(&app)});
    let locked = step_up(&app, &stolen.access_token, right.clone()).await;
    assert_eq!(locked.header("retry-after"), Some("30"));
    locked.expect_problem(429, "rate_limited");
    step_up(&app, &own, right).await.expect(200);
    stolen.person.sign_in_again(&app).await;
}

#[actix_web::test]
async fn a_right_password_is_looked_at_while_codes_have_to_wait() {
    let app = TestApp::new().await;
    let owner = owner(&app).await;
    let (token, person) = (&owner.access_token, &owner.person);
    let wrong = json!({"code": person.wrong_code(&app)});
    for _ in 0..5 {
        step_up(&app, token, wrong.clone()).await.expect(401);
    }
    step_up(&app, token, json!({"code": person.code(&app)}))
        .await
        .expect_problem(429, "rate_limited");
    let answer = step_up(&app, token, json!({"password": PASSWORD})).await;
    let token = &answer.expect(200).text("/access_token");
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    app.call_as(Method::POST, "/password/change", token, &change)
        .await
        .expect(204);
    // The change did not reset the failures of codes.
    step_up(&app, token, json!({"code": person.code(&app)}))
        .await
        .expect_problem(429, "rate_limited");
}

#[actix_web::test]
async fn wrong_passwords_in_a_session_leave_its_codes_and_the_login_alone() {
    let app = TestApp::new().await;
    let owner = owner(&app).await;
    let wrong = json!({"password": "another password"});
    for _ in 0..5 {
        step_up(&app, &owner.access_token, wrong.clone())
            .await
            .expect_problem(401, "invalid_credentials");
    }
    let locked = step_up(&app, &owner.access_token, json!({"password": PASSWORD})).await;
    assert_eq!(locked.header("retry-after"), Some("30"));
    locked.expect_problem(429, "rate_limited");
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    app.call_as(Method::POST, "/password/change", &owner.access_token, &change)
        .await
        .expect_problem(429, "rate_limited");
    step_up(&app, &owner.access_token, json!({"code": owner.person.code(&app)}))
        .await
        .expect(200);
    owner.person.sign_in_again(&app).await;
}

/// Requests links to an address again and again, and ends them in between.
async fn ask_and_end(app: &TestApp, session: &str, rounds: usize) {
    for _ in 0..rounds {
        for path in ["/password/forgot", "/magic-link", "/email/verify/request"] {
            app.post(path, &json!({"email": EMAIL})).await.expect(202);
        }
        app.bare_as(Method::DELETE, "/sessions", session).await.expect(204);
    }
}

#[actix_web::test]
async fn links_that_are_ended_and_asked_for_again_do_not_fill_a_mail_box() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    // The account of the address may be a stranger's: no action of the account ends the links in the mailbox.
    let squatter = Person::sign_up(&app, EMAIL).await;
    ask_and_end(&app, &squatter.access_token, 20).await;
    let mails = app.notifications(EMAIL).await.len();
    assert!(mails <= 10, "{mails}");
    let token = app.mailed_token(EMAIL, "magic_link").await;
    app.post("/magic-link/verify", &json!({"token": token}))
        .await
        .expect(200);
    // A verified address: a client with a session ends the links, and gets as many again as can expire in an hour, and
    // six.
    app.clock.advance(3600);
    let before = app.notifications(EMAIL).await.len();
    let session = Person::sign_up_verified(&app, "mo@example.com").await;
    let ask = async |path: &str| {
        app.post(path, &json!({"email": "mo@example.com"})).await.expect(202);
    };
    for _ in 0..20 {
        ask("/password/forgot").await;
        ask("/magic-link").await;
        app.bare_as(Method::DELETE, "/sessions", &session.access_token)
            .await
            .expect(204);
    }
    assert_eq!(app.notifications(EMAIL).await.len(), before);
    assert_eq!(told(&app, "mo@example.com", "magic_link").await, 16);
    assert_eq!(told(&app, "mo@example.com", "password_reset").await, 14);
}

#[actix_web::test]
async fn a_session_that_is_signed_in_has_codes_of_its_own() {
    let app = TestApp::with(PROXIED).await;
    let owner = owner(&app).await;
    owner.set_up_phone(&app, PHONE).await;
    // A thief of the password uses up the shared quota of unknown networks.
    for network in 0..10 {
        let thief = Elsewhere::new(&app, network);
        app.clock.advance(61);
        let login = thief.log_in().await;
        thief.challenge(&login).await.expect(202);
    }
    let late = Elsewhere::new(&app, 11);
    let login = late.log_in().await;
    late.challenge(&login).await.expect(429);
    // The owner's session gets its code even in a network that no session came from.
    let session = owner.person.sign_in_again(&app).await;
    let request = TestRequest::post()
        .uri("/2fa/challenge")
        .set_json(json!({"method": "sms"}));
    let forwarded = header::HeaderName::from_static("x-forwarded-for");
    let bearer = format!("Bearer {session}");
    let request = request
        .insert_header((forwarded, "198.51.200.1"))
        .insert_header((header::AUTHORIZATION, bearer));
    app.send(request).await.expect(202);
}

#[actix_web::test]
async fn a_network_that_was_thrown_out_is_not_a_known_one() {
    let app = TestApp::with(PROXIED).await;
    // A stranger registers with the owner's address and signs in. The owner resets the account by mail.
    let squatter = Person::sign_up(&app, EMAIL).await;
    let id = squatter.person.id.clone();
    let known = |app: &TestApp| {
        count(
            app,
            &format!(
                "sessions WHERE user_id = '{id}' AND idle_expires_at IS NOT NULL
                 AND end_reason IS DISTINCT FROM 'evicted'"
            ),
        )
    };
    assert_eq!(known(&app), 1);
    app.post("/password/forgot", &json!({"email": EMAIL})).await.expect(202);
    let token = app.mailed_token(EMAIL, "password_reset").await;
    let body = json!({"token": token, "new_password": NEW});
    app.post("/password/reset", &body).await.expect(204);
    assert_eq!(known(&app), 0);
    // The stranger's network has no quota of its own for links: the owner never signed in from it.
    for path in ["/magic-link"] {
        for _ in 0..3 {
            Elsewhere::new(&app, 1)
                .post(path, &json!({"email": EMAIL}))
                .await
                .expect(202);
        }
        app.post(path, &json!({"email": EMAIL})).await.expect(202);
    }
    assert_eq!(told(&app, EMAIL, "magic_link").await, 3);
}

#[actix_web::test]
async fn a_stranger_with_the_password_does_not_throw_the_owners_new_authenticator_away() {
    let app = TestApp::with(PROXIED).await;
    let owner = Person::register(&app, EMAIL).await;
    let stranger = Elsewhere::new(&app, 1);
    let login = stranger.log_in().await;
    let begun = stranger.post("/2fa/totp", &json!({})).await;
    assert_eq!(begun.status, 401);
    let request = TestRequest::post()
        .uri("/2fa/totp")
        .insert_header((header::AUTHORIZATION, format!("Bearer {login}")));
    app.send(request).await.expect(201);
    // The secret that the owner scanned still works, and its first code removes the stranger's.
    verify(&app, &owner.pre_auth_token, &owner.code(&app)).await.expect(200);
    assert_eq!(count(&app, "totp_factors"), 1);
}

#[actix_web::test]
async fn an_account_that_is_deleted_and_made_again_has_no_bounds_of_its_own() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    for _ in 0..12 {
        let passing = Person::sign_up(&app, EMAIL).await;
        for path in ["/password/forgot", "/magic-link", "/email/verify/request"] {
            app.post(path, &json!({"email": EMAIL})).await.expect(202);
        }
        app.delete_user(&passing.person.id).await;
    }
    // The operator deletes the account twelve times: no owner could delete it so often.
    let mails = app.notifications(EMAIL).await.len();
    assert!(mails <= 36, "{mails}");
}

/// Registers with the address as a stranger, and requests each kind of link until no more is sent.
async fn occupy(app: &TestApp) -> SignedIn {
    // So that the newest mail has the latest time.
    app.clock.advance(1);
    let stranger = Person::sign_up(app, EMAIL).await;
    for path in LINKS.iter().cycle().take(12) {
        app.post(path, &json!({"email": EMAIL})).await.expect(202);
    }
    stranger
}

/// The reader of the address gets in with the newest link in the mailbox.
async fn expect_a_link_that_works(app: &TestApp) {
    app.post("/password/forgot", &json!({"email": EMAIL})).await.expect(202);
    let token = app.mailed_token(EMAIL, "password_reset").await;
    app.post("/password/reset", &json!({"token": token, "new_password": NEW}))
        .await
        .expect(204);
}

#[actix_web::test]
async fn requests_for_an_address_without_an_account_use_up_nothing_that_its_owner_is_sent() {
    for mode in ["explicit", "private"] {
        let app = TestApp::with(&[("REGISTRATION", mode), ("IP_LIMITS", "off")]).await;
        for _ in 0..20 {
            for path in LINKS {
                app.post(path, &json!({"email": EMAIL})).await.expect(202);
            }
        }
        app.post("/register", &json!({"email": EMAIL, "password": PASSWORD}))
            .await
            .expect(if mode == "explicit" { 201 } else { 202 });
        assert_eq!(told(&app, EMAIL, "email_verification").await, 1, "{mode}");
        // Verified addresses are not sent that link, and requests for it use up nothing either.
        app.verify_email(EMAIL).await;
        for path in LINKS.iter().cycle().take(30) {
            app.post(path, &json!({"email": EMAIL})).await.expect(202);
        }
        assert!(told(&app, EMAIL, "magic_link").await > 0, "{mode}");
        expect_a_link_that_works(&app).await;
    }
}

#[actix_web::test]
async fn a_stranger_who_deletes_accounts_with_an_address_does_not_keep_links_from_its_reader() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    for _ in 0..3 {
        let stranger = occupy(&app).await;
        app.bare_as(Method::DELETE, "/me", &stranger.access_token)
            .await
            .expect(204);
    }
    let stranger = occupy(&app).await;
    let refused = app.bare_as(Method::DELETE, "/me", &stranger.access_token).await;
    assert!(refused.header("retry-after").is_some());
    refused.expect_problem(429, "rate_limited");
    expect_a_link_that_works(&app).await;
}

#[actix_web::test]
async fn a_stranger_who_changes_accounts_away_from_an_address_does_not_keep_links_from_its_reader() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    for round in 0..4 {
        let stranger = occupy(&app).await;
        let own = format!("mallory{round}@example.net");
        app.call_as(
            Method::POST,
            "/email/change",
            &stranger.access_token,
            &json!({"email": own}),
        )
        .await
        .expect(202);
        let token = app.mailed_token(&own, "email_change").await;
        let redeem = async || {
            let body = json!({"token": token});
            app.call_as(Method::POST, "/email/verify", &stranger.access_token, &body)
                .await
        };
        if round < 3 {
            redeem().await.expect(204);
        } else {
            redeem().await.expect_problem(429, "rate_limited");
            expect_a_link_that_works(&app).await;
        }
    }
}

#[actix_web::test]
async fn a_change_that_has_to_wait_is_good_afterwards_and_verified_addresses_leave_as_they_like() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    for _ in 0..3 {
        let passing = Person::sign_up(&app, EMAIL).await;
        app.clock.advance(1);
        app.bare_as(Method::DELETE, "/me", &passing.access_token)
            .await
            .expect(204);
    }
    let owner = Person::sign_up(&app, EMAIL).await;
    let body = json!({"email": "mo@example.com"});
    app.call_as(Method::POST, "/email/change", &owner.access_token, &body)
        .await
        .expect(202);
    let body = json!({"token": app.mailed_token("mo@example.com", "email_change").await});
    let redeem = async || {
        app.call_as(Method::POST, "/email/verify", &owner.access_token, &body)
            .await
    };
    redeem().await.expect_problem(429, "rate_limited");
    // The owner verifies the address instead, which removes the quota.
    app.verify_email(EMAIL).await;
    redeem().await.expect(204);
    app.bare_as(Method::DELETE, "/me", &owner.access_token)
        .await
        .expect(204);
}

#[actix_web::test]
async fn where_mail_alone_tells_a_stranger_who_registers_again_and_again_does_not_keep_the_answer_from_the_reader() {
    let app = TestApp::with(&[("REGISTRATION", "private"), ("IP_LIMITS", "off")]).await;
    let stranger = json!({"email": EMAIL, "password": PASSWORD});
    // Three times the lifetime of the link.
    for _ in 0..3 {
        for _ in 0..8 {
            app.post("/register", &stranger).await.expect(202);
        }
        app.clock.advance(15 * 60);
    }
    let before = told(&app, EMAIL, "unconfirmed_account").await;
    assert!(before <= 6, "{before}");
    app.post("/register", &json!({"email": EMAIL, "password": NEW}))
        .await
        .expect(202);
    assert_eq!(told(&app, EMAIL, "unconfirmed_account").await, before + 1);
    let token = app.mailed_token(EMAIL, "unconfirmed_account").await;
    app.post("/password/reset", &json!({"token": token, "new_password": NEW}))
        .await
        .expect(204);
}

#[actix_web::test]
async fn registrations_with_a_verified_address_use_up_nothing_that_its_owner_is_sent() {
    let app = TestApp::with(&[("REGISTRATION", "private"), ("IP_LIMITS", "off")]).await;
    app.post("/register", &json!({"email": EMAIL, "password": PASSWORD}))
        .await
        .expect(202);
    let token = app.mailed_token(EMAIL, "email_verification").await;
    let body = json!({"token": token, "password": PASSWORD});
    app.post("/email/verify", &body).await.expect(204);
    for _ in 0..30 {
        app.post("/register", &json!({"email": EMAIL, "password": NEW}))
            .await
            .expect(202);
    }
    // The first registration took one of three, so that free and taken addresses have as many left.
    assert_eq!(told(&app, EMAIL, "account_exists").await, 2);
    expect_a_link_that_works(&app).await;
}

#[actix_web::test]
async fn networks_of_an_unverified_account_share_one_bound() {
    let app = TestApp::with(PROXIED).await;
    let squatter = Person::sign_up(&app, EMAIL).await;
    for network in 0..6 {
        app.clock.advance(30);
        let stranger = Elsewhere::new(&app, network);
        let login = stranger.log_in().await;
        stranger.verify(&login, &squatter.person.code(&app)).await.expect(200);
    }
    for network in 0..6 {
        for _ in 0..4 {
            let stranger = Elsewhere::new(&app, network);
            stranger.post("/magic-link", &json!({"email": EMAIL})).await.expect(202);
        }
    }
    assert_eq!(told(&app, EMAIL, "magic_link").await, 3);
}

#[actix_web::test]
async fn who_registers_with_an_address_that_a_stranger_took_gets_the_account_with_a_password_of_their_own() {
    let app = TestApp::with(&[("REGISTRATION", "private")]).await;
    let stranger = json!({"email": EMAIL, "password": PASSWORD});
    app.post("/register", &stranger).await.expect(202);
    app.post("/register", &json!({"email": EMAIL, "password": NEW}))
        .await
        .expect(202);
    let token = app.mailed_token(EMAIL, "unconfirmed_account").await;
    app.post("/password/reset", &json!({"token": token, "new_password": NEW}))
        .await
        .expect(204);
    app.post("/login", &json!({"email": EMAIL, "password": NEW}))
        .await
        .expect(200);
    app.post("/login", &stranger)
        .await
        .expect_problem(401, "invalid_credentials");
}

/// A stranger has used up what an address gets, and left it as often as they may. Then an account ends once more, with
/// the address unverified, or after its reader took it over.
#[actix_web::test]
async fn after_a_stranger_left_an_address_its_owner_who_starts_over_gets_each_kind_of_link() {
    for is_taken_over in [false, true] {
        let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
        for path in LINKS.iter().cycle().take(36) {
            app.post(path, &json!({"email": EMAIL})).await.expect(202);
        }
        for _ in 0..3 {
            let stranger = occupy(&app).await;
            app.bare_as(Method::DELETE, "/me", &stranger.access_token)
                .await
                .expect(204);
        }
        let stranger = occupy(&app).await;
        if is_taken_over {
            expect_a_link_that_works(&app).await;
        }
        app.delete_user(&stranger.person.id).await;
        let owner = occupy(&app).await;
        let verification = app.mailed_token(EMAIL, "email_verification").await;
        let body = json!({"token": verification});
        app.call_as(Method::POST, "/email/verify", &owner.access_token, &body)
            .await
            .expect(204);
        expect_a_link_that_works(&app).await;
    }
}

/// Just before its end, a link is not what the owner waits for.
#[actix_web::test]
async fn who_asks_in_the_last_minute_of_a_link_gets_another_one() {
    let app = TestApp::with(&[("IP_LIMITS", "off")]).await;
    Person::sign_up_verified(&app, EMAIL).await;
    app.clock.advance(40 * 86_400);
    for (path, kind, life) in [
        ("/magic-link", "magic_link", 600),
        ("/password/forgot", "password_reset", 900),
    ] {
        let ask = async || {
            app.post(path, &json!({"email": EMAIL})).await.expect(202);
            told(&app, EMAIL, kind).await
        };
        for _ in 0..5 {
            ask().await;
        }
        app.clock.advance(life - 61);
        assert_eq!(ask().await, 3, "{kind}");
        app.clock.advance(1);
        assert_eq!(ask().await, 4, "{kind}");
    }
}
