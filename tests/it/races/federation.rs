//! Of many concurrent sign-ins of one user of a provider, one makes the account; and one link of an identity wins.

use futures_util::future::join_all;
use serde_json::json;

use super::{count, with_status};
use crate::support::actors::Person;
use crate::support::federation::{Providers, Started, id_token, start, start_linking, verified};

const CROWD: usize = 12;

#[actix_web::test]
async fn one_user_of_a_provider_gets_one_account() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let user = verified("alice", "alice@example.com");
    let mut started = Vec::new();
    for _ in 0..CROWD {
        started.push(start(&app, "honest").await);
    }
    let answers = join_all(started.iter().map(|started| started.finish(&app, &user))).await;
    // Those that came while the account was made start again.
    let others = with_status(&answers, 401) + with_status(&answers, 200);
    assert_eq!(others, CROWD);
    assert!(with_status(&answers, 200) >= 1);
    let found = [
        count(&app, "users"),
        count(&app, "identities"),
        count(&app, "account_names"),
    ];
    assert_eq!(found, [1, 1, 2]);
}

#[actix_web::test]
async fn one_id_token_signs_in_once() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let sibling = app
        .sibling(&[
            ("TWO_FACTOR_POLICY", "optional"),
            ("OIDC_PROVIDERS_FILE", &providers.file()),
        ])
        .await;
    let user = verified("alice", "alice@example.com");
    start(&app, "honest").await.finish(&app, &user).await.expect(200);
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let started = Started::native("honest", &answer);
    let token = id_token(&providers, "honest", &started, &user, "app");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    let instances = [&app, &sibling];
    let answers =
        join_all((0..CROWD).map(|number| instances[number % 2].post("/federation/honest/token", &body))).await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 401)), (1, CROWD - 1));
    assert_eq!(count(&app, "sessions WHERE state = 'active'"), 2);
}

#[actix_web::test]
async fn one_account_gets_an_identity_that_two_link() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[]).await;
    let user = verified("there", "there@example.com");
    let (jo, ann) = (
        Person::sign_up(&app, "jo@example.com").await,
        Person::sign_up(&app, "ann@example.com").await,
    );
    let mut linking = Vec::new();
    for person in [&jo, &ann].into_iter().cycle().take(CROWD) {
        linking.push((
            start_linking(&app, "honest", &person.access_token).await,
            &person.access_token,
        ));
    }
    let answers = join_all(
        linking
            .iter()
            .map(|(started, token)| started.finish_as(&app, token, &user)),
    )
    .await;
    assert_eq!(
        (with_status(&answers, 200), with_status(&answers, 409)),
        (CROWD / 2, CROWD / 2)
    );
    assert_eq!(count(&app, "identities"), 1);
    assert_eq!(
        count(&app, "audit_events WHERE event = 'identity_linked' AND success"),
        1
    );
}
