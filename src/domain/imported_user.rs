//! A user as another program describes them, and the rules for the description.
//!
//! A description that cannot be stored as it is gets rejected, member by member, in words that repeat no value. Half an
//! account would be found out only by its owner, at sign-in.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::app_claims::{AppClaims, GivenClaims};
use super::imported_passkey::{ImportedPasskey, PasskeyMembers};
use super::input::InvalidInput;
use super::message::Locale;
use super::roles;
use super::totp::TotpSecret;
use super::user::AccountNames;

/// What a user lacks who has no password and could not sign in without one.
const NO_WAY_IN: &str = "is missing: without it, there must be a passkey with its user_handle, or a verified email";

/// The members of a description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserMembers {
    /// An address, a name, or both.
    pub email: Option<String>,
    /// An address, a name, or both.
    pub username: Option<String>,
    /// The hash of the password; none for a user without one.
    pub password_hash: Option<SecretString>,
    /// The secret of the authenticator app.
    pub totp_secret: Option<SecretString>,
    /// The passkeys.
    pub passkeys: Option<Vec<PasskeyMembers>>,
    /// Whether the address is known to be the user's.
    pub email_verified: Option<bool>,
    /// The roles in the user's tokens.
    pub roles: Option<Vec<String>>,
    /// What back ends keep about the user for tokens.
    pub claims: Option<GivenClaims>,
    /// The language of messages.
    pub locale: Option<String>,
    /// When the account was made in the other program.
    pub created_at: Option<String>,
}

impl UserMembers {
    /// The pointer to each member.
    const POINTERS: [&'static str; 10] = [
        "/email",
        "/username",
        "/password_hash",
        "/totp_secret",
        "/passkeys",
        "/email_verified",
        "/roles",
        "/claims",
        "/locale",
        "/created_at",
    ];

    /// Returns the pointer to the member that a path in serde's notation begins with, or else to the whole description.
    pub fn pointer(path: &str) -> &'static str {
        let member = path.split(['.', '[']).next().unwrap_or_default();
        let mut pointers = Self::POINTERS.into_iter();
        pointers
            .find(|pointer| pointer.strip_prefix('/') == Some(member))
            .unwrap_or_default()
    }
}

/// What is imported, apart from the password and the public keys of passkeys.
#[derive(Debug)]
pub struct ImportedUser {
    /// The names of the account.
    pub names: AccountNames,
    /// The authenticator app's secret, if there is one.
    pub totp_secret: Option<TotpSecret>,
    /// The passkeys, in the given order.
    pub passkeys: Vec<ImportedPasskey>,
    /// Whether the address is known to be the user's.
    pub email_verified: bool,
    /// Without duplicates, in the given order.
    pub roles: Vec<String>,
    /// What back ends keep about the user for tokens.
    pub claims: AppClaims,
    /// The language of messages.
    pub locale: Locale,
    /// When the account was made, in the other program or here.
    pub created_at: DateTime<Utc>,
}

impl ImportedUser {
    /// Checks a description and collects all its faults, except those of the hash and of public keys.
    ///
    /// # Errors
    ///
    /// Names each faulty member.
    pub fn of(members: &UserMembers, now: DateTime<Utc>) -> Result<Self, InvalidInput> {
        let names = AccountNames::parse(members.email.as_deref(), members.username.as_deref());
        let locale = Locale::requested(members.locale.as_deref(), None);
        let mut invalid = InvalidInput::default();
        if let Err(faults) = &names {
            invalid.errors.extend(faults.errors.iter().cloned());
        }
        let secret = members.totp_secret.as_ref().map(ExposeSecret::expose_secret);
        let totp_secret = secret.and_then(|text| invalid.keep("/totp_secret", TotpSecret::parse_base32(text)));
        let given = members.passkeys.as_deref().unwrap_or_default();
        let passkeys = invalid
            .keep("/passkeys", ImportedPasskey::parse_all(given))
            .unwrap_or_default();
        let given = members.roles.as_deref().unwrap_or_default();
        let roles = invalid.keep("/roles", roles::check(given)).unwrap_or_default();
        let given = members.claims.as_ref();
        let claims = given.and_then(|given| invalid.keep("/claims", AppClaims::parse(given)));
        let made = members.created_at.as_deref();
        let made = made.and_then(|text| invalid.keep("/created_at", parse_past(text, now)));
        let email_verified = members.email_verified == Some(true);
        if email_verified && members.email.is_none() {
            invalid.push("/email_verified", "there is no email that could be verified");
        }
        // A passkey whose user handle is not known serves beside a password only.
        let signs_in_alone = passkeys.iter().any(|passkey| passkey.user_handle.given().is_some());
        if invalid.errors.is_empty() && members.password_hash.is_none() && !signs_in_alone && !email_verified {
            invalid.push("/password_hash", NO_WAY_IN);
        }
        match names {
            Ok(names) if invalid.errors.is_empty() => Ok(Self {
                names,
                totp_secret,
                passkeys,
                email_verified,
                roles,
                claims: claims.unwrap_or_default(),
                locale,
                created_at: made.unwrap_or(now),
            }),
            _ => Err(invalid),
        }
    }
}

