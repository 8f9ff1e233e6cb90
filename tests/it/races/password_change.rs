//! Concurrent changes of one password: one succeeds, and the others name a password that is no longer the current one.

use actix_web::http::Method;
use futures_util::future::join_all;
use serde_json::json;

use super::{count, with_status};
use crate::support::actors::{PASSWORD, Person, log_in};
use crate::support::app::TestApp;

const EMAIL: &str = "jo@example.com";

fn new_password(number: usize) -> String {
    format!("heftklammer im regen {number}")
}

#[actix_web::test]
async fn of_many_changes_of_one_session_at_once_one_counts() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let signed_in = Person::sign_up(&app, EMAIL).await;
    let change = async |number: usize| {
        let body = json!({"current_password": PASSWORD, "new_password": new_password(number)});
        let instance = [&app, &sibling][number % 2];
        instance
            .call_as(Method::POST, "/password/change", &signed_in.access_token, &body)
            .await
    };
    let answers = join_all((0..6).map(change)).await;
    assert_eq!((with_status(&answers, 204), with_status(&answers, 401)), (1, 5));
    let winner = answers.iter().position(|answer| answer.status == 204).unwrap();
    for answer in answers.into_iter().filter(|answer| answer.status == 401) {
        answer.expect_problem(401, "invalid_credentials");
    }
    assert_eq!(count(&app, "audit_events WHERE event = 'authn_password_change'"), 1);
    log_in(&app, EMAIL, &new_password(winner)).await.expect(200);
}

/// Four wrong passwords before, so that one more starts a wait. Of the guesses that pass the check for a wait at the
/// same time, only one learns whether it was right.
#[actix_web::test]
async fn of_guesses_let_in_together_one_is_told_whether_it_was_right() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    for round in 0..4 {
        let signed_in = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        let change = async |number: usize, current: &str| {
            let body = json!({"current_password": current, "new_password": "short"});
            let instance = [&app, &sibling][number % 2];
            instance
                .call_as(Method::POST, "/password/change", &signed_in.access_token, &body)
                .await
        };
        for number in 0..4 {
            change(number, "another password").await.expect(401);
        }
        let guess = async |number: usize| {
            let current = if number == 3 { PASSWORD } else { "another password" };
            change(number, current).await
        };
        let answers = join_all((0..6).map(guess)).await;
        let told = [401, 422, 429].map(|status| with_status(&answers, status));
        // Either the right one was the first and reset the failures, or it came during a wait, as did all but the
        // first.
        assert!(told == [5, 1, 0] || told == [1, 0, 5], "{told:?}");
    }
}
