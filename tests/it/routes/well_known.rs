//! `GET /.well-known/jwks.json` `GET /.well-known/oauth-authorization-server` `GET /.well-known/openid-configuration`

use serde_json::json;

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
        assert_eq!(keys.len(), 1);
        let header = header(&signed_in.access_token);
        assert_eq!((&keys[0]["kid"], &keys[0]["alg"]), (&header["kid"], &json!(algorithm)));
        assert_eq!(keys[0]["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(keys[0].get(private).is_none(), "{private} is published");
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
    assert_eq!(metadata["response_types_supported"], json!([]));
    assert_eq!(
        app.get("/.well-known/openid-configuration").await.expect(200).json(),
        metadata
    );
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
