//! Proofs of possession in the `DPoP` header (RFC 9449 §4.1).

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Ready, ready};

use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::dpop::DpopPolicy;
use crate::domain::oauth::client::Client;
use crate::flows::Core;
use crate::flows::dpop::{self, PresentedProof, ProofRefusal, VerifiedProof};

/// The header of proofs.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What a request has in the header, not yet verified.
pub struct ProofHeader {
    values: Values,
    method: String,
    path: String,
    origin: Option<String>,
}

enum Values {
    Absent,
    One(String),
    /// Several, or one that is not text.
    Unreadable,
}

impl ProofHeader {
    /// Reads the header.
    pub fn of(request: &HttpRequest) -> Self {
        let mut values = request.headers().get_all(DPOP);
        let origin = request.headers().get(header::ORIGIN);
        Self {
            values: match (values.next(), values.next()) {
                (None, _) => Values::Absent,
                (Some(one), None) => one
                    .to_str()
                    .map_or(Values::Unreadable, |text| Values::One(text.to_owned())),
                (Some(_), Some(_)) => Values::Unreadable,
            },
            method: request.method().as_str().to_owned(),
            path: request.path().to_owned(),
            origin: origin.and_then(|origin| origin.to_str().ok()).map(str::to_owned),
        }
    }

    /// Verifies the proof of a request that begins a session or is answered with a token of its own: the proof binds
    /// it. The deployment decides whether proofs are taken and whether one is needed. The account pages need none: see
    /// [`ApiState::is_account_page`].
    ///
    /// # Errors
    ///
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub fn begin(&self, state: &ApiState) -> Result<Option<VerifiedProof>, Problem> {
        let is_needed = state.core.settings.dpop == DpopPolicy::Required
            && !self
                .origin
                .as_deref()
                .is_some_and(|origin| state.is_account_page(origin));
        match self.announce(state)? {
            None if is_needed => Err(Problem::dpop(ProofRefusal::Invalid(
                "Tokens of this deployment are bound to a key of the client: send a proof in the DPoP header (RFC 9449).",
            ))),
            proof => Ok(proof),
        }
    }

    /// Verifies the proof of a client's request for tokens: the client may have been registered for bound tokens only.
    ///
    /// # Errors
    ///
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub fn of_client(&self, state: &ApiState, client: &Client) -> Result<Option<VerifiedProof>, Problem> {
        demanded_by(client, self.begin(state)?)
    }

    /// Verifies the proof of a request that continues a session of a client, which says whether it needs one. So may a
    /// client that is `known`.
    ///
    /// # Errors
    ///
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub fn of_known_client(&self, state: &ApiState, known: Option<&Client>) -> Result<Option<VerifiedProof>, Problem> {
        let shown = self.shown(state)?;
        known.map_or(Ok(shown), |client| demanded_by(client, shown))
    }

    /// Verifies the proof of a request that only announces a session. Without one the session may still be bound.
    ///
    /// # Errors
    ///
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub fn announce(&self, state: &ApiState) -> Result<Option<VerifiedProof>, Problem> {
        if state.core.settings.dpop == DpopPolicy::Off {
            return Ok(None);
        }
        self.shown(state)
    }

    /// Verifies the proof of a request that continues a session, which says whether it needs one.
    ///
    /// # Errors
    ///
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub fn shown(&self, state: &ApiState) -> Result<Option<VerifiedProof>, Problem> {
        self.verify(&state.core, None).map_err(Problem::dpop)
    }

    /// Verifies the proof beside a token in the `Authorization` header.
    pub(super) fn beside(&self, core: &Core, token: &str) -> Result<VerifiedProof, Problem> {
        let verified = self.verify(core, Some(token));
        let missing = ProofRefusal::Invalid("A token under the scheme DPoP needs a proof in the DPoP header.");
        let verified = verified.and_then(|proof| proof.ok_or(missing));
        verified.map_err(|refusal| Problem::dpop(refusal).at_resource())
    }

    fn verify(&self, core: &Core, token: Option<&str>) -> Result<Option<VerifiedProof>, ProofRefusal> {
        let proof = match &self.values {
            Values::Absent => return Ok(None),
            Values::Unreadable => return Err(ProofRefusal::Invalid("There must be exactly one DPoP header.")),
            Values::One(proof) => proof,
        };
        let presented = PresentedProof {
            proof,
            method: &self.method,
            path: &self.path,
            token,
        };
        dpop::verify(core, &presented).map(Some)
    }
}

/// Requires a proof of a client whose tokens are all bound to its key (RFC 9449 §5.2).
fn demanded_by(client: &Client, proof: Option<VerifiedProof>) -> Result<Option<VerifiedProof>, Problem> {
    match proof {
        None if client.dpop_bound_access_tokens => Err(Problem::dpop(ProofRefusal::Invalid(
            "Tokens of this client are bound to its key: send a proof in the DPoP header (RFC 9449).",
        ))),
        proof => Ok(proof),
    }
}

impl FromRequest for ProofHeader {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
