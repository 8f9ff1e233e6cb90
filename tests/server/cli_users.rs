//! Operators manage accounts on the command line.

use std::process::Command;

use serde_json::{Value, json};

use super::http::Client;
use super::instances::{MASTER_KEY, PUBLIC_URL, instance};
use super::person::{Person, now, verify};
use super::postgres::Database;
use super::program::{Ended, Launch, open_directory};

const UNKNOWN: &str = "019ca945-0a00-7673-b71e-0108b877dbc7";

fn users(database: &Database, words: &[&str]) -> Ended {
    let launch = Launch::of("users").args(words);
    launch
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
        .run()
}

#[track_caller]
fn parsed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

fn show(database: &Database, user: &str) -> Value {
    parsed(&users(database, &["show", user, "--json"]).expect(0))
}

#[test]
fn the_first_administrator_comes_in_with_a_link_and_never_with_a_password_of_ours() {
    let database = Database::create();
    // On a database that is still empty: no service has run before.
    let mut create = vec![
        "create",
        "Root@Example.com",
        "--role",
        "admin",
        "--username",
        "root",
        "--json",
    ];
    users(&database, &create)
        .expect(1)
        .saying("--unverified grants the roles all the same");
    create.push("--unverified");
    let made = users(&database, &create).expect(0);
    assert!(made.stderr.contains("address is not verified"), "{}", made.stderr);
    let made = parsed(&made);
    assert_eq!(made["user"]["email"], "root@example.com");
    assert_eq!(
        (&made["user"]["roles"], &made["user"]["has_password"]),
        (&json!(["admin"]), &json!(false))
    );
    let link = made["link"].as_str().unwrap();
    let (page, token) = link.split_once("#token=").unwrap();
    assert_eq!(page, format!("{PUBLIC_URL}/account/reset-password"));

    let program = instance(database.url()).start();
    let client = program.ready();
    let password = "heftklammer im regen";
    let reset = json!({"token": token, "new_password": password});
    client.post("/password/reset", &reset).expect(204);
    client
        .post("/password/reset", &reset)
        .problem(400, "invalid_link_token");
    let login = client
        .post("/login", &json!({"username": "root", "password": password}))
        .expect(200)
        .json();
    assert_eq!(login["status"], "enrolment_required");
    let pre_auth = login["pre_auth_token"].as_str().unwrap();
    let access = enrol(&client, pre_auth);
    let listed = client.get_as(&access, "/admin/users").expect(200).json();
    assert_eq!(listed["items"][0]["email"], "root@example.com");

    users(&database, &["create", "root@example.com"])
        .expect(1)
        .saying("there is already an account with this address");
    users(&database, &["create", "x@example.com", "--username", "ROOT"])
        .expect(1)
        .saying("an account has this user name, or gave it up in the last 30 days");
    // No account has this name: another one gave it up.
    database.sql("INSERT INTO account_names VALUES ('former', gen_random_uuid(), now() + interval '1 day')");
    users(&database, &["create", "x@example.com", "--username", "former"])
        .expect(1)
        .saying("gave it up in the last 30 days");
    users(&database, &["create", "y@example.com", "--mail"])
        .expect(1)
        .saying("has not set email up");
    let text = users(&database, &["create", "z@example.com"]).expect(0).stdout;
    assert!(
        text.contains("#token=vpr_") && text.contains("not shown again"),
        "{text}"
    );
    program.stop().expect(0);
}

