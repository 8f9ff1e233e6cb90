//! `POST /magic-link/verify`: a mailed link as first factor, instead of a password. It never skips the second factor.
//!
//! Where an account has no password, a link that sets one is such a link, too: the reader of the mailbox need not set one.
//! So the owner of an invited account, or of one that was registered without a password, gets in with it and registers a
//! passkey. For an account with a password it does nothing here, so that each token has one use.

use std::sync::Arc;

use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::SessionId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::session::RefreshTokenTransport;
use crate::domain::user::User;
use crate::flows::account::{RESET, confirm_invited, reset_unverified_account};
use crate::flows::dpop::VerifiedProof;
use crate::flows::notify::links;
use crate::flows::outcomes::counted;
use crate::flows::sign_in::login;
use crate::flows::sign_in::login::{FirstFactorLogin, Login};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::users;

/// The purposes whose links sign in: one for each kind of token.
const PURPOSES: [LinkPurpose; 2] = [LinkPurpose::MagicLink, LinkPurpose::PasswordReset];

/// Opens a session with a mailed token. `None`: the token is unknown, expired, used, or of another kind.
pub async fn verify(
    core: &Arc<Core>,
    token: &str,
    delivery: RefreshTokenTransport,
    proof: Option<VerifiedProof>,
    origin: RequestOrigin,
) -> Result<Option<Login>, Fault> {
    counted("magic_link", open(core, token, delivery, proof, origin).await)
}

async fn open(
    core: &Arc<Core>,
    token: &str,
    delivery: RefreshTokenTransport,
    proof: Option<VerifiedProof>,
    origin: RequestOrigin,
) -> Result<Option<Login>, Fault> {
    let opened = PURPOSES
        .into_iter()
        .find_map(|purpose| Some((links::open(core, purpose, token)?, purpose)));
    let Some((key, kind)) = opened else {
        return Ok(None);
    };
    let now = core.clock.now();
    let session_id = SessionId::new(now, core.random.as_ref());
    let opened = core
        .transaction_at(now, "magic_link.verify", origin, move |tx| {
            let signs_in = |user: &User| kind == LinkPurpose::MagicLink || !user.has_password;
            let Some((purpose, account)) = links::redeem_for(tx, key, kind, signs_in)? else {
                return Ok(None);
            };
            match purpose {
                // The operator who made the account sent this link, so what they set up stays.
                LinkPurpose::Invitation => confirm_invited(tx, &account.user)?,
                _ => take_over_unverified(tx, &account.user)?,
            }
            let Some(found) = users::find_login(tx.connection, account.user.id)? else {
                return Ok(None);
            };
            let used = AuditEvent::success(EventName::MagicLinkUsed, account.user.id).in_session(session_id);
            tx.audit(&[used])?;
            let first_factor = FirstFactorLogin {
                id: session_id,
                method: AuthenticationMethod::EmailLink,
                delivery,
                device: None,
                proof,
            };
            login::open_session(tx, &found, &first_factor).map(Some)
        })
        .await?;
    match opened {
        Some(opened) => login::outcome(core, opened, now).map(Some),
        None => Ok(None),
    }
}

/// Gives an account to the reader of its address, unless the address is verified already.
fn take_over_unverified(tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    if user.unverified_email().is_some() && user.has_password {
        // The client that set this password has not verified the address.
        users::remove_password(tx.connection, user.id, tx.now)?;
        let event = AuditEvent::success(EventName::PasswordRemoved, user.id).because(RESET);
        tx.audit(&[event])?;
    }
    reset_unverified_account(tx, user)
}
