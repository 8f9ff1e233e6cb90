//! Which proofs make which assurance level, and how fresh it is: the one place that decides `acr`, `amr` and
//! `auth_time`.
//!
//! Two factors are a password and something that the user has, or a passkey that verified the user. A mailbox is
//! neither: a link or a code sent there proves only that its sender reads that mailbox (NIST SP 800-63B-4 §3.1.3.1), so
//! mail never lifts a session to `aal2`, however often it is used.
//!
//! Each proof has its own time. The freshness of a session is that of its strongest ground, so that a proof renews only
//! what it proves: a password that an attacker knows does not make an old code of an authenticator fresh.

use chrono::{DateTime, TimeDelta, Utc};

use super::names::names;

/// A way in which a user authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthenticationMethod {
    /// A memorised secret.
    Password,
    /// A link that was sent to the account's address.
    EmailLink,
    /// A code of an authenticator app.
    Totp,
    /// One of the codes saved for the loss of the authenticator.
    RecoveryCode,
    /// A code that was sent to the account's phone.
    SmsCode,
    /// A code that was sent to the account's address.
    EmailCode,
    /// A passkey whose authenticator saw that the user is present, but did not verify who it is.
    Passkey,
    /// A passkey whose authenticator verified the user, by a PIN or by biometrics: two factors in one proof.
    VerifiedPasskey,
    /// A device on which the user gave a second factor some time ago, and which spares them another one now.
    TrustedDevice,
    /// A sign-in at an upstream provider.
    Federation,
    /// A sign-in at an upstream provider which says that the user gave two factors there, and which the operator
    /// believes.
    FederatedTwoFactors,
}

/// What a proof rests on, the weakest first. Two proofs are two factors only if they rest on different grounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A second factor of an earlier login, which is none of this one.
    EarlierLogin,
    /// A mailbox, which is not a factor.
    Mailbox,
    /// Something that the user knows; or the word of a provider, which does not say more than that.
    Knowledge,
    /// Something that the user has.
    Possession,
}

// The names are stored: the `amr` value where that names the method alone.
names!(AuthenticationMethod {
    Password = "pwd",
    EmailLink = "email_link",
    Totp = "otp",
    RecoveryCode = "recovery",
    SmsCode = "sms",
    EmailCode = "email_code",
    Passkey = "passkey",
    VerifiedPasskey = "verified_passkey",
    TrustedDevice = "tdv",
    Federation = "federation",
    FederatedTwoFactors = "federated_two_factors",
});

/// What a method is called, and what it proves.
struct Traits {
    amr: &'static [&'static str],
    request_name: &'static str,
    ground: Ground,
    /// Whether it is two factors by itself.
    is_two_factors: bool,
}

impl Traits {
    /// Returns the traits of a method that is one factor at most.
    const fn of(amr: &'static [&'static str], request_name: &'static str, ground: Ground) -> Self {
        Self {
            amr,
            request_name,
            ground,
            is_two_factors: false,
        }
    }
}

/// The `amr` of passkeys, a proof of possession of a key (RFC 8176). Whether the key is in hardware (`hwk`) or in
/// software (`swk`) is not claimed: only an attestation would prove it, and none is asked for.
const PROOF_OF_POSSESSION: &[&str] = &["pop"];
/// The `amr` of two factors (RFC 8176).
const TWO_FACTORS: &str = "mfa";

impl AuthenticationMethod {
    const fn traits(self) -> Traits {
        match self {
            Self::Password => Traits::of(&["pwd"], "password", Ground::Knowledge),
            Self::EmailLink => Traits::of(&["email"], "magic_link", Ground::Mailbox),
            Self::Totp => Traits::of(&["otp"], "totp", Ground::Possession),
            Self::RecoveryCode => Traits::of(&["recovery"], "recovery_code", Ground::Possession),
            Self::SmsCode => Traits::of(&["sms"], "sms", Ground::Possession),
            Self::EmailCode => Traits::of(&["email"], "email", Ground::Mailbox),
            Self::Passkey => Traits::of(PROOF_OF_POSSESSION, "passkey", Ground::Possession),
            Self::VerifiedPasskey => Traits {
                is_two_factors: true,
                ..Self::Passkey.traits()
            },
            Self::TrustedDevice => Traits::of(&["tdv"], "trusted_device", Ground::EarlierLogin),
            // Beside a password it is not a second factor: the provider may have asked for a password as well.
            Self::Federation => Traits::of(&["fed"], "federation", Ground::Knowledge),
            Self::FederatedTwoFactors => Traits {
                is_two_factors: true,
                ..Self::Federation.traits()
            },
        }
    }

