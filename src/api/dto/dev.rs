//! The development endpoints.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::message::Channel;
use crate::flows::notify::outbox::CapturedMessage;

/// The service's time.
#[derive(Serialize, ToSchema)]
#[schema(as = Clock)]
pub struct ClockView {
    /// The current time, which applies to every expiry, code and token.
    pub now: DateTime<Utc>,
    /// The seconds by which it is ahead of the machine's clock.
    #[schema(example = 0)]
    pub offset: i64,
}

/// How far to move the clock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"advance": 3600}))]
pub struct AdvanceClockRequest {
    /// The seconds to move it forward.
    #[schema(minimum = 0, maximum = 315_360_000)]
    pub advance: i64,
}

/// A message that would have been sent.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "channel": "email", "to": "jo@example.com", "subject": "Your code",
    "text": "Your code is 12345678.", "html": null, "kind": "second_factor_code", "token": null, "code": "12345678",
    "link": null,
    "created_at": "2026-03-01T12:00:00Z"
}))]
pub struct OutboxMessage {
    /// The id of the message.
    pub id: Uuid,
    /// `email` or `sms`.
    pub channel: String,
    /// The address or phone number that it is sent to.
    pub to: String,
    /// Its subject.
    #[schema(required)]
    pub subject: Option<String>,
    /// Its plain text.
    pub text: String,
    /// Its HTML.
    #[schema(required)]
    pub html: Option<String>,
    /// What it is about.
    pub kind: String,
    /// The token in it, if there is one.
    #[schema(required)]
    pub token: Option<String>,
    /// The code in it, if there is one.
    #[schema(required)]
    pub code: Option<String>,
    /// The link in it, if there is one.
    #[schema(required)]
    pub link: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

impl OutboxMessage {
    /// Shows a captured message.
    pub fn new(captured: CapturedMessage) -> Self {
        Self {
            id: captured.id.uuid(),
            channel: captured.channel.as_str().to_owned(),
            to: captured.to,
            subject: (captured.channel == Channel::Email).then_some(captured.rendered.subject),
            text: captured.rendered.text,
            html: captured.rendered.html,
            kind: captured.kind.to_owned(),
            token: captured.token,
            code: captured.code,
            link: captured.link,
            created_at: captured.created_at,
        }
    }
}

/// Tokens to test verifiers with.
#[derive(Serialize, ToSchema)]
pub struct TestVectors {
    /// The issuer that the verifier must be configured to trust.
    #[schema(example = "http://localhost:8080")]
    pub issuer: String,
    /// The audience of the deployment's own client, which most of the tokens are for.
    #[schema(example = "http://localhost:8080")]
    pub audience: String,
    /// The tokens.
    pub vectors: Vec<TestVectorView>,
    /// Requests with tokens that are bound to a key, for back ends that accept these.
    pub dpop: Vec<DpopTestVectorView>,
}

/// One request to test a verifier of bound tokens with (RFC 9449 §4.3, §7). Send it soon: a proof counts for a short time.
#[derive(Serialize, ToSchema)]
#[schema(as = DpopTestVector)]
pub struct DpopTestVectorView {
    /// The name of the test vector.
    #[schema(example = "wrong_htu")]
    pub name: &'static str,
    /// Whether a verifier must accept the request; it must refuse all others.
    pub accept: bool,
    /// What is wrong with the request, or why it is valid.
    #[schema(example = "The proof is for another URL.")]
    pub why: &'static str,
    /// The audience that the verifier must be configured as.
    #[schema(example = "http://localhost:8080")]
    pub audience: String,
    /// The method of the request.
    #[schema(example = "GET")]
    pub method: &'static str,
    /// The URL of the request.
    #[schema(example = "https://api.example.com/orders/7")]
    pub url: &'static str,
    /// The scheme of the `Authorization` header.
    #[schema(example = "DPoP")]
    pub scheme: &'static str,
    /// The token in the `Authorization` header.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…")]
    pub token: String,
    /// The `DPoP` header; null if there is none.
    #[schema(required, example = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2Iiwiandr…")]
    pub proof: Option<String>,
}

/// One token to test a verifier with.
#[derive(Serialize, ToSchema)]
#[schema(as = TestVector)]
pub struct TestVectorView {
    /// The name of the test vector.
    #[schema(example = "alg_none")]
    pub name: &'static str,
    /// Whether a verifier must accept the token; it must refuse all others.
    pub accept: bool,
    /// The audience that the verifier must be configured as.
    #[schema(example = "http://localhost:8080")]
    pub audience: String,
    /// What is wrong with the token, or why it is valid.
    #[schema(example = "The header says that nothing was signed.")]
    pub why: &'static str,
    /// The token to present as bearer.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0…")]
    pub token: String,
}
