//! The filters of administrators' lists: query parameters, checked like the members of a body.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, Utc};
use futures_util::future::Ready;
use serde::Deserialize;

use super::query;
use crate::api::problem::Problem;
use crate::domain::audit_event;
use crate::domain::ids::UserId;
use crate::domain::input::InvalidInput;
use crate::domain::managed_user::{self, AccountState, UserQuery};
use crate::domain::roles;
use crate::domain::statistics::Step;
use crate::domain::webhook::DeliveryState;

/// The greatest length of an event's name.
const EVENT_LENGTH: usize = 64;
/// How many hours or days are counted if the request does not say.
const STEPS: u32 = 24;

/// Selects the accounts of a list.
pub struct UserFilter(pub managed_user::UserFilter);

/// Selects the events of a list.
pub struct EventFilter(pub audit_event::EventFilter);

/// Selects the messages of a list.
pub struct DeliveryFilter(pub Option<DeliveryState>);

/// Selects what is counted.
pub struct StatisticsFilter {
    /// Hours or days.
    pub step: Step,
    /// How many, not checked yet.
    pub steps: u32,
}

#[derive(Deserialize)]
struct StatisticsParameters {
    step: Option<String>,
    steps: Option<String>,
}

#[derive(Deserialize)]
struct DeliveryParameters {
    state: Option<String>,
}

#[derive(Deserialize)]
struct UserParameters {
    query: Option<String>,
    role: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
struct EventParameters {
    user_id: Option<String>,
    event: Option<String>,
    since: Option<String>,
}

impl FromRequest for UserFilter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, |given| user_filter(given).map(Self))
    }
}

impl FromRequest for EventFilter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, |given| trail_filter(given).map(Self))
    }
}

impl FromRequest for DeliveryFilter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, |given| delivery_state(given).map(Self))
    }
}

impl FromRequest for StatisticsFilter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, counted_steps)
    }
}

fn counted_steps(given: &StatisticsParameters) -> Result<StatisticsFilter, InvalidInput> {
    let mut invalid = InvalidInput::default();
    let step = given.step.as_deref().map_or(Ok(Step::Hour), parse_step);
    let step = invalid.keep("/step", step);
    let steps = given.steps.as_deref().map_or(Ok(STEPS), parse_steps);
    let steps = invalid.keep("/steps", steps);
    match (step, steps) {
        (Some(step), Some(steps)) => Ok(StatisticsFilter { step, steps }),
        _ => Err(invalid),
    }
}

fn parse_step(text: &str) -> Result<Step, &'static str> {
    Step::parse(text).ok_or("must be hour or day")
}

fn parse_steps(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_not_one| "must be a number")
}

fn delivery_state(given: &DeliveryParameters) -> Result<Option<DeliveryState>, InvalidInput> {
    let known = |text: &str| DeliveryState::parse(text).ok_or("must be pending, delivered or dead");
    let state = given.state.as_deref().map(known).transpose();
    state.map_err(|wanted| InvalidInput::of("/state", wanted))
}

fn user_filter(given: &UserParameters) -> Result<managed_user::UserFilter, InvalidInput> {
    let mut invalid = InvalidInput::default();
    let query = invalid.keep("/query", UserQuery::parse(given.query.as_deref().unwrap_or_default()));
    let role = given.role.as_deref();
    let administrators = invalid.keep("/role", role.map_or(Ok(false), only_administrators));
    let state = given.state.as_deref().map(account_state).transpose();
    let state = invalid.keep("/state", state);
    match (query, administrators, state) {
        (Some(query), Some(administrators), Some(state)) => Ok(managed_user::UserFilter {
            query,
            administrators,
            state,
        }),
        _ => Err(invalid),
    }
}

/// A search for another role would read all accounts.
fn only_administrators(role: &str) -> Result<bool, &'static str> {
    if role == roles::ADMIN {
        Ok(true)
    } else {
        Err("must be admin: accounts cannot be searched by other roles")
    }
}

fn account_state(text: &str) -> Result<AccountState, &'static str> {
    AccountState::parse(text).ok_or("must be disabled, password_disabled, codes_disabled or unverified")
}

fn trail_filter(given: &EventParameters) -> Result<audit_event::EventFilter, InvalidInput> {
    let mut invalid = InvalidInput::default();
    let user_id = given.user_id.as_deref();
    let user_id = user_id.and_then(|text| invalid.keep("/user_id", parse_user_id(text)));
    let event = given.event.as_deref();
    let event = event.and_then(|text| invalid.keep("/event", parse_event(text)));
    let since = given.since.as_deref();
    let since = since.and_then(|text| invalid.keep("/since", parse_time(text)));
    if invalid.errors.is_empty() {
        Ok(audit_event::EventFilter { user_id, event, since })
    } else {
        Err(invalid)
    }
}

fn parse_user_id(text: &str) -> Result<UserId, &'static str> {
    UserId::parse(text).ok_or("must be the id of an account")
}

/// A name that this release does not know is accepted: the event may come from a newer release.
fn parse_event(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=EVENT_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be the name of an event, such as authn_login_fail")
    }
}

/// Parses a time of an event.
///
/// # Errors
///
/// Describes the expected time.
pub fn parse_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.to_utc())
        .filter(|time| *time >= DateTime::UNIX_EPOCH)
        .ok_or("must be a time since 1970, such as 2026-03-01T12:00:00Z")
}
