//! `POST /magic-link/verify`: a mailed link as first factor, instead of a password. It never skips the second factor.

use std::sync::Arc;

use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::SessionId;
use crate::domain::link_token::LinkPurpose;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::account::reset_unverified_account;
use crate::flows::notify::links;
use crate::flows::outcomes::counted;
use crate::flows::sign_in::login;
use crate::flows::sign_in::login::{FirstFactorLogin, Login};
use crate::flows::{Core, Fault};
use crate::store::users;

const PURPOSE: LinkPurpose = LinkPurpose::MagicLink;

/// Opens a session with a mailed token. `None`: the token is unknown, expired, used, or of another kind.
pub async fn verify(
    core: &Arc<Core>,
    token: &str,
    delivery: RefreshTokenTransport,
    origin: RequestOrigin,
) -> Result<Option<Login>, Fault> {
    counted("magic_link", open(core, token, delivery, origin).await)
}

async fn open(
    core: &Arc<Core>,
    token: &str,
    delivery: RefreshTokenTransport,
    origin: RequestOrigin,
) -> Result<Option<Login>, Fault> {
    let Some(key) = links::open(core, PURPOSE, token) else {
        return Ok(None);
    };
    let now = core.clock.now();
    let session_id = SessionId::new(now, core.random.as_ref());
    let opened = core
        .transaction_at(now, "magic_link.verify", origin, move |tx| {
            let Some((_purpose, account)) = links::redeem_at_own_address(tx, key, PURPOSE)? else {
                return Ok(None);
            };
            if account.user.email_verified_at.is_none() {
                // The client that set this password has not verified the address.
                users::remove_password(tx.connection, account.user.id, tx.now)?;
            }
            reset_unverified_account(tx, &account.user)?;
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
            };
            login::open_session(tx, &found, &first_factor).map(Some)
        })
        .await?;
    match opened {
        Some(opened) => login::outcome(core, opened, now).map(Some),
        None => Ok(None),
    }
}
