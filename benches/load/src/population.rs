//! Users that are written directly to the database: a sample that sends requests, spread evenly over any number of
//! other users.
//!
//! Every id contains its number, so that `pgbench` can compute the ids that the service gets from tokens. The TOTP
//! secrets of the sample are sealed with the service's keys; the others are random bytes of the same length, which are
//! never opened. All users have the same password, whose hash the service made.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{TimeDelta, Utc};
use secrecy::ExposeSecret;
use totp_lite::{Sha1, totp_custom};
use uuid::Uuid;
use vestibule::crypto::keyring::{Keyring, MasterKey};
use vestibule::crypto::mac::TokenMac;
use vestibule::crypto::sealer::{SealedAt, Sealer};
use vestibule::domain::ids::{TotpFactorId, UserId};
use vestibule::domain::opaque_token::TokenKind;
use vestibule::domain::random::Random;
use vestibule::system::SystemRandomness;
use zeroize::Zeroizing;

use crate::database::Database;

/// The password of all users.
pub const PASSWORD: &str = "korrekt pferd batterie heftklammer";
/// The master key: 32 zero bytes.
pub const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// The prefix of ids from January 2020.
const OLD: &str = "016f5e66-e800";
/// Rows that one statement inserts.
const BATCH: u64 = 500_000;

/// What an id stands for, encoded in the third group of its digits.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An account.
    User,
    /// Its authenticator app.
    Factor,
    /// An active session, one per user.
    Active,
    /// A pending session, one per user of the sample.
    Pending,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::User, Self::Factor, Self::Active, Self::Pending];

    const fn digits(self) -> &'static str {
        match self {
            Self::User => "7000",
            Self::Factor => "7001",
            Self::Active => "7002",
            Self::Pending => "7003",
        }
    }
}

/// The users.
pub struct Population {
    /// How many there are.
    pub total: u64,
    /// How many of them are in the sample.
    pub sampled: u64,
    /// The timestamp that all ids have in common.
    prefix: String,
    tokens: TokenMac,
}

fn keyring() -> Keyring {
    let bytes = Zeroizing::new([0; 32]);
    Keyring::new(MasterKey { id: 1, bytes }, Vec::new())
}

impl Population {
    /// Plans a number of users.
    pub fn new(total: u64, sampled: u64) -> Self {
        let then = Utc::now() - TimeDelta::hours(1);
        let digits = format!("{:012x}", then.timestamp_millis());
        let (high, low) = digits.split_at(8);
        Self {
            total,
            sampled: sampled.min(total),
            prefix: format!("{high}-{low}"),
            tokens: TokenMac::new(&keyring()),
        }
    }

    /// Plans the same users again, for a load that outlives a borrow.
    pub fn with_prefix_of(other: &Self) -> Self {
        Self {
            prefix: other.prefix.clone(),
            ..Self::new(other.total, other.sampled)
        }
    }

    /// Returns the distance between the numbers of two users of the sample.
    pub fn stride(&self) -> u64 {
        self.total / self.sampled
    }

    /// Returns the prefix of an id, before the twelve digits of its number.
    pub fn id_prefix(&self, kind: Kind) -> String {
        format!("{}-{}-8000-", self.prefix, kind.digits())
    }

    /// Returns an id of the user at an index of the sample, counted from 0.
    pub fn id(&self, kind: Kind, place: u64) -> Uuid {
        let number = (place + 1) * self.stride();
        format!("{}{number:012}", self.id_prefix(kind))
            .parse()
            .unwrap_or_default()
    }

    /// Returns the address of a user.
    pub fn email(&self, place: u64) -> String {
        format!("user{:09}@example.com", (place + 1) * self.stride())
    }

    /// Returns the current code of a user's authenticator app.
    pub fn code(place: u64) -> String {
        code_of(&secret(place))
    }

    /// Makes a token for a user's session.
    pub fn token(&self, kind: TokenKind, place: u64, counter: u64) -> String {
        let row = match kind {
            TokenKind::PreAuth => Kind::Pending,
            _ => Kind::Active,
        };
        let user_id = UserId::from_uuid(self.id(Kind::User, place));
        let token = self.tokens.issue(kind, user_id, self.id(row, place), counter);
        token.map(|token| token.expose_secret().to_owned()).unwrap_or_default()
    }