    /// Returns the `amr` values: names of RFC 8176 where it has one, private ones otherwise.
    pub const fn amr(self) -> &'static [&'static str] {
        self.traits().amr
    }

    /// Returns the name of the proof in requests, responses and the audit trail: the `method` of a code, `password`,
    /// `magic_link`.
    pub const fn request_name(self) -> &'static str {
        self.traits().request_name
    }

    /// Returns whether the proof rests on something that the user has.
    pub const fn is_held(self) -> bool {
        matches!(self.ground(), Ground::Possession)
    }

    /// Returns what a proof by this method rests on.
    pub const fn ground(self) -> Ground {
        self.traits().ground
    }

    /// Returns whether a proof by this method is two factors by itself.
    pub const fn is_two_factors(self) -> bool {
        self.traits().is_two_factors
    }
}

/// How sure the service is of the user's identity; the `acr` of tokens, after NIST's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssuranceLevel {
    /// One factor.
    Aal1,
    /// Two distinct factors.
    Aal2,
}

impl AssuranceLevel {
    /// Returns the `acr` value.
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }
}

/// A method, and when the user last authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The method.
    pub method: AuthenticationMethod,
    /// When it was given.
    pub at: DateTime<Utc>,
}

/// The proofs of a session or a token, in the order in which their methods first appeared, one entry for each method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs(Vec<Proof>);

impl FromIterator<Proof> for Proofs {
    fn from_iter<I: IntoIterator<Item = Proof>>(proofs: I) -> Self {
        proofs.into_iter().fold(Self::default(), |all, proof| all.with(proof))
    }
}

impl Proofs {
    /// Returns the first proof of a session.
    pub fn first(method: AuthenticationMethod, at: DateTime<Utc>) -> Self {
        Self(vec![Proof { method, at }])
    }

    /// Returns these proofs with one more. A method that is already there stays in its place, and its time moves
    /// forward.
    #[must_use]
    pub fn with(&self, more: Proof) -> Self {
        let mut proofs = self.0.clone();
        match proofs.iter_mut().find(|proof| proof.method == more.method) {
            Some(known) => known.at = known.at.max(more.at),
            None => proofs.push(more),
        }
        Self(proofs)
    }

    /// Returns the proofs that a token stands for, by its `amr` and `auth_time`. Proofs that were given after it was
    /// made do not count, even with another token of the same session.
    #[must_use]
    pub fn shown_by(&self, amr: &[String], auth_time: DateTime<Utc>) -> Self {
        let has = |name: &&str| amr.iter().any(|shown| shown == name);
        // Both proofs by passkeys have the same names, and both by providers. Without `mfa`, a token was made when there
        // was only the one that is not two factors.
        let is_shown = |proof: &&Proof| {
            let method = proof.method;
            method.amr().iter().all(&has) && (!method.is_two_factors() || has(&TWO_FACTORS))
        };
        let no_later = |proof: &Proof| Proof {
            at: proof.at.min(auth_time),
            ..*proof
        };
        Self(self.0.iter().filter(is_shown).map(no_later).collect())
    }

    /// Returns those whose method is also among `others`.
    #[must_use]
    pub fn within(&self, others: &Self) -> Self {
        let is_there = |proof: &&Proof| others.0.iter().any(|other| other.method == proof.method);
        Self(self.0.iter().filter(is_there).copied().collect())
    }

    /// Returns the proofs that rest on nothing stronger than a ground.
    #[must_use]
    pub fn up_to(&self, strongest: Ground) -> Self {
        let left = self.0.iter().filter(|proof| proof.method.ground() <= strongest);
        Self(left.copied().collect())
    }

    /// Lists the proofs.
    pub fn iter(&self) -> impl Iterator<Item = &Proof> {
        self.0.iter()
    }

    /// Returns the level that the proofs reach.
    pub fn level(&self) -> AssuranceLevel {
        let rests_on = |ground| self.0.iter().any(|proof| proof.method.ground() == ground);
        let is_two_factors = self.0.iter().any(|proof| proof.method.is_two_factors());
        if is_two_factors || rests_on(Ground::Knowledge) && rests_on(Ground::Possession) {
            AssuranceLevel::Aal2
        } else {
            AssuranceLevel::Aal1
        }
    }

    /// Returns the `amr` values, in order, with `mfa` where there are proofs of two factors (RFC 8176 §2).
    pub fn amr(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for name in self.0.iter().flat_map(|proof| proof.method.amr()) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        if self.level() == AssuranceLevel::Aal2 {
            names.push(TWO_FACTORS);
        }
        names
    }

