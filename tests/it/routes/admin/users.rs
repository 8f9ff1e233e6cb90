//! `GET /admin/users` `POST /admin/users`

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_types::Text;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use vestibule::domain::managed_user::AccountState;

use super::{administrator, events, sql};
use crate::support::actors::{PASSWORD, Person, SignedIn, log_in};
use crate::support::app::TestApp;
use crate::support::passkeys::{PASSKEYS, sign_in_by_passkey, sign_in_challenge};
use crate::support::statements;

async fn found(app: &TestApp, admin: &SignedIn, query: &str) -> Vec<String> {
    let listed = app
        .get_as(&format!("/admin/users?query={query}"), &admin.access_token)
        .await;
    let listed = listed.expect(200).json();
    let emails = listed["items"].as_array().unwrap().iter();
    emails
        .map(|user| user["email"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[actix_web::test]
async fn administrators_are_found_among_all_accounts() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    Person::sign_up(&app, "jo@example.com").await;
    app.clock.advance(1);
    administrator(&app, "second@example.com").await;
    for (query, found) in [
        ("role=admin", &["second@example.com", "root@example.com"][..]),
        ("role=admin&query=roo", &["root@example.com"]),
        ("role=admin&query=jo", &[]),
        ("role=admin&limit=1", &["second@example.com"]),
    ] {
        let uri = format!("/admin/users?{query}");
        let page = app.get_as(&uri, &admin.access_token).await.expect(200).json();
        let emails: Vec<&str> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap())
            .collect();
        assert_eq!(emails, found, "{query}");
    }
    let answer = app.get_as("/admin/users?role=editor", &admin.access_token).await;
    let problem = answer.expect_problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/role");
}

/// Returns the addresses on a page.
async fn listed(app: &TestApp, admin: &SignedIn, parameters: &str) -> Vec<String> {
    let uri = format!("/admin/users?{parameters}");
    let page = app.get_as(&uri, &admin.access_token).await.expect(200).json();
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|user| user["email"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[actix_web::test]
async fn accounts_are_found_by_their_state() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for name in ["blocked", "guessed", "coded", "new", "nameless"] {
        app.clock.advance(1);
        Person::register(&app, &format!("{name}@example.com")).await;
    }
    sql(
        &app,
        "UPDATE users SET email_verified_at = now() WHERE email <> 'new@example.com';
         UPDATE users SET status = 'disabled' WHERE email IN ('blocked@example.com', 'coded@example.com');
         UPDATE users SET password_disabled_at = now() WHERE email = 'guessed@example.com';
         UPDATE users SET codes_disabled_at = now() WHERE email = 'coded@example.com';
         UPDATE users SET email = NULL, email_verified_at = NULL, username = 'nameless'
             WHERE email = 'nameless@example.com'",
    );
    for (parameters, found) in [
        ("state=disabled", &["coded@example.com", "blocked@example.com"][..]),
        ("state=password_disabled", &["guessed@example.com"]),
        ("state=codes_disabled", &["coded@example.com"]),
        // An account without an address has none to verify.
        ("state=unverified", &["new@example.com"]),
        ("state=disabled&query=b", &["blocked@example.com"]),
        ("state=disabled&role=admin", &[]),
    ] {
        assert_eq!(listed(&app, &admin, parameters).await, found, "{parameters}");
    }
    let first = app
        .get_as("/admin/users?state=disabled&limit=1", &admin.access_token)
        .await;
    let cursor = first.expect(200).text("/next_cursor");
    let rest = format!("state=disabled&limit=1&cursor={cursor}");
    assert_eq!(listed(&app, &admin, &rest).await, ["blocked@example.com"]);
    for unknown in ["enabled", "Disabled", ""] {
        let uri = format!("/admin/users?state={unknown}");
        let answer = app.get_as(&uri, &admin.access_token).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/state", "{unknown}");
    }
}

#[actix_web::test]
async fn accounts_are_found_by_the_beginning_of_a_name_or_by_id() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    app.clock.advance(1);
    let jo = Person::register(&app, "jo@example.com").await;
    app.clock.advance(1);
    Person::register(&app, "joan@example.com").await;
    sql(
        &app,
        "UPDATE users SET username = 'rob' WHERE email = 'joan@example.com'",
    );
    // Newest first.
    assert_eq!(found(&app, &admin, "JO").await, ["joan@example.com", "jo@example.com"]);
    assert_eq!(found(&app, &admin, "jo%40").await, ["jo@example.com"]);
    assert_eq!(
        found(&app, &admin, "ro").await,
        ["joan@example.com", "root@example.com"]
    );
    assert_eq!(found(&app, &admin, &jo.id).await, ["jo@example.com"]);
    assert_eq!(found(&app, &admin, "").await.len(), 3);
    // The query is neither a pattern nor found in the middle or at the end of a name.
    for none in ["%25", "_o", "o%40example.com", "example.com", "jox"] {
        assert_eq!(found(&app, &admin, none).await, Vec::<String>::new(), "{none}");
    }
    for (bad, pointer) in [
        ("query=a%00b", "/query"),
        ("query=j%C3%B6", "/query"),
        ("limit=0", "/limit"),
        ("cursor=x", "/cursor"),
        ("query=a&query=b", ""),
    ] {
        let answer = app.get_as(&format!("/admin/users?{bad}"), &admin.access_token).await;
        let problem = answer.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{bad}");
    }
}

#[actix_web::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for number in 0..6 {
        app.clock.advance(1);
        Person::register(&app, &format!("jo{number}@example.com")).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let uri = format!("/admin/users?query=jo&limit=2{cursor}");
        let page = app.get_as(&uri, &admin.access_token).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        // A user who registers in between is on no later page.
        Person::register(&app, &format!("jo.new{}@example.com", seen.len())).await;
        match page.get("next_cursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    let expected: Vec<String> = (0..6).rev().map(|number| format!("jo{number}@example.com")).collect();
    assert_eq!(seen, expected);
}

#[actix_web::test]
async fn a_listed_account_shows_its_state_and_nothing_secret() {
    let app = TestApp::with(&[("SECOND_FACTORS", "totp,email,sms")]).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    jo.set_up_phone(&app, crate::support::actors::PHONE).await;
    jo.set_up_email(&app).await;
    let listed = app
        .get_as("/admin/users?query=jo", &admin.access_token)
        .await
        .expect(200);
    let user = &listed.json()["items"][0];
    let factors = json!({
        "passkey": false, "totp": true, "email": true, "phone": true, "recovery_codes_remaining": 10,
    });
    assert_eq!(user["two_factor"], factors);
    assert_eq!(
        (&user["disabled"], &user["has_password"]),
        (&json!(false), &json!(true))
    );
    let mut members: Vec<&String> = user.as_object().unwrap().keys().collect();
    members.sort();
    let expected = [
        "claims",
        "codes_disabled_at",
        "codes_refused_to_strangers",
        "created_at",
        "disabled",
        "email",
        "email_verified",
        "has_password",
        "id",
        "identities",
        "locale",
        "passkeys",
        "password_disabled_at",
        "password_refused_to_strangers",
        "roles",
        "two_factor",
        "username",
    ];
    assert_eq!(members, expected);
}

#[actix_web::test]
async fn a_listed_account_shows_its_passkeys_without_their_keys() {
    let app = TestApp::with(PASSKEYS).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let (_, first) = jo.add_passkey(&app).await;
    let (mut key, second) = jo.add_passkey(&app).await;
    let assertion = key.assert(&sign_in_challenge(&app).await);
    sign_in_by_passkey(&app, &assertion).await.expect(200);
    let shown = |id: &str, created_at: &str| {
        json!({"id": id, "name": "Passkey", "transports": ["hybrid", "internal"], "backed_up": false,
            "created_at": created_at})
    };
    let first = shown(&first, "2026-03-01T12:00:01Z");
    let mut second = shown(&second, "2026-03-01T12:00:02Z");
    second["last_used_at"] = json!("2026-03-01T12:00:03Z");
    let listed = app.get_as("/admin/users?query=jo", &admin.access_token).await;
    let listed = listed.expect(200).json()["items"][0].clone();
    let path = format!("/admin/users/{}", jo.person.id);
    let found = app.get_as(&path, &admin.access_token).await.expect(200).json();
    let changed = app
        .call_as(Method::PATCH, &path, &admin.access_token, &json!({"disabled": false}))
        .await;
    for user in [listed, found, changed.expect(200).json()] {
        assert_eq!(user["passkeys"], json!([first, second]));
        assert_eq!(user["two_factor"]["passkey"], true);
    }
    let me = app.get_as("/me", &jo.access_token).await.expect(200).json();
    assert_eq!(me["two_factor"]["passkey"], true);
    assert!(me.get("passkeys").is_none());
    let own = app.get_as("/admin/users?query=root", &admin.access_token).await;
    let own = own.expect(200).json()["items"][0].clone();
    assert_eq!(
        (&own["passkeys"], &own["two_factor"]["passkey"]),
        (&json!([]), &json!(false))
    );
}

#[actix_web::test]
async fn a_search_uses_the_indexes() {
    let app = TestApp::new().await;
    sql(
        &app,
        "INSERT INTO users (id, email, username, password_scheme, password_key_id, password_hash, password_changed_at, \
         created_at) SELECT gen_random_uuid(), md5(n::text) || '@example.com', 'usr' || n, 'none', 0, '', now(), now() \
         FROM generate_series(1, 20000) n; ANALYZE users",
    );
    let explain = "EXPLAIN SELECT id FROM users WHERE ((email ~>=~ 'abc') AND (email ~<~ 'abc\u{7f}')) OR \
                   ((username ~>=~ 'abc') AND (username ~<~ 'abc\u{7f}')) ORDER BY id DESC LIMIT 51";
    let mut connection = app.database.connect();
    let plan: Vec<Plan> = diesel::sql_query(explain).load(&mut connection).unwrap();
    let plan: Vec<String> = plan.into_iter().map(|row| row.line).collect();
    let plan = plan.join("\n");
    for index in ["users_email_prefix_idx", "users_username_prefix_idx"] {
        assert!(plan.contains(index), "{plan}");
    }
}

#[actix_web::test]
async fn a_list_by_state_reads_no_more_than_its_page() {
    statements::record();
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    sql(
        &app,
        "INSERT INTO users (id, email, email_verified_at, password_scheme, password_key_id, password_hash, \
         password_changed_at, created_at) SELECT gen_random_uuid(), md5(n::text) || '@example.com', now(), 'none', 0, \
         '', now(), now() FROM generate_series(1, 20000) n; ANALYZE users",
    );
    let mut connection = app.database.connect();
    let url = app.database.url.expose_secret();
    for state in AccountState::ALL {
        statements::take(url);
        listed(&app, &admin, &format!("state={}", state.as_str())).await;
        let sent = statements::take(url);
        let is_list = |statement: &&String| statement.contains("FROM \"users\"") && statement.contains("LIMIT $1");
        let statement = sent.iter().find(is_list).unwrap();
        let explain = format!("EXPLAIN {}", statement.replace("$1", "51"));
        let plan: Vec<Plan> = diesel::sql_query(explain).load(&mut connection).unwrap();
        let plan: String = plan.into_iter().map(|row| row.line + "\n").collect();
        assert!(plan.contains(&format!("users_{}_idx", state.as_str())), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

async fn invite(app: &TestApp, admin: &SignedIn, body: Value) -> crate::support::response::TestResponse {
    app.call_as(Method::POST, "/admin/users", &admin.access_token, &body)
        .await
}

#[actix_web::test]
async fn an_invited_account_has_no_password_until_its_owner_sets_one() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let made = invite(&app, &admin, json!({"email": "Jo@Example.com", "roles": []})).await;
    let made = made.expect(201).json();
    assert_eq!(made["email"], "jo@example.com");
    assert_eq!(
        (&made["has_password"], &made["email_verified"]),
        (&json!(false), &json!(false))
    );
    for password in [PASSWORD, "x"] {
        log_in(&app, "jo@example.com", password)
            .await
            .expect_problem(401, "invalid_credentials");
    }

    // The mail does not reveal the address of the administrator.
    let notification = app.notification("jo@example.com", "invitation").await;
    assert!(!notification["text"].as_str().unwrap().contains("203.0.113.7"));
    let token = app.mailed_token("jo@example.com", "invitation").await;
    app.clock.advance(24 * 3600 - 1);
    let reset = json!({"token": token, "new_password": PASSWORD});
    app.post("/password/reset", &reset).await.expect(204);
    app.post("/password/reset", &reset)
        .await
        .expect_problem(400, "invalid_link_token");
    let login = log_in(&app, "jo@example.com", PASSWORD).await.expect(200).json();
    assert_eq!(login["status"], "enrolment_required");
}

#[actix_web::test]
async fn an_invitation_counts_for_a_day_and_is_then_asked_for_like_any_reset() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    invite(&app, &admin, json!({"email": "jo@example.com"}))
        .await
        .expect(201);
    let token = app.mailed_token("jo@example.com", "invitation").await;
    app.clock.advance(24 * 3600);
    let late = json!({"token": token, "new_password": PASSWORD});
    app.post("/password/reset", &late)
        .await
        .expect_problem(400, "invalid_link_token");
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "password_reset").await;
    let reset = json!({"token": token, "new_password": PASSWORD});
    app.post("/password/reset", &reset).await.expect(204);
}

/// An invited account: the token of the invitation, and that of a password reset that was requested afterwards.
async fn invited_and_asked_for(app: &TestApp, admin: &SignedIn, email: &str) -> (String, String) {
    invite(app, admin, json!({"email": email})).await.expect(201);
    let invitation = app.mailed_token(email, "invitation").await;
    app.post("/password/forgot", &json!({"email": email})).await.expect(202);
    (invitation, app.mailed_token(email, "password_reset").await)
}

#[actix_web::test]
async fn an_invitation_counts_for_its_day_despite_requests_for_a_reset() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let (invitation, asked_for) = invited_and_asked_for(&app, &admin, "jo@example.com").await;
    let set = |token: &str| json!({"token": token, "new_password": PASSWORD});
    app.clock.advance(15 * 60);
    // The requested reset is not valid for longer than any other reset.
    app.post("/password/reset", &set(&asked_for))
        .await
        .expect_problem(400, "invalid_link_token");
    for _ in 0..6 {
        app.post("/password/forgot", &json!({"email": "jo@example.com"}))
            .await
            .expect(202);
        app.clock.advance(3600);
    }
    app.clock.advance(17 * 3600 + 45 * 60 - 1);
    app.post("/password/reset", &set(&invitation)).await.expect(204);
    log_in(&app, "jo@example.com", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn an_invitation_and_a_reset_that_was_asked_for_end_each_other() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    for (number, by_invitation) in [true, false].into_iter().enumerate() {
        let email = format!("jo{number}@example.com");
        let (invitation, asked_for) = invited_and_asked_for(&app, &admin, &email).await;
        let (used, other) = if by_invitation {
            (invitation, asked_for)
        } else {
            (asked_for, invitation)
        };
        let set = |token: &str| json!({"token": token, "new_password": PASSWORD});
        app.post("/password/reset", &set(&used)).await.expect(204);
        for token in [&other, &used] {
            app.post("/password/reset", &set(token))
                .await
                .expect_problem(400, "invalid_link_token");
        }
    }
}

#[actix_web::test]
async fn an_invitation_is_written_down_with_who_and_whom() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let made = invite(&app, &admin, json!({"email": "jo@example.com"}))
        .await
        .expect(201)
        .json();
    let recorded = &events(&app, &admin, "authz_admin").await[0];
    assert_eq!(
        (&recorded["user_id"], &recorded["actor_id"]),
        (&made["id"], &json!(admin.person.id))
    );
    assert_eq!(
        (&recorded["reason"], &recorded["success"]),
        (&json!("user_created"), &json!(true))
    );
    let created = events(&app, &admin, "user_created").await;
    let created = created.iter().find(|event| event["user_id"] == made["id"]).unwrap();
    assert_eq!(created["reason"], "invitation");
}

