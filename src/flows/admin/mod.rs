//! Operators' work: under `/admin` for administrators, and on the command line for operators who can run the program.
//!
//! Every change is one transaction that locks, in this order: the turn of operators' changes, the administrator's own
//! row and session, and the account concerned. So a demoted or disabled administrator can change nothing further, and
//! if two administrators remove each other at the same time, one of them is refused. The same transaction records what
//! was done, to which account and by which operator.
//!
//! It may call `factors`, `limits`, `notify`, `session`.

pub mod clients;
pub mod events;
pub mod invitation;
mod notices;
pub mod statistics;
pub mod users;
pub mod webhooks;

use std::ops::Deref;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::assurance::{AssuranceLevel, Requirement};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::factor::FactorKind;
use crate::domain::ids::UserId;
use crate::domain::managed_user::ManagedUser;
use crate::domain::roles;
use crate::domain::session::SessionKey;
use crate::flows::factors::{self, Demand, RecentCaller};
use crate::flows::session::Caller;
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::managed_users;

/// Whether a caller may do operators' work.
#[must_use]
pub enum Standing {
    /// The caller is an administrator.
    Administrator,
    /// The caller lacks the role.
    NotAdministrator,
    /// The account has the role, but none of the second factors that the role requires: one of these kinds.
    FactorMissing(Vec<FactorKind>),
    /// The account has the role, but the presented token does not show enough proofs to use it.
    StepUpRequired(Demand),
}

/// Returns what operators' work requires of the presented token, beside the role: two factors, and one of those that
/// the deployment requires for the role.
fn requirement(core: &Core) -> Requirement {
    Requirement {
        level: AssuranceLevel::Aal2,
        one_of: core.settings.access_tokens.role_factors.methods_for(roles::ADMIN),
        recent: None,
        or_recovery: false,
    }
}

/// Checks whether a caller may do operators' work: both the presented token and the account have the role, and the
/// token shows the required proofs. A refusal is written to the audit trail.
pub async fn authorize(core: &Arc<Core>, caller: &Caller, origin: &RequestOrigin) -> Result<Standing, Fault> {
    let (standing, reason) = match standing(core, caller).await? {
        Standing::Administrator => return Ok(Standing::Administrator),
        refused @ Standing::NotAdministrator => (refused, "not_an_administrator"),
        refused @ Standing::FactorMissing(_) => (refused, "factor_of_role_missing"),
        refused @ Standing::StepUpRequired(_) => (refused, "second_factor_required"),
    };
    let key = caller.key();
    core.transaction("admin.authorize", origin.clone(), move |tx| {
        let event = AuditEvent::failure(EventName::AuthzFail, reason, Some(key.user_id));
        let event = event.in_session(key.session_id);
        tx.audit_once_an_hour(event)
    })
    .await?;
    Ok(standing)
}

async fn standing(core: &Arc<Core>, caller: &Caller) -> Result<Standing, Fault> {
    let (required, proofs) = (requirement(core), caller.authority.proofs());
    // No token has the role without a proof of its factor, so here the account decides whether there is one to prove.
    let is_withheld = roles::is_administrator(&caller.user.roles) && !required.has_named(proofs);
    if !caller.authority.is_administrator() && !is_withheld {
        return Ok(Standing::NotAdministrator);
    }
    if required.is_met_by(proofs, core.clock.now()) {
        return Ok(Standing::Administrator);
    }
    let demand = factors::demand(core, caller, &required).await?;
    if is_withheld && !demand.accepted.iter().any(|method| required.one_of.contains(method)) {
        let kinds = core.settings.access_tokens.role_factors.required_for(roles::ADMIN);
        return Ok(Standing::FactorMissing(kinds));
    }
    Ok(Standing::StepUpRequired(demand))
}

/// The author of a change: an administrator or the command line.
#[derive(Clone)]
pub struct Operator {
    /// The administrator's session; `None` for the command line.
    administrator: Option<SessionKey>,
    origin: RequestOrigin,
}

impl Operator {
    /// A signed-in administrator.
    pub const fn administrator(caller: &Caller, origin: RequestOrigin) -> Self {
        Self {
            administrator: Some(caller.key()),
            origin,
        }
    }

    /// The command line.
    pub fn command_line(core: &Core) -> Self {
        Self {
            administrator: None,
            origin: core.own_origin(),
        }
    }

    /// Returns where the operator's request came from.
    pub(in crate::flows) const fn origin(&self) -> &RequestOrigin {
        &self.origin
    }

    /// Returns whether an account is the administrator's own.
    fn is(&self, id: UserId) -> bool {
        self.id() == Some(id)
    }

    fn id(&self) -> Option<UserId> {
        self.administrator.map(|key| key.user_id)
    }

    /// The origin that messages about the change show. Their reader learns what was done, but not from which address
    /// and program the administrator did it.
    fn shown_origin(&self) -> RequestOrigin {
        RequestOrigin {
            ip: None,
            user_agent: None,
            ..self.origin.clone()
        }
    }
}

/// An operator whose work may outlast their access token: an administrator with a recent proof, or the command line.
///
/// A stolen token must not be enough to leave something behind that works after the token has expired: a new access, or
/// a feed of data. So the operations that grant access or send data elsewhere take this type, and so do deletions, which
/// nothing restores. What only takes access away takes any [`Operator`].
pub struct RecentOperator(Operator);

impl RecentOperator {
    /// A signed-in administrator who has just proved their identity.
    pub const fn administrator(caller: &RecentCaller, origin: RequestOrigin) -> Self {
        Self(Operator {
            administrator: Some(caller.key()),
            origin,
        })
    }

