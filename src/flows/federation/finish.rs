//! `POST /federation/{provider}/finish` and `/token`: what a user of a provider gets.
//!
//! The issuer and the subject alone say who it is. The provider is one factor; what the deployment requires beside it is
//! asked for afterwards, as after a password.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::identification::{self, Identified, NoIdentity, ProviderReply, Visit};
use super::linking::{self, Linking};
use super::newcomer::{self, Received};
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::email::Email;
use crate::domain::federation::provider::Provider;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::link_token::LinkPurpose;
use crate::domain::message::Locale;
use crate::domain::registration_hook::Applicant;
use crate::domain::session::{RefreshTokenTransport, SessionKey};
use crate::flows::account::{
    Admitted, NotAdmitted, ask_registration_hook, confirm_address, federation_awaits_verification, refuse_unverified,
};
use crate::flows::dpop::VerifiedProof;
use crate::flows::factors::Linked;
use crate::flows::notify::links;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{Caller, PresentedDevice};
use crate::flows::sign_in::{FirstFactorLogin, Login, Opened, login_outcome, open_session};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::providers::ProviderFault;
use crate::store::users::{self, LoginUser};
use crate::store::{identities, spent_federation_tokens};

/// What comes of a sign-in at a provider: `L` is what a first factor gets.
#[must_use]
pub enum Federation<L = Login> {
    /// The user signs in, as after any first factor.
    SignedIn(L),
    /// The identity is linked to the account of the session.
    Linked(Linked),
    /// An account has the address. Its owner signs in to it first, and links the identity there.
    LinkRequired,
    /// The identity signs in to another account.
    IdentityTaken,
    /// The account has as many identities as it may have.
    TooManyIdentities,
    /// The provider names no address, and every account that a provider makes has one.
    AddressMissing,
    /// No account has the identity, and only operators make accounts.
    Closed,
    /// No account has the identity, and the registration hook does not allow one.
    NotAdmitted(NotAdmitted),
    /// The federation token is not valid: forged, expired, used, of another provider, or of another session; or the
    /// reply does not belong to it.
    InvalidToken,
    /// The provider.
    Provider(ProviderFault),
}

impl Outcome for Federation {
    fn word(&self) -> &'static str {
        match self {
            Self::SignedIn(login) => login.word(),
            Self::Linked(_) => "linked",
            Self::LinkRequired => "link_required",
            Self::IdentityTaken => "identity_taken",
            Self::TooManyIdentities => "too_many_identities",
            Self::AddressMissing => "address_missing",
            Self::Closed => "closed",
            Self::NotAdmitted(refused) => refused.word(),
            Self::InvalidToken => "invalid_token",
            Self::Provider(ProviderFault::Unavailable(_)) => "provider_unavailable",
            Self::Provider(ProviderFault::Refused(_)) => "provider_refused",
            Self::Provider(ProviderFault::Untrusted(_)) => "provider_untrusted",
            Self::Provider(ProviderFault::WrongToken(_)) => "wrong_id_token",
        }
    }
}

/// What a client finishes a sign-in with.
pub struct FinishRequest {
    /// What was started.
    pub federation_token: SecretString,
    /// What the provider gave.
    pub reply: ProviderReply,
    /// The token of a mail that verifies the address of the account.
    pub email_token: Option<SecretString>,
    /// How the client gets refresh tokens, if the provider is sufficient.
    pub delivery: RefreshTokenTransport,
    /// The device token that came with it.
    pub device: Option<PresentedDevice>,
    /// The proof of possession that came with it. It binds the session.
    pub proof: Option<VerifiedProof>,
    /// The language of messages to a new user.
    pub locale: Locale,
}

/// Finishes a sign-in at a provider, or links the identity to the account of a session.
pub async fn finish(
    core: &Arc<Core>,
    provider: &Provider,
    request: FinishRequest,
    caller: Option<&Caller>,
    origin: RequestOrigin,
) -> Result<Federation, Fault> {
    counted(
        "federation",
        find_out_and_answer(core, provider, request, caller, origin).await,
    )
}

