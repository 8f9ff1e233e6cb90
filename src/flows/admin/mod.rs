//! Operators' work, behind two doors: `/admin` for administrators, and the command line for whoever can run the program.
//!
//! Every change is one transaction that holds, in this order, the turn of operators' changes, the administrator's own row
//! and session, and the account concerned; so a demoted or disabled administrator does nothing more, and of two who would
//! remove each other one is refused. What was done, to whom and by whom is written in the same transaction.

pub mod events;
pub mod invitation;
pub mod users;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::sessions::Caller;
use super::step_up::{self, Demand};
use super::{Core, Fault, ended_events, session_end};
use crate::domain::assurance::{AssuranceLevel, Requirement};
use crate::domain::audit_event::{AuditEvent, EventName, RequestOrigin};
use crate::domain::ids::{RequestId, UserId};
use crate::domain::managed_user::ManagedUser;
use crate::domain::roles;
use crate::domain::session::SessionKey;
use crate::domain::session_end::EndCause;
use crate::store::{PgConnection, managed_users};

/// Whether a caller may do operators' work.
#[must_use]
pub enum Standing {
    /// They may.
    Administrator,
    /// They lack the role.
    NotAdministrator,
    /// They have the role, but have not proven enough to use it.
    StepUpRequired(Demand),
}

/// What operators' work requires of the presented token, beside the role.
const REQUIRED: Requirement = Requirement {
    level: AssuranceLevel::Aal2,
    recent: None,
};

/// Tells whether a caller may do operators' work: the presented token and the account both have the role, and the token
/// shows two factors. A refusal is written down.
///
/// # Errors
///
/// Returns faults only.
pub async fn authorize(core: &Arc<Core>, caller: &Caller, origin: &RequestOrigin) -> Result<Standing, Fault> {
    let (standing, reason) = if !caller.authority.is_administrator() {
        (Standing::NotAdministrator, "not_an_administrator")
    } else if !REQUIRED.is_met_by(caller.authority.proofs(), core.clock.now()) {
        let demand = step_up::demand(core, caller, REQUIRED).await?;
        (Standing::StepUpRequired(demand), "second_factor_required")
    } else {
        return Ok(Standing::Administrator);
    };
    let (key, now) = (caller.key(), core.clock.now());
    let (shared, origin) = (Arc::clone(core), origin.clone());
    core.db
        .transaction("admin.authorize", move |connection| {
            let event = AuditEvent::failure(EventName::AuthzFail, reason, Some(key.user_id));
            let event = event.in_session(key.session_id);
            shared.audit_once_an_hour(connection, event, (&origin, now))
        })
        .await?;
    Ok(standing)
}

/// Who does operators' work.
#[derive(Clone)]
pub struct Operator {
    /// The administrator; nobody: the command line.
    administrator: Option<SessionKey>,
    origin: RequestOrigin,
}

impl Operator {
    /// An administrator who is signed in.
    pub const fn administrator(caller: &Caller, origin: RequestOrigin) -> Self {
        Self {
            administrator: Some(caller.key()),
            origin,
        }
    }

    /// Whoever runs the program.
    pub fn command_line(core: &Core) -> Self {
        Self {
            administrator: None,
            origin: RequestOrigin::of_own(RequestId::new(core.clock.now(), core.random.as_ref())),
        }
    }

    /// Begins a change.
    pub(super) const fn at_work<'a>(&'a self, core: &'a Core, now: DateTime<Utc>) -> Work<'a> {
        Work {
            core,
            operator: self,
            now,
        }
    }

    /// Tells whether it is an administrator's own account.
    fn is(&self, id: UserId) -> bool {
        self.id() == Some(id)
    }

    fn id(&self) -> Option<UserId> {
        self.administrator.map(|key| key.user_id)
    }

    /// Where messages about the work come from: the person who reads them is told what was done, and not from where an
    /// administrator did it.
    fn shown_origin(&self) -> RequestOrigin {
        RequestOrigin {
            ip: None,
            user_agent: None,
            ..self.origin.clone()
        }
    }
}

/// Why an operator's change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRefusal {
    /// The caller is no administrator any more.
    NotAdministrator,
    /// There is no such account.
    UnknownUser,
    /// Administrators cannot lock themselves out. Since whoever removes another one stays, the last one cannot be removed.
    OwnAccount,
    /// The roles that would come of it cannot be.
    Roles(&'static str),
    /// Roles would be granted to an account whose address nobody has proven: the reader of that mail box, whoever it is,
    /// could take the account over.
    UnverifiedAddress,
}

