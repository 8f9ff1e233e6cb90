//! Delivery of messages: servers that are down, silent, or refuse, and a program that is killed during delivery.
//!
//! The tests do not wait for retries: they make messages due in the database.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use ureq::http::Method;

use super::http::{Answer, Client};
use super::instances::{MASTER_KEY, PUBLIC_URL};
use super::logs::without_numbers;
use super::person::{Person, Tokens, now, verify};
use super::postgres::Database;
use super::process::{eventually, timed};
use super::program::{Launch, Program};
use crate::support::peer::Peer;
use crate::support::token::claims;

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PHONE: &str = "+4915112345678";
/// An answer that waited for no server, on a slow machine. The timeout is thirty seconds for mail servers, fifteen for
/// webhooks.
const QUICK: Duration = Duration::from_secs(12);
/// Messages that an instance sends at the same time.
const BATCH: usize = 8;

/// The two servers that receive the messages.
pub(super) struct Servers {
    pub(super) mail: Peer,
    pub(super) sms: Peer,
}

impl Servers {
    pub(super) fn start(mail: &[&str], sms: &[&str]) -> Self {
        Self {
            mail: Peer::start("smtp_server.py", mail),
            sms: Peer::start("webhook.py", &[&[SECRET], sms].concat()),
        }
    }

    /// Asserts that nothing more was received.
    #[track_caller]
    pub(super) fn assert_nothing_more(self) {
        assert_eq!((self.mail.rest(), self.sms.rest()), (vec![], vec![]));
    }
}

/// An instance as in production, which sends its messages to these servers.
fn serve(database: &Database, servers: &Servers) -> Launch {
    serve_without_secrets(database, servers)
        .env("VESTIBULE_SMTP_URL", servers.mail.smtp_url())
        .env("VESTIBULE_SMS_WEBHOOK_SECRET", SECRET)
}

/// The same, without the credentials for the servers.
pub(super) fn serve_without_secrets(database: &Database, servers: &Servers) -> Launch {
    Launch::serve()
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_PUBLIC_URL", PUBLIC_URL)
        .env("VESTIBULE_BCRYPT_COST", "10")
        .env("VESTIBULE_METRICS_LISTEN", "127.0.0.1:0")
        .env("VESTIBULE_SECOND_FACTORS", "totp,email,sms")
        .env("VESTIBULE_MAIL_FROM", "auth@example.com")
        .env("VESTIBULE_SMS_WEBHOOK_URL", webhook_url(servers))
}

fn webhook_url(servers: &Servers) -> String {
    format!("http://127.0.0.1:{}/in-the-path-5d1f", servers.sms.port)
}

/// Asserts that an answer waited for no server.
#[track_caller]
fn quick(answer: Answer) -> Answer {
    assert!(answer.took < QUICK, "{:?}", answer.took);
    answer
}

/// Signs up, without waiting for a server. The address is set after the registration, so that there is one mail to
/// count and no verification mail.
#[track_caller]
pub(super) fn sign_up(client: &Client, database: &Database) -> (Person, Tokens) {
    let (signed_up, took) = timed(|| {
        let person = Person::register_by_name(client);
        let (email, name) = (&person.email, person.name());
        database.sql(&format!(
            "UPDATE users SET email = '{email}', email_verified_at = created_at WHERE username = '{name}';
             INSERT INTO account_names (name, user_id) SELECT email, id FROM users WHERE username = '{name}'"
        ));
        let tokens = verify(client, &person.pre_auth_token, &person.code(now())).expect(200);
        (person, Tokens::of(&tokens))
    });
    assert!(took < 2 * QUICK, "{took:?}");
    signed_up
}

/// Causes a notice by mail.
#[track_caller]
pub(super) fn cause_notice(client: &Client, database: &Database, tokens: &Tokens, times: usize) {
    for _ in 0..times {
        quick(client.post_as(&tokens.access, "/2fa/recovery-codes")).expect(200);
        // As if the next one came much later: equal notices within minutes would be combined.
        database.sql("TRUNCATE quotas");
    }
}

#[track_caller]
pub(super) fn ask_for_phone(client: &Client, tokens: &Tokens) {
    let body = json!({"phone_number": PHONE});
    quick(client.send(Method::PUT, "/2fa/phone", Some(&tokens.access), Some(&body))).expect(202);
}

