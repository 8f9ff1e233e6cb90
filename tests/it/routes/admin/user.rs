//! `GET /admin/users/{id}` `PATCH /admin/users/{id}` `DELETE /admin/users/{id}`

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::{administrator, assert_out, events, patch, path, set_roles, sql};
use crate::support::actors::{PASSWORD, Person, SignedIn, claims, log_in, refresh, step_up, verify};
use crate::support::app::TestApp;

#[actix_web::test]
async fn an_account_is_shown_by_its_id() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::register(&app, "jo@example.com").await;
    let shown = app.get_as(&path(&jo), &admin.access_token).await.expect(200).json();
    assert_eq!(
        (&shown["id"], &shown["email"]),
        (&json!(jo.id), &json!("jo@example.com"))
    );
    assert_eq!(shown["two_factor"]["totp"], false);
    for unknown in ["x", "jo@example.com", "019ca945-0a00-7673-b71e-0108b877dbc7"] {
        for method in [Method::GET, Method::DELETE] {
            let answer = app
                .bare_as(method, &format!("/admin/users/{unknown}"), &admin.access_token)
                .await;
            answer.expect_problem(404, "not_found");
        }
        let uri = format!("/admin/users/{unknown}");
        let answer = app
            .call_as(Method::PATCH, &uri, &admin.access_token, &json!({"disabled": true}))
            .await;
        answer.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn a_disabled_account_is_out_at_once_and_comes_back_when_enabled() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    let pending = jo.person.log_in(&app).await;
    app.post("/password/forgot", &json!({"email": "jo@example.com"}))
        .await
        .expect(202);
    let token = app.mailed_token("jo@example.com", "password_reset").await;

    let changed = patch(&app, &admin, &jo.person, json!({"disabled": true}))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["disabled"], true);
    app.clock.advance(30);
    let code = jo.person.code(&app);
    assert_out(&app, &jo, (&pending, &code)).await;
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");

    patch(&app, &admin, &jo.person, json!({"disabled": false}))
        .await
        .expect(200);
    // Enabling the account restores nothing of what was ended: sessions, pending logins, links.
    assert_out(&app, &jo, (&pending, &code)).await;
    let reset = json!({"token": token, "new_password": "heftklammer im regen"});
    app.post("/password/reset", &reset)
        .await
        .expect_problem(400, "invalid_link_token");
    jo.person.log_in_with(&app, &code).await.expect(200);

    let done = events(&app, &admin, "authz_admin").await;
    let reasons: Vec<&str> = done.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["user_enabled", "user_disabled"]);
    assert!(done.iter().all(|event| event["actor_id"] == json!(admin.person.id)));
    assert!(done.iter().all(|event| event["user_id"] == json!(jo.person.id)));
    // The same request again changes nothing and is not audited.
    patch(&app, &admin, &jo.person, json!({"disabled": false}))
        .await
        .expect(200);
    patch(&app, &admin, &jo.person, json!({})).await.expect(200);
    assert_eq!(events(&app, &admin, "authz_admin").await.len(), 2);
}

#[actix_web::test]
async fn roles_are_in_the_tokens_from_the_next_refresh_on() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    let changed = patch(
        &app,
        &admin,
        &jo.person,
        json!({"roles": ["editor", "shop:x", "editor"]}),
    )
    .await;
    assert_eq!(changed.expect(200).json()["roles"], json!(["editor", "shop:x"]));
    assert_eq!(claims(&jo.access_token)["roles"], json!(null));
    let fresh = refresh(&app, &jo.refresh_token).await.expect(200).text("/access_token");
    assert_eq!(claims(&fresh)["roles"], json!(["editor", "shop:x"]));
    for bad in [json!(["a,b"]), json!([""]), json!(["ä"]), json!(vec!["r"; 33])] {
        let problem = patch(&app, &admin, &jo.person, json!({"roles": bad, "disabled": true})).await;
        let problem = problem.expect_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/roles");
    }
    app.get_as("/me", &fresh).await.expect(200);
}

