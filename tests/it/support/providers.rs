//! The client of providers, as the settings make it, and what a browser brings back to it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule::config::{Config, Mode, Source};
use vestibule::crypto::oauth::challenge_of;
use vestibule::domain::clock::{Clock, MovableClock};
use vestibule::domain::federation::identity::FederatedIdentity;
use vestibule::domain::federation::provider::ProviderId;
use vestibule::domain::network::AllowedNetworks;
use vestibule::domain::oauth::pkce::{CodeChallenge, CodeVerifier};
use vestibule::outbound::{Network, SystemNetwork};
use vestibule::providers::{AuthorizationStart, ProviderFault, Providers, RedeemedCode};
use vestibule::system::ShiftedClock;

use super::peer::Peer;

/// The id of the provider of most tests.
pub(crate) const COMPANY: &str = "company";
/// Where providers send browsers back to.
pub(crate) const RETURN: &str = "https://auth.example.com/federation/company/callback";
pub(crate) const NONCE: &str = "a nonce of this sign-in";
const STATE: &str = "a state of this sign-in";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The challenge of the verifier of each code.
pub(crate) fn challenge() -> CodeChallenge {
    challenge_of(&CodeVerifier::parse(VERIFIER.to_owned().into()).unwrap())
}

/// A client of providers.
pub(crate) struct Client {
    pub(crate) providers: Providers,
    pub(crate) clock: Arc<ShiftedClock>,
    _place: TempDir,
}

impl Client {
    /// Makes a client of the providers in a file of settings, with a secret in the file `secret` beside it.
    pub(crate) fn of(file: &str) -> Self {
        Self::with(file, &[], Arc::new(SystemNetwork))
    }

    /// Makes a client with further files beside the settings, which reaches hosts through a network.
    pub(crate) fn with(file: &str, others: &[(&str, &[u8])], network: Arc<impl Network>) -> Self {
        let network: Arc<dyn Network> = network;
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("secret"), "secret\n").unwrap();
        for (name, content) in others {
            fs::write(place.path().join(name), content).unwrap();
        }
        let path = place.path().join("providers.toml");
        fs::write(&path, file).unwrap();
        let source = Source::from_pairs(&[("OIDC_PROVIDERS_FILE", path.to_str().unwrap())]);
        let config = Config::read(&source, Mode::Development).unwrap();
        let clock = Arc::new(ShiftedClock::default());
        let told: Arc<dyn Clock> = clock.clone();
        Self {
            providers: Providers::new(
                &config.providers.providers,
                &AllowedNetworks::default(),
                &network,
                &told,
            ),
            clock,
            _place: place,
        }
    }

    /// Makes a client of one provider without a preset.
    pub(crate) fn of_issuer(issuer: &str) -> Self {
        Self::of(&company(issuer))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(chrono::TimeDelta::seconds(seconds));
    }

    pub(crate) async fn authorization_url(&self) -> Result<String, ProviderFault> {
        let start = AuthorizationStart {
            redirect_uri: RETURN,
            state: STATE,
            nonce: NONCE,
            challenge: &challenge(),
            login_hint: None,
        };
        self.providers.authorization_url(&id(COMPANY), &start).await
    }

    pub(crate) async fn redeem(&self, code: &str, issuer: Option<&str>) -> Result<FederatedIdentity, ProviderFault> {
        self.providers.redeem(&id(COMPANY), returned(code, issuer)).await
    }

    /// Redeems the code in the answer that a browser was sent back with.
    pub(crate) async fn redeem_answer(&self, url: &str) -> Result<FederatedIdentity, ProviderFault> {
        assert!(url.starts_with(RETURN), "{url}");
        let url = url::Url::parse(url).unwrap();
        let found = |name: &str| {
            url.query_pairs()
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.into_owned())
        };
        assert_eq!(found("state").as_deref(), Some(STATE), "{url}");
        self.redeem(&found("code").unwrap(), found("iss").as_deref()).await
    }
}

pub(crate) fn id(text: &str) -> ProviderId {
    ProviderId::parse(text).unwrap()
}

/// The settings of one provider without a preset.
pub(crate) fn company(issuer: &str) -> String {
    format!(
        "[providers.company]\nname = \"Company\"\nissuer = \"{issuer}\"\nclient_id = \"vestibule\"\n\
         client_secret_file = \"secret\"\nauthoritative = [\"example.com\"]\ntrusted_amr = [\"mfa\"]\n"
    )
}

/// What a browser brings back.
pub(crate) fn returned(code: &str, issuer: Option<&str>) -> RedeemedCode {
    RedeemedCode {
        code: code.to_owned().into(),
        issuer: issuer.map(str::to_owned),
        redirect_uri: RETURN.to_owned(),
        nonce: NONCE.to_owned(),
        verifier: SecretString::from(VERIFIER),
    }
}

/// A code of the provider that lies, for a user with these claims.
pub(crate) fn code(user: &Value) -> String {
    code_of(&json!({"user": user, "nonce": NONCE, "challenge": challenge().text()}))
}

/// A code of the provider that lies.
pub(crate) fn code_of(members: &Value) -> String {
    URL_SAFE_NO_PAD.encode(members.to_string())
}

/// A user of that provider.
pub(crate) fn alice() -> Value {
    json!({"sub": "alice", "email": "alice@example.com", "email_verified": true})
}

/// The provider that lies.
pub(crate) struct Liar(pub(crate) Peer);

impl Liar {
    pub(crate) fn start() -> Self {
        Self(Peer::start("lying_provider.py", &[]))
    }

    pub(crate) fn issuer(&self, lie: &str) -> String {
        format!("http://127.0.0.1:{}/{lie}", self.0.port)
    }

    pub(crate) fn client(&self, lie: &str) -> Client {
        Client::of_issuer(&self.issuer(lie))
    }

    /// Redeems a code of alice at the issuer of a lie.
    pub(crate) async fn redeem(&self, lie: &str, client: &Client) -> Result<FederatedIdentity, ProviderFault> {
        client.redeem(&code(&alice()), Some(&self.issuer(lie))).await
    }

    /// Returns the endpoints that were asked since the last call, below their issuers.
    pub(crate) fn asked(&self) -> Vec<String> {
        let path = |report: Value| {
            let path = report["path"].as_str().unwrap();
            path.splitn(3, '/').nth(2).unwrap().to_owned()
        };
        all_received(&self.0).into_iter().map(path).collect()
    }
}

/// Returns the reports of a peer since the last call. One that was written before an answer may come after it, by the
/// length of a pipe and a turn of a thread.
pub(crate) fn all_received(peer: &Peer) -> Vec<Value> {
    std::iter::from_fn(|| peer.lines.recv_timeout(Duration::from_millis(300)).ok()).collect()
}