#[actix_web::test]
async fn what_cannot_be_an_invitation_is_told() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let taken = invite(&app, &admin, json!({"email": "ROOT@example.com"})).await;
    taken.expect_problem(409, "email_taken");
    for (body, pointer) in [
        (json!({"email": "jo"}), "/email"),
        (json!({"email": "jo@example.com", "roles": ["a,b"]}), "/roles"),
        (json!({"email": "jo@example.com", "roles": vec!["r"; 33]}), "/roles"),
    ] {
        let problem = invite(&app, &admin, body)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    // Nothing is chosen on behalf of the owner.
    for member in [
        "password",
        "id",
        "email_verified",
        "disabled",
        "status",
        "created_at",
        "two_factor",
        "username",
    ] {
        let mut body = json!({"email": "jo@example.com"});
        body[member] = json!("x");
        invite(&app, &admin, body)
            .await
            .expect_problem(400, "malformed_request");
    }
    assert_eq!(found(&app, &admin, "jo").await, Vec::<String>::new());

    let mute = TestApp::serving().await;
    let admin = administrator(&mute, "root@example.com").await;
    let answer = invite(&mute, &admin, json!({"email": "jo@example.com"})).await;
    let problem = answer.expect_problem(503, "service_unavailable");
    assert!(
        problem["detail"].as_str().unwrap().contains("sends no mail"),
        "{problem}"
    );
    assert_eq!(found(&mute, &admin, "jo").await, Vec::<String>::new());
}

/// If an administrator mistypes the address, its reader must not get the roles with the account.
#[actix_web::test]
async fn an_invitation_grants_no_roles() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let refused = invite(&app, &admin, json!({"email": "jo@example.com", "roles": ["editor"]})).await;
    refused.expect_problem(409, "conflict");
    assert!(app.notifications("jo@example.com").await.is_empty());
    let refused = &events(&app, &admin, "authz_fail").await[0];
    assert_eq!(refused["reason"], "unverified_address");
    invite(&app, &admin, json!({"email": "jo@example.com"}))
        .await
        .expect(201);
}
