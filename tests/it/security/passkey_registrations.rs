//! Registrations of passkeys that must not count. A passkey that a stranger adds opens the account for ever.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::actors::{PASSWORD, Person, SignedIn, claims, log_in, request_link, verify};
use crate::support::app::TestApp;
use crate::support::authenticator::{Authenticator, BACKED_UP, CREDENTIAL, USER_VERIFIED};
use crate::support::passkeys::{
    PASSKEYS, authenticator, login_challenge, register_passkey, registration_challenge, remove_passkey,
    send_registration, sign_in_by_passkey, sign_in_challenge, step_up_challenge,
};

async fn number_of_passkeys(app: &TestApp, who: &SignedIn) -> usize {
    let listed = app.get_as("/2fa/passkeys", &who.access_token).await.expect(200).json();
    listed["passkeys"].as_array().unwrap().len()
}

/// Sends a registration that was made of right options, and asserts that it is refused and adds nothing.
async fn refuses(misuse: impl Fn(&mut Authenticator, &str) -> Value) {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let challenge = registration_challenge(&app, &jo.access_token).await;
    let mut key = authenticator(&jo.person.id);
    let credential = misuse(&mut key, &challenge);
    let problem = send_registration(&app, &jo.access_token, &credential)
        .await
        .expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/credential", "{problem}");
    assert_eq!(number_of_passkeys(&app, &jo).await, 0);
    let kinds = app.notification_kinds("jo@example.com").await;
    assert!(!kinds.iter().any(|kind| kind == "passkey_added"), "{kinds:?}");
}

#[actix_web::test]
async fn nothing_is_registered_without_a_session() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let credential = authenticator(&jo.person.id).register(&registration_challenge(&app, &jo.access_token).await);
    app.send(TestRequest::post().uri("/2fa/passkeys/options"))
        .await
        .expect_problem(401, "invalid_token");
    app.post("/2fa/passkeys", &json!({"credential": credential}))
        .await
        .expect_problem(401, "invalid_token");
    for token in ["x", "vpa_x"] {
        app.post_as("/2fa/passkeys/options", token).await.expect(401);
        send_registration(&app, token, &credential).await.expect(401);
    }
    assert_eq!(number_of_passkeys(&app, &jo).await, 0);
}

#[actix_web::test]
async fn a_pending_login_of_an_account_that_has_a_factor_registers_nothing() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let credential = authenticator(&jo.person.id).register(&registration_challenge(&app, &jo.access_token).await);
    let pending = jo.person.log_in(&app).await;
    app.post_as("/2fa/passkeys/options", &pending)
        .await
        .expect_problem(403, "forbidden");
    send_registration(&app, &pending, &credential)
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(number_of_passkeys(&app, &jo).await, 0);
}

#[actix_web::test]
async fn a_pending_login_that_got_its_options_before_the_first_factor_registers_nothing() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let theirs = jo.log_in(&app).await;
    let credential = authenticator(&jo.id).register(&registration_challenge(&app, &theirs).await);
    jo.enrol_passkey(&app).await;
    send_registration(&app, &theirs, &credential)
        .await
        .expect_problem(403, "forbidden");
    // Nor does a login that has registered one register a second.
    app.post_as("/2fa/passkeys/options", &jo.pre_auth_token)
        .await
        .expect_problem(403, "forbidden");
}

#[actix_web::test]
async fn a_completed_or_expired_login_registers_nothing() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::register(&app, "jo@example.com").await;
    let pending = jo.log_in(&app).await;
    let credential = authenticator(&jo.id).register(&registration_challenge(&app, &pending).await);
    app.clock.advance(300);
    for token in [&pending, &jo.pre_auth_token] {
        app.post_as("/2fa/passkeys/options", token)
            .await
            .expect_problem(401, "invalid_pre_auth_token");
        send_registration(&app, token, &credential)
            .await
            .expect_problem(401, "invalid_pre_auth_token");
    }
}

