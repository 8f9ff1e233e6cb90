//! `GET /.well-known/jwks.json` `GET /.well-known/oauth-authorization-server` `GET /.well-known/openid-configuration`

use diesel::RunQueryDsl;
use serde_json::{Value, json};
use vestibule::api::openapi::document;
use vestibule::api::routes::ROUTES;
use vestibule::flows::maintenance::signing_keys::KeyRotation;

use crate::support::actors::{Person, header};
use crate::support::app::{PUBLIC_URL, TestApp};

#[actix_web::test]
async fn the_keys_are_public_and_name_the_key_of_the_tokens() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let app = TestApp::with(&[("SIGNING_ALG", algorithm)]).await;
        let signed_in = Person::sign_up(&app, "jo@example.com").await;
        let answer = app.get("/.well-known/jwks.json").await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        let keys = answer.json()["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 2, "the one that signs, and the next");
        let header = header(&signed_in.access_token);
        assert!(keys.iter().any(|key| key["kid"] == header["kid"]));
        assert!(keys.iter().all(|key| key["alg"] == algorithm && key["use"] == "sig"));
        let document: Value = serde_json::from_str(&document()).unwrap();
        let shape = &document["components"]["schemas"]["Jwk"];
        for key in keys.iter().map(|key| key.as_object().unwrap()) {
            assert!(
                key.keys().all(|member| shape["properties"].get(member).is_some()),
                "{key:?}"
            );
            let mut required = shape["required"].as_array().unwrap().iter().filter_map(Value::as_str);
            assert!(required.all(|member| key.contains_key(member)), "{key:?}");
        }
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(
                keys.iter().all(|key| key.get(private).is_none()),
                "{private} is published"
            );
        }
    }
}

#[actix_web::test]
async fn the_metadata_leads_from_the_issuer_to_the_keys() {
    let app = TestApp::new().await;
    let metadata = app
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200)
        .json();
    assert_eq!(metadata["issuer"], PUBLIC_URL);
    assert_eq!(metadata["jwks_uri"], format!("{PUBLIC_URL}/.well-known/jwks.json"));
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(
        app.get("/.well-known/openid-configuration").await.expect(200).json(),
        metadata
    );
}

/// A test compares the languages of the pages with those of messages.
#[actix_web::test]
async fn the_metadata_names_the_languages_of_the_pages_that_users_see() {
    let languages = async |app: &TestApp| {
        let metadata = app.get("/.well-known/openid-configuration").await.expect(200).json();
        metadata.get("ui_locales_supported").cloned()
    };
    let app = TestApp::new().await;
    assert_eq!(languages(&app).await, Some(json!(["en", "de", "fr", "es"])));
    for settings in [("ACCOUNT_PAGES", "off"), ("LINK_BASE_URL", "https://app.example.com")] {
        let own = app.sibling(&[settings]).await;
        assert_eq!(
            languages(&own).await,
            None,
            "{settings:?}: nothing is known of the front end"
        );
    }
}

#[actix_web::test]
async fn instances_share_their_keys() {
    let one = TestApp::new().await;
    let two = one.sibling(&[]).await;
    assert_eq!(
        one.get("/.well-known/jwks.json").await.expect(200).json(),
        two.get("/.well-known/jwks.json").await.expect(200).json()
    );
    let signed_in = Person::sign_up(&one, "jo@example.com").await;
    two.get_as("/me", &signed_in.access_token).await.expect(200);
}

