//! Applications that describe themselves, from the request to the logout.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::json;
use vestibule::domain::oauth::client_url::{ClientUrl, Reach};

use crate::support::actors::{Person, claims};
use crate::support::api_keys::introspect;
use crate::support::app::TestApp;
use crate::support::applications::{API, CALLBACK, GOODBYE, consider, decide, parameter, text};
use crate::support::documents::{Documents, NOTES, document};

#[derive(QueryableByName)]
struct Event {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The id of the application in our own API.
fn id_of(url: &str) -> String {
    let url = ClientUrl::parse(url, Reach::Internet).unwrap();
    vestibule::crypto::oauth::client_id_of(&url).uuid().to_string()
}

#[actix_web::test]
async fn an_application_that_describes_itself_signs_users_in() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);

    let request = notes.begin(&app, &[("resource", API)]).await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    let client = json!({
        "client_id": id_of(NOTES), "name": "notes.example.com", "client_url": NOTES, "claimed_name": "Notes",
        "first_party": false, "redirect_uri": CALLBACK,
    });
    let scopes = ["openid", "email", "offline_access"];
    assert_eq!(
        asked,
        json!({"client": client, "scopes": scopes, "resource": API, "consent_required": true})
    );
    let answer = decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
    let code = parameter(&answer.text("/redirect_to"), "code").unwrap();
    let tokens = notes.redeem(&app, &code, &[]).await.expect(200).json();
    let access = claims(&text(&tokens, "access_token"));
    assert_eq!(
        (access["client_id"].as_str(), access["aud"].as_str()),
        (Some(NOTES), Some(API))
    );
    let id = claims(&text(&tokens, "id_token"));
    assert_eq!((id["aud"].as_str(), id["azp"].as_str()), (Some(NOTES), Some(NOTES)));

    let next = notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(claims(&text(&next, "access_token"))["client_id"], NOTES);
    app.get_as("/userinfo", &text(&next, "access_token")).await.expect(200);
    let service = app.service_client("Back end").await;
    let introspected = introspect(&app, &service, &text(&next, "access_token")).await;
    assert_eq!(
        (&introspected["active"], &introspected["client_id"]),
        (&json!(true), &json!(NOTES))
    );
    assert_eq!(documents.fetched(), 1, "it is remembered");

    let form = [("token", &*text(&next, "refresh_token"))];
    notes.form(&app, "/oauth/revoke", &form).await.expect(200);
    notes
        .refresh(&app, &text(&next, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
}

#[actix_web::test]
async fn the_user_is_asked_every_time_and_never_silently() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    notes.sign_in(&app, &signed_in.access_token, &[]).await;
    let request = notes.begin(&app, &[]).await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    assert_eq!(asked["consent_required"], true);
    let answer = decide(&app, &signed_in.access_token, &request, "continue")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&answer["consent_required"], answer.get("redirect_to")),
        (&json!(true), None)
    );
    let query = notes.query(&[("prompt", "none")]);
    app.get(&format!("/oauth/authorize?{query}"))
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn an_id_token_of_it_says_who_is_meant() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;
    let hint = text(&tokens, "id_token");
    let request = notes.begin(&app, &[("id_token_hint", &hint)]).await;
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect(200);
}

#[actix_web::test]
async fn its_user_sees_it_and_withdraws_what_they_allowed() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;

    let listed = app
        .get_as("/me/applications", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    let one = &listed["items"][0];
    assert_eq!(
        (&one["client_id"], &one["name"]),
        (&json!(id_of(NOTES)), &json!("notes.example.com"))
    );
    assert_eq!(
        (&one["client_url"], &one["first_party"]),
        (&json!(NOTES), &json!(false))
    );
    assert_eq!(one["scopes"], json!(["openid", "email", "offline_access"]));
    assert!(one["granted_at"].is_string() && one["last_used_at"].is_string());
    let export = app
        .get_as("/me/export", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(export["applications"], listed["items"]);
    let sessions = export["sessions"].as_array().unwrap();
    assert!(
        sessions.iter().any(|session| session["client_url"] == NOTES),
        "{sessions:?}"
    );

    let path = format!("/me/applications/{}", id_of(NOTES));
    app.bare_as(Method::DELETE, &path, &signed_in.access_token)
        .await
        .expect(204);
    notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
    let listed = app
        .get_as("/me/applications", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"], json!([]));
    app.bare_as(Method::DELETE, &path, &signed_in.access_token)
        .await
        .expect(404);
    let events = diesel::sql_query("SELECT event AS name FROM audit_events WHERE client_url = $1 ORDER BY event");
    let events = events
        .bind::<Text, _>(NOTES)
        .load::<Event>(&mut app.database.connect())
        .unwrap();
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["consent_withdrawn", "grant_created", "session_created"]);
}

#[actix_web::test]
async fn a_pushed_request_and_a_logout_know_it_too() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    let query = notes.query(&[]);
    let form: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let pushed = app
        .send(TestRequest::post().uri("/oauth/par").set_form(&form))
        .await
        .expect(201);
    let uri = pushed.text("/request_uri");
    let code = notes
        .code(&app, &signed_in.access_token, &[("request_uri", &uri)])
        .await;
    let tokens = notes.redeem(&app, &code, &[]).await.expect(200).json();
    let of_other = documents.application("https://other.example.com/other.json");
    let query = of_other.query(&[("request_uri", &uri)]);
    app.get(&format!("/oauth/authorize?{query}"))
        .await
        .expect_problem(400, "invalid_authorization_request");

    let query = [
        ("id_token_hint", &*text(&tokens, "id_token")),
        ("post_logout_redirect_uri", GOODBYE),
    ];
    let path = format!("/oauth/logout?{}", serde_urlencoded::to_string(query).unwrap());
    let answer = app.get(&path).await.expect(303);
    assert_eq!(answer.header("location"), Some(GOODBYE));
    notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(400, "invalid_grant");
}

