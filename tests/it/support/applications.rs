//! Applications, and the steps of a sign-in to one.

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;
use vestibule::domain::oauth::client::ClientDescription;

use super::actors::{Person, SignedIn};
use super::app::TestApp;
use super::response::TestResponse;

/// Where applications get codes.
pub(crate) const CALLBACK: &str = "https://shop.example.com/callback";
/// Where they send users after a logout.
pub(crate) const GOODBYE: &str = "https://shop.example.com/goodbye";
/// What their access tokens are for.
pub(crate) const API: &str = "https://api.example.com";
/// The secret behind the challenge of every request.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A registered application.
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

/// Describes an application.
pub(crate) fn described(name: &str, kind: &str) -> ClientDescription {
    let all = ["openid", "profile", "email", "roles", "offline_access", "orders:read"];
    ClientDescription {
        name: name.to_owned(),
        kind: kind.to_owned(),
        redirect_uris: vec![CALLBACK.to_owned()],
        post_logout_redirect_uris: vec![GOODBYE.to_owned()],
        audiences: vec![API.to_owned()],
        scopes: all.map(str::to_owned).to_vec(),
        ..ClientDescription::default()
    }
}

/// Describes a service.
pub(crate) fn service(name: &str) -> ClientDescription {
    ClientDescription {
        name: name.to_owned(),
        kind: "service".to_owned(),
        audiences: vec![API.to_owned(), "https://files.example.com".to_owned()],
        scopes: vec!["orders:read".to_owned(), "orders:write".to_owned()],
        ..ClientDescription::default()
    }
}

/// Describes a service that sets the claims of users.
pub(crate) fn claims_writer(name: &str) -> ClientDescription {
    ClientDescription {
        audiences: vec!["https://auth.example.com/admin".to_owned()],
        scopes: vec!["claims:write".to_owned()],
        ..service(name)
    }
}

/// A service with a user who is signed in, and an application that cannot keep a secret.
pub(crate) async fn user_and_shop() -> (TestApp, SignedIn, Application) {
    let app = TestApp::new().await;
    let signed_in = Person::sign_up(&app, "jo@example.com").await;
    let shop = Application::public(&app).await;
    (app, signed_in, shop)
}

impl Application {
    pub(crate) async fn register(app: &TestApp, description: ClientDescription) -> Self {
        let (client, secret) = app.client(description).await;
        Self {
            id: client.id.uuid().to_string(),
            secret: secret.map(|secret| secret.expose_secret().to_owned()),
        }
    }

    /// An application that cannot keep a secret.
    pub(crate) async fn public(app: &TestApp) -> Self {
        Self::register(app, described("Shop", "public")).await
    }

    /// The query of an authorization request, with changes.
    pub(crate) fn query(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let mut query = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email offline_access"),
            ("state", "s1"),
            ("nonce", "n1"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            query.retain(|(known, _)| known != name);
            query.push((name, value));
        }
        let query: Vec<_> = query.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        serde_urlencoded::to_string(query).unwrap()
    }

    /// Sends the browser to the service, and returns the sealed request that the page gets.
    pub(crate) async fn begin(&self, app: &TestApp, changes: &[(&str, &str)]) -> String {
        let answer = app
            .get(&format!("/oauth/authorize?{}", self.query(changes)))
            .await
            .expect(303);
        let page = answer.header("location").unwrap().to_owned();
        let request = page.strip_prefix("https://auth.example.com/account/authorize#request=");
        let request = request.unwrap_or_else(|| panic!("not the page: {page}"));
        request.split('&').next().unwrap().to_owned()
    }

    /// The user approves, and the application gets a code.
    pub(crate) async fn code(&self, app: &TestApp, access_token: &str, changes: &[(&str, &str)]) -> String {
        let request = self.begin(app, changes).await;
        let answer = decide(app, access_token, &request, "approve").await.expect(200);
        parameter(&answer.text("/redirect_to"), "code").expect("a code")
    }

    /// The user approves, and the application redeems its code.
    pub(crate) async fn sign_in(&self, app: &TestApp, access_token: &str, changes: &[(&str, &str)]) -> Value {
        let code = self.code(app, access_token, changes).await;
        self.redeem(app, &code, &[]).await.expect(200).json()
    }

    /// Sends a form to `/oauth/token` with the credentials of the application.
    pub(crate) async fn token(&self, app: &TestApp, form: &[(&str, &str)]) -> TestResponse {
        self.form(app, "/oauth/token", form).await
    }

    /// Sends a form with the credentials of the application.
    pub(crate) async fn form(&self, app: &TestApp, path: &str, form: &[(&str, &str)]) -> TestResponse {
        let request = TestRequest::post().uri(path);
        let mut form = form.to_vec();
        let request = if let Some(secret) = &self.secret {
            let credentials = STANDARD.encode(format!("{}:{secret}", self.id));
            request.insert_header((header::AUTHORIZATION, format!("Basic {credentials}")))
        } else {
            form.push(("client_id", &self.id));
            request
        };
        app.send(request.set_form(form)).await
    }

    /// Redeems a code, with changes of the form.
    pub(crate) async fn redeem(&self, app: &TestApp, code: &str, changes: &[(&str, &str)]) -> TestResponse {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        self.token(app, &form).await
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(&self, app: &TestApp, refresh_token: &str) -> TestResponse {
        self.token(
            app,
            &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)],
        )
        .await
    }
}

/// Sends what the user decided.
pub(crate) async fn decide(app: &TestApp, access_token: &str, request: &str, decision: &str) -> TestResponse {
    let body = json!({"request": request, "decision": decision});
    app.call_as(Method::POST, "/oauth/authorize", access_token, &body).await
}

/// Has a page of another origin send the user with a form.
pub(crate) async fn send_browser(app: &TestApp, path: &str, form: String) -> TestResponse {
    let request = TestRequest::post()
        .uri(path)
        .insert_header((header::ORIGIN, "https://shop.example.com"))
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .insert_header((header::ACCEPT, "text/html,*/*;q=0.8"));
    app.send(request.set_payload(form)).await
}

/// Returns the fields of the form on the page that a URL leads to, and the page.
pub(crate) async fn posted(app: &TestApp, url: &str) -> (Vec<(String, String)>, TestResponse) {
    let path = url.strip_prefix("https://auth.example.com").unwrap();
    let page = app.get(path).await.expect(200);
    let text = String::from_utf8(page.body.clone()).unwrap();
    let fields = text.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once("\">").unwrap();
        let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        (name.to_owned(), plain.replace("&amp;", "&"))
    });
    (fields.collect(), page)
}

/// Asks what the user has to decide.
pub(crate) async fn consider(app: &TestApp, access_token: &str, request: &str) -> TestResponse {
    app.call_as(
        Method::POST,
        "/oauth/authorize",
        access_token,
        &json!({"request": request}),
    )
    .await
}

/// Returns a parameter of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

/// Returns a token with another signature.
pub(crate) fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

/// Returns a text of an answer.
pub(crate) fn text(tokens: &Value, member: &str) -> String {
    tokens[member]
        .as_str()
        .unwrap_or_else(|| panic!("no {member} in {tokens}"))
        .to_owned()
}
