//! Access tokens whose signature was found right a moment ago.
//!
//! A gateway asks about the same token again and again while it lives, and checking its signature costs more than everything
//! else that is done for the answer. What is remembered is a token's digest and what it says, never the token: memory holds
//! nothing that could be presented. Only good signatures are remembered, so whoever has no good token displaces nothing; and
//! nothing but the signature is: time, issuer and session are judged anew for every request.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use crate::domain::access_token::AccessTokenClaims;

/// How many tokens are remembered; each takes about a kilobyte. Of more, those that are asked about most stay.
const REMEMBERED: usize = 4096;

/// Tokens whose signature was right, under one set of keys: another set begins with none.
pub struct CheckedTokens(Cache<[u8; 32], Arc<AccessTokenClaims>>);

impl Default for CheckedTokens {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl CheckedTokens {
    /// Returns what a token says, if its signature was right before or `check` finds it right now.
    pub fn claims(
        &self,
        token: &str,
        check: impl FnOnce() -> Option<AccessTokenClaims>,
    ) -> Option<Arc<AccessTokenClaims>> {
        let mut key = [0; 32];
        // All of it, so that a changed signature is another token (RFC 7515 §5.2).
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.0.get(&key) {
            return Some(known);
        }
        let claims = Arc::new(check()?);
        self.0.insert(key, Arc::clone(&claims));
        Some(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use uuid::Uuid;

    use super::*;
    use crate::crypto::jwt;

    fn claims(subject: u128) -> AccessTokenClaims {
        AccessTokenClaims {
            sub: Uuid::from_u128(subject),
            ..jwt::tests::claims()
        }
    }

    #[test]
    fn a_good_signature_is_checked_once_and_a_bad_one_every_time() {
        let (tokens, checks) = (CheckedTokens::default(), Cell::new(0));
        let ask = |token: &str, found: Option<AccessTokenClaims>| {
            let check = || {
                checks.set(checks.get() + 1);
                found
            };
            tokens.claims(token, check).map(|claims| claims.sub.as_u128())
        };
        assert_eq!(ask("good", Some(claims(1))), Some(1));
        // What was remembered is this token's, whatever a check would find.
        assert_eq!(ask("good", Some(claims(2))), Some(1));
        assert_eq!(checks.get(), 1);
        for _ in 0..2 {
            assert_eq!(ask("bad", None), None);
        }
        assert_eq!(ask("goo", None), None);
        assert_eq!(ask("good ", None), None);
        assert_eq!(checks.get(), 5);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let tokens = CheckedTokens::default();
        for number in 0..3 * REMEMBERED {
            let number = u128::try_from(number).unwrap();
            assert!(tokens.claims(&number.to_string(), || Some(claims(number))).is_some());
        }
        assert!(tokens.0.len() <= REMEMBERED);
    }
}
