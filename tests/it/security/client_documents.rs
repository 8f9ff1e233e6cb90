//! Applications that describe themselves: what an attacker tries with URLs, hosts and documents.

use std::time::{Duration, Instant};

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::crypto::jwt;
use vestibule::crypto::signing_key::SigningKey;
use vestibule::domain::clock::Clock;
use vestibule::domain::signing_key::SigningAlgorithm;

use crate::support::actors::{Person, claims};
use crate::support::app::TestApp;
use crate::support::applications::{API, Application, CALLBACK, GOODBYE, VERIFIER, consider, decide, text};
use crate::support::documents::{Documents, NOTES, PUBLIC, document};
use crate::support::response::TestResponse;

const UNUSABLE: &str = "invalid_authorization_request";
const METADATA_SERVICE: &str = "169.254.169.254";

fn named(url: &str) -> Application {
    Application {
        id: url.to_owned(),
        secret: None,
    }
}

async fn begin(app: &TestApp, client: &Application) -> TestResponse {
    app.get(&format!("/oauth/authorize?{}", client.query(&[]))).await
}

#[actix_web::test]
async fn a_host_that_is_not_on_the_public_internet_is_not_connected_to() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let notes = documents.application(NOTES);
    for answers in [
        ["127.0.0.1"].as_slice(),
        &["10.0.0.1"],
        &[METADATA_SERVICE],
        &["100.64.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::a00:1"],
        &["2002:7f00:1::"],
        &["fd00::1"],
        &["fe80::1"],
        &["0.0.0.0"],
        &[PUBLIC, "127.0.0.1"],
        &["2606:4700::1111", "::1"],
    ] {
        documents.network.name("notes.example.com", &[answers]);
        let problem = begin(&app, &notes).await.expect_problem(400, UNUSABLE);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("not on the public internet"),
            "{problem}"
        );
        assert_eq!(
            documents.network.connected(),
            Vec::<std::net::IpAddr>::new(),
            "{answers:?}"
        );
        app.clock.advance(11);
    }
    assert_eq!(documents.fetched(), 0);
    documents.network.name("notes.example.com", &[]);
    begin(&app, &notes).await.expect_problem(503, "service_unavailable");
}

#[actix_web::test]
async fn a_name_that_changes_between_the_check_and_the_connection_changes_nothing() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let notes = documents.application(NOTES);
    documents
        .network
        .name("notes.example.com", &[&[PUBLIC], &["127.0.0.1"]]);
    begin(&app, &notes).await.expect(303);
    assert_eq!(documents.network.asked(), ["notes.example.com"], "looked up once");
    assert_eq!(
        documents.network.connected(),
        [PUBLIC.parse::<std::net::IpAddr>().unwrap()]
    );
    // Each fetch checks again, on a connection of its own. The document that was remembered is gone.
    app.clock.advance(600);
    begin(&app, &notes).await.expect_problem(400, UNUSABLE);
    assert_eq!(documents.network.connected(), Vec::<std::net::IpAddr>::new());
}

#[actix_web::test]
async fn a_redirect_is_not_followed() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    documents.network.name("inside.example.com", &[&["127.0.0.1"]]);
    documents.application("https://elsewhere.example.com/target.json");
    for (status, location) in [
        (301, "https://inside.example.com/target.json"),
        (302, "https://elsewhere.example.com/target.json"),
        (303, "http://169.254.169.254/latest/meta-data/"),
        (307, "/target.json"),
        (308, "https://elsewhere.example.com/target.json"),
    ] {
        let body = document(NOTES).to_string();
        documents.answer(
            NOTES,
            &json!({"status": status, "body": body, "headers": {"location": location}}),
        );
        begin(&app, &named(NOTES)).await.expect_problem(400, UNUSABLE);
        assert_eq!(documents.network.asked(), ["notes.example.com"], "{status}");
        assert_eq!(documents.fetched(), 1, "{status}");
        app.clock.advance(11);
    }
}

