//! `GET /dev/test-vectors`

use crate::support::app::TestApp;

#[actix_web::test]
async fn our_own_endpoints_refuse_what_others_must_refuse() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let app = TestApp::with(&[("SIGNING_ALG", algorithm)]).await;
        let answer = app.get("/dev/test-vectors").await.expect(200).json();
        let vectors = answer["vectors"].as_array().unwrap();
        assert!(vectors.len() > 20);
        let accepted = vectors.iter().filter(|vector| vector["accept"] == true);
        let accepted: Vec<&str> = accepted.map(|vector| vector["name"].as_str().unwrap()).collect();
        assert_eq!(accepted, ["good", "with_claims", "application", "service"]);
        // A verifier of bearer tokens meets it without a look at `dpop`.
        assert!(vectors.iter().any(|vector| vector["name"] == "bound_as_bearer"));
        for vector in vectors {
            // Also the good one: its session does not exist.
            let token = vector["token"].as_str().unwrap();
            app.get_as("/me", token).await.expect_problem(401, "invalid_token");
            app.get_as("/userinfo", token).await.expect_oauth(401, "invalid_token");
        }
    }
}
