//! Proofs of possession (RFC 9449), with the keys and the clock of this service.
//!
//! A session is bound to the key of the proof that it began with, and stays so: each statement that continues it
//! compares the key that the client has shown. What a proof is for is checked before anything else happens, so a client
//! that only lacks a nonce may send the same request again.

use crate::crypto::{dpop, dpop_nonce};
use crate::domain::dpop::{KeyThumbprint, ProvedRequest};
use crate::flows::{Core, Fault};

pub use crate::crypto::dpop::{ProofRefusal, VerifiedProof};

/// A proof, with the request that it came with.
#[derive(Clone, Copy, Debug)]
pub struct PresentedProof<'a> {
    /// The proof.
    pub proof: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The path of the request below the public URL.
    pub path: &'a str,
    /// The token in the `Authorization` header, if the proof goes with one.
    pub token: Option<&'a str>,
}

/// Verifies a proof.
///
/// # Errors
///
/// Says why it is refused.
pub fn verify(core: &Core, presented: &PresentedProof<'_>) -> Result<VerifiedProof, ProofRefusal> {
    let url = format!("{}{}", core.settings.access_tokens.issuer, presented.path);
    let token_hash = presented.token.map(dpop::hash_of);
    let request = ProvedRequest {
        method: presented.method,
        url: &url,
        token_hash: token_hash.as_deref(),
    };
    dpop::verify(&core.tokens, presented.proof, &request, core.clock.now())
}

/// Makes a nonce for the next proof of a client.
///
/// # Errors
///
/// Never in practice: the current key is always known.
pub fn nonce(core: &Core) -> Result<String, Fault> {
    Ok(dpop_nonce::issue(&core.tokens, core.clock.now())?)
}

/// Returns the key that a client has shown, if it has shown one.
pub(in crate::flows) fn key_of(shown: Option<VerifiedProof>) -> Option<KeyThumbprint> {
    shown.map(|proof| proof.key())
}
