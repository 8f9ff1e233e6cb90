//! What operators see: metrics that follow events and identify no user, health in detail, and which clients may see
//! either.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use vestibule::config::settings::METRICS_LISTEN;
use vestibule::metrics::catalogue::CATALOGUE;

use super::http::Client;
use super::instances::{MASTER_KEY, PUBLIC_URL, instance};
use super::person::{PERIOD, Person, advance, service_now, verify};
use super::postgres::Database;
use super::process::eventually;
use super::program::{Launch, Program};

/// Every series with its value, by its name and labels as they are written.
pub(super) type Seen = BTreeMap<String, f64>;

#[track_caller]
pub(super) fn scrape(client: &Client) -> Seen {
    let answer = client.get("/metrics").expect(200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let lines = answer
        .text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (
            series.to_owned(),
            value.parse().unwrap_or_else(|error| panic!("{error}: {line}")),
        )
    };
    lines.map(parse).collect()
}

/// Returns the value of a series; fails if there is none.
#[track_caller]
pub(super) fn at(seen: &Seen, series: &str) -> f64 {
    *seen.get(series).unwrap_or_else(|| panic!("no {series}"))
}

/// Asserts by how much series increased.
#[track_caller]
fn assert_went_up(before: &Seen, after: &Seen, expected: &[(&str, f64)]) {
    for (series, by) in expected {
        assert!(
            (at(after, series) - at(before, series) - by).abs() < 1e-9,
            "{series}: {} after {}",
            at(after, series),
            at(before, series)
        );
    }
}

fn outcome(flow: &str, outcome: &str) -> String {
    format!("vestibule_flow_outcomes_total{{flow=\"{flow}\",outcome=\"{outcome}\"}}")
}

#[test]
fn outcomes_are_counted_from_zero_on() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let before = scrape(&client);

    let (person, first) = Person::sign_up(&client);
    client
        .post(
            "/login",
            &json!({"email": person.email, "password": "Falsche Fenster im Regen"}),
        )
        .expect(401);
    advance(&client, 4 * PERIOD);
    // A clock that is one step ahead of the service's, then one that is one step behind.
    let second = person.log_in(&client);
    let code = person.code(service_now(&client) - PERIOD);
    verify(&client, &second, &code).expect(200);
    let third = person.log_in(&client);
    verify(&client, &third, &code).expect(401);
    verify(&client, &third, "000000").expect(401);
    verify(&client, &third, &person.code(service_now(&client) + PERIOD)).expect(200);
    verify(&client, "pat_nonsense", &code).expect(401);
    let refresh = |token: &str| client.post("/token/refresh", &json!({"refresh_token": token}));
    let successor = refresh(&first.refresh).expect(200).text_at("/refresh_token");
    refresh(&first.refresh).expect(200);
    refresh(&successor).expect(200);
    refresh(&first.refresh).expect(401);
    refresh("rt_nonsense").expect(401);
    let mut wire = client.connect();
    wire.send("BREW /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(wire.read_to_end().starts_with("HTTP/1.1 405"));
    client.get("/somewhere/jo@mail.example").expect(404);

    let after = scrape(&client);
    assert_went_up(
        &before,
        &after,
        &[
            (&outcome("register", "created"), 1.0),
            (&outcome("login", "pending"), 2.0),
            (&outcome("login", "invalid_credentials"), 1.0),
            (&outcome("second_factor", "signed_in"), 3.0),
            (&outcome("second_factor", "invalid_code"), 2.0),
            (&outcome("second_factor", "invalid_token"), 1.0),
            (&outcome("refresh", "rotated"), 2.0),
            (&outcome("refresh", "repeated"), 1.0),
            (&outcome("refresh", "reused"), 1.0),
            (&outcome("refresh", "invalid"), 1.0),
            (
                "vestibule_second_factor_codes_total{method=\"otp\",outcome=\"right\"}",
                3.0,
            ),
            (
                "vestibule_second_factor_codes_total{method=\"otp\",outcome=\"wrong\"}",
                1.0,
            ),
            (
                "vestibule_second_factor_codes_total{method=\"otp\",outcome=\"replayed\"}",
                1.0,
            ),
            ("vestibule_totp_matched_total{step_offset=\"-1\"}", 1.0),
            ("vestibule_totp_matched_total{step_offset=\"0\"}", 1.0),
            ("vestibule_totp_matched_total{step_offset=\"1\"}", 1.0),
            ("vestibule_hash_duration_seconds_count", 4.0),
            ("vestibule_hash_wait_seconds_count", 4.0),
            (
                "vestibule_http_request_duration_seconds_count{method=\"POST\",route=\"/login\"}",
                3.0,
            ),
        ],
    );
    for (series, number) in [
        (
            "vestibule_http_requests_total{method=\"POST\",route=\"/login\",status=\"401\"}",
            1.0,
        ),
        (
            "vestibule_http_requests_total{method=\"other\",route=\"/login\",status=\"405\"}",
            1.0,
        ),
        (
            "vestibule_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"}",
            1.0,
        ),
    ] {
        assert!((at(&after, series) - number).abs() < 1e-9, "{series}");
    }
    // All other series exist from the start, at zero.
    let came: Vec<&String> = after.keys().filter(|series| !before.contains_key(*series)).collect();
    assert!(
        came.iter().all(|series| series.starts_with("vestibule_http_request")),
        "{came:?}"
    );
}

