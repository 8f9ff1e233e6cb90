//! Challenges of passkeys. Each is an opaque token, without the prefix that names its kind: it proves for what use, for
//! which session and when it was made, and nothing is stored before it comes back.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::keyring::UnknownKey;
use super::mac::TokenMac;
use crate::domain::ids::{UserId, uuid_v7};
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::{CHALLENGE_LIFE, CLOCK_TOLERANCE};
use crate::domain::random::Random;
use crate::domain::session::SessionKey;

/// What a challenge is for. One that was made for another use, user or session is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengePurpose {
    /// The session registers a passkey.
    Registration(SessionKey),
    /// The session's user shows a passkey beside another factor, or to step up.
    Assertion(SessionKey),
    /// A user signs in with a passkey alone. Who it is, the assertion says.
    SignIn,
    /// The session's user removes the password, with a passkey that signs as at a sign-in: alone, and with the user's
    /// name.
    PasswordRemoval(SessionKey),
}

impl ChallengePurpose {
    const fn kind(self) -> TokenKind {
        match self {
            Self::Registration(_) => TokenKind::PasskeyRegistration,
            Self::Assertion(_) => TokenKind::PasskeyAssertion,
            Self::SignIn => TokenKind::PasskeySignIn,
            Self::PasswordRemoval(_) => TokenKind::PasswordRemoval,
        }
    }

    /// Returns the session that it is for, if it is for one.
    pub const fn session(self) -> Option<SessionKey> {
        match self {
            Self::Registration(session) | Self::Assertion(session) | Self::PasswordRemoval(session) => Some(session),
            Self::SignIn => None,
        }
    }

    /// Returns whether the passkey is the only proof, so that it has to be two factors and to name its user.
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::SignIn | Self::PasswordRemoval(_))
    }
}

/// A challenge that this service made, for a known purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyChallenge {
    text: String,
    purpose: ChallengePurpose,
    issued_at: DateTime<Utc>,
}

impl PasskeyChallenge {
    /// Makes a challenge. Those of a session are the same within a microsecond; each of a sign-in is different.
    ///
    /// # Errors
    ///
    /// Never in practice: the current key is always known.
    pub fn issue(
        mac: &TokenMac,
        purpose: ChallengePurpose,
        now: DateTime<Utc>,
        random: &dyn Random,
    ) -> Result<Self, UnknownKey> {
        let (user_id, row_id) = match purpose.session() {
            Some(session) => (session.user_id, session.session_id.uuid()),
            None => (UserId::from_uuid(Uuid::nil()), uuid_v7(now, random)),
        };
        let micros = now.timestamp_micros().max(0);
        let token = mac.issue(purpose.kind(), user_id, row_id, micros.cast_unsigned())?;
        let token = token.expose_secret();
        Ok(Self {
            text: token.strip_prefix(purpose.kind().prefix()).unwrap_or(token).to_owned(),
            purpose,
            issued_at: DateTime::from_timestamp_micros(micros).unwrap_or_default(),
        })
    }

    /// Opens a challenge that came back. `None` if it was not made for this purpose, is older than [`CHALLENGE_LIFE`],
    /// or is from the future by more than [`CLOCK_TOLERANCE`]: the clock of the instance that made it may be ahead.
    pub fn open(mac: &TokenMac, purpose: ChallengePurpose, text: &str, now: DateTime<Utc>) -> Option<Self> {
        let kind = purpose.kind();
        let body = mac.open(kind, &format!("{}{text}", kind.prefix()))?;
        let issued_at = DateTime::from_timestamp_micros(i64::try_from(body.counter).ok()?)?;
        let is_of_session = purpose.session().is_none_or(|session| session == body.session());
        let age = now - issued_at;
        let is_alive = -CLOCK_TOLERANCE <= age && age <= CHALLENGE_LIFE;
        (is_of_session && is_alive).then(|| Self {
            text: text.to_owned(),
            purpose,
            issued_at,
        })
    }

