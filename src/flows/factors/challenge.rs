//! `POST /2fa/challenge`: a code that is sent, or a challenge for a passkey, to complete a login or step a session up.

use std::sync::Arc;

use super::destination::confirmed_destination;
use super::passkey::{self, AssertionOptions};
use super::proof_context::ProofContext;
use super::sent_code::{CodeRequest, Sending, send_code};
use crate::domain::audit_event::RequestOrigin;
use crate::domain::factor::FactorKind;
use crate::domain::message::Channel;
use crate::domain::opaque_token::TokenKind;
use crate::domain::sent_code::CodePurpose;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::limits::ProofSource;
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{sessions, users};

/// The result of a request for a code.
#[must_use]
pub enum Challenge {
    /// A code was sent, or not: too soon after the last one, a quota is used up, or the account has to wait.
    Requested(Sending),
    /// A passkey has to sign this.
    Assertion(AssertionOptions),
    /// The user has no such factor, or the deployment does not use it.
    NotSetUp,
    /// The pre-auth token is not valid.
    InvalidPreAuthToken,
}

/// Sends a code for a pending login, or makes a challenge.
pub async fn challenge_login(
    core: &Arc<Core>,
    (pre_auth_token, shown): (&str, Option<VerifiedProof>),
    kind: FactorKind,
    origin: RequestOrigin,
) -> Result<Challenge, Fault> {
    let Some(token) = core.tokens.open(TokenKind::PreAuth, pre_auth_token) else {
        return Ok(Challenge::InvalidPreAuthToken);
    };
    let key = token.session();
    core.transaction("challenge.for_login", origin, move |tx| {
        let Some(account) = users::find_active_for_update(tx.connection, key.user_id)? else {
            return Ok(Challenge::InvalidPreAuthToken);
        };
        let Some(session) = sessions::find_pending_of_key(tx.connection, key, key_of(shown), tx.now)? else {
            return Ok(Challenge::InvalidPreAuthToken);
        };
        if !session.proofs.allow_second(kind.abilities().at_best) {
            return Ok(Challenge::NotSetUp);
        }
        challenge(tx, &ProofContext::of_login(&account, key.session_id), kind)
    })
    .await
}

/// Sends a code for the step-up of a signed-in user, or makes a challenge.
pub async fn challenge_session(
    core: &Arc<Core>,
    caller: &Caller,
    kind: FactorKind,
    origin: RequestOrigin,
) -> Result<Challenge, Fault> {
    let key = caller.key();
    core.transaction("challenge.for_session", origin, move |tx| {
        let account = key.lock_user(tx)?;
        challenge(tx, &ProofContext::of_session(&account, key.session_id), kind)
    })
    .await
}

fn challenge(tx: &mut Tx<'_>, context: &ProofContext<'_>, kind: FactorKind) -> Result<Challenge, Fault> {
    if let Some(channel) = kind.abilities().channel {
        return challenge_by(tx, context, channel);
    }
    let options = match kind {
        FactorKind::Passkey => passkey::challenge(tx, context)?,
        _ => None,
    };
    Ok(options.map_or(Challenge::NotSetUp, Challenge::Assertion))
}

fn challenge_by(tx: &mut Tx<'_>, context: &ProofContext<'_>, channel: Channel) -> Result<Challenge, Fault> {
    let user = &context.account.user;
    let Some(destination) = confirmed_destination(tx.core, tx.connection, user, channel)? else {
        return Ok(Challenge::NotSetUp);
    };
    // No message for a code that would not be checked.
    if !FactorKind::sent_by(channel).is_enabled(context.refuses_codes(tx)?) {
        return Ok(Challenge::NotSetUp);
    }
    if let Some(wait) = context.own_wait(tx)? {
        return Ok(Challenge::Requested(Sending::Wait(wait)));
    }
    let request = CodeRequest {
        user,
        session_id: context.session_id,
        signed_in: matches!(context.source, ProofSource::Session),
        purpose: CodePurpose::Authentication,
        destination,
    };
    Ok(Challenge::Requested(send_code(tx, &request)?))
}
