//! Identifiers: one type for each kind of thing, so that a session's id cannot be passed for a user's.
//!
//! All are UUIDv7 (RFC 9562 §5.7): unguessable enough to be public, and ordered by time, so that indexes grow at one
//! end.

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

use super::random::{self, Random};

/// Makes a UUIDv7 of the given time.
pub fn uuid_v7(now: DateTime<Utc>, random: &dyn Random) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random::bytes(random)).into_uuid()
}

/// Makes the UUIDv7 of a time and a digest: the same inputs always give the same id. Bytes that the digest lacks are
/// zero.
pub fn uuid_v7_of(moment: DateTime<Utc>, digest: &[u8]) -> Uuid {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
    let mut bytes = [0; 10];
    bytes.iter_mut().zip(digest).for_each(|(byte, given)| *byte = *given);
    Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

/// Returns the smallest UUIDv7 of a time. Every id made before is smaller, so that rows are found by their age without
/// a further index.
pub fn least_of(moment: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// Returns the time of a UUIDv7, to the millisecond.
pub fn made_at(id: Uuid) -> DateTime<Utc> {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Parses a UUID in its usual form, in either case, since some programs write upper case (RFC 9562 §4). Braces, a
/// prefix or missing dashes are rejected.
fn parse_uuid(text: &str) -> Option<Uuid> {
    const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| text.len() == LENGTH)
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id.
            pub fn new(now: DateTime<Utc>, random: &dyn Random) -> Self {
                Self(uuid_v7(now, random))
            }

            /// Accepts an id that came from a token or from the database.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Parses an id, in either case.
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }

            /// Returns the id as the plain UUID that tokens, SQL and JSON carry.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }
    };
}

id_type!(
    /// The id of a passkey.
    PasskeyId
);

id_type!(
    /// Names a user: the `sub` of tokens, never reused.
    UserId
);
id_type!(
    /// Names a session from the first factor to its end: the `sid` of tokens.
    SessionId
);
id_type!(
    /// Names one trusted device of a user.
    TrustedDeviceId
);
id_type!(
    /// Names one API key of a user: the `client_id` of its access tokens.
    ApiKeyId
);
id_type!(
    /// Names one identity of a user at a provider.
    IdentityId
);
id_type!(
    /// Names one sign-in at a provider, from its start to its end.
    FederationId
);
id_type!(
    /// Names one TOTP secret of a user.
    TotpFactorId
);
id_type!(
    /// Names one second factor of a user by sent codes.
    SentCodeFactorId
);
id_type!(
    /// Names one token in a mail.
    LinkTokenId
);
id_type!(
    /// Names one message to a user.
    MessageId
);
id_type!(
    /// Names one row of the audit trail.
    AuditEventId
);
id_type!(
    /// Names a back end that may introspect and revoke tokens.
    ClientId
);
id_type!(
    /// Names an endpoint of a back end that is told what happens to accounts.
    WebhookId
);
id_type!(
    /// Names one request, in the response's `X-Request-Id`, the log and the audit trail.
    RequestId
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    #[test]
    fn other_forms_of_a_uuid_are_not_ids() {
        let id = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071";
        assert!(UserId::parse(id).is_some());
        for text in [
            "",
            "019a2b3c4d5e7f608a1b2c3d4e5f6071",
            "{019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071}",
            "urn:uuid:019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071",
            "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f607",
            "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f607g",
            "019a2b3c-4d5e-7f60-8a1b2c3d4e5f-6071",
            " 019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071",
        ] {
            assert_eq!(UserId::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_read_in_any_case(bytes: [u8; 16], upper: [bool; 36]) {
            let id = UserId::from_uuid(Uuid::from_bytes(bytes));
            let text = id.uuid().to_string();
            let text: String = text.chars().zip(upper).map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter }).collect();
            prop_assert_eq!(UserId::parse(&text), Some(id));
        }

        #[test]
        fn the_least_id_of_a_moment_parts_the_ids_before_from_those_since(millis in 1_i64..4_000_000_000_000, random: u8) {
            let moment = DateTime::from_timestamp_millis(millis).unwrap();
            let before = DateTime::from_timestamp_millis(millis - 1).unwrap();
            prop_assert!(uuid_v7(before, &Fixed(random)) < least_of(moment));
            prop_assert!(uuid_v7(moment, &Fixed(random)) >= least_of(moment));
            prop_assert_eq!(made_at(uuid_v7(moment, &Fixed(random))), moment);
        }

        #[test]
        fn a_digest_names_one_id_of_a_moment(millis in 1_i64..4_000_000_000_000, digest: [u8; 32], other: [u8; 32]) {
            let moment = DateTime::from_timestamp_millis(millis).unwrap();
            let later = DateTime::from_timestamp_millis(millis + 1).unwrap();
            let id = uuid_v7_of(moment, &digest);
            prop_assert_eq!(id, uuid_v7_of(moment, &digest));
            prop_assert!(id < uuid_v7_of(later, &other) && id >= least_of(moment));
            prop_assert!(digest == other || id != uuid_v7_of(moment, &other));
        }
    }
}
