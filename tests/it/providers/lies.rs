//! A provider that lies: each lie has the fault that it must have, and what is true is believed.

use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::providers::ProviderFault::{self, Refused, Unavailable, Untrusted, WrongToken};

use crate::support::lies;
use crate::support::providers::{COMPANY, Liar, NONCE, alice, challenge, code, code_of, id};

const ENDPOINTS: [&str; 4] = ["discovery", "keys", "token", "userinfo"];

fn kind(fault: ProviderFault) -> &'static str {
    fault.outcome()
}

#[actix_web::test]
async fn the_truth_is_believed() {
    let liar = Liar::start();
    for lie in ["honest", "post", "no-challenge", "no-iss-parameter", "userinfo-only"] {
        let found = liar.redeem(lie, &liar.client(lie)).await.unwrap();
        let address = found.address.unwrap();
        let seen = (
            found.subject.issuer,
            found.subject.subject.as_str(),
            address.email.as_str(),
            address.is_verified,
        );
        assert_eq!(seen, (liar.issuer(lie), "alice", "alice@example.com", true), "{lie}");
        assert!(!found.is_two_factors);
    }
    assert!(liar.asked().contains(&"userinfo".to_owned()));
}

#[actix_web::test]
async fn each_lie_is_found() {
    let liar = Liar::start();
    for lie in lies::all() {
        let found = liar.redeem(lie, &liar.client(lie)).await;
        assert!(matches!(found, Err(Untrusted(_))), "{lie}: {found:?}");
    }
    let refused = liar.redeem("refused", &liar.client("refused")).await;
    assert!(matches!(refused, Err(Refused(_))), "{refused:?}");
}

#[actix_web::test]
async fn an_endpoint_that_does_not_answer_as_it_should_has_a_fault_of_its_kind() {
    let liar = Liar::start();
    let of_kind = |fault: &'static str, behaviours: &'static [&'static str]| {
        let each = move |endpoint| {
            behaviours
                .iter()
                .map(move |behaviour| (format!("{endpoint}-{behaviour}"), fault))
        };
        ENDPOINTS.into_iter().flat_map(each)
    };
    let expected = of_kind("untrusted", &["redirect", "html", "endless", "oversized", "array"])
        .chain(of_kind("unavailable", &["500", "404", "slow", "drop"]));
    // At the same time, for the slow ones.
    let found = join_all(expected.map(async |(lie, expected)| {
        let found = liar.redeem(&lie, &liar.client(&lie)).await;
        (lie, expected, found.map_err(kind).map(|_identity| ()))
    }));
    for (lie, expected, found) in found.await {
        assert_eq!(found, Err(expected), "{lie}");
    }
}

#[actix_web::test]
async fn an_answer_names_the_issuer_that_it_is_of() {
    let liar = Liar::start();
    let (client, code) = (liar.client("honest"), code(&alice()));
    let wrong = liar.issuer("post");
    let with_slash = format!("{}/", liar.issuer("honest"));
    for issuer in [None, Some(wrong.as_str()), Some(with_slash.as_str()), Some("")] {
        let found = client.redeem(&code, issuer).await;
        assert!(matches!(found, Err(Untrusted(_))), "{issuer:?}: {found:?}");
    }
    // Nothing was sent to the provider with the code of another one.
    assert!(!liar.asked().contains(&"token".to_owned()));
    let silent = liar.client("no-iss-parameter");
    assert!(silent.redeem(&code, None).await.is_ok());
    assert!(matches!(silent.redeem(&code, Some(&wrong)).await, Err(Untrusted(_))));
}

#[actix_web::test]
async fn an_address_counts_as_verified_if_the_claim_is_true_and_the_domain_is_listed() {
    let liar = Liar::start();
    // By the ID token, and by userinfo.
    for lie in ["honest", "userinfo-only"] {
        let client = liar.client(lie);
        for (email, verified, expected) in [
            ("alice@example.com", json!(true), Some(true)),
            ("alice@example.com", json!(false), Some(false)),
            ("alice@example.com", json!("true"), Some(false)),
            ("alice@example.com", json!("false"), Some(false)),
            ("alice@example.com", json!(1), Some(false)),
            ("alice@example.com", Value::Null, Some(false)),
            ("alice@elsewhere.example", json!(true), Some(false)),
            ("none", json!(true), None),
        ] {
            let user = json!({"sub": "alice", "email": email, "email_verified": verified});
            let found = client.redeem(&code(&user), Some(&liar.issuer(lie))).await.unwrap();
            let counts = found.address.map(|address| address.is_verified);
            assert_eq!(counts, expected, "{lie} {email} {verified}");
        }
    }
}

