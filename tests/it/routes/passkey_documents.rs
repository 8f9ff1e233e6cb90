//! `GET /.well-known/webauthn` `GET /.well-known/passkey-endpoints` `GET /.well-known/apple-app-site-association` `GET /.well-known/assetlinks.json`

use serde_json::{Value, json};

use crate::support::app::{PUBLIC_URL, TestApp};

const FINGERPRINT: &str =
    "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5";

/// Requests a document as a platform does: of any origin, and cached for a while.
async fn document_at(app: &TestApp, path: &str) -> Value {
    let answer = app.get(path).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    answer.json()
}

#[actix_web::test]
async fn browsers_find_the_related_origins_of_the_domain() {
    let origins = "https://auth.example.com,https://shop.example.org,https://app.example.com,https://example.net";
    let app = TestApp::with(&[("PASSKEY_RP_ID", "example.com"), ("PASSKEY_ORIGINS", origins)]).await;
    assert_eq!(
        document_at(&app, "/.well-known/webauthn").await,
        json!({"origins": ["https://shop.example.org", "https://example.net"]})
    );
    let app = TestApp::new().await;
    app.get("/.well-known/webauthn").await.expect_problem(404, "not_found");
}

#[actix_web::test]
async fn password_managers_find_the_page_of_passkeys() {
    let app = TestApp::new().await;
    let endpoints = document_at(&app, "/.well-known/passkey-endpoints").await;
    for name in ["enroll", "manage"] {
        let page = endpoints[name].as_str().unwrap().strip_prefix(PUBLIC_URL).unwrap();
        app.get(page).await.expect(200);
    }
    for without in [("ACCOUNT_PAGES", "off"), ("SECOND_FACTORS", "totp")] {
        let app = TestApp::with(&[without]).await;
        app.get("/.well-known/passkey-endpoints")
            .await
            .expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn platforms_find_the_apps_that_may_use_passkeys() {
    let android = format!(
        "com.example.app@{FINGERPRINT},com.example.app@{}",
        FINGERPRINT.to_lowercase().replace("14", "15")
    );
    let settings = [
        ("PASSKEY_APPLE_APPS", "ABCDE12345.com.example.app"),
        ("PASSKEY_ANDROID_APPS", android.as_str()),
    ];
    let app = TestApp::with(&settings).await;
    assert_eq!(
        document_at(&app, "/.well-known/apple-app-site-association").await,
        json!({"webcredentials": {"apps": ["ABCDE12345.com.example.app"]}})
    );
    let link = |fingerprint: &str| {
        json!({
            "relation": ["delegate_permission/common.get_login_creds"],
            "target": {
                "namespace": "android_app", "package_name": "com.example.app",
                "sha256_cert_fingerprints": [fingerprint],
            },
        })
    };
    assert_eq!(
        document_at(&app, "/.well-known/assetlinks.json").await,
        json!([link(FINGERPRINT), link(&FINGERPRINT.replace("14", "15"))])
    );
    let app = TestApp::new().await;
    for path in [
        "/.well-known/apple-app-site-association",
        "/.well-known/assetlinks.json",
    ] {
        app.get(path).await.expect_problem(404, "not_found");
    }
}
