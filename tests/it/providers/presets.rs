//! What is special about Google, Microsoft, Apple and GitHub.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule::domain::clock::Clock;
use vestibule::outbound::SystemNetwork;
use vestibule::providers::ProviderFault::{Refused, Unavailable, Untrusted, WrongToken};

use crate::support::peer::Peer;
use crate::support::providers::{COMPANY, Client, Liar, NONCE, alice, all_received, code, code_of, id};
use crate::support::token::claims;

fn preset(preset: &str, issuer: &str, more: &str) -> String {
    format!("[providers.company]\npreset = \"{preset}\"\nissuer = \"{issuer}\"\nclient_id = \"vestibule\"\n{more}\n")
}

const SECRET: &str = "client_secret_file = \"secret\"";

#[actix_web::test]
async fn google_is_believed_for_its_mailboxes_and_for_domains_that_it_manages() {
    let liar = Liar::start();
    let issuer = liar.issuer("honest");
    let usual = Client::of(&preset("google", &issuer, SECRET));
    let listed = format!("{SECRET}\nauthoritative = [\"gmail.com\", \"example.com\"]");
    let listed = Client::of(&preset("google", &issuer, &listed));
    for (email, managed_by, by_usual, by_listed) in [
        ("jo@gmail.com", Value::Null, true, true),
        ("jo@example.com", json!("example.com"), false, true),
        ("jo@example.com", Value::Null, false, false),
        ("jo@example.com", json!("evil.example"), false, false),
        ("jo@evil.example", json!("evil.example"), false, false),
    ] {
        for (client, expected) in [(&usual, by_usual), (&listed, by_listed)] {
            let user = json!({"sub": "1", "email": email, "email_verified": true, "hd": managed_by});
            let found = client.redeem(&code(&user), Some(&issuer)).await.unwrap();
            assert_eq!(found.address.unwrap().is_verified, expected, "{email} {managed_by}");
        }
    }
    let url = usual.authorization_url().await.unwrap();
    assert!(url.contains("prompt=select_account"), "{url}");
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const PRIVATE_PERSONS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[actix_web::test]
async fn a_user_of_microsoft_is_of_the_tenant_in_the_token() {
    let liar = Liar::start();
    let template = liar.issuer("microsoft/{tenantid}/v2.0");
    let of = |tenant: &str| template.replace("{tenantid}", tenant);
    let client = |tenant: &str| {
        Client::of(&preset(
            "microsoft",
            &template,
            &format!("{SECRET}\ntenant = \"{tenant}\""),
        ))
    };
    let redeem = async |tenant: &str, user: Value| client(tenant).redeem(&code(&user), None).await;
    let user = |tenant: &str| json!({"sub": "1", "tid": tenant, "email": "jo@example.com", "email_verified": true});
    for tenants in ["common", "organizations"] {
        let found = redeem(tenants, user(TENANT)).await.unwrap();
        assert_eq!(found.subject.issuer, of(TENANT));
        // Administrators of a tenant write any address.
        assert!(!found.address.unwrap().is_verified);
    }
    assert_eq!(
        redeem("common", user(PRIVATE_PERSONS)).await.unwrap().subject.issuer,
        of(PRIVATE_PERSONS)
    );
    for (tenants, user) in [
        ("organizations", user(PRIVATE_PERSONS)),
        ("common", json!({"sub": "1"})),
        ("common", user("common")),
        ("common", json!({"sub": "1", "tid": TENANT, "iss": of(PRIVATE_PERSONS)})),
        ("common", json!({"sub": "1", "tid": TENANT, "iss": template})),
        (
            "common",
            json!({"sub": "1", "tid": TENANT, "iss": "https://evil.example"}),
        ),
    ] {
        let found = redeem(tenants, user.clone()).await;
        assert!(matches!(found, Err(Untrusted(_))), "{tenants} {user}: {found:?}");
    }
}

fn openssl(place: &TempDir, arguments: &[&str]) {
    let made = Command::new("openssl")
        .args(arguments)
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn make_key(place: &TempDir) -> Vec<u8> {
    openssl(
        place,
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
            "key.p8",
        ],
    );
    openssl(place, &["pkey", "-in", "key.p8", "-pubout", "-out", "public.pem"]);
    std::fs::read(place.path().join("key.p8")).unwrap()
}

/// Starts a provider that checks secrets as Apple does, with the key that was made in a directory.
fn apple_with_key_in(place: &TempDir) -> Liar {
    let public = place.path().join("public.pem");
    Liar(Peer::start(
        "lying_provider.py",
        &["--apple-key", public.to_str().unwrap()],
    ))
}

#[actix_web::test]
async fn apple_gets_a_secret_that_its_key_signs() {
    let place = tempfile::tempdir().unwrap();
    let key = make_key(&place);
    let liar = apple_with_key_in(&place);
    let issuer = liar.issuer("apple");
    let members =
        "team_id = \"TEAM012345\"\nkey_id = \"KEY0123456\"\nprivate_key_file = \"key.p8\"\nauthoritative = [\"*\"]";
    let client = |key: &[u8]| {
        let files = [("key.p8", key)];
        Client::with(&preset("apple", &issuer, members), &files, Arc::new(SystemNetwork))
    };
    let apple = client(&key);
    for (verified, expected) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("false"), false),
        (json!(1), false),
    ] {
        let user = json!({"sub": "001", "email": "x@privaterelay.appleid.com", "email_verified": verified});
        let found = apple.redeem(&code(&user), None).await.unwrap();
        assert_eq!(found.address.unwrap().is_verified, expected, "{verified}");
    }
    let url = client(&key).authorization_url().await.unwrap();
    assert!(
        url.contains("response_mode=form_post") && url.contains("nonce="),
        "{url}"
    );
    // The key of another team.
    let other = tempfile::tempdir().unwrap();
    let refused = client(&make_key(&other)).redeem(&code(&alice()), None).await;
    assert_eq!(refused.unwrap_err().outcome(), "unavailable");
}

