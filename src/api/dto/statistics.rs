//! Counts of what happened, as administrators see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::statistics::{Counts, Span, Step};
use crate::flows::admin::statistics::Statistics;

/// What happened in one hour or day. A count is null where more events happened than are counted.
#[derive(Serialize, ToSchema)]
pub struct StepCounts {
    /// When the hour or the day began; days are those of UTC. The last one is not over yet.
    pub since: DateTime<Utc>,
    /// Accounts that were made.
    #[schema(required, example = 3)]
    pub registrations: Option<u64>,
    /// Sessions of users that became active. Those of applications do not count.
    #[schema(required, example = 120)]
    pub sign_ins: Option<u64>,
    /// Wrong passwords and codes.
    #[schema(required, example = 7)]
    pub failures: Option<u64>,
    /// Waits that began after too many of them.
    #[schema(required, example = 1)]
    pub waits: Option<u64>,
}

/// Counts, hour by hour or day by day.
#[derive(Serialize, ToSchema)]
pub struct StatisticsResponse {
    /// `hour` or `day`.
    #[schema(example = "hour")]
    pub step: &'static str,
    /// Oldest first.
    pub items: Vec<StepCounts>,
}

impl StatisticsResponse {
    /// Shows counts.
    pub fn new(step: Step, span: &Span, counted: &Statistics) -> Self {
        let of = |counts: &Counts, index: usize| counts.get(index).copied().flatten();
        let show = |(index, since): (usize, &DateTime<Utc>)| StepCounts {
            since: *since,
            registrations: of(&counted.registrations, index),
            sign_ins: of(&counted.sign_ins, index),
            failures: of(&counted.failures, index),
            waits: of(&counted.waits, index),
        };
        Self {
            step: step.as_str(),
            items: span.starts().iter().enumerate().map(show).collect(),
        }
    }
}
