//! What the statements of one use case work with, and the entries that make it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::account_event::AccountEventType;
use crate::domain::audit_event::{AuditEvent, RequestOrigin};
use crate::domain::failed_attempts::Guesser;
use crate::domain::ids::{AuditEventId, RequestId, UserId};
use crate::flows::{Core, Fault, outcomes};
use crate::store::webhook_deliveries::{Span, ToldEvent};
use crate::store::{PgConnection, audit_events, webhook_deliveries};

/// A transaction of a use case, the request that it serves, and the time of that request.
///
/// Functions of `flows` that run statements take it, and pass its connection to those of `store`, which do not know it.
/// Reads that need neither origin nor time take the core and a connection, since some of them also run for callers that
/// have no origin.
pub(in crate::flows) struct Tx<'a> {
    /// Everything else that a flow works with.
    pub(in crate::flows) core: &'a Core,
    /// Runs the statements.
    pub(in crate::flows) connection: &'a mut PgConnection,
    /// Where the request came from.
    pub(in crate::flows) origin: &'a RequestOrigin,
    /// The time of the request. It is read once, so all rows that a transaction writes have the same time, also if the
    /// transaction is repeated.
    pub(in crate::flows) now: DateTime<Utc>,
    /// The administrator whose work it is, whom all of its events name: the owner of an account must not be shown from
    /// where an administrator worked, whatever step wrote the event.
    pub(in crate::flows) actor_id: Option<UserId>,
    /// Who gives the proof of a request, for which account, once a statement has found it out: see
    /// [`guesser`](crate::flows::limits::guesser).
    pub(in crate::flows) guesser: Option<(Option<UserId>, Guesser)>,
}

impl Core {
    /// Runs statements in one transaction. Reads the clock before it waits for a connection.
    ///
    /// `work` may run several times, each time from the start, so it must have no effects other than its SQL and the
    /// counting of metrics: see [`Database::transaction`](crate::store::pool::Database::transaction).
    pub(in crate::flows) async fn transaction<T: Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        origin: RequestOrigin,
        work: impl Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.transaction_at(self.clock.now(), name, origin, work).await
    }

    /// Does the same at a time that the use case has read before: for use cases that make ids, keys or tokens of that
    /// time outside of the transaction.
    pub(in crate::flows) async fn transaction_at<T: Send + 'static>(
        self: &Arc<Self>,
        now: DateTime<Utc>,
        name: &'static str,
        origin: RequestOrigin,
        work: impl Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let work = self.with_connection(now, origin, work);
        self.db.transaction(name, work).await
    }

    /// Runs statements that only read, each on its own snapshot. Reads the clock before it waits for a connection.
    ///
    /// `work` may run several times: see [`Database::read`](crate::store::pool::Database::read).
    pub(in crate::flows) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        origin: RequestOrigin,
        work: impl Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let work = self.with_connection(self.clock.now(), origin, work);
        self.db.read(name, work).await
    }

    /// Turns work on a [`Tx`] into work on a connection. The result owns what it uses: a thread of the database runs
    /// it, and goes on if the request is dropped meanwhile.
    fn with_connection<T>(
        self: &Arc<Self>,
        now: DateTime<Utc>,
        origin: RequestOrigin,
        work: impl Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> impl Fn(&mut PgConnection) -> Result<T, Fault> + Send + 'static {
        let core = Arc::clone(self);
        move |connection| {
            work(&mut Tx {
                core: &core,
                connection,
                origin: &origin,
                now,
                actor_id: None,
                guesser: None,
            })
        }
    }

    /// Makes the origin of work that no request caused: operators' commands, and what the service does by itself.
    pub(in crate::flows) fn own_origin(&self) -> RequestOrigin {
        RequestOrigin::of_own(RequestId::new(self.clock.now(), self.random.as_ref()))
    }
}

impl Tx<'_> {
    /// Returns the same transaction with another origin: messages about an operator's change must not show where the
    /// operator is.
    pub(in crate::flows) fn with_origin<'b>(&'b mut self, origin: &'b RequestOrigin) -> Tx<'b> {
        Tx {
            core: self.core,
            connection: self.connection,
            origin,
            now: self.now,
            actor_id: self.actor_id,
            guesser: None,
        }
    }

    /// Writes audit events inside the transaction of what they record, and for each endpoint that asked for them.
    ///
    /// Their ids have the time at which they are written, not that of the request: a reader of the trail relies on it
    /// that no id is older than its transaction (`domain::trail`).
    pub(in crate::flows) fn audit(&mut self, events: &[AuditEvent]) -> Result<(), Fault> {
        let named: Vec<_> = events.iter().map(|event| (self.event_id(), event.clone())).collect();
        self.audit_named(named)
    }

    /// Makes the id of an event that is about to be written.
    pub(in crate::flows) fn event_id(&self) -> AuditEventId {
        AuditEventId::new(self.core.clock.now(), self.core.random.as_ref())
    }

    /// Does the same for events that just got their [ids](Self::event_id).
    pub(in crate::flows) fn audit_named(&mut self, named: Vec<(AuditEventId, AuditEvent)>) -> Result<(), Fault> {
        let named: Vec<_> = named
            .into_iter()
            .inspect(|(_id, event)| outcomes::count_throttles(event))
            .map(|(id, event)| (id, event.by(self.actor_id)))
            .collect();
        audit_events::insert(self.connection, &named, self.origin, self.now)?;
        self.tell_endpoints(&named)
    }

    /// Most requests write no event that endpoints are told, and have no further statement. One that would be told if it
    /// had succeeded costs the same statement as one that did: a registration must not reveal whether its address is
    /// taken.
    fn tell_endpoints(&mut self, named: &[(AuditEventId, AuditEvent)]) -> Result<(), Fault> {
        let told = |(id, event): &(AuditEventId, AuditEvent)| {
            Some(ToldEvent {
                id: *id,
                subject_id: event.subject(*id),
                occurred_at: self.now,
                event_type: AccountEventType::of(event)?,
            })
        };
        let would_be_told = named
            .iter()
            .any(|(_id, event)| AccountEventType::is_told_on_success(event));
        let told: Vec<ToldEvent> = named.iter().filter_map(told).collect();
        if would_be_told || !told.is_empty() {
            webhook_deliveries::write(self.connection, &told, Span::from(self.now))?;
        }
        Ok(())
    }
}