/// Apple's own secrets last for six months at most. Those made here are renewed for ever.
#[actix_web::test]
async fn apple_gets_a_new_secret_each_time_and_none_that_has_expired() {
    let place = tempfile::tempdir().unwrap();
    let key = make_key(&place);
    let liar = apple_with_key_in(&place);
    let issuer = liar.issuer("apple");
    let members = "team_id = \"TEAM012345\"\nkey_id = \"KEY0123456\"\nprivate_key_file = \"key.p8\"";
    let file = preset("apple", &issuer, members);
    let apple = Client::with(&file, &[("key.p8", &key)], Arc::new(SystemNetwork));
    let code_at = |now: i64| code_of(&json!({"user": alice(), "nonce": NONCE, "now": now}));
    let present = |secret: &str, now: i64| {
        let code = code_at(now);
        let form = [("client_id", "vestibule"), ("client_secret", secret), ("code", &code)];
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.post(format!("{issuer}/token")).send_form(form).unwrap();
        answer.status().as_u16()
    };
    let mut before: Option<(String, i64)> = None;
    // A minute later as well: no secret is kept.
    for later in [0, 60, 200 * 86_400] {
        apple.advance(later);
        let now = apple.clock.now().timestamp();
        // Apple checks what it is shown by its own clock, which is the one of the code.
        apple.redeem(&code_at(now), None).await.unwrap();
        let secret = secret_shown(&liar);
        let expires = claims(&secret)["exp"].as_i64().unwrap();
        // The clock goes on while the request is made.
        let after = apple.clock.now().timestamp();
        assert!(
            now < expires && expires <= after + 300,
            "{expires}, from {now} to {after}"
        );
        if let Some((old, expired)) = before.replace((secret.clone(), expires)) {
            assert_ne!(old, secret);
            assert!((expires - expired - later).abs() <= 60, "{expired}, then {expires}");
            let is_expired = expired <= now;
            assert_eq!(present(&old, now), if is_expired { 401 } else { 200 });
        }
        assert_eq!(present(&secret, now), 200);
        liar.asked();
    }
}

/// Returns the secret of the only request for tokens since the last call.
fn secret_shown(liar: &Liar) -> String {
    let asked = all_received(&liar.0);
    let mut shown = asked
        .iter()
        .filter_map(|request| request["parameters"]["client_secret"].as_str());
    let secret = shown.next().unwrap().to_owned();
    assert_eq!(shown.next(), None);
    secret
}