#[test]
fn metrics_identify_no_user() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let secrets = super::logs::whole_flow(&client);
    let text = client.get("/metrics").expect(200).text;
    for (what, secret) in secrets.iter().filter(|(what, _)| *what != "code") {
        assert!(!text.contains(secret), "{what} in the metrics");
    }
    assert!(!text.contains("mail.example") && !text.contains("127.0.0.1"), "{text}");
}

#[test]
fn waits_limits_and_a_full_pool_are_seen() {
    let database = Database::create();
    let program = serve(&database).env("VESTIBULE_HASH_THREADS", "1").start();
    let (client, operators) = (program.ready(), for_operators(&program));
    let before = scrape(&operators);
    let wrong = json!({"email": "nobody@mail.example", "password": "Falsche Fenster im Regen"});
    for _ in 0..5 {
        client.post("/login", &wrong).expect(401);
    }
    client.post("/login", &wrong).expect(429);
    let statuses: Vec<u16> = (0..70).map(|_| client.post("/2fa/verify", &json!({})).status).collect();
    assert_eq!(statuses.last(), Some(&429));
    let after = scrape(&operators);
    assert_went_up(
        &before,
        &after,
        &[
            (&outcome("login", "locked"), 1.0),
            ("vestibule_throttles_total{kind=\"password_from_network\"}", 1.0),
        ],
    );
    assert!(at(&after, "vestibule_rate_limited_total{scope=\"second_factor\"}") >= 1.0);
    assert!((at(&after, "vestibule_hash_threads") - 1.0).abs() < 1e-9);
    assert!((at(&after, "vestibule_db_connections_max") - 10.0).abs() < 1e-9);
    assert!(at(&after, "vestibule_db_use_seconds_count") > at(&before, "vestibule_db_use_seconds_count"));
    // Gauges return to zero. The scrape itself is one request.
    for (gauge, value) in [
        ("hash_waiting", 0.0),
        ("hash_busy_threads", 0.0),
        ("http_requests_in_flight", 1.0),
    ] {
        assert!(
            (at(&after, &format!("vestibule_{gauge}")) - value).abs() < 1e-9,
            "{gauge}"
        );
    }
}