#[test]
fn with_the_reset_the_owner_of_an_account_without_a_password_gets_a_link() {
    let database = Database::create();
    let made = parsed(&users(&database, &["create", "jo@example.com", "--json"]).expect(0));
    let (_, old) = made["link"].as_str().unwrap().split_once("#token=").unwrap();
    users(&database, &["reset-2fa", "jo@example.com", "--yes", "--mail"])
        .expect(1)
        .saying("has not set email up");
    let reset = users(&database, &["reset-2fa", "jo@example.com", "--yes"])
        .expect(0)
        .stdout;
    let (_, rest) = reset.split_once("#token=").unwrap_or_else(|| panic!("{reset}"));
    let token = rest.split_whitespace().next().unwrap();
    let program = instance(database.url()).start();
    let client = program.ready();
    client
        .post("/magic-link/verify", &json!({"token": old}))
        .problem(400, "invalid_link_token");
    let login = client
        .post("/magic-link/verify", &json!({"token": token}))
        .expect(200)
        .json();
    assert_eq!(login["status"], "enrolment_required");
    program.stop().expect(0);
    // No link could reach the owner of an account without an address.
    database.sql("UPDATE users SET email = NULL, username = 'jo.doe'");
    database.sql("UPDATE account_names SET name = 'jo.doe'");
    users(&database, &["reset-2fa", "jo.doe", "--yes"])
        .expect(1)
        .saying("no link could give it back");
}

/// Sets up an authenticator and returns the access token.
fn enrol(client: &Client, pre_auth: &str) -> String {
    let enrolment = client.post_as(pre_auth, "/2fa/totp").expect(201).json();
    let person = Person {
        email: String::new(),
        password: String::new(),
        secret: enrolment["secret"].as_str().unwrap().to_owned(),
        pre_auth_token: pre_auth.to_owned(),
    };
    verify(client, pre_auth, &person.code(now())).expect(200).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn accounts_are_found_by_any_name_and_changed_beside_the_running_service() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let (jo, tokens) = Person::sign_up(&client);
    let id = show(&database, &jo.email)["id"].as_str().unwrap().to_owned();
    assert_eq!(show(&database, &id), show(&database, &jo.email.to_uppercase()));

    let mut grant = vec!["grant", &jo.email, "editor", "admin", "editor"];
    users(&database, &grant)
        .expect(1)
        .saying("the account's address is not verified");
    assert_eq!(show(&database, &id)["roles"], json!([]));
    grant.push("--unverified");
    let granted = users(&database, &grant).expect(0);
    assert_eq!(granted.stdout, format!("roles of {}: editor, admin\n", jo.email));
    assert!(granted.stderr.contains("address is not verified"), "{}", granted.stderr);
    // A role is in the tokens that are made after it was granted.
    client.get_as(&tokens.access, "/admin/users").problem(403, "forbidden");
    let refreshed = client
        .post("/token/refresh", &json!({"refresh_token": tokens.refresh}))
        .expect(200)
        .json();
    let access = refreshed["access_token"].as_str().unwrap();
    client.get_as(access, "/admin/users").expect(200);
    // The command line may do what administrators may not: it is how operators restore access.
    users(&database, &["grant", &id, "admin", "--revoke"]).expect(0);
    assert_eq!(show(&database, &id)["roles"], json!(["editor"]));
    client.get_as(access, "/admin/users").problem(403, "forbidden");

    let listed = parsed(&users(&database, &["sessions", &id, "--json"]).expect(0));
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["acr"]),
        (1, &json!("aal2"))
    );
    let session = listed[0]["id"].as_str().unwrap();
    let end = ["sessions", &id, "--end", "--session", session];
    assert_eq!(
        users(&database, &end).expect(0).stdout,
        format!("the session of {} has ended\n", jo.email)
    );
    client.get_as(&tokens.access, "/me").problem(401, "invalid_token");
    users(&database, &end).expect(1).saying("has no such session");
    users(&database, &["sessions", &id, "--session", session]).expect(2);
    users(&database, &["disable", &id]).expect(0);
    assert_eq!(show(&database, &id)["disabled"], true);
    client.get_as(&tokens.access, "/me").problem(401, "invalid_token");
    let login = json!({"email": jo.email, "password": jo.password});
    client.post("/login", &login).problem(401, "invalid_credentials");
    users(&database, &["enable", &id]).expect(0);
    let pending = client.post("/login", &login).expect(200).json();
    assert_eq!(
        users(&database, &["sessions", &id, "--end"]).expect(0).stdout,
        "1 session ended\n"
    );
    let dead = client.post(
        "/2fa/verify",
        &json!({"pre_auth_token": pending["pre_auth_token"], "code": "000000"}),
    );
    dead.problem(401, "invalid_pre_auth_token");

    let trail =
        "SELECT string_agg(reason, ' ' ORDER BY id) FROM audit_events WHERE event = 'authz_admin' AND actor_id IS NULL";
    let done = "roles_changed roles_changed session_ended user_disabled user_enabled sessions_ended";
    assert_eq!(database.sql(trail), done);
    program.stop().expect(0);
}