fn github(liar: &Liar, name: &str) -> Client {
    let issuer = liar.issuer(name);
    Client::of(&preset(
        "github",
        &issuer,
        &format!("{SECRET}\napi = \"{issuer}/api\"\nauthoritative = [\"*\"]"),
    ))
}

/// Apple and GitHub themselves are believed for every address. A server of a company in their place is not.
#[actix_web::test]
async fn a_server_of_a_company_is_believed_for_no_address_by_default() {
    let liar = Liar::start();
    let issuer = liar.issuer("github");
    let client = Client::of(&preset("github", &issuer, &format!("{SECRET}\napi = \"{issuer}/api\"")));
    let emails = json!([{"email": "jo@example.com", "primary": true, "verified": true}]);
    let found = client
        .redeem(&code(&json!({"id": 7, "emails": emails})), None)
        .await
        .unwrap();
    assert!(!found.address.unwrap().is_verified);
}

#[actix_web::test]
async fn github_says_who_a_user_is_by_its_api() {
    let liar = Liar::start();
    let client = github(&liar, "github");
    let url = client.authorization_url().await.unwrap();
    assert!(
        url.starts_with(&format!("{}/login/oauth/authorize?", liar.issuer("github"))),
        "{url}"
    );
    assert!(url.contains("code_challenge=") && !url.contains("nonce="), "{url}");
    let user = |verified: Value| {
        let emails = json!([
            {"email": "other@example.com", "primary": false, "verified": true},
            {"email": "jo@example.com", "primary": true, "verified": verified},
        ]);
        json!({"id": 583_231, "login": "octocat", "email": "shown@example.com", "emails": emails})
    };
    for (verified, expected) in [(json!(true), true), (json!(false), false), (json!("true"), false)] {
        let found = client.redeem(&code(&user(verified)), None).await.unwrap();
        assert_eq!(
            (found.subject.issuer, found.subject.subject.as_str()),
            (liar.issuer("github"), "583231")
        );
        let address = found.address.unwrap();
        assert_eq!(
            (address.email.as_str(), address.is_verified),
            ("jo@example.com", expected)
        );
    }
    let nameless = client.redeem(&code(&json!({"login": "octocat"})), None).await;
    assert!(matches!(nameless, Err(Untrusted(_))), "{nameless:?}");
    let sheet = client
        .providers
        .check_id_token(&id(COMPANY), "a.b.c".to_owned().into(), NONCE.to_owned())
        .await;
    assert!(matches!(sheet, Err(WrongToken(_))), "{sheet:?}");
}

#[actix_web::test]
async fn github_refuses_a_code_with_200() {
    let liar = Liar::start();
    let refused = github(&liar, "github-error")
        .redeem(&code(&json!({"id": 1})), None)
        .await;
    assert!(matches!(refused, Err(Refused(_))), "{refused:?}");
}

#[actix_web::test]
async fn github_is_tried_out_by_what_it_refuses() {
    let liar = Liar::start();
    let tried = async |name: &str, api: &str, secret: &[u8]| {
        let issuer = liar.issuer(name);
        let file = preset("github", &issuer, &format!("{SECRET}\napi = \"{issuer}/{api}\""));
        let client = Client::with(&file, &[("secret", secret)], Arc::new(SystemNetwork));
        client
            .providers
            .try_out(&id(COMPANY))
            .await
            .map_err(|trial| trial.fault)
    };
    assert_eq!(tried("github", "api", b"secret").await, Ok(()));
    assert_eq!(tried("github-error", "api", b"secret").await, Ok(()));
    let paths = liar.asked();
    assert!(paths.contains(&"api/user".to_owned()), "{paths:?}");
    let wrong = tried("github", "api", b"another secret").await;
    assert!(
        matches!(wrong, Err(Unavailable(why)) if why.contains("this client")),
        "{wrong:?}"
    );
    // A server of another kind, and an API that is elsewhere.
    for (name, api) in [("honest", "api"), ("github", "elsewhere")] {
        let found = tried(name, api, b"secret").await;
        assert!(matches!(found, Err(Unavailable(_))), "{name}/{api}: {found:?}");
    }
}