#[actix_web::test]
async fn it_gets_what_the_deployment_allows_to_such_applications() {
    let documents = Documents::serve();
    let app = documents
        .app(&[("CLIENT_DOCUMENT_SCOPES", "openid,offline_access,notes:read")])
        .await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    let asked = [("scope", "openid email roles notes:read")];
    let tokens = notes.sign_in(&app, &signed_in.access_token, &asked).await;
    assert_eq!(tokens["scope"], "openid notes:read");
    assert_eq!(
        claims(&text(&tokens, "access_token"))["aud"],
        API,
        "the default resource"
    );
    let other = [("resource", "https://other.example.com")];
    let query = notes.query(&other);
    app.get(&format!("/oauth/authorize?{query}"))
        .await
        .expect_problem(400, "invalid_authorization_request");
}

#[actix_web::test]
async fn without_the_setting_a_url_is_not_a_client() {
    let documents = Documents::serve();
    let notes = documents.application(NOTES);
    let app = TestApp::new().await;
    let refused = app.get(&format!("/oauth/authorize?{}", notes.query(&[]))).await;
    refused.expect_problem(400, "invalid_authorization_request");
    notes.refresh(&app, "vgr_x").await.expect_oauth(401, "invalid_client");
    let supported = "client_id_metadata_document_supported";
    let metadata = app
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200)
        .json();
    assert_eq!(metadata[supported], false);
    let app = documents.app(&[]).await;
    let metadata = app.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(metadata[supported], true);
}

#[actix_web::test]
async fn it_cannot_have_the_audience_of_the_deployment() {
    let app = TestApp::new().await;
    for (resources, audience) in [
        ("https://auth.example.com", ""),
        (
            "https://mcp.example.com,https://api.example.com",
            "https://api.example.com",
        ),
    ] {
        let mut settings = vec![("CLIENT_DOCUMENTS", "on"), ("CLIENT_DOCUMENT_RESOURCES", resources)];
        settings.extend(Some(("AUDIENCE", audience)).filter(|_| !audience.is_empty()));
        let refused = app.try_start_another(&settings).await.unwrap_err().to_string();
        assert!(refused.contains("VESTIBULE_CLIENT_DOCUMENT_RESOURCES"), "{refused}");
    }
}

#[actix_web::test]
async fn a_document_counts_for_a_while_and_outlasts_an_outage_of_its_server() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let notes = documents.application(NOTES);
    let lasting = json!({"body": document(NOTES).to_string(), "headers": {"cache-control": "max-age=300"}});
    documents.answer(NOTES, &lasting);
    for (later, fetched) in [(0, 1), (299, 0), (1, 1), (300, 1)] {
        app.clock.advance(later);
        notes.begin(&app, &[]).await;
        assert_eq!(documents.fetched(), fetched, "after {later} s");
    }
    documents.answer(NOTES, &json!({"status": 503, "body": "down"}));
    app.clock.advance(300);
    notes.begin(&app, &[]).await;
    assert_eq!(documents.fetched(), 1);
    // The URL is not asked again at once.
    notes.begin(&app, &[]).await;
    assert_eq!(documents.fetched(), 0);
    app.clock.advance(3600);
    let refused = app.get(&format!("/oauth/authorize?{}", notes.query(&[]))).await;
    refused.expect_problem(503, "service_unavailable");
}

#[actix_web::test]
async fn its_device_cannot_ask_in_its_name() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let notes = documents.application(NOTES);
    notes
        .form(&app, "/oauth/device_authorization", &[("scope", "openid")])
        .await
        .expect_oauth(400, "unauthorized_client");
}
