//! The guarantees of the outbox, with a clock that tests move and servers that answer as scripted.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Double, Integer, Nullable, Text, Uuid as UuidType};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all};
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;
use vestibule::delivery::{Outgoing, SendError, Transport};
use vestibule::delivery::{Sender, Senders};
use vestibule::domain::message::Channel;

use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn};
use crate::support::app::{MASTER_KEY, TestApp};
use crate::support::until::until;
use crate::support::waits::eventually;

/// Seconds after which another instance takes a message whose sender has not reported a result.
const LEASE: i64 = 120;
const FACTORS: [(&str, &str); 1] = [("SECOND_FACTORS", "totp,email,sms")];
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// How a server answers a message.
enum Answer {
    Take,
    Later,
    Never,
    /// Receives it, and never answers.
    Silence,
    /// Receives it, and answers once notified.
    Wait(Arc<Notify>, Result<(), SendError>),
}

/// A server that gives scripted answers, and then accepts everything.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    had: Mutex<Vec<(Uuid, &'static str)>>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let script = Arc::new(Self::default());
        script.then(answers);
        script
    }

    fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Returns the messages that it received since the last call, by kind.
    fn had(&self) -> Vec<(Uuid, &'static str)> {
        self.had.lock().unwrap().drain(..).collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.had().into_iter().map(|(_, kind)| kind).collect()
    }
}

impl Transport for Script {
    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> BoxFuture<'a, Result<(), SendError>> {
        async move {
            self.had.lock().unwrap().push((outgoing.id, outgoing.kind));
            let answer = self.answers.lock().unwrap().pop_front();
            // Other tasks run in between, as they do while a real server is waited for.
            tokio::task::yield_now().await;
            match answer.unwrap_or(Answer::Take) {
                Answer::Take => Ok(()),
                Answer::Later => Err(SendError::Temporary("not now".to_owned())),
                Answer::Never => Err(SendError::Refused("never".to_owned())),
                Answer::Silence => pending().await,
                Answer::Wait(told, answer) => {
                    told.notified().await;
                    answer
                }
            }
        }
        .boxed()
    }
}

/// Sends mail and text messages the same way.
fn senders(script: &Arc<Script>) -> Senders {
    let sender = || Sender::Transport(script.clone());
    Senders {
        email: sender(),
        sms: sender(),
    }
}

/// An account whose registration has been reported to its owner.
async fn app_with_user(script: &Arc<Script>) -> (TestApp, SignedIn) {
    let app = TestApp::sending(&FACTORS, senders(script)).await;
    let answer = app
        .post("/register", &json!({"username": "jo.doe", "password": PASSWORD}))
        .await
        .expect(201);
    // The address is set later, so that no verification mail is sent.
    let with_address = "UPDATE users SET email = 'jo@example.com', email_verified_at = created_at";
    app.database.connect().batch_execute(with_address).unwrap();
    let person = Person {
        id: answer.text("/user/id"),
        email: "jo@example.com".to_owned(),
        secret: answer.text("/totp/secret"),
        pre_auth_token: answer.text("/pre_auth_token"),
    };
    let signed_in = person.confirm(&app).await;
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!(script.kinds(), ["authenticator_added"]);
    (app, signed_in)
}

/// Causes a notice by mail.
async fn cause_notice(app: &TestApp, signed_in: &SignedIn, times: usize) {
    for _ in 0..times {
        app.post_as("/2fa/recovery-codes", &signed_in.access_token)
            .await
            .expect(200);
        // As if the next one came much later. Another test covers notices that are combined.
        app.database.connect().batch_execute("TRUNCATE quotas").unwrap();
    }
}

/// Sends until nothing is due.
async fn deliver_all(app: &TestApp) {
    while app.deliver(Channel::Email).await > 0 {}
}

#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    refusals: i32,
    #[diesel(sql_type = Nullable<Text>)]
    last_error: Option<String>,
    /// Seconds from the writing of the message to its next try.
    #[diesel(sql_type = Double)]
    next_try: f64,
}

