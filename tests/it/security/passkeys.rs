//! Proofs by passkeys that must not count: each is sent to all routes that take one, which then still accept the owner.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::races::execute;
use crate::routes::admin::administrator;
use crate::support::actors::{
    PASSWORD, Person, SignedIn, challenge, claims, log_in, refresh, request_link, step_up, verify,
};
use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::authenticator::{Authenticator, BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT, USER_VERIFIED};
use crate::support::passkeys::{
    PASSKEYS, RP_ID, authenticator, login_challenge, register_passkey, registration_challenge, send_registration,
    sign_in_by_passkey, sign_in_challenge, step_up_by_passkey, step_up_challenge, verify_passkey,
};

/// An account with an authenticator app and a passkey, signed in.
struct Account {
    app: TestApp,
    jo: SignedIn,
    key: Authenticator,
    /// The passkey.
    id: String,
}

impl Account {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(&[PASSKEYS, settings].concat()).await;
        let jo = Person::sign_up_verified(&app, "jo@example.com").await;
        let (key, id) = jo.add_passkey(&app).await;
        Self { app, jo, key, id }
    }

    /// Sends an assertion that an attacker made of the authenticator and a right challenge, to every route that takes one. The
    /// authenticator is as before afterwards.
    async fn refuses(&mut self, misuse: impl Fn(&mut Authenticator, &str) -> Value) {
        self.refuses_beside_a_password(&misuse).await;
        self.refuses_alone(&misuse).await;
    }

    async fn refuses_beside_a_password(&mut self, misuse: impl Fn(&mut Authenticator, &str) -> Value) {
        let (app, token) = (&self.app, &self.jo.access_token);
        let pending = self.jo.person.log_in(app).await;
        let assertion = misuse(&mut self.key, &login_challenge(app, &pending).await);
        verify_passkey(app, &pending, &assertion)
            .await
            .expect_problem(401, "invalid_code");
        let assertion = misuse(&mut self.key, &step_up_challenge(app, token).await);
        step_up_by_passkey(app, token, &assertion)
            .await
            .expect_problem(401, "invalid_code");
        self.restore();
        // Wrong assertions make their source wait as wrong codes do, which a test below shows.
        execute(&self.app, "TRUNCATE throttles");
    }

    async fn refuses_alone(&mut self, misuse: impl Fn(&mut Authenticator, &str) -> Value) {
        let assertion = misuse(&mut self.key, &sign_in_challenge(&self.app).await);
        sign_in_by_passkey(&self.app, &assertion)
            .await
            .expect_problem(401, "invalid_credentials");
        self.restore();
    }

    fn restore(&mut self) {
        let key = &mut self.key;
        RP_ID.clone_into(&mut key.rp_id);
        PUBLIC_URL.clone_into(&mut key.origin);
        key.flags = USER_PRESENT | USER_VERIFIED;
        key.changed_flags = 0;
        key.client_data.clear();
        key.behind_data.clear();
        key.user_handle = Some(id_bytes(&self.jo.person.id));
    }

    /// Shows that what was refused has changed nothing: every route accepts the owner's assertions.
    async fn accepts_the_owner(&mut self) {
        let (app, token) = (&self.app, &self.jo.access_token);
        let pending = self.jo.person.log_in(app).await;
        let assertion = self.key.assert(&login_challenge(app, &pending).await);
        verify_passkey(app, &pending, &assertion).await.expect(200);
        let assertion = self.key.assert(&step_up_challenge(app, token).await);
        step_up_by_passkey(app, token, &assertion).await.expect(200);
        let assertion = self.key.assert(&sign_in_challenge(app).await);
        sign_in_by_passkey(app, &assertion).await.expect(200);
    }

    /// Counts the events with a name and a reason in the owner's trail.
    async fn events(&self, name: &str, reason: &str) -> usize {
        let shown = self.app.get_as("/me/events?limit=100", &self.jo.access_token).await;
        let shown = shown.expect(200).json();
        let items = shown["items"].as_array().unwrap().iter();
        items
            .filter(|event| event["event"] == name && event["reason"] == reason)
            .count()
    }
}

fn id_bytes(id: &str) -> Vec<u8> {
    Uuid::parse_str(id).unwrap().into_bytes().to_vec()
}

#[actix_web::test]
async fn a_passkey_of_another_domain_is_refused() {
    let mut account = Account::new().await;
    for rp_id in ["example.com", "evil.example", "AUTH.example.com", ""] {
        account
            .refuses(|key, challenge| {
                rp_id.clone_into(&mut key.rp_id);
                key.assert(challenge)
            })
            .await;
    }
    account.accepts_the_owner().await;
}

