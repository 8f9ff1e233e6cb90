//! Whether an account may be made: what the registration hook says, if the deployment has one.
//!
//! It is asked outside of every transaction, and while nothing is held: no connection to the database, and no place in the
//! queue for hashes. A slow hook delays the registrations that wait for it, and nothing else.

use std::sync::Arc;

use crate::domain::app_claims::AppClaims;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::registration_hook::{Applicant, DenialReason, HookAnswer, HookFailure};
use crate::domain::user::Identifier;
use crate::flows::limits::identifier_hash;
use crate::flows::{Core, Fault};
use crate::registration_hook::{HookFault, RegistrationHook};

/// An account may be made. What makes accounts of registrations takes this, so that none can leave the hook out.
#[derive(Clone, Debug, Default)]
pub(in crate::flows) struct Admitted {
    /// What the hook adds to the account.
    pub(in crate::flows) claims: AppClaims,
}

impl Admitted {
    /// Returns the admission of a deployment without a hook.
    pub(in crate::flows) fn without_hook(core: &Core) -> Option<Self> {
        core.registration_hook.is_none().then(Self::default)
    }
}

/// Why no account may be made.
#[derive(Debug)]
pub enum NotAdmitted {
    /// The hook denies it, with a reason for the user.
    Denied(Option<DenialReason>),
    /// The hook gave no answer that counts, and the operator lets no registration go on without one.
    NoAnswer,
}

impl NotAdmitted {
    /// Returns the label in metrics.
    pub(in crate::flows) const fn word(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::NoAnswer => "no_answer",
        }
    }
}

/// Asks the registration hook.
pub(in crate::flows) async fn ask(
    core: &Arc<Core>,
    applicant: &Applicant,
    origin: &RequestOrigin,
) -> Result<Result<Admitted, NotAdmitted>, Fault> {
    let Some(hook) = &core.registration_hook else {
        return Ok(Ok(Admitted::default()));
    };
    match hook.ask(applicant, origin).await {
        Ok(HookAnswer::Allowed(claims)) => Ok(Ok(Admitted { claims })),
        Ok(HookAnswer::Denied(reason)) => {
            record_denial(core, applicant, origin).await?;
            Ok(Err(NotAdmitted::Denied(reason)))
        }
        Err(fault) => without_an_answer(core, hook, fault, origin).await,
    }
}

/// Follows the setting where the hook gave no answer that counts.
async fn without_an_answer(
    core: &Arc<Core>,
    hook: &RegistrationHook,
    fault: HookFault,
    origin: &RequestOrigin,
) -> Result<Result<Admitted, NotAdmitted>, Fault> {
    let goes_on = hook.failure() == HookFailure::Open;
    tracing::warn!(why = %fault, goes_on, "the registration hook gave no answer that counts");
    let event = AuditEvent::failure(EventName::RegistrationHookFailed, fault.as_str(), None);
    core.transaction("register.hook_failed", origin.clone(), move |tx| {
        // A hook that is down would otherwise cause a row for each request of a flood.
        tx.audit_once_an_hour(event.clone())
    })
    .await?;
    Ok(if goes_on {
        Ok(Admitted::default())
    } else {
        Err(NotAdmitted::NoAnswer)
    })
}

async fn record_denial(core: &Arc<Core>, applicant: &Applicant, origin: &RequestOrigin) -> Result<(), Fault> {
    let names = &applicant.names;
    let by_email = names.email.clone().map(Identifier::Email);
    let identifier = by_email.or_else(|| names.username.clone().map(Identifier::Username));
    let hash = identifier
        .map(|identifier| identifier_hash(core, &identifier))
        .transpose()?;
    let event = AuditEvent {
        identifier_hash: hash.flatten(),
        ..AuditEvent::failure(EventName::RegistrationDenied, applicant.method.as_str(), None)
    };
    let event = event.at_provider(applicant.method.provider());
    core.transaction("register.denied", origin.clone(), move |tx| {
        tx.audit(std::slice::from_ref(&event))
    })
    .await
}
