//! Asks the registration hook: a server of the operator that decides whether an account is made.
//!
//! A request is signed as Standard Webhooks specifies, and goes out as every call to a server of others does
//! ([`crate::outbound`]). It takes [`LIMIT`] at most, and few are under way at once. No password is in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::crypto::webhook_signer::WebhookSigner;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::clock::Clock;
use crate::domain::email::Email;
use crate::domain::federation::provider::ProviderId;
use crate::domain::outbound_url::OutboundUrl;
use crate::domain::registration_hook::{Applicant, HookAnswer, HookFailure, MOST_BYTES};
use crate::domain::username::Username;
use crate::metrics;
use crate::outbound::{Limits, OutboundCalls, OutboundFault};

/// The time for one request, from the look-up of the host to the last byte of the answer.
pub const LIMIT: Duration = Duration::from_secs(2);
/// The most requests that are under way at once; further ones fail.
pub const MOST_AT_ONCE: usize = 32;

/// The hook, as the operator describes it.
#[derive(Clone, Debug)]
pub struct RegistrationHookSettings {
    /// Where it is.
    pub url: OutboundUrl,
    /// What signs requests to it.
    pub signer: WebhookSigner,
    /// What happens to a registration if it fails.
    pub failure: HookFailure,
}

/// Why the hook gave no answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookFault {
    /// The call.
    Call(OutboundFault),
    /// The answer is not one.
    Malformed(&'static str),
}

impl HookFault {
    /// Returns the name under which it is counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call(fault) => fault.as_str(),
            Self::Malformed(_) => "malformed",
        }
    }
}

impl fmt::Display for HookFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(fault) => fault.fmt(formatter),
            Self::Malformed(why) => formatter.write_str(why),
        }
    }
}

/// The client of the hook.
pub struct RegistrationHook {
    settings: RegistrationHookSettings,
    calls: OutboundCalls,
    clock: Arc<dyn Clock>,
}

/// The body of a request, documented in `docs/how-to/registration-hook.md`.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

/// What the request is about.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    locale: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    request_id: Uuid,
}

impl<'a> Body<'a> {
    fn new(applicant: &'a Applicant, origin: &'a RequestOrigin, now: DateTime<Utc>) -> Self {
        Self {
            r#type: "registration.requested",
            timestamp: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            data: Data {
                email: applicant.names.email.as_ref().map(Email::as_str),
                email_verified: applicant.email_verified,
                username: applicant.names.username.as_ref().map(Username::as_str),
                method: applicant.method.as_str(),
                provider: applicant.method.provider().map(ProviderId::as_str),
                locale: applicant.locale.as_str(),
                ip: origin.ip.map(|ip| ip.to_string()),
                user_agent: origin.user_agent.as_deref(),
                request_id: origin.request_id.uuid(),
            },
        }
    }
}

impl RegistrationHook {
    /// Makes a client, without connecting to anything yet.
    pub fn new(settings: RegistrationHookSettings, calls: OutboundCalls, clock: Arc<dyn Clock>) -> Self {
        Self { settings, calls, clock }
    }

    /// Returns what becomes of a registration if it gives no answer that counts.
    pub const fn failure(&self) -> HookFailure {
        self.settings.failure
    }

    /// Returns where it is.
    pub const fn url(&self) -> &OutboundUrl {
        &self.settings.url
    }

    /// Asks whether an account may be made.
    ///
    /// # Errors
    ///
    /// Says why there is no answer that counts.
    pub async fn ask(&self, applicant: &Applicant, origin: &RequestOrigin) -> Result<HookAnswer, HookFault> {
        let answered = self.call(applicant, origin).await;
        metrics::registration_hook(match &answered {
            Ok(HookAnswer::Allowed(_)) => "allowed",
            Ok(HookAnswer::Denied(_)) => "denied",
            Err(fault) => fault.as_str(),
        });
        answered
    }

    async fn call(&self, applicant: &Applicant, origin: &RequestOrigin) -> Result<HookAnswer, HookFault> {
        let now = self.clock.now();
        let body = serde_json::to_string(&Body::new(applicant, origin, now))
            .map_err(|_unwritten| HookFault::Malformed("the request cannot be written as JSON"))?;
        // The id of the request: a line of the receiver's log is found in the log and in the audit trail here.
        let id = format!("msg_{}", origin.request_id.uuid().simple());
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
            (
                "webhook-signature",
                self.settings.signer.sign(&id, now.timestamp(), &body),
            ),
            ("webhook-timestamp", now.timestamp().to_string()),
            ("webhook-id", id),
        ];
        let limits = Limits {
            time: LIMIT,
            most_bytes: Some(MOST_BYTES),
        };
        let answer = self.calls.post(&self.settings.url, headers, body, limits).await;
        let answer = answer.map_err(HookFault::Call)?;
        if answer.status != 200 {
            return Err(HookFault::Call(OutboundFault::Status(answer.status)));
        }
        HookAnswer::parse(&answer.body).map_err(HookFault::Malformed)
    }

    /// Finds out whether the hook can be reached, without asking about a registration.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub async fn probe(&self) -> Result<(), OutboundFault> {
        self.calls.probe(&self.settings.url, LIMIT).await
    }
}

impl fmt::Debug for RegistrationHook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RegistrationHook(…)")
    }
}