#[actix_web::test]
async fn a_key_is_published_before_it_signs_and_until_its_tokens_are_gone() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let old = header(&signed_in.access_token)["kid"].clone();
    let next = published(&app).await.into_iter().find(|kid| *kid != old).unwrap();
    assert!(
        matches!(app.rotate_keys().await, KeyRotation::TooSoon { .. }),
        "verifiers may not know the next key yet"
    );
    app.clock.advance(400);
    let fresh = signed_in.person.sign_in_again(&app).await;
    assert_eq!(
        app.rotate_keys().await,
        KeyRotation::Rotated {
            current: next.as_str().unwrap().to_owned()
        }
    );
    let keys = published(&app).await;
    assert!(keys.len() == 3 && keys.contains(&old) && keys.contains(&next));
    // No user is signed out, not even by an instance that has not read the keys yet.
    for instance in [&app, &sibling] {
        instance.get_as("/me", &fresh).await.expect(200);
    }
    let newer = signed_in.person.sign_in_again(&app).await;
    assert_eq!(header(&newer)["kid"], next);
    sibling.get_as("/me", &newer).await.expect(200);
    assert_eq!(header(&signed_in.person.sign_in_again(&sibling).await)["kid"], old);
    sibling.tend_keys().await;
    assert_eq!(header(&signed_in.person.sign_in_again(&sibling).await)["kid"], next);
    assert_eq!(published(&sibling).await, keys);
    app.clock.advance(3500);
    app.tend_keys().await;
    assert!(published(&app).await.contains(&old));
    app.clock.advance(280);
    app.tend_keys().await;
    assert!(!published(&app).await.contains(&old));
}

#[actix_web::test]
async fn a_key_of_age_is_replaced_by_whichever_instance_looks_first() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let before = published(&app).await;
    app.clock.advance(90 * 24 * 3600 - 1);
    app.tend_keys().await;
    assert_eq!(published(&app).await, before);
    app.clock.advance(1);
    futures_util::future::join(app.tend_keys(), sibling.tend_keys()).await;
    app.tend_keys().await;
    sibling.tend_keys().await;
    let after = published(&app).await;
    assert_eq!((after.len(), &after[..2]), (3, &before[..]), "one rotation, not two");
    assert_eq!(published(&sibling).await, after);
}

/// Signs a user in again and returns the algorithm of their token, which every instance accepts.
async fn signs_with(app: &TestApp, person: &Person, all: &[&TestApp]) -> Value {
    let token = person.sign_in_again(app).await;
    for instance in all {
        instance.get_as("/me", &token).await.expect(200);
    }
    header(&token)["alg"].clone()
}

async fn algorithms(app: &TestApp) -> Value {
    let metadata = app.get("/.well-known/openid-configuration").await.expect(200).json();
    let listed = &metadata["access_token_signing_alg_values_supported"];
    assert_eq!(*listed, metadata["id_token_signing_alg_values_supported"]);
    listed.clone()
}

#[actix_web::test]
async fn another_algorithm_is_published_before_it_signs_and_the_old_one_goes() {
    let old = TestApp::new().await;
    let signed_in = Person::sign_up(&old, "jo@example.com").await;
    let (signing, person) = (header(&signed_in.access_token)["kid"].clone(), signed_in.person);
    old.clock.advance(400);
    let new = old.sibling(&[("SIGNING_ALG", "EdDSA")]).await;
    assert_eq!(
        published(&new).await.len(),
        2,
        "the key that signs, and another next one"
    );
    assert_eq!(algorithms(&new).await, json!(["ES256", "EdDSA"]));
    assert_eq!(signs_with(&new, &person, &[&old]).await, "ES256");
    assert!(matches!(new.rotate_keys().await, KeyRotation::TooSoon { .. }));

    // The instances with the old setting accept the new key, and do not replace it.
    for _ in 0..3 {
        old.tend_keys().await;
        new.tend_keys().await;
    }
    // Signing in moves the clock by half a minute.
    old.clock.advance(300);
    new.tend_keys().await;
    assert_eq!(signs_with(&new, &person, &[&old]).await, "ES256");
    old.clock.advance(30);
    old.tend_keys().await;
    assert_eq!(signs_with(&old, &person, &[&new]).await, "EdDSA");
    // An instance that has not read the keys yet signs with the previous one.
    assert_eq!(signs_with(&new, &person, &[&old]).await, "ES256");
    for _ in 0..3 {
        new.tend_keys().await;
        old.tend_keys().await;
    }
    assert_eq!(signs_with(&new, &person, &[&old]).await, "EdDSA");
    assert_eq!(published(&old).await, published(&new).await);
    assert!(published(&old).await.contains(&signing), "its tokens are still good");
    assert_eq!(algorithms(&old).await, json!(["ES256", "EdDSA"]));

    old.clock.advance(3700);
    old.tend_keys().await;
    assert_eq!(published(&old).await.len(), 2);
    assert_eq!(algorithms(&old).await, json!(["EdDSA"]));
}

