//! Requests that present several tokens: the first decides, and the others have to be of its session.
//!
//! The order is the `Authorization` header, the body, the cookie. Browsers add the cookie by themselves, and all tabs
//! share it: a page that shows one user may send the cookie of another one, who signed in meanwhile. Such a request is
//! refused as a whole. If it were answered, the answer would end the session in the cookie, or put another one into its
//! place.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::logout::session_of_refresh_token;
use crate::domain::session::{RefreshTokenTransport, SessionKey};
use crate::flows::{Core, Fault};
use crate::store::{PgConnection, sessions};

/// A refresh token, valid or not, and how it came.
#[derive(Clone)]
pub struct PresentedRefreshToken {
    /// The token.
    pub token: SecretString,
    /// How it came.
    pub transport: RefreshTokenTransport,
}

/// What a refresh token is to the session of the token that decides, by how much it restricts the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// It is of the same session, or of none that this service knows. The answer may replace or remove it.
    Own,
    /// It is of another session, but it is in a cookie, and the session that decides has its refresh token in the body:
    /// its client does not know of the cookie. The answer leaves the cookie alone.
    Unnoticed,
    /// It is of another session. The request is refused.
    Foreign,
}

/// Compares a refresh token with the session of the token that decides.
pub async fn relation(
    core: &Arc<Core>,
    decides: SessionKey,
    beside: &PresentedRefreshToken,
) -> Result<Relation, Fault> {
    let session = session_of_refresh_token(core, beside.token.expose_secret());
    if session.is_none_or(|session| session == decides) {
        return Ok(Relation::Own);
    }
    if beside.transport == RefreshTokenTransport::Body {
        return Ok(Relation::Foreign);
    }
    let find = move |connection: &mut PgConnection| sessions::find_delivery(connection, decides).map_err(Fault::from);
    Ok(match core.db.read("sessions.delivery", find).await? {
        Some(RefreshTokenTransport::Cookie) => Relation::Foreign,
        Some(RefreshTokenTransport::Body) | None => Relation::Unnoticed,
    })
}
