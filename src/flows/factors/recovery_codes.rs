//! Recovery codes: the set, and the use of one.

use super::proof_context::{ProofContext, VerifiedFactor};
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::EventName;
use crate::domain::message::Message;
use crate::domain::recovery_code::RecoveryCode;
use crate::flows::Fault;
use crate::flows::tx::Tx;
use crate::store::recovery_codes;

/// Makes recovery codes if the account has none that are unused.
pub(super) fn make_if_none_left(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
) -> Result<Option<Vec<RecoveryCode>>, Fault> {
    let none_left = recovery_codes::remaining(tx.connection, context.account.user.id)? == 0;
    none_left.then(|| replace_set(context, tx)).transpose()
}

/// Replaces the set of recovery codes by a new one.
pub(super) fn replace_set(context: &ProofContext<'_>, tx: &mut Tx<'_>) -> Result<Vec<RecoveryCode>, Fault> {
    let user_id = context.account.user.id;
    let codes = RecoveryCode::generate_set(tx.core.random.as_ref());
    let hasher = &tx.core.recovery_code_hasher;
    let hashes: Result<Vec<_>, _> = codes.iter().map(|code| hasher.hash(user_id, code)).collect();
    recovery_codes::replace_set(tx.connection, user_id, &hashes?, tx.now)?;
    context.record_change(
        tx,
        EventName::RecoveryCodesGenerated,
        AuthenticationMethod::RecoveryCode,
    )?;
    Ok(codes)
}

/// Verifies a code, and marks it as used if it is right.
pub(super) fn verify(
    context: &ProofContext<'_>,
    tx: &mut Tx<'_>,
    code: &RecoveryCode,
) -> Result<Option<VerifiedFactor>, Fault> {
    let user = &context.account.user;
    let candidates = tx.core.recovery_code_hasher.candidates(user.id, code);
    if !recovery_codes::consume(tx.connection, user.id, &candidates, tx.now)? {
        return Ok(None);
    }
    context.record(tx, EventName::RecoveryCodeUsed, AuthenticationMethod::RecoveryCode)?;
    let remaining = recovery_codes::remaining(tx.connection, user.id)?;
    tx.notify(user, Message::RecoveryCodeUsed { remaining })?;
    Ok(Some(VerifiedFactor::by(AuthenticationMethod::RecoveryCode)))
}

/// Returns whether a code was right and is used up.
pub(super) fn was_used(context: &ProofContext<'_>, tx: &mut Tx<'_>, code: &RecoveryCode) -> Result<bool, Fault> {
    let user_id = context.account.user.id;
    let candidates = tx.core.recovery_code_hasher.candidates(user_id, code);
    Ok(recovery_codes::is_spent(tx.connection, user_id, &candidates)?)
}