/// Returns the rows of the outbox, the oldest first.
fn rows(app: &TestApp) -> Vec<Row> {
    let query = "SELECT id, state, attempts, refusals, last_error,
                 extract(epoch FROM next_try_at - created_at)::float8 AS next_try FROM outbox ORDER BY created_at, id";
    diesel::sql_query(query).load(&mut app.database.connect()).unwrap()
}

#[track_caller]
fn only_row(app: &TestApp) -> Row {
    let mut rows = rows(app);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Moves the clock to the last second before the only message's next try, and then to the first second after it.
async fn assert_not_due_before_its_time(app: &TestApp, elapsed: &mut i64) {
    let next_try = only_row(app).next_try;
    let due = (0..10_000).find(|second| f64::from(*second) >= next_try).unwrap();
    app.clock.advance(i64::from(due) - 1 - *elapsed);
    assert_eq!(app.deliver(Channel::Email).await, 0);
    app.clock.advance(1);
    *elapsed = due.into();
}

#[actix_web::test]
async fn each_wait_is_twice_as_long_as_the_one_before_up_to_some_ten_minutes() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    let mut elapsed = 0;
    for (tries, least) in (1..).zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 640.0, 640.0]) {
        script.then([Answer::Later]);
        let tried_at = f64::from(i32::try_from(elapsed).unwrap());
        assert_eq!(app.deliver(Channel::Email).await, 1);
        let row = only_row(&app);
        assert_eq!((row.state.as_str(), row.attempts, row.refusals), ("pending", tries, 0));
        assert_eq!(row.last_error.as_deref(), Some("not now"));
        let wait = row.next_try - tried_at;
        assert!((least..=least * 1.5).contains(&wait), "{wait} after {tries}");
        assert_not_due_before_its_time(&app, &mut elapsed).await;
    }
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!(rows(&app).len(), 0);
    let ids: Vec<Uuid> = script.had().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 11);
    assert!(ids.iter().all(|id| *id == ids[0]), "one message has one id");
}

#[actix_web::test]
async fn a_refusal_is_believed_the_third_time_and_what_comes_to_nothing_in_between_does_not_count() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    for (answer, refusals) in [
        (Answer::Never, 1),
        (Answer::Later, 1),
        (Answer::Never, 2),
        (Answer::Later, 2),
    ] {
        script.then([answer]);
        assert_eq!(app.deliver(Channel::Email).await, 1);
        let row = only_row(&app);
        assert_eq!((row.state.as_str(), row.refusals), ("pending", refusals));
        app.clock.advance(LEASE);
    }
    script.then([Answer::Never]);
    assert_eq!(app.deliver(Channel::Email).await, 1);
    let row = only_row(&app);
    assert_eq!((row.state.as_str(), row.attempts, row.refusals), ("dead", 5, 3));
    assert_eq!(row.last_error.as_deref(), Some("never"));
    app.clock.advance(3600);
    assert_eq!(app.deliver(Channel::Email).await, 0);
}

#[actix_web::test]
async fn a_message_that_was_refused_twice_and_then_taken_is_gone() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    script.then([Answer::Never, Answer::Never]);
    for left in [1, 1, 0] {
        assert_eq!(app.deliver(Channel::Email).await, 1);
        assert_eq!(rows(&app).len(), left);
        app.clock.advance(LEASE);
    }
}

#[actix_web::test]
async fn what_is_refused_or_given_up_does_not_hold_the_others_up() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 12).await;
    script.then((0..8).map(|_| Answer::Never));
    deliver_all(&app).await;
    assert_eq!(script.had().len(), 12);
    assert_eq!(rows(&app).len(), 8);
}

/// Cancels a delivery while a message is being sent.
async fn die_while_sending(app: &TestApp, script: &Script, messages: usize) {
    let sending = app.deliver(Channel::Email);
    let had = || script.had.lock().unwrap().len() >= messages && rows(app).len() <= 1;
    tokio::select! {
        _ = sending => panic!("the delivery ended"),
        () = until("the messages are had", had) => {}
    }
}