#[actix_web::test]
async fn a_url_that_is_not_one_of_a_document_is_not_asked() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    for url in [
        "http://notes.example.com/client.json",
        "https://notes.example.com",
        "https://notes.example.com/",
        "https://notes.example.com:8443/client.json",
        "https://notes.example.com:443/client.json",
        "https://jo@notes.example.com/client.json",
        "https://notes.example.com@inside.example.com/client.json",
        "https://notes.example.com/client.json#x",
        "https://notes.example.com/client.json?x",
        "https://notes.example.com/a/../client.json",
        "https://notes.example.com/%2e/client.json",
        "https://notes.example.com\\client.json",
        "https://NOTES.example.com/client.json",
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://localhost/client.json",
        "https://inside/client.json",
        "file:///etc/passwd",
    ] {
        begin(&app, &named(url)).await.expect_problem(400, UNUSABLE);
        named(url)
            .refresh(&app, "vgr_x")
            .await
            .expect_oauth(401, "invalid_client");
    }
    assert_eq!(documents.network.asked(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_document_that_breaks_a_rule_is_refused_everywhere() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let changed = |member: &str, value: Value| {
        let mut changed = document(NOTES);
        changed[member] = value;
        json!({"body": changed.to_string()})
    };
    let typed = |kind: &str| json!({"body": document(NOTES).to_string(), "headers": {"content-type": kind}});
    let mut padded = document(NOTES);
    padded["padding"] = json!("x".repeat(5 * 1024));
    for (answer, expected) in [
        (
            changed("client_id", json!("https://notes.example.com/other.json")),
            "not the URL",
        ),
        (changed("client_secret", json!("hush")), "client_secret"),
        (
            changed("token_endpoint_auth_method", json!("client_secret_basic")),
            "must be none",
        ),
        (
            changed("token_endpoint_auth_method", json!("private_key_jwt")),
            "as jwks",
        ),
        (changed("redirect_uris", json!([])), "no redirect_uris"),
        (
            changed("redirect_uris", json!(["http://shop.example.com/callback"])),
            "not allowed",
        ),
        (typed("text/html"), "not served as JSON"),
        (typed("text/plain"), "not served as JSON"),
        (json!({"body": "<html>"}), "not a JSON object"),
        (json!({"body": ""}), "not a JSON object"),
        (json!({"body": padded.to_string()}), "longer than 5 kB"),
        (
            json!({"status": 404, "body": document(NOTES).to_string()}),
            "does not answer with 200",
        ),
        (
            json!({"status": 201, "body": document(NOTES).to_string()}),
            "does not answer with 200",
        ),
    ] {
        documents.answer(NOTES, &answer);
        let problem = begin(&app, &named(NOTES)).await.expect_problem(400, UNUSABLE);
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
        named(NOTES)
            .refresh(&app, "vgr_x")
            .await
            .expect_oauth(401, "invalid_client");
        app.clock.advance(11);
    }
    let signs_secretly = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]});
    let mut of_secret = document(NOTES);
    of_secret["token_endpoint_auth_method"] = json!("private_key_jwt");
    of_secret["jwks"] = signs_secretly;
    documents.publish(NOTES, &of_secret);
    begin(&app, &named(NOTES)).await.expect_problem(400, UNUSABLE);
}

#[actix_web::test]
async fn a_slow_server_is_left_after_three_seconds_and_delays_no_other_request() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    // Each byte comes in time, and the whole does not.
    documents.answer(NOTES, &json!({"body": document(NOTES).to_string(), "drip": 0.1}));
    let begun = Instant::now();
    let notes = named(NOTES);
    let health = async {
        actix_web::rt::time::sleep(Duration::from_millis(200)).await;
        app.get("/health/live").await.expect(200);
        begun.elapsed()
    };
    let (refused, answered) = futures_util::future::join(begin(&app, &notes), health).await;
    refused.expect_problem(503, "service_unavailable");
    assert!(answered < Duration::from_secs(2), "{answered:?}");
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(2) && took < Duration::from_secs(6),
        "{took:?}"
    );
}

