//! Claims of users in tokens, as independent libraries read them, by every way to set them.

use serde_json::{Value, json};
use ureq::http::Method;

use super::ALL;
use crate::server::http::Client;
use crate::server::instances::{MASTER_KEY, PUBLIC_URL};
use crate::server::person::{Person, Tokens, now, verify};
use crate::server::postgres::Database;
use crate::server::program::{DataDir, Ended, Launch};

/// The hash of the password of an imported user, at the lowest cost.
const HASH: &str = "$2b$04$4HpEZ.wWw/tLE9XlghCQfuI7ELpOuDrP7gZG6o0ZaVE3cmfOi5cee";

/// Runs a command beside the service.
fn run(database: &Database, words: &[&str]) -> Ended {
    Launch::of(words[0])
        .args(&words[1..])
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
        .run()
}

/// What an attacker would write: the names of registered claims, and of what programs make of objects.
fn hostile(way: &str) -> Value {
    json!({
        "way": way, "sub": "root", "iss": "https://evil.example", "aud": "x", "exp": 0, "nbf": 4_102_444_800_u64,
        "roles": ["admin"], "permissions": ["all"], "scope": "openid", "cnf": {"jkt": "x"}, "acr": "aal9",
        "app": {"roles": ["admin"]}, "constructor": {"prototype": {"admin": true}},
    })
}

/// Returns the claims without the member `app` and without what differs between any two tokens.
fn root(claims: &Value) -> Value {
    let mut root = claims.clone();
    for name in ["app", "iat", "nbf", "exp", "jti", "sid", "auth_time"] {
        root.as_object_mut().unwrap().remove(name);
    }
    root
}

/// A user whose tokens are refreshed, with what the first one said.
struct Subject {
    id: String,
    refresh: String,
    before: Value,
}

impl Subject {
    fn of(client: &Client, tokens: &Tokens) -> Self {
        let before = ALL[0].accept(&client.issuer(), &tokens.access, &client.issuer());
        assert_eq!(before.get("app"), None);
        Self {
            id: before["sub"].as_str().unwrap().to_owned(),
            refresh: tokens.refresh.clone(),
            before,
        }
    }

    /// Asserts that the next token has the claims in `app`, and that all else is as it was.
    #[track_caller]
    fn expect(&mut self, client: &Client, claims: &Value) {
        let answer = client
            .post("/token/refresh", &json!({"refresh_token": self.refresh}))
            .expect(200);
        self.refresh = answer.text_at("/refresh_token");
        let access = answer.text_at("/access_token");
        for verifier in ALL {
            let read = verifier.accept(&client.issuer(), &access, &client.issuer());
            assert_eq!(root(&read), root(&self.before), "{verifier:?}");
            assert_eq!(&read["app"], claims, "{verifier:?}");
        }
        client.get_as(&access, "/admin/users").problem(403, "forbidden");
    }
}

/// Registers a service that may set claims, and returns an access token of it.
fn service_token(client: &Client, database: &Database) -> String {
    let resource = format!("{}/admin", client.issuer());
    let mut words = vec!["clients", "create", "Billing", "--resource", &resource];
    words.extend(["--scope", "claims:write", "--json"]);
    let made: Value = serde_json::from_str(&run(database, &words).expect(0).stdout).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", made["id"].as_str().unwrap()),
        ("client_secret", made["secret"].as_str().unwrap()),
    ];
    client
        .post_form("/oauth/token", &form)
        .expect(200)
        .text_at("/access_token")
}

#[test]
fn no_way_in_sets_a_registered_claim() {
    let (place, database) = (DataDir::new(), Database::create());
    let program = Launch::dev()
        .data_dir(&place)
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    let mut subject = Subject::of(&client, &tokens);

    let by_command = hostile("command");
    let done = run(
        &database,
        &["users", "set-claims", &person.email, &by_command.to_string()],
    )
    .expect(0);
    assert!(done.stdout.contains("\"way\":\"command\""), "{done:?}");
    subject.expect(&client, &by_command);

    let (admin, admin_tokens) = Person::sign_up(&client);
    run(&database, &["users", "grant", &admin.email, "admin", "--unverified"]).expect(0);
    let body = json!({"refresh_token": admin_tokens.refresh});
    let admin = client
        .post("/token/refresh", &body)
        .expect(200)
        .text_at("/access_token");
    let by_administrator = hostile("administrator");
    let path = format!("/admin/users/{}", subject.id);
    let body = json!({"claims": by_administrator});
    client.send(Method::PATCH, &path, Some(&admin), Some(&body)).expect(200);
    subject.expect(&client, &by_administrator);

    let by_service = hostile("service");
    let token = service_token(&client, &database);
    let path = format!("/admin/users/{}/claims", subject.id);
    let put = |claims: &Value| client.send(Method::PUT, &path, Some(&token), Some(&json!({"claims": claims})));
    put(&by_service).expect(204);
    subject.expect(&client, &by_service);
    put(&json!({"__proto__": {"admin": true}})).problem(422, "validation_failed");
    subject.expect(&client, &by_service);

    // A user of another program, with the authenticator of the account above.
    let by_import = hostile("import");
    let line = json!({
        "email": "imported@old.example", "email_verified": true, "password_hash": HASH, "claims": by_import,
        "totp_secret": person.secret,
    });
    Launch::of("users")
        .args(["import", "users.ndjson"])
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .file("users.ndjson", &line.to_string())
        .run()
        .expect(0);
    let login =
        json!({"email": "imported@old.example", "password": "korrekt pferd batterie heftklammer ".repeat(2) + "ab"});
    let pending = client.post("/login", &login).expect(200).text_at("/pre_auth_token");
    let tokens = verify(&client, &pending, &person.code(now())).expect(200);
    let access = tokens.text_at("/access_token");
    for verifier in ALL {
        let read = verifier.accept(&client.issuer(), &access, &client.issuer());
        assert_eq!((&read["app"], read.get("roles")), (&by_import, None));
        assert_eq!(read["acr"], "aal2");
    }
    program.stop().expect(0);
}
