//! `POST /oauth/token`: codes and refresh tokens become the tokens of a grant, and services get tokens of their own.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::crypto::{jwt, oauth};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::dpop::KeyThumbprint;
use crate::domain::ids::uuid_v7;
use crate::domain::oauth::client::{Client, ClientRef};
use crate::domain::oauth::grant::{CodeBinding, PresentedClient, SESSION_OF_APPLICATION};
use crate::domain::oauth::id_token::{self, IdTokenClaims, UserClaims};
use crate::domain::oauth::pkce::CodeVerifier;
use crate::domain::oauth::scope::{OFFLINE_ACCESS, OPENID, Scopes};
use crate::domain::oauth::service_token::{ServiceRequest, ServiceTokenClaims};
use crate::domain::opaque_token::TokenKind;
use crate::domain::policy::numbers::MOST_GRANTS;
use crate::domain::session::{ActiveSession, SessionEnds, SessionKey};
use crate::domain::session_end::EndCause;
use crate::domain::user::User;
use crate::flows::dpop::{VerifiedProof, key_of};
use crate::flows::session::{PresentedToken, Renewal, TokenGrant, grant, renew, session_end};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{sessions, users};

/// The tokens of a grant.
pub struct ApplicationTokens {
    /// Access token and refresh token.
    pub grant: TokenGrant,
    /// What the access token allows: what was granted, or the part of it that the application asked for.
    pub scopes: Scopes,
    /// Whether the application gets the refresh token.
    pub is_refreshable: bool,
    /// Who signed in, if the application asked for it.
    pub id_token: Option<SecretString>,
}

/// The result of presenting a code or a refresh token.
#[must_use]
pub enum Exchange {
    /// The tokens.
    Granted(Box<ApplicationTokens>),
    /// The grant refreshes so often that its application must be faulty.
    TooOften(TimeDelta),
    /// The grant is bound to another key than the application has shown, or to none. Nothing has changed.
    WrongKey,
    /// The code or the token is not valid, for any reason.
    Invalid,
    /// The application asks for more than was granted.
    InvalidScope,
    /// The application asks for a token for another resource than was granted.
    InvalidTarget,
}

/// A code, with what shows that the application may redeem it.
pub struct PresentedCode {
    /// The code.
    pub code: SecretString,
    /// The redirect URI, repeated.
    pub redirect_uri: String,
    /// The secret behind the challenge.
    pub verifier: CodeVerifier,
    /// The proof of possession beside it. It binds the grant.
    pub proof: Option<VerifiedProof>,
}

/// Redeems an authorization code.
pub async fn redeem(
    core: &Arc<Core>,
    client: &Client,
    presented: PresentedCode,
    origin: RequestOrigin,
) -> Result<Exchange, Fault> {
    let Some(code) = core
        .tokens
        .open(TokenKind::AuthorizationCode, presented.code.expose_secret())
    else {
        return Ok(Exchange::Invalid);
    };
    // A code must not be used up for nothing.
    core.keys.current()?;
    let now = core.clock.now();
    let redemption = Redemption {
        key: code.session(),
        client: client.clone(),
        binding: CodeBinding {
            client_id: client.id,
            redirect_uri: presented.redirect_uri,
            challenge: oauth::challenge_of(&presented.verifier),
        },
        shown: key_of(presented.proof),
    };
    let redeemed = core
        .transaction_at(now, "oauth.redeem", origin, move |tx| redemption.carry_out(tx))
        .await?;
    let Some((session, user)) = redeemed else {
        return Ok(Exchange::Invalid);
    };
    let tokens = of_new_grant(core, client, (session, &user), now)?;
    Ok(Exchange::Granted(Box::new(tokens)))
}

/// Makes the first tokens of a grant.
pub(super) fn of_new_grant(
    core: &Core,
    client: &Client,
    (session, user): (ActiveSession, &User),
    now: DateTime<Utc>,
) -> Result<ApplicationTokens, Fault> {
    let grant = session.grant.as_ref();
    let is_asked = grant.is_some_and(|grant| grant.scopes.has(OFFLINE_ACCESS));
    let nonce = grant.and_then(|grant| grant.nonce.clone());
    let tokens = tokens(core, session, (user, nonce), now)?;
    Ok(ApplicationTokens {
        is_refreshable: is_asked || client.is_first_party(),
        ..tokens
    })
}