#[actix_web::test]
async fn nothing_else_can_be_changed() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::register(&app, "jo@example.com").await;
    let before = app.get_as(&path(&jo), &admin.access_token).await.expect(200).json();
    for member in [
        "password",
        "email",
        "username",
        "email_verified",
        "id",
        "status",
        "two_factor",
        "locale",
    ] {
        let mut body = json!({"disabled": true});
        body[member] = json!("x");
        patch(&app, &admin, &jo, body)
            .await
            .expect_problem(400, "malformed_request");
    }
    for wrong in [
        json!({"disabled": "yes"}),
        json!({"roles": "admin"}),
        json!({"roles": [1]}),
        json!([]),
    ] {
        patch(&app, &admin, &jo, wrong)
            .await
            .expect_problem(400, "malformed_request");
    }
    assert_eq!(app.get_as(&path(&jo), &admin.access_token).await.json(), before);
}

#[actix_web::test]
async fn a_demotion_counts_before_the_token_expires() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let other = administrator(&app, "other@example.com").await;
    app.get_as("/admin/users", &other.access_token).await.expect(200);
    patch(&app, &admin, &other.person, json!({"roles": []}))
        .await
        .expect(200);
    app.get_as("/admin/users", &other.access_token)
        .await
        .expect_problem(403, "forbidden");
    let refused = &events(&app, &admin, "authz_fail").await[0];
    assert_eq!(refused["user_id"], json!(other.person.id));
    assert_eq!(
        (&refused["reason"], &refused["success"]),
        (&json!("not_an_administrator"), &json!(false))
    );
    // The token still contains the role: back ends accept it until it expires, but the service reads the database.
    set_roles(&app, "other@example.com", "{admin}");
    patch(&app, &admin, &other.person, json!({"disabled": true}))
        .await
        .expect(200);
    app.get_as("/admin/users", &other.access_token)
        .await
        .expect_problem(401, "invalid_token");
}

#[actix_web::test]
async fn administrators_cannot_lock_themselves_out() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let changes = [
        json!({"disabled": true}),
        json!({"roles": []}),
        json!({"roles": ["editor"], "disabled": true}),
    ];
    for others in ["{}", "{admin}"] {
        // The same while there is another administrator.
        Person::register(&app, &format!("x{}@example.com", others.len())).await;
        set_roles(&app, &format!("x{}@example.com", others.len()), others);
        for change in &changes {
            patch(&app, &admin, &admin.person, change.clone())
                .await
                .expect_problem(409, "conflict");
        }
        let own = path(&admin.person);
        let answer = app.bare_as(Method::DELETE, &own, &admin.access_token).await;
        answer.expect_problem(409, "conflict");
        let answer = app
            .bare_as(Method::DELETE, &format!("{own}/2fa"), &admin.access_token)
            .await;
        answer.expect_problem(409, "conflict");
    }
    let me = app.get_as("/me", &admin.access_token).await.expect(200).json();
    assert_eq!(me["roles"], json!(["admin"]));
    assert_eq!(events(&app, &admin, "authz_fail").await[0]["reason"], "own_account");
    // Administrators may change their own other roles.
    app.verify_email("root@example.com").await;
    let changed = patch(&app, &admin, &admin.person, json!({"roles": ["admin", "editor"]})).await;
    assert_eq!(changed.expect(200).json()["roles"], json!(["admin", "editor"]));
}

#[actix_web::test]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    for round in 0..4 {
        let app = TestApp::new().await;
        let one = administrator(&app, "one@example.com").await;
        let two = administrator(&app, "two@example.com").await;
        let change = if round % 2 == 0 {
            json!({"disabled": true})
        } else {
            json!({"roles": []})
        };
        let (first, second) = futures_util::future::join(
            patch(&app, &one, &two.person, change.clone()),
            patch(&app, &two, &one.person, change),
        )
        .await;
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{statuses:?}");
        assert!([401, 403, 409].contains(&statuses[1]), "{statuses:?}");
    }
}

#[actix_web::test]
async fn a_deleted_account_is_gone_with_all_it_had_and_its_owner_is_notified() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    app.bare_as(Method::DELETE, &path(&jo.person), &admin.access_token)
        .await
        .expect(204);
    app.get_as("/me", &jo.access_token)
        .await
        .expect_problem(401, "invalid_token");
    log_in(&app, "jo@example.com", PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    app.get_as(&path(&jo.person), &admin.access_token)
        .await
        .expect_problem(404, "not_found");
    app.bare_as(Method::DELETE, &path(&jo.person), &admin.access_token)
        .await
        .expect_problem(404, "not_found");
    let told = app.notification("jo@example.com", "account_deleted").await;
    assert!(!told["text"].as_str().unwrap().contains("203.0.113.7"));
    let done = &events(&app, &admin, "user_deleted").await[0];
    assert_eq!(
        (&done["user_id"], &done["actor_id"]),
        (&json!(jo.person.id), &json!(admin.person.id))
    );
    // The name can be used again, the id cannot.
    let again = Person::register(&app, "jo@example.com").await;
    assert_ne!(again.id, jo.person.id);
}