async fn find_out_and_answer(
    core: &Arc<Core>,
    provider: &Provider,
    request: FinishRequest,
    caller: Option<&Caller>,
    origin: RequestOrigin,
) -> Result<Federation, Fault> {
    let present = caller.map(Caller::key);
    let found = identification::identify(core, provider, &request.federation_token, request.reply, present).await;
    let identified = match found {
        Ok(identified) => identified,
        Err(NoIdentity::InvalidToken) => return Ok(Federation::InvalidToken),
        Err(NoIdentity::Provider(fault)) => return Ok(Federation::Provider(fault)),
    };
    let now = core.clock.now();
    let method = if identified.identity.is_two_factors {
        AuthenticationMethod::FederatedTwoFactors
    } else {
        AuthenticationMethod::Federation
    };
    let visit = Visit {
        first_factor: FirstFactorLogin {
            id: SessionId::new(now, core.random.as_ref()),
            method,
            delivery: request.delivery,
            device: request.device,
            proof: request.proof,
        },
        email_token: request.email_token,
        locale: request.locale,
    };
    let answered = decide(core, Arc::new((identified, visit)), now, origin).await?;
    complete(core, answered, now)
}

/// What a transaction comes to.
enum Answered {
    /// An answer.
    Done(Federation<Opened>),
    /// No account has the identity, and the registration hook decides whether there may be one.
    Unadmitted(Applicant),
}

/// Decides in one transaction or, for a newcomer where there is a registration hook, in one before it is asked and one
/// afterwards. Meanwhile nothing is held.
async fn decide(
    core: &Arc<Core>,
    brought: Arc<(Identified, Visit)>,
    now: DateTime<Utc>,
    origin: RequestOrigin,
) -> Result<Federation<Opened>, Fault> {
    let decide_once = |admitted: Option<Admitted>| {
        let (brought, origin) = (Arc::clone(&brought), origin.clone());
        core.transaction_at(now, "federation.finish", origin, move |tx| {
            answer(tx, &brought.0, &brought.1, admitted.as_ref())
        })
    };
    let applicant = match decide_once(Admitted::without_hook(core)).await? {
        Answered::Done(answered) => return Ok(answered),
        Answered::Unadmitted(applicant) => applicant,
    };
    let admitted = match ask_registration_hook(core, &applicant, &origin).await? {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(Federation::NotAdmitted(refused)),
    };
    Ok(match decide_once(Some(admitted)).await? {
        Answered::Done(answered) => answered,
        // Not with an admission.
        Answered::Unadmitted(_) => Federation::NotAdmitted(NotAdmitted::NoAnswer),
    })
}

fn answer(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    admitted: Option<&Admitted>,
) -> Result<Answered, Fault> {
    match identified.started.link_to() {
        None => sign_in(tx, identified, visit, admitted),
        Some(session) => link(tx, identified, session).map(Answered::Done),
    }
}

fn sign_in(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    admitted: Option<&Admitted>,
) -> Result<Answered, Fault> {
    let holder = identities::holder(tx.connection, &identified.identity.subject)?;
    if holder.uuid().is_nil() {
        return receive(tx, identified, visit, admitted);
    }
    sign_in_to(tx, identified, visit, holder).map(Answered::Done)
}

fn sign_in_to(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    holder: UserId,
) -> Result<Federation<Opened>, Fault> {
    let Some(account) = users::find_login_for_update(tx.connection, holder)? else {
        // Disabled, or deleted at this moment.
        let event = AuditEvent::failure(EventName::LoginFail, "federation", Some(holder));
        tx.audit(&[event.at_provider(&identified.provider)])?;
        return Ok(Federation::SignedIn(Opened::InvalidCredentials));
    };
    welcome_back(tx, identified, visit, account)
}

fn receive(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    admitted: Option<&Admitted>,
) -> Result<Answered, Fault> {
    let received = newcomer::receive(tx, identified, visit, admitted)?;
    if matches!(received, Received::LinkRequired | Received::Overtaken) {
        // Another request may have given the user an account at this moment, which then has the address.
        let holder = identities::holder(tx.connection, &identified.identity.subject)?;
        if !holder.uuid().is_nil() {
            return sign_in_to(tx, identified, visit, holder).map(Answered::Done);
        }
    }
    Ok(Answered::Done(match received {
        Received::Account(account) => open(tx, identified, visit, &account)?,
        Received::Unadmitted(applicant) => return Ok(Answered::Unadmitted(applicant)),
        Received::AwaitsVerification => Federation::SignedIn(Opened::EmailNotVerified),
        Received::LinkRequired => Federation::LinkRequired,
        Received::AddressMissing => Federation::AddressMissing,
        Received::Closed => Federation::Closed,
        Received::Overtaken => Federation::InvalidToken,
    }))
}