    /// Inserts the rows. The password hash is copied from a user that registered with the service.
    pub fn create(&self, database: &Database, hash_of: &str) -> Result<(), Box<dyn Error>> {
        database.run(&self.copy_sample()?)?;
        let mut first = 1;
        while first <= self.total {
            let last = (first + BATCH - 1).min(self.total);
            database.run(&self.insert_crowd(hash_of, first, last))?;
            first = last + 1;
        }
        database.run(&self.insert_recovery_codes())?;
        self.renew(database)?;
        database.run("VACUUM (ANALYZE); CHECKPOINT")?;
        Ok(())
    }

    /// Seals the secrets of the sample.
    fn copy_sample(&self) -> Result<String, Box<dyn Error>> {
        let random: Arc<dyn Random> = Arc::new(SystemRandomness);
        let sealer = Sealer::new(&keyring(), random);
        let mut text = "CREATE UNLOGGED TABLE IF NOT EXISTS load_sample (number bigint PRIMARY KEY, sealed bytea);\n\
             TRUNCATE load_sample;\nCOPY load_sample FROM STDIN;\n"
            .to_owned();
        for place in 0..self.sampled {
            let (factor, user) = (self.id(Kind::Factor, place), self.id(Kind::User, place));
            let at = SealedAt::totp_secret(TotpFactorId::from_uuid(factor), UserId::from_uuid(user));
            let sealed = sealer.seal(&at, &secret(place))?;
            write!(text, "{}\t\\\\x", (place + 1) * self.stride())?;
            for byte in sealed {
                write!(text, "{byte:02x}")?;
            }
            text.push('\n');
        }
        text.push_str("\\.\nANALYZE load_sample;\n");
        Ok(text)
    }

    fn sql_id(&self, kind: Kind, number: &str) -> String {
        format!("('{}' || lpad({number}::text, 12, '0'))::uuid", self.id_prefix(kind))
    }