#[actix_web::test]
async fn a_code_counts_with_its_own_verifier() {
    let liar = Liar::start();
    let (client, issuer) = (liar.client("honest"), liar.issuer("honest"));
    let of_another = code_of(&json!({"user": alice(), "nonce": NONCE, "challenge": "A".repeat(43)}));
    let found = client.redeem(&of_another, Some(&issuer)).await;
    assert!(matches!(found, Err(Refused(_))), "{found:?}");
    let found = client.redeem("not a code", Some(&issuer)).await;
    assert!(matches!(found, Err(Refused(_))), "{found:?}");
}

#[actix_web::test]
async fn a_wrong_secret_is_the_operators_fault() {
    let liar = Liar::start();
    let file = crate::support::providers::company(&liar.issuer("honest")).replace("\"secret\"", "\"wrong\"");
    let network = std::sync::Arc::new(vestibule::outbound::SystemNetwork);
    let client = crate::support::providers::Client::with(&file, &[("wrong", b"another secret")], network);
    let found = client.redeem(&code(&alice()), Some(&liar.issuer("honest"))).await;
    assert!(matches!(found, Err(Unavailable(_))), "{found:?}");
    // It answers, so its other requests are not refused.
    let again = client.redeem(&code(&alice()), Some(&liar.issuer("honest"))).await;
    assert_eq!(again, found);
    assert_eq!(liar.asked().iter().filter(|path| *path == "token").count(), 2);
}

#[actix_web::test]
async fn two_factors_count_where_the_operator_says_so() {
    let liar = Liar::start();
    let client = liar.client("honest");
    for (amr, expected) in [
        (json!(["pwd", "mfa"]), true),
        (json!(["pwd", "otp"]), false),
        (json!("mfa"), false),
    ] {
        let user = json!({"sub": "alice", "amr": amr});
        let found = client.redeem(&code(&user), Some(&liar.issuer("honest"))).await.unwrap();
        assert_eq!(found.is_two_factors, expected, "{amr}");
    }
}

/// What an app got from a sheet of its system is checked in the same way. No code, access token or userinfo belongs to
/// it.
#[actix_web::test]
async fn an_id_token_of_a_sheet_is_checked_too() {
    let liar = Liar::start();
    let token = async |lie: &str, members: Value| {
        let url = format!("{}/token", liar.issuer(lie));
        let mut answer = ureq::post(&url)
            .header("authorization", "Basic dmVzdGlidWxlOnNlY3JldA==")
            .send_form([("code", code_of(&members).as_str())])
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        answer["id_token"].as_str().unwrap().to_owned()
    };
    let check = async |lie: &str, members: Value| {
        let token = token(lie, members).await;
        let file = format!(
            "{}native_client_ids = [\"com.example.app\"]\n",
            crate::support::providers::company(&liar.issuer(lie))
        );
        let client = crate::support::providers::Client::of(&file);
        client
            .providers
            .check_id_token(&id(COMPANY), token.into(), NONCE.to_owned())
            .await
    };
    let honest = json!({"user": alice(), "nonce": NONCE});
    assert_eq!(check("honest", honest.clone()).await.unwrap().subject.subject, "alice");
    let of_app = json!({"user": alice(), "nonce": NONCE, "client_id": "com.example.app"});
    assert_eq!(check("honest", of_app).await.unwrap().subject.subject, "alice");
    let of_another = json!({"user": alice(), "nonce": NONCE, "client_id": "com.evil.app"});
    assert!(matches!(check("honest", of_another).await, Err(WrongToken(_))));
    // One of an earlier sign-in, which an attacker kept.
    let replayed = json!({"user": alice(), "nonce": "another"});
    assert!(matches!(check("honest", replayed).await, Err(WrongToken(_))));
    for lie in lies::IN_ID_TOKEN {
        let found = check(lie, honest.clone()).await;
        assert!(matches!(found, Err(WrongToken(_))), "{lie}: {found:?}");
    }
    // What the provider itself does is not blamed on the app.
    for lie in [lies::IN_CONFIGURATION, lies::IN_KEYS].concat() {
        let found = check(lie, honest.clone()).await;
        assert!(matches!(found, Err(Untrusted(_))), "{lie}: {found:?}");
    }
    for lie in ["discovery-500", "keys-404", "keys-drop"] {
        let found = check(lie, honest.clone()).await;
        assert!(matches!(found, Err(Unavailable(_))), "{lie}: {found:?}");
    }
}

#[actix_web::test]
async fn the_url_for_a_browser_has_what_the_answer_is_compared_with() {
    let liar = Liar::start();
    let url = liar.client("honest").authorization_url().await.unwrap();
    assert!(
        url.starts_with(&format!("{}/authorize?", liar.issuer("honest"))),
        "{url}"
    );
    assert!(url.contains(&format!("code_challenge={}", challenge().text())), "{url}");
    for lie in lies::IN_CONFIGURATION {
        let found = liar.client(lie).authorization_url().await;
        assert!(matches!(found, Err(Untrusted(_))), "{lie}: {found:?}");
    }
}
