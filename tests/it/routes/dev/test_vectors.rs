//! `GET /dev/test-vectors`

use crate::support::app::TestApp;

#[actix_web::test]
async fn our_own_endpoints_refuse_what_others_must_refuse() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let app = TestApp::with(&[("SIGNING_ALG", algorithm)]).await;
        let answer = app.get("/dev/test-vectors").await.expect(200).json();
        let vectors = answer["vectors"].as_array().unwrap();
        assert!(vectors.len() > 20);
        assert_eq!(vectors.iter().filter(|vector| vector["accept"] == true).count(), 1);
        for vector in vectors {
            // Also the good one: its session does not exist.
            let token = vector["token"].as_str().unwrap();
            app.get_as("/me", token).await.expect_problem(401, "invalid_token");
        }
    }
}
