//! Who calls, and what routes demand of them.

use std::ops::Deref;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::refusal::{Code, Refusal, Schemes};

/// Who has the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerKind {
    /// A user in person, in the deployment's own client.
    User,
    /// An application that a user allowed something.
    Application,
    /// A service.
    Service,
    /// The script of a user with an API key.
    ApiKey,
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Claims,
    scopes: Vec<String>,
    schemes: Schemes,
    /// When the request was checked, in seconds since 1970.
    now: u64,
}

impl Caller {
    pub(crate) fn new(claims: Claims, schemes: Schemes, now: u64) -> Self {
        let scopes = claims.scope.iter().flat_map(|scope| scope.split(' '));
        let scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Self {
            claims,
            scopes,
            schemes,
            now,
        }
    }

    /// Returns who has the token. A user's token has no scope only if it is the own client's, which needs none.
    pub fn kind(&self) -> CallerKind {
        match (&self.claims.sid, &self.claims.scope) {
            (Some(_), None) => CallerKind::User,
            (Some(_), Some(_)) => CallerKind::Application,
            (None, _) if self.claims.sub == self.claims.client_id => CallerKind::Service,
            (None, _) => CallerKind::ApiKey,
        }
    }

    /// Returns the id of the user, which never changes; of a service, its own id. Store this.
    pub fn sub(&self) -> &str {
        &self.claims.sub
    }

    /// Returns the session; services and scripts have none.
    pub fn sid(&self) -> Option<&str> {
        self.claims.sid.as_deref()
    }

    /// Returns the roles of the user, as of the time of issue.
    pub fn roles(&self) -> &[String] {
        &self.claims.roles
    }

    /// Returns what the roles mean.
    pub fn permissions(&self) -> &[String] {
        &self.claims.permissions
    }

    /// Returns what an application, a service or a script may do. Empty for a user in person, who may do everything.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Returns what your back ends keep about the user.
    pub const fn app(&self) -> &Map<String, Value> {
        &self.claims.app
    }

    /// Returns a claim that has no method of its own, such as `email`.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.rest.get(name)
    }

    /// Demands a role.
    ///
    /// # Errors
    ///
    /// The caller lacks it.
    pub fn require_role(&self, role: &str) -> Result<(), Refusal> {
        self.unless(
            has(&self.claims.roles, role),
            Code::Forbidden,
            "the caller lacks a role",
        )
    }

    /// Demands a permission.
    ///
    /// # Errors
    ///
    /// The caller lacks it.
    pub fn require_permission(&self, permission: &str) -> Result<(), Refusal> {
        let has = has(&self.claims.permissions, permission);
        self.unless(has, Code::Forbidden, "the caller lacks a permission")
    }

    /// Demands two different factors (`aal2`).
    ///
    /// # Errors
    ///
    /// The user has to prove the second one.
    pub fn require_two_factors(&self) -> Result<(), Refusal> {
        self.require_proof(None)
    }

    /// Demands two different factors, proved within `max_age`.
    ///
    /// # Errors
    ///
    /// The user has to prove them, or prove them again.
    pub fn require_recent(&self, max_age: Duration) -> Result<(), Refusal> {
        self.require_proof(Some(max_age.as_secs()))
    }

    fn require_proof(&self, max_age: Option<u64>) -> Result<(), Refusal> {
        // A service or a script has no user who could give a proof, so no challenge would help it.
        self.unless(self.sid().is_some(), Code::Forbidden, "this is for a user in person")?;
        let age = self
            .claims
            .auth_time
            .map(|auth_time| self.now.saturating_sub(auth_time));
        let is_recent = max_age.is_none_or(|max_age| age.is_some_and(|age| age <= max_age));
        if is_recent && self.claims.acr.as_deref() == Some("aal2") {
            return Ok(());
        }
        let refusal = self.refusal(Code::InsufficientUserAuthentication, "the proof is too old or too weak");
        let refusal = refusal.with("acr_values", "aal2");
        Err(match max_age {
            Some(max_age) => refusal.with("max_age", max_age),
            None => refusal,
        })
    }

    /// Demands a kind of proof, such as `pop`, a passkey.
    ///
    /// # Errors
    ///
    /// The user has to give it.
    pub fn require_method(&self, method: &str) -> Result<(), Refusal> {
        self.unless(self.sid().is_some(), Code::Forbidden, "this is for a user in person")?;
        if has(&self.claims.amr, method) {
            return Ok(());
        }
        let refusal = self.refusal(Code::InsufficientUserAuthentication, "the proof is of another kind");
        Err(refusal.with("amr", vec![method]))
    }

    fn unless(&self, right: bool, code: Code, reason: &str) -> Result<(), Refusal> {
        if right { Ok(()) } else { Err(self.refusal(code, reason)) }
    }

    fn refusal(&self, code: Code, reason: &str) -> Refusal {
        Refusal::new(code, reason, self.schemes)
    }
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|own| own == one)
}

/// A user in person, in the deployment's own client: what most routes are for.
#[derive(Clone, Debug)]
pub struct User(Caller);

impl Deref for User {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl User {
    pub(crate) fn of(caller: Caller) -> Result<Self, Refusal> {
        let is_user = caller.kind() == CallerKind::User;
        caller.unless(is_user, Code::Forbidden, "this is for users in person")?;
        Ok(Self(caller))
    }
}

/// A caller of any kind. Name the scope that the route needs to learn who it is: an application, a service or a script
/// may do no more than its scopes say.
#[derive(Clone, Debug)]
#[must_use = "name the scope that the route needs"]
pub struct AnyCaller(pub(crate) Caller);

impl AnyCaller {
    /// Demands an application, a service or a script that was allowed a scope.
    ///
    /// # Errors
    ///
    /// It was not allowed this, or the caller is a user in person.
    pub fn with_scope(self, scope: &str) -> Result<Caller, Refusal> {
        let is_other = self.0.kind() != CallerKind::User;
        self.0
            .unless(is_other, Code::Forbidden, "this is not for users in person")?;
        self.user_or_with_scope(scope)
    }

    /// Demands a user in person, or another caller that was allowed a scope.
    ///
    /// # Errors
    ///
    /// It was not allowed this.
    pub fn user_or_with_scope(self, scope: &str) -> Result<Caller, Refusal> {
        if self.0.kind() == CallerKind::User || has(&self.0.scopes, scope) {
            return Ok(self.0);
        }
        let refusal = self.0.refusal(Code::InsufficientScope, "the token lacks a scope");
        Err(refusal.with("scope", scope))
    }
}
