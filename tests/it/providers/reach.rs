//! How providers are reached: how often, from where, and at whose cost.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};
use vestibule::providers::MOST_AT_ONCE;
use vestibule::providers::ProviderFault::{Unavailable, Untrusted};

use crate::support::documents::TestNetwork;
use crate::support::peer::Peer;
use crate::support::providers::{Client, Liar, alice, code, company, id, returned};

fn count(asked: &[String], endpoint: &str) -> usize {
    asked.iter().filter(|path| *path == endpoint).count()
}

const CONFIGURATION: &str = ".well-known/openid-configuration";

#[actix_web::test]
async fn configuration_and_keys_are_remembered() {
    let liar = Liar::start();
    let client = liar.client("honest");
    for _ in 0..3 {
        liar.redeem("honest", &client).await.unwrap();
        client.authorization_url().await.unwrap();
    }
    let asked = liar.asked();
    assert_eq!(
        (
            count(&asked, CONFIGURATION),
            count(&asked, "keys"),
            count(&asked, "token")
        ),
        (1, 1, 3)
    );
    client.advance(3601);
    liar.redeem("honest", &client).await.unwrap_err();
    let asked = liar.asked();
    assert_eq!((count(&asked, CONFIGURATION), count(&asked, "keys")), (1, 1));
}

#[actix_web::test]
async fn requests_at_the_same_moment_fetch_them_once() {
    let liar = Liar::start();
    let client = liar.client("honest");
    let found = join_all((0..MOST_AT_ONCE).map(|_| liar.redeem("honest", &client))).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    let asked = liar.asked();
    assert_eq!((count(&asked, CONFIGURATION), count(&asked, "keys")), (1, 1));
}

#[actix_web::test]
async fn tokens_with_unknown_keys_cause_few_requests() {
    let liar = Liar::start();
    let client = liar.client("unknown-key");
    for _ in 0..4 {
        assert!(matches!(liar.redeem("unknown-key", &client).await, Err(Untrusted(_))));
    }
    assert_eq!(count(&liar.asked(), "keys"), 1);
    client.advance(31);
    for _ in 0..4 {
        assert!(matches!(liar.redeem("unknown-key", &client).await, Err(Untrusted(_))));
    }
    assert_eq!(count(&liar.asked(), "keys"), 1);
}

#[actix_web::test]
async fn a_new_key_is_found() {
    let liar = Liar::start();
    let client = liar.client("rotated");
    assert!(matches!(liar.redeem("rotated", &client).await, Err(Untrusted(_))));
    client.advance(31);
    liar.redeem("rotated", &client).await.unwrap();
}

#[actix_web::test]
async fn a_provider_that_is_down_is_not_asked_for_some_seconds() {
    let liar = Liar::start();
    for lie in [
        "discovery-500",
        "keys-500",
        "discovery-iss",
        "token-drop",
        "userinfo-drop",
    ] {
        let client = liar.client(lie);
        let first = liar.redeem(lie, &client).await.unwrap_err();
        assert!(!liar.asked().is_empty());
        assert_eq!(liar.redeem(lie, &client).await.unwrap_err(), first, "{lie}");
        assert!(liar.asked().is_empty(), "{lie}");
        client.advance(6);
        assert_eq!(liar.redeem(lie, &client).await.unwrap_err(), first, "{lie}");
        assert!(!liar.asked().is_empty(), "{lie}");
    }
}

/// A user who sends codes that cause errors must not sign all others out.
#[actix_web::test]
async fn a_provider_that_answers_is_asked_again() {
    let liar = Liar::start();
    for lie in [
        "token-500",
        "token-html",
        "token-redirect",
        "token-oversized",
        "refused",
        "other-key",
    ] {
        let client = liar.client(lie);
        for _ in 0..2 {
            liar.redeem(lie, &client).await.unwrap_err();
        }
        assert_eq!(count(&liar.asked(), "token"), 2, "{lie}");
    }
}

