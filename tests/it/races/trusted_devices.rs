//! Of many concurrent logins with one device token, one rotates it, and only one lineage of tokens continues.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::count;
use crate::support::actors::{PASSWORD, Person};
use crate::support::app::TestApp;
use crate::support::devices::{TRUSTING, assert_ordinary, log_in_on};

/// Requests at once.
const CROWD: usize = 20;

#[actix_web::test]
async fn twenty_logins_at_once_leave_one_live_lineage() {
    let app = TestApp::with(TRUSTING).await;
    let sibling = app.sibling(TRUSTING).await;
    let instances = [&app, &sibling];
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let mut device = jo.trust_device(&app).await.device;
    for _ in 0..3 {
        let logins = (0..CROWD).map(|number| log_in_on(instances[number % 2], "jo@example.com", PASSWORD, &device));
        let successors: BTreeSet<String> = join_all(logins)
            .await
            .into_iter()
            .map(|answer| answer.expect(200).text("/device_token"))
            .collect();
        assert_eq!(successors.len(), 1, "all clients get the same successor");
        device = successors.into_iter().next().unwrap();
    }
}

#[actix_web::test]
async fn without_a_window_a_crowd_ends_the_device() {
    let app = TestApp::with(&[TRUSTING[0], ("REFRESH_REUSE_GRACE", "0")]).await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    let device = jo.trust_device(&app).await.device;
    let answers = join_all((0..CROWD).map(|_| log_in_on(&app, "jo@example.com", PASSWORD, &device))).await;
    let (spared, others): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .map(|answer| answer.expect(200))
        .partition(|answer| answer.json()["status"] == "authenticated");
    assert_eq!(spared.len(), 1);
    others.iter().for_each(assert_ordinary);
    jo.person.log_in_on_ended(&app, &spared[0].text("/device_token")).await;
    assert_eq!(count(&app, "trusted_devices"), 0);
    assert_eq!(count(&app, "audit_events WHERE reason = 'device_reuse'"), 1);
    let told = app.notification_kinds("jo@example.com").await;
    assert_eq!(told.iter().filter(|kind| *kind == "device_token_reused").count(), 1);
}