    /// The command line.
    pub fn command_line(core: &Core) -> Self {
        Self(Operator::command_line(core))
    }
}

impl Deref for RecentOperator {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.0
    }
}

/// Why an operator's change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRefusal {
    /// The caller is not an administrator any longer.
    NotAdministrator,
    /// There is no account with this id.
    UnknownUser,
    /// Administrators cannot lock themselves out. Since an administrator who removes another one remains, the last one
    /// cannot be removed.
    OwnAccount,
    /// The resulting roles are not valid.
    Roles(&'static str),
    /// The account has no password and no address: without its factors it would have no way in.
    NoWayBack,
    /// Roles would be granted to an account with an unverified address: its reader, who may not be the intended user,
    /// could get the account.
    UnverifiedAddress,
    /// The administrator has made as many changes as all others are told of in an hour. The value is the time to wait.
    TooManyChanges(TimeDelta),
}

impl AdminRefusal {
    /// Returns the reason for the audit trail; `None` if the refusal is not recorded.
    const fn reason(self) -> Option<&'static str> {
        match self {
            Self::NotAdministrator => Some("not_an_administrator"),
            Self::OwnAccount => Some("own_account"),
            Self::UnverifiedAddress => Some("unverified_address"),
            Self::NoWayBack => Some("no_way_back"),
            Self::TooManyChanges(_) => Some("too_many_changes"),
            Self::UnknownUser | Self::Roles(_) => None,
        }
    }
}

impl Operator {
    /// Takes the turn, and checks again that the administrator still has the role, and the session its proofs. From then
    /// on all events of the transaction name the administrator.
    pub(in crate::flows) fn begin(&self, tx: &mut Tx<'_>) -> Result<Result<(), AdminRefusal>, Fault> {
        tx.actor_id = self.id();
        managed_users::take_turn(tx.connection)?;
        let Some(key) = self.administrator else {
            return Ok(Ok(()));
        };
        let (account, session) = key.lock_session(tx)?;
        let role_factors = &tx.core.settings.access_tokens.role_factors;
        if roles::is_administrator(&role_factors.carried(&account.user.roles, &session.proofs)) {
            return Ok(Ok(()));
        }
        self.record_refusal(tx, AdminRefusal::NotAdministrator, None)?;
        Ok(Err(AdminRefusal::NotAdministrator))
    }

    /// Writes the audit event of an operator's change to an account or to the deployment, and the account's own events
    /// for it.
    pub(in crate::flows) fn record(
        tx: &mut Tx<'_>,
        what: &'static str,
        events: &[AuditEvent],
        subject: Option<UserId>,
    ) -> Result<(), Fault> {
        let mut action = AuditEvent::of_deployment(EventName::AdminAction).because(what);
        action.user_id = subject;
        let events: Vec<AuditEvent> = std::iter::once(&action).chain(events).cloned().collect();
        tx.audit(&events)
    }

    /// Writes the audit event of a refused request.
    fn record_refusal(&self, tx: &mut Tx<'_>, refusal: AdminRefusal, subject: Option<UserId>) -> Result<(), Fault> {
        let Some(reason) = refusal.reason() else {
            return Ok(());
        };
        let event = AuditEvent::failure(EventName::AuthzFail, reason, subject.or(self.id()));
        tx.audit(&[event])
    }

    /// Prevents an administrator from locking themselves out by mistake, which in the case of the last one would leave
    /// none. The command line may do it, since it is the way to recover.
    fn may_remove(&self, subject: &ManagedUser) -> Result<(), AdminRefusal> {
        if self.is(subject.user.id) {
            Err(AdminRefusal::OwnAccount)
        } else {
            Ok(())
        }
    }
}

/// Makes a change to one account in one transaction.
async fn change<T: Send + 'static>(
    core: &Arc<Core>,
    operator: &Operator,
    id: UserId,
    name: &'static str,
    work: impl Fn(&mut Tx<'_>, &Operator, ManagedUser) -> Result<Result<T, AdminRefusal>, Fault> + Send + 'static,
) -> Result<Result<T, AdminRefusal>, Fault> {
    let operator = operator.clone();
    core.transaction(name, operator.origin.clone(), move |tx| {
        if let Err(refusal) = operator.begin(tx)? {
            return Ok(Err(refusal));
        }
        let Some(subject) = managed_users::find_for_update(tx.connection, id)? else {
            return Ok(Err(AdminRefusal::UnknownUser));
        };
        let done = work(tx, &operator, subject)?;
        if let Err(refusal) = &done {
            operator.record_refusal(tx, *refusal, Some(id))?;
        }
        Ok(done)
    })
    .await
}

/// Makes a change to the deployment in one transaction, and records it. `work` returns the event of what it changed.
async fn change_deployment<T: Send + 'static>(
    core: &Arc<Core>,
    operator: &Operator,
    name: &'static str,
    work: impl Fn(&mut Tx<'_>) -> Result<(T, Option<AuditEvent>), Fault> + Send + 'static,
) -> Result<Result<T, AdminRefusal>, Fault> {
    let operator = operator.clone();
    core.transaction(name, operator.origin().clone(), move |tx| {
        if let Err(refusal) = operator.begin(tx)? {
            return Ok(Err(refusal));
        }
        let (done, event) = work(tx)?;
        if let Some(event) = event {
            Operator::record(tx, event.name.as_str(), &[event], None)?;
        }
        Ok(Ok(done))
    })
    .await
}