#[actix_web::test]
async fn a_worker_that_dies_between_sending_and_marking_sends_one_message_more() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 3).await;
    script.then([Answer::Silence]);
    // The two others are marked as sent although the first is still being sent.
    die_while_sending(&app, &script, 3).await;
    let mut first = script.had();
    assert_eq!(first.len(), 3);

    let sibling = app.sending_sibling(&FACTORS, senders(&script)).await;
    app.clock.advance(LEASE - 1);
    assert_eq!(
        join(app.deliver(Channel::Email), sibling.deliver(Channel::Email)).await,
        (0, 0)
    );
    app.clock.advance(1);
    let taken = join(app.deliver(Channel::Email), sibling.deliver(Channel::Email)).await;
    assert_eq!(taken.0 + taken.1, 1);
    let again = script.had();
    assert_eq!(again.len(), 1);
    first.retain(|had| had.0 == again[0].0);
    assert_eq!(first.len(), 1, "the same message under the same id");
    app.clock.advance(LEASE);
    assert_eq!(sibling.deliver(Channel::Email).await, 0);
    assert_eq!(rows(&app).len(), 0);
}

#[actix_web::test]
async fn a_report_that_comes_after_another_instance_took_the_message_counts_for_nothing() {
    for late in [Ok(()), Err(SendError::Temporary("not now".to_owned()))] {
        let (script, told) = (Script::of([]), Arc::new(Notify::new()));
        let (app, signed_in) = app_with_user(&script).await;
        let other = Script::of([Answer::Later]);
        let sibling = app.sending_sibling(&FACTORS, senders(&other)).await;
        cause_notice(&app, &signed_in, 1).await;
        script.then([Answer::Wait(Arc::clone(&told), late)]);
        let slow = app.deliver(Channel::Email);
        let meanwhile = async {
            until("the message is had", || !script.had.lock().unwrap().is_empty()).await;
            app.clock.advance(LEASE);
            assert_eq!(sibling.deliver(Channel::Email).await, 1);
            told.notify_one();
            only_row(&app).next_try
        };
        let (_, next_try) = join(slow, meanwhile).await;
        let row = only_row(&app);
        assert_eq!((row.state.as_str(), row.attempts), ("pending", 2));
        assert!((row.next_try - next_try).abs() < f64::EPSILON, "{row:?}");
    }
}

#[actix_web::test]
async fn several_instances_at_once_send_each_message_once() {
    const MESSAGES: usize = 45;
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    let mut instances = vec![app.sending_sibling(&FACTORS, senders(&script)).await];
    instances.push(app.sending_sibling(&FACTORS, senders(&script)).await);
    cause_notice(&app, &signed_in, MESSAGES).await;
    instances.push(app);
    join_all(instances.iter().map(deliver_all)).await;
    let mut times = BTreeMap::new();
    for (id, _) in script.had() {
        *times.entry(id).or_insert(0) += 1;
    }
    assert_eq!(times.len(), MESSAGES);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(rows(&instances[0]).len(), 0);
}

#[actix_web::test]
async fn what_is_too_old_to_be_worth_sending_is_given_up_unsent() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    for (life, taken) in [(299, true), (300, false)] {
        let body = json!({"phone_number": PHONE});
        app.call_as(Method::PUT, "/2fa/phone", &signed_in.access_token, &body)
            .await
            .expect(202);
        app.clock.advance(life);
        assert_eq!(app.deliver(Channel::Sms).await, 1);
        assert_eq!(!script.had().is_empty(), taken, "after {life} seconds");
        // So that the proof is recent and the quota is not used up.
        app.clock.advance(-life + 61);
    }
    let row = only_row(&app);
    assert_eq!(row.state, "dead");
    assert_eq!(row.last_error.as_deref(), Some("not sent before it expired"));
}

#[actix_web::test]
async fn a_notice_waits_for_a_mail_server_for_three_days_and_no_longer() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    app.clock.advance(3 * 24 * 3600 - 1);
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!(script.kinds(), ["recovery_codes_replaced"]);
    app.clock.advance(-(3 * 24 * 3600 - 1));
    cause_notice(&app, &signed_in, 1).await;
    app.clock.advance(3 * 24 * 3600);
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!(script.had(), []);
    assert_eq!(only_row(&app).state, "dead");
}

