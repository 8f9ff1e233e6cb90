//! Messages to users, apart from their texts, which the templates contain.
//!
//! A message may contain a code or say that something is wrong with an account. It is therefore stored sealed and never
//! printed; logs and metrics know it by its kind only.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client_program::ClientProgram;
use super::email::Email;
use super::names::names;
use super::phone_number::PhoneNumber;
use super::policy::numbers::{FIRST_RETRY_SECONDS, MOST_RETRY_DOUBLINGS};
use super::random::{self, Random};
use super::typed_text;

/// The way a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A mail.
    Email,
    /// A text message to a phone.
    Sms,
}

names!(Channel {
    Email = "email",
    Sms = "sms",
});

/// The state of a stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// To be sent.
    Pending,
    /// Given up, kept for operators.
    Dead,
}

names!(MessageState {
    Pending = "pending",
    Dead = "dead",
});

/// A language that messages and pages are written in. Its name is its tag (BCP 47).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

names!(Locale {
    En = "en",
    De = "de",
    Fr = "fr",
    Es = "es",
});

impl Locale {
    /// Returns the language that a tag names by its first part: `de-AT` is German. Programs also write locales as their
    /// system does, `de_AT.UTF-8`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let tag = typed_text::trim(tag);
        let language = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|locale| language.eq_ignore_ascii_case(locale.as_str()))
    }

    /// Returns the language of messages to a user: the requested one, or else the one that the browser prefers, or else
    /// English. An unknown tag is not an error, whatever it looks like: front ends have more languages than this
    /// service, and the way in which a phone writes its locale must not stop a registration.
    pub fn requested(tag: Option<&str>, accept_language: Option<&str>) -> Self {
        let asked = tag.and_then(Self::of_tag);
        asked
            .or_else(|| accept_language.and_then(Self::preferred))
            .unwrap_or_default()
    }

    /// Returns the language that an `Accept-Language` header prefers (RFC 9110 §12.5.4) among those of messages.
    pub fn preferred(accept_language: &str) -> Option<Self> {
        let ranked = accept_language.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let locale = Self::of_tag(parts.next()?)?;
            let weight = parts.find_map(|parameter| parameter.strip_prefix("q="));
            let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
            (weight > 0.0).then_some((locale, weight))
        });
        // The first of equals, as browsers list them.
        ranked
            .fold(None, |best: Option<(Self, f32)>, found| match best {
                Some(best) if best.1 >= found.1 => Some(best),
                _ => Some(found),
            })
            .map(|(locale, _)| locale)
    }
}

