//! Statements of daily use name the key of the rows that they need, so that a distributed database can answer each
//! statement from one machine: docs/decisions/0010 says by which column each table is distributed. The statements are
//! those that PostgreSQL really received.

use chrono::DateTime;
use serde_json::{Value, json};
use ureq::http::Method;
use vestibule::store::distribution::{PLACEMENTS, Placement};

use super::federation::Providers;
use super::http::{Answer, Client};
use super::instances::{MASTER_KEY, PUBLIC_URL, instance};
use super::metrics::scrape;
use super::person::{PERIOD, Person, Tokens, now, service_now, verify};
use super::postgres::{Cluster, psql};
use super::process::eventually;
use super::program::Launch;

/// Returns each table that these statements may name, with the column by which its rows are placed. A statement has to
/// compare that column with a parameter, for each table that it names: an equality with a column of another table is not
/// enough for a database that plans a statement before it knows the values. Tables in one shard are in one place as a
/// whole, and written only.
fn keys() -> Vec<(&'static str, &'static str)> {
    let key = |(table, placement)| match placement {
        Placement::ByColumn { column, .. } => Some((table, column)),
        Placement::OneShard => Some((table, ONLY_WRITTEN)),
        Placement::Everywhere => None,
    };
    PLACEMENTS.into_iter().filter_map(key).collect()
}

/// Stands for the column of a table in one shard.
const ONLY_WRITTEN: &str = "";

/// Where the application gets its codes.
const CALLBACK: &str = "https://shop.example.com/callback";

/// When each job last completed; zero before it did.
const JOB_SUCCESS: &str = "vestibule_job_last_success_timestamp_seconds{";

/// Returns the statements in the server's log from an offset on, without those of background jobs.
fn statements(cluster: &Cluster, from: usize) -> Vec<String> {
    let log = cluster.log();
    let lines = log.get(from..).unwrap().lines();
    let sent = lines.filter_map(|line| {
        let (_, rest) = line.split_once(" LOG:  ")?;
        let rest = rest
            .strip_prefix("statement: ")
            .or_else(|| rest.strip_prefix("execute ")?.split_once(": ").map(|it| it.1));
        rest.map(str::to_owned)
    });
    let of_jobs = |sent: &String| {
        let tables = ["\"outbox\"", "\"webhooks\"", "\"webhook_deliveries\""];
        let polls = tables.iter().any(|table| sent.contains(table)) && !sent.starts_with("INSERT");
        polls || sent.contains("\"signing_keys\"") || sent.contains("\"retired_keys\"")
    };
    let of_sessions = |sent: &String| ["BEGIN", "COMMIT", "SET "].iter().any(|word| sent.starts_with(word));
    sent.filter(|sent| !of_jobs(sent) && !of_sessions(sent)).collect()
}

/// Returns whether a statement names a table itself, and not only one of its columns.
fn names(statement: &str, table: &str) -> bool {
    let quoted = format!("\"{table}\"");
    statement.split(&quoted).skip(1).any(|rest| !rest.starts_with('.'))
}

/// Returns whether a statement finds a table's rows by a parameter.
///
/// One proof reads two rows of `throttles` together, each by its key, and so from two machines at most.
fn is_found_by(statement: &str, table: &str, key: &str) -> bool {
    if let Some(columns) = statement.strip_prefix(&format!("INSERT INTO \"{table}\" (")) {
        if key == ONLY_WRITTEN {
            return true;
        }
        let (columns, _) = columns.split_once(')').unwrap();
        return columns.contains(&format!("\"{key}\""));
    }
    let equal = format!("(\"{table}\".\"{key}\" = ");
    statement.split(&equal).skip(1).any(|rest| {
        let (value, after) = rest.split_once(')').unwrap();
        let is_one = value.starts_with('$') || (table == "throttles" && value.starts_with("ANY($"));
        is_one && !after.starts_with(" OR ") && !statement.contains(&format!("OR {equal}"))
    })
}