/// The owner and the operator can tell a misconfigured page from an attack; the client learns nothing.
#[actix_web::test]
async fn the_trail_says_which_check_refused_a_passkey() {
    type Misuse = fn(&mut Authenticator);
    let mut account = Account::new().await;
    let misuses: [(&str, Misuse); 4] = [
        ("origin", |key| "https://evil.example".clone_into(&mut key.origin)),
        ("relying_party", |key| "evil.example".clone_into(&mut key.rp_id)),
        ("presence", |key| key.flags = USER_VERIFIED),
        ("authenticator_data", |key| key.behind_data = vec![0]),
    ];
    for (reason, misuse) in misuses {
        account
            .refuses(|key, challenge| {
                misuse(key);
                key.assert(challenge)
            })
            .await;
        // At a login, a step-up and a sign-in.
        assert_eq!(account.events("passkey_refused", reason).await, 3, "{reason}");
    }
    let (app, token) = (&account.app, &account.jo.access_token);
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    for status in [200, 401] {
        sign_in_by_passkey(app, &assertion).await.expect(status);
    }
    assert_eq!(account.events("passkey_refused", "spent").await, 1);
    let mut other = authenticator(&account.jo.person.id);
    other.origin = "https://evil.example".to_owned();
    register_passkey(app, token, &other).await.expect(422);
    assert_eq!(account.events("passkey_refused", "origin").await, 4);
    assert_eq!(account.events("authn_mfa_fail", "enrolment").await, 1);
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_page_of_another_origin_and_one_that_looks_alike_are_refused() {
    let mut account = Account::new().await;
    for origin in [
        "https://evil.example",
        "https://auth.example.com.evil.example",
        "https://evil-auth.example.com",
        "https://sub.auth.example.com",
        "https://auth.example.com:8443",
        "https://auth.example.com/",
        "https://AUTH.example.com",
        "http://auth.example.com",
        "null",
    ] {
        account
            .refuses(|key, challenge| {
                origin.clone_into(&mut key.origin);
                key.assert(challenge)
            })
            .await;
    }
    account.accepts_the_owner().await;
}

/// Services that take the origin from the request accept every page that a victim can be led to.
#[actix_web::test]
async fn no_header_of_a_request_decides_which_origin_is_right() {
    let mut account = Account::new().await;
    let evil = "https://evil.example";
    for (name, value) in [
        ("origin", evil),
        ("referer", "https://evil.example/login"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
    ] {
        evil.clone_into(&mut account.key.origin);
        "evil.example".clone_into(&mut account.key.rp_id);
        let assertion = account.key.assert(&sign_in_challenge(&account.app).await);
        let request = TestRequest::post().uri("/passkey/verify").insert_header((name, value));
        let answer = account
            .app
            .send(request.set_json(json!({"credential": assertion})))
            .await;
        // A page of another origin may be refused before anything is read.
        assert!(
            [401, 403].contains(&answer.status.as_u16()),
            "{name}: {}",
            answer.status
        );
        account.restore();
    }
    account.accepts_the_owner().await;
}

/// What a request asks for decides nothing: the answer says what the service will check.
#[actix_web::test]
async fn no_request_lowers_the_user_verification_that_is_required() {
    let mut account = Account::with(&[("PASSKEY_USER_VERIFICATION", "required")]).await;
    let lowered = json!({"userVerification": "discouraged", "user_verification": "discouraged"});
    let request = TestRequest::post().uri("/passkey/options").set_json(&lowered);
    let answer = account.app.send(request).await;
    assert_eq!(answer.expect(200).text("/options/userVerification"), "required");
    let request = TestRequest::post().uri("/passkey/options?userVerification=discouraged");
    let challenge = account.app.send(request).await.expect(200);
    assert_eq!(challenge.text("/options/userVerification"), "required");
    let token = &account.jo.access_token;
    let answer = account
        .app
        .call_as(Method::POST, "/2fa/passkeys/options", token, &lowered)
        .await;
    let made = answer
        .expect(200)
        .text("/options/authenticatorSelection/userVerification");
    assert_eq!(made, "required");
    let body = json!({"method": "passkey", "userVerification": "discouraged"});
    let answer = account.app.call_as(Method::POST, "/2fa/challenge", token, &body).await;
    answer.expect_problem(400, "malformed_request");
    account.key.flags = USER_PRESENT;
    let assertion = account.key.assert(&challenge.text("/options/challenge"));
    sign_in_by_passkey(&account.app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    account.restore();
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_page_in_a_frame_of_another_site_is_refused() {
    let mut account = Account::new().await;
    for (member, value) in [
        ("crossOrigin", json!(true)),
        ("topOrigin", json!("https://evil.example")),
    ] {
        account
            .refuses(|key, challenge| {
                key.client_data.insert(member.to_owned(), value.clone());
                key.assert(challenge)
            })
            .await;
    }
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn client_data_of_a_registration_prove_nothing() {
    let mut account = Account::new().await;
    account
        .refuses(|key, challenge| {
            key.client_data.insert("type".to_owned(), json!("webauthn.create"));
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn an_absent_user_is_refused() {
    let mut account = Account::new().await;
    account
        .refuses(|key, challenge| {
            key.flags = USER_VERIFIED;
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn presence_alone_is_not_both_factors() {
    let mut account = Account::new().await;
    account
        .refuses_alone(|key, challenge| {
            key.flags = USER_PRESENT;
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn an_unverified_user_is_refused_where_the_operator_requires_verification() {
    let mut account = Account::with(&[("PASSKEY_USER_VERIFICATION", "required")]).await;
    account
        .refuses(|key, challenge| {
            key.flags = USER_PRESENT;
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn presence_alone_raises_no_session_of_a_passkey_to_two_factors() {
    let mut account = Account::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let app = &account.app;
    let link = request_link(app, "/magic-link", "magic_link", "jo@example.com").await;
    let answer = app.post("/magic-link/verify", &json!({"token": link})).await;
    let pending = answer.expect(200).text("/pre_auth_token");
    account.key.flags = USER_PRESENT;
    let assertion = account.key.assert(&login_challenge(app, &pending).await);
    let answer = verify_passkey(app, &pending, &assertion).await.expect(200);
    let shown = claims(&answer.text("/access_token"));
    assert_eq!(
        (&shown["acr"], &shown["amr"]),
        (&json!("aal1"), &json!(["email", "pop"]))
    );
}

#[actix_web::test]
async fn a_key_whose_backup_eligibility_changed_is_refused() {
    let mut account = Account::new().await;
    for flags in [BACKUP_ELIGIBLE, BACKUP_ELIGIBLE | BACKED_UP, BACKED_UP] {
        account
            .refuses(|key, challenge| {
                key.flags |= flags;
                key.assert(challenge)
            })
            .await;
    }
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn bytes_that_stand_behind_what_was_signed_are_refused() {
    let mut account = Account::new().await;
    account
        .refuses(|key, challenge| {
            key.behind_data = vec![0];
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn what_was_changed_after_the_signature_is_refused() {
    let mut account = Account::new().await;
    for member in ["signature", "authenticatorData", "clientDataJSON"] {
        account
            .refuses(|key, challenge| {
                let mut assertion = key.assert(challenge);
                let part = &mut assertion["response"][member];
                let mut bytes = URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap();
                // The last byte of the signature and of the counter; white space at the end of the JSON.
                match member {
                    "clientDataJSON" => bytes.push(b' '),
                    _ => *bytes.last_mut().unwrap() ^= 0x40,
                }
                *part = json!(URL_SAFE_NO_PAD.encode(bytes));
                assertion
            })
            .await;
    }
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_signature_of_another_key_in_the_name_of_the_passkey_is_refused() {
    let mut account = Account::new().await;
    let owner = id_bytes(&account.jo.person.id);
    account
        .refuses(|key, challenge| {
            let mut other = Authenticator::new(RP_ID, PUBLIC_URL, owner.clone().try_into().unwrap());
            other.credential_id.clone_from(&key.credential_id);
            other.sign_count = key.sign_count;
            other.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_passkey_that_was_never_registered_is_refused() {
    let mut account = Account::new().await;
    let owner = id_bytes(&account.jo.person.id);
    account
        .refuses(|_, challenge| {
            Authenticator::new(RP_ID, PUBLIC_URL, owner.clone().try_into().unwrap()).assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn the_user_handle_of_another_user_or_of_none_is_refused() {
    let mut account = Account::new().await;
    let mallory = Person::sign_up(&account.app, "mallory@example.com").await;
    let absent = "019ca945-0a00-7673-b71e-0108b877dbc7";
    for handle in [id_bytes(&mallory.person.id), id_bytes(absent), b"jo".to_vec()] {
        account
            .refuses(|key, challenge| {
                key.user_handle = Some(handle.clone());
                key.assert(challenge)
            })
            .await;
    }
    account
        .refuses_alone(|key, challenge| {
            key.user_handle = None;
            key.assert(challenge)
        })
        .await;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_right_assertion_in_the_login_of_another_user_is_refused() {
    let mut account = Account::new().await;
    let mallory = Person::sign_up(&account.app, "mallory@example.com").await;
    mallory.add_passkey(&account.app).await;
    let (app, token) = (&account.app, &mallory.access_token);
    for handle in [Some(&account.jo.person.id), Some(&mallory.person.id), None] {
        account.key.user_handle = handle.map(|id| id_bytes(id));
        let pending = mallory.person.log_in(app).await;
        // Of the user's own login, and of the other's.
        let own = account.jo.person.log_in(app).await;
        for challenge in [login_challenge(app, &pending).await, login_challenge(app, &own).await] {
            let assertion = account.key.assert(&challenge);
            verify_passkey(app, &pending, &assertion)
                .await
                .expect_problem(401, "invalid_code");
        }
        let assertion = account.key.assert(&step_up_challenge(app, token).await);
        step_up_by_passkey(app, token, &assertion)
            .await
            .expect_problem(401, "invalid_code");
        execute(app, "TRUNCATE throttles");
    }
    account.restore();
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_challenge_of_another_purpose_is_refused() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    let pending = account.jo.person.log_in(app).await;
    let registration = registration_challenge(app, token).await;
    let sign_in = sign_in_challenge(app).await;
    let step_up = step_up_challenge(app, token).await;
    for challenge in [&registration, &sign_in, &step_up] {
        let assertion = account.key.assert(challenge);
        verify_passkey(app, &pending, &assertion)
            .await
            .expect_problem(401, "invalid_code");
    }
    for challenge in [&registration, &sign_in] {
        let assertion = account.key.assert(challenge);
        step_up_by_passkey(app, token, &assertion)
            .await
            .expect_problem(401, "invalid_code");
    }
    for challenge in [&registration, &step_up] {
        let assertion = account.key.assert(challenge);
        sign_in_by_passkey(app, &assertion)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_challenge_of_another_session_of_the_same_user_is_refused() {
    let mut account = Account::new().await;
    let app = &account.app;
    let (first, second) = (account.jo.person.log_in(app).await, account.jo.person.log_in(app).await);
    let assertion = account.key.assert(&login_challenge(app, &first).await);
    verify_passkey(app, &second, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    let other = account.jo.person.sign_in_again(app).await;
    let assertion = account.key.assert(&step_up_challenge(app, &other).await);
    step_up_by_passkey(app, &account.jo.access_token, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_challenge_that_the_service_did_not_make_is_refused() {
    let mut account = Account::new().await;
    account
        .refuses(|key, challenge| {
            let mut bytes = URL_SAFE_NO_PAD.decode(challenge).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            key.assert(&URL_SAFE_NO_PAD.encode(bytes))
        })
        .await;
    for other in ["", "AAAA", "..", "\u{fffd}"] {
        account.refuses(|key, _| key.assert(other)).await;
    }
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_challenge_is_refused_after_five_minutes() {
    for (seconds, stepped_up, signed_in) in [(300, 200, 200), (301, 401, 401)] {
        let mut account = Account::new().await;
        let (app, token) = (&account.app, &account.jo.access_token);
        let challenge = step_up_challenge(app, token).await;
        app.clock.advance(seconds);
        let assertion = account.key.assert(&challenge);
        let answer = step_up_by_passkey(app, token, &assertion).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (stepped_up, (stepped_up == 401).then_some("invalid_code"))
        );
        let challenge = sign_in_challenge(app).await;
        app.clock.advance(seconds);
        let assertion = account.key.assert(&challenge);
        assert_eq!(sign_in_by_passkey(app, &assertion).await.status, signed_in);
    }
}

#[actix_web::test]
async fn an_old_challenge_beside_a_live_one_is_refused() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    let (old, new) = (step_up_challenge(app, token).await, step_up_challenge(app, token).await);
    let (of_old, of_new) = (account.key.assert(&old), account.key.assert(&new));
    step_up_by_passkey(app, token, &of_new).await.expect(200);
    step_up_by_passkey(app, token, &of_old)
        .await
        .expect_problem(401, "invalid_code");
    // Signed later, with a counter that has risen.
    let again = account.key.assert(&old);
    step_up_by_passkey(app, token, &again)
        .await
        .expect_problem(401, "invalid_code");
    let (old, new) = (sign_in_challenge(app).await, sign_in_challenge(app).await);
    let assertion = account.key.assert(&new);
    sign_in_by_passkey(app, &assertion).await.expect(200);
    let assertion = account.key.assert(&old);
    sign_in_by_passkey(app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn an_assertion_that_is_sent_twice_counts_once_and_is_not_a_failed_attempt() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    let assertion = account.key.assert(&step_up_challenge(app, token).await);
    step_up_by_passkey(app, token, &assertion).await.expect(200);
    for _ in 0..6 {
        step_up_by_passkey(app, token, &assertion)
            .await
            .expect_problem(401, "invalid_code");
    }
    assert_eq!(
        (
            account.events("authn_mfa_replay", "passkey").await,
            account.events("authn_mfa_fail", "passkey").await
        ),
        (6, 0)
    );
    let pending = account.jo.person.log_in(app).await;
    let assertion = account.key.assert(&login_challenge(app, &pending).await);
    verify_passkey(app, &pending, &assertion).await.expect(200);
    verify_passkey(app, &pending, &assertion)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    sign_in_by_passkey(app, &assertion).await.expect(200);
    sign_in_by_passkey(app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    // The password and the codes need not wait.
    let answer = step_up(app, token, &json!({"password": PASSWORD})).await;
    answer.expect(200);
    app.clock.advance(30);
    account
        .jo
        .person
        .log_in_with(app, &account.jo.person.code(app))
        .await
        .expect(200);
    let kinds = app.notification_kinds("jo@example.com").await;
    assert!(!kinds.iter().any(|kind| kind == "passkey_cloned"), "{kinds:?}");
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn refused_assertions_take_the_attempts_of_their_login_and_make_their_source_wait() {
    let mut account = Account::new().await;
    let app = &account.app;
    let pending = account.jo.person.log_in(app).await;
    let challenge = login_challenge(app, &pending).await;
    account.key.flags = 0;
    for left in [4, 3, 2, 1, 0] {
        let assertion = account.key.assert(&challenge);
        let problem = verify_passkey(app, &pending, &assertion)
            .await
            .expect_problem(401, "invalid_code");
        assert_eq!(problem["attempts_remaining"], left);
    }
    let pending = account.jo.person.log_in(app).await;
    account.key.flags = USER_PRESENT | USER_VERIFIED;
    let challenge = login_challenge(app, &pending).await;
    let assertion = account.key.assert(&challenge);
    verify_passkey(app, &pending, &assertion)
        .await
        .expect_problem(429, "rate_limited");
    app.clock.advance(30);
    // The same assertion: it was not looked at.
    verify_passkey(app, &pending, &assertion).await.expect(200);
}

#[actix_web::test]
async fn wrong_assertions_disable_no_code() {
    let mut account = Account::new().await;
    // The next wrong code would disable all that can be guessed.
    execute(&account.app, "UPDATE users SET failed_codes = 99");
    account
        .refuses(|key, challenge| {
            key.flags = 0;
            key.assert(challenge)
        })
        .await;
    account.app.clock.advance(30);
    let code = account.jo.person.code(&account.app);
    account.jo.person.log_in_with(&account.app, &code).await.expect(200);
}

#[actix_web::test]
async fn what_is_not_an_assertion_takes_no_attempt() {
    let mut account = Account::new().await;
    let app = &account.app;
    let pending = account.jo.person.log_in(app).await;
    let challenge = login_challenge(app, &pending).await;
    let right = account.key.assert(&challenge);
    let with = |change: fn(&mut Value)| {
        let mut changed = right.clone();
        change(&mut changed);
        changed
    };
    let malformed = [
        with(|credential| credential["id"] = json!("AAAA")),
        with(|credential| credential["rawId"] = json!("AAAA")),
        with(|credential| credential["type"] = json!("password")),
        with(|credential| credential["response"]["signature"] = json!("=")),
        with(|credential| credential["response"]["userHandle"] = json!("")),
        with(|credential| credential["response"]["userHandle"] = json!("A".repeat(88))),
    ];
    for credential in &malformed {
        let problem = verify_passkey(app, &pending, credential)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/passkey");
        let problem = sign_in_by_passkey(app, credential)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/credential");
    }
    // What bugs of other services took for a proof: the id alone, or with the challenge in the clear.
    for credential in [
        right["id"].clone(),
        json!({"id": right["id"], "rawId": right["rawId"], "type": "public-key"}),
        json!({"credentialId": right["id"], "challenge": challenge}),
        json!(true),
    ] {
        verify_passkey(app, &pending, &credential)
            .await
            .expect_problem(400, "malformed_request");
        sign_in_by_passkey(app, &credential)
            .await
            .expect_problem(400, "malformed_request");
    }
    for both in [
        json!({"pre_auth_token": pending, "passkey": right, "code": "123456"}),
        json!({"pre_auth_token": pending, "passkey": right, "method": "totp"}),
        json!({"pre_auth_token": pending}),
    ] {
        app.post("/2fa/verify", &both)
            .await
            .expect_problem(422, "validation_failed");
    }
    account.key.flags = 0;
    let wrong = account.key.assert(&challenge);
    let problem = verify_passkey(app, &pending, &wrong)
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(problem["attempts_remaining"], 4);
}

#[actix_web::test]
async fn a_copied_key_is_refused_and_the_owner_is_told() {
    let mut account = Account::new().await;
    account.accepts_the_owner().await;
    let uses = account.key.sign_count;
    // The copy has counted less, or exactly as much.
    for (number, count) in [0, 1, uses - 1].into_iter().enumerate() {
        account
            .refuses(|key, challenge| {
                key.sign_count = count;
                key.assert(challenge)
            })
            .await;
        assert_eq!(
            account.events("authn_mfa_fail", "copied_passkey").await,
            3 * (number + 1)
        );
    }
    let notice = account.app.notification("jo@example.com", "passkey_cloned").await;
    assert!(notice["text"].as_str().unwrap().contains("Passkey"), "{notice}");
    account.key.sign_count = uses;
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn an_authenticator_that_does_not_count_is_accepted_until_it_counts() {
    let mut account = Account::new().await;
    account.key.step = 0;
    account.accepts_the_owner().await;
    account.key.step = 1;
    account.accepts_the_owner().await;
    account
        .refuses(|key, challenge| {
            key.sign_count = 0;
            key.step = 0;
            key.assert(challenge)
        })
        .await;
}

#[actix_web::test]
async fn a_disabled_account_is_shut_out() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    let pending = account.jo.person.log_in(app).await;
    let second = account.key.assert(&login_challenge(app, &pending).await);
    let stepping_up = account.key.assert(&step_up_challenge(app, token).await);
    let alone = account.key.assert(&sign_in_challenge(app).await);
    execute(app, "UPDATE users SET status = 'disabled'");
    verify_passkey(app, &pending, &second)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    step_up_by_passkey(app, token, &stepping_up)
        .await
        .expect_problem(401, "invalid_token");
    sign_in_by_passkey(app, &alone)
        .await
        .expect_problem(401, "invalid_credentials");
    app.post_as("/2fa/passkeys/options", token)
        .await
        .expect_problem(401, "invalid_token");
    app.post_as("/2fa/passkeys/options", &pending)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

#[actix_web::test]
async fn after_an_operator_removed_the_factors_neither_the_passkey_nor_its_session_is_left() {
    let mut account = Account::new().await;
    let app = &account.app;
    let admin = administrator(app, "root@example.com").await;
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    let session = sign_in_by_passkey(app, &assertion).await.expect(200);
    let pending = account.jo.person.log_in(app).await;
    let second = account.key.assert(&login_challenge(app, &pending).await);
    let alone = account.key.assert(&sign_in_challenge(app).await);
    let path = format!("/admin/users/{}/2fa", account.jo.person.id);
    app.bare_as(Method::DELETE, &path, &admin.access_token)
        .await
        .expect(204);
    verify_passkey(app, &pending, &second)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
    sign_in_by_passkey(app, &alone)
        .await
        .expect_problem(401, "invalid_credentials");
    app.get_as("/me", &session.text("/access_token"))
        .await
        .expect_problem(401, "invalid_token");
    refresh(app, &session.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
    let login = log_in(app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "enrolment_required");
}

#[actix_web::test]
async fn with_the_last_factor_go_the_sessions_that_rest_on_it() {
    let mut account = Account::with(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let app = &account.app;
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    let alone = sign_in_by_passkey(app, &assertion).await.expect(200);
    // It and the app are the account's only factors, and both go.
    app.clock.advance(30);
    let body = json!({"password": PASSWORD, "code": account.jo.person.code(app)});
    app.call_as(Method::DELETE, "/2fa/totp", &account.jo.access_token, &body)
        .await
        .expect(204);
    let path = format!("/2fa/passkeys/{}", account.id);
    app.bare_as(Method::DELETE, &path, &account.jo.access_token)
        .await
        .expect(204);
    app.get_as("/me", &alone.text("/access_token"))
        .await
        .expect_problem(401, "invalid_token");
    refresh(app, &alone.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
    // The other session keeps its password, and no more.
    let answer = refresh(app, &account.jo.refresh_token).await.expect(200);
    let shown = claims(&answer.text("/access_token"));
    assert_eq!((&shown["acr"], &shown["amr"]), (&json!("aal1"), &json!(["pwd"])));
}

#[actix_web::test]
async fn with_one_of_several_passkeys_go_the_proofs_by_passkeys_in_other_sessions() {
    let mut account = Account::new().await;
    let app = &account.app;
    // A thief signs in with the device.
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    let alone = sign_in_by_passkey(app, &assertion).await.expect(200);
    let pending = account.jo.person.log_in(app).await;
    let assertion = account.key.assert(&login_challenge(app, &pending).await);
    let beside_password = verify_passkey(app, &pending, &assertion).await.expect(200);
    let (mut second, _) = account.jo.add_passkey(app).await;
    let by_app = account.jo.person.sign_in_again(app).await;
    let path = format!("/2fa/passkeys/{}", account.id);
    app.bare_as(Method::DELETE, &path, &account.jo.access_token)
        .await
        .expect(204);
    app.get_as("/me", &alone.text("/access_token"))
        .await
        .expect_problem(401, "invalid_token");
    refresh(app, &alone.text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
    // What is left of a session that a password began is the password, in the token that there is and in the next.
    let token = beside_password.text("/access_token");
    app.get_as("/me", &token).await.expect(200);
    app.post_as("/2fa/passkeys/options", &token)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let next = refresh(app, &beside_password.text("/refresh_token")).await.expect(200);
    let shown = claims(&next.text("/access_token"));
    assert_eq!((&shown["acr"], &shown["amr"]), (&json!("aal1"), &json!(["pwd"])));
    // A session that the app proved keeps its level.
    app.post_as("/2fa/passkeys/options", &by_app).await.expect(200);
    // The session that removes a passkey goes on, with another one that signed it in.
    let assertion = second.assert(&sign_in_challenge(app).await);
    let own = sign_in_by_passkey(app, &assertion)
        .await
        .expect(200)
        .text("/access_token");
    let listed = app.get_as("/2fa/passkeys", &own).await.expect(200).json();
    let path = format!("/2fa/passkeys/{}", listed["passkeys"][0]["id"].as_str().unwrap());
    app.bare_as(Method::DELETE, &path, &own).await.expect(204);
    app.get_as("/me", &own).await.expect(200);
}

#[actix_web::test]
async fn a_removed_passkey_proves_nothing() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    let pending = account.jo.person.log_in(app).await;
    let second = account.key.assert(&login_challenge(app, &pending).await);
    let stepping_up = account.key.assert(&step_up_challenge(app, token).await);
    let alone = account.key.assert(&sign_in_challenge(app).await);
    let path = format!("/2fa/passkeys/{}", account.id);
    app.bare_as(Method::DELETE, &path, token).await.expect(204);
    verify_passkey(app, &pending, &second)
        .await
        .expect_problem(401, "invalid_code");
    step_up_by_passkey(app, token, &stepping_up)
        .await
        .expect_problem(401, "invalid_code");
    sign_in_by_passkey(app, &alone)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[actix_web::test]
async fn a_password_reset_removes_no_passkey_and_passes_none() {
    let mut account = Account::new().await;
    let app = &account.app;
    let link = request_link(app, "/password/forgot", "password_reset", "jo@example.com").await;
    let body = json!({"token": link, "new_password": "ein ganz neues langes wort"});
    app.post("/password/reset", &body).await.expect(204);
    app.get_as("/2fa/passkeys", &account.jo.access_token)
        .await
        .expect_problem(401, "invalid_token");
    let login = log_in(app, "jo@example.com", "ein ganz neues langes wort")
        .await
        .expect(200)
        .json();
    assert_eq!(login["status"], "second_factor_required");
    assert_eq!(login["methods"][0]["type"], "passkey");
    let pending = login["pre_auth_token"].as_str().unwrap();
    app.post_as("/2fa/passkeys/options", pending)
        .await
        .expect_problem(403, "forbidden");
    let assertion = account.key.assert(&login_challenge(app, pending).await);
    verify_passkey(app, pending, &assertion).await.expect(200);
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    sign_in_by_passkey(app, &assertion).await.expect(200);
}

#[actix_web::test]
async fn where_passkeys_are_not_offered_none_is_made_or_accepted() {
    let mut account = Account::new().await;
    let app = &account.app;
    let token = &account.jo.access_token;
    let pending = account.jo.person.log_in(app).await;
    let registration = registration_challenge(app, token).await;
    let second = account.key.assert(&login_challenge(app, &pending).await);
    let stepping_up = account.key.assert(&step_up_challenge(app, token).await);
    let alone = account.key.assert(&sign_in_challenge(app).await);
    let without = app.sibling(&[("SECOND_FACTORS", "totp")]).await;
    let request = TestRequest::post().uri("/passkey/options");
    without.send(request).await.expect_problem(403, "forbidden");
    without
        .post_as("/2fa/passkeys/options", token)
        .await
        .expect_problem(403, "forbidden");
    let credential = authenticator(&account.jo.person.id).register(&registration);
    send_registration(&without, token, &credential)
        .await
        .expect_problem(403, "forbidden");
    verify_passkey(&without, &pending, &second)
        .await
        .expect_problem(401, "invalid_code");
    step_up_by_passkey(&without, token, &stepping_up)
        .await
        .expect_problem(401, "invalid_code");
    sign_in_by_passkey(&without, &alone)
        .await
        .expect_problem(401, "invalid_credentials");
    challenge(&without, &pending, "passkey")
        .await
        .expect_problem(422, "validation_failed");
    // The passkey is listed and can be removed. It still counts as a factor: giving it up must not open the account.
    let listed = without.get_as("/2fa/passkeys", token).await.expect(200).json();
    assert_eq!(listed["passkeys"].as_array().unwrap().len(), 1);
    let path = format!("/2fa/passkeys/{}", account.id);
    without.bare_as(Method::DELETE, &path, token).await.expect(204);
}

#[actix_web::test]
async fn an_account_whose_passkeys_the_deployment_gives_up_still_needs_a_second_factor() {
    let app = TestApp::with(&[PASSKEYS[0], ("TWO_FACTOR_POLICY", "optional")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.add_passkey(&app).await;
    app.clock.advance(30);
    let body = json!({"password": PASSWORD, "code": jo.person.code(&app)});
    app.call_as(Method::DELETE, "/2fa/totp", &jo.access_token, &body)
        .await
        .expect(204);
    let without = app
        .sibling(&[("SECOND_FACTORS", "totp"), ("TWO_FACTOR_POLICY", "optional")])
        .await;
    let login = log_in(&without, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "second_factor_required");
    assert_eq!(login["methods"], json!([{"type": "recovery_code", "remaining": 10}]));
}

#[actix_web::test]
async fn a_secret_that_waited_when_the_passkey_came_completes_no_login() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    // An attacker who has the password begins to enrol their own app.
    let theirs = jo.log_in(&app).await;
    let secret = app.post_as("/2fa/totp", &theirs).await.expect(201).text("/secret");
    jo.enrol_passkey(&app).await;
    let attacker = Person { secret, ..jo };
    verify(&app, &theirs, &attacker.code(&app))
        .await
        .expect_problem(401, "invalid_code");
}

#[actix_web::test]
async fn every_user_gets_the_same_answer_to_a_wrong_sign_in() {
    let mut account = Account::new().await;
    let app = &account.app;
    let without = Person::sign_up(app, "mallory@example.com").await;
    let challenge = sign_in_challenge(app).await;
    let mut answers = Vec::new();
    for id in [
        account.jo.person.id.as_str(),
        without.person.id.as_str(),
        "019ca945-0a00-7673-b71e-0108b877dbc7",
    ] {
        let mut stranger = authenticator(id);
        let answer = sign_in_by_passkey(app, &stranger.assert(&challenge)).await;
        let mut problem = answer.expect_problem(401, "invalid_credentials");
        problem["request_id"].take();
        answers.push(problem);
    }
    // The passkey is right, and what it signed is not.
    account.key.flags = 0;
    let answer = sign_in_by_passkey(app, &account.key.assert(&challenge)).await;
    let mut problem = answer.expect_problem(401, "invalid_credentials");
    problem["request_id"].take();
    assert!(answers.iter().all(|answer| *answer == problem), "{answers:?}");
}

#[actix_web::test]
async fn a_passkey_renamed_or_removed_by_another_user_is_not_found() {
    let mut account = Account::new().await;
    let app = &account.app;
    let mallory = Person::sign_up(app, "mallory@example.com").await;
    let path = format!("/2fa/passkeys/{}", account.id);
    app.bare_as(Method::DELETE, &path, &mallory.access_token)
        .await
        .expect_problem(404, "not_found");
    app.call_as(Method::PATCH, &path, &mallory.access_token, &json!({"name": "mine"}))
        .await
        .expect_problem(404, "not_found");
    for id in ["x", "00000000-0000-0000-0000-000000000000"] {
        let path = format!("/2fa/passkeys/{id}");
        app.bare_as(Method::DELETE, &path, &mallory.access_token)
            .await
            .expect_problem(404, "not_found");
    }
    let listed = app
        .get_as("/2fa/passkeys", &mallory.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed["passkeys"], json!([]));
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn one_credential_id_of_two_users_opens_the_account_of_its_own_key() {
    let mut account = Account::new().await;
    let mallory = Person::sign_up(&account.app, "mallory@example.com").await;
    // Mallory registers a key of their own with the credential id of the victim's.
    let mut theirs = authenticator(&mallory.person.id);
    theirs.credential_id.clone_from(&account.key.credential_id);
    register_passkey(&account.app, &mallory.access_token, &theirs)
        .await
        .expect(201);
    theirs.user_handle = Some(id_bytes(&account.jo.person.id));
    let assertion = theirs.assert(&sign_in_challenge(&account.app).await);
    sign_in_by_passkey(&account.app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    account.accepts_the_owner().await;
}

#[actix_web::test]
async fn a_refused_passkey_is_not_called_a_wrong_code_or_password() {
    let mut account = Account::new().await;
    let (app, token) = (&account.app, &account.jo.access_token);
    account.key.origin = "https://evil.example".to_owned();
    let pending = account.jo.person.log_in(app).await;
    let assertion = account.key.assert(&login_challenge(app, &pending).await);
    let second = verify_passkey(app, &pending, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    assert_eq!(second["attempts_remaining"], 4);
    let assertion = account.key.assert(&step_up_challenge(app, token).await);
    let stepped_up = step_up_by_passkey(app, token, &assertion)
        .await
        .expect_problem(401, "invalid_code");
    let assertion = account.key.assert(&sign_in_challenge(app).await);
    let alone = sign_in_by_passkey(app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    for problem in [second, stepped_up, alone] {
        for member in ["title", "detail"] {
            let text = problem[member].as_str().unwrap().to_lowercase();
            assert!(!text.contains("code") && !text.contains("password"), "{text}");
        }
        assert!(problem["detail"].as_str().unwrap().contains("passkey"));
    }
}

/// As between two machines: what one makes, the other checks.
#[actix_web::test]
async fn a_challenge_of_an_instance_whose_clock_is_ahead_is_accepted_once() {
    let mut account = Account::new().await;
    let app = &account.app;
    let ahead = app.sibling_ahead(5).await;
    let pending = account.jo.person.log_in(app).await;
    let second = account.key.assert(&login_challenge(&ahead, &pending).await);
    let alone = account.key.assert(&sign_in_challenge(&ahead).await);
    let token = verify_passkey(app, &pending, &second)
        .await
        .expect(200)
        .text("/access_token");
    sign_in_by_passkey(app, &alone).await.expect(200);
    for instance in [app, &ahead] {
        sign_in_by_passkey(instance, &alone)
            .await
            .expect_problem(401, "invalid_credentials");
        let pending = account.jo.person.log_in(app).await;
        verify_passkey(instance, &pending, &second)
            .await
            .expect_problem(401, "invalid_code");
    }
    let key = authenticator(&account.jo.person.id);
    let credential = key.register(&registration_challenge(&ahead, &token).await);
    send_registration(app, &token, &credential).await.expect(201);
    send_registration(app, &token, &credential)
        .await
        .expect_problem(409, "conflict");
    let far_ahead = app.sibling_ahead(20).await;
    let alone = account.key.assert(&sign_in_challenge(&far_ahead).await);
    sign_in_by_passkey(app, &alone)
        .await
        .expect_problem(401, "invalid_credentials");
}
