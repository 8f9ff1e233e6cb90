//! `POST /passkey/verify`: a passkey alone signs in. Its authenticator has verified the user, so it is two factors.
//!
//! An unknown user, an unknown passkey and a wrong signature get the same refusal. The network's limit of logins bounds
//! attempts; there is nothing to guess, so no count of wrong ones makes the owner wait.

use std::sync::Arc;

use super::login::{self, FirstFactorLogin, Login, Opened};
use crate::crypto::passkey_challenge::ChallengePurpose;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::passkey::UserHandle;
use crate::domain::passkey_response::Assertion;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::dpop::VerifiedProof;
use crate::flows::factors::verify_alone;
use crate::flows::outcomes::counted;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::user_handles;
use crate::store::users::{self, LoginUser};

/// Signs a user in with a passkey.
pub async fn verify(
    core: &Arc<Core>,
    given: Assertion,
    delivery: RefreshTokenTransport,
    proof: Option<VerifiedProof>,
    origin: RequestOrigin,
) -> Result<Login, Fault> {
    counted("passkey", sign_in(core, given, delivery, proof, origin).await)
}

async fn sign_in(
    core: &Arc<Core>,
    given: Assertion,
    delivery: RefreshTokenTransport,
    proof: Option<VerifiedProof>,
    origin: RequestOrigin,
) -> Result<Login, Fault> {
    let now = core.clock.now();
    let first_factor = FirstFactorLogin {
        id: SessionId::new(now, core.random.as_ref()),
        method: AuthenticationMethod::VerifiedPasskey,
        delivery,
        device: None,
        proof,
    };
    let opened = core
        .transaction_at(now, "passkey.verify", origin, move |tx| open(tx, &given, &first_factor))
        .await?;
    login::outcome(core, opened, now)
}

fn open(tx: &mut Tx<'_>, given: &Assertion, first_factor: &FirstFactorLogin) -> Result<Opened, Fault> {
    let Some(handle) = &given.user_handle else {
        return refuse(tx, None);
    };
    let Some(account) = find_account(tx, handle)? else {
        return refuse(tx, None);
    };
    if !verify_alone(tx, &account.user, ChallengePurpose::SignIn, given)? {
        return refuse(tx, Some(account.user.id));
    }
    login::open_session(tx, &account, first_factor)
}

/// Finds and locks the account that a user handle names: by its id, or by the handle that another program gave it.
fn find_account(tx: &mut Tx<'_>, handle: &UserHandle) -> Result<Option<LoginUser>, Fault> {
    if let Some(id) = handle.user_id()
        && let Some(account) = users::find_login_for_update(tx.connection, id)?
    {
        return Ok(Some(account));
    }
    match user_handles::holder(tx.connection, handle)? {
        Some(id) => Ok(users::find_login_for_update(tx.connection, id)?),
        None => Ok(None),
    }
}

fn refuse(tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Opened, Fault> {
    let event = AuditEvent::failure(EventName::LoginFail, "passkey", user_id);
    tx.audit(&[event])?;
    Ok(Opened::InvalidCredentials)
}