    fn strongest(&self) -> Option<Ground> {
        self.0.iter().map(|proof| proof.method.ground()).max()
    }

    /// Returns when a proof of the strongest ground was last given; `None` where there is no proof. A password does not
    /// renew a session that was signed in to with something that the user has, and a mailed code renews no other proof.
    pub fn auth_time(&self) -> Option<DateTime<Utc>> {
        let strongest = self.strongest()?;
        let of_strongest = self.0.iter().filter(|proof| proof.method.ground() == strongest);
        of_strongest.map(|proof| proof.at).max()
    }

    /// Returns whether a proof may complete a login after these: it must rest on another ground. Reading one mailbox
    /// twice is not a second factor. Where nothing was proved before, as in a registration without a password, it must
    /// be two factors by itself.
    pub fn allow_second(&self, more: AuthenticationMethod) -> bool {
        let is_another = self.0.iter().all(|proof| proof.method.ground() != more.ground());
        is_another && (!self.0.is_empty() || more.is_two_factors())
    }

    /// Returns whether those among the proofs that count recover an account without a password: a recovery code that
    /// was saved, and a link that was sent to the verified address (NIST SP 800-63B-4 §4.2.2.2). They stay `aal1`.
    pub fn recover(&self, counts: impl Fn(&Proof) -> bool) -> bool {
        let has = |method| self.0.iter().any(|proof| proof.method == method && counts(proof));
        has(AuthenticationMethod::RecoveryCode) && has(AuthenticationMethod::EmailLink)
    }
}

/// What a request requires of the proofs behind the presented token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// At least this level.
    pub level: AssuranceLevel,
    /// A proof by one of these methods, however old; none if any methods will do.
    pub one_of: Vec<AuthenticationMethod>,
    /// The proof that has to be recent; `None` if any age will do.
    pub recent: Option<Recent>,
    /// Whether the proofs of a recovery are enough in the place of the level ([`Proofs::recover`]). If a proof has to
    /// be recent, both of them have to be: otherwise a link of weeks ago and one found code would make a recovery.
    pub or_recovery: bool,
}

/// A proof that has to be recent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// The weakest ground that is enough. A mailbox is not, where the account has a password: an attacker who reads the
    /// owner's mail gets a session with a magic link, and must not change how the owner signs in.
    pub least: Ground,
    /// How long ago it may have been given.
    pub max_age: TimeDelta,
}

impl Requirement {
    /// Returns what a sensitive change requires of an account whose strongest available ground is `strongest`: a recent
    /// proof of that ground, and two factors if the ground is something that the user has.
    pub fn of_sensitive_change(strongest: Ground, max_age: TimeDelta) -> Self {
        Self {
            level: match strongest {
                Ground::Possession => AssuranceLevel::Aal2,
                Ground::EarlierLogin | Ground::Mailbox | Ground::Knowledge => AssuranceLevel::Aal1,
            },
            one_of: Vec::new(),
            recent: Some(Recent {
                least: strongest,
                max_age,
            }),
            or_recovery: false,
        }
    }

    /// Returns the same requirement, met by a recovery as well. That is for accounts without a password, whose owner
    /// could otherwise register no passkey after the loss of all. With a password it would be weaker than what the
    /// account can prove; there, a reset of the password and a recovery code make `aal2`.
    #[must_use]
    pub fn or_recovery(self, is_enough: bool) -> Self {
        Self {
            or_recovery: is_enough,
            ..self
        }
    }

    /// Returns whether the proofs are enough `now`.
    pub fn is_met_by(&self, proofs: &Proofs, now: DateTime<Utc>) -> bool {
        self.shortfall(proofs, now) == 0
    }

    /// Returns whether the proofs have one of the named methods, if some are named.
    pub fn has_named(&self, proofs: &Proofs) -> bool {
        self.one_of.is_empty() || proofs.iter().any(|proof| self.one_of.contains(&proof.method))
    }

    /// Counts the conditions that the proofs do not meet.
    fn shortfall(&self, proofs: &Proofs, now: DateTime<Utc>) -> u8 {
        let is_fresh = |recent: Recent| {
            proofs.strongest() >= Some(recent.least) && proofs.auth_time().is_some_and(|at| now - at <= recent.max_age)
        };
        let is_recent = |proof: &Proof| self.recent.is_none_or(|recent| now - proof.at <= recent.max_age);
        let is_level_met = proofs.level() >= self.level || self.or_recovery && proofs.recover(is_recent);
        let is_fresh_enough = self.recent.is_none_or(is_fresh);
        [is_level_met, is_fresh_enough, self.has_named(proofs)]
            .into_iter()
            .map(|is_met| u8::from(!is_met))
            .sum()
    }

