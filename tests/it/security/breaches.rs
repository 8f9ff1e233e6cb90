//! Stolen passwords are refused if the deployment uses a breach list. No request waits long for the list.

use actix_web::http::Method;
use serde_json::json;

use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;
use crate::support::peer::Peer;

/// A password that the strength estimator accepts.
const STOLEN: &str = "heftklammer im regen";

async fn asking(list: &Peer) -> TestApp {
    let url = format!("http://127.0.0.1:{}", list.port);
    TestApp::with(&[("BREACH_CHECK_URL", &url)]).await
}

#[actix_web::test]
async fn a_stolen_password_is_refused_wherever_one_is_set() {
    let list = Peer::start("breach_list.py", &["--known", STOLEN]);
    let app = asking(&list).await;
    let body = json!({"email": "jo@example.com", "password": STOLEN});
    let problem = app
        .post("/register", &body)
        .await
        .expect_problem(422, "password_rejected");
    assert_eq!(problem["reason"], "breached");
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let body = json!({"current_password": PASSWORD, "new_password": STOLEN});
    app.call_as(Method::POST, "/password/change", &signed_in.access_token, &body)
        .await
        .expect_problem(422, "password_rejected");
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "password_reset").await;
    let body = json!({"token": token, "new_password": STOLEN});
    app.post("/password/reset", &body)
        .await
        .expect_problem(422, "password_rejected");
    let body = json!({"token": token, "new_password": "ein ganz anderes wort"});
    app.post("/password/reset", &body).await.expect(204);
}

#[actix_web::test]
async fn five_digits_of_the_hash_are_all_that_goes_out() {
    let list = Peer::start("breach_list.py", &[]);
    let app = asking(&list).await;
    Person::register(&app, "jo@example.com").await;
    let asked = list.received();
    let prefix = asked["path"].as_str().unwrap().strip_prefix("/range/").unwrap();
    assert!(
        prefix.len() == 5 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{asked}"
    );
    assert_eq!(asked["headers"]["add-padding"], "true");
    for word in ["jo@example.com", PASSWORD, "korrekt"] {
        assert!(!asked.to_string().contains(word));
    }
    list.assert_nothing_received();
}

#[actix_web::test]
async fn a_list_that_is_away_silent_or_broken_refuses_no_password() {
    let silent = Peer::start("breach_list.py", &["--known", STOLEN, "--silent"]);
    let broken = Peer::start("breach_list.py", &["--known", STOLEN, "--status", "500"]);
    let (silent, broken) = (asking(&silent).await, asking(&broken).await);
    let away = TestApp::with(&[("BREACH_CHECK_URL", "http://127.0.0.1:9")]).await;
    for app in [silent, broken, away] {
        let body = json!({"email": "jo@example.com", "password": STOLEN});
        app.post("/register", &body).await.expect(201);
    }
}