#[track_caller]
fn confirm(client: &Client, tokens: &Tokens, factor: &str, code: &str) {
    let path = format!("/2fa/{factor}/confirm");
    let body = json!({"code": code});
    quick(client.send(Method::POST, &path, Some(&tokens.access), Some(&body))).expect(204);
}

/// Requests a code for a login.
#[track_caller]
fn challenge(client: &Client, person: &Person, method: &str) -> String {
    let pre_auth_token = person.log_in(client);
    let body = json!({"pre_auth_token": pre_auth_token, "method": method});
    quick(client.post("/2fa/challenge", &body)).expect(202);
    pre_auth_token
}

/// Completes a login and returns the tokens.
#[track_caller]
fn sign_in_by(client: &Client, pre_auth_token: &str, method: &str, code: &str) -> Tokens {
    let body = json!({"pre_auth_token": pre_auth_token, "method": method, "code": code});
    Tokens::of(&quick(client.post("/2fa/verify", &body)).expect(200))
}

/// Returns the code of a text message.
#[track_caller]
fn texted_code(got: &Value) -> String {
    assert_eq!(
        (&got["good"], &got["body"]["data"]["to"]),
        (&json!(true), &json!(PHONE))
    );
    got["body"]["data"]["code"].as_str().unwrap().to_owned()
}

/// Returns the code of a mail, as its reader finds it.
#[track_caller]
fn mailed_code(got: &Value) -> String {
    let text = got["parts"]["text/plain"].as_str().unwrap();
    let mut words = text.split(|character: char| !character.is_ascii_digit());
    words.find(|word| word.len() == 8).unwrap().to_owned()
}

#[track_caller]
fn assert_mail(got: &Value, person: &Person, subject: &str) {
    assert_eq!(got["to"], json!([person.email]));
    assert_eq!(got["headers"]["subject"], subject);
}

/// Makes everything due, also what a killed program was sending. Only used while no message is being sent.
fn make_due(database: &Database) {
    database.sql("UPDATE outbox SET next_try_at = now()");
}

/// Makes messages due again and again until none satisfies a condition. Messages that are being sent are not changed:
/// those are due two minutes after they were taken, and the others in less than one.
#[track_caller]
pub(super) fn hurry_until_none(database: &Database, condition: &str) {
    let hurry = format!(
        "UPDATE outbox SET next_try_at = now() WHERE next_try_at < now() + interval '1 minute' AND {condition}"
    );
    eventually(condition, || {
        database.sql(&hurry);
        (waiting(database, condition) == 0).then_some(())
    });
}

/// Postpones everything by an hour, and waits until nothing is being sent.
#[track_caller]
fn postpone_messages(database: &Database, messages: usize) {
    eventually("nothing under way", || {
        database.sql(
            "UPDATE outbox SET next_try_at = now() + interval '1 hour' WHERE next_try_at < now() + interval '1 minute'",
        );
        (waiting(database, "next_try_at > now() + interval '30 minutes'") == messages).then_some(())
    });
}

/// Waits until so many messages in the outbox satisfy a condition.
#[track_caller]
pub(super) fn wait_until(database: &Database, condition: &str, count: usize) {
    eventually(condition, || (waiting(database, condition) == count).then_some(()));
}

pub(super) fn waiting(database: &Database, condition: &str) -> usize {
    let query = format!("SELECT count(*) FROM outbox WHERE {condition}");
    database.sql(&query).parse().unwrap()
}

pub(super) fn message_ids(mails: &[Value]) -> BTreeSet<String> {
    let ids = mails.iter().map(|mail| mail["headers"]["message-id"].to_string());
    ids.collect()
}

