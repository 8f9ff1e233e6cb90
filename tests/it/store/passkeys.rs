//! The statement that records the use of a passkey decides whether it counts.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use uuid::Uuid;
use vestibule::domain::ids::{PasskeyId, UserId};
use vestibule::domain::passkey::{
    CredentialId, KeyAlgorithm, KnownHandle, NewPasskey, PasskeyName, PasskeyUse, PublicKey, Transport, UserHandle,
};
use vestibule::store::passkeys::{self, Registered};
use vestibule::store::{user_handles, users};

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
        backup_eligible: Some(true),
        backed_up: false,
        aaguid: Uuid::nil(),
    };
    let row = Registered {
        id: id(number),
        user_id: user(owner),
        user_handle: &KnownHandle::UserId,
        passkey: &passkey,
        transports: &[Transport::Internal],
        name: &PasskeyName::parse("Blue key").unwrap(),
        last_challenge_at: at(0),
        now: at(1),
    };
    passkeys::insert(connection, &row).unwrap()
}

fn use_it(connection: &mut PgConnection, sign_count: u32, challenge: i64) -> bool {
    let used = PasskeyUse {
        sign_count,
        user_verified: false,
        backup_eligible: true,
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
    let left = passkeys::list_among(&mut connection, &[user(1), user(2)]).unwrap();
    let left: Vec<_> = left.into_iter().map(|(owner, passkey)| (owner, passkey.id)).collect();
    assert_eq!(left, [(user(2), id(2))]);
}

/// Adds a passkey of another program, without what such programs may not know. Returns whether the handle was free.
fn import(connection: &mut PgConnection, number: u128, owner: u128, handle: &UserHandle) -> bool {
    let passkey = NewPasskey {
        credential_id: CredentialId::from_bytes(number.to_be_bytes().to_vec()).unwrap(),
        public_key: PublicKey {
            algorithm: KeyAlgorithm::EdDsa,
            bytes: vec![7; 32],
        },
        sign_count: 0,
        user_verified: false,
        backup_eligible: None,
        backed_up: false,
        aaguid: Uuid::nil(),
    };
    let row = Registered {
        id: id(number),
        user_id: user(owner),
        user_handle: &KnownHandle::Given(handle.clone()),
        passkey: &passkey,
        transports: &[],
        name: &PasskeyName::parse("Blue key").unwrap(),
        last_challenge_at: at(0),
        now: at(1),
    };
    let wanted = BTreeSet::from([(handle, user(owner))]);
    let is_given = !user_handles::claim(connection, &wanted).unwrap().is_empty();
    if is_given {
        passkeys::insert_imported(connection, &[row]).unwrap();
    }
    is_given
}

fn handle(bytes: &[u8]) -> UserHandle {
    UserHandle::from_bytes(bytes.to_vec()).unwrap()
}

#[test]
fn a_user_handle_goes_with_the_last_passkey_that_has_it() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    add_user(&mut connection, 1);
    add_user(&mut connection, 2);
    let (jo, mo) = (handle(b"jo"), handle(b"mo"));
    assert!(import(&mut connection, 1, 1, &jo) && import(&mut connection, 3, 2, &mo));
    // A second passkey of the same user has the same handle, as its row was written by the same import.
    connection
        .batch_execute(
            "INSERT INTO passkeys (id, user_id, credential_id, algorithm, public_key, sign_count, user_verified, \
             backup_eligible, backed_up, transports, aaguid, name, last_challenge_at, created_at, last_used_at, \
             user_handle) SELECT overlay(id::text placing '4' from 36)::uuid, user_id, 'x', algorithm, \
             public_key, sign_count, user_verified, backup_eligible, backed_up, transports, aaguid, name, \
             last_challenge_at, created_at, last_used_at, user_handle FROM passkeys WHERE user_handle = 'jo'",
        )
        .unwrap();
    let holders =
        |connection: &mut PgConnection| [&jo, &mo].map(|handle| user_handles::holder(connection, handle).unwrap());
    assert_eq!(holders(&mut connection), [Some(user(1)), Some(user(2))]);
    assert!(passkeys::remove(&mut connection, user(1), id(1)).unwrap().is_some());
    assert_eq!(holders(&mut connection), [Some(user(1)), Some(user(2))]);
    assert!(passkeys::remove(&mut connection, user(1), id(4)).unwrap().is_some());
    assert_eq!(holders(&mut connection), [None, Some(user(2))]);
    users::delete(&mut connection, user(2), at(9)).unwrap();
    assert_eq!(holders(&mut connection), [None, None]);
}

#[test]
fn a_user_handle_is_of_one_account() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    add_user(&mut connection, 1);
    add_user(&mut connection, 2);
    let jo = handle(b"jo");
    assert!(import(&mut connection, 1, 1, &jo));
    assert!(!import(&mut connection, 2, 2, &jo));
    let taken = |connection: &mut PgConnection| user_handles::taken_among(connection, &[&jo, &handle(b"mo")]).unwrap();
    assert_eq!(taken(&mut connection), std::slice::from_ref(&jo));
    // Only its own account gives it back.
    for (owner, left) in [(2, vec![jo.clone()]), (1, vec![])] {
        user_handles::give_back(&mut connection, &BTreeSet::from([(&jo, user(owner))])).unwrap();
        assert_eq!(taken(&mut connection), left);
    }
}

#[test]
fn the_first_use_stores_what_the_other_program_did_not_know() {
    let database = TestDatabase::migrated();
    let mut connection = database.connect();
    add_user(&mut connection, 1);
    assert!(import(&mut connection, 1, 1, &handle(b"jo")));
    let credential = CredentialId::from_bytes(1_u128.to_be_bytes().to_vec()).unwrap();
    let eligible = |connection: &mut PgConnection| {
        let found = passkeys::find(connection, user(1), &credential).unwrap().unwrap();
        (found.user_handle, found.backup_eligible)
    };
    assert_eq!(eligible(&mut connection), (KnownHandle::Given(handle(b"jo")), None));
    assert!(use_it(&mut connection, 0, 10));
    assert_eq!(
        eligible(&mut connection),
        (KnownHandle::Given(handle(b"jo")), Some(true))
    );
}