#[test]
fn what_was_not_sent_is_counted_with_what_it_was_for_and_why() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    let before = scrape(&client);
    let renew = || client.post_as(&tokens.access, "/2fa/recovery-codes").expect(200);
    renew();
    database.sql("UPDATE users SET email_verified_at = created_at");
    for _ in 0..3 {
        renew();
    }
    for _ in 0..5 {
        client.post("/magic-link", &json!({"email": person.email})).expect(202);
    }
    let withheld = |purpose: &str, reason: &str| {
        format!("vestibule_messages_withheld_total{{purpose=\"{purpose}\",reason=\"{reason}\"}}")
    };
    assert_went_up(
        &before,
        &scrape(&client),
        &[
            (&withheld("notice", "unverified_address"), 1.0),
            (&withheld("notice", "merged"), 2.0),
            (&withheld("magic_link", "bound"), 2.0),
            ("vestibule_throttles_total{kind=\"sending\"}", 2.0),
        ],
    );
}

/// `vestibule serve`, as in production.
fn serve(database: &Database) -> Launch {
    Launch::serve()
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
        .env("VESTIBULE_BCRYPT_COST", "10")
        .env("VESTIBULE_METRICS_LISTEN", "127.0.0.1:0")
}

/// The same with the default listener for metrics.
fn by_default(database: &Database) -> Launch {
    serve(database).without("VESTIBULE_METRICS_LISTEN")
}

#[test]
fn a_mail_server_that_is_away_and_keys_that_grow_old_are_seen() {
    let database = Database::create();
    let program = serve(&database)
        .env("VESTIBULE_SMTP_URL", "smtp://127.0.0.1:9?tls=none")
        .env("VESTIBULE_MAIL_FROM", "auth@example.com")
        .start();
    let (client, operators) = (program.ready(), for_operators(&program));
    Person::register(&client);
    database.sql("UPDATE signing_keys SET activated_at = now() - interval '50 days' WHERE state = 'current'");
    database.sql("UPDATE outbox SET created_at = now() - interval '2 hours'");
    eventually("the ages", || {
        let seen = scrape(&operators);
        let is = |series: &str, least: f64| at(&seen, series) >= least;
        (is(
            "vestibule_outbox_deliveries_total{channel=\"email\",outcome=\"postponed\"}",
            1.0,
        ) && is("vestibule_outbox_messages{channel=\"email\",state=\"pending\"}", 1.0)
            && is("vestibule_outbox_oldest_message_age_seconds{channel=\"email\"}", 7200.0)
            && is("vestibule_signing_key_age_seconds{state=\"current\"}", 50.0 * 86_400.0)
            && is(
                "vestibule_job_last_success_timestamp_seconds{task=\"signing_keys\"}",
                1e9,
            )
            && is("vestibule_db_up", 1.0))
        .then_some(())
    });
    // The mail server is late, not the worker: every message that is due has been tried.
    let checks = operators.get("/health/ready").expect(200).json()["checks"].clone();
    assert_eq!(checks["outbox"]["status"], "ok", "{checks}");
    assert!(
        checks["signing_key"]["seconds"].as_i64().unwrap() >= 50 * 86_400,
        "{checks}"
    );
    database.sql("UPDATE signing_keys SET activated_at = now() - interval '100 days' WHERE state = 'current'");
    // The next key is too young to sign, so the old one stays.
    let ready = operators.get("/health/ready").expect(200).json();
    assert_eq!(
        (&ready["status"], &ready["checks"]["signing_key"]["status"]),
        (&json!("ready"), &json!("late"))
    );
}

/// Sends a request over a raw connection, with these headers.
fn ask(client: &Client, path: &str, headers: &str) -> (u16, String) {
    let mut wire = client.connect();
    wire.send(format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    ));
    let answer = wire.read_to_end();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap(), answer)
}

#[test]
fn the_public_listener_shows_neither_metrics_nor_details() {
    let database = Database::create();
    for proxies in ["", "127.0.0.0/8"] {
        let program = serve(&database).env("VESTIBULE_TRUSTED_PROXIES", proxies).start();
        let client = program.ready();
        // A proxy on this machine may add one of these, or none.
        for header in [
            "",
            "X-Forwarded-For: 127.0.0.1\r\n",
            "Forwarded: for=127.0.0.1\r\n",
            "Via: 1.1 front\r\n",
            "X-Real-IP: 127.0.0.1\r\n",
        ] {
            let (status, answer) = ask(&client, "/metrics", header);
            assert!(status == 404 && answer.contains("not_found"), "{header}{answer}");
            let (status, answer) = ask(&client, "/health/ready", header);
            assert!(
                status == 200 && answer.ends_with("{\"status\":\"ready\"}"),
                "{header}{answer}"
            );
        }
    }
}