#[actix_web::test]
async fn without_a_recent_proof_a_session_changes_no_passkey() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (_, id) = jo.add_passkey(&app).await;
    let token = &jo.access_token;
    let challenge = registration_challenge(&app, token).await;
    let credential = authenticator(&jo.person.id).register(&challenge);
    app.clock.advance(301);
    let path = format!("/2fa/passkeys/{id}");
    for answer in [
        app.post_as("/2fa/passkeys/options", token).await,
        send_registration(&app, token, &credential).await,
        app.call_as(Method::PATCH, &path, token, &json!({"name": "mine"})).await,
        app.bare_as(Method::DELETE, &path, token).await,
    ] {
        answer.expect_problem(401, "insufficient_user_authentication");
    }
    assert_eq!(number_of_passkeys(&app, &jo).await, 1);
}

#[actix_web::test]
async fn a_session_whose_only_proof_is_the_password_adds_no_passkey_to_an_account_with_a_factor() {
    let app = TestApp::with(&[PASSKEYS[0], ("TWO_FACTOR_POLICY", "optional")]).await;
    let body = json!({"email": "jo@example.com", "password": PASSWORD});
    app.post("/register", &body).await.expect(201);
    let answer = log_in(&app, "jo@example.com", PASSWORD).await;
    let weak = answer.expect(200).text("/access_token");
    let id = claims(&weak)["sub"].as_str().unwrap().to_owned();
    // Without a factor the password is the strongest proof that the account has.
    register_passkey(&app, &weak, &authenticator(&id)).await.expect(201);
    app.post_as("/2fa/passkeys/options", &weak)
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

#[actix_web::test]
async fn a_challenge_of_another_purpose_registers_nothing() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.add_passkey(&app).await;
    let token = &jo.access_token;
    let pending = jo.person.log_in(&app).await;
    for challenge in [
        step_up_challenge(&app, token).await,
        login_challenge(&app, &pending).await,
        sign_in_challenge(&app).await,
        String::new(),
        "AAAA".to_owned(),
    ] {
        let credential = authenticator(&jo.person.id).register(&challenge);
        send_registration(&app, token, &credential)
            .await
            .expect_problem(422, "validation_failed");
    }
    assert_eq!(number_of_passkeys(&app, &jo).await, 1);
}

#[actix_web::test]
async fn a_challenge_of_another_user_or_session_registers_nothing() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mallory = Person::sign_up(&app, "mallory@example.com").await;
    let other = jo.person.sign_in_again(&app).await;
    for token in [&mallory.access_token, &other] {
        let credential = authenticator(&jo.person.id).register(&registration_challenge(&app, token).await);
        send_registration(&app, &jo.access_token, &credential)
            .await
            .expect_problem(422, "validation_failed");
    }
    assert_eq!(number_of_passkeys(&app, &jo).await, 0);
}

#[actix_web::test]
async fn a_challenge_registers_nothing_after_five_minutes() {
    let app = TestApp::with(&[PASSKEYS[0], ("STEP_UP_MAX_AGE", "600")]).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let credential = authenticator(&jo.person.id).register(&registration_challenge(&app, token).await);
    app.clock.advance(301);
    send_registration(&app, token, &credential)
        .await
        .expect_problem(422, "validation_failed");
}

#[actix_web::test]
async fn a_passkey_is_registered_once() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let key = authenticator(&jo.person.id);
    let credential = key.register(&registration_challenge(&app, token).await);
    send_registration(&app, token, &credential).await.expect(201);
    send_registration(&app, token, &credential)
        .await
        .expect_problem(409, "conflict");
    register_passkey(&app, token, &key)
        .await
        .expect_problem(409, "conflict");
    // Another key under the same credential id would replace the first.
    let mut other = authenticator(&jo.person.id);
    other.credential_id.clone_from(&key.credential_id);
    register_passkey(&app, token, &other)
        .await
        .expect_problem(409, "conflict");
    assert_eq!(number_of_passkeys(&app, &jo).await, 1);
    other.sign_count = 100;
    let assertion = other.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
}

