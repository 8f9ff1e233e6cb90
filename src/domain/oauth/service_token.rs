//! The access tokens of services (RFC 6749 §4.4), which act for themselves.
//!
//! `sub` is the client, as RFC 9068 §2.2 says. There is no user, and so no session, no level and no method. A back end
//! tells them from a user's token by the missing `sid`; the ids of clients and users are never the same.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::access_token;
use crate::domain::dpop::{Confirmation, KeyThumbprint};
use crate::domain::ids::ClientId;
use crate::domain::oauth::scope::Scopes;
use crate::domain::signed_claims::SignedClaims;

/// The claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTokenClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The client.
    pub sub: Uuid,
    /// The resource that it is for.
    pub aud: String,
    /// The client, again.
    pub client_id: Uuid,
    /// From this time on it is not accepted.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Before this time it is not accepted.
    pub nbf: i64,
    /// Names this one token.
    pub jti: Uuid,
    /// What the client may do there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The key that the token is bound to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl SignedClaims for ServiceTokenClaims {
    const TYPE: &'static str = access_token::TYPE;
}

/// What a service asks for.
#[derive(Clone, Debug)]
pub struct ServiceRequest {
    /// The client.
    pub client_id: ClientId,
    /// The resource.
    pub audience: String,
    /// The scopes; may be none.
    pub scopes: Scopes,
}

impl ServiceTokenClaims {
    /// Makes the claims of a new token.
    pub fn new(issuer: &str, request: &ServiceRequest, (now, ttl): (DateTime<Utc>, TimeDelta), jti: Uuid) -> Self {
        let client_id = request.client_id.uuid();
        Self {
            iss: issuer.to_owned(),
            sub: client_id,
            aud: request.audience.clone(),
            client_id,
            exp: (now + ttl).timestamp(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            jti,
            scope: (!request.scopes.is_empty()).then(|| request.scopes.to_text()),
            cnf: None,
        }
    }

    /// Binds the token to a key, if the client has shown one.
    #[must_use]
    pub fn bound_to(self, key: Option<KeyThumbprint>) -> Self {
        Self {
            cnf: key.map(Confirmation::of),
            ..self
        }
    }

    /// Decides whether claims with a valid signature are accepted `now`.
    pub fn are_valid(&self, issuer: &str, now: DateTime<Utc>) -> bool {
        let is_of_service = self.iss == issuer && self.sub == self.client_id;
        is_of_service && access_token::is_current((self.nbf, self.exp), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access_token::AccessTokenClaims;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn claims(scopes: &str) -> ServiceTokenClaims {
        let request = ServiceRequest {
            client_id: ClientId::from_uuid(Uuid::from_u128(5)),
            audience: "https://api.example.com".into(),
            scopes: Scopes::of(scopes.split_whitespace().map(str::to_owned)).unwrap(),
        };
        ServiceTokenClaims::new(
            "https://auth.example.com",
            &request,
            (at(1000), TimeDelta::seconds(600)),
            Uuid::nil(),
        )
    }

    #[test]
    fn a_token_of_a_service_never_passes_for_one_of_a_user() {
        let written = serde_json::to_string(&claims("orders:read")).unwrap();
        assert!(serde_json::from_str::<AccessTokenClaims>(&written).is_err());
        for member in ["sid", "acr", "amr", "auth_time"] {
            assert!(!written.contains(member), "{member}");
        }
        assert!(!serde_json::to_string(&claims("")).unwrap().contains("scope"));
    }

    #[test]
    fn it_is_valid_here_and_now_only() {
        let good = claims("");
        assert!(good.are_valid("https://auth.example.com", at(1000)));
        assert!(good.are_valid("https://auth.example.com", at(1599)));
        assert!(!good.are_valid("https://auth.example.com", at(1600)));
        assert!(!good.are_valid("https://auth.example.com", at(999)));
        assert!(!good.are_valid("https://other.example.com", at(1000)));
    }
}