#[actix_web::test]
async fn of_instances_with_different_algorithms_the_last_one_that_started_decides() {
    let one = TestApp::new().await;
    let two = one.sibling(&[("SIGNING_ALG", "EdDSA")]).await;
    assert_eq!(algorithms(&two).await, json!(["ES256", "EdDSA"]));
    let three = one.sibling(&[]).await;
    let after = published(&three).await;
    one.clock.advance(400);
    for instance in [&two, &one, &three, &two] {
        instance.tend_keys().await;
        assert_eq!(published(instance).await, after);
        assert_eq!(algorithms(instance).await, json!(["ES256"]));
    }
}

#[actix_web::test]
async fn lost_keys_are_made_again() {
    let app = TestApp::new().await;
    let before = published(&app).await;
    diesel::sql_query("DELETE FROM signing_keys")
        .execute(&mut app.database.connect())
        .unwrap();
    app.tend_keys().await;
    let after = published(&app).await;
    assert_eq!(after.len(), 2);
    assert!(before.iter().all(|kid| !after.contains(kid)));
}

async fn published(app: &TestApp) -> Vec<Value> {
    let keys = app.get("/.well-known/jwks.json").await.expect(200).json()["keys"]
        .as_array()
        .unwrap()
        .clone();
    keys.into_iter().map(|key| key["kid"].clone()).collect()
}

#[actix_web::test]
async fn the_metadata_tells_clients_where_and_how_to_ask() {
    let app = TestApp::new().await;
    let metadata = app
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200)
        .json();
    let with_secret = json!(["client_secret_basic", "client_secret_post"]);
    let all = json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]);
    for (what, path, methods) in [
        ("introspection", "/token/introspect", &with_secret),
        ("revocation", "/oauth/revoke", &all),
        ("token", "/oauth/token", &all),
    ] {
        assert_eq!(metadata[format!("{what}_endpoint")], format!("{PUBLIC_URL}{path}"));
        assert_eq!(metadata[format!("{what}_endpoint_auth_methods_supported")], *methods);
    }
    assert_eq!(metadata["response_modes_supported"], json!(["query", "form_post"]));
    // Each endpoint that is named exists.
    for (name, url) in metadata.as_object().unwrap() {
        let path = url.as_str().and_then(|url| url.strip_prefix(PUBLIC_URL));
        if let Some(path) = path.filter(|_| name.ends_with("_endpoint")) {
            assert!(ROUTES.iter().any(|route| route.path == path), "{name}");
        }
    }
}

/// As W3C's Change Password URL requires, with the probe by which a password manager finds out whether a site answers
/// all paths alike.
#[actix_web::test]
async fn password_managers_find_the_page_on_which_a_password_is_changed() {
    let app = TestApp::new().await;
    let answer = app.get("/.well-known/change-password").await.expect(303);
    let page = answer.header("location").unwrap().strip_prefix(PUBLIC_URL).unwrap();
    app.get(page).await.expect(200);
    let probe = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200";
    app.get(probe).await.expect_problem(404, "not_found");

    let app = TestApp::with(&[("ACCOUNT_PAGES", "off")]).await;
    app.get("/.well-known/change-password")
        .await
        .expect_problem(404, "not_found");
}