#[actix_web::test]
async fn an_administrator_who_was_disabled_behind_our_back_is_out() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let other = administrator(&app, "other@example.com").await;
    // In the database only: the session stays active although its account no longer is. The row of the account decides.
    sql(
        &app,
        "UPDATE users SET status = 'disabled' WHERE email = 'root@example.com'",
    );
    app.get_as("/admin/users", &admin.access_token)
        .await
        .expect_problem(401, "invalid_token");
    sql(
        &app,
        "UPDATE users SET status = 'active' WHERE email = 'root@example.com'",
    );
    patch(&app, &admin, &other.person, json!({"disabled": true}))
        .await
        .expect(200);
    patch(&app, &admin, &other.person, json!({"roles": []}))
        .await
        .expect(200);
}

/// An attacker who registers with another user's address could have roles granted to it. The reader of the address
/// could then reset the account and get its roles.
#[actix_web::test]
async fn roles_are_granted_to_verified_addresses_only_and_taken_from_all() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    set_roles(&app, "jo@example.com", "{editor,author}");
    let change = async |roles: Value, disabled: bool| {
        let body = json!({"roles": roles, "disabled": disabled});
        patch(&app, &admin, &jo.person, body).await
    };
    // A refused change has no effect at all.
    let problem = change(json!(["editor", "author", "admin"]), true).await;
    let problem = problem.expect_problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("verified"), "{problem}");
    app.get_as("/me", &jo.access_token).await.expect(200);
    assert_eq!(
        events(&app, &admin, "authz_fail").await[0]["reason"],
        "unverified_address"
    );
    change(json!(["author"]), false).await.expect(200);
    change(json!(["author"]), false).await.expect(200);
    app.verify_email("jo@example.com").await;
    change(json!(["admin"]), false).await.expect(200);
    // An account without an address cannot be reset by the reader of an address.
    let body = json!({"username": "nameless", "password": PASSWORD});
    let id = app.post("/register", &body).await.expect(201).text("/user/id");
    let body = json!({"roles": ["editor"]});
    app.call_as(Method::PATCH, &format!("/admin/users/{id}"), &admin.access_token, &body)
        .await
        .expect(200);
}

#[actix_web::test]
async fn an_owner_sees_what_an_administrator_did_and_not_where_they_were() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "203.0.113.0/24")]).await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    app.verify_email("jo@example.com").await;
    // The trail is ordered by time, and the clock stands still otherwise.
    app.clock.advance(1);
    let request = TestRequest::patch()
        .uri(&path(&jo.person))
        .insert_header(("authorization", format!("Bearer {}", admin.access_token)))
        .insert_header(("x-forwarded-for", "198.51.100.77"))
        .insert_header(("user-agent", "the administrator's"));
    app.send(request.set_json(json!({"roles": ["editor"]})))
        .await
        .expect(200);
    let export = app.get_as("/me/export", &jo.access_token).await.expect(200).json();
    let listed = app.get_as("/me/events", &jo.access_token).await.expect(200).json();
    for shown in [&export["events"], &listed["items"]] {
        let shown = shown.as_array().unwrap();
        let of = |name: &str| shown.iter().find(|event| event["event"] == name).unwrap();
        for name in ["user_updated", "authz_admin"] {
            assert_eq!(
                (&of(name)["ip"], &of(name)["user_agent"]),
                (&json!(null), &json!(null)),
                "{name}"
            );
        }
        assert_eq!(of("session_created")["ip"], "203.0.113.7", "their own");
    }
    // Administrators see it.
    let seen = &events(&app, &admin, "user_updated").await[0];
    assert_eq!(
        (&seen["ip"], &seen["user_agent"]),
        (&json!("198.51.100.77"), &json!("the administrator's"))
    );
}