#[actix_web::test]
async fn hosts_whose_names_are_never_found_take_no_place_for_long() {
    let documents = Documents::serve();
    let app = documents.app(&[("IP_LIMITS", "off")]).await;
    let notes = documents.application(NOTES);
    let silent: Vec<Application> = (0..8)
        .map(|number| named(&format!("https://silent-{number}.example.com/client.json")))
        .collect();
    let begun = Instant::now();
    for refused in join_all(silent.iter().map(|one| begin(&app, one))).await {
        refused.expect_problem(503, "service_unavailable");
    }
    begin(&app, &notes).await.expect(303);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn a_flood_of_urls_asks_one_address_a_few_times_only() {
    let documents = Documents::serve();
    let app = documents.app(&[("IP_LIMITS", "off")]).await;
    let notes = documents.application(NOTES);
    begin(&app, &notes).await.expect(303);
    documents.fetched();
    for wave in 0..6 {
        let many: Vec<Application> = (0..20)
            .map(|number| named(&format!("https://victim-{wave}-{number}.example.com/client.json")))
            .collect();
        let answers = join_all(many.iter().map(|one| begin(&app, one))).await;
        assert!(answers.iter().all(|answer| answer.status != 303));
    }
    let asked = documents.fetched();
    assert!((10..=30).contains(&asked), "{asked}");
    // What is remembered goes on.
    begin(&app, &notes).await.expect(303);
    app.clock.advance(60);
    let other = documents.application("https://other.example.com/other.json");
    begin(&app, &other).await.expect(303);
}

#[actix_web::test]
async fn a_crowd_with_one_url_fetches_it_once() {
    let documents = Documents::serve();
    let app = documents.app(&[("IP_LIMITS", "off")]).await;
    let notes = documents.application(NOTES);
    let answers = join_all((0..30).map(|_| begin(&app, &notes))).await;
    assert!(answers.iter().all(|answer| answer.status == 303));
    assert_eq!(documents.fetched(), 1);
}

#[actix_web::test]
async fn a_document_that_changes_takes_away_what_it_no_longer_has() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = named(NOTES);
    documents.publish_for_a_minute(NOTES, &document(NOTES));
    let request = notes.begin(&app, &[]).await;
    let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;
    let mut moved = document(NOTES);
    moved["redirect_uris"] = json!(["https://evil.example.com/callback"]);
    documents.publish_for_a_minute(NOTES, &moved);
    app.clock.advance(60);
    // A request to the old address was on its way.
    decide(&app, &signed_in.access_token, &request, "approve")
        .await
        .expect_problem(400, UNUSABLE);
    begin(&app, &notes).await.expect_problem(400, UNUSABLE);
    // The new address is asked about, although the user knows the application.
    let request = notes
        .begin(&app, &[("redirect_uri", "https://evil.example.com/callback")])
        .await;
    let asked = consider(&app, &signed_in.access_token, &request)
        .await
        .expect(200)
        .json();
    assert_eq!(asked["consent_required"], true);

    // From now on it has to authenticate, so a stolen refresh token is worth nothing.
    let key = new_key();
    documents.publish_for_a_minute(NOTES, &signing(&key));
    app.clock.advance(60);
    notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(401, "invalid_client");
    // A document that is gone: nothing is left.
    documents.answer(NOTES, &json!({"status": 410, "body": "gone"}));
    app.clock.advance(60);
    notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(401, "invalid_client");
}

/// A document is anyone's: neither its errors nor its logouts may lead a browser away without the user.
#[actix_web::test]
async fn a_document_leads_no_user_away_without_a_question() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let notes = documents.application(NOTES);
    for wrong in [("scope", "nothing"), ("response_type", "token"), ("prompt", "none")] {
        let query = notes.query(&[wrong]);
        let refused = app.get(&format!("/oauth/authorize?{query}")).await;
        assert!(refused.header("location").is_none(), "{wrong:?}");
        refused.expect_problem(400, UNUSABLE);
    }
    let query = [
        ("client_id", NOTES),
        ("post_logout_redirect_uri", GOODBYE),
        ("signed_out", "1"),
    ];
    let path = format!("/oauth/logout?{}", serde_urlencoded::to_string(query).unwrap());
    let answer = app.get(&path).await.expect(303);
    let location = answer.header("location").unwrap();
    assert!(!location.starts_with(GOODBYE), "{location}");
}

#[actix_web::test]
async fn a_refresh_gives_no_more_than_the_document_asks_for_now() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = named(NOTES);
    documents.publish_for_a_minute(NOTES, &document(NOTES));
    let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;
    let mut less = document(NOTES);
    less["scope"] = json!("openid offline_access");
    documents.publish_for_a_minute(NOTES, &less);
    app.clock.advance(60);
    let next = notes
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(next["scope"], "openid offline_access");
    assert_eq!(claims(&text(&next, "access_token"))["scope"], "openid offline_access");
    // What was taken does not come back by itself.
    documents.publish_for_a_minute(NOTES, &document(NOTES));
    app.clock.advance(60);
    let again = notes.refresh(&app, &text(&next, "refresh_token")).await.expect(200);
    assert_eq!(again.json()["scope"], "openid offline_access");
    // Bound tokens from now on: the grant has no key, and is of no use.
    let mut bound = document(NOTES);
    bound["dpop_bound_access_tokens"] = json!(true);
    documents.publish_for_a_minute(NOTES, &bound);
    app.clock.advance(60);
    notes
        .refresh(&app, &text(&again.json(), "refresh_token"))
        .await
        .expect_oauth(400, "invalid_dpop_proof");
}