#[test]
fn codes_reach_a_mailbox_and_a_phone_and_complete_logins() {
    let (database, servers) = (Database::create(), Servers::start(&[], &[]));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (person, tokens) = sign_up(&client, &database);
    assert_mail(&servers.mail.received(), &person, "An authenticator app was added");

    ask_for_phone(&client, &tokens);
    confirm(&client, &tokens, "phone", &texted_code(&servers.sms.received()));
    servers.mail.received();
    let login = challenge(&client, &person, "sms");
    let signed_in = sign_in_by(&client, &login, "sms", &texted_code(&servers.sms.received()));
    let told = claims(&signed_in.access);
    assert_eq!(
        (&told["acr"], &told["amr"]),
        (&json!("aal2"), &json!(["pwd", "sms", "mfa"]))
    );

    database.sql("UPDATE users SET email_verified_at = created_at");
    quick(client.send(Method::PUT, "/2fa/email", Some(&tokens.access), None)).expect(202);
    confirm(&client, &tokens, "email", &mailed_code(&servers.mail.received()));
    servers.mail.received();
    let login = challenge(&client, &person, "email");
    let signed_in = sign_in_by(&client, &login, "email", &mailed_code(&servers.mail.received()));
    let told = claims(&signed_in.access);
    assert_eq!((&told["acr"], &told["amr"]), (&json!("aal1"), &json!(["pwd", "email"])));

    wait_until(&database, "true", 0);
    program.stop().expect(0);
    servers.assert_nothing_more();
}

#[test]
fn a_mail_server_that_is_down_loses_nothing_and_delays_no_request_also_across_a_restart() {
    let (database, mut servers) = (Database::create(), Servers::start(&["--closed"], &[]));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (_, tokens) = sign_up(&client, &database);
    cause_notice(&client, &database, &tokens, 5);
    wait_until(&database, "last_error LIKE '%cannot be reached%'", 6);
    program.stop().expect(0);

    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (_, tokens) = sign_up(&client, &database);
    cause_notice(&client, &database, &tokens, 5);
    // Each was tried again by the second program, and none was given up.
    hurry_until_none(&database, "attempts < 2");
    assert_eq!(waiting(&database, "state = 'pending' AND refusals = 0"), 12);
    assert_eq!(client.get("/health/ready").status, 200);

    servers.mail.resume();
    hurry_until_none(&database, "true");
    program.stop().expect(0);
    let mails = servers.mail.rest();
    assert_eq!((mails.len(), message_ids(&mails).len()), (12, 12));
}

#[test]
fn a_mail_server_that_says_nothing_holds_up_neither_text_messages_nor_requests_nor_a_stop() {
    let (database, servers) = (Database::create(), Servers::start(&["--silent"], &[]));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (person, tokens) = sign_up(&client, &database);
    let being_sent = "channel = 'email' AND attempts = 1 AND last_error IS NULL";
    wait_until(&database, being_sent, 1);

    let ((), took) = timed(|| {
        ask_for_phone(&client, &tokens);
        confirm(&client, &tokens, "phone", &texted_code(&servers.sms.received()));
        let login = challenge(&client, &person, "sms");
        sign_in_by(&client, &login, "sms", &texted_code(&servers.sms.received()));
        quick(client.get("/health/ready")).expect(200);
    });
    assert!(took < 2 * QUICK, "{took:?}");
    assert_eq!(waiting(&database, being_sent), 1, "the mail is still under way");

    let (ended, took) = timed(|| program.stop());
    ended.expect(0);
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(waiting(&database, "channel = 'email' AND state = 'pending'"), 2);
}

#[test]
fn a_mail_server_that_refuses_at_first_gets_the_mail_once_in_the_end() {
    for (code, text, times) in [
        ("451", "4.3.0 {address} later", "3"),
        ("550", "5.1.1 no {address} here", "2"),
    ] {
        let mail = ["--answer", code, text, "--times", times];
        let (database, servers) = (Database::create(), Servers::start(&mail, &[]));
        let program = serve(&database, &servers).start();
        let (person, _) = sign_up(&program.ready(), &database);
        let words = database_error(&database);
        assert_eq!(words, format!("the mail server answered {code} {}", &text[..5]));
        hurry_until_none(&database, "true");
        program.stop().expect(0);
        assert_mail(&servers.mail.received(), &person, "An authenticator app was added");
        servers.assert_nothing_more();
    }
}

/// Waits for the first error that is stored, and returns it.
#[track_caller]
fn database_error(database: &Database) -> String {
    eventually("an error", || {
        Some(database.sql("SELECT last_error FROM outbox WHERE last_error IS NOT NULL")).filter(|text| !text.is_empty())
    })
}