#[actix_web::test]
async fn enabling_lets_a_password_count_again_that_guessing_ended() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    // Without an address there is no password reset: only operators can help.
    let body = json!({"username": "jo.doe", "password": PASSWORD});
    let id = app.post("/register", &body).await.expect(201).text("/user/id");
    sql(
        &app,
        "UPDATE users SET failed_passwords = 100, password_disabled_at = now() WHERE username = 'jo.doe'",
    );
    let login = json!({"username": "jo.doe", "password": PASSWORD});
    app.post("/login", &login)
        .await
        .expect_problem(401, "invalid_credentials");
    let enable = json!({"disabled": false});
    let uri = format!("/admin/users/{id}");
    app.call_as(Method::PATCH, &uri, &admin.access_token, &enable)
        .await
        .expect(200);
    app.post("/login", &login).await.expect(200);
    let told = events(&app, &admin, "authz_admin").await;
    assert_eq!(told[0]["reason"], "password_enabled");
    // The second time there is nothing to do.
    app.call_as(Method::PATCH, &uri, &admin.access_token, &enable)
        .await
        .expect(200);
    assert_eq!(events(&app, &admin, "authz_admin").await.len(), told.len());
}

#[actix_web::test]
async fn what_is_refused_to_strangers_is_shown_and_enabling_ends_it_for_the_password() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    sql(
        &app,
        "UPDATE users SET failed_passwords = 50, failed_passwords_of_strangers = 50, failed_codes_of_strangers = 50
         WHERE email = 'jo@example.com'",
    );
    let refused = |shown: Value| {
        ["password_refused_to_strangers", "codes_refused_to_strangers"].map(|name| shown[name].as_bool().unwrap())
    };
    let shown = app.get_as(&path(&jo.person), &admin.access_token).await.expect(200);
    assert_eq!(refused(shown.json()), [true, true]);
    let enabled = patch(&app, &admin, &jo.person, json!({"disabled": false})).await;
    assert_eq!(refused(enabled.expect(200).json()), [false, true]);
    assert_eq!(
        events(&app, &admin, "authz_admin").await[0]["reason"],
        "password_enabled"
    );
    let uri = format!("{}/2fa", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    let shown = app.get_as(&path(&jo.person), &admin.access_token).await.expect(200);
    assert_eq!(refused(shown.json()), [false, false]);
}

/// Returns since when the password and the codes of an account are disabled, as both the list and the account show.
async fn disabled_since(app: &TestApp, admin: &SignedIn, person: &Person) -> [Value; 2] {
    let shown = app.get_as(&path(person), &admin.access_token).await.expect(200).json();
    let uri = format!("/admin/users?query={}", person.id);
    let listed = app.get_as(&uri, &admin.access_token).await.expect(200).json();
    assert_eq!(listed["items"], json!([shown]));
    // The members must be present, even if they are null.
    ["password_disabled_at", "codes_disabled_at"].map(|name| shown.as_object().unwrap()[name].clone())
}

#[actix_web::test]
async fn what_guessing_disabled_is_told_with_its_time_until_it_counts_again() {
    let app = TestApp::new().await;
    let admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up(&app, "jo@example.com").await;
    assert_eq!(
        disabled_since(&app, &admin, &jo.person).await,
        [json!(null), json!(null)]
    );

    sql(
        &app,
        "UPDATE users SET failed_codes = 99 WHERE email = 'jo@example.com'",
    );
    let pending = jo.person.log_in(&app).await;
    let wrong = jo.person.wrong_code(&app);
    verify(&app, &pending, &wrong).await.expect_problem(401, "invalid_code");
    let codes = json!("2026-03-01T12:00:00Z");
    assert_eq!(
        disabled_since(&app, &admin, &jo.person).await,
        [json!(null), codes.clone()]
    );

    app.clock.advance(60);
    sql(
        &app,
        "UPDATE users SET failed_passwords = 99 WHERE email = 'jo@example.com'",
    );
    log_in(&app, "jo@example.com", "another password")
        .await
        .expect_problem(401, "invalid_credentials");
    let password = json!("2026-03-01T12:01:00Z");
    assert_eq!(
        disabled_since(&app, &admin, &jo.person).await,
        [password, codes.clone()]
    );

    // Each is enabled in its own way.
    let enabled = patch(&app, &admin, &jo.person, json!({"disabled": false})).await;
    let enabled = enabled.expect(200).json();
    assert_eq!(
        (&enabled["password_disabled_at"], &enabled["codes_disabled_at"]),
        (&json!(null), &codes)
    );
    assert_eq!(disabled_since(&app, &admin, &jo.person).await, [json!(null), codes]);
    let uri = format!("{}/2fa", path(&jo.person));
    app.bare_as(Method::DELETE, &uri, &admin.access_token).await.expect(204);
    assert_eq!(
        disabled_since(&app, &admin, &jo.person).await,
        [json!(null), json!(null)]
    );
}

