//! The refresh tokens of a request: in the body, or in the cookie.
//!
//! `flows::session::one_session` says what they may be beside a token that decides.

use std::sync::Arc;

use actix_web::HttpRequest;
use secrecy::SecretString;

use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::session::{RefreshTokenTransport, SessionKey};
use crate::flows::Core;
use crate::flows::session::one_session::{PresentedRefreshToken, Relation, relation};

/// The refresh tokens of a request, the first of which decides if there is no other token.
pub struct RefreshTokens(Vec<PresentedRefreshToken>);

impl RefreshTokens {
    /// Finds them.
    pub fn of(state: &ApiState, request: &HttpRequest, in_body: Option<SecretString>) -> Self {
        let by = |transport| move |token| PresentedRefreshToken { token, transport };
        let in_body = in_body.map(by(RefreshTokenTransport::Body));
        let in_cookie = state.cookies.refresh.read(request);
        let in_cookie = in_cookie.map(by(RefreshTokenTransport::Cookie));
        Self(in_body.into_iter().chain(in_cookie).collect())
    }

    /// Returns the first.
    pub fn first(&self) -> Option<&SecretString> {
        self.0.first().map(|presented| &presented.token)
    }

    /// Returns whether the first is in the cookie: then there is none in the body.
    pub fn is_first_in_cookie(&self) -> bool {
        !self.are_two() && self.has_cookie()
    }

    /// Returns whether there is one in the body and one in the cookie.
    pub const fn are_two(&self) -> bool {
        self.0.len() > 1
    }

    /// Returns whether one is in the cookie.
    pub fn has_cookie(&self) -> bool {
        let mut transports = self.0.iter().map(|presented| presented.transport);
        transports.any(|transport| transport == RefreshTokenTransport::Cookie)
    }

    /// Compares all of them with the session of the token that decides. Returns the relation that restricts the answer
    /// most.
    ///
    /// # Errors
    ///
    /// `service_unavailable` if the database cannot be reached.
    pub async fn relation(&self, core: &Arc<Core>, decides: SessionKey) -> Result<Relation, Problem> {
        let mut found = Relation::Own;
        for presented in &self.0 {
            found = found.max(relation(core, decides, presented).await?);
        }
        Ok(found)
    }
}