/// What a message is about, with its values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// A code that completes a login or steps a session up.
    SecondFactorCode {
        /// Digits only.
        code: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// A code that verifies that an address or a phone is its owner's, before it becomes a second factor.
    ConfirmationCode {
        /// Digits only.
        code: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// A passkey was registered.
    PasskeyAdded {
        /// The name that the owner gave it.
        name: String,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// The name that the owner gave it.
        name: String,
    },
    /// A passkey was refused because its counter had not risen: another authenticator may have the same key.
    PasskeyCloned {
        /// The name that the owner gave it.
        name: String,
    },
    /// An authenticator app was confirmed.
    AuthenticatorAdded,
    /// An authenticator app was replaced by another.
    AuthenticatorReplaced,
    /// The authenticator app was removed.
    AuthenticatorRemoved,
    /// A new set of recovery codes was made; the old one is void.
    RecoveryCodesReplaced,
    /// A recovery code was used as the second factor.
    RecoveryCodeUsed {
        /// Unused codes.
        remaining: i64,
    },
    /// Codes by mail became a second factor.
    EmailFactorAdded,
    /// Codes by mail are no longer a second factor.
    EmailFactorRemoved,
    /// Codes by text message became a second factor.
    PhoneFactorAdded {
        /// The number's last digits.
        hint: String,
    },
    /// Codes by text message are no longer a second factor.
    PhoneFactorRemoved,
    /// A refresh token was used twice, so an attacker may have a copy; its session has ended.
    RefreshTokenReused,
    /// A device was trusted: signing in on it takes the password alone for a while.
    DeviceTrusted {
        /// Days that it is trusted.
        days: i64,
    },
    /// An API key was made.
    ApiKeyCreated {
        /// The name that the owner gave it.
        name: String,
    },
    /// A sign-in at an upstream provider was linked to the account.
    IdentityLinked {
        /// The name of the provider.
        provider: String,
        /// The address of the account there, if the provider named one.
        #[serde(default)]
        account: Option<String>,
    },
    /// A sign-in at an upstream provider was unlinked from the account.
    IdentityUnlinked {
        /// The name of the provider.
        provider: String,
        /// The address of the account there, if the provider named one.
        #[serde(default)]
        account: Option<String>,
    },
    /// A device token was used twice, so an attacker may have a copy; its device is not trusted any longer.
    DeviceTokenReused,
    /// Second factors were wrong several times after a right first factor: an attacker may have that one.
    SecondFactorFailures,
    /// The current password was wrong several times in a session: an attacker may have its token.
    PasswordFailures,
    /// A second factor was right after many wrong ones.
    SignInAfterFailures,
    /// A hundred consecutive passwords were wrong: none is accepted until a new one is set.
    PasswordDisabled,
    /// Strangers gave fifty wrong passwords: it is accepted from known networks only.
    PasswordRefusedToStrangers,
    /// Strangers gave fifty wrong second factors: codes are accepted from known networks only.
    SecondFactorsRefusedToStrangers,
    /// A hundred consecutive second factors were wrong: only recovery codes are accepted.
    SecondFactorsDisabled,
    /// A sign-in from a network and with a program that the account has not used before.
    NewSignIn,
    /// A link that verifies the address.
    EmailVerification {
        /// The URL, with the token.
        link: String,
    },
    /// To the new address: a signed-in user asked to use it for their account. A link that changes the account's
    /// address to it.
    EmailChange {
        /// The URL, with the token.
        link: String,
    },
    /// To the old address: another one was requested in a signed-in session. A link that cancels the change.
    EmailChangeRequested {
        /// The URL, with the token.
        link: String,
    },
    /// To the old address: the account now has another one.
    EmailChanged,
    /// A link that is a first factor.
    MagicLink {
        /// The URL, with the token.
        link: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// A link that sets a new password.
    PasswordReset {
        /// The URL, with the token.
        link: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// The password was changed, with the old one.
    PasswordChanged,
    /// A new password was set with a link from a mail.
    PasswordWasReset,
    /// The password was removed, with a passkey.
    PasswordRemoved,
    /// A password was set where there was none.
    PasswordSet,
    /// The user name was changed.
    UsernameChanged,
    /// A client tried to register with the address of an account.
    AccountExists,
    /// A client tried to register with an address that its account never verified. A link that sets a password and
    /// gives the account to the reader of the address.
    UnconfirmedAccount {
        /// The URL, with the token.
        link: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// A registration without a password, where only mail answers. A link that sets the account up.
    RegistrationStarted {
        /// The URL, with the token.
        link: String,
        /// Minutes that it is valid.
        minutes: i64,
    },
    /// All data of the account was exported.
    AccountExported,
    /// The account was deleted, with everything that belongs to it.
    AccountDeleted,
    /// An operator made an account. A link that sets its first password.
    Invitation {
        /// The URL, with the token.
        link: String,
        /// Hours that it is valid.
        hours: i64,
    },
    /// An operator removed all second factors.
    SecondFactorsReset,
    /// To administrators: there is another webhook.
    WebhookCreated(WebhookChange),
    /// To administrators: a webhook has another URL.
    WebhookUrlChanged(WebhookChange),
    /// To administrators: the messages to a webhook have the addresses of users from now on.
    WebhookAddressesIncluded(WebhookChange),
    /// To administrators: a webhook has another secret, which its author has seen.
    WebhookSecretRotated(WebhookChange),
    /// To administrators: a webhook was deleted.
    WebhookDeleted(WebhookChange),
    /// To administrators: an account became or ceased to be one of theirs, or was disabled, enabled or deleted.
    AdministratorChanged(AdministratorChange),
}

/// Which webhook an operator changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookChange {
    /// Scheme, host and port of its URL. The rest may be secret.
    pub site: String,
    /// The webhook. Older releases do not write it.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Whether its messages have the addresses of users. Older releases do not write it.
    #[serde(default)]
    pub include_addresses: bool,
    /// The name of the administrator who did it; `None` for the command line.
    pub author: Option<String>,
}

/// Which administrator an operator changed, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdministratorChange {
    /// The name of the account.
    pub account: String,
    /// The account.
    pub id: Uuid,
    /// What happened to it.
    pub change: AdministratorChangeKind,
    /// The name of the administrator who did it; `None` for the command line.
    pub author: Option<String>,
}

/// What happened to an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorChangeKind {
    /// The account got the role.
    Granted,
    /// The account lost the role.
    Revoked,
    /// The account was disabled.
    Disabled,
    /// The account was enabled again.
    Enabled,
    /// The account was deleted.
    Deleted,
}

names!(AdministratorChangeKind {
    Granted = "granted",
    Revoked = "revoked",
    Disabled = "disabled",
    Enabled = "enabled",
    Deleted = "deleted",
});

impl Message {
    /// Returns the stable name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SecondFactorCode { .. } => "second_factor_code",
            Self::ConfirmationCode { .. } => "confirmation_code",
            Self::PasskeyAdded { .. } => "passkey_added",
            Self::PasskeyRemoved { .. } => "passkey_removed",
            Self::PasskeyCloned { .. } => "passkey_cloned",
            Self::AuthenticatorAdded => "authenticator_added",
            Self::AuthenticatorReplaced => "authenticator_replaced",
            Self::AuthenticatorRemoved => "authenticator_removed",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RecoveryCodeUsed { .. } => "recovery_code_used",
            Self::EmailFactorAdded => "email_factor_added",
            Self::EmailFactorRemoved => "email_factor_removed",
            Self::PhoneFactorAdded { .. } => "phone_factor_added",
            Self::PhoneFactorRemoved => "phone_factor_removed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::DeviceTrusted { .. } => "device_trusted",
            Self::ApiKeyCreated { .. } => "api_key_created",
            Self::IdentityLinked { .. } => "identity_linked",
            Self::IdentityUnlinked { .. } => "identity_unlinked",
            Self::DeviceTokenReused => "device_token_reused",
            Self::SecondFactorFailures => "second_factor_failures",
            Self::PasswordFailures => "password_failures",
            Self::SignInAfterFailures => "sign_in_after_failures",
            Self::PasswordDisabled => "password_disabled",
            Self::SecondFactorsDisabled => "second_factors_disabled",
            Self::PasswordRefusedToStrangers => "password_refused_to_strangers",
            Self::SecondFactorsRefusedToStrangers => "second_factors_refused_to_strangers",
            Self::NewSignIn => "new_sign_in",
            Self::EmailVerification { .. } => "email_verification",
            Self::EmailChange { .. } => "email_change",
            Self::EmailChangeRequested { .. } => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::MagicLink { .. } => "magic_link",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::PasswordWasReset => "password_was_reset",
            Self::PasswordRemoved => "password_removed",
            Self::PasswordSet => "password_set",
            Self::UsernameChanged => "username_changed",
            Self::AccountExists => "account_exists",
            Self::UnconfirmedAccount { .. } => "unconfirmed_account",
            Self::RegistrationStarted { .. } => "registration_started",
            Self::AccountExported => "account_exported",
            Self::AccountDeleted => "account_deleted",
            Self::Invitation { .. } => "invitation",
            Self::SecondFactorsReset => "second_factors_reset",
            Self::WebhookCreated(_) => "webhook_created",
            Self::WebhookUrlChanged(_) => "webhook_url_changed",
            Self::WebhookAddressesIncluded(_) => "webhook_addresses_included",
            Self::WebhookSecretRotated(_) => "webhook_secret_rotated",
            Self::WebhookDeleted(_) => "webhook_deleted",
            Self::AdministratorChanged(_) => "administrator_changed",
        }
    }

    /// Returns what a notice names beside its kind. Only notices that name the same are merged: administrators must
    /// learn of every destination of a webhook and of every account that was changed, and not only of the last one.
    pub fn subject(&self) -> String {
        match self {
            Self::WebhookCreated(change)
            | Self::WebhookUrlChanged(change)
            | Self::WebhookAddressesIncluded(change)
            | Self::WebhookSecretRotated(change)
            | Self::WebhookDeleted(change) => format!("{change:?}"),
            Self::AdministratorChanged(change) => format!("{change:?}"),
            _ => String::new(),
        }
    }

    /// Returns its link, if it has one.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::EmailVerification { link }
            | Self::EmailChange { link }
            | Self::EmailChangeRequested { link }
            | Self::MagicLink { link, .. }
            | Self::PasswordReset { link, .. }
            | Self::UnconfirmedAccount { link, .. }
            | Self::RegistrationStarted { link, .. }
            | Self::Invitation { link, .. } => Some(link),
            _ => None,
        }
    }

    /// Returns the token in its link, if it has one.
    pub fn token(&self) -> Option<&str> {
        self.link()?.split_once("#token=").map(|(_, token)| token)
    }

    /// Returns its code, if it has one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::SecondFactorCode { code, .. } | Self::ConfirmationCode { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Message({})", self.kind())
    }
}