    /// Accepts the challenge of a response that another program made.
    #[cfg(test)]
    pub(super) fn foreign(text: &str, purpose: ChallengePurpose) -> Self {
        Self {
            text: text.to_owned(),
            purpose,
            issued_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Returns the member `challenge` of the options, in base64url.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what it is for.
    pub const fn purpose(&self) -> ChallengePurpose {
        self.purpose
    }

    /// Returns when it was made, in whole microseconds. A passkey that was used with a challenge of this moment or of a
    /// later one is refused with it.
    pub const fn issued_at(&self) -> DateTime<Utc> {
        self.issued_at
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::keyring::test_keyring;
    use crate::domain::ids::SessionId;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    fn purposes(user: u128, session: u128) -> [ChallengePurpose; 4] {
        let session = SessionKey {
            user_id: UserId::from_uuid(Uuid::from_u128(user)),
            session_id: SessionId::from_uuid(Uuid::from_u128(session)),
        };
        [
            ChallengePurpose::Registration(session),
            ChallengePurpose::Assertion(session),
            ChallengePurpose::SignIn,
            ChallengePurpose::PasswordRemoval(session),
        ]
    }

    fn moment(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    fn issue(mac: &TokenMac, purpose: ChallengePurpose, now: DateTime<Utc>) -> PasskeyChallenge {
        PasskeyChallenge::issue(mac, purpose, now, &Fixed(3)).unwrap()
    }

    const YEAR_2100: i64 = 4_102_444_800_000_000;

    proptest! {
        #[test]
        fn a_challenge_opens_for_its_own_purpose_user_and_session_only(
            ids: [u128; 2], others: [u128; 2], micros in 0..YEAR_2100,
        ) {
            let mac = TokenMac::new(&test_keyring());
            let all = [(ids[0], ids[1]), (others[0], ids[1]), (ids[0], others[1])].map(|(user, session)| purposes(user, session));
            for purpose in all[0] {
                let challenge = issue(&mac, purpose, moment(micros));
                prop_assert_eq!(challenge.text().len(), 98);
                for other in all.into_iter().flatten() {
                    let opened = PasskeyChallenge::open(&mac, other, challenge.text(), moment(micros));
                    prop_assert_eq!(opened, (other == purpose).then(|| challenge.clone()), "{:?} as {:?}", purpose, other);
                }
            }
        }

        #[test]
        fn a_challenge_opens_during_its_life_only(micros in 0..YEAR_2100, later in -12_000_000_i64..302_000_000) {
            let mac = TokenMac::new(&test_keyring());
            for purpose in purposes(1, 2) {
                let challenge = issue(&mac, purpose, moment(micros));
                let now = moment(micros) + TimeDelta::microseconds(later);
                let opened = PasskeyChallenge::open(&mac, purpose, challenge.text(), now);
                prop_assert_eq!(opened.is_some(), (-10_000_000..=300_000_000).contains(&later));
            }
        }

        #[test]
        fn other_texts_are_not_challenges(position in 0..98_usize, character in "[A-Za-z0-9_-]", text in "\\PC{0,100}") {
            let mac = TokenMac::new(&test_keyring());
            for purpose in purposes(1, 2) {
                let challenge = issue(&mac, purpose, moment(0));
                let mut changed = challenge.text().to_owned();
                changed.replace_range(position..=position, &character);
                let opens = |text: &str| PasskeyChallenge::open(&mac, purpose, text, moment(0)).is_some();
                prop_assert!(changed == challenge.text() || !opens(&changed));
                prop_assert!(!opens(&text));
            }
        }
    }

    /// The bounds of the life, which random times rarely meet.
    #[test]
    fn the_last_microsecond_counts() {
        let mac = TokenMac::new(&test_keyring());
        let now = moment(1_000_000_000_000_000);
        let challenge = issue(&mac, ChallengePurpose::SignIn, now);
        assert_eq!(challenge.issued_at(), now);
        let micro = TimeDelta::microseconds(1);
        for (then, opens) in [
            (now - CLOCK_TOLERANCE - micro, false),
            (now - CLOCK_TOLERANCE, true),
            (now, true),
            (now + CHALLENGE_LIFE, true),
            (now + CHALLENGE_LIFE + micro, false),
        ] {
            let opened = PasskeyChallenge::open(&mac, ChallengePurpose::SignIn, challenge.text(), then);
            assert_eq!(opened.is_some(), opens, "{then}");
        }
    }

    #[test]
    fn a_whole_token_is_not_a_challenge() {
        let mac = TokenMac::new(&test_keyring());
        let now = moment(1_000_000_000_000_000);
        let challenge = issue(&mac, ChallengePurpose::SignIn, now);
        let token = format!("vks_{}", challenge.text());
        assert_eq!(
            PasskeyChallenge::open(&mac, ChallengePurpose::SignIn, &token, now),
            None
        );
    }

    /// A sign-in has no session that would make its challenges differ.
    #[test]
    fn challenges_of_sign_ins_differ_by_their_randomness() {
        let mac = TokenMac::new(&test_keyring());
        let now = moment(1_000_000_000_000_000);
        let texts = [1, 2].map(|byte| {
            let challenge = PasskeyChallenge::issue(&mac, ChallengePurpose::SignIn, now, &Fixed(byte)).unwrap();
            challenge.text().to_owned()
        });
        assert_ne!(texts[0], texts[1]);
    }
}