/// Signs a known user in. The account is locked.
fn welcome_back(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    mut account: LoginUser,
) -> Result<Federation<Opened>, Fault> {
    let (id, identity) = (account.user.id, &identified.identity);
    if spent_federation_tokens::is_spent(tx.connection, id, identified.started.id())? {
        let event = AuditEvent::failure(EventName::LoginFail, "federation_token_spent", Some(id));
        tx.audit(&[event.at_provider(&identified.provider)])?;
        return Ok(Federation::InvalidToken);
    }
    let email_seen = identity.address.as_ref().map(|address| &address.email);
    if !identities::record_use(tx.connection, id, &identity.subject, email_seen, tx.now)? {
        // It was unlinked at this moment.
        return Ok(Federation::InvalidToken);
    }
    verify_address(tx, identified, visit, &mut account)?;
    if federation_awaits_verification(tx.core, &account.user) {
        refuse_unverified(tx, &account.user, Some(&identified.provider))?;
        return Ok(Federation::SignedIn(Opened::EmailNotVerified));
    }
    open(tx, identified, visit, &account)
}

/// Verifies the address of an account, if the provider proves it, or the client brings the token that was mailed to it.
/// The token alone proves that its reader has the mailbox, the identity that the account is theirs: together they are
/// what `POST /email/verify` asks for.
fn verify_address(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    account: &mut LoginUser,
) -> Result<(), Fault> {
    let Some(email) = account.user.unverified_email().cloned() else {
        return Ok(());
    };
    let claimed = identified.identity.address.as_ref();
    let is_verified = claimed.is_some_and(|address| address.is_verified && address.email == email);
    if is_verified || redeem_mailed_token(tx, visit, account, &email)? {
        confirm_address(tx, &account.user, &email)?;
        account.user.email_verified_at = Some(tx.now);
    }
    Ok(())
}

fn redeem_mailed_token(tx: &mut Tx<'_>, visit: &Visit, account: &LoginUser, email: &Email) -> Result<bool, Fault> {
    let purpose = LinkPurpose::EmailVerification;
    let token = visit.email_token.as_ref();
    let key = token.and_then(|token| links::open(tx.core, purpose, token.expose_secret()));
    let Some(key) = key.filter(|key| key.user_id == account.user.id) else {
        return Ok(false);
    };
    let link = links::redeem_locked(tx, key, purpose)?;
    Ok(link.is_some_and(|link| link.purpose == purpose && link.email == *email))
}

/// Spends the federation token, and opens a session. Nothing else is left that could be wrong.
fn open(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    account: &LoginUser,
) -> Result<Federation<Opened>, Fault> {
    let id = account.user.id;
    if !spent_federation_tokens::spend(tx.connection, id, identified.started.id())? {
        return Ok(Federation::InvalidToken);
    }
    let used = AuditEvent::success(EventName::FederationUsed, id).in_session(visit.first_factor.id);
    tx.audit(&[used.at_provider(&identified.provider)])?;
    open_session(tx, account, &visit.first_factor).map(Federation::SignedIn)
}

fn link(tx: &mut Tx<'_>, identified: &Identified, session: SessionKey) -> Result<Federation<Opened>, Fault> {
    Ok(match linking::link(tx, session, identified)? {
        Linking::Linked(linked) => Federation::Linked(linked),
        Linking::Taken => Federation::IdentityTaken,
        Linking::TooMany => Federation::TooManyIdentities,
        Linking::Spent => Federation::InvalidToken,
    })
}

/// Makes the tokens, after the transaction was committed.
fn complete(core: &Core, answered: Federation<Opened>, now: DateTime<Utc>) -> Result<Federation, Fault> {
    Ok(match answered {
        Federation::SignedIn(opened) => Federation::SignedIn(login_outcome(core, opened, now)?),
        Federation::Linked(linked) => Federation::Linked(linked),
        Federation::LinkRequired => Federation::LinkRequired,
        Federation::IdentityTaken => Federation::IdentityTaken,
        Federation::TooManyIdentities => Federation::TooManyIdentities,
        Federation::AddressMissing => Federation::AddressMissing,
        Federation::Closed => Federation::Closed,
        Federation::NotAdmitted(refused) => Federation::NotAdmitted(refused),
        Federation::InvalidToken => Federation::InvalidToken,
        Federation::Provider(fault) => Federation::Provider(fault),
    })
}