    fn insert_crowd(&self, hash_of: &str, first: u64, last: u64) -> String {
        let (user, factor) = (self.sql_id(Kind::User, "g"), self.sql_id(Kind::Factor, "g"));
        let active = self.sql_id(Kind::Active, "g");
        // The foreign keys are satisfied by construction; checking them for each row would take most of the time.
        format!(
            "SET session_replication_role = replica; SET synchronous_commit = off;
             INSERT INTO users (id, email, email_verified_at, password_scheme, password_key_id, password_hash,
                                password_changed_at, created_at)
             SELECT {user}, 'user' || lpad(g::text, 9, '0') || '@example.com', now(), password_scheme, password_key_id,
                    password_hash, '2026-01-01', now()
               FROM users, generate_series({first}, {last}) g WHERE email = '{hash_of}';
             INSERT INTO account_names (name, user_id)
             SELECT 'user' || lpad(g::text, 9, '0') || '@example.com', {user} FROM generate_series({first}, {last}) g;
             INSERT INTO totp_factors (id, user_id, state, sealed_secret, last_step, created_at, confirmed_at)
             SELECT {factor}, {user}, 'active',
                    coalesce(sealed, sha256(g::text::bytea) || substr(sha256(g::text::bytea), 1, 17)), 0, now(), now()
               FROM generate_series({first}, {last}) g LEFT JOIN load_sample ON number = g;
             INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, refresh_counter,
                    created_at, last_used_at, expires_at, idle_expires_at, ip, user_agent)
             SELECT {active}, {user}, 'active', '{{pwd,otp}}', ARRAY[now(), now()], '2026-01-01', 1,
                    now(), now(), now() + '29 days', now() + '7 days', '127.0.0.1', 'bench'
               FROM generate_series({first}, {last}) g;"
        )
    }

    fn insert_recovery_codes(&self) -> String {
        let user = self.sql_id(Kind::User, "number");
        format!(
            "SET session_replication_role = replica;
             INSERT INTO recovery_codes (user_id, code_hash, created_at)
             SELECT {user}, sha256((number || ' ' || code)::bytea), now()
               FROM load_sample, generate_series(1, 10) code ORDER BY number;"
        )
    }

    /// Inserts sessions and a month of events that are older than any retention period.
    pub fn insert_old(&self, database: &Database, sessions: u64, events: u64) -> Result<(), Box<dyn Error>> {
        let user = self.sql_id(Kind::User, "(1 + g % 500)");
        let id = format!("('{OLD}-7004-8000-' || lpad(g::text, 12, '0'))::uuid");
        database.run(&format!(
            "INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, created_at, last_used_at, expires_at,
                    ended_at, end_reason, ip, user_agent)
             SELECT {id}, {user}, 'ended', '{{pwd}}', ARRAY['2020-01-01'::timestamptz], '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-02',
                    '2020-01-02', 'logout', '127.0.0.1', 'bench'
               FROM generate_series(1, {sessions}) g;
             SELECT audit_events_make_partition('2020-01-01');
             INSERT INTO audit_events (id, subject_id, occurred_at, event, success, user_id, request_id, ip, user_agent)
             SELECT {id}, {user}, '2020-01-15', 'authn_login_success', true, {user}, {id}, '127.0.0.1', 'bench'
               FROM generate_series(1, {events}) g;
             VACUUM (ANALYZE) sessions; CHECKPOINT;"
        ))?;
        Ok(())
    }

    /// Counts these sessions.
    pub fn count_old(database: &Database) -> Result<u64, Box<dyn Error>> {
        let counting = format!("SELECT count(*) FROM sessions WHERE id < '{OLD}-7004-8001-000000000000'");
        Ok(database.run(&counting)?.parse()?)
    }

    /// Makes the active sessions of the sample grants to an application, or sessions of their own again.
    pub fn grant(&self, database: &Database, client: Option<&str>) -> Result<(), Box<dyn Error>> {
        let (user, active) = (self.sql_id(Kind::User, "number"), self.sql_id(Kind::Active, "number"));
        let granted = match client {
            Some(id) => {
                format!("parent_id = id, client_id = '{id}', scopes = '{{offline_access}}', audience = 'bench'")
            }
            None => "parent_id = NULL, client_id = NULL, scopes = NULL, audience = NULL".to_owned(),
        };
        database.run(&format!(
            "UPDATE sessions SET {granted} FROM load_sample WHERE user_id = {user} AND id = {active};
             VACUUM (ANALYZE) sessions; CHECKPOINT;"
        ))?;
        Ok(())
    }

    /// Gives every user of the sample a new pending session and an unused code, and resets the refresh counters of
    /// their active sessions to 1.
    pub fn renew(&self, database: &Database) -> Result<(), Box<dyn Error>> {
        let (user, factor) = (self.sql_id(Kind::User, "number"), self.sql_id(Kind::Factor, "number"));
        let (active, pending) = (
            self.sql_id(Kind::Active, "number"),
            self.sql_id(Kind::Pending, "number"),
        );
        database.run(&format!(
            "BEGIN;
             DELETE FROM sessions USING load_sample WHERE user_id = {user} AND id = {pending};
             INSERT INTO sessions (id, user_id, state, methods, proved_at, password_changed_at, created_at, last_used_at,
                    expires_at, ip, user_agent)
             SELECT {pending}, {user}, 'pending', '{{pwd}}', ARRAY[now()], '2026-01-01', now(), now(), now() + '1 day',
                    '127.0.0.1', 'bench'
               FROM load_sample ORDER BY number;
             UPDATE totp_factors SET last_step = 0 FROM load_sample
              WHERE user_id = {user} AND id = {factor} AND last_step <> 0;
             UPDATE sessions SET refresh_counter = 1, rotated_at = NULL
               FROM load_sample WHERE user_id = {user} AND id = {active} AND refresh_counter <> 1;
             COMMIT;
             VACUUM (ANALYZE) sessions; VACUUM (ANALYZE) totp_factors; VACUUM users; CHECKPOINT;"
        ))?;
        Ok(())
    }
}

/// Returns the current code of an authenticator app with a secret.
pub fn code_of(secret: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    totp_custom::<Sha1>(30, 6, secret, now.as_secs())
}

/// Returns the secret of an authenticator app. Secrets only need to differ.
fn secret(place: u64) -> [u8; 20] {
    let mut secret = [0x5a; 20];
    secret[..8].copy_from_slice(&place.to_be_bytes());
    secret
}