struct Redemption {
    key: SessionKey,
    client: Client,
    binding: CodeBinding,
    shown: Option<KeyThumbprint>,
}

impl Redemption {
    fn carry_out(&self, tx: &mut Tx<'_>) -> Result<Option<(ActiveSession, User)>, Fault> {
        let Some(account) = users::find_active_for_update(tx.connection, self.key.user_id)? else {
            return Ok(None);
        };
        let Some(ends) = ends_of_grant(tx, self.key)? else {
            // The session has ended. A code that was redeemed before is presented again nevertheless.
            if !sessions::is_waiting(tx.connection, self.key)? {
                self.end(tx)?;
            }
            return Ok(None);
        };
        match sessions::redeem(tx.connection, self.key, (&self.binding, self.shown), ends, tx.now)? {
            Some(_) if !self.client.has_redirect_uri(&self.binding.redirect_uri) => {
                // The operator has removed it since. The code may be with those from whom it was taken.
                session_end::end(tx, self.key, EndCause::ClientChanged)?;
                Ok(None)
            }
            Some(session) => {
                let Some(session) = narrow_to_client(tx, self.key, session, &self.client)? else {
                    return Ok(None);
                };
                record_new_grant(tx, self.key, &self.client.reference())?;
                Ok(Some((session, account.user)))
            }
            None => self.end(tx).map(|()| None),
        }
    }

    /// Ends the grant whose code was presented again, or by a program that it was not made for: an attacker may have
    /// the code, and the tokens that it was exchanged for (RFC 6749 §4.1.2, RFC 9700 §4.5).
    fn end(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if sessions::is_expired_code(tx.connection, self.key, tx.now)? {
            session_end::end(tx, self.key, EndCause::Expired)?;
        } else if session_end::end(tx, self.key, EndCause::CodeReuse)? {
            let event = AuditEvent::failure(EventName::CodeReuse, "authorization_code", Some(self.key.user_id));
            let event = event
                .in_session(self.key.session_id)
                .with_client(self.client.reference());
            tx.audit(&[event])?;
        }
        Ok(())
    }
}

/// Takes from a grant that has become active what the operator has taken from the client since the user was asked. `None`:
/// nothing remained, and the grant has ended. The caller has locked the user's row.
pub(super) fn narrow_to_client(
    tx: &mut Tx<'_>,
    key: SessionKey,
    mut session: ActiveSession,
    client: &Client,
) -> Result<Option<ActiveSession>, Fault> {
    let userinfo = tx.core.settings.access_tokens.userinfo();
    let Some(grant) = session.grant.as_mut() else {
        return Ok(Some(session));
    };
    let Some(remaining) = client.remaining(&grant.scopes, &grant.audience, &userinfo) else {
        session_end::end(tx, key, EndCause::ClientChanged)?;
        return Ok(None);
    };
    if remaining != grant.scopes {
        sessions::narrow_grant(tx.connection, key, &remaining)?;
        grant.scopes = remaining;
    }
    Ok(Some(session))
}

/// Records a grant that has become active, and ends those beyond the limit. The caller has locked the user's row.
pub(super) fn record_new_grant(tx: &mut Tx<'_>, key: SessionKey, client: &ClientRef) -> Result<(), Fault> {
    let created = AuditEvent::success(EventName::SessionCreated, key.user_id).because(SESSION_OF_APPLICATION);
    let created = created.in_session(key.session_id).with_client(client.clone());
    let surplus = sessions::surplus_grants(tx.connection, (key.user_id, client.id), MOST_GRANTS, tx.now)?;
    tx.audit(&[created])?;
    session_end::end_surplus(tx, key.user_id, &surplus)
}

/// Returns when a grant ends: with its parent, at the latest. `None` if the parent has ended.
pub(super) fn ends_of_grant(tx: &mut Tx<'_>, key: SessionKey) -> Result<Option<SessionEnds>, Fault> {
    let Some(parent) = sessions::parent_of(tx.connection, key)? else {
        return Ok(None);
    };
    let parent = sessions::find_live_for_update(tx.connection, parent, tx.now)?;
    Ok(parent.map(|parent| {
        let absolute = parent.ends.absolute;
        SessionEnds {
            absolute,
            idle: absolute.min(tx.now + tx.core.settings.lifetimes.idle),
        }
    }))
}