/// Returns whether a statement only reads tables of which each server has a copy.
fn reads_a_copy(statement: &str) -> bool {
    let is_copied = |(_table, placement): &(_, Placement)| *placement == Placement::Everywhere;
    let mut copied = PLACEMENTS.into_iter().filter(is_copied);
    statement.starts_with("SELECT") && copied.any(|(table, _)| names(statement, table))
}

#[track_caller]
fn assert_found_by_key(step: &str, statement: &str) {
    let mut named = keys();
    named.retain(|(table, _)| names(statement, table));
    assert!(
        !named.is_empty() || reads_a_copy(statement),
        "{step}: of no known table: {statement}"
    );
    for (table, key) in named {
        assert!(
            is_found_by(statement, table, key),
            "{step}: {table} is not found by its key: {statement}"
        );
    }
}

/// The steps of a day so far, each with its statements.
struct Day<'a> {
    cluster: &'a Cluster,
    seen: usize,
    steps: Vec<(&'static str, Vec<String>)>,
}

impl Day<'_> {
    /// Names the step that has just ended.
    #[track_caller]
    fn note(&mut self, step: &'static str) {
        let taken = statements(self.cluster, self.seen);
        self.seen = self.cluster.log().len();
        assert!(!taken.is_empty(), "{step} took no statement");
        self.steps.push((step, taken));
    }
}

/// Runs the daily operations of users, who also use an application, and returns each step with its statements.
fn a_day(cluster: &Cluster, client: &Client, shop: &str, providers: &Providers) -> Vec<(&'static str, Vec<String>)> {
    let mut day = Day {
        cluster,
        seen: cluster.log().len(),
        steps: Vec::new(),
    };
    let person = Person::register(client);
    day.note("register");
    let first = verify(client, &person.pre_auth_token, &person.code(now())).expect(200);
    day.note("verify, the first time");
    use_applications(&mut day, client, &Tokens::of(&first).access, shop);
    let code = person.code(now() + PERIOD);
    let access = sign_in_again(&mut day, client, &person, &code);
    let access = change_what_is_sensitive(&mut day, client, &access, &first.text_at("/recovery_codes/0"));
    use_a_provider(&mut day, client, providers, &access);
    set_up_mail(&mut day, client, &person, &access);
    client.post_as(&access, "/logout").expect(204);
    day.note("logout");
    be_refused(&mut day, client, &person, &code);
    sign_in_by_mail(&mut day, client, &person);
    day.steps
}

/// Uses API keys and an application, which signs its user out.
fn use_applications(day: &mut Day<'_>, client: &Client, access: &str, shop: &str) {
    use_api_keys(day, client, access);
    connect_device(day, client, access, shop);
    let code = be_asked(day, client, access, shop);
    let tokens = redeem(client, &code, shop);
    day.note("an authorization code");
    let refresh_token = tokens.text_at("/refresh_token");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", shop),
        ("refresh_token", &refresh_token),
    ];
    let renewed = client.post_form("/oauth/token", &refresh).expect(200);
    day.note("a refresh of a grant");
    client
        .get_as(&renewed.text_at("/access_token"), "/userinfo")
        .expect(200);
    day.note("userinfo");
    let revoked = [("client_id", shop), ("token", &renewed.text_at("/refresh_token"))];
    client.post_form("/oauth/revoke", &revoked).expect(200);
    day.note("a grant that is given back");
    client.get_as(access, "/me/applications").expect(200);
    day.note("applications");
    let path = format!("/me/applications/{shop}");
    client.send(Method::DELETE, &path, Some(access), None).expect(204);
    day.note("a withdrawn consent");
    let code = be_asked(day, client, access, shop);
    let tokens = redeem(client, &code, shop);
    redeem(client, &code, shop).expect(400);
    day.note("a code that is presented again");
    let hint = tokens.text_at("/id_token");
    client.redirect(&format!("/oauth/logout?id_token_hint={hint}"));
    day.note("a logout by an application");
}