#[actix_web::test]
async fn a_slow_provider_costs_no_other_one_a_request() {
    let liar = Liar::start();
    let (slow, quick) = ("token-slow", "honest");
    let both = format!(
        "{}{}",
        company(&liar.issuer(slow)),
        company(&liar.issuer(quick)).replace("providers.company", "providers.quick")
    );
    let client = Client::of(&both);
    let ask_quick = async || {
        let answer = returned(&code(&alice()), Some(&liar.issuer(quick)));
        client.providers.redeem(&id("quick"), answer).await
    };
    // The configurations and keys of both are there, so that all wait for codes.
    assert!(ask_quick().await.is_ok());
    let first = liar.redeem(slow, &client).await;
    assert!(matches!(first, Err(Unavailable(_))), "{first:?}");
    client.advance(6);
    let all = join_all((0..MOST_AT_ONCE).map(|_| liar.redeem(slow, &client)));
    let other = async {
        let more = liar.redeem(slow, &client).now_or_never();
        assert!(matches!(more, Some(Err(Unavailable(_)))), "{more:?}");
        ask_quick().await
    };
    match select(Box::pin(all), Box::pin(other)).await {
        Either::Right((found, waiting)) => {
            assert_eq!(found.unwrap().subject.subject, "alice");
            assert!(waiting.await.iter().all(|found| matches!(found, Err(Unavailable(_)))));
        }
        Either::Left((found, _)) => panic!("the slow ones were first: {found:?}"),
    }
}

#[actix_web::test]
async fn nothing_is_asked_before_it_is_needed() {
    let liar = Liar::start();
    let client = liar.client("honest");
    assert_eq!(client.providers.list().count(), 1);
    assert!(client.providers.find("company").is_some() && client.providers.find("Company").is_none());
    assert!(liar.asked().is_empty());
}

/// Servers for `https://*.example.com`, and a network that leads there.
fn far() -> (Peer, Arc<TestNetwork>) {
    let place = tempfile::tempdir().unwrap();
    let peer = Peer::start("lying_provider.py", &["--tls", place.path().to_str().unwrap()]);
    let network = TestNetwork::to(peer.port, place.path());
    (peer, Arc::new(network))
}

fn addresses(network: &TestNetwork) -> Vec<IpAddr> {
    let mut connected = network.connected();
    connected.sort_unstable();
    connected.dedup();
    connected
}

#[actix_web::test]
async fn the_host_that_the_operator_names_may_be_in_the_own_network() {
    let (_peer, network) = far();
    network.name("id.example.com", &[&["10.0.0.1"]]);
    let issuer = "https://id.example.com/honest";
    let client = Client::with(&company(issuer), &[], network.clone());
    let found = client.redeem(&code(&alice()), Some(issuer)).await.unwrap();
    assert_eq!(
        (found.subject.issuer.as_str(), found.subject.subject.as_str()),
        (issuer, "alice")
    );
    assert_eq!(addresses(&network), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[actix_web::test]
async fn other_hosts_are_on_the_public_internet() {
    let (_peer, network) = far();
    let issuer = "https://id.example.com/keys-elsewhere";
    let (own, public) = ("10.0.0.1", "198.41.0.4");
    network.name("id.example.com", &[&[own]]);
    let redeem = async || {
        let client = Client::with(&company(issuer), &[], network.clone());
        client.redeem(&code(&alice()), Some(issuer)).await
    };
    network.name("keys.example.com", &[&[public]]);
    assert_eq!(redeem().await.unwrap().subject.subject, "alice");
    assert_eq!(addresses(&network).len(), 2);
    let private = [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["::1"],
        &["fd00::1"],
        &["::ffff:10.0.0.1"],
        // A name with one private address is not meant for the internet.
        &[public, "192.168.0.1"],
    ];
    for answer in private {
        network.name("keys.example.com", &[answer]);
        let found = redeem().await;
        assert!(matches!(found, Err(Untrusted(_))), "{answer:?}: {found:?}");
        assert_eq!(addresses(&network), [own.parse::<IpAddr>().unwrap()], "{answer:?}");
    }
}

#[actix_web::test]
async fn a_host_is_connected_to_at_the_address_that_was_checked() {
    let (_peer, network) = far();
    let issuer = "https://id.example.com/keys-elsewhere";
    // The name server says another address when it is asked again.
    network.name("keys.example.com", &[&["198.41.0.4"], &["127.0.0.1"]]);
    let client = Client::with(&company(issuer), &[], network.clone());
    client.redeem(&code(&alice()), Some(issuer)).await.unwrap();
    assert_eq!(addresses(&network), ["198.41.0.4".parse::<IpAddr>().unwrap()]);
}

#[actix_web::test]
async fn a_host_that_is_not_found_or_not_trusted_is_unavailable() {
    let (_peer, network) = far();
    network.name("none.example.com", &[&[]]);
    for host in ["none.example.com", "silent.example.com", "elsewhere.example"] {
        let client = Client::with(&company(&format!("https://{host}/honest")), &[], network.clone());
        let found = client.authorization_url().await;
        assert!(matches!(found, Err(Unavailable(_))), "{host}: {found:?}");
    }
}
