//! A real nginx that serves the service below a path of its host, strips the path, and connects over a Unix socket.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::http::{Answer, Client, Wire};
use super::instances::MASTER_KEY;
use super::nginx::Nginx;
use super::person::{Person, Tokens, now};
use super::postgres::Database;
use super::process::eventually;
use super::program::{Launch, Program, open_directory};

/// The nginx configuration for a socket.
fn server(address: &str, socket: &Path) -> String {
    format!(
        "upstream vestibule {{ server unix:{}; }}
        server {{
            listen {address};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For 198.51.100.7;
            proxy_set_header Forwarded \"\";
            location /auth/ {{
                proxy_pass http://vestibule/;
            }}
            # These are looked for at the root of the host (RFC 8414 section 3, W3C Change Password URL, WebAuthn
            # section 5.11, and the platforms of apps).
            location = /.well-known/oauth-authorization-server/auth {{
                proxy_pass http://vestibule/.well-known/oauth-authorization-server;
            }}
            location = /.well-known/change-password {{
                proxy_pass http://vestibule;
            }}
            location ~ ^/\\.well-known/(webauthn|passkey-endpoints|apple-app-site-association|assetlinks\\.json)$ {{
                proxy_pass http://vestibule;
            }}
        }}",
        socket.display()
    )
}

struct Site {
    nginx: Client,
    base: String,
    program: Program,
    database: Database,
    _nginx: Nginx,
    _place: tempfile::TempDir,
}

impl Site {
    #[track_caller]
    fn open() -> Self {
        let (database, place) = (Database::create(), open_directory());
        let socket = place.path().join("http.sock");
        let (nginx, client) = Nginx::configured(|address| server(address, &socket));
        let base = format!("{}/auth", client.issuer());
        let program = Launch::dev()
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env("VESTIBULE_LISTEN", format!("unix:{}", socket.display()))
            .env("VESTIBULE_PUBLIC_URL", &base)
            .env("VESTIBULE_PASSKEY_RP_ID", "localhost")
            .env(
                "VESTIBULE_PASSKEY_ORIGINS",
                "http://localhost:8080,https://shop.example.org",
            )
            .env("VESTIBULE_PASSKEY_APPLE_APPS", "ABCDE12345.com.example.app")
            .env(
                "VESTIBULE_PASSKEY_ANDROID_APPS",
                format!("com.example.app@{}", ["0A"; 32].join(":")),
            )
            .start();
        eventually("readiness", || {
            (client.get("/auth/health/ready").status == 200).then_some(())
        });
        Self {
            nginx: client,
            base,
            program,
            database,
            _nginx: nginx,
            _place: place,
        }
    }

    /// Requests the target of an absolute URL that the service returned.
    #[track_caller]
    fn follow(&self, url: &str) -> Answer {
        let path = url.strip_prefix(&self.nginx.issuer());
        self.nginx.get(path.unwrap_or_else(|| panic!("{url} leads elsewhere")))
    }

    /// Requests a path without following the redirect, and returns its target.
    #[track_caller]
    fn redirect(&self, path: &str, status: u16) -> String {
        let address = self.nginx.address();
        let mut wire = Wire::open(address);
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        ));
        let answer = wire.read_to_end();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
        let (_, target) = lines.find(|(name, _)| name.eq_ignore_ascii_case("location")).unwrap();
        let from = Url::parse(&format!("{}{path}", self.nginx.issuer())).unwrap();
        from.join(target).unwrap().to_string()
    }
}

/// Signs up a user through the prefix.
fn sign_up(site: &Site) -> Tokens {
    let client = &site.nginx;
    let body = json!({"email": "jo@mail.example", "password": "Grüne Fenster im Regen"});
    let registered = client.post("/auth/register", &body).expect(201);
    let person = Person {
        email: "jo@mail.example".to_owned(),
        password: "Grüne Fenster im Regen".to_owned(),
        secret: registered.text_at("/totp/secret"),
        pre_auth_token: registered.text_at("/pre_auth_token"),
    };
    let body = json!({"pre_auth_token": person.pre_auth_token, "code": person.code(now())});
    Tokens::of(&client.post("/auth/2fa/verify", &body).expect(200))
}