#[test]
fn development_shows_them_on_its_one_listener() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    client.get("/metrics").expect(200);
    assert_eq!(
        client.get("/health/ready").json()["checks"]["database"],
        json!({"status": "ok"})
    );
}

/// The default in the documentation.
const DEFAULT: &str = "127.0.0.1:8960";

#[test]
fn the_default_port_serves_operators_and_its_absence_keeps_no_service_from_starting() {
    let database = Database::create();
    // Unless another service on this machine uses it.
    if TcpListener::bind(DEFAULT).is_ok() {
        let program = by_default(&database).start();
        program.ready();
        scrape(&for_operators(&program));
        assert_eq!(for_operators(&program).address(), DEFAULT);
        program.stop().expect(0);
    }
    let _taken = TcpListener::bind(DEFAULT);
    let program = by_default(&database).start();
    program.ready().get("/metrics").problem(404, "not_found");
    let log = program.stop().expect(0).stderr;
    let warnings = log.lines().filter(|line| line.contains("\"WARN\""));
    let about = warnings.filter(|line| line.contains("VESTIBULE_METRICS_LISTEN"));
    assert_eq!(about.count(), 1, "{log}");

    let named = serve(&database).env("VESTIBULE_METRICS_LISTEN", DEFAULT).run();
    assert!(!named.status.success());
    named.saying(DEFAULT);

    let program = serve(&database).env("VESTIBULE_METRICS_LISTEN", "off").start();
    program.ready();
    let log = program.stop().expect(0).stderr;
    assert!(
        !log.contains("serving metrics to operators") && !log.contains("METRICS_LISTEN"),
        "{log}"
    );
}

pub(super) fn for_operators(program: &Program) -> Client {
    let address = program.wait_for_message("serving metrics to operators")["address"].clone();
    Client::new(address.as_str().unwrap())
}

#[test]
fn a_listener_of_their_own_serves_operators_and_nothing_else() {
    let database = Database::create();
    let program = serve(&database).start();
    let client = program.ready();
    let operators = for_operators(&program);
    client.get("/metrics").problem(404, "not_found");
    assert!(at(&scrape(&operators), "vestibule_http_requests_in_flight") >= 1.0);
    // The address of the client does not matter here: the listener is for operators.
    assert_eq!(ask(&operators, "/metrics", "X-Forwarded-For: 8.8.8.8\r\n").0, 200);
    let ready = operators.get("/health/ready").expect(200).json();
    for part in ["database", "migrations", "signing_key", "outbox"] {
        assert_eq!(ready["checks"][part]["status"], "ok", "{ready}");
    }
    operators.get("/health/live").expect(200);
    for path in ["/login", "/me", "/docs/", "/openapi.json", "/.well-known/jwks.json"] {
        operators.get(path).problem(404, "not_found");
    }
    program.stop().expect(0);
}

