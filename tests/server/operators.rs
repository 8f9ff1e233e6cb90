//! Operators use the command line, with a running service and without.

use std::io::Write;

use serde_json::{Value, json};

use super::http::Client;
use super::person::Person;
use super::postgres::psql;
use super::process::eventually;
use super::program::{DataDir, Ended, Launch};
use crate::support::peer::Peer;

fn command(words: &[&str], place: &DataDir) -> Ended {
    let launch = Launch::of(words[0]).args(&words[1..]);
    launch.data_dir(place).run()
}

fn introspect(client: &Client, id: &str, secret: &str, token: &str) -> (u16, Value) {
    use base64::Engine;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .post(format!("http://{}/token/introspect", client.address()))
        .header("authorization", format!("Basic {credentials}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .send(format!("token={token}"))
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

#[test]
fn a_client_made_beside_the_running_service_works_at_once_and_until_it_is_deleted() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let (_, tokens) = Person::sign_up(&client);

    command(&["migrate"], &place)
        .expect(0)
        .saying("the schema is up to date");
    let made = command(&["clients", "create", "api", "--json"], &place).expect(0);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let (status, known) = introspect(&client, id, secret, &tokens.access);
    assert_eq!((status, &known["active"]), (200, &json!(true)));
    command(&["clients", "create", "api"], &place)
        .expect(1)
        .saying("there is already a client with this name");
    let listed = command(&["clients", "list"], &place).expect(0).stdout;
    assert!(
        listed.contains(id) && !listed.contains(secret) && !listed.contains("vcs_"),
        "{listed}"
    );

    command(&["clients", "delete", id], &place)
        .expect(2)
        .saying("add --yes");
    command(&["clients", "delete", id, "--yes"], &place).expect(0);
    assert_eq!(introspect(&client, id, secret, &tokens.access).0, 401);
    command(&["clients", "delete", id, "--yes"], &place)
        .expect(1)
        .saying("no such client");
    program.stop().expect(0);
}

#[test]
fn an_endpoint_that_is_added_beside_the_running_service_is_told_at_once_and_until_it_is_removed() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let mut receiver = Peer::start("webhook.py", &["-"]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    let webhooks = |words: &[&str]| {
        let launch = Launch::of("webhooks").args(words).data_dir(&place);
        launch.env("VESTIBULE_OUTBOUND_ALLOW", "127.0.0.0/8").run()
    };
    // The second one does not resolve, but it would not be called whatever its address is.
    for refused in [&url, "http://hooks.invalid/"] {
        command(&["webhooks", "add", refused], &place)
            .expect(1)
            .saying("VESTIBULE_OUTBOUND_ALLOW");
    }
    webhooks(&["add", &url, "--event", "user.born"])
        .expect(1)
        .saying("--event: must be types");
    let made = webhooks(&["add", &url, "--event", "user.created", "--json"]).expect(0);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    writeln!(receiver.program.stdin.as_mut().unwrap(), "{secret}").unwrap();
    for shown in [webhooks(&["list"]), webhooks(&["show", id])] {
        let shown = shown.expect(0).stdout;
        assert!(shown.contains(&url) && !shown.contains("whsec_"), "{shown}");
    }

    let said = |words: &[&str], text: &str| {
        let said = webhooks(words).expect(0).stdout;
        assert!(said.contains(text), "{said}");
    };
    said(&["test", id], "delivered");
    let tried = receiver.received();
    assert_eq!(
        (&tried["good"], &tried["body"]["type"]),
        (&json!(true), &json!("webhook.test"))
    );
    Person::register(&client);
    let told = receiver.received();
    assert_eq!(
        (&told["good"], &told["body"]["type"]),
        (&json!(true), &json!("user.created"))
    );
    said(&["deliveries", id, "--state", "delivered"], "user.created");

    for since in ["2020-01-01T00:00:00Z", "2020-01-01"] {
        let replay = webhooks(&["replay", id, "--since", since]);
        replay.expect(1).saying("--since: must be a time in the past year");
    }
    let replay = webhooks(&["replay", id, "--since", "yesterday"]);
    replay.expect(2).saying("such as 2026-03-01 or 2026-03-01T12:00:00Z");
    let since = told["body"]["timestamp"].as_str().unwrap();
    said(&["replay", id, "--since", since], "1 messages are sent again");
    assert_eq!(
        receiver.received()["headers"]["webhook-id"],
        told["headers"]["webhook-id"]
    );

    said(&["disable", id], "disabled");
    webhooks(&["test", id]).expect(1).saying("the webhook is disabled");
    said(&["enable", id], "enabled");
    let rotated = webhooks(&["rotate-secret", id]).expect(0).stdout;
    assert!(rotated.contains("whsec_") && !rotated.contains(secret));
    webhooks(&["test", id]).expect(0);
    assert_eq!(receiver.received()["good"], json!(true), "the old secret signs along");
    webhooks(&["remove", id]).expect(2).saying("add --yes");
    webhooks(&["remove", id, "--yes"]).expect(0);
    webhooks(&["show", id]).expect(1).saying("no such webhook");
    program.stop().expect(0);
}

#[test]
fn commands_say_why_a_webhook_is_disabled_and_until_when_its_old_secret_counts() {
    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    program.ready();
    let mut receiver = Peer::start("webhook.py", &["-", "--status", "410"]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    let webhooks = |words: &[&str]| {
        let launch = Launch::of("webhooks").args(words).data_dir(&place);
        launch.env("VESTIBULE_OUTBOUND_ALLOW", "127.0.0.0/8").run()
    };
    let made = webhooks(&["add", &url, "--json"]).expect(0);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    webhooks(&["add", &url])
        .expect(1)
        .saying("the URL: there is a webhook with this URL");
    writeln!(
        receiver.program.stdin.as_mut().unwrap(),
        "{}",
        made["secret"].as_str().unwrap()
    )
    .unwrap();
    webhooks(&["test", id])
        .expect(1)
        .saying("the receiver answered that it is gone, and the webhook was disabled");
    let said = |words: &[&str], text: &str| {
        let said = webhooks(words).expect(0).stdout;
        assert!(said.contains(text), "{said}");
    };
    said(&["list"], "disabled (answered 410)");
    said(&["deliveries", id], "when enabled");
    let shown = |member: &str| {
        let shown = webhooks(&["show", id, "--json"]).expect(0);
        let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
        shown[member].clone()
    };
    assert!(shown("gone_at").is_string());
    said(&["enable", id], "gone_at                    none");
    webhooks(&["rotate-secret", id]).expect(0);
    let end = shown("previous_secret_expires_at");
    assert!(end.is_string());
    webhooks(&["rotate-secret", id]).expect(0);
    assert_eq!(shown("previous_secret_expires_at"), end);
    program.stop().expect(0);
}

#[test]
fn keys_are_made_by_the_service_and_not_by_looking_at_them() {
    let place = DataDir::new();
    command(&["migrate"], &place).expect(0);
    let listed = || command(&["keys", "list", "--json"], &place).expect(0).stdout;
    assert_eq!(listed(), "[]\n");
    command(&["keys", "rotate"], &place)
        .expect(1)
        .saying("the service generates them when it starts");
    command(&["clients", "create", "api"], &place).expect(0);
    assert_eq!(listed(), "[]\n");

    let program = Launch::dev().data_dir(&place).start();
    program.ready();
    program.stop().expect(0);

    let made = listed();
    let other = || {
        Launch::of("clients")
            .env("VESTIBULE_SIGNING_ALG", "RS256")
            .data_dir(&place)
    };
    other().args(["list"]).run().expect(0);
    other().args(["create", "other"]).run().expect(0);
    assert_eq!(listed(), made);
}

#[test]
fn a_rotation_by_hand_is_followed_by_the_running_service_and_ends_no_session() {
    let place = DataDir::new();
    // The issuer must not change with the port.
    let dev = || {
        Launch::dev()
            .data_dir(&place)
            .env("VESTIBULE_PUBLIC_URL", "http://localhost:9")
            .start()
    };
    let program = dev();
    let (_, tokens) = Person::sign_up(&program.ready());
    command(&["keys", "rotate"], &place)
        .expect(1)
        .saying("has not been published for long enough");
    program.stop().expect(0);
    // The next key was published long ago.
    let age = "UPDATE signing_keys SET created_at = created_at - interval '1 day'";
    let restarted = dev();
    let client = restarted.ready();
    let url = std::fs::read_to_string(place.path().join("database.url")).unwrap();
    psql(&url, age);
    let states = |listed: &str| -> Vec<String> {
        let keys: Vec<Value> = serde_json::from_str(listed).unwrap();
        keys.iter()
            .map(|key| key["state"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = command(&["keys", "list", "--json"], &place).expect(0).stdout;
    assert_eq!(states(&before), ["current", "next"]);

    let rotated = command(&["keys", "rotate"], &place).expect(0).stdout;
    assert!(rotated.contains("signs now"), "{rotated}");

    let after = command(&["keys", "list", "--json"], &place).expect(0).stdout;
    assert_eq!(states(&after), ["retired", "current", "next"]);
    // The running instance follows within ten seconds and publishes the new next key.
    eventually("the running service publishes three keys", || {
        let keys = client.get("/.well-known/jwks.json").json();
        (keys["keys"].as_array().unwrap().len() == 3).then_some(())
    });
    client.get_as(&tokens.access, "/me").expect(200);
    restarted.stop().expect(0);
}
