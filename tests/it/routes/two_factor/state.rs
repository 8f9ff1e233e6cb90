//! `GET /2fa`

use serde_json::{Value, json};

use crate::support::actors::{PHONE, Person};
use crate::support::app::TestApp;

#[actix_web::test]
async fn the_factors_are_listed_with_their_state_and_last_use() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email,sms")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    signed_in.set_up_phone(&app, PHONE).await;
    let state = app.get_as("/2fa", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (
            &state["policy"],
            &state["available"],
            &state["recovery_codes_remaining"]
        ),
        (&json!("required"), &json!(["totp", "sms", "email"]), &json!(10))
    );
    let factors = state["factors"].as_array().unwrap();
    let kinds: Vec<(&Value, &Value, &Value)> = factors
        .iter()
        .map(|factor| (&factor["type"], &factor["state"], &factor["hint"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!("totp"), &json!("active"), &Value::Null),
            (&json!("sms"), &json!("active"), &json!("•••78"))
        ]
    );
    assert_eq!(factors[0]["last_used_at"], "2026-03-01T12:00:00Z");
    assert_eq!(factors[1].get("last_used_at"), None);
}

#[actix_web::test]
async fn a_deployment_with_authenticators_only_says_so() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp"), ("TWO_FACTOR_POLICY", "optional")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let state = app.get_as("/2fa", &signed_in.access_token).await.expect(200).json();
    assert_eq!(
        (&state["policy"], &state["available"]),
        (&json!("optional"), &json!(["totp"]))
    );
    let two_factor = app.get_as("/me", &signed_in.access_token).await.expect(200).json()["two_factor"].clone();
    assert_eq!(
        two_factor,
        json!({"passkey": false, "totp": true, "email": false, "phone": false, "recovery_codes_remaining": 10})
    );
}