fn use_api_keys(day: &mut Day<'_>, client: &Client, access: &str) {
    let ends = DateTime::from_timestamp(service_now(client) + 86_400, 0)
        .unwrap()
        .to_rfc3339();
    let key = json!({"name": "Backup", "scopes": ["email"], "expires_at": ends});
    let made = client
        .send(Method::POST, "/me/api-keys", Some(access), Some(&key))
        .expect(201);
    day.note("an API key");
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:vestibule:params:oauth:token-type:api-key"),
        ("subject_token", &made.text_at("/api_key")),
    ];
    client.post_form("/oauth/token", &exchange).expect(200);
    day.note("an exchange of an API key");
    client.get_as(access, "/me/api-keys").expect(200);
    day.note("API keys");
    let path = format!("/me/api-keys/{}", made.text_at("/id"));
    client.send(Method::DELETE, &path, Some(access), None).expect(204);
    day.note("an API key less");
}

/// Signs a newcomer of a provider in, and links another user of it to the account of a token.
fn use_a_provider(day: &mut Day<'_>, client: &Client, providers: &Providers, access: &str) {
    let newcomer = json!({"sub": "newcomer", "email": "newcomer@example.com", "email_verified": true});
    for step in ["a newcomer of a provider", "a user of a provider"] {
        providers.sign_in(client, "honest", &newcomer, None);
        day.note(step);
    }
    let linked = providers.sign_in(client, "honest", &json!({"sub": "there"}), Some(access));
    day.note("a linked identity");
    client.get_as(access, "/me/identities").expect(200);
    day.note("identities");
    let path = format!("/me/identities/{}", linked.text_at("/identity/id"));
    client.send(Method::DELETE, &path, Some(access), None).expect(204);
    day.note("an identity less");
}

fn connect_device(day: &mut Day<'_>, client: &Client, access: &str, shop: &str) {
    let asked = [("client_id", shop), ("scope", "openid")];
    let codes = client.post_form("/oauth/device_authorization", &asked).expect(200);
    day.note("a device");
    let user_code = codes.text_at("/user_code");
    let decide = |body: Value| client.send(Method::POST, "/oauth/device", Some(access), Some(&body));
    decide(json!({"user_code": user_code})).expect(200);
    day.note("a look at the request of a device");
    decide(json!({"user_code": user_code, "decision": "approve"})).expect(204);
    day.note("an approval for a device");
    let poll = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", shop),
        ("device_code", &codes.text_at("/device_code")),
    ];
    client.post_form("/oauth/token", &poll).expect(200);
    day.note("the tokens of a device");
}

/// Has an application ask the user, who allows it. Returns its code.
fn be_asked(day: &mut Day<'_>, client: &Client, access: &str, shop: &str) -> String {
    let query = [
        ("client_id", shop),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid offline_access"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let page = client.redirect(&format!(
        "/oauth/authorize?{}",
        serde_urlencoded::to_string(query).unwrap()
    ));
    day.note("an authorization request");
    let (_, request) = page.split_once("#request=").unwrap();
    let decide = |body: Value| client.send(Method::POST, "/oauth/authorize", Some(access), Some(&body));
    decide(json!({"request": request})).expect(200);
    day.note("a question for consent");
    let answer = decide(json!({"request": request, "decision": "approve"})).expect(200);
    day.note("an approval");
    let back = answer.text_at("/redirect_to");
    let (_, query) = back.split_once('?').unwrap();
    let parameters: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
    let code = parameters.into_iter().find(|(name, _)| name == "code");
    code.unwrap().1
}

fn redeem(client: &Client, code: &str, shop: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", shop),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    client.post_form("/oauth/token", &form)
}

