//! What back ends read.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::signing_key::PublicJwk;

/// A JWK set (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
pub struct Jwks<'a> {
    /// The public keys.
    #[schema(value_type = Vec<serde_json::Value>, example = json!([{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "xdZ0QU7Ja5bVlqnvZfLTWI5cWhVn6aoLXvNwkTBzmyE",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    }]))]
    pub keys: &'a [PublicJwk],
}

/// The ways that `extract::client` takes, by their registered names (RFC 7591 §2).
const CLIENT_AUTHENTICATION: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// Issuer metadata (RFC 8414 §2).
#[derive(Serialize, ToSchema)]
#[schema(as = IssuerMetadata)]
pub struct Metadata {
    /// The `iss` of tokens.
    #[schema(example = "https://auth.example.com")]
    pub issuer: String,
    /// Where the keys are.
    #[schema(example = "https://auth.example.com/.well-known/jwks.json")]
    pub jwks_uri: String,
    /// How access tokens are signed: the algorithms of all published keys, two while a deployment changes from one to
    /// another.
    #[schema(example = json!(["ES256"]))]
    pub access_token_signing_alg_values_supported: Vec<&'static str>,
    /// The same under the name that OpenID Connect libraries read.
    #[schema(example = json!(["ES256"]))]
    pub id_token_signing_alg_values_supported: Vec<&'static str>,
    /// None: there is no authorization endpoint. The member is required (RFC 8414 §2).
    pub response_types_supported: Vec<&'static str>,
    /// Always `public`.
    #[schema(example = json!(["public"]))]
    pub subject_types_supported: Vec<&'static str>,
    /// The levels that `acr` may tell.
    #[schema(example = json!(["aal1", "aal2"]))]
    pub acr_values_supported: Vec<&'static str>,
    /// Where service clients ask about tokens (RFC 7662).
    #[schema(example = "https://auth.example.com/token/introspect")]
    pub introspection_endpoint: String,
    /// How they say who they are there.
    #[schema(example = json!(["client_secret_basic", "client_secret_post"]))]
    pub introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where service clients end sessions (RFC 7009).
    #[schema(example = "https://auth.example.com/token/revoke")]
    pub revocation_endpoint: String,
    /// How they say who they are there.
    #[schema(example = json!(["client_secret_basic", "client_secret_post"]))]
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// For people.
    #[schema(example = "https://auth.example.com/docs/")]
    pub service_documentation: String,
}

impl Metadata {
    /// Describes a deployment that publishes these keys.
    pub fn new(public_url: &str, keys: &[PublicJwk]) -> Self {
        let algorithms: BTreeSet<&'static str> = keys.iter().map(|key| key.alg).collect();
        let algorithms: Vec<&'static str> = algorithms.into_iter().collect();
        Self {
            issuer: public_url.to_owned(),
            jwks_uri: format!("{public_url}/.well-known/jwks.json"),
            access_token_signing_alg_values_supported: algorithms.clone(),
            id_token_signing_alg_values_supported: algorithms,
            response_types_supported: Vec::new(),
            subject_types_supported: vec!["public"],
            acr_values_supported: vec!["aal1", "aal2"],
            introspection_endpoint: format!("{public_url}/token/introspect"),
            introspection_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION.to_vec(),
            revocation_endpoint: format!("{public_url}/token/revoke"),
            revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION.to_vec(),
            service_documentation: format!("{public_url}/docs/"),
        }
    }
}
