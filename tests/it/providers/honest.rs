//! Providers that others wrote: a certified one, and one for tests.

use serde_json::{Value, json};
use ureq::Agent;

use crate::support::peer::Peer;
use crate::support::providers::{Client, RETURN, company};

/// A browser that follows redirects and keeps cookies, and fills in the forms of the provider.
struct Browser {
    agent: Agent,
    base: String,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn at(base: &str) -> Self {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Self {
            agent: agent.into(),
            base: base.to_owned(),
            cookies: Vec::new(),
        }
    }

    /// Requests a URL. Returns where it redirects to, or the page.
    fn open(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> Result<String, String> {
        let sent: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let sent = sent.join("; ");
        let answer = match form {
            Some(form) => self
                .agent
                .post(url)
                .header("cookie", sent)
                .send_form(form.iter().copied()),
            None => self.agent.get(url).header("cookie", sent).call(),
        };
        let mut answer = answer.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) = set
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .split_once('=')
                .unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let location = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap().to_owned());
        match location {
            Some(to) if to.starts_with('/') => Ok(format!("{}{to}", self.base)),
            Some(to) => Ok(to),
            None => Err(answer.body_mut().read_to_string().unwrap()),
        }
    }

    /// Signs a user in. Returns where the browser is sent with the answer.
    fn sign_in(&mut self, url: &str, user: &str) -> String {
        let mut next = self.open(url, None);
        for _ in 0..10 {
            next = match next {
                Ok(to) if to.starts_with(RETURN) => return to,
                Ok(to) => self.open(&to, None),
                Err(page) => {
                    let action = between(&page, "action=\"", "\"").to_owned();
                    let prompt = between(&page, "name=\"prompt\" value=\"", "\"").to_owned();
                    let form = [("prompt", prompt.as_str()), ("login", user), ("password", "any")];
                    self.open(&action, Some(&form))
                }
            };
        }
        panic!("the provider does not send the browser back")
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} is not in {text}"));
    rest.split_once(after).unwrap().0
}

fn certified(more: &Value) -> (Peer, String) {
    let mut settings = json!({
        "redirect_uris": [RETURN],
        "client_secret": "secret",
        "accounts": [
            {"id": "alice", "email": "alice@example.com", "email_verified": true, "amr": ["pwd", "mfa"]},
            {"id": "bob", "email": "bob@example.com", "email_verified": false, "amr": ["pwd"]},
            {"id": "carol"},
        ],
    });
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let peer = Peer::start("oidc_provider.mjs", &[&settings.to_string()]);
    let issuer = format!("http://127.0.0.1:{}", peer.port);
    (peer, issuer)
}

#[actix_web::test]
async fn users_of_a_certified_provider_sign_in() {
    for more in [
        json!({}),
        json!({"algorithm": "ES256", "claims_in_id_token": true}),
        json!({"algorithm": "EdDSA", "token_endpoint_auth": "client_secret_post"}),
        json!({"algorithm": "PS256", "client_secret": "s3cret + %/:&"}),
    ] {
        let (_peer, issuer) = certified(&more);
        let secret = more.get("client_secret").and_then(Value::as_str).unwrap_or("secret");
        let files = [("secret", secret.as_bytes())];
        let client = Client::with(
            &company(&issuer),
            &files,
            std::sync::Arc::new(vestibule::outbound::SystemNetwork),
        );
        for (user, address, two_factors) in [
            ("alice", Some(("alice@example.com", true)), true),
            ("bob", Some(("bob@example.com", false)), false),
            ("carol", None, false),
        ] {
            let url = client.authorization_url().await.unwrap();
            let answer = Browser::at(&issuer).sign_in(&url, user);
            let found = client.redeem_answer(&answer).await.unwrap();
            assert_eq!((found.issuer.as_str(), found.subject.as_str()), (issuer.as_str(), user));
            let seen = found
                .address
                .map(|address| (address.email.as_str().to_owned(), address.is_proven));
            let expected = address.map(|(email, is_proven)| (email.to_owned(), is_proven));
            assert_eq!(seen, expected, "{more}");
            assert_eq!(found.is_two_factors, two_factors, "{more}");
            // A code works once.
            let again = client.redeem_answer(&answer).await.unwrap_err();
            assert_eq!(again.outcome(), "refused");
        }
    }
}

#[actix_web::test]
async fn a_public_client_needs_no_secret() {
    let (_peer, issuer) = certified(&json!({"client_secret": null}));
    let client = Client::of(&company(&issuer).replace("client_secret_file = \"secret\"\n", ""));
    let url = client.authorization_url().await.unwrap();
    let answer = Browser::at(&issuer).sign_in(&url, "alice");
    assert_eq!(client.redeem_answer(&answer).await.unwrap().subject, "alice");
}

#[actix_web::test]
async fn users_of_a_second_provider_sign_in() {
    let peer = Peer::start("oauth2_mock_server.mjs", &[]);
    let issuer = format!("http://localhost:{}", peer.port);
    let client = Client::of_issuer(&issuer);
    let url = client.authorization_url().await.unwrap();
    let answer = Browser::at(&issuer).sign_in(&url, "johndoe");
    let found = client.redeem_answer(&answer).await.unwrap();
    assert_eq!(
        (found.issuer.as_str(), found.subject.as_str()),
        (issuer.as_str(), "johndoe")
    );
    let address = found.address.unwrap();
    assert_eq!(
        (address.email.as_str(), address.is_proven),
        ("johndoe@example.com", true)
    );
}
