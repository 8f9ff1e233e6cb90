//! Bearer tokens (RFC 6750 §2.1): in the `Authorization` header and nowhere else.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use secrecy::{ExposeSecret, SecretString};

use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::opaque_token::TokenKind;
use crate::flows::account::email_verification;
use crate::flows::factors::{self, Holder, RecentCaller};
use crate::flows::session::sessions::{self, Caller};

/// What a request presents as bearer.
pub enum Bearer {
    /// Nothing, or another scheme.
    Absent,
    /// Anything but a single bearer token.
    Malformed,
    /// A token of any kind.
    Presented(SecretString),
}

impl Bearer {
    /// Reads the header.
    pub fn of(request: &HttpRequest) -> Self {
        let mut values = request.headers().get_all(header::AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else {
            return if request.headers().contains_key(header::AUTHORIZATION) {
                Self::Malformed
            } else {
                Self::Absent
            };
        };
        let Ok(text) = value.to_str() else {
            return Self::Malformed;
        };
        match text.split_once(' ') {
            // RFC 9110 §11.1: the scheme's case does not matter.
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let token = token.trim_matches(' ');
                if token.is_empty() || token.contains([' ', ',']) {
                    Self::Malformed
                } else {
                    Self::Presented(token.into())
                }
            }
            _ if text.eq_ignore_ascii_case("bearer") => Self::Malformed,
            _ => Self::Absent,
        }
    }

    /// Returns the token.
    ///
    /// # Errors
    ///
    /// The code, if there is none.
    pub fn require(self, code: Code) -> Result<SecretString, Problem> {
        match self {
            Self::Presented(token) => Ok(token),
            Self::Malformed => Err(Problem::of(code).bearer_error()),
            Self::Absent => Err(Problem::of(code)),
        }
    }
}

/// The caller with a valid access token; the handler does not run without one.
pub struct SignedIn(pub Caller);

impl SignedIn {
    /// Finds the caller of a request, for handlers that do not always need one.
    ///
    /// # Errors
    ///
    /// `invalid_token` if there is no valid access token.
    pub fn of(request: &HttpRequest) -> impl Future<Output = Result<Self, Problem>> + use<> {
        let token = Bearer::of(request).require(Code::InvalidToken);
        let state = Data::<ApiState>::extract(request);
        async move {
            let token = token?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            let caller = sessions::authenticate(&state.core, token.expose_secret()).await?;
            caller
                .map(Self)
                .ok_or_else(|| Problem::of(Code::InvalidToken).bearer_error())
        }
    }

    /// Requires that the token contains a recent proof, for handlers that do not always need one.
    ///
    /// # Errors
    ///
    /// `insufficient_user_authentication` if it does not.
    pub async fn require_recent_proof(self, state: &ApiState) -> Result<RecentCaller, Problem> {
        let verdict = factors::require_recent_proof(&state.core, self.0).await?;
        verdict.map_err(|demand| Problem::insufficient_user_authentication(&demand))
    }

    /// Requires that the token contains a recent proof of a possession factor, if the account has one.
    ///
    /// # Errors
    ///
    /// `insufficient_user_authentication` if it does not.
    pub async fn require_holder(self, state: &ApiState) -> Result<Holder, Problem> {
        let verdict = factors::require_holder(&state.core, self.0).await?;
        verdict.map_err(|demand| Problem::insufficient_user_authentication(&demand))
    }
}

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        Self::of(request).boxed_local()
    }
}

/// A caller whose token contains a recent proof, of two factors if the account has them (RFC 9470); the handler does
/// not run without it.
pub struct RecentlyAuthenticated(pub RecentCaller);

impl FromRequest for RecentlyAuthenticated {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::of(request);
        let state = Data::<ApiState>::extract(request);
        async move {
            let signed_in = signed_in.await?;
            let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
            signed_in.require_recent_proof(&state).await.map(Self)
        }
        .boxed_local()
    }
}

/// A caller who may enrol a new authenticator.
pub enum Enrolling {
    /// A user with a pending login. The flow verifies the pre-auth token.
    Pending(SecretString),
    /// A user who is signed in, with a recent proof as for any sensitive change.
    SignedIn(Box<RecentCaller>),
}

impl FromRequest for Enrolling {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Bearer::Presented(token) = Bearer::of(request)
            && token.expose_secret().starts_with(TokenKind::PreAuth.prefix())
        {
            return ready(Ok(Self::Pending(token))).boxed_local();
        }
        let signed_in = RecentlyAuthenticated::from_request(request, payload);
        async move { signed_in.await.map(|caller| Self::SignedIn(Box::new(caller.0))) }.boxed_local()
    }
}

/// The bearer of a request that also has a token from a mail: none, a pre-auth token, which the flow verifies, or a
/// valid access token.
pub struct AccountBearer(pub email_verification::AccountToken);

impl FromRequest for AccountBearer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let bearer = match Bearer::of(request) {
            Bearer::Absent => email_verification::AccountToken::Absent,
            Bearer::Presented(token) if token.expose_secret().starts_with(TokenKind::PreAuth.prefix()) => {
                email_verification::AccountToken::PreAuth(token)
            }
            Bearer::Presented(_) | Bearer::Malformed => {
                let signed_in = SignedIn::of(request);
                let found = |SignedIn(caller)| Self(email_verification::AccountToken::SignedIn(Box::new(caller)));
                return async move { signed_in.await.map(found) }.boxed_local();
            }
        };
        ready(Ok(Self(bearer))).boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn bearer(values: &[&str]) -> Bearer {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((header::AUTHORIZATION, *value));
        }
        Bearer::of(&request.to_http_request())
    }

    #[test]
    fn one_token_is_presented_in_any_case_of_the_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert!(
                matches!(bearer(&[value]), Bearer::Presented(token) if token.expose_secret() == "abc"),
                "{value}"
            );
        }
    }

    #[test]
    fn other_schemes_are_not_bearer_and_broken_ones_are_malformed() {
        for value in ["Basic abc", "abc", ""] {
            assert!(matches!(bearer(&[value]), Bearer::Absent), "{value}");
        }
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a,b"],
            &["Bearer a", "Bearer b"],
            &["Bearer ä"],
        ] {
            assert!(matches!(bearer(values), Bearer::Malformed), "{values:?}");
        }
        assert!(matches!(bearer(&[]), Bearer::Absent));
    }
}
