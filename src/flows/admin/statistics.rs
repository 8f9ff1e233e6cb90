//! How often users signed in, or failed to, hour by hour or day by day.

use std::sync::Arc;

use crate::domain::audit_event::EventName;
use crate::domain::oauth::grant::SESSION_OF_APPLICATION;
use crate::domain::policy::numbers::MOST_COUNTED;
use crate::domain::statistics::{self, Counts, Measure, Span};
use crate::flows::{Core, Fault};
use crate::store::audit_events;

/// What was counted, for each step of a span.
pub struct Statistics {
    /// Accounts that were made.
    pub registrations: Counts,
    /// Sessions of users that became active.
    pub sign_ins: Counts,
    /// Wrong passwords and codes.
    pub failures: Counts,
    /// Waits that began.
    pub waits: Counts,
}

/// Counts what happened in a span.
pub async fn count(core: &Arc<Core>, span: Span) -> Result<Statistics, Fault> {
    core.db
        .read("admin.statistics", move |connection| {
            let steps = span.starts().len();
            let mut of_event = |event: EventName| -> Result<Counts, Fault> {
                // The session of an application begins in one of its user, who has signed in already.
                let without = (event == EventName::SessionCreated).then_some(SESSION_OF_APPLICATION);
                let tallies = audit_events::tally(connection, event, without, &span, MOST_COUNTED)?;
                Ok(statistics::counts(steps, &tallies, MOST_COUNTED.into()))
            };
            let mut of = |measure: Measure| -> Result<Counts, Fault> {
                let parts: Result<Vec<Counts>, Fault> = measure.events().iter().map(|event| of_event(*event)).collect();
                Ok(statistics::sum(steps, &parts?))
            };
            Ok(Statistics {
                registrations: of(Measure::Registrations)?,
                sign_ins: of(Measure::SignIns)?,
                failures: of(Measure::Failures)?,
                waits: of(Measure::Waits)?,
            })
        })
        .await
}
