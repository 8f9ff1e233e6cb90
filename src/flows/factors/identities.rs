//! Who a user is at upstream providers, which is something that they sign in with: listing and unlinking. Linking is a part
//! of the sign-in at the provider.

use std::sync::Arc;

use super::step_up::RecentCaller;
use crate::domain::assurance::AuthenticationMethod;
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::federation::identity::Identity;
use crate::domain::federation::provider::{Preset, Provider, ProviderId};
use crate::domain::ids::{IdentityId, UserId};
use crate::domain::message::Message;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::outcomes::{Outcome, counted};
use crate::flows::session::{Caller, session_end};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::{identities, passkeys};

/// The methods by which a provider signs its users in.
const METHODS: [AuthenticationMethod; 2] = [
    AuthenticationMethod::Federation,
    AuthenticationMethod::FederatedTwoFactors,
];

/// An identity, with the provider that it is of.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The identity.
    pub identity: Identity,
    /// The provider; absent if the operator has removed it.
    pub provider: Option<NamedProvider>,
}

/// What users see of a provider.
#[derive(Clone, Debug)]
pub struct NamedProvider {
    /// Its id.
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// The preset that describes it, if one does.
    pub preset: Option<Preset>,
}

impl NamedProvider {
    /// Names a provider.
    pub fn of(provider: &Provider) -> Self {
        Self {
            id: provider.id.clone(),
            name: provider.name.clone(),
            preset: provider.preset,
        }
    }
}

impl Linked {
    /// Finds the provider of an identity.
    pub(in crate::flows) fn of(core: &Core, identity: Identity) -> Self {
        let provider = core.providers.of_issuer(&identity.subject.issuer);
        Self {
            provider: provider.map(NamedProvider::of),
            identity,
        }
    }

    /// Returns the name of the provider, or its issuer if the operator has removed it.
    pub fn provider_name(&self) -> &str {
        let named = self.provider.as_ref().map(|provider| provider.name.as_str());
        named.unwrap_or(&self.identity.subject.issuer)
    }

    /// Returns what the owner is told after it was linked. A notice goes to a verified address only, so no stranger
    /// learns the address at the provider; and an owner who did not link it learns whose it is.
    pub(in crate::flows) fn notice_of_linking(&self) -> Message {
        Message::IdentityLinked {
            provider: self.provider_name().to_owned(),
            account: self.account(),
        }
    }

    /// Returns what the owner is told after it was unlinked.
    pub(in crate::flows) fn notice_of_unlinking(&self) -> Message {
        Message::IdentityUnlinked {
            provider: self.provider_name().to_owned(),
            account: self.account(),
        }
    }

    /// Returns what the trail has of its unlinking.
    pub(in crate::flows) fn event_of_unlinking(&self, user_id: UserId) -> AuditEvent {
        let provider = self.provider.as_ref().map(|provider| &provider.id);
        AuditEvent::success(EventName::IdentityUnlinked, user_id).at_provider(provider)
    }

    fn account(&self) -> Option<String> {
        let address = self.identity.email_seen.as_ref();
        address.map(|address| address.as_str().to_owned())
    }
}

/// Lists the identities of the caller, the oldest first.
pub async fn list_identities(core: &Arc<Core>, caller: &Caller) -> Result<Vec<Linked>, Fault> {
    let user_id = caller.user.id;
    let found = core
        .db
        .read("identities.list", move |connection| {
            identities::list(connection, user_id).map_err(Fault::from)
        })
        .await?;
    Ok(found.into_iter().map(|identity| Linked::of(core, identity)).collect())
}

/// The result of a request to unlink an identity.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinking {
    /// It no longer signs in.
    Unlinked,
    /// The account has no such identity.
    Unknown,
    /// It is the last way to sign in.
    LastWayIn,
}

impl Outcome for Unlinking {
    fn word(&self) -> &'static str {
        match self {
            Self::Unlinked => "unlinked",
            Self::Unknown => "unknown",
            Self::LastWayIn => "last_way_in",
        }
    }
}

/// Unlinks an identity of the caller.
pub async fn unlink_identity(
    core: &Arc<Core>,
    caller: &RecentCaller,
    id: IdentityId,
    origin: RequestOrigin,
) -> Result<Unlinking, Fault> {
    let session = caller.key();
    let unlinked = core
        .transaction("identities.unlink", origin, move |tx| {
            let user = session.lock_user(tx)?.user;
            let present = identities::list(tx.connection, user.id)?;
            if !present.iter().any(|one| one.id == id) {
                return Ok(Unlinking::Unknown);
            }
            if !signs_in_without(tx, &user, &present, id)? {
                return Ok(Unlinking::LastWayIn);
            }
            let Some(removed) = remove_identity(tx, (user.id, Some(session)), id)? else {
                return Ok(Unlinking::Unknown);
            };
            tx.audit(&[removed.event_of_unlinking(user.id).in_session(session.session_id)])?;
            tx.notify(&user, removed.notice_of_unlinking())?;
            Ok(Unlinking::Unlinked)
        })
        .await;
    counted("identity_unlinking", unlinked)
}

/// Returns whether an account has another way in than one of its identities.
fn signs_in_without(tx: &mut Tx<'_>, user: &User, present: &[Identity], id: IdentityId) -> Result<bool, Fault> {
    let is_way_in = |one: &Identity| one.id != id && tx.core.providers.of_issuer(&one.subject.issuer).is_some();
    let signs_in = user.has_password || present.iter().any(is_way_in);
    Ok(signs_in || passkeys::another_signs_in_alone(tx.connection, user.id, None)?)
}

/// Removes an identity, and the proofs by providers from all sessions but one, which end if they have no other one: the
/// account at the provider may be an attacker's, and a session does not say which provider it was. Trusted devices end
/// as well. The caller has locked the user's row.
pub(in crate::flows) fn remove_identity(
    tx: &mut Tx<'_>,
    (user_id, kept): (UserId, Option<SessionKey>),
    id: IdentityId,
) -> Result<Option<Linked>, Fault> {
    let Some(removed) = identities::remove(tx.connection, user_id, id)? else {
        return Ok(None);
    };
    session_end::end_trusted_devices(tx, user_id)?;
    let kept = kept.map(|session| session.session_id);
    session_end::remove_proofs(tx, (user_id, kept), METHODS.to_vec())?;
    Ok(Some(Linked::of(tx.core, removed)))
}