    /// Returns which of the available methods would meet the requirement if they were given `now`. Where none does
    /// alone, returns those that meet one more of its conditions: the next challenge then asks for the rest. Where all
    /// together do not meet it, returns none: the user would prove something for nothing.
    pub fn accepted(
        &self,
        proofs: &Proofs,
        available: &[AuthenticationMethod],
        now: DateTime<Utc>,
    ) -> Vec<AuthenticationMethod> {
        let shortfall_after =
            |method: AuthenticationMethod| self.shortfall(&proofs.with(Proof { method, at: now }), now);
        let at_most = |most: u8| {
            let fitting = available.iter().filter(|method| shortfall_after(**method) <= most);
            fitting.copied().collect::<Vec<_>>()
        };
        let enough = at_most(0);
        let all = available.iter().map(|method| Proof {
            method: *method,
            at: now,
        });
        let with_all = proofs.iter().copied().chain(all).collect();
        match self.shortfall(proofs, now) {
            before if enough.is_empty() && before > 0 && self.is_met_by(&with_all, now) => at_most(before - 1),
            _ => enough,
        }
    }
}

/// Returns the names of methods in requests, each once and in order.
pub fn request_names(methods: &[AuthenticationMethod]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in methods.iter().map(|method| method.request_name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::AuthenticationMethod::{
        EmailCode, EmailLink, FederatedTwoFactors, Federation, Passkey, Password, RecoveryCode, SmsCode, Totp,
        TrustedDevice, VerifiedPasskey,
    };
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn proofs(methods: &[(AuthenticationMethod, i64)]) -> Proofs {
        let proof = |(method, seconds): &(AuthenticationMethod, i64)| Proof {
            method: *method,
            at: at(*seconds),
        };
        methods.iter().map(proof).collect()
    }

    fn of(methods: &[AuthenticationMethod]) -> Proofs {
        methods
            .iter()
            .map(|method| Proof {
                method: *method,
                at: at(0),
            })
            .collect()
    }

    /// Every set of methods, by the bits of a number.
    fn every_set() -> impl Iterator<Item = Vec<AuthenticationMethod>> {
        (0_u32..1 << AuthenticationMethod::ALL.len()).map(|bits| {
            let in_set = |(index, _): &(usize, AuthenticationMethod)| bits & (1 << index) != 0;
            let methods = AuthenticationMethod::ALL.into_iter().enumerate().filter(in_set);
            methods.map(|(_, method)| method).collect()
        })
    }

    /// The proofs of a session: methods, and the seconds between them.
    fn sequence() -> impl Strategy<Value = Vec<(AuthenticationMethod, i64)>> {
        let method = (0..AuthenticationMethod::ALL.len()).prop_map(|index| AuthenticationMethod::ALL[index]);
        proptest::collection::vec((method, 0_i64..1000), 1..12).prop_map(|steps| {
            let mut now = 0;
            let at_time = |(method, pause)| {
                now += pause;
                (method, now)
            };
            steps.into_iter().map(at_time).collect()
        })
    }

    const KNOWN: [AuthenticationMethod; 3] = [Password, Federation, FederatedTwoFactors];
    const HELD: [AuthenticationMethod; 5] = [Totp, RecoveryCode, SmsCode, Passkey, VerifiedPasskey];

    #[test]
    fn of_all_sets_of_proofs_those_of_two_factors_reach_aal2() {
        for methods in every_set() {
            let held = HELD.iter().any(|held| methods.contains(held));
            let known = KNOWN.iter().any(|known| methods.contains(known));
            let two_factors = known && held || methods.iter().any(|method| method.is_two_factors());
            let proofs = of(&methods);
            assert_eq!(proofs.level() == AssuranceLevel::Aal2, two_factors, "{methods:?}");
            assert_eq!(proofs.amr().contains(&"mfa"), two_factors, "{methods:?}");
        }
    }

    #[test]
    fn mail_never_adds_a_factor_however_often_it_is_used() {
        for methods in every_set() {
            let without_mail: Vec<_> = methods
                .iter()
                .copied()
                .filter(|method| !matches!(method, EmailLink | EmailCode))
                .collect();
            assert_eq!(of(&methods).level(), of(&without_mail).level(), "{methods:?}");
        }
        assert_eq!(of(&[EmailLink, EmailCode]).amr(), ["email"]);
        assert_eq!(of(&[EmailLink, EmailCode]).level(), AssuranceLevel::Aal1);
    }

    #[test]
    fn each_way_in_has_its_values() {
        let table: [(&[AuthenticationMethod], &str, &[&str]); 23] = [
            (&[], "aal1", &[]),
            (&[Password], "aal1", &["pwd"]),
            (&[Password, Totp], "aal2", &["pwd", "otp", "mfa"]),
            (&[Password, RecoveryCode], "aal2", &["pwd", "recovery", "mfa"]),
            (&[Password, SmsCode], "aal2", &["pwd", "sms", "mfa"]),
            (&[Password, EmailCode], "aal1", &["pwd", "email"]),
            (&[EmailLink, Totp], "aal1", &["email", "otp"]),
            (&[EmailLink, SmsCode], "aal1", &["email", "sms"]),
            (&[Password, EmailCode, Totp], "aal2", &["pwd", "email", "otp", "mfa"]),
            (&[Password, Password], "aal1", &["pwd"]),
            (&[Passkey], "aal1", &["pop"]),
            (&[VerifiedPasskey], "aal2", &["pop", "mfa"]),
            (&[Password, Passkey], "aal2", &["pwd", "pop", "mfa"]),
            (&[Password, VerifiedPasskey], "aal2", &["pwd", "pop", "mfa"]),
            (&[EmailLink, Passkey], "aal1", &["email", "pop"]),
            (&[Passkey, VerifiedPasskey], "aal2", &["pop", "mfa"]),
            (&[Password, TrustedDevice], "aal1", &["pwd", "tdv"]),
            (&[Password, TrustedDevice, Totp], "aal2", &["pwd", "tdv", "otp", "mfa"]),
            (&[Federation], "aal1", &["fed"]),
            (&[Federation, Password], "aal1", &["fed", "pwd"]),
            (&[Federation, EmailCode], "aal1", &["fed", "email"]),
            (&[Federation, Totp], "aal2", &["fed", "otp", "mfa"]),
            (&[FederatedTwoFactors], "aal2", &["fed", "mfa"]),
        ];
        for (methods, acr, names) in table {
            let proofs = of(methods);
            assert_eq!(
                (proofs.level().acr(), proofs.amr().as_slice()),
                (acr, names),
                "{methods:?}"
            );
        }
    }

    #[test]
    fn a_trusted_device_adds_no_factor_and_renews_nothing() {
        for methods in every_set() {
            let without: Vec<_> = methods
                .iter()
                .copied()
                .filter(|method| *method != TrustedDevice)
                .collect();
            assert_eq!(of(&methods).level(), of(&without).level(), "{methods:?}");
        }
        let spared = proofs(&[(Password, 0), (TrustedDevice, 900)]);
        assert_eq!(spared.auth_time(), Some(at(0)));
        assert!(!sensitive(Ground::Possession).is_met_by(&spared, at(0)));
    }

    #[test]
    fn a_login_is_completed_by_something_else_than_it_began_with() {
        let after = |method| of(&[method]);
        assert!(after(Password).allow_second(Totp) && after(Password).allow_second(EmailCode));
        assert!(after(EmailLink).allow_second(Totp) && after(Password).allow_second(VerifiedPasskey));
        assert!(after(Federation).allow_second(Totp) && !after(Federation).allow_second(Password));
        assert!(!after(Passkey).allow_second(VerifiedPasskey) && !after(Passkey).allow_second(Totp));
        assert!(!after(EmailLink).allow_second(EmailCode) && !after(Password).allow_second(Password));
    }

    #[test]
    fn without_a_first_factor_only_two_factors_at_once_complete_a_login() {
        for method in AuthenticationMethod::ALL {
            let allowed = Proofs::default().allow_second(method);
            assert_eq!(allowed, method.is_two_factors(), "{method:?}");
        }
    }

    #[test]
    fn a_recovery_is_enough_only_where_it_is_said_to_be_and_while_it_is_recent() {
        let both = of(&[EmailLink, RecoveryCode]);
        let or_recovery = sensitive(Ground::Possession).or_recovery(true);
        assert_eq!(both.level(), AssuranceLevel::Aal1);
        assert!(or_recovery.is_met_by(&both, at(300)) && !or_recovery.is_met_by(&both, at(301)));
        assert!(!sensitive(Ground::Possession).or_recovery(false).is_met_by(&both, at(0)));
        for methods in every_set() {
            let held = [EmailLink, RecoveryCode].iter().all(|method| methods.contains(method));
            let proofs = of(&methods);
            // Two factors at a provider are not something that the account itself has.
            let has = HELD.iter().any(|method| methods.contains(method));
            let expected = held || has && proofs.level() == AssuranceLevel::Aal2;
            assert_eq!(or_recovery.is_met_by(&proofs, at(0)), expected, "{methods:?}");
        }
    }

    #[test]
    fn both_halves_of_a_recovery_are_recent() {
        let or_recovery = sensitive(Ground::Possession).or_recovery(true);
        let later = proofs(&[(EmailLink, 0), (RecoveryCode, 100)]);
        assert!(or_recovery.is_met_by(&later, at(300)) && !or_recovery.is_met_by(&later, at(301)));
        // A session cannot renew its link, so another code is of no use. A passkey is, if there is one.
        assert!(or_recovery.accepted(&later, &[RecoveryCode], at(1000)).is_empty());
        let by_passkey = or_recovery.accepted(&later, &[VerifiedPasskey, RecoveryCode], at(1000));
        assert_eq!(by_passkey, [VerifiedPasskey]);
        // As after a login with the link and another factor.
        let link = proofs(&[(EmailLink, 0), (Totp, 0)]);
        assert_eq!(
            or_recovery.accepted(&link, &[Totp, RecoveryCode], at(100)),
            [RecoveryCode]
        );
        assert!(or_recovery.accepted(&link, &[Totp, RecoveryCode], at(301)).is_empty());
    }

    #[test]
    fn a_proof_renews_only_its_own_ground() {
        let signed_in = proofs(&[(Password, 0), (Totp, 10)]);
        for weaker in [Password, EmailCode, EmailLink] {
            let after = signed_in.with(Proof {
                method: weaker,
                at: at(900),
            });
            assert_eq!(after.auth_time(), Some(at(10)), "{weaker:?}");
        }
        for held in HELD {
            let after = signed_in.with(Proof {
                method: held,
                at: at(900),
            });
            assert_eq!(after.auth_time(), Some(at(900)), "{held:?}");
        }
        let by_password = proofs(&[(Password, 0)]);
        assert_eq!(
            by_password
                .with(Proof {
                    method: Password,
                    at: at(9)
                })
                .auth_time(),
            Some(at(9))
        );
        assert_eq!(
            by_password
                .with(Proof {
                    method: EmailCode,
                    at: at(9)
                })
                .auth_time(),
            Some(at(0))
        );
        let by_mail = proofs(&[(EmailLink, 0)]);
        assert_eq!(
            by_mail
                .with(Proof {
                    method: EmailCode,
                    at: at(9)
                })
                .auth_time(),
            Some(at(9))
        );
    }

    fn sensitive(strongest: Ground) -> Requirement {
        Requirement::of_sensitive_change(strongest, TimeDelta::seconds(300))
    }

    #[test]
    fn a_mail_box_is_enough_only_where_the_account_has_nothing_else() {
        let mailed = proofs(&[(EmailLink, 1000)]);
        let all = [Password, Totp, EmailCode];
        assert!(sensitive(Ground::Mailbox).is_met_by(&mailed, at(1000)));
        assert!(!sensitive(Ground::Knowledge).is_met_by(&mailed, at(1000)));
        assert_eq!(
            sensitive(Ground::Knowledge).accepted(&mailed, &all, at(1000)),
            [Password, Totp]
        );
        assert_eq!(sensitive(Ground::Possession).accepted(&mailed, &all, at(1000)), [Totp]);
    }

    /// Which proofs are requested 1000 seconds after signing in, if those of the last 300 seconds count.
    #[test]
    fn only_what_helps_is_asked_for() {
        let both = sensitive(Ground::Possession);
        let one = sensitive(Ground::Knowledge);
        let all = [Password, Totp, RecoveryCode, SmsCode, EmailCode];
        let held = vec![Totp, RecoveryCode, SmsCode];
        assert_eq!(both.accepted(&of(&[Password, Totp]), &all, at(1000)), held);
        assert_eq!(both.accepted(&of(&[Password, EmailCode]), &all, at(1000)), held);
        assert_eq!(
            one.accepted(&of(&[Password]), &[Password, EmailCode], at(1000)),
            [Password]
        );
        // Neither is enough alone; each meets one more condition.
        let by_mail = of(&[EmailLink, Totp]);
        assert_eq!(
            both.accepted(&by_mail, &[Password, Totp, EmailCode], at(1000)),
            [Password, Totp]
        );
        let after_password = by_mail.with(Proof {
            method: Password,
            at: at(1000),
        });
        assert_eq!(both.accepted(&after_password, &[Password, Totp], at(1000)), [Totp]);
        // An account without a password cannot give proofs of two factors.
        assert!(
            both.accepted(&proofs(&[(EmailLink, 0), (Totp, 1000)]), &[Totp], at(1000))
                .is_empty()
        );
        let level_alone = Requirement { recent: None, ..both };
        assert!(level_alone.is_met_by(&of(&[Password, Totp]), at(1_000_000)));
    }

    #[test]
    fn a_named_method_is_required_whatever_the_level_is_and_however_old_it_is() {
        let by_passkey = Requirement {
            level: AssuranceLevel::Aal2,
            one_of: vec![Passkey, VerifiedPasskey],
            recent: None,
            or_recovery: false,
        };
        let now = at(1_000_000);
        for (methods, is_met) in [
            (&[Password, Totp][..], false),
            (&[Password, RecoveryCode], false),
            (&[Password, Passkey], true),
            (&[VerifiedPasskey], true),
            (&[EmailLink, Passkey], false),
        ] {
            assert_eq!(by_passkey.is_met_by(&of(methods), now), is_met, "{methods:?}");
        }
        let shown = of(&[Password, Totp]);
        assert_eq!(by_passkey.accepted(&shown, &[Passkey, Totp, Password], now), [Passkey]);
        assert!(by_passkey.accepted(&shown, &[Totp, Password], now).is_empty());
    }

    proptest! {
        #[test]
        fn a_sequence_of_proofs_is_worth_what_its_own_proofs_make(steps in sequence()) {
            let made = proofs(&steps);
            let held = |method: AuthenticationMethod| method.is_held();
            let shown = |wanted: fn(AuthenticationMethod) -> bool| {
                steps.iter().rev().find(|(method, _)| wanted(*method)).map(|(_, seconds)| at(*seconds))
            };
            let known = shown(|method| KNOWN.contains(&method));
            let mailed = shown(|method| matches!(method, EmailLink | EmailCode));
            let verified = steps.iter().any(|(method, _)| method.is_two_factors());
            let two_factors = verified || steps.iter().any(|(method, _)| held(*method)) && known.is_some();
            prop_assert_eq!(made.level() == AssuranceLevel::Aal2, two_factors);
            let spared = shown(|method| method == TrustedDevice);
            let strongest = shown(AuthenticationMethod::is_held).or(known).or(mailed).or(spared);
            prop_assert_eq!(made.auth_time(), strongest);
        }

        #[test]
        fn a_further_proof_takes_nothing_away_and_moves_no_time_back(steps in sequence()) {
            let mut before = Proofs::default();
            for (method, seconds) in steps {
                let after = before.with(Proof { method, at: at(seconds) });
                prop_assert!(after.level() >= before.level());
                prop_assert!(after.auth_time() >= before.auth_time());
                let is_weaker = before.iter().any(|proof| proof.method.ground() > method.ground());
                prop_assert!(!is_weaker || after.auth_time() == before.auth_time());
                prop_assert!(!method.is_held() || after.auth_time() == Some(at(seconds)));
                prop_assert_eq!(after.with(Proof { method, at: at(seconds) }), after.clone());
                before = after;
            }
        }

        /// A token stands for what it said when it was made, whatever other tokens of the session prove later.
        #[test]
        fn a_token_stands_for_nothing_that_was_proved_after_it(steps in sequence(), made_after in 1_usize..12) {
            let then = proofs(&steps[..made_after.min(steps.len())]);
            let now = proofs(&steps);
            let amr: Vec<String> = then.amr().into_iter().map(str::to_owned).collect();
            let shown = now.shown_by(&amr, then.auth_time().unwrap());
            prop_assert!(shown.level() <= then.level());
            prop_assert!(shown.auth_time() <= then.auth_time());
            prop_assert_eq!(shown.amr(), then.amr());
            let is_two_factors = |proofs: &Proofs| proofs.iter().any(|proof| proof.method.is_two_factors());
            prop_assert!(then.level() == AssuranceLevel::Aal2 || !is_two_factors(&shown));
            prop_assert_eq!(then.shown_by(&amr, then.auth_time().unwrap()).auth_time(), then.auth_time());
        }

        /// The strongest ground of the account is always required.
        #[test]
        fn a_sensitive_change_takes_the_strongest_ground_and_takes_it_recently(
            steps in sequence(), later in 0_i64..2000,
        ) {
            let made = proofs(&steps);
            let now = at(steps.last().map_or(0, |(_, seconds)| *seconds) + later);
            for strongest in [Ground::Mailbox, Ground::Knowledge, Ground::Possession] {
                let recent = made.iter().any(|proof| {
                    proof.method.ground() >= strongest && now - proof.at <= TimeDelta::seconds(300)
                });
                let is_met = sensitive(strongest).is_met_by(&made, now);
                prop_assert!(!is_met || recent);
                let two = made.level() == AssuranceLevel::Aal2 || strongest != Ground::Possession;
                prop_assert!(!is_met || two);
            }
        }

        #[test]
        fn below_two_factors_a_sensitive_change_takes_a_recent_link_and_a_recent_recovery_code(
            steps in sequence(), later in 0_i64..2000,
        ) {
            let made = proofs(&steps);
            let now = at(steps.last().map_or(0, |(_, seconds)| *seconds) + later);
            let is_recent = |wanted: AuthenticationMethod| made.iter().any(|proof| {
                proof.method == wanted && now - proof.at <= TimeDelta::seconds(300)
            });
            let or_recovery = sensitive(Ground::Possession).or_recovery(true);
            let is_met = or_recovery.is_met_by(&made, now);
            let two = made.level() == AssuranceLevel::Aal2;
            prop_assert!(!is_met || two || is_recent(EmailLink) && is_recent(RecoveryCode));
        }

        /// A user who gives one accepted proof after the other gets there. No session gets another link.
        #[test]
        fn accepted_methods_lead_to_the_requirement(
            steps in sequence(), later in 0_i64..2000, choices in proptest::collection::vec(0_usize..11, 3),
            available in proptest::sample::subsequence(AuthenticationMethod::ALL.to_vec(), 0..=11), recovers: bool,
        ) {
            let available: Vec<_> = available.into_iter().filter(|method| *method != EmailLink).collect();
            let now = at(steps.last().map_or(0, |(_, seconds)| *seconds) + later);
            for strongest in [Ground::Mailbox, Ground::Knowledge, Ground::Possession] {
                let requirement = sensitive(strongest).or_recovery(recovers);
                let mut made = proofs(&steps);
                let mut accepted = requirement.accepted(&made, &available, now);
                if requirement.is_met_by(&made, now) || accepted.is_empty() {
                    continue;
                }
                for choice in &choices {
                    if requirement.is_met_by(&made, now) {
                        break;
                    }
                    prop_assert!(!accepted.is_empty(), "{:?}", made);
                    let method = accepted[choice % accepted.len()];
                    made = made.with(Proof { method, at: now });
                    accepted = requirement.accepted(&made, &available, now);
                }
                prop_assert!(requirement.is_met_by(&made, now), "{:?}", made);
            }
        }

        #[test]
        fn each_accepted_method_meets_a_condition_that_was_not_met(steps in sequence(), later in 0_i64..2000) {
            let made = proofs(&steps);
            let now = at(steps.last().map_or(0, |(_, seconds)| *seconds) + later);
            for strongest in [Ground::Mailbox, Ground::Knowledge, Ground::Possession] {
                let requirement = sensitive(strongest);
                if requirement.is_met_by(&made, now) {
                    continue;
                }
                for method in requirement.accepted(&made, &AuthenticationMethod::ALL, now) {
                    let after = made.with(Proof { method, at: now });
                    prop_assert!(requirement.shortfall(&after, now) < requirement.shortfall(&made, now));
                }
            }
        }
    }

    #[test]
    fn an_account_without_a_password_is_asked_to_be_verified_by_its_passkey() {
        let present = of(&[Passkey]);
        let accepted = sensitive(Ground::Possession).accepted(&present, &[Passkey, VerifiedPasskey], at(0));
        assert_eq!(accepted, [VerifiedPasskey]);
        let beside_password = of(&[Password, Passkey]);
        let both = sensitive(Ground::Possession).accepted(&beside_password, &[Passkey, VerifiedPasskey], at(1000));
        assert_eq!(request_names(&both), ["passkey"]);
    }

    /// The owner of an account that lost its strongest ground, as its last recovery code, still renews the session.
    #[test]
    fn without_the_proofs_of_a_lost_ground_what_the_account_still_has_is_enough() {
        let made = of(&[Password, RecoveryCode]);
        let required = sensitive(Ground::Knowledge);
        assert!(required.accepted(&made, &[Password, EmailCode], at(1000)).is_empty());
        let left = made.up_to(Ground::Knowledge);
        assert_eq!(left, of(&[Password]));
        assert_eq!(required.accepted(&left, &[Password, EmailCode], at(1000)), [Password]);
    }

    #[test]
    fn stored_names_are_read_back() {
        for method in AuthenticationMethod::ALL {
            assert_eq!(AuthenticationMethod::parse(method.as_str()), Some(method));
        }
        assert_eq!(AuthenticationMethod::parse("mfa"), None);
        assert_eq!(AuthenticationMethod::parse("email"), None);
    }
}
