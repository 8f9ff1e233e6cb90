//! Claims of users, and permissions of roles: what they can change in tokens, and what never.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::routes::admin::{administrator, set_roles, sql};
use crate::support::actors::{Person, SignedIn, claims};
use crate::support::app::TestApp;
use crate::support::applications::{Application, described};
use crate::support::federation::{Providers, Started, id_token, verified};

/// The names of all claims of an access token, with what an attacker would write there.
fn names_of_registered_claims() -> Value {
    json!({
        "iss": "https://evil.example", "sub": "019ca945-0a00-7673-b71e-0108b877dbc7", "aud": "x", "client_id": "x",
        "exp": 4_102_444_800_u64, "iat": 0, "nbf": 0, "jti": "x", "sid": "x", "auth_time": 0, "acr": "aal2",
        "amr": ["mfa"], "roles": ["admin"], "permissions": ["all"], "email": "root@example.com", "username": "root",
        "scope": "openid", "cnf": {"jkt": "x"}, "app": {"app": {}}, "constructor": {}, "active": false,
    })
}

async fn introspected(app: &TestApp, token: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let service = app.service_client(&format!("api {number}")).await;
    let request = TestRequest::post().uri("/token/introspect");
    let request = request.insert_header((header::AUTHORIZATION, service));
    app.send(request.set_json(json!({"token": token})))
        .await
        .expect(200)
        .json()
}

/// Returns the claims without the member `app` and without what differs between any two tokens.
fn root(claims: &Value) -> Value {
    let mut root = claims.clone();
    for name in ["app", "iat", "nbf", "exp", "jti"] {
        root.as_object_mut().unwrap().remove(name);
    }
    root
}

#[actix_web::test]
async fn no_claim_of_a_user_is_a_claim_of_the_token() {
    let app = TestApp::with(&[("ACCESS_TOKEN_CLAIMS", "email,username")]).await;
    let admin = administrator(&app, "root@example.com").await;
    let mut jo = Person::sign_up_verified(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor}");
    jo.refresh(&app).await;
    let before = claims(&jo.access_token);
    let given = names_of_registered_claims();
    let path = format!("/admin/users/{}", jo.person.id);
    app.call_as(Method::PATCH, &path, &admin.access_token, &json!({"claims": given}))
        .await
        .expect(200);
    jo.refresh(&app).await;
    let after = claims(&jo.access_token);
    assert_eq!(root(&after), root(&before));
    assert_eq!(after["app"], given);
    let validated = app.get_as("/token/validate", &jo.access_token).await.expect(200);
    assert_eq!(validated.header("x-auth-roles"), Some("editor"));
    assert_eq!(validated.header("x-auth-user"), Some(jo.person.id.as_str()));
    assert_eq!(validated.json(), after);
    let known = introspected(&app, &jo.access_token).await;
    assert_eq!((&known["active"], &known["roles"]), (&json!(true), &json!(["editor"])));
    assert_eq!((&known["sub"], &known["app"]), (&json!(jo.person.id), &given));
    app.get_as("/admin/users", &jo.access_token)
        .await
        .expect_problem(403, "forbidden");
}

