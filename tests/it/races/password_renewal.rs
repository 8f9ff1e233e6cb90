//! The login that finds a password right renews its hash. Nothing that happens at the same time is lost.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, SmallInt, Text, Timestamptz};
use futures_util::future::join_all;

use crate::support::actors::{PASSWORD, Person, log_in, verify};
use crate::support::app::{MASTER_KEY, TestApp};
use crate::support::waits::eventually;

const EMAIL: &str = "jo@example.com";
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A hash of the same password, made by another program.
const FOREIGN: &str = "pbkdf2_sha256$1000$saltsaltsalt$PIv7AF4EhS7eYbpp+jRv8qhfLZ1ZJBlbXGqASloUUfM=";

#[derive(QueryableByName, Debug, PartialEq, Clone)]
struct Stored {
    #[diesel(sql_type = Text, column_name = "password_scheme")]
    scheme: String,
    #[diesel(sql_type = SmallInt, column_name = "password_key_id")]
    key_id: i16,
    #[diesel(sql_type = Text, column_name = "password_hash")]
    hash: String,
    #[diesel(sql_type = Timestamptz, column_name = "password_changed_at")]
    changed_at: chrono::DateTime<chrono::Utc>,
}

fn stored(app: &TestApp) -> Stored {
    diesel::sql_query("SELECT * FROM users")
        .get_result(&mut app.database.connect())
        .unwrap()
}

fn make_foreign(app: &TestApp) {
    let update = format!(
        "UPDATE users SET password_scheme = 'django_pbkdf2_sha256', password_key_id = 0, password_hash = '{FOREIGN}'"
    );
    app.database.connect().batch_execute(&update).unwrap();
}

#[actix_web::test]
async fn another_cost_or_master_key_renews_the_hash_once_and_disturbs_no_login() {
    let app = TestApp::new().await;
    let person = Person::register(&app, EMAIL).await;
    let first = stored(&app);
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(stored(&app), first, "a current hash is not changed");

    let keys = format!("2:{OTHER_KEY},1:{MASTER_KEY}");
    for (settings, key_id, beginning) in [
        (vec![("BCRYPT_COST", "5")], 1, "$2b$05$"),
        (vec![("MASTER_KEY", keys.as_str())], 2, "$2b$04$"),
    ] {
        let sibling = app.sibling(&settings).await;
        log_in(&sibling, EMAIL, "wrong password").await.expect(401);
        let before = stored(&app);
        log_in(&sibling, EMAIL, PASSWORD).await.expect(200);
        let after = stored(&app);
        assert_ne!(after.hash, before.hash);
        assert!(after.hash.starts_with(beginning), "{after:?}");
        assert_eq!((after.scheme.as_str(), after.key_id), ("bcrypt_hmac_sha384", key_id));
        assert_eq!(after.changed_at, first.changed_at);
        log_in(&sibling, EMAIL, PASSWORD).await.expect(200);
        assert_eq!(stored(&app), after);
    }
    // The pre-auth token of the registration, which is older than all that.
    verify(&app, &person.pre_auth_token, &person.code(&app))
        .await
        .expect(200);
}

#[actix_web::test]
async fn of_many_logins_at_once_all_succeed_and_one_renews() {
    let app = TestApp::new().await;
    Person::register(&app, EMAIL).await;
    make_foreign(&app);
    let sibling = app.sibling(&[]).await;
    let logins = (0..8).map(|number| log_in([&app, &sibling][number % 2], EMAIL, PASSWORD));
    for answer in join_all(logins).await {
        answer.expect(200);
    }
    // If no hashing thread was free for any of them, the next login renews the hash.
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    let renewed = stored(&app);
    assert_eq!(renewed.scheme, "bcrypt_hmac_sha384");
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(stored(&app), renewed);
}

#[actix_web::test]
async fn a_password_that_was_changed_meanwhile_is_not_overwritten() {
    let app = TestApp::new().await;
    Person::register(&app, EMAIL).await;
    let new = stored(&app).hash;
    make_foreign(&app);
    let (mut changing, mut looking) = (app.database.connect(), app.database.connect());
    // A change that is not committed yet: the renewal has to wait for it.
    let change = format!(
        "BEGIN; UPDATE users SET password_scheme = 'bcrypt_hmac_sha384', password_key_id = 1, password_hash = '{new}'"
    );
    changing.batch_execute(&change).unwrap();
    let committing = std::thread::spawn(move || {
        eventually("the renewal waits", || (waiting(&mut looking) > 0).then_some(()));
        changing.batch_execute("COMMIT").unwrap();
    });
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    committing.join().unwrap();
    assert_eq!(stored(&app).hash, new);
}

#[actix_web::test]
async fn a_renewal_that_cannot_be_written_fails_no_login() {
    let app = TestApp::new().await;
    Person::register(&app, EMAIL).await;
    make_foreign(&app);
    let refuse = "ALTER TABLE users ADD CONSTRAINT no_renewal CHECK (password_scheme = 'django_pbkdf2_sha256')";
    app.database.connect().batch_execute(refuse).unwrap();
    log_in(&app, EMAIL, PASSWORD).await.expect(200);
    assert_eq!(stored(&app).hash, FOREIGN);
}

fn waiting(connection: &mut PgConnection) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let query = "SELECT count(*) AS number FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock'";
    diesel::sql_query(query).get_result::<Count>(connection).unwrap().number
}
