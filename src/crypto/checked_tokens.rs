//! A cache of access tokens whose signature was verified recently.
//!
//! A gateway asks about the same token many times during its life, and checking its signature costs more than all other
//! work for the answer. The cache stores a token's digest and its claims, never the token, so that memory contains
//! nothing that an attacker could present. Only valid signatures are cached, so a client without a valid token
//! displaces nothing. Only the signature check is saved: time, issuer and session are checked again for every request.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use crate::domain::access_token::AccessTokenClaims;

/// How many tokens are cached; each takes about a kilobyte. Beyond that, the most frequently used ones stay.
const REMEMBERED: usize = 4096;

/// Tokens with a valid signature under one set of keys. A new set of keys begins with an empty cache.
pub struct CheckedTokens(Cache<[u8; 32], Arc<AccessTokenClaims>>);

impl Default for CheckedTokens {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl CheckedTokens {
    /// Returns the claims of a token, if its signature is cached as valid or `check` finds it valid now.
    pub fn claims(
        &self,
        token: &str,
        check: impl FnOnce() -> Option<AccessTokenClaims>,
    ) -> Option<Arc<AccessTokenClaims>> {
        let mut key = [0; 32];
        // The whole token, so that one with a changed signature is a different token (RFC 7515 §5.2).
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
        // The cached claims are returned, whatever `check` would return now.
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
