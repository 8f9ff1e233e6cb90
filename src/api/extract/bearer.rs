//! Tokens in the `Authorization` header, and nowhere else: bearer tokens (RFC 6750 §2.1), and tokens that are bound to a
//! key, which come under the scheme `DPoP` with a proof beside them (RFC 9449 §7.1).
//!
//! The scheme of a request decides whether a proof is verified; whether the token may come so, the flows decide, since
//! the token says whether it is bound.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use secrecy::{ExposeSecret, SecretString};

use super::proof::ProofHeader;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::opaque_token::TokenKind;
use crate::flows::Core;
use crate::flows::account::email_verification::AccountToken;
use crate::flows::dpop::{ProofRefusal, VerifiedProof};
use crate::flows::factors::{self, Holder, RecentCaller};
use crate::flows::session::sessions::{self, Authentication, Caller, Presentation};

/// The scheme of tokens that are bound to a key.
const BOUND: &str = "dpop";

/// What a request presents as bearer.
pub enum Bearer {
    /// Nothing, or another scheme.
    Absent,
    /// Anything but a single token.
    Malformed,
    /// A token of any kind.
    Presented(SecretString),
    /// A token of any kind that is said to be bound to a key.
    Bound(SecretString, ProofHeader),
}

/// A token of any kind, with the proof of possession beside it.
pub struct PresentedToken {
    /// The token.
    pub token: SecretString,
    /// The proof, if the token came as one that is bound to a key.
    pub proof: Option<VerifiedProof>,
}

/// Returns whether a request uses the scheme of bound tokens.
pub fn is_dpop(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|text| text.split(' ').next());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(BOUND))
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
            Some((scheme, token)) if is_known(scheme) => {
                let token = token.trim_matches(' ');
                if token.is_empty() || token.contains([' ', ',']) {
                    Self::Malformed
                } else if scheme.eq_ignore_ascii_case(BOUND) {
                    Self::Bound(token.into(), ProofHeader::of(request))
                } else {
                    Self::Presented(token.into())
                }
            }
            _ if is_known(text) => Self::Malformed,
            _ => Self::Absent,
        }
    }

    /// Returns the token, with the verified proof beside it.
    ///
    /// # Errors
    ///
    /// The code, if there is none. `invalid_dpop_proof` or `use_dpop_nonce`, if the proof is refused.
    pub fn require(self, code: Code, core: &Core) -> Result<PresentedToken, Problem> {
        match self {
            Self::Presented(token) => Ok(PresentedToken { token, proof: None }),
            Self::Bound(token, proof) => {
                let proof = Some(proof.beside(core, token.expose_secret())?);
                Ok(PresentedToken { token, proof })
            }
            Self::Malformed => Err(Problem::of(code).bearer_error()),
            Self::Absent => Err(Problem::of(code)),
        }
    }

    /// Returns whether the token is a pre-auth token, valid or not.
    fn is_pre_auth(&self) -> bool {
        match self {
            Self::Presented(token) | Self::Bound(token, _) => {
                token.expose_secret().starts_with(TokenKind::PreAuth.prefix())
            }
            Self::Absent | Self::Malformed => false,
        }
    }
}

fn is_known(scheme: &str) -> bool {
    ["bearer", BOUND].iter().any(|known| scheme.eq_ignore_ascii_case(known))
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
        let caller = find_caller(request, !request.method().is_safe());
        async move { caller.await.map(Self) }
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

fn find_caller(request: &HttpRequest, is_change: bool) -> impl Future<Output = Result<Caller, Problem>> + use<> {
    let bearer = Bearer::of(request);
    let state = Data::<ApiState>::extract(request);
    async move {
        let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
        let PresentedToken { token, proof } = bearer.require(Code::InvalidToken, &state.core)?;
        let presentation = Presentation { proof, is_change };
        match sessions::authenticate(&state.core, token.expose_secret(), presentation).await? {
            Authentication::Caller(caller) => Ok(*caller),
            Authentication::NonceSpent => Err(Problem::dpop(ProofRefusal::NonceNeeded).at_resource()),
            Authentication::Invalid => Err(Problem::of(Code::InvalidToken).bearer_error()),
        }
    }
}

/// The caller of a request that changes nothing, whatever its method: a gateway asks with the method of the request
/// that it checks.
pub struct Validated(pub Caller);

impl FromRequest for Validated {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = find_caller(request, false);
        async move { caller.await.map(Self) }.boxed_local()
    }
}

/// The caller of a request that need not have one. A token that is there has to be valid.
pub struct MaybeSignedIn(pub Option<Caller>);

impl FromRequest for MaybeSignedIn {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        if matches!(Bearer::of(request), Bearer::Absent) {
            return ready(Ok(Self(None))).boxed_local();
        }
        let signed_in = SignedIn::of(request);
        async move { signed_in.await.map(|caller| Self(Some(caller.0))) }.boxed_local()
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
    Pending(PresentedToken),
    /// A user who is signed in, with a recent proof as for any sensitive change.
    SignedIn(Box<RecentCaller>),
}

impl FromRequest for Enrolling {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::of(request);
        if bearer.is_pre_auth() {
            let presented = require(request, bearer, Code::InvalidPreAuthToken);
            return async move { presented.await.map(Self::Pending) }.boxed_local();
        }
        let signed_in = RecentlyAuthenticated::from_request(request, payload);
        async move { signed_in.await.map(|caller| Self::SignedIn(Box::new(caller.0))) }.boxed_local()
    }
}

/// Returns the token of a request, with the verified proof beside it.
fn require(
    request: &HttpRequest,
    bearer: Bearer,
    code: Code,
) -> impl Future<Output = Result<PresentedToken, Problem>> + use<> {
    let state = Data::<ApiState>::extract(request);
    async move {
        let state = state.await.map_err(|_missing| Problem::of(Code::InternalError))?;
        bearer.require(code, &state.core)
    }
}

/// The bearer of a request that also has a token from a mail: none, a pre-auth token, which the flow verifies, or a
/// valid access token.
pub struct AccountBearer(pub AccountToken);

impl FromRequest for AccountBearer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::of(request);
        if matches!(bearer, Bearer::Absent) {
            return ready(Ok(Self(AccountToken::Absent))).boxed_local();
        }
        if bearer.is_pre_auth() {
            let presented = require(request, bearer, Code::InvalidPreAuthToken);
            let found = |PresentedToken { token, proof }| Self(AccountToken::PreAuth(token, proof));
            return async move { presented.await.map(found) }.boxed_local();
        }
        let signed_in = SignedIn::of(request);
        let found = |SignedIn(caller)| Self(AccountToken::SignedIn(Box::new(caller)));
        async move { signed_in.await.map(found) }.boxed_local()
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
    fn a_bound_token_is_told_from_a_bearer_token() {
        for value in ["DPoP abc", "dpop abc", "DPOP  abc "] {
            assert!(
                matches!(bearer(&[value]), Bearer::Bound(token, _) if token.expose_secret() == "abc"),
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
            &["DPoP"],
            &["DPoP a b"],
            &["DPoP a", "Bearer a"],
        ] {
            assert!(matches!(bearer(values), Bearer::Malformed), "{values:?}");
        }
        assert!(matches!(bearer(&[]), Bearer::Absent));
    }
}