#[test]
fn a_mail_that_is_refused_again_and_again_is_kept_for_operators_and_holds_no_other_up() {
    let mail = ["--answer", "550", "5.1.1 no {address} here", "--grudge"];
    let (database, servers) = (Database::create(), Servers::start(&mail, &[]));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    sign_up(&client, &database);
    database_error(&database);
    let (other, _) = sign_up(&client, &database);
    assert_mail(&servers.mail.received(), &other, "An authenticator app was added");
    hurry_until_none(&database, "state = 'pending'");
    program.stop().expect(0);
    let row = database.sql("SELECT channel, kind, state, attempts, refusals, last_error FROM outbox");
    assert_eq!(
        row,
        "email|authenticator_added|dead|3|3|the mail server answered 550 5.1.1"
    );
    servers.assert_nothing_more();
}

#[test]
fn a_program_killed_between_sending_and_marking_sends_one_message_more_under_the_same_id() {
    let hold = ["--hold", "1"];
    let (database, servers) = (Database::create(), Servers::start(&hold, &hold));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (_, tokens) = sign_up(&client, &database);
    let mail = servers.mail.received();
    ask_for_phone(&client, &tokens);
    let text = servers.sms.received();
    program.kill();
    assert_eq!(waiting(&database, "state = 'pending' AND attempts = 1"), 2);

    make_due(&database);
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let again = servers.mail.received();
    assert_eq!(again["headers"]["message-id"], mail["headers"]["message-id"]);
    assert_eq!(again["parts"], mail["parts"]);
    let again = servers.sms.received();
    assert_eq!(again["headers"]["webhook-id"], text["headers"]["webhook-id"]);
    assert_eq!(texted_code(&again), texted_code(&text));
    // A code that was delivered twice works once.
    confirm(&client, &tokens, "phone", &texted_code(&text));
    assert_eq!(
        servers.mail.received()["headers"]["subject"],
        "You can now sign in with codes by text message"
    );
    wait_until(&database, "true", 0);
    program.stop().expect(0);
    servers.assert_nothing_more();
}

#[test]
fn three_instances_at_once_send_each_message_once() {
    const MESSAGES: usize = 40;
    let hold = (3 * BATCH).to_string();
    let (database, mut servers) = (Database::create(), Servers::start(&["--closed", "--hold", &hold], &[]));
    let programs = [(); 3].map(|()| serve(&database, &servers).start());
    let clients = programs.each_ref().map(Program::ready);
    let (_, tokens) = sign_up(&clients[0], &database);
    cause_notice(&clients[0], &database, &tokens, MESSAGES - 1);
    wait_until(&database, "last_error IS NOT NULL", MESSAGES);
    postpone_messages(&database, MESSAGES);

    servers.mail.resume();
    make_due(&database);
    // All three instances are busy at the same time.
    let mut mails: Vec<Value> = (0..3 * BATCH).map(|_| servers.mail.received()).collect();
    assert_eq!(waiting(&database, "next_try_at > now()"), 3 * BATCH);
    servers.mail.resume();
    wait_until(&database, "true", 0);
    for program in programs {
        program.stop().expect(0);
    }
    mails.extend(servers.mail.rest());
    assert_eq!((mails.len(), message_ids(&mails).len()), (MESSAGES, MESSAGES));
}

#[test]
fn a_stop_finishes_what_is_being_handed_over_and_marks_it() {
    let hold = ["--hold", "1"];
    let (database, mut servers) = (Database::create(), Servers::start(&hold, &hold));
    let program = serve(&database, &servers).start();
    let client = program.ready();
    let (_, tokens) = sign_up(&client, &database);
    servers.mail.received();
    ask_for_phone(&client, &tokens);
    servers.sms.received();

    program.send(Signal::TERM);
    program.wait_for_message("stopping");
    servers.mail.resume();
    servers.sms.resume();
    let (ended, took) = timed(|| program.wait());
    ended.expect(0);
    assert!(took < QUICK, "{took:?}");
    assert_eq!(waiting(&database, "true"), 0);

    let program = serve(&database, &servers).start();
    program.ready();
    program.stop().expect(0);
    servers.assert_nothing_more();
}