#[test]
fn every_url_that_is_told_leads_back_here() {
    let site = Site::open();
    let tokens = sign_up(&site);

    for path in [
        "/auth/.well-known/oauth-authorization-server",
        "/auth/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/auth",
    ] {
        let metadata = site.nginx.get(path).expect(200);
        assert_eq!(metadata.text_at("/issuer"), site.base);
        site.follow(&metadata.text_at("/jwks_uri")).expect(200);
        site.follow(&metadata.text_at("/service_documentation")).expect(200);
        site.follow(&metadata.text_at("/introspection_endpoint"))
            .problem(405, "method_not_allowed");
    }

    // As a generated client or "Try it out" does: the first server and a path of the document.
    let document = site.nginx.get("/auth/openapi.json").expect(200);
    let server = document.text_at("/servers/0/url");
    site.follow(&format!("{server}/health/live")).expect(200);

    let problem = site.nginx.get("/auth/me").problem(401, "invalid_token");
    site.follow(&problem.text_at("/type")).expect(200);

    // The links in mails.
    site.nginx
        .post("/auth/password/forgot", &json!({"email": "jo@mail.example"}))
        .expect(202);
    let notifications = eventually("the mail", || {
        let notifications: Value = site.nginx.get("/auth/dev/outbox").expect(200).json();
        let links = notifications
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|notification| notification["link"].as_str());
        let links: Vec<String> = links.map(str::to_owned).collect();
        (!links.is_empty()).then_some(links)
    });
    for link in notifications {
        let page = link.split('#').next().unwrap();
        assert!(page.starts_with(&format!("{}/account/", site.base)), "{link}");
        site.follow(page).expect(200);
    }

    // nginx names the client: the other end of a Unix socket has no IP address.
    let sessions = site.nginx.get_as(&tokens.access, "/auth/sessions").expect(200);
    assert_eq!(sessions.text_at("/0/ip"), "198.51.100.7");
    let seen = site
        .database
        .sql("SELECT DISTINCT host(ip) FROM audit_events WHERE ip IS NOT NULL");
    assert_eq!(seen, "198.51.100.7");
    site.program.stop().expect(0);
}

#[test]
fn every_redirect_stays_below_the_prefix() {
    let site = Site::open();
    for (path, status, page) in [
        ("/auth/", 303, "/account/"),
        ("/auth/account", 303, "/account/"),
        ("/auth/docs", 308, "/docs/"),
        ("/.well-known/change-password", 303, "/account/security"),
        ("/auth/.well-known/change-password", 303, "/account/security"),
    ] {
        let target = site.redirect(path, status);
        assert_eq!(target, format!("{}{page}", site.base), "{path}");
        site.follow(&target).expect(200);
    }
}

#[test]
fn documents_of_passkeys_are_at_the_root_of_the_host() {
    let site = Site::open();
    for (path, expected) in [
        ("/.well-known/webauthn", "https://shop.example.org"),
        (
            "/.well-known/passkey-endpoints",
            &*format!("{}/account/security", site.base),
        ),
        ("/.well-known/apple-app-site-association", "ABCDE12345.com.example.app"),
        ("/.well-known/assetlinks.json", "com.example.app"),
    ] {
        let document = site.nginx.get(path).expect(200);
        assert_eq!(document.header("content-type"), "application/json", "{path}");
        assert!(document.text.contains(expected), "{path}: {}", document.text);
    }
}

#[test]
fn the_pages_ask_for_nothing_outside_of_the_prefix() {
    let site = Site::open();
    let page = Url::parse(&format!("{}/account/login", site.base)).unwrap();
    let html = site.follow(page.as_str()).expect(200);
    assert!(html.header("content-security-policy").contains("default-src 'none'"));
    let quoted = html.text.split(['"']).skip(1).step_by(2);
    let files: Vec<&str> = quoted
        .filter(|text| [".css", ".js", ".svg"].iter().any(|end| text.ends_with(end)))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        site.follow(page.join(file).unwrap().as_str()).expect(200);
    }
    let (_, set_cookie) = signed_in_with_a_cookie(&site);
    assert!(
        set_cookie.contains("; Path=/auth;") || set_cookie.ends_with("; Path=/auth"),
        "{set_cookie}"
    );
}

fn signed_in_with_a_cookie(site: &Site) -> (u16, String) {
    let body = json!({"email": "jo@mail.example", "password": "Grüne Fenster im Regen"});
    let registered = site.nginx.post("/auth/register", &body).expect(201);
    let secret = registered.text_at("/totp/secret");
    let person = Person {
        email: String::new(),
        password: String::new(),
        secret,
        pre_auth_token: registered.text_at("/pre_auth_token"),
    };
    let body = json!({
        "pre_auth_token": person.pre_auth_token, "code": person.code(now()), "delivery": "cookie"
    });
    let answer = site.nginx.post("/auth/2fa/verify", &body).expect(200);
    (answer.status, answer.header("set-cookie").to_owned())
}