#[test]
fn trusted_devices_are_listed_and_ended() {
    let database = Database::create();
    let trusting = || instance(database.url()).env("VESTIBULE_TRUSTED_DEVICE_TTL", "2592000");
    let program = trusting().start();
    let client = program.ready();
    let jo = Person::register(&client);
    let proof = json!({"pre_auth_token": jo.pre_auth_token, "code": jo.code(now()), "trust_device": true});
    let device = client.post("/2fa/verify", &proof).expect(200).text_at("/device_token");
    let devices = |more: &[&str]| {
        let ttl = ["--trusted-device-ttl", "2592000"];
        users(&database, &[&["devices", &jo.email], more, &ttl].concat())
            .expect(0)
            .stdout
    };
    let listed: Value = serde_json::from_str(&devices(&["--json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let table = devices(&[]);
    assert!(
        table.contains(listed[0]["id"].as_str().unwrap()) && table.contains("UNTIL"),
        "{table}"
    );
    assert_eq!(devices(&["--end"]), "1 trusted device ended\n");
    assert_eq!(devices(&["--end"]), "0 trusted devices ended\n");
    let login = json!({"email": jo.email, "password": jo.password, "device_token": device});
    assert_eq!(
        client.post("/login", &login).expect(200).json()["status"],
        "second_factor_required"
    );
    let reasons = "SELECT string_agg(reason, ' ' ORDER BY id) FROM audit_events WHERE event IN ('device_trusted', 'device_removed')";
    assert_eq!(database.sql(reasons), "totp by_operator");
    program.stop().expect(0);
}

#[test]
fn what_cannot_be_undone_is_asked_for_twice() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let (jo, tokens) = Person::sign_up(&client);
    for command in ["delete", "reset-2fa"] {
        users(&database, &[command, &jo.email]).expect(2).saying("add --yes");
    }
    client.get_as(&tokens.access, "/me").expect(200);
    users(&database, &["reset-2fa", &jo.email, "--yes"]).expect(0);
    client.get_as(&tokens.access, "/me").problem(401, "invalid_token");
    let login = json!({"email": jo.email, "password": jo.password});
    assert_eq!(
        client.post("/login", &login).expect(200).json()["status"],
        "enrolment_required"
    );
    users(&database, &["delete", &jo.email, "-y"]).expect(0);
    client.post("/login", &login).problem(401, "invalid_credentials");
    program.stop().expect(0);
}

/// Only the service knows which port it got.
#[test]
fn no_link_is_printed_that_would_lead_to_port_0() {
    let database = Database::create();
    let with = |settings: &[(&str, &str)], words: &[&str]| {
        let launch = Launch::of("users").args(words);
        let launch = launch
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env("VESTIBULE_LISTEN", "127.0.0.1:0");
        let launch = settings
            .iter()
            .fold(launch, |launch, (name, value)| launch.env(name, value));
        launch.run()
    };
    let create = ["create", "jo@example.com"];
    with(&[], &create)
        .expect(1)
        .saying("set VESTIBULE_PUBLIC_URL to the URL that the service logged");
    // Nothing was made by that.
    let page = ("VESTIBULE_LINK_BASE_URL", "https://app.example.com");
    let made = with(&[page], &create).expect(0).stdout;
    assert!(made.contains("https://app.example.com/reset-password#token="), "{made}");
    let reset = ["reset-2fa", "jo@example.com", "--yes"];
    with(&[], &reset).expect(1).saying("set VESTIBULE_PUBLIC_URL");
    let url = ("VESTIBULE_PUBLIC_URL", "http://127.0.0.1:8080");
    let made = with(&[url], &reset).expect(0).stdout;
    assert!(made.contains("http://127.0.0.1:8080/account/"), "{made}");
    with(&[], &["show", "jo@example.com"]).expect(0);
}

#[test]
fn a_role_is_shown_with_the_factors_that_it_requires() {
    let database = Database::create();
    let requiring = |words: &[&str]| {
        let launch = Launch::of("users").args(words);
        let launch = launch
            .env("DATABASE_URL", database.url())
            .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
            .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
            .env("VESTIBULE_SECOND_FACTORS_FOR", "admin:passkey,admin:totp");
        launch.run().expect(0).stdout
    };
    users(&database, &["create", "jo@example.com"]).expect(0);
    let granted = requiring(&["grant", "jo@example.com", "admin", "editor", "--unverified"]);
    assert_eq!(
        granted,
        "roles of jo@example.com: admin (only after passkey or totp), editor\n"
    );
    let shown = requiring(&["show", "jo@example.com"]);
    assert!(shown.contains("admin (only after passkey or totp), editor"), "{shown}");
    let shown = users(&database, &["show", "jo@example.com"]).expect(0).stdout;
    assert!(shown.contains("admin, editor"), "{shown}");
}

#[test]
fn accounts_that_are_not_there_are_told_and_names_that_cannot_be_are_usage() {
    let database = Database::create();
    for command in [
        &["show", UNKNOWN][..],
        &["disable", "nobody@example.com"],
        &["enable", "absent"],
        &["grant", "absent", "admin"],
        &["reset-2fa", "absent", "--yes"],
        &["sessions", "absent"],
        &["sessions", "absent", "--end"],
        &["devices", "absent"],
        &["devices", "absent", "--end"],
        &["delete", "absent", "--yes"],
    ] {
        users(&database, command).expect(1).saying("there is no such account");
    }
    for command in [
        &["show"][..],
        &["show", "jo doe"],
        &["create", "jo"],
        &["create", "jo@example.com", "--role", "a,b"],
        &["create", "jo@example.com", "--locale", "nl"],
        &["grant", "absent"],
        &["grant", "absent", "a b"],
        &["list", "ä"],
        &["list", "--limit", "x"],
        &["list", "--limit", "1", "--all"],
        &["sessions", "absent", "--end", "--json"],
    ] {
        users(&database, command).expect(2);
    }
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let database = Database::create();
    users(&database, &["list"]).expect(0);
    database.sql(
        "INSERT INTO users (id, email, password_scheme, password_key_id, password_hash, password_changed_at, created_at) \
         SELECT gen_random_uuid(), 'u' || n || '@example.com', 'none', 0, '', now(), now() FROM generate_series(1, 230) n",
    );
    let count = |words: &[&str]| {
        let ended = users(&database, &[&["list", "--json"], words].concat()).expect(0);
        (
            parsed(&ended).as_array().unwrap().len(),
            ended.stderr.contains("there are more"),
        )
    };
    assert_eq!(count(&[]), (50, true));
    assert_eq!(count(&["--limit", "120"]), (120, true));
    assert_eq!(count(&["--limit", "230"]), (230, false));
    assert_eq!(count(&["--all"]), (230, false));
    assert_eq!(count(&["U22"]), (11, false));
    let table = users(&database, &["list", "u230"]).expect(0).stdout;
    assert!(
        table.starts_with("ID ") && table.contains("u230@example.com") && table.contains("no password"),
        "{table}"
    );
}

#[test]
fn shells_and_readers_take_what_is_made_for_them() {
    let directory = open_directory();
    for (shell, interpreter) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        let script = Launch::of("completions").args([shell]).run().expect(0).stdout;
        for word in ["reset-2fa", "rotate", "master-key-file", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let file = directory.path().join(shell);
        std::fs::write(&file, script).unwrap();
        // bash must be installed where the tests run; the other shells are checked if they are.
        match Command::new(interpreter).arg("-n").arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(error) => assert_ne!(shell, "bash", "{error}"),
        }
    }
    Launch::of("completions").args(["tcsh"]).run().expect(2);

    let page = Launch::of("man").run().expect(0).stdout;
    assert!(
        page.contains(".TH vestibule 1") && page.contains("DATABASE_URL"),
        "{page}"
    );
    let pages = directory.path().join("man1");
    Launch::of("man")
        .args(["--directory".as_ref(), pages.as_os_str()])
        .run()
        .expect(0);
    for name in ["vestibule.1", "vestibule-users-reset-2fa.1", "vestibule-keys-rotate.1"] {
        let page = pages.join(name);
        assert!(page.exists(), "{name}");
        if let Ok(output) = Command::new("groff")
            .args(["-Kutf8", "-man", "-ww", "-z", "-Tutf8"])
            .arg(&page)
            .output()
        {
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{name}: {output:?}"
            );
        }
    }
}