#[actix_web::test]
async fn a_challenge_registers_one_passkey_and_older_ones_then_none() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let (older, challenge) = (
        registration_challenge(&app, token).await,
        registration_challenge(&app, token).await,
    );
    let first = authenticator(&jo.person.id).register(&challenge);
    send_registration(&app, token, &first).await.expect(201);
    for spent in [&challenge, &older] {
        let second = authenticator(&jo.person.id).register(spent);
        let problem = send_registration(&app, token, &second)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["detail"], "was refused: spent");
    }
    assert_eq!(number_of_passkeys(&app, &jo).await, 1);
    jo.add_passkey(&app).await;
}

/// A thief with the owner's session and what the owner's browser sent: neither brings a removed passkey back.
#[actix_web::test]
async fn a_removed_passkey_is_not_registered_by_the_same_body_and_its_old_assertions_never_count_again() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let mut key = authenticator(&jo.person.id);
    key.step = 0;
    let credential = key.register(&registration_challenge(&app, token).await);
    let id = send_registration(&app, token, &credential)
        .await
        .expect(201)
        .text("/passkey/id");
    // Asked for before the assertion is made, and sent afterwards.
    let early = registration_challenge(&app, token).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
    let unused = key.assert(&sign_in_challenge(&app).await);
    remove_passkey(&app, token, &id).await.expect(204);
    send_registration(&app, token, &credential)
        .await
        .expect_problem(422, "validation_failed");
    send_registration(&app, token, &key.register(&early)).await.expect(201);
    for old in [&assertion, &unused] {
        sign_in_by_passkey(&app, old)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
}

#[actix_web::test]
async fn an_account_has_at_most_twenty() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let token = &jo.access_token;
    let early = registration_challenge(&app, token).await;
    for _ in 0..20 {
        jo.add_passkey(&app).await;
    }
    app.post_as("/2fa/passkeys/options", token)
        .await
        .expect_problem(409, "conflict");
    let credential = authenticator(&jo.person.id).register(&early);
    send_registration(&app, token, &credential)
        .await
        .expect_problem(409, "conflict");
    assert_eq!(number_of_passkeys(&app, &jo).await, 20);
}