#[actix_web::test]
async fn the_redirect_uri_is_one_of_the_document() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    for wrong in [
        "https://evil.example.com/callback",
        "https://shop.example.com/callback/",
        "https://shop.example.com/callback?x",
        "http://shop.example.com/callback",
        NOTES,
    ] {
        let query = notes.query(&[("redirect_uri", wrong)]);
        let refused = app.get(&format!("/oauth/authorize?{query}")).await;
        assert!(refused.header("location").is_none());
        refused.expect_problem(400, UNUSABLE);
    }
    let code = notes.code(&app, &signed_in.access_token, &[]).await;
    notes
        .redeem(&app, &code, &[("redirect_uri", "https://shop.example.com/callback/")])
        .await
        .expect_oauth(400, "invalid_grant");
}

#[actix_web::test]
async fn one_application_is_not_another_at_the_same_host() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let notes = documents.application(NOTES);
    let other = documents.application("https://notes.example.com/other.json");
    let shop = Application::public(&app).await;
    for thief in [&other, &shop] {
        let code = notes.code(&app, &signed_in.access_token, &[]).await;
        thief.redeem(&app, &code, &[]).await.expect_oauth(400, "invalid_grant");
        let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;
        let refresh = text(&tokens, "refresh_token");
        thief.refresh(&app, &refresh).await.expect_oauth(400, "invalid_grant");
        thief
            .form(&app, "/oauth/revoke", &[("token", &refresh)])
            .await
            .expect(200);
        notes.refresh(&app, &refresh).await.expect(200);
    }
    // The id in our own API is not a client_id.
    let listed = app
        .get_as("/me/applications", &signed_in.access_token)
        .await
        .expect(200)
        .json();
    let id = listed["items"][0]["client_id"].as_str().unwrap().to_owned();
    begin(&app, &named(&id)).await.expect_problem(400, UNUSABLE);
    let tokens = notes.sign_in(&app, &signed_in.access_token, &[]).await;
    named(&id)
        .refresh(&app, &text(&tokens, "refresh_token"))
        .await
        .expect_oauth(401, "invalid_client");
}

fn new_key() -> SigningKey {
    let algorithm = SigningAlgorithm::Es256;
    SigningKey::from_pkcs8(algorithm, &SigningKey::generate(algorithm).unwrap()).unwrap()
}

/// The document of the application that signs with a key.
fn signing(key: &SigningKey) -> Value {
    let mut document = document(NOTES);
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks"] = json!({"keys": [key.public]});
    document
}

fn assertion(app: &TestApp, key: &SigningKey, client_id: &str, jti: &str) -> String {
    let header = json!({"alg": key.algorithm.as_str(), "kid": key.public.kid});
    let now = app.clock.now().timestamp();
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": "https://auth.example.com", "exp": now + 60, "iat": now, "jti": jti,
    });
    jwt::sign_as_is(key, &header, &claims).unwrap()
}

#[actix_web::test]
async fn an_application_with_keys_has_to_use_them() {
    let documents = Documents::serve();
    let app = documents.app(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let key = new_key();
    documents.publish(NOTES, &signing(&key));
    let notes = named(NOTES);
    let code = notes.code(&app, &signed_in.access_token, &[("resource", API)]).await;
    notes.redeem(&app, &code, &[]).await.expect_oauth(401, "invalid_client");
    let with_secret = Application {
        id: NOTES.to_owned(),
        secret: Some("vcs_x".to_owned()),
    };
    with_secret
        .redeem(&app, &code, &[])
        .await
        .expect_oauth(401, "invalid_client");
    let redeem = |assertion: String, named: Option<&'static str>| {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.clone()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ),
            ("client_assertion", assertion),
        ];
        form.extend(named.map(|named| ("client_id", named.to_owned())));
        app.send(TestRequest::post().uri("/oauth/token").set_form(form))
    };
    let other = "https://other.example.com/other.json";
    documents.application(other);
    for (assertion, named) in [
        (assertion(&app, &new_key(), NOTES, "stranger"), None),
        (assertion(&app, &key, other, "for another"), None),
        (assertion(&app, &key, NOTES, "named otherwise"), Some(other)),
    ] {
        redeem(assertion, named).await.expect_oauth(401, "invalid_client");
    }
    let good = assertion(&app, &key, NOTES, "good");
    redeem(good.clone(), Some(NOTES)).await.expect(200);
    redeem(good, Some(NOTES)).await.expect_oauth(401, "invalid_client");
}
