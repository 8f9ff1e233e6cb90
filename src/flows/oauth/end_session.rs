//! `/oauth/logout`: an application signs its user out everywhere (OpenID Connect RP-Initiated Logout 1.0).
//!
//! An ID token shows which sign-in is meant, and that the application had it. Without one the request may come from any
//! page on the web, so a page asks the user, and nothing ends by itself.

use std::sync::Arc;

use crate::domain::audit_event::RequestOrigin;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::oauth::client::Client;
use crate::domain::oauth::id_token::IdTokenClaims;
use crate::domain::oauth::redirect_uri::with_parameters;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::flows::oauth::known_clients;
use crate::flows::session::session_end;
use crate::flows::{Core, Fault};
use crate::store::sessions;

/// The parameters of a logout, as they were sent.
#[derive(Clone, Debug, Default)]
pub struct LogoutParameters {
    /// An ID token of the application, also an expired one.
    pub id_token_hint: Option<String>,
    /// The application.
    pub client_id: Option<String>,
    /// Where the user goes afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// Repeated there.
    pub state: Option<String>,
    /// Whether the page that asks has signed the user out.
    pub is_signed_out: bool,
}

/// The answer to a logout.
#[must_use]
pub enum Ending {
    /// Where the user's browser goes: back to the application, or to a page that says or asks what is to be done.
    Redirect(String),
    /// The request is refused: the user is told why.
    Shown(&'static str),
}

/// Signs the user out, or has a page ask.
pub async fn end(core: &Arc<Core>, parameters: LogoutParameters, origin: RequestOrigin) -> Result<Ending, Fault> {
    let hint = match parameters.id_token_hint.as_deref() {
        Some(token) => core.keys.verify_kind::<IdTokenClaims>(token)?,
        None => None,
    };
    let hint = hint.filter(|claims| claims.iss == core.settings.access_tokens.issuer);
    let named = parameters.client_id.as_deref();
    if let (Some(hint), Some(named)) = (&hint, named)
        && !named.eq_ignore_ascii_case(&hint.aud)
    {
        return Ok(Ending::Shown("The id_token_hint is of another application."));
    }
    let id = hint.as_ref().map(|hint| hint.aud.as_str()).or(named);
    // Only the address after the logout depends on the application: without one its document is not needed.
    let client = match id.filter(|_| parameters.post_logout_redirect_uri.is_some()) {
        Some(id) => known_clients::find(core, id).await?.found(),
        None => None,
    };
    let back = match address(client.as_ref(), &parameters) {
        Ok(back) => back,
        Err(reason) => return Ok(Ending::Shown(reason)),
    };
    let base = &core.settings.link_base_url;
    match hint {
        Some(hint) => end_all_of(core, &hint, origin).await?,
        // An attacker may write a document as well: without an ID token, this would be a redirect to every address.
        None if parameters.is_signed_out && client.is_some_and(|client| client.is_described()) => {
            return Ok(Ending::Redirect(format!("{base}/signed-out")));
        }
        None if parameters.is_signed_out => {}
        None => return Ok(Ending::Redirect(page(base, &parameters))),
    }
    Ok(Ending::Redirect(back.unwrap_or_else(|| format!("{base}/signed-out"))))
}

/// Returns the page that asks. It sends the browser back here with the parameters of its fragment, so the address is
/// checked again: a page that followed an address in its own URL would send users anywhere.
fn page(base: &str, parameters: &LogoutParameters) -> String {
    let named = [
        ("client_id", &parameters.client_id),
        ("post_logout_redirect_uri", &parameters.post_logout_redirect_uri),
        ("state", &parameters.state),
    ];
    let given: Vec<(&str, &str)> = named
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    if given.is_empty() {
        return format!("{base}/sign-out");
    }
    format!("{base}/sign-out{}", with_parameters("", &given).replacen('?', "#", 1))
}

/// Returns where the user goes afterwards, if that is registered.
fn address(client: Option<&Client>, parameters: &LogoutParameters) -> Result<Option<String>, &'static str> {
    let Some(wanted) = parameters.post_logout_redirect_uri.as_deref() else {
        return Ok(None);
    };
    if !client.is_some_and(|client| client.has_post_logout_redirect_uri(wanted)) {
        return Err("The post_logout_redirect_uri is not registered for this application.");
    }
    let state = parameters.state.as_deref().map(|state| ("state", state));
    Ok(Some(match state {
        Some(state) => with_parameters(wanted, &[state]),
        None => wanted.to_owned(),
    }))
}

/// Ends the session in which the user granted, and so everything that was granted in it.
async fn end_all_of(core: &Arc<Core>, hint: &IdTokenClaims, origin: RequestOrigin) -> Result<(), Fault> {
    let grant = SessionKey {
        user_id: UserId::from_uuid(hint.sub),
        session_id: SessionId::from_uuid(hint.sid),
    };
    core.transaction("oauth.logout", origin, move |tx| {
        let Some(parent) = sessions::parent_of(tx.connection, grant)? else {
            return Ok(());
        };
        session_end::end(tx, parent, EndCause::Logout)?;
        Ok(())
    })
    .await
}
