//! The statement that records the use of a passkey decides whether it counts.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use uuid::Uuid;
use vestibule::domain::ids::{PasskeyId, UserId};
use vestibule::domain::passkey::{
    CredentialId, KeyAlgorithm, NewPasskey, PasskeyName, PasskeyUse, PublicKey, Transport,
};
use vestibule::store::passkeys::{self, Registered};

use crate::support::db::TestDatabase;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn id(number: u128) -> PasskeyId {
    PasskeyId::from_uuid(Uuid::from_u128(number))
}

fn add_user(connection: &mut PgConnection, number: u128) {
    let id = Uuid::from_u128(number);
    let statement = format!(
        "INSERT INTO users (id, username, password_scheme, password_key_id, password_hash, password_changed_at,
             created_at)
         VALUES ('{id}', 'jo{number}', 'none', 0, '', now(), now())"
    );
    connection.batch_execute(&statement).unwrap();
}

/// Registers a passkey with the challenge of second 0. Returns whether it was new.
fn register(connection: &mut PgConnection, number: u128, owner: u128, credential: u8, sign_count: u32) -> bool {
    let passkey = NewPasskey {
        credential_id: CredentialId::from_bytes(vec![credential]).unwrap(),
        public_key: PublicKey {
            algorithm: KeyAlgorithm::EdDsa,
            bytes: vec![7; 32],
        },
        sign_count,
        user_verified: true,
        backup_eligible: true,
        backed_up: false,
        aaguid: Uuid::nil(),
    };
    let row = Registered {
        id: id(number),
        user_id: user(owner),
        passkey: &passkey,
        transports: &[Transport::Internal],
        name: &PasskeyName::parse("Blue key").unwrap(),
        challenge_at: at(0),
        now: at(1),
        signs_in_alone: false,
    };
    passkeys::insert(connection, &row).unwrap()
}

fn use_it(connection: &mut PgConnection, sign_count: u32, challenge: i64) -> bool {
    let used = PasskeyUse {
        sign_count,
        user_verified: false,
        backed_up: true,
        alone: false,
    };
    let times = (at(challenge), at(challenge + 5));
    passkeys::use_once(connection, user(1), id(1), &used, times).unwrap()
}

/// Makes a database with one passkey of user 1, and its counter.
fn registered(sign_count: u32) -> (TestDatabase, PgConnection) {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    add_user(&mut connection, 1);
    assert!(register(&mut connection, 1, 1, 1, sign_count));
    (database, connection)
}

#[test]
fn a_challenge_counts_once_and_none_before_it() {
    let (_database, mut connection) = registered(0);
    assert!(!use_it(&mut connection, 0, 0), "the challenge of the registration");
    assert!(!use_it(&mut connection, 0, -1));
    assert!(use_it(&mut connection, 0, 10));
    assert!(!use_it(&mut connection, 0, 10));
    assert!(!use_it(&mut connection, 0, 9));
    assert!(use_it(&mut connection, 0, 11));
}

#[test]
fn a_counter_has_to_rise_unless_it_is_always_zero() {
    let (_database, mut connection) = registered(0);
    assert!(use_it(&mut connection, 0, 1));
    assert!(use_it(&mut connection, 5, 2));
    for (challenge, count) in [(3, 5), (4, 4), (5, 0)] {
        assert!(!use_it(&mut connection, count, challenge), "{count} after 5");
    }
    assert!(use_it(&mut connection, 6, 3), "a refused use changes nothing");
    assert!(use_it(&mut connection, u32::MAX, 6));
    assert!(!use_it(&mut connection, u32::MAX, 7));
}

#[test]
fn the_counter_of_the_registration_counts() {
    let (_database, mut connection) = registered(3);
    assert!(!use_it(&mut connection, 3, 1));
    assert!(!use_it(&mut connection, 0, 1));
    assert!(use_it(&mut connection, 4, 1));
}

#[test]
fn a_use_changes_one_passkey_of_one_user() {
    let (_database, mut connection) = registered(0);
    add_user(&mut connection, 2);
    assert!(register(&mut connection, 2, 1, 2, 0));
    assert!(register(&mut connection, 1, 2, 1, 0), "ids are unique for a user");
    assert!(use_it(&mut connection, 1, 10));
    let shown = |connection: &mut PgConnection, owner| {
        let listed = passkeys::list(connection, user(owner)).unwrap();
        listed
            .into_iter()
            .map(|passkey| (passkey.backed_up, passkey.last_used_at))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut connection, 1), [(true, Some(at(15))), (false, None)]);
    assert_eq!(shown(&mut connection, 2), [(false, None)]);
    let found = |connection: &mut PgConnection, owner| {
        let credential = CredentialId::from_bytes(vec![1]).unwrap();
        let found = passkeys::find(connection, user(owner), &credential).unwrap().unwrap();
        found.last_challenge_at
    };
    assert_eq!((found(&mut connection, 1), found(&mut connection, 2)), (at(10), at(0)));
}

#[test]
fn a_credential_id_is_registered_once_for_its_user() {
    let (_database, mut connection) = registered(0);
    assert!(!register(&mut connection, 2, 1, 1, 0));
    add_user(&mut connection, 2);
    assert!(register(&mut connection, 2, 2, 1, 0));
    assert!(passkeys::remove(&mut connection, user(2), id(1)).unwrap().is_none());
    let name = passkeys::remove(&mut connection, user(1), id(1)).unwrap();
    assert_eq!(name.as_deref(), Some("Blue key"));
    assert_eq!(
        passkeys::owners_among(&mut connection, &[user(1), user(2)]).unwrap(),
        [user(2)]
    );
}