/// When and from where the event happened, so that the reader of the message can tell whether it was them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The address that the request came from.
    pub ip: Option<IpAddr>,
    /// The program that it came from. Stored under the name that the field had when it contained the whole header.
    #[serde(rename = "user_agent", default)]
    pub program: ClientProgram,
}

/// A message with everything that is required to send it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// A mail address or a phone number, by channel. Empty means that nothing is sent: such a notification is written
    /// where no account has the given address, so that the request takes as long as where one has.
    pub to: String,
    /// The language it is written in.
    pub locale: Locale,
    /// The content.
    pub message: Message,
    /// The event that caused it.
    pub occasion: Occasion,
    /// In a notice that stands for several: how often the event happened after the previous notice. Older releases do
    /// not write it.
    #[serde(default)]
    pub repeats: u32,
}

impl fmt::Debug for Notification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Notification({})", self.message.kind())
    }
}

/// How long to wait between tries to send something.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Seconds to wait after the first try.
    pub first_seconds: i64,
    /// Doublings after which the wait stays the same.
    pub most_doublings: i32,
}

impl Retries {
    /// Returns how long to wait after so many tries. The wait doubles each time, and up to half of it is added at random,
    /// so that messages which failed together are not retried together.
    pub fn back_off(self, tries: i32, random: &dyn Random) -> TimeDelta {
        let doublings = (tries - 1).clamp(0, self.most_doublings);
        let millis = (self.first_seconds * 1000) << doublings;
        let [chance] = random::bytes::<1>(random);
        TimeDelta::milliseconds(millis + millis * i64::from(chance) / 512)
    }
}