/// Registers an application, and returns its id.
fn register(cluster: &Cluster) -> String {
    let words = [
        "create",
        "Shop",
        "--json",
        "--kind",
        "public",
        "--redirect-uri",
        CALLBACK,
    ];
    let made = Launch::of("clients")
        .args(words)
        .env("DATABASE_URL", cluster.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
        .run()
        .expect(0);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

/// Returns an access token.
fn sign_in_again(day: &mut Day<'_>, client: &Client, person: &Person, code: &str) -> String {
    let pre_auth_token = person.log_in(client);
    day.note("login");
    let proof = json!({"pre_auth_token": pre_auth_token, "code": code, "trust_device": true});
    let tokens = client.post("/2fa/verify", &proof).expect(200);
    day.note("verify on a device to trust");
    sign_in_on_trusted_device(day, client, person, &tokens.text_at("/device_token"));
    let refresh = json!({"refresh_token": Tokens::of(&tokens).refresh});
    let access = client
        .post("/token/refresh", &refresh)
        .expect(200)
        .text_at("/access_token");
    day.note("refresh");
    client.get_as(&access, "/token/validate").expect(200);
    day.note("validate");
    client.get_as(&access, "/me").expect(200);
    day.note("me");
    client.get_as(&access, "/sessions").expect(200);
    day.note("sessions");
    client.get_as(&access, "/me/events").expect(200);
    day.note("events");
    access
}

fn sign_in_on_trusted_device(day: &mut Day<'_>, client: &Client, person: &Person, device: &str) {
    let login = json!({"email": person.email, "password": person.password, "device_token": device});
    let access = client.post("/login", &login).expect(200).text_at("/access_token");
    day.note("login on a trusted device");
    client.post("/login", &login).expect(200);
    day.note("the same token again");
    let listed = client.get_as(&access, "/devices").expect(200);
    day.note("devices");
    let path = format!("/devices/{}", listed.text_at("/devices/0/id"));
    client.send(Method::DELETE, &path, Some(&access), None).expect(204);
    day.note("a device less");
}

/// Returns an access token with a recent proof.
fn change_what_is_sensitive(day: &mut Day<'_>, client: &Client, access: &str, recovery_code: &str) -> String {
    let proof = json!({"code": recovery_code});
    let access = client
        .send(Method::POST, "/step-up", Some(access), Some(&proof))
        .expect(200)
        .text_at("/access_token");
    day.note("a step-up by a recovery code");
    client.post_as(&access, "/2fa/recovery-codes").expect(200);
    day.note("new recovery codes");
    let renamed = json!({"username": "another_name"});
    client
        .send(Method::PATCH, "/me", Some(&access), Some(&renamed))
        .expect(200);
    day.note("another name");
    access
}

fn set_up_mail(day: &mut Day<'_>, client: &Client, person: &Person, access: &str) {
    let token = json!({"token": mailed(client, person, "email_verification", "token")});
    client
        .send(Method::POST, "/email/verify", Some(access), Some(&token))
        .expect(204);
    day.note("a verified address");
    client.send(Method::PUT, "/2fa/email", Some(access), None).expect(202);
    day.note("a factor by mail");
    let code = json!({"code": mailed(client, person, "confirmation_code", "code")});
    client
        .send(Method::POST, "/2fa/email/confirm", Some(access), Some(&code))
        .expect(204);
    day.note("its first code");
}

fn be_refused(day: &mut Day<'_>, client: &Client, person: &Person, used_code: &str) {
    let wrong = json!({"email": person.email, "password": "a wrong password"});
    client.post("/login", &wrong).expect(401);
    day.note("a wrong password");
    let unknown = json!({"username": "of_no_account", "password": "a wrong password"});
    client.post("/login", &unknown).expect(401);
    day.note("an unknown name");
    let pre_auth_token = person.log_in(client);
    day.note("login again");
    verify(client, &pre_auth_token, used_code).expect(401);
    day.note("a used code");
}

fn sign_in_by_mail(day: &mut Day<'_>, client: &Client, person: &Person) {
    let pre_auth_token = person.log_in(client);
    day.note("login with a choice");
    let challenge = json!({"pre_auth_token": pre_auth_token, "method": "email"});
    client.post("/2fa/challenge", &challenge).expect(202);
    day.note("a challenge");
    let code = mailed(client, person, "second_factor_code", "code");
    let proof = json!({"pre_auth_token": pre_auth_token, "method": "email", "code": code});
    client.post("/2fa/verify", &proof).expect(200);
    day.note("a sent code");
    let address = json!({"email": person.email});
    client.post("/magic-link", &address).expect(202);
    day.note("a request for a magic link");
    let token = json!({"token": mailed(client, person, "magic_link", "token")});
    client.post("/magic-link/verify", &token).expect(200);
    day.note("a magic link");
    client.post("/password/forgot", &address).expect(202);
    day.note("a forgotten password");
    let token = mailed(client, person, "password_reset", "token");
    let reset = json!({"token": token, "new_password": "Blaue Fenster im Schnee"});
    client.post("/password/reset", &reset).expect(204);
    day.note("a new password");
}

/// Returns a member of the last mail of a kind that a user was sent.
#[track_caller]
fn mailed(client: &Client, person: &Person, kind: &str, member: &str) -> String {
    let captured = client
        .get(&format!("/dev/outbox?to={}", person.email))
        .expect(200)
        .json();
    let mail = captured.as_array().unwrap().iter().find(|mail| mail["kind"] == kind);
    let value = mail.and_then(|mail| mail[member].as_str());
    value.unwrap_or_else(|| panic!("no {kind} in {captured}")).to_owned()
}

#[test]
fn every_hot_statement_finds_each_of_its_tables_by_a_distribution_key() {
    let cluster = Cluster::start();
    let providers = Providers::start(&["honest"]);
    let launch = instance(cluster.url())
        .env("VESTIBULE_SECOND_FACTORS", "totp,email")
        .env("VESTIBULE_TRUSTED_DEVICE_TTL", "2592000")
        .env("VESTIBULE_OIDC_PROVIDERS_FILE", providers.file());
    let program = launch.start();
    let client = program.ready();
    let shop = register(&cluster);
    // New connections log all statements. The jobs' first runs, which find more to do than later ones, have ended by
    // then.
    eventually("the first run of each job", || {
        let seen = scrape(&client);
        let mut jobs = seen.iter().filter(|(series, _)| series.starts_with(JOB_SUCCESS));
        jobs.all(|(_, at)| *at > 0.0).then_some(())
    });
    psql(
        cluster.url(),
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET log_statement = ''all''', current_database()); END $$;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    for (step, taken) in a_day(&cluster, &client, &shop, &providers) {
        for statement in taken {
            assert_found_by_key(step, &statement);
        }
    }
}

#[test]
fn a_statement_that_looks_at_every_row_is_recognized() {
    for wrong in [
        r#"SELECT "sessions"."id" FROM "sessions" WHERE ("sessions"."expires_at" < $1)"#,
        r#"SELECT "sessions"."id" FROM "sessions" WHERE (("sessions"."user_id" = $1) OR ("sessions"."state" = $2))"#,
        r#"SELECT "sessions"."state" FROM "sessions" WHERE ("sessions"."id" = $1)"#,
        r#"DELETE FROM "recovery_codes" WHERE ("recovery_codes"."used_at" IS NULL)"#,
        r#"SELECT "sessions"."id" FROM ("sessions" INNER JOIN "users" ON ("users"."status" = $2)) WHERE ("sessions"."user_id" = $1)"#,
        r#"INSERT INTO "quotas" ("window_start") VALUES ($1)"#,
        r#"SELECT "sessions"."id" FROM "sessions" WHERE ("sessions"."user_id" = ANY($1))"#,
        r#"SELECT "users"."id" FROM ("sessions" INNER JOIN "users" ON ("users"."id" = "sessions"."user_id")) WHERE ("sessions"."user_id" = $1)"#,
        // A batch, for which a distributed database is set to one row.
        r#"SELECT "sessions"."id" FROM unnest($1, $2) AS wanted (user_id, id) INNER JOIN "sessions" ON "sessions"."user_id" = wanted.user_id"#,
        r#"SELECT 1 FROM "some_other_table" WHERE ("some_other_table"."id" = $1)"#,
        r#"UPDATE "clients" SET "name" = $1 WHERE ("clients"."id" = $2)"#,
        r#"SELECT 1 FROM ("clients" INNER JOIN "consents" ON ("consents"."client_id" = "clients"."id")) WHERE ("clients"."id" = $1)"#,
    ] {
        assert!(
            std::panic::catch_unwind(|| assert_found_by_key("never", wrong)).is_err(),
            "{wrong}"
        );
    }
}