/// Parses an RFC 3339 time, down to the microseconds that the database stores.
fn parse_past(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    const FORM: &str = "must be a time as RFC 3339 writes it, such as 2020-02-03T04:05:06Z";
    const NO_TIME_OF_DAY: &str = "has a date only: add the time of day and the zone, such as 2020-02-03T04:05:06Z";
    const WITHOUT_ZONE: &str = "has no time zone: add Z for UTC, or an offset such as +01:00";
    let lacks_zone =
        |separator| NaiveDateTime::parse_from_str(text, &format!("%Y-%m-%d{separator}%H:%M:%S%.f")).is_ok();
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|_unreadable| {
            if lacks_zone('T') || lacks_zone(' ') {
                WITHOUT_ZONE
            } else if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
                NO_TIME_OF_DAY
            } else {
                FORM
            }
        })?
        .to_utc();
    if time > now {
        Err("must be a time that has passed")
    } else if time < DateTime::UNIX_EPOCH {
        Err("must not be before 1970")
    } else {
        Ok(time.trunc_subsecs(6))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn read(change: &Value) -> Result<ImportedUser, InvalidInput> {
        let mut user = json!({"email": "Jo@Example.com", "password_hash": "x"});
        for (name, value) in change.as_object().unwrap() {
            user[name] = value.clone();
        }
        ImportedUser::of(&serde_json::from_value(user).unwrap(), now())
    }

    #[test]
    fn what_is_given_is_imported_and_the_rest_has_defaults() {
        let user = read(&json!({})).unwrap();
        assert_eq!(user.names.email.unwrap().as_str(), "jo@example.com");
        assert_eq!((user.locale, user.created_at), (Locale::En, now()));
        assert!(!user.email_verified && user.totp_secret.is_none() && user.roles.is_empty());
        assert!(user.passkeys.is_empty());
        let user = read(&json!({
            "email": null, "username": "Jo", "roles": ["editor", "shop:admin", "editor"], "locale": "de-AT",
            "created_at": "2020-02-03T04:05:06.1234567+01:00", "totp_secret": "gezd gnbv gy3t qojq",
        }));
        // Too short a name: the fault names the member, even where the others are right.
        assert_eq!(user.unwrap_err().errors[0].pointer, "/username");
        let user = read(&json!({
            "username": "Jo.Doe", "roles": ["editor", "shop:admin", "editor"], "locale": "de-AT", "email_verified": true,
            "created_at": "2020-02-03T04:05:06.1234567+01:00", "totp_secret": "gezd gnbv gy3t qojq",
        }))
        .unwrap();
        assert_eq!(user.names.username.unwrap().as_str(), "jo.doe");
        assert_eq!(
            (user.roles, user.locale),
            (vec!["editor".to_owned(), "shop:admin".to_owned()], Locale::De)
        );
        assert_eq!(user.created_at.to_rfc3339(), "2020-02-03T03:05:06.123456+00:00");
        assert!(user.email_verified && user.totp_secret.is_some());
    }

    #[test]
    fn every_fault_is_told_by_its_member_and_without_its_value() {
        for (change, pointer) in [
            (json!({"email": "secret-value"}), "/email"),
            (json!({"email": null}), ""),
            (json!({"username": "secret value"}), "/username"),
            (json!({"totp_secret": "secret-value"}), "/totp_secret"),
            (json!({"totp_secret": ""}), "/totp_secret"),
            (
                json!({"passkeys": [{"credential_id": "secret-value!", "public_key": ""}]}),
                "/passkeys",
            ),
            (json!({"roles": ["secret,value"]}), "/roles"),
            (json!({"roles": [""]}), "/roles"),
            (json!({"roles": vec!["r"; 33]}), "/roles"),
            (json!({"created_at": "2020-02-03"}), "/created_at"),
            (json!({"created_at": "2030-01-01T00:00:00Z"}), "/created_at"),
            (json!({"created_at": "1969-01-01T00:00:00Z"}), "/created_at"),
            (
                json!({"email": null, "username": "jo.doe", "email_verified": true}),
                "/email_verified",
            ),
        ] {
            let invalid = read(&change).unwrap_err();
            assert_eq!(invalid.errors.len(), 1, "{change}");
            assert_eq!(invalid.errors[0].pointer, pointer, "{change}");
            assert!(!invalid.errors[0].detail.contains("secret"), "{change}");
        }
        let passkey = |handle: Value| json!({"credential_id": "AQ", "public_key": "AQ", "user_handle": handle});
        for (change, is_enough) in [
            (json!({}), false),
            (json!({"passkeys": [passkey(Value::Null)]}), false),
            (json!({"passkeys": [passkey(json!("AQ"))]}), true),
            (json!({"email_verified": true}), true),
            (json!({"totp_secret": "gezd gnbv gy3t qojq"}), false),
        ] {
            let mut change = change;
            change["password_hash"] = Value::Null;
            let found = read(&change);
            assert_eq!(found.is_ok(), is_enough, "{change}");
        }
        let several = read(&json!({"email": "x", "roles": [""], "created_at": "x"})).unwrap_err();
        assert_eq!(several.errors.len(), 3);
    }

    #[test]
    fn what_is_wrong_with_a_time_is_named() {
        for (time, expected) in [
            ("2020-02-03T04:05:06", "has no time zone"),
            ("2020-02-03T04:05:06.123456", "has no time zone"),
            ("2020-02-03 04:05:06.1", "has no time zone"),
            ("2020-02-03", "has a date only"),
            ("1580702706", "RFC 3339"),
            ("Mon, 03 Feb 2020 04:05:06 GMT", "RFC 3339"),
            ("03.02.2020 04:05", "RFC 3339"),
            ("", "RFC 3339"),
            ("2020-02-03T04:05Z", "RFC 3339"),
            ("2100-01-01T00:00:00Z", "has passed"),
            ("1969-12-31T23:59:59Z", "before 1970"),
            ("2020-13-03T04:05:06", "such as 2020-02-03T04:05:06Z"),
            ("yesterday", "such as 2020-02-03T04:05:06Z"),
        ] {
            let invalid = read(&json!({"created_at": time})).unwrap_err();
            assert!(invalid.errors[0].detail.contains(expected), "{time}: {invalid:?}");
        }
        assert!(read(&json!({"created_at": "2020-02-03T04:05:06+00:00"})).is_ok());
    }

    #[test]
    fn a_secret_is_read_whatever_surrounds_it() {
        for around in [" \r\n", "\u{feff}", "\u{200b}\u{a0}", "\u{202a}\t"] {
            let secret = format!("{around}GEZDGNBVGY3TQOJQ{around}");
            let user = read(&json!({"totp_secret": secret})).unwrap();
            assert_eq!(user.totp_secret.unwrap().expose(), b"1234567890", "{around:?}");
        }
    }

    #[test]
    fn the_names_of_the_members_are_those_that_are_read() {
        let unknown = serde_json::from_value::<UserMembers>(json!({"x": 1}))
            .unwrap_err()
            .to_string();
        for pointer in UserMembers::POINTERS {
            let name = pointer.strip_prefix('/').unwrap();
            assert!(unknown.contains(&format!("`{name}`")), "{name}: {unknown}");
            assert_eq!(UserMembers::pointer(&format!("{name}[1].x")), pointer);
        }
        assert_eq!(unknown.matches('`').count(), 2 * (UserMembers::POINTERS.len() + 1));
        assert_eq!(UserMembers::pointer("emails"), "");
    }
}