impl AdminRefusal {
    /// Returns the fixed word for the audit trail; nothing for what is no attempt at anything.
    const fn reason(self) -> Option<&'static str> {
        match self {
            Self::NotAdministrator => Some("not_an_administrator"),
            Self::OwnAccount => Some("own_account"),
            Self::UnverifiedAddress => Some("unverified_address"),
            Self::UnknownUser | Self::Roles(_) => None,
        }
    }
}

/// What the statements of one change work with.
pub(super) struct Work<'a> {
    pub(super) core: &'a Core,
    pub(super) operator: &'a Operator,
    pub(super) now: DateTime<Utc>,
}

impl Work<'_> {
    /// Takes the turn, and looks once more whether the administrator still is one.
    pub(super) fn begin(&self, connection: &mut PgConnection) -> Result<Result<(), AdminRefusal>, Fault> {
        managed_users::take_turn(connection)?;
        let Some(key) = self.operator.administrator else {
            return Ok(Ok(()));
        };
        let account = key.lock_user(connection, self.now)?;
        if roles::is_administrator(&account.user.roles) {
            return Ok(Ok(()));
        }
        self.record_refusal(connection, AdminRefusal::NotAdministrator, None)?;
        Ok(Err(AdminRefusal::NotAdministrator))
    }

    /// Writes down what was done to an account, or to the deployment; and the events that its owner knows such things by.
    pub(super) fn record(
        &self,
        connection: &mut PgConnection,
        what: &'static str,
        events: &[AuditEvent],
        subject: Option<UserId>,
    ) -> Result<(), Fault> {
        let mut action = AuditEvent::of_deployment(EventName::AdminAction).because(what);
        action.user_id = subject;
        let events: Vec<AuditEvent> = std::iter::once(&action)
            .chain(events)
            .map(|event| event.by(self.operator.id()))
            .collect();
        Ok(self.core.audit(connection, &events, &self.operator.origin, self.now)?)
    }

    /// Writes down what was asked for and not done.
    fn record_refusal(
        &self,
        connection: &mut PgConnection,
        refusal: AdminRefusal,
        subject: Option<UserId>,
    ) -> Result<(), Fault> {
        let Some(reason) = refusal.reason() else {
            return Ok(());
        };
        let event = AuditEvent::failure(EventName::AuthzFail, reason, subject.or(self.operator.id()));
        let event = event.by(self.operator.id());
        Ok(self.core.audit(connection, &[event], &self.operator.origin, self.now)?)
    }

    /// Refuses what would lock an administrator out by mistake, and with the last one everybody. The command line may do it,
    /// since it is the way back in.
    fn may_remove(&self, subject: &ManagedUser) -> Result<(), AdminRefusal> {
        if self.operator.is(subject.user.id) {
            Err(AdminRefusal::OwnAccount)
        } else {
            Ok(())
        }
    }

    /// Ends all sessions of an account, pending ones included, and what waits on it. Returns what to write down about that.
    fn end_sessions(
        &self,
        connection: &mut PgConnection,
        id: UserId,
        cause: EndCause,
    ) -> Result<Vec<AuditEvent>, Fault> {
        let ended = session_end::end_all(connection, id, None, cause, self.now)?;
        Ok(ended_events(id, ended))
    }
}

/// Makes a change of one account in one transaction.
async fn change<T: Send + 'static>(
    core: &Arc<Core>,
    operator: &Operator,
    (id, name): (UserId, &'static str),
    work: impl Fn(&Work<'_>, &mut PgConnection, ManagedUser) -> Result<Result<T, AdminRefusal>, Fault> + Send + 'static,
) -> Result<Result<T, AdminRefusal>, Fault> {
    let now = core.clock.now();
    let (shared, operator) = (Arc::clone(core), operator.clone());
    core.db
        .transaction(name, move |connection| {
            let begun = operator.at_work(&shared, now);
            if let Err(refusal) = begun.begin(connection)? {
                return Ok(Err(refusal));
            }
            let Some(subject) = managed_users::find_for_update(connection, id)? else {
                return Ok(Err(AdminRefusal::UnknownUser));
            };
            let done = work(&begun, connection, subject)?;
            if let Err(refusal) = &done {
                begun.record_refusal(connection, *refusal, Some(id))?;
            }
            Ok(done)
        })
        .await
}
