//! Of many concurrent refreshes with one token, one rotates it, and only one lineage of tokens continues.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::actors::{Person, refresh, verify};
use crate::support::app::TestApp;
use crate::support::applications::{text, user_and_shop};

/// Requests at once.
const CROWD: usize = 20;

#[actix_web::test]
async fn twenty_refreshes_at_once_leave_one_live_lineage() {
    let app = TestApp::new().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let mut token = Person::sign_up(&app, "jo@example.com").await.refresh_token;
    for _ in 0..5 {
        let answers = join_all((0..CROWD).map(|number| refresh(instances[number % 2], &token))).await;
        let successors: BTreeSet<String> = answers
            .into_iter()
            .map(|answer| answer.expect(200).text("/refresh_token"))
            .collect();
        assert_eq!(successors.len(), 1, "all clients get the same successor");
        token = successors.into_iter().next().unwrap();
    }
}

#[actix_web::test]
async fn twenty_refreshes_of_a_grant_at_once_leave_one_live_lineage() {
    let (app, signed_in, shop) = user_and_shop().await;
    let sibling = app.sibling(&[]).await;
    let instances = [&app, &sibling];
    let first = text(&shop.sign_in(&app, &signed_in.access_token, &[]).await, "refresh_token");
    let mut token = first.clone();
    for _ in 0..5 {
        let answers = join_all((0..CROWD).map(|number| shop.refresh(instances[number % 2], &token))).await;
        let successors: BTreeSet<String> = answers
            .into_iter()
            .map(|answer| answer.expect(200).text("/refresh_token"))
            .collect();
        assert_eq!(successors.len(), 1, "all requests get the same successor");
        token = successors.into_iter().next().unwrap();
    }
    // An instance that starts later knows a used token as well.
    app.clock.advance(60);
    let later = app.sibling(&[]).await;
    for used in [&first, &token] {
        shop.refresh(&later, used).await.expect_oauth(400, "invalid_grant");
    }
}

#[actix_web::test]
async fn without_a_window_a_crowd_ends_the_session() {
    let app = TestApp::with(&[("REFRESH_REUSE_GRACE", "0")]).await;
    let token = Person::sign_up(&app, "jo@example.com").await.refresh_token;
    let answers = join_all((0..CROWD).map(|_| refresh(&app, &token))).await;
    let granted: Vec<_> = answers.into_iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(granted.len(), 1);
    refresh(&app, &granted[0].text("/refresh_token"))
        .await
        .expect_problem(401, "invalid_refresh_token");
}

#[actix_web::test]
async fn a_refresh_and_a_logout_at_once_leave_no_session() {
    let app = TestApp::new().await;
    for round in 0..10 {
        let signed_in = Person::sign_up(&app, &format!("jo{round}@example.com")).await;
        let body = json!({"refresh_token": signed_in.refresh_token});
        let (refreshed, left) =
            futures_util::future::join(refresh(&app, &signed_in.refresh_token), app.post("/logout", &body)).await;
        left.expect(204);
        if refreshed.status == 200 {
            refresh(&app, &refreshed.text("/refresh_token"))
                .await
                .expect_problem(401, "invalid_refresh_token");
        }
    }
}

#[actix_web::test]
async fn logins_at_once_keep_the_number_of_sessions_in_bounds() {
    let app = TestApp::with(&[("MAX_SESSIONS", "3")]).await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(1);
    let mut tokens = Vec::new();
    for _ in &signed_in.recovery_codes {
        tokens.push(signed_in.person.log_in(&app).await);
    }
    let pairs = tokens.iter().zip(&signed_in.recovery_codes);
    let answers = join_all(pairs.map(|(token, code)| verify(&app, token, code))).await;
    let mut live = 0;
    for answer in answers {
        let access_token = answer.expect(200).text("/access_token");
        live += u32::from(app.get_as("/me", &access_token).await.status == 200);
    }
    assert_eq!(live, 3);
}