/// As with roles: what the account has lost does not count, however fresh the token is, and what it got since is not
/// in the token.
#[actix_web::test]
async fn introspection_tells_what_token_and_account_agree_on() {
    let app = TestApp::new().await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    sql(&app, r#"UPDATE users SET claims = '{"plan":"gold","tenant":7}'"#);
    jo.refresh(&app).await;
    assert_eq!(
        introspected(&app, &jo.access_token).await["app"],
        json!({"plan": "gold", "tenant": 7})
    );
    sql(
        &app,
        r#"UPDATE users SET claims = '{"plan":"silver","seats":3,"tenant":7}'"#,
    );
    assert_eq!(introspected(&app, &jo.access_token).await["app"], json!({"tenant": 7}));
    let validated = app.get_as("/token/validate", &jo.access_token).await.expect(200).json();
    assert_eq!(validated["app"], json!({"tenant": 7}));
    sql(&app, "UPDATE users SET claims = '{}'");
    assert_eq!(introspected(&app, &jo.access_token).await.get("app"), None);
}

/// An account must not be lost, nor the batch that it is in, because of a row that no release of the program wrote.
#[actix_web::test]
async fn the_database_takes_no_claims_that_are_too_long() {
    let app = TestApp::new().await;
    Person::register(&app, "jo@example.com").await;
    let longest = format!("UPDATE users SET claims = '{{\"a\":\"{}\"}}'", "x".repeat(2040));
    sql(&app, &longest);
    let longer = format!("UPDATE users SET claims = '{{\"a\":\"{}\"}}'", "x".repeat(2041));
    let refused = diesel::connection::SimpleConnection::batch_execute(&mut app.database.connect(), &longer);
    assert!(refused.unwrap_err().to_string().contains("users_claims_check"));
}

fn permissions_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[actix_web::test]
async fn permissions_are_those_of_the_roles_that_the_session_carries() {
    let text = "editor = [\"posts:write\", \"posts:read\"]\n\"shop.clerk\" = [\"posts:read\", \"orders:read\"]\n\
                admin = [\"everything\"]\n";
    let file = permissions_file(text);
    let settings = [
        ("ROLE_PERMISSIONS_FILE", file.path().to_str().unwrap()),
        ("SECOND_FACTORS_FOR", "admin:passkey"),
    ];
    let app = TestApp::with(&settings).await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    assert_eq!(claims(&jo.access_token).get("permissions"), None);
    set_roles(&app, "jo@example.com", "{admin,editor,shop.clerk,unknown}");
    jo.refresh(&app).await;
    let expected = json!(["orders:read", "posts:read", "posts:write"]);
    assert_eq!(
        claims(&jo.access_token)["permissions"],
        expected,
        "admin needs a passkey"
    );
    assert_eq!(introspected(&app, &jo.access_token).await["permissions"], expected);
    // What a role loses does not count any longer, whatever the token says.
    set_roles(&app, "jo@example.com", "{shop.clerk}");
    let left = json!(["orders:read", "posts:read"]);
    assert_eq!(introspected(&app, &jo.access_token).await["permissions"], left);
    let fewer = permissions_file("\"shop.clerk\" = [\"orders:read\", \"orders:write\"]\n");
    let settings = [("ROLE_PERMISSIONS_FILE", fewer.path().to_str().unwrap())];
    let sibling = app.sibling(&settings).await;
    let validated = sibling
        .get_as("/token/validate", &jo.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!(validated["permissions"], json!(["orders:read"]));
}

#[actix_web::test]
async fn an_application_learns_claims_and_permissions_by_its_scopes() {
    let file = permissions_file("editor = [\"posts:write\"]\n");
    let app = TestApp::with(&[("ROLE_PERMISSIONS_FILE", file.path().to_str().unwrap())]).await;
    let mut jo = Person::sign_up(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor}");
    sql(&app, r#"UPDATE users SET claims = '{"plan":"gold"}'"#);
    jo.refresh(&app).await;
    let all = ["openid", "roles", "claims"];
    let mut description = described("Shop", "public");
    description.scopes = all.map(str::to_owned).to_vec();
    let shop = Application::register(&app, description).await;
    let (app_of, permissions_of) = (json!({"plan": "gold"}), json!(["posts:write"]));
    for (scope, tells_app, tells_permissions) in [
        ("openid", false, false),
        ("openid roles", false, true),
        ("openid claims", true, false),
    ] {
        let tokens = shop.sign_in(&app, &jo.access_token, &[("scope", scope)]).await;
        let token = claims(tokens["access_token"].as_str().unwrap());
        assert_eq!(token.get("app"), tells_app.then_some(&app_of), "{scope}");
        assert_eq!(
            token.get("permissions"),
            tells_permissions.then_some(&permissions_of),
            "{scope}"
        );
        // An ID token says who signed in, and nothing of this.
        let id_token = claims(tokens["id_token"].as_str().unwrap());
        assert_eq!((id_token.get("app"), id_token.get("permissions")), (None, None));
        let user = app.get_as("/userinfo", tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(user.expect(200).json().get("app"), None);
    }
}

#[actix_web::test]
async fn an_import_brings_claims_and_nothing_else_by_them() {
    let app = TestApp::new().await;
    let line = |email: &str, claims: Value| {
        let mut line = json!({"email": email, "email_verified": true, "password_hash": HASH});
        line["claims"] = claims;
        line
    };
    let report = app.import(&line("jo@example.com", names_of_registered_claims())).await;
    assert_eq!((report.imported, report.faults.len()), (1, 0), "{report:?}");
    let admin = administrator(&app, "root@example.com").await;
    let shown = app
        .get_as("/admin/users?query=jo@example.com", &admin.access_token)
        .await;
    let shown = shown.expect(200).json()["items"][0].clone();
    assert_eq!(
        (&shown["claims"], &shown["roles"]),
        (&names_of_registered_claims(), &json!([]))
    );
    for wrong in [json!([]), json!({"a": "x".repeat(2048)}), json!({"__proto__": 1})] {
        let report = app.import(&line("mo@example.com", wrong)).await;
        assert_eq!(
            (report.failed, report.faults[0].member),
            (1, Some("claims")),
            "{report:?}"
        );
    }
}

/// The hash of a password, at the lowest cost.
const HASH: &str = "$2b$04$4HpEZ.wWw/tLE9XlghCQfuI7ELpOuDrP7gZG6o0ZaVE3cmfOi5cee";

/// The largest token that a client of the deployment can have is accepted on every way.
#[actix_web::test]
async fn the_largest_token_is_accepted_everywhere() {
    let permissions: Vec<String> = (0..20).map(|number| format!("{number:x>97}")).collect();
    let file = permissions_file(&format!("{} = {permissions:?}\n", "r".repeat(64)));
    let app = TestApp::with(&[("ROLE_PERMISSIONS_FILE", file.path().to_str().unwrap())]).await;
    let mut jo: SignedIn = Person::sign_up(&app, "jo@example.com").await;
    let roles: Vec<String> = (0..31).map(|number| format!("{number:x>64}")).collect();
    set_roles(
        &app,
        "jo@example.com",
        &format!("{{{},{}}}", "r".repeat(64), roles.join(",")),
    );
    sql(
        &app,
        &format!("UPDATE users SET claims = '{{\"a\":\"{}\"}}'", "x".repeat(2040)),
    );
    jo.refresh(&app).await;
    let token = &jo.access_token;
    assert!(token.len() > 8192, "{}", token.len());
    app.get_as("/me", token).await.expect(200);
    app.get_as("/token/validate", token).await.expect(200);
    assert_eq!(introspected(&app, token).await["active"], true);
    let service = app.service_client("revoker").await;
    let request = TestRequest::post().uri("/token/revoke");
    let request = request.insert_header((header::AUTHORIZATION, service));
    app.send(request.set_form([("token", token)])).await.expect(200);
    app.get_as("/me", token).await.expect_problem(401, "invalid_token");
}

/// What a provider says in an ID token is about its own user, and never a role or a claim here.
#[actix_web::test]
async fn the_id_token_of_a_provider_brings_neither_claims_nor_roles() {
    let providers = Providers::start(&["honest"]);
    let app = providers.app(&[("TWO_FACTOR_POLICY", "optional")]).await;
    let mut user = verified("alice", "alice@example.com");
    for (name, value) in [
        ("roles", json!(["admin"])),
        ("permissions", json!(["all"])),
        ("app", json!({"plan": "gold"})),
        ("claims", json!({"plan": "gold"})),
        ("scope", json!("claims")),
    ] {
        user[name] = value;
    }
    let answer = app.post("/federation/honest/start", &json!({})).await.expect(200);
    let started = Started::native("honest", &answer);
    let token = id_token(&providers, "honest", &started, &user, "app");
    assert_eq!(claims(&token)["roles"], json!(["admin"]), "the provider says it");
    let body = json!({"federation_token": started.federation_token, "id_token": token});
    let answer = app.post("/federation/honest/token", &body).await.expect(200);
    assert_eq!(answer.text("/status"), "authenticated");
    let access_token = answer.text("/access_token");
    let own = claims(&access_token);
    for name in ["roles", "permissions", "app", "claims", "scope"] {
        assert_eq!(own.get(name), None, "{name}");
    }
    let me = app.get_as("/me", &access_token).await.expect(200).json();
    assert_eq!((&me["claims"], &me["roles"]), (&json!({}), &json!([])));
}
