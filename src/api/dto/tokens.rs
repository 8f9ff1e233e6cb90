//! The tokens of a session that is signed in.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reveal;
use crate::domain::assurance;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::session::ActiveSession;
use crate::flows::second_factor::SignedIn;
use crate::flows::sign_in::TokenGrant;

/// Tokens (RFC 6749 §5.1) with what a client wants to show of the session.
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JWT in the profile of RFC 9068, for back ends.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…")]
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Life of the access token in seconds.
    #[schema(example = 600)]
    pub expires_in: u64,
    /// Keeps the session going; opaque.
    #[schema(example = "vrt_AQGTx…")]
    pub refresh_token: String,
    /// Life of the refresh token in seconds, if it is not used.
    #[schema(example = 604_800)]
    pub refresh_expires_in: u64,
    /// The session.
    pub session: SessionView,
    /// The new set of recovery codes; only when a first authenticator was just confirmed. Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["0A1B-2C3D-4E5F-6G7H-8J9K-MNPQ"]))]
    pub recovery_codes: Option<Vec<String>>,
    /// Recovery codes not yet spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 10)]
    pub recovery_codes_remaining: Option<i64>,
}

/// A session that is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The `sid` of its access tokens.
    pub id: Uuid,
    /// When the first factor was proven.
    pub created_at: DateTime<Utc>,
    /// The end that nothing moves.
    pub expires_at: DateTime<Utc>,
    /// The end if it is not used.
    pub idle_expires_at: DateTime<Utc>,
    /// `aal1`: one factor. `aal2`: two.
    #[schema(example = "aal2")]
    pub acr: &'static str,
    /// What was proven (RFC 8176).
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    pub amr: Vec<&'static str>,
}

impl TokenResponse {
    /// Shows a grant.
    pub fn new(grant: &TokenGrant) -> Self {
        Self {
            access_token: reveal(&grant.access_token),
            token_type: "Bearer",
            expires_in: grant.expires_in,
            refresh_token: reveal(&grant.refresh_token),
            refresh_expires_in: grant.refresh_expires_in,
            session: SessionView::new(&grant.session),
            recovery_codes: None,
            recovery_codes_remaining: None,
        }
    }

    /// Shows what a right second-factor code brought.
    pub fn signed_in(signed_in: &SignedIn) -> Self {
        let codes = signed_in.recovery_codes.as_ref();
        Self {
            recovery_codes: codes.map(|codes| codes.iter().map(RecoveryCode::to_display).collect()),
            recovery_codes_remaining: Some(signed_in.recovery_codes_remaining),
            ..Self::new(&signed_in.grant)
        }
    }
}

impl SessionView {
    fn new(session: &ActiveSession) -> Self {
        Self {
            id: session.id.uuid(),
            created_at: session.created_at,
            expires_at: session.ends.absolute,
            idle_expires_at: session.ends.idle,
            acr: assurance::level(&session.methods).acr(),
            amr: assurance::amr(&session.methods),
        }
    }
}