/// Causes every kind of message, with servers that refuse at first. Returns every secret that was used.
fn whole_life(client: &Client, database: &Database, servers: &Servers) -> Vec<(&'static str, String)> {
    let (person, tokens) = sign_up(client, database);
    database_error(database);
    // A tampered message is given up. The next mail is refused, too, and then accepted.
    database.sql("UPDATE outbox SET sealed_message = sealed_message || '\\x00'::bytea");
    hurry_until_none(database, "state = 'pending'");
    assert_eq!(waiting(database, "state = 'dead'"), 1);
    cause_notice(client, database, &tokens, 1);
    hurry_until_none(database, "state = 'pending'");
    let mut mails = vec![servers.mail.received()];

    ask_for_phone(client, &tokens);
    // Refused, and sent again.
    let mut texts = vec![servers.sms.received()];
    hurry_until_none(database, "state = 'pending'");
    texts.push(servers.sms.received());
    confirm(client, &tokens, "phone", &texted_code(&texts[1]));
    let login = challenge(client, &person, "sms");
    texts.push(servers.sms.received());
    let by_sms = sign_in_by(client, &login, "sms", &texted_code(&texts[2]));
    mails.push(servers.mail.received());
    database.sql("UPDATE users SET email_verified_at = created_at");
    quick(client.send(Method::PUT, "/2fa/email", Some(&tokens.access), None)).expect(202);
    mails.push(servers.mail.received());
    let code = mailed_code(&mails[2]);
    confirm(client, &tokens, "email", &code);
    mails.push(servers.mail.received());
    hurry_until_none(database, "state = 'pending'");

    let mut secrets = vec![
        ("e-mail address", person.email.clone()),
        ("mailed code", code),
        ("phone number", PHONE.to_owned()),
        ("phone number without its plus", PHONE[1..].to_owned()),
        ("authenticator's secret", person.secret.clone()),
        ("pre-auth token", login),
        ("access token", by_sms.access),
        ("refresh token", by_sms.refresh),
        ("mail server's password", "hunter2-and-more".to_owned()),
        ("webhook's path", webhook_url(servers)),
        ("webhook's secret", SECRET.replace("whsec_", "")),
    ];
    secrets.extend(texts.iter().map(|text| ("texted code", texted_code(text))));
    let words = |lines: &str| {
        lines
            .lines()
            .map(str::trim)
            .filter(|line| line.len() > 12)
            .map(str::to_owned)
            .collect()
    };
    for text in texts {
        let lines: Vec<String> = words(text["body"]["data"]["text"].as_str().unwrap());
        secrets.extend(lines.into_iter().map(|line| ("line of a text message", line)));
    }
    for mail in mails {
        let lines: Vec<String> = words(mail["parts"]["text/plain"].as_str().unwrap());
        secrets.extend(lines.into_iter().map(|line| ("line of a mail", line)));
        secrets.push(("subject", mail["headers"]["subject"].as_str().unwrap().to_owned()));
    }
    secrets
}

#[test]
fn no_code_no_destination_and_no_word_of_a_message_is_in_the_logs_however_much_is_logged() {
    let words = "5.1.1 there is no {address} here";
    let mail = [
        "--answer",
        "550",
        words,
        "--times",
        "2",
        "--user",
        "jo",
        "hunter2-and-more",
    ];
    let (database, servers) = (
        Database::create(),
        Servers::start(&mail, &["--status", "422", "--times", "1"]),
    );
    let smtp_url = servers.mail.smtp_url().replace("//", "//jo:hunter2-and-more@");
    let launch = serve(&database, &servers).env("VESTIBULE_SMTP_URL", smtp_url);
    let program = launch.env("RUST_LOG", "trace").start();

    let secrets = whole_life(&program.ready(), &database, &servers);

    let ended = program.stop().expect(0);
    assert_eq!(ended.stdout, "");
    for message in [
        "a message was sent",
        "a message was not sent yet",
        "a message was given up",
    ] {
        assert!(ended.stderr.contains(message), "not logged: {message}");
    }
    let log = without_numbers(&ended.stderr);
    assert!(secrets.len() > 40, "{}", secrets.len());
    for (what, secret) in secrets {
        let found = log.lines().find(|line| line.contains(&secret));
        assert!(found.is_none(), "{what}: {found:?}");
    }
    servers.assert_nothing_more();
}