/// Makes the tokens of a grant, after its transaction was committed.
fn tokens(
    core: &Core,
    session: ActiveSession,
    (user, nonce): (&User, Option<String>),
    now: DateTime<Utc>,
) -> Result<ApplicationTokens, Fault> {
    let scopes = session
        .grant
        .as_ref()
        .map(|grant| grant.scopes.clone())
        .unwrap_or_default();
    let grant = grant(core, session, user, now)?;
    let id_token = if scopes.has(OPENID) {
        Some(id_token(core, &grant, &scopes, (user, nonce), now)?)
    } else {
        None
    };
    Ok(ApplicationTokens {
        grant,
        scopes,
        is_refreshable: true,
        id_token,
    })
}

fn id_token(
    core: &Core,
    grant: &TokenGrant,
    scopes: &Scopes,
    (user, nonce): (&User, Option<String>),
    now: DateTime<Utc>,
) -> Result<SecretString, Fault> {
    let (key, session) = (core.keys.current()?, &grant.session);
    let policy = &core.settings.access_tokens;
    let client = session
        .grant
        .as_ref()
        .map(|granted| granted.client.client_id())
        .unwrap_or_default();
    let carried = policy.role_factors.carried(&user.roles, &session.proofs);
    let claims = IdTokenClaims {
        iss: policy.issuer.clone(),
        sub: user.id.uuid(),
        aud: client.clone(),
        azp: client,
        exp: id_token::expiry(now, session.ends.absolute),
        iat: now.timestamp(),
        auth_time: session.auth_time().timestamp(),
        nonce,
        acr: session.proofs.level().acr().to_owned(),
        amr: session.proofs.amr().into_iter().map(str::to_owned).collect(),
        at_hash: oauth::at_hash(key.algorithm, grant.access_token.expose_secret()),
        sid: session.id.uuid(),
        user: UserClaims::of(user, carried, scopes),
    };
    Ok(jwt::sign(&key, &claims)?.into())
}

/// A refresh token, with what the application asks for.
pub struct PresentedRefresh<'a> {
    /// The token.
    pub token: &'a SecretString,
    /// A part of what was granted (RFC 6749 §6); everything if it is not given.
    pub scope: Option<&'a str>,
    /// The resource (RFC 8707 §2.2); there is only one.
    pub resource: Option<&'a str>,
    /// The proof of possession beside it: by the key that the grant is bound to.
    pub shown: Option<VerifiedProof>,
    /// The client as it is now, if it had to be looked at. An application that describes itself always is.
    pub known: Option<&'a Client>,
}

/// Exchanges the refresh token of a grant for its next tokens.
pub async fn refresh(
    core: &Arc<Core>,
    client: PresentedClient,
    presented: PresentedRefresh<'_>,
    origin: RequestOrigin,
) -> Result<Exchange, Fault> {
    let Some(token) = core
        .tokens
        .open(TokenKind::GrantRefresh, presented.token.expose_secret())
    else {
        return Ok(Exchange::Invalid);
    };
    // Parsed before the token is used up.
    let Some(wanted) = presented
        .scope
        .map_or(Some(None), |scope| Scopes::parse(scope).map(Some))
    else {
        return Ok(Exchange::InvalidScope);
    };
    let asked = Asked {
        scopes: wanted,
        resource: presented.resource.map(str::to_owned),
    };
    // A refusal must not use the token up.
    if let Some(refused) = refused_beforehand(core, token.session(), &asked).await? {
        return Ok(refused);
    }
    let presented_token = PresentedToken {
        token,
        client: Some(client),
        shown: presented.shown,
    };
    let (renewal, now) = renew(core, presented_token, origin.clone()).await?;
    let (session, user, may_be_copy) = match renewal {
        Renewal::Renewed(session, user) => (*session, user, false),
        Renewal::Repeated(session, user) => (*session, user, true),
        Renewal::TooOften(wait) => return Ok(Exchange::TooOften(wait)),
        Renewal::WrongKey => return Ok(Exchange::WrongKey),
        Renewal::Invalid => return Ok(Exchange::Invalid),
    };
    let Some(session) = within_client(core, session, presented.known, origin).await? else {
        return Ok(Exchange::Invalid);
    };
    let session = match asked.narrow(session) {
        Ok(session) => session,
        Err(refused) => return Ok(refused),
    };
    let is_bound = session.key.is_some();
    let mut granted = tokens(core, session, (&user, None), now)?;
    if may_be_copy && is_bound {
        // An ID token has no key, so a thief who copied the request could read and use it.
        granted.id_token = None;
    }
    Ok(Exchange::Granted(Box::new(granted)))
}

