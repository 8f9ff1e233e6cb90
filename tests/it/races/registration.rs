//! Of many concurrent registrations of one name, exactly one creates an account.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::actors::PASSWORD;
use crate::support::app::TestApp;

#[actix_web::test]
async fn one_name_makes_one_account() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let bodies: Vec<_> = (0..10)
        .map(|number| {
            let email = if number % 2 == 0 {
                "jo@example.com"
            } else {
                "JO@Example.COM"
            };
            json!({"email": email, "password": PASSWORD})
        })
        .collect();
    let instances = [&app, &sibling];
    let answers = join_all(
        bodies
            .iter()
            .enumerate()
            .map(|(number, body)| instances[number % 2].post("/register", body)),
    )
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "email_taken");
    }
}
