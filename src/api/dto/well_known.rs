//! The documents that back ends read.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::dpop::{self, DpopPolicy};
use crate::domain::message::Locale;
use crate::domain::oauth::api_key::TOKEN_EXCHANGE;
use crate::domain::oauth::client_assertion::ALGORITHMS;
use crate::domain::oauth::pkce::S256;
use crate::domain::oauth::response_mode::ResponseMode;
use crate::domain::oauth::scope::STANDARD;
use crate::domain::signing_key::PublicJwk;

/// A JWK set (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
pub struct Jwks<'a> {
    /// The public keys.
    #[schema(value_type = Vec<JwkSchema>, example = json!([{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "xdZ0QU7Ja5bVlqnvZfLTWI5cWhVn6aoLXvNwkTBzmyE",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    }]))]
    pub keys: &'a [PublicJwk],
}

/// A public key (RFC 7517 §4). Which of the other parameters it has depends on `kty`.
#[derive(ToSchema)]
#[schema(as = Jwk)]
#[expect(
    dead_code,
    reason = "describes what domain::signing_key writes; a test compares the two"
)]
pub struct JwkSchema {
    /// The thumbprint of the key (RFC 7638), as in the header of tokens.
    #[schema(example = "xdZ0QU7Ja5bVlqnvZfLTWI5cWhVn6aoLXvNwkTBzmyE")]
    kid: String,
    /// `EC`, `OKP` or `RSA`.
    #[schema(example = "EC")]
    kty: String,
    /// The algorithm that it signs with.
    #[schema(example = "ES256")]
    alg: String,
    /// Always `sig`.
    #[schema(rename = "use", example = "sig")]
    usage: String,
    /// The curve of `EC` and `OKP`.
    #[schema(nullable = false, example = "P-256")]
    crv: Option<String>,
    /// The x coordinate of `EC`, or the public key of `OKP`.
    #[schema(nullable = false, example = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")]
    x: Option<String>,
    /// The y coordinate of `EC`.
    #[schema(nullable = false, example = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")]
    y: Option<String>,
    /// The modulus of `RSA`.
    #[schema(nullable = false)]
    n: Option<String>,
    /// The exponent of `RSA`.
    #[schema(nullable = false)]
    e: Option<String>,
}

/// The OpenAPI document. The schema has a name and allows any member, so that generated clients have a type for it.
#[derive(Debug)]
pub enum OpenApiDocument {}

impl PartialSchema for OpenApiDocument {
    fn schema() -> RefOr<Schema> {
        let version = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The version of the OpenAPI Specification."))
            .examples(["3.1.0"]);
        ObjectBuilder::new()
            .description(Some("An OpenAPI document."))
            .property("openapi", version)
            .required("openapi")
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
            .into()
    }
}

impl ToSchema for OpenApiDocument {
    fn name() -> Cow<'static, str> {
        "OpenApiDocument".into()
    }
}

/// The claims of ID tokens; those of `GET /userinfo` are among them.
const CLAIMS: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "sid",
    "preferred_username",
    "locale",
    "email",
    "email_verified",
    "roles",
];