#[actix_web::test]
async fn without_a_recent_proof_an_account_is_disabled_and_nothing_else() {
    let app = TestApp::new().await;
    let mut admin = administrator(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    app.clock.advance(301);
    let changes = [
        json!({"roles": ["admin"]}),
        json!({"roles": ["editor"], "disabled": true}),
        json!({"claims": {"plan": "pro"}}),
        json!({"disabled": false}),
    ];
    for change in &changes {
        let answer = patch(&app, &admin, &jo.person, change.clone()).await;
        answer.expect_problem(401, "insufficient_user_authentication");
    }
    let shown = app
        .get_as(&path(&jo.person), &admin.access_token)
        .await
        .expect(200)
        .json();
    assert_eq!((&shown["roles"], &shown["claims"]), (&json!([]), &json!({})));
    app.get_as("/me", &jo.access_token).await.expect(200);
    patch(&app, &admin, &jo.person, json!({"disabled": true}))
        .await
        .expect(200);
    app.get_as("/me", &jo.access_token)
        .await
        .expect_problem(401, "invalid_token");

    let code = json!({"code": admin.person.code(&app)});
    let proved = step_up(&app, &admin.access_token, &code).await.expect(200);
    admin.access_token = proved.text("/access_token");
    for change in changes {
        patch(&app, &admin, &jo.person, change).await.expect(200);
    }
}

/// A thief of a token must not silence the other administrators before they know of it.
#[actix_web::test]
async fn administrators_and_the_one_concerned_are_mailed_of_a_change_among_them() {
    let app = TestApp::new().await;
    let mut root = Person::sign_up_verified(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    Person::sign_up_verified(&app, "ann@example.com").await;
    for email in ["root@example.com", "ann@example.com"] {
        set_roles(&app, email, "{admin}");
    }
    root.refresh(&app).await;
    let path = format!("/admin/users/{}", jo.person.id);
    let call = async |method, body: Value| app.call_as(method, &path, &root.access_token, &body).await;
    for (body, words) in [
        (json!({"roles": ["admin"]}), "was made an administrator"),
        (json!({"disabled": true}), "was disabled"),
        (json!({"disabled": false}), "was enabled again"),
        (json!({"roles": []}), "was taken from the account"),
    ] {
        app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
        call(Method::PATCH, body).await.expect(200);
        for email in ["root@example.com", "ann@example.com", "jo@example.com"] {
            let mail = app.notification(email, "administrator_changed").await;
            let text = mail["text"].as_str().unwrap();
            for part in [words, "jo@example.com", "With the account root@example.com"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
    call(Method::PATCH, json!({"roles": ["admin"]})).await.expect(200);
    app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
    call(Method::DELETE, json!({})).await.expect(204);
    for email in ["root@example.com", "ann@example.com", "jo@example.com"] {
        let mail = app.notification(email, "administrator_changed").await;
        assert!(mail["text"].as_str().unwrap().contains("was deleted"), "{mail}");
    }
}

#[actix_web::test]
async fn a_change_of_an_account_without_the_role_is_not_told_to_administrators() {
    let app = TestApp::new().await;
    let mut root = Person::sign_up_verified(&app, "root@example.com").await;
    let jo = Person::sign_up_verified(&app, "jo@example.com").await;
    set_roles(&app, "root@example.com", "{admin}");
    root.refresh(&app).await;
    app.bare_as(Method::DELETE, "/dev/outbox", "").await.expect(204);
    let path = format!("/admin/users/{}", jo.person.id);
    for body in [
        json!({"roles": ["editor"]}),
        json!({"disabled": true}),
        json!({"disabled": false}),
    ] {
        app.call_as(Method::PATCH, &path, &root.access_token, &body)
            .await
            .expect(200);
    }
    assert_eq!(app.notification_kinds("root@example.com").await, Vec::<String>::new());
}