#[test]
fn what_is_missing_is_named_to_operators_only() {
    let program = Launch::serve()
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none")
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_METRICS_LISTEN", "127.0.0.1:0")
        .start();
    let (client, operators) = (program.client(), for_operators(&program));
    let told = operators
        .get("/health/ready")
        .problem(503, "service_unavailable")
        .json();
    assert_eq!(
        told["checks"],
        json!({
            "database": {"status": "unknown"},
            "migrations": {"status": "failed"},
            "signing_key": {"status": "failed"},
            "outbox": {"status": "unknown"},
        })
    );
    let (status, answer) = ask(&client, "/health/ready", "Via: 1.1 front\r\n");
    assert!(status == 503 && !answer.contains("checks"), "{answer}");
    assert!(at(&scrape(&operators), "vestibule_db_up").abs() < 1e-9);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_accepted(output: &Output) {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{said:?}");
}

#[test]
fn promtool_accepts_the_metrics_and_the_rules() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    Person::sign_up(&client);
    let text = client.get("/metrics").expect(200).text;
    let checked = promtool(&["check", "metrics"], &text);
    assert_accepted(&checked);
    assert!(
        checked.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    assert_accepted(&promtool(&["check", "rules", "alerts.yml"], ""));
    assert_accepted(&promtool(&["test", "rules", "alerts.test.yml"], ""));
}

/// Returns the words of a text that are names of metrics.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = words.filter(|word| word.starts_with("vestibule_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// Collects every expression in the dashboard.
fn expressions(panel: &Value, found: &mut Vec<String>) {
    match panel {
        Value::Object(members) => {
            found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| expressions(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn dashboard_alerts_and_documentation_name_what_there_is() {
    let database = Database::create();
    // The series of providers are there where there is one; it is not asked.
    let place = tempfile::tempdir().unwrap();
    let providers = place.path().join("providers.toml");
    let company = "[providers.company]\nname = \"Company\"\nissuer = \"https://id.example.com\"\nclient_id = \"x\"\n";
    fs::write(&providers, company).unwrap();
    let program = instance(database.url())
        .env("VESTIBULE_OIDC_PROVIDERS_FILE", providers.to_str().unwrap())
        .start();
    let series = scrape(&program.ready());
    let exported: BTreeSet<String> = series
        .keys()
        .map(|series| series.split('{').next().unwrap().to_owned())
        .collect();
    for measure in CATALOGUE {
        assert!(
            exported.iter().any(|name| name.starts_with(measure.name)),
            "{} is not there",
            measure.name
        );
    }
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/vestibule.json")).unwrap();
    let mut shown = Vec::new();
    expressions(&dashboard, &mut shown);
    assert!(shown.len() > 10, "{shown:?}");
    let alerts = read("deploy/prometheus/alerts.yml");
    let (_, port) = METRICS_LISTEN.default_note.split_once("127.0.0.1:").unwrap();
    let port = port.split(';').next().unwrap();
    assert!(alerts.contains(&format!("targets: [\"auth-1:{port}\"]")), "{port}");
    for expression in shown.iter().chain([&alerts]) {
        for name in metrics_in(expression) {
            assert!(exported.contains(&name), "{name} in {expression}");
        }
    }
    let page = read("docs/how-to/monitor.md");
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .flat_map(metrics_in)
        .collect();
    let bare = |name: &String| {
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        histogram.unwrap_or(name).to_owned()
    };
    assert_eq!(documented, exported.iter().map(bare).collect());
}

#[test]
fn promtool_accepts_what_the_dashboard_asks() {
    let text = fs::read_to_string(root().join("deploy/grafana/vestibule.json")).unwrap();
    let mut shown = Vec::new();
    expressions(&serde_json::from_str(&text).unwrap(), &mut shown);
    // A file of rules may be JSON, which is YAML. One group for each, so that no two have the same name.
    let group = |(number, expression): (usize, &String)| {
        let expression = expression.replace("$__rate_interval", "5m");
        json!({"name": number.to_string(), "rules": [{"record": "shown:in:panel", "expr": expression}]})
    };
    let groups: Vec<Value> = shown.iter().enumerate().map(group).collect();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    fs::write(file.path(), json!({"groups": groups}).to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    assert_accepted(&promtool(&["check", "rules", "--lint=none", path], ""));
}

#[test]
fn the_alerts_say_what_is_wrong_and_how_bad_it_is() {
    let alerts = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() > 8);
    let tests = fs::read_to_string(root().join("deploy/prometheus/alerts.test.yml")).unwrap();
    for rule in rules {
        let name = rule.lines().next().unwrap();
        assert!(
            rule.contains("severity: ") && rule.contains("summary: ") && rule.contains("description: "),
            "{name}"
        );
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} is not tested");
    }
}