/// The authentication methods that `extract::client` accepts, by their registered names (RFC 7591 §2).
const CLIENT_AUTHENTICATION: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// Issuer metadata (RFC 8414 §2).
#[derive(Serialize, ToSchema)]
#[schema(as = IssuerMetadata)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the document")]
pub struct Metadata {
    /// The `iss` of tokens.
    #[schema(example = "https://auth.example.com")]
    pub issuer: String,
    /// The URL of the public keys.
    #[schema(example = "https://auth.example.com/.well-known/jwks.json")]
    pub jwks_uri: String,
    /// The signature algorithms of access tokens: those of all published keys. There are two while a deployment
    /// changes from one to another.
    #[schema(example = json!(["ES256"]))]
    pub access_token_signing_alg_values_supported: Vec<&'static str>,
    /// The signature algorithms of ID tokens: the same list.
    #[schema(example = json!(["ES256"]))]
    pub id_token_signing_alg_values_supported: Vec<&'static str>,
    /// Where applications send their users.
    #[schema(example = "https://auth.example.com/oauth/authorize")]
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens become tokens.
    #[schema(example = "https://auth.example.com/oauth/token")]
    pub token_endpoint: String,
    /// What applications read about their users.
    #[schema(example = "https://auth.example.com/userinfo")]
    pub userinfo_endpoint: String,
    /// Where applications sign their users out (OpenID Connect RP-Initiated Logout 1.0).
    #[schema(example = "https://auth.example.com/oauth/logout")]
    pub end_session_endpoint: String,
    /// Where applications push their requests (RFC 9126).
    #[schema(example = "https://auth.example.com/oauth/par")]
    pub pushed_authorization_request_endpoint: String,
    /// Where devices without a browser begin (RFC 8628).
    #[schema(example = "https://auth.example.com/oauth/device_authorization")]
    pub device_authorization_endpoint: String,
    /// Always `code`.
    #[schema(example = json!(["code"]))]
    pub response_types_supported: Vec<&'static str>,
    /// How answers get to applications.
    #[schema(example = json!(["query", "form_post"]))]
    pub response_modes_supported: Vec<&'static str>,
    /// The values of `grant_type`.
    #[schema(example = json!(["authorization_code", "refresh_token", "client_credentials"]))]
    pub grant_types_supported: Vec<&'static str>,
    /// Always `S256`.
    #[schema(example = json!(["S256"]))]
    pub code_challenge_methods_supported: Vec<&'static str>,
    /// How clients authenticate at the token endpoint; `none` is for those that cannot keep a secret.
    #[schema(example = json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]))]
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// The algorithms that clients may sign assertions with.
    #[schema(example = json!(["ES256", "EdDSA", "PS256", "RS256"]))]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// The algorithms of proofs of possession (RFC 9449 §5.1). Absent if the deployment takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["ES256", "EdDSA", "Ed25519", "PS256", "RS256"]))]
    pub dpop_signing_alg_values_supported: Option<Vec<&'static str>>,
    /// The scopes with a meaning in this service. Operators give others to their clients.
    #[schema(example = json!(["openid", "profile", "email", "roles", "offline_access"]))]
    pub scopes_supported: Vec<&'static str>,
    /// The claims that ID tokens can have.
    #[schema(example = json!(["sub", "email"]))]
    pub claims_supported: Vec<&'static str>,
    /// The values of `prompt`.
    #[schema(example = json!(["none", "login", "consent", "select_account"]))]
    pub prompt_values_supported: Vec<&'static str>,
    /// The languages of the page that asks for a consent. Absent if a front end of the deployment is in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["en", "de", "fr", "es"]))]
    pub ui_locales_supported: Option<Vec<&'static str>>,
    /// Always true: answers of the authorization endpoint name the issuer (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a `client_id` may be the URL of a document that describes the application.
    pub client_id_metadata_document_supported: bool,
    /// Always false.
    pub claims_parameter_supported: bool,
    /// Always false.
    pub request_parameter_supported: bool,
    /// Always false: only requests that were pushed are taken.
    pub request_uri_parameter_supported: bool,
    /// Always `public`.
    #[schema(example = json!(["public"]))]
    pub subject_types_supported: Vec<&'static str>,
    /// The possible values of `acr`.
    #[schema(example = json!(["aal1", "aal2"]))]
    pub acr_values_supported: Vec<&'static str>,
    /// Where service clients introspect tokens (RFC 7662).
    #[schema(example = "https://auth.example.com/token/introspect")]
    pub introspection_endpoint: String,
    /// How service clients authenticate there.
    #[schema(example = json!(["client_secret_basic", "client_secret_post"]))]
    pub introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where applications end their grants (RFC 7009). Services end sessions at `/token/revoke`.
    #[schema(example = "https://auth.example.com/oauth/revoke")]
    pub revocation_endpoint: String,
    /// How they authenticate there.
    #[schema(example = json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]))]
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Where back ends that verify tokens by themselves read which sessions have ended. This service's own.
    #[schema(example = "https://auth.example.com/token/ended")]
    pub ended_sessions_endpoint: String,
    /// The documentation for developers.
    #[schema(example = "https://auth.example.com/docs/")]
    pub service_documentation: String,
}

/// What only some deployments have.
#[derive(Clone, Copy)]
pub struct Optional {
    /// Applications may describe themselves.
    pub client_documents: bool,
    /// Users decide on the account pages.
    pub account_pages: bool,
}

impl Metadata {
    /// Describes a deployment that publishes these keys.
    pub fn new(public_url: &str, keys: &[PublicJwk], policy: DpopPolicy, optional: Optional) -> Self {
        let algorithms: BTreeSet<&'static str> = keys.iter().map(|key| key.alg).collect();
        let algorithms: Vec<&'static str> = algorithms.into_iter().collect();
        Self {
            issuer: public_url.to_owned(),
            jwks_uri: format!("{public_url}/.well-known/jwks.json"),
            access_token_signing_alg_values_supported: algorithms.clone(),
            id_token_signing_alg_values_supported: algorithms,
            authorization_endpoint: format!("{public_url}/oauth/authorize"),
            token_endpoint: format!("{public_url}/oauth/token"),
            userinfo_endpoint: format!("{public_url}/userinfo"),
            end_session_endpoint: format!("{public_url}/oauth/logout"),
            pushed_authorization_request_endpoint: format!("{public_url}/oauth/par"),
            device_authorization_endpoint: format!("{public_url}/oauth/device_authorization"),
            response_types_supported: vec!["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str).to_vec(),
            grant_types_supported: vec![
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
                TOKEN_EXCHANGE,
            ],
            code_challenge_methods_supported: vec![S256],
            token_endpoint_auth_methods_supported: [CLIENT_AUTHENTICATION.as_slice(), &["private_key_jwt", "none"]]
                .concat(),
            token_endpoint_auth_signing_alg_values_supported: ALGORITHMS.to_vec(),
            dpop_signing_alg_values_supported: (policy != DpopPolicy::Off).then(|| dpop::ALGORITHMS.to_vec()),
            scopes_supported: STANDARD.to_vec(),
            claims_supported: CLAIMS.to_vec(),
            prompt_values_supported: vec!["none", "login", "consent", "select_account"],
            ui_locales_supported: optional.account_pages.then(|| Locale::ALL.map(Locale::as_str).to_vec()),
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: optional.client_documents,
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            subject_types_supported: vec!["public"],
            acr_values_supported: vec!["aal1", "aal2"],
            introspection_endpoint: format!("{public_url}/token/introspect"),
            introspection_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION.to_vec(),
            revocation_endpoint: format!("{public_url}/oauth/revoke"),
            revocation_endpoint_auth_methods_supported: [
                CLIENT_AUTHENTICATION.as_slice(),
                &["private_key_jwt", "none"],
            ]
            .concat(),
            ended_sessions_endpoint: format!("{public_url}/token/ended"),
            service_documentation: format!("{public_url}/docs/"),
        }
    }
}