#[actix_web::test]
async fn messages_that_were_moved_to_another_row_are_not_sent() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 2).await;
    let swap = "UPDATE outbox SET sealed_message =
                (SELECT other.sealed_message FROM outbox other WHERE other.id <> outbox.id)";
    app.database.connect().batch_execute(swap).unwrap();
    cause_notice(&app, &signed_in, 1).await;
    deliver_all(&app).await;
    assert_eq!(script.had().len(), 1, "the one that was not moved");
    let rows = rows(&app);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.state.as_str(), row.attempts), ("dead", 1));
        assert!(row.last_error.unwrap().contains("does not open"));
    }
}

#[actix_web::test]
async fn a_message_under_a_master_key_that_an_instance_lacks_is_left_to_one_that_has_it() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    let both = format!("2:{OTHER_KEY},1:{MASTER_KEY}");
    let settings = [FACTORS[0], ("MASTER_KEY", both.as_str())];
    let newer = app.sending_sibling(&settings, senders(&script)).await;
    cause_notice(&newer, &signed_in, 1).await;
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!(script.had(), []);
    let row = only_row(&app);
    assert_eq!((row.state.as_str(), row.refusals), ("pending", 0), "{row:?}");
    app.clock.advance(LEASE);
    assert_eq!(newer.deliver(Channel::Email).await, 1);
    assert_eq!(script.had().len(), 1);
    assert_eq!(rows(&app).len(), 0);
}

#[actix_web::test]
async fn a_message_of_a_kind_that_an_instance_does_not_know_is_left_to_one_that_does() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    let unknown = json!({"to": "jo@example.com", "locale": "en", "message": {"kind": "of_tomorrow"},
                         "occasion": {"at": "2026-03-01T12:00:00Z", "ip": null, "user_agent": null}});
    let newer = "UPDATE outbox SET sealed_message = $1";
    let sealed = app.seal_message(only_row(&app).id, &unknown);
    diesel::sql_query(newer)
        .bind::<Binary, _>(sealed)
        .execute(&mut app.database.connect())
        .unwrap();
    assert_eq!(app.deliver(Channel::Email).await, 1);
    let row = only_row(&app);
    assert_eq!((row.state.as_str(), row.refusals), ("pending", 0), "{row:?}");
    assert!(
        !row.last_error.unwrap().contains("tomorrow"),
        "what was read is not repeated"
    );
    app.clock.advance(3 * 24 * 3600);
    assert_eq!(app.deliver(Channel::Email).await, 1);
    assert_eq!((only_row(&app).state.as_str(), script.had()), ("dead", vec![]));
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Locks the outbox in another database session until the service has failed to access it.
fn lock_until_it_fails(app: &TestApp) -> JoinHandle<()> {
    let (mut holder, mut watcher) = (app.database.connect(), app.database.connect());
    holder
        .batch_execute("BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    std::thread::spawn(move || {
        let waiting = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass";
        let mut is_waiting = || {
            diesel::sql_query(waiting)
                .get_result::<Count>(&mut watcher)
                .unwrap()
                .count
                > 0
        };
        for waits in [true, false] {
            eventually("the report waits for the table, and gives up", || {
                (is_waiting() == waits).then_some(())
            });
        }
        holder.batch_execute("COMMIT").unwrap();
    })
}

#[actix_web::test]
async fn a_message_that_was_sent_is_marked_although_the_database_was_away_for_a_moment() {
    let script = Script::of([]);
    let (app, signed_in) = app_with_user(&script).await;
    cause_notice(&app, &signed_in, 1).await;
    let told = Arc::new(Notify::new());
    script.then([Answer::Wait(Arc::clone(&told), Ok(()))]);
    let meanwhile = async {
        until("the message is had", || !script.had.lock().unwrap().is_empty()).await;
        let holder = lock_until_it_fails(&app);
        told.notify_one();
        holder
    };
    let (taken, holder) = join(app.deliver(Channel::Email), meanwhile).await;
    holder.join().unwrap();
    assert_eq!(taken, 1);
    assert_eq!(rows(&app).len(), 0);
    app.clock.advance(LEASE);
    assert_eq!(app.deliver(Channel::Email).await, 0);
    assert_eq!(script.had().len(), 1);
}