/// Takes from a grant what its client may no longer get. What an operator changes of a registered client is taken from
/// its grants at once; a document changes at its owner's, and what applications with documents may get is a setting.
/// `None`: nothing remained, and the grant has ended.
async fn within_client(
    core: &Arc<Core>,
    session: ActiveSession,
    known: Option<&Client>,
    origin: RequestOrigin,
) -> Result<Option<ActiveSession>, Fault> {
    let (Some(client), Some(grant)) = (known, session.grant.as_ref()) else {
        return Ok(Some(session));
    };
    let userinfo = core.settings.access_tokens.userinfo();
    if client.remaining(&grant.scopes, &grant.audience, &userinfo).as_ref() == Some(&grant.scopes) {
        return Ok(Some(session));
    }
    let client = client.clone();
    core.transaction("oauth.narrow", origin, move |tx| {
        users::lock_user(tx.connection, Some(session.user_id))?;
        let key = SessionKey {
            user_id: session.user_id,
            session_id: session.id,
        };
        narrow_to_client(tx, key, session.clone(), &client)
    })
    .await
}

/// A part of what was granted.
struct Asked {
    scopes: Option<Scopes>,
    resource: Option<String>,
}

impl Asked {
    /// Reduces what the next access token allows. The grant itself stays as it is.
    fn narrow(&self, mut session: ActiveSession) -> Result<ActiveSession, Exchange> {
        let Some(grant) = session.grant.as_mut() else {
            return Err(Exchange::Invalid);
        };
        if self
            .resource
            .as_ref()
            .is_some_and(|resource| *resource != grant.audience)
        {
            return Err(Exchange::InvalidTarget);
        }
        if let Some(wanted) = &self.scopes {
            if !grant.scopes.cover(wanted) {
                return Err(Exchange::InvalidScope);
            }
            grant.scopes = wanted.clone();
        }
        Ok(session)
    }
}

/// Looks at the grant first where the application asks for a part of it. A grant never gets more, and loses only what an
/// operator takes from the application.
async fn refused_beforehand(core: &Arc<Core>, key: SessionKey, asked: &Asked) -> Result<Option<Exchange>, Fault> {
    if asked.scopes.is_none() && asked.resource.is_none() {
        return Ok(None);
    }
    let now = core.clock.now();
    let found = core
        .db
        .read("oauth.grant", move |connection| {
            sessions::find_active(connection, key, now).map_err(Fault::from)
        })
        .await?;
    Ok(found.and_then(|(session, _user)| asked.narrow(session).err()))
}

/// The access token of a service or of an API key, which comes alone.
pub struct AccessToken {
    /// The token.
    pub access_token: SecretString,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// What it allows.
    pub scopes: Scopes,
    /// Whether it is bound to a key of the client.
    pub is_bound: bool,
}

/// The result of a service's request.
#[must_use]
pub enum ServiceGrant {
    /// The token.
    Granted(AccessToken),
    /// The service may not get these scopes.
    InvalidScope,
    /// The service may not get tokens for this resource, or for any.
    InvalidTarget,
}

/// Makes an access token for a service (RFC 6749 §4.4). Nothing is stored.
pub fn grant_service(
    core: &Core,
    client: &Client,
    (scope, resource): (Option<&str>, Option<&str>),
    proof: Option<VerifiedProof>,
) -> Result<ServiceGrant, Fault> {
    let Some(audience) = client.audience(resource) else {
        return Ok(ServiceGrant::InvalidTarget);
    };
    let wanted = client.scopes.requested(scope);
    let Some(scopes) = wanted.filter(|wanted| client.scopes.cover(wanted)) else {
        return Ok(ServiceGrant::InvalidScope);
    };
    let request = ServiceRequest {
        client_id: client.id,
        audience: audience.to_owned(),
        scopes,
    };
    let (now, policy) = (core.clock.now(), &core.settings.access_tokens);
    let jti = uuid_v7(now, core.random.as_ref());
    let claims = ServiceTokenClaims::new(&policy.issuer, &request, (now, policy.ttl), jti);
    let claims = claims.bound_to(key_of(proof));
    Ok(ServiceGrant::Granted(AccessToken {
        access_token: jwt::sign(core.keys.current()?.as_ref(), &claims)?.into(),
        expires_in: claims.exp - claims.iat,
        scopes: request.scopes,
        is_bound: proof.is_some(),
    }))
}