#[test]
fn every_user_is_signed_out_at_once() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let accounts: Vec<_> = (0..3).map(|_| Person::sign_up(&client)).collect();
    users(&database, &["create", "invited@example.com"]).expect(0);
    users(&database, &["sign-out-all"]).expect(2).saying("add --yes");
    client.get_as(&accounts[0].1.access, "/me").expect(200);
    let ended = users(&database, &["sign-out-all", "--yes"]).expect(0).stdout;
    // Each registration mailed a link to verify the address; the fourth link is the invitation.
    assert_eq!(ended, "3 sessions and 4 links ended\n");
    for (_, tokens) in &accounts {
        client.get_as(&tokens.access, "/me").expect(401);
    }
    let again = users(&database, &["sign-out-all", "--yes"]).expect(0).stdout;
    assert_eq!(again, "0 sessions and 0 links ended\n");
    accounts[0].0.sign_in_again(&client);
    program.stop().expect(0);
}

#[test]
fn what_guessing_disabled_is_shown_and_since_when() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let (jo, _) = Person::sign_up(&program.ready());
    let text = || users(&database, &["show", &jo.email]).expect(0).stdout;
    let since = || {
        let shown = show(&database, &jo.email);
        ["password_disabled_at", "codes_disabled_at"].map(|name| shown.as_object().unwrap()[name].clone())
    };
    let before = text();
    for line in [
        "state           active\n",
        "password        set\n",
        "second factors  totp\n",
    ] {
        assert!(before.contains(line), "{line:?} in {before}");
    }
    assert_eq!(since(), [json!(null), json!(null)]);

    database.sql("UPDATE users SET failed_passwords_of_strangers = 50, failed_codes_of_strangers = 50");
    let refused = text();
    for line in [
        "state           active\n",
        "password        known networks only, after guessing\n",
        "second factors  totp (known networks only, after guessing)\n",
    ] {
        assert!(refused.contains(line), "{line:?} in {refused}");
    }
    assert_eq!(since(), [json!(null), json!(null)]);

    database.sql(
        "UPDATE users SET failed_passwords = 100, password_disabled_at = '2026-03-01 12:00:00Z', \
         failed_codes = 100, codes_disabled_at = '2026-03-02 13:30:00Z'",
    );
    let after = text();
    for line in [
        "state           password disabled\n",
        "password        disabled by guessing, 2026-03-01 12:00\n",
        "second factors  totp (disabled by guessing, 2026-03-02 13:30)\n",
    ] {
        assert!(after.contains(line), "{line:?} in {after}");
    }
    let listed = users(&database, &["list"]).expect(0).stdout;
    assert!(listed.contains("password disabled  totp (disabled)  "), "{listed}");
    assert_eq!(since(), [json!("2026-03-01T12:00:00Z"), json!("2026-03-02T13:30:00Z")]);

    users(&database, &["enable", &jo.email]).expect(0);
    assert_eq!(since(), [json!(null), json!("2026-03-02T13:30:00Z")]);
    users(&database, &["reset-2fa", &jo.email, "--yes"]).expect(0);
    assert_eq!(since(), [json!(null), json!(null)]);
    assert!(text().contains("second factors  none\n"));
    program.stop().expect(0);
}