/// Returns how long to wait after so many tries to send a message to a user.
pub fn back_off(tries: i32, random: &dyn Random) -> TimeDelta {
    let retries = Retries {
        first_seconds: FIRST_RETRY_SECONDS,
        most_doublings: MOST_RETRY_DOUBLINGS,
    };
    retries.back_off(tries, random)
}

/// Returns an address or a phone number in the form in which accounts have it, and any other text as it is.
pub fn canonical_destination(text: &str) -> String {
    let email = Email::parse(text).map(|email| email.as_str().to_owned());
    let number = || PhoneNumber::parse(text).map(|number| number.as_str().to_owned());
    email
        .or_else(|_no_address| number())
        .unwrap_or_else(|_neither| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_compared_as_accounts_have_them() {
        for (text, expected) in [
            ("Jo@Example.com", "jo@example.com"),
            (" jo@bücher.example ", "jo@xn--bcher-kva.example"),
            ("+49 151 1234-5678", "+4915112345678"),
            ("0151 12345678", "0151 12345678"),
            ("neither", "neither"),
        ] {
            assert_eq!(canonical_destination(text), expected, "{text}");
        }
    }

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    #[test]
    fn each_wait_is_twice_as_long_up_to_some_ten_minutes() {
        let waits: Vec<i64> = [0, 1, 2, 3, 8, 9, 1000]
            .map(|tries| back_off(tries, &Fixed(0)).num_seconds())
            .to_vec();
        assert_eq!(waits, [5, 5, 10, 20, 640, 640, 640]);
        assert!(back_off(1, &Fixed(255)) < TimeDelta::milliseconds(7500));
    }

    #[test]
    fn a_tag_asks_for_its_language() {
        assert_eq!(Locale::of_tag("de-AT"), Some(Locale::De));
        assert_eq!(Locale::of_tag("EN"), Some(Locale::En));
        for tag in [
            "de_DE",
            "de_DE.UTF-8",
            "de.UTF-8",
            "de@euro",
            " de-CH\n",
            "DE_at",
            "de-Latn-DE-1996",
        ] {
            assert_eq!(Locale::of_tag(tag), Some(Locale::De), "{tag:?}");
        }
        assert_eq!(Locale::of_tag("fr-CA"), Some(Locale::Fr));
        assert_eq!(Locale::of_tag("es_419"), Some(Locale::Es));
        for tag in ["it", "deu", "", "german", "d", "C", "POSIX", "-de", "d\u{200b}e", "🇩🇪"] {
            assert_eq!(Locale::of_tag(tag), None, "{tag:?}");
        }
    }

    #[test]
    fn the_best_liked_language_that_there_is_wins() {
        for (header, wanted) in [
            ("de-DE,de;q=0.9,en;q=0.8", Some(Locale::De)),
            ("en;q=0.5, de;q=0.9", Some(Locale::De)),
            ("it, en;q=0.2", Some(Locale::En)),
            ("fr-CH, fr;q=0.9, de;q=0.7", Some(Locale::Fr)),
            ("ca, es;q=0.8", Some(Locale::Es)),
            ("en,de", Some(Locale::En)),
            ("de;q=0, en;q=0.1", Some(Locale::En)),
            ("it", None),
            ("*", None),
            ("de;q=x", None),
            ("", None),
        ] {
            assert_eq!(Locale::preferred(header), wanted, "{header}");
        }
    }

    #[test]
    fn what_is_asked_for_goes_before_what_the_browser_likes() {
        let requested = Locale::requested;
        assert_eq!(requested(Some("de-CH-1996"), Some("en")), Locale::De);
        assert_eq!(requested(Some("it"), Some("de")), Locale::De);
        assert_eq!(requested(Some("it"), None), Locale::En);
        assert_eq!(requested(None, None), Locale::En);
        assert_eq!(requested(Some("de_AT"), Some("en")), Locale::De);
        for text in ["", "d", "german", "xx-XX", "\r\nBcc: x", &"x".repeat(9999)] {
            assert_eq!(requested(Some(text), None), Locale::En, "{text:?}");
        }
    }

    #[test]
    fn the_kind_is_the_name_it_is_stored_under() {
        let message = Message::RecoveryCodeUsed { remaining: 3 };
        let stored = serde_json::to_value(&message).unwrap();
        assert_eq!(stored["kind"], message.kind());
    }

    #[test]
    fn what_a_message_says_is_not_printed() {
        let message = Message::SecondFactorCode {
            code: "12345678".to_owned(),
            minutes: 10,
        };
        assert_eq!(format!("{message:?}"), "Message(second_factor_code)");
    }
}
