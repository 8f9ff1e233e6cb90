//! Security Event Tokens are signed with the keys of access tokens, and neither passes for the other.

use serde_json::json;
use vestibule::crypto::jwt;
use vestibule::domain::access_token::AccessTokenClaims;
use vestibule::domain::audit_event::EventFilter;
use vestibule::domain::ids::UserId;
use vestibule::domain::oauth::id_token::IdTokenClaims;
use vestibule::domain::oauth::service_token::ServiceTokenClaims;
use vestibule::domain::security_event_token::{Pushed, SecurityEventClaims};
use vestibule::store::audit_events;

use crate::support::actors::{Person, header};
use crate::support::api_keys::introspect;
use crate::support::app::{PUBLIC_URL, TestApp};

const ENDPOINT: &str = "https://api.example.com/events";

/// Signs everything that receivers of an account are told.
fn tokens(app: &TestApp, user_id: &str) -> Vec<String> {
    let filter = EventFilter {
        user_id: UserId::parse(user_id),
        ..EventFilter::default()
    };
    let rows = audit_events::page(&mut app.database.connect(), &filter, None, 100).unwrap();
    let key = app.core().keys.current().unwrap();
    let pushed = Pushed {
        issuer: PUBLIC_URL,
        audience: ENDPOINT,
        now: app.now(),
    };
    let claims = rows.iter().filter_map(|row| SecurityEventClaims::of(row, pushed));
    claims.map(|claims| jwt::sign(&key, &claims).unwrap()).collect()
}

#[actix_web::test]
async fn an_event_is_not_accepted_as_a_token_and_a_token_not_as_an_event() {
    let app = TestApp::new().await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let service = app.service_client("api").await;
    let signed = tokens(&app, &jo.person.id);
    assert_eq!(signed.len(), 2, "the factor and the session");
    let keys = &app.core().keys;
    for token in &signed {
        assert_eq!(header(token)["typ"], "secevent+jwt");
        assert!(keys.verify_kind::<SecurityEventClaims>(token).unwrap().is_some());
        assert!(keys.verify_kind::<AccessTokenClaims>(token).unwrap().is_none());
        assert!(keys.verify_kind::<IdTokenClaims>(token).unwrap().is_none());
        assert!(keys.verify_kind::<ServiceTokenClaims>(token).unwrap().is_none());
        app.get_as("/me", token).await.expect_problem(401, "invalid_token");
        app.get_as("/admin/events", token)
            .await
            .expect_problem(401, "invalid_token");
        assert_eq!(introspect(&app, &service, token).await, json!({"active": false}));
        app.post_as("/logout", token).await.expect(401);
    }
    assert!(
        keys.verify_kind::<SecurityEventClaims>(&jo.access_token)
            .unwrap()
            .is_none()
    );
    app.get_as("/me", &jo.access_token).await.expect(200);
}