#[actix_web::test]
async fn a_passkey_of_another_domain_is_not_registered() {
    refuses(|key, challenge| {
        "evil.example".clone_into(&mut key.rp_id);
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn a_page_of_another_origin_registers_nothing() {
    for origin in ["https://evil-auth.example.com", "https://auth.example.com.evil.example"] {
        refuses(|key, challenge| {
            origin.clone_into(&mut key.origin);
            key.register(challenge)
        })
        .await;
    }
}

#[actix_web::test]
async fn a_page_in_a_frame_of_another_site_registers_nothing() {
    refuses(|key, challenge| {
        key.client_data.insert("crossOrigin".to_owned(), json!(true));
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn client_data_of_a_proof_register_nothing() {
    refuses(|key, challenge| {
        key.client_data.insert("type".to_owned(), json!("webauthn.get"));
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn a_passkey_of_an_absent_user_is_not_registered() {
    refuses(|key, challenge| {
        key.flags = USER_VERIFIED;
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn a_passkey_that_is_backed_up_and_must_not_be_is_not_registered() {
    refuses(|key, challenge| {
        key.flags |= BACKED_UP;
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn a_registration_without_a_key_is_refused() {
    refuses(|key, challenge| {
        key.changed_flags = CREDENTIAL;
        key.register(challenge)
    })
    .await;
}

#[actix_web::test]
async fn bytes_behind_a_registration_are_refused() {
    refuses(|key, challenge| {
        key.behind_data = vec![0];
        key.register(challenge)
    })
    .await;
    refuses(|key, challenge| {
        key.behind_object = vec![0];
        key.register(challenge)
    })
    .await;
}

/// Two programs may read such bytes in different ways, and some run out of memory.
#[actix_web::test]
async fn encodings_that_no_authenticator_sends_are_refused() {
    type Change = fn(&mut Authenticator);
    let cases: [Change; 7] = [
        |key| key.cose = [&[0xbf], &key.cose[1..], &[0xff]].concat(),
        |key| drop(key.cose.splice(0..1, [0xa6, 1, 2])),
        |key| drop(key.cose.splice(2..3, [0x18, 2])),
        // A map and a string that are said to be larger than any memory.
        |key| key.cose = [&[0xbb], [0xff; 8].as_slice()].concat(),
        |key| key.cose = [b"\xa1\x01\x5b\x7f".as_slice(), &[0xff; 7]].concat(),
        // Lists in lists.
        |key| key.cose = [b"\xa1\x01".as_slice(), &[0x81; 5000], b"\x01"].concat(),
        // One more entry than a map may have.
        |key| {
            let entries: Vec<u8> = (0..65_u8).flat_map(|number| [0x18, number + 24, 0]).collect();
            key.attestation = [
                b"\xa3\x63fmt\x63new\x67attStmt\xb8\x41".as_slice(),
                &entries,
                b"\x68authData",
            ]
            .concat();
        },
    ];
    for change in cases {
        refuses(|key, challenge| {
            change(key);
            key.register(challenge)
        })
        .await;
    }
}

#[actix_web::test]
async fn a_registration_that_is_too_large_is_refused_before_it_is_read() {
    let app = TestApp::with(PASSKEYS).await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut key = authenticator(&jo.person.id);
    key.attestation = [
        b"\xa3\x63fmt\x63new\x67attStmt\xa1\x61x\x59\x30\x00".as_slice(),
        &[0; 0x3000],
        b"\x68authData",
    ]
    .concat();
    let credential = key.register(&registration_challenge(&app, &jo.access_token).await);
    send_registration(&app, &jo.access_token, &credential)
        .await
        .expect_problem(413, "payload_too_large");
    assert_eq!(number_of_passkeys(&app, &jo).await, 0);
}

/// Keys that can be computed, and signatures that verify under several keys.
#[actix_web::test]
async fn weak_and_malformed_keys_are_not_registered() {
    type Change = fn(&mut Authenticator);
    let cases: [Change; 4] = [
        |key| *key.cose.last_mut().unwrap() ^= 1,
        |key| {
            let head = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x80".as_slice();
            key.cose = [head, &[0xc7; 128], b"\x21\x43\x01\x00\x01"].concat();
        },
        // RSA with the exponent 3.
        |key| {
            let head = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00".as_slice();
            key.cose = [head, &[0xc7; 256], b"\x21\x41\x03"].concat();
        },
        |key| drop(key.cose.splice(4..5, [0x38, 0x22])),
    ];
    for change in cases {
        refuses(|key, challenge| {
            change(key);
            key.register(challenge)
        })
        .await;
    }
}

#[actix_web::test]
async fn another_id_beside_the_registration_than_in_it_is_refused() {
    for members in [vec!["id"], vec!["rawId"], vec!["id", "rawId"]] {
        refuses(|key, challenge| {
            let mut credential = key.register(challenge);
            for member in &members {
                credential[*member] = json!("AAAA");
            }
            credential
        })
        .await;
    }
}

#[actix_web::test]
async fn a_passkey_that_a_stranger_registered_goes_with_the_unverified_address() {
    let app = TestApp::with(PASSKEYS).await;
    // The stranger registers the victim's address first, and adds a passkey to come back with.
    let stranger = Person::register(&app, "jo@example.com").await;
    let (mut key, _) = stranger.enrol_passkey(&app).await;
    let link = request_link(&app, "/password/forgot", "password_reset", "jo@example.com").await;
    let body = json!({"token": link, "new_password": "ein ganz neues langes wort"});
    app.post("/password/reset", &body).await.expect(204);
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion)
        .await
        .expect_problem(401, "invalid_credentials");
    let login = log_in(&app, "jo@example.com", "ein ganz neues langes wort")
        .await
        .expect(200)
        .json();
    assert_eq!(login["status"], "enrolment_required");
    verify(&app, &stranger.pre_auth_token, "123456")
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}
