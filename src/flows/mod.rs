//! The use cases, one file each: the only layer that composes domain, crypto and store. It knows no HTTP.
//!
//! A flow reads the clock once, does slow work while holding no connection, and then decides in one transaction. A
//! refusal is an outcome, so that its attempt and its audit row are committed; only faults are errors.

pub mod account;
pub mod admin;
pub mod audit;
pub mod challenge;
pub mod check;
pub mod db_metrics;
mod destination;
pub mod email;
pub mod email_verification;
pub mod enrolment;
pub mod fault;
pub mod health;
pub mod introspect;
pub mod links;
pub mod login;
pub mod logout;
pub mod magic_link;
mod networks;
mod new_password;
pub mod outbox;
mod outcomes;
pub mod page;
pub mod password;
mod password_renewal;
pub mod profile;
pub mod proof;
mod quotas;
pub mod recovery;
pub mod refresh;
pub mod register;
pub mod retention;
pub mod revoke;
pub mod rewrap;
pub mod second_factor;
mod security_notices;
mod sending;
pub mod sent_code;
pub mod service_clients;
mod session_end;
pub mod sessions;
pub mod sign_in;
pub mod signing_keys;
pub mod step_up;
pub mod test_vectors;
mod throttle;
pub mod user_import;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::fault::Fault;
use self::outbox::Senders;
use self::signing_keys::KeySet;
use crate::breach_list::BreachList;
use crate::crypto::code_hash::{ClientSecretHasher, IdentifierHasher, RecoveryCodeHasher, SentCodeHasher};
use crate::crypto::hasher::PasswordHasher;
use crate::crypto::mac::TokenMac;
use crate::crypto::retired_keys::RetiredKeys;
use crate::crypto::sealer::Sealer;
use crate::delivery::templates::Templates;
use crate::domain::access_token::AccessTokenPolicy;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::clock::Clock;
use crate::domain::ids::{AuditEventId, RequestId, SessionId, UserId};
use crate::domain::message::Channel;
use crate::domain::password::PasswordRules;
use crate::domain::phone_number::SmsCountries;
use crate::domain::policy::{RegistrationMode, TwoFactorPolicy};
use crate::domain::random::Random;
use crate::domain::session::SessionLifetimes;
use crate::domain::signing_key::SigningAlgorithm;
use crate::domain::user::SecondFactors;
use crate::rate_limits::RateLimits;
use crate::store::error::StoreError;
use crate::store::pool::Database;
use crate::store::{PgConnection, audit_events};

/// Everything a flow works with, built once in `app`.
pub struct Core {
    /// Where everything is kept.
    pub db: Database,
    /// Checks and hashes passwords.
    pub hasher: PasswordHasher,
    /// Knows stolen passwords, where the deployment asks for that.
    pub breach_list: Option<BreachList>,
    /// Seals secrets at rest.
    pub sealer: Sealer,
    /// What outlives master keys.
    pub retired_keys: RetiredKeys,
    /// Makes and checks opaque tokens.
    pub tokens: TokenMac,
    /// Hashes recovery codes.
    pub recovery_code_hasher: RecoveryCodeHasher,
    /// Hashes codes that are sent.
    pub sent_code_hasher: SentCodeHasher,
    /// Hashes what is counted.
    pub identifier_hasher: IdentifierHasher,
    /// Hashes the secrets of service clients.
    pub client_secret_hasher: ClientSecretHasher,
    /// The words of messages.
    pub templates: Templates,
    /// Where messages go.
    pub senders: Senders,
    /// How often one address may ask.
    pub rate_limits: RateLimits,
    /// Signs and checks access tokens.
    pub keys: KeySet,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn Random>,
    /// What the deployment decides.
    pub settings: Settings,
}

/// What a deployment decides about the flows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What access tokens say.
    pub access_tokens: AccessTokenPolicy,
    /// How access tokens are signed.
    pub signing_algorithm: SigningAlgorithm,
    /// How long sessions last.
    pub lifetimes: SessionLifetimes,
    /// How long the predecessor of a refresh token gets the same successor again; zero is strict.
    pub refresh_reuse_grace: TimeDelta,
    /// Most sessions of one user.
    pub max_sessions: i64,
    /// How recent a proof a sensitive change wants.
    pub step_up_max_age: TimeDelta,
    /// Second factors beside authenticators: how their codes are sent.
    pub channels: Vec<Channel>,
    /// Countries whose phones can be set up as a second factor.
    pub sms_countries: SmsCountries,
    /// Where links in mails lead; no slash at its end.
    pub link_base_url: String,
    /// Whether an account with an address cannot be used before that is proven.
    pub email_verification_required: bool,
    /// Which new passwords are refused.
    pub password_rules: PasswordRules,
    /// Words of the deployment that make a password guessable (ASVS 6.1.2).
    pub password_words: Vec<String>,
    /// Whether everybody needs a second factor.
    pub two_factor: TwoFactorPolicy,
    /// Who may make an account.
    pub registration: RegistrationMode,
    /// The name that authenticator apps show.
    pub totp_issuer: String,
}

impl Settings {
    /// Returns the names of the second factors that people can set up, strongest first.
    pub fn available_factors(&self) -> Vec<&'static str> {
        let sent = [Channel::Sms, Channel::Email]
            .into_iter()
            .filter(|channel| self.channels.contains(channel));
        std::iter::once("totp").chain(sent.map(Channel::as_str)).collect()
    }

    /// Tells whether an account may be left with these second factors: under `required`, one that the deployment uses.
    fn allows(&self, factors: &SecondFactors) -> bool {
        let by = |channel, hint: &Option<String>| hint.is_some() && self.channels.contains(&channel);
        self.two_factor == TwoFactorPolicy::Optional
            || factors.totp
            || by(Channel::Sms, &factors.phone_hint)
            || by(Channel::Email, &factors.email_hint)
    }
}

impl Core {
    /// Writes audit events inside the transaction of what they record.
    fn audit(
        &self,
        connection: &mut PgConnection,
        events: &[AuditEvent],
        origin: &RequestOrigin,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let named: Vec<_> = events
            .iter()
            .inspect(|event| outcomes::count_throttles(event))
            .map(|event| (AuditEventId::new(now, self.random.as_ref()), *event))
            .collect();
        audit_events::insert(connection, &named, origin, now)
    }

    /// Writes down what no request asked for: operators' commands, and what the service does by itself.
    fn audit_own(
        &self,
        connection: &mut PgConnection,
        event: AuditEvent,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let origin = RequestOrigin::of_own(RequestId::new(now, self.random.as_ref()));
        self.audit(connection, &[event], &origin, now)
    }
}

impl Core {
    /// Writes down that sessions were ended from elsewhere.
    fn audit_ended(
        &self,
        connection: &mut PgConnection,
        user_id: UserId,
        ended: Vec<SessionId>,
        origin: &RequestOrigin,
        now: DateTime<Utc>,
    ) -> Result<(), Fault> {
        Ok(self.audit(connection, &ended_events(user_id, ended), origin, now)?)
    }
}

/// Makes what is written down about sessions of a user that were ended from elsewhere: one event each.
fn ended_events(user_id: UserId, ended: Vec<SessionId>) -> Vec<AuditEvent> {
    let event = |id| AuditEvent::success(EventName::TokenRevoked, user_id).in_session(id);
    ended.into_iter().map(event).collect()
}

/// A span as the whole seconds that `…_in` members tell; never negative.
fn whole_seconds(span: TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or_default()
}
