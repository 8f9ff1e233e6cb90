//! The OpenAPI document: operations and successes come from the handlers in the table of routes, credentials and errors
//! from the table itself.
//!
//! Every problem code of a route is listed with an example. The codes are written once, in `routes`; no handler repeats
//! them.

mod shapes;
mod webhooks;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as OpenApiDocument, Server};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::dto::health::Checks;
use super::dto::oauth::OAuthError;
use super::dto::words;
use super::dto::work::WorkChallengeView;
use super::problem::{Code, FieldProblem, MEDIA_TYPE, Problem};
use super::routes::{Forms, ROUTES, RouteSpec, is_for_oauth};
use crate::domain::ids::RequestId;
use crate::domain::password::PasswordRules;

/// Problem details (RFC 9457): the body of every error response.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes what problem.rs writes by hand")]
struct ProblemSchema {
    /// A URL that ends in the code and leads to its explanation.
    #[schema(rename = "type", example = "https://auth.example.com/docs/problems/invalid_code")]
    type_uri: String,
    /// A short, constant summary.
    title: String,
    /// The HTTP status.
    status: u16,
    /// An explanation for developers; its text may change.
    detail: String,
    /// The code that programs switch on; never changes.
    #[schema(value_type = words::ProblemCode)]
    code: String,
    /// The `X-Request-Id` of the response; report it to the operator.
    request_id: String,
    /// On `validation_failed`: each member that breaks a rule.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldProblem>>,
    /// On `password_rejected`: `too_short`, `too_long`, `common` or `breached`. On `registration_denied`: why, in the
    /// words of the operator, if they gave any; show it as plain text.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// On `invalid_code` from `POST /2fa/verify`: how many attempts this pre-auth token has left. Every code that is
    /// answered `invalid_code` uses one up, whether it is wrong, expired or already used; `rate_limited` and
    /// `validation_failed` use none. At 0 the token is no longer valid. Other endpoints do not limit attempts by
    /// token, and this member is absent: after too many wrong codes they answer `rate_limited`.
    #[schema(nullable = false)]
    attempts_remaining: Option<u8>,
    /// On `rate_limited` from `POST /login` and `POST /2fa/verify`, where networks that the owner has not signed in from
    /// lately guess together: what a client may compute in the place of the wait. Absent where the client's own network
    /// has to wait.
    #[schema(nullable = false)]
    challenge: Option<WorkChallengeView>,
    /// On `insufficient_user_authentication`: the required assurance level (RFC 9470).
    #[schema(nullable = false)]
    acr_values: Option<String>,
    /// On `insufficient_user_authentication`: the greatest allowed age of the proof in seconds.
    #[schema(nullable = false)]
    max_age: Option<i64>,
    /// On `insufficient_user_authentication`: the methods of this account that `POST /step-up` accepts: `passkey`,
    /// `totp`, `sms`, `recovery_code`, `password` or `email`. Use any one of them; if it is not enough, the next response
    /// names the others. Empty if the account has no sufficient method.
    #[schema(nullable = false)]
    accepted_methods: Option<Vec<String>>,
    /// On `invalid_refresh_token`, `invalid_client`, `invalid_dpop_proof` and `use_dpop_nonce`: the OAuth error code (RFC
    /// 6749 §5.2, RFC 9449 §5, §8).
    #[schema(nullable = false)]
    error: Option<String>,
    /// On `service_unavailable` of `GET /health/ready`: the state of each part; for operators only.
    #[schema(nullable = false)]
    checks: Option<Checks>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vestibule",
        description = "Authentication with two factors: a login verifies the first factor, and a code of the second \
            factor completes it.\n\n\
            Errors are problem details (RFC 9457); programs switch on `code`. Times are in RFC 3339 format and UTC; \
            durations are whole seconds. Every response has an `X-Request-Id`.\n\n\
            Tokens of a client that sends a proof of possession in the `DPoP` header when a session begins are bound to its \
            key (RFC 9449): later requests need proofs by the same key, and the scheme of the tokens is `DPoP`.",
    ),
    components(schemas(ProblemSchema, OAuthError)),
    tags(
        (name = "Sign in", description = "Registration and login, up to the tokens of a session."),
        (name = "Second factors", description = "Setting up, confirming and removing second factors."),
        (name = "Sessions", description = "Refreshing, listing and ending sessions."),
        (name = "Account", description = "The caller's account, its address and its password."),
        (name = "Administration", description = "For administrators: accounts with the role `admin` in a session with two verified factors (`acr` is `aal2`). `vestibule users` and `vestibule keys` do the same on the command line."),
        (name = "Applications", description = "OAuth 2.1 and OpenID Connect, for applications that users sign in to, and for services."),
        (name = "Verification", description = "For back ends that verify access tokens."),
        (name = "Webhooks", description = "Messages that the service sends to back ends when something happens to an account."),
        (name = "Operation", description = "Health, metrics and this document."),
        (name = "Development", description = "Available under `vestibule dev` only; elsewhere 404."),
    ),
)]
struct Frame;

/// Returns the document as it is committed, independent of a deployment: pretty-printed JSON with a line break at its
/// end.
pub fn document() -> String {
    print(&describe("/"))
}

/// Returns the document as a deployment serves it.
///
/// Without `servers`, clients would ignore the path of the public URL and send passwords to other applications on that
/// host.
pub fn document_of(public_url: &str, passwords: PasswordRules) -> String {
    let mut document = describe(public_url);
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        shapes::set_password_min_length(schemas, passwords.min_length);
    }
    print(&document)
}

fn print(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

fn describe(public_url: &str) -> Value {
    let mut described = Frame::openapi();
    for (route, description) in described_routes() {
        let mut one = description();
        if route.forms == Forms::OfEveryPageAlone {
            one.paths.paths.clear();
        }
        described.merge(one);
    }
    add_credentials(described.components.get_or_insert_default());
    described.servers = Some(vec![Server::new(public_url)]);
    // The crate's metadata has no licence; the generator would write a licence without a name.
    described.info.license = None;
    let mut document = serde_json::to_value(described).unwrap_or_default();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        shapes::merge_parts(schemas);
    }
    for (route, description) in described_routes() {
        if route.forms == Forms::OfEveryPageAlone {
            add_form(&mut document, route, description());
        } else {
            add_access_and_problems(&mut document, route);
        }
    }
    webhooks::add(&mut document);
    document
}

fn described_routes() -> impl Iterator<Item = (&'static RouteSpec, fn() -> OpenApiDocument)> {
    ROUTES.iter().filter_map(|route| Some((route, route.description?)))
}

/// Returns where an operation is in the document.
fn pointer_to(route: &RouteSpec) -> String {
    let method = route.verb.name().to_ascii_lowercase();
    format!("/paths/{}/{method}", route.path.replace('~', "~0").replace('/', "~1"))
}

/// Adds to an operation what its method and path answer to forms: an OpenAPI document has one operation for both.
fn add_form(document: &mut Value, route: &RouteSpec, description: OpenApiDocument) {
    let pointer = pointer_to(route);
    let form = serde_json::to_value(description).unwrap_or_default();
    let form = form.pointer(&pointer).unwrap_or(&Value::Null);
    let Some(operation) = document.pointer_mut(&pointer) else {
        return;
    };
    for part in ["/requestBody/content", "/responses"] {
        let added = form.pointer(part).and_then(Value::as_object);
        if let (Some(added), Some(Value::Object(members))) = (added, operation.pointer_mut(part)) {
            members.extend(added.clone());
        }
    }
    let text = |operation: &Value| operation["description"].as_str().unwrap_or_default().to_owned();
    operation["description"] = format!("{}\n\n{}", text(operation), text(form)).into();
}

/// Describes what clients present to be let in.
fn add_credentials(components: &mut Components) {
    for (name, format, description) in [
        ("access_token", "JWT", "The access token of an active session."),
        ("application_token", "JWT", "The access token of an application."),
        (
            "service_token",
            "JWT",
            "The access token of a service, from `POST /oauth/token` with the grant type `client_credentials`.",
        ),
        ("pre_auth_token", "opaque", "The pre-auth token of a pending login."),
    ] {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format(format)
            .description(Some(description))
            .build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    }
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some(
            "A service client: its id and its secret, from `vestibule clients create`.",
        ))
        .build();
    components.add_security_scheme("service_client", SecurityScheme::Http(basic));
}

/// Adds to a described operation what the table of routes says of it: who may call it, and its problem codes.
fn add_access_and_problems(document: &mut Value, route: &RouteSpec) {
    let Some(Value::Object(operation)) = document.pointer_mut(&pointer_to(route)) else {
        return;
    };
    operation.entry("security").or_insert_with(|| route.access.security());
    if let Some(Value::Object(responses)) = operation.get_mut("responses") {
        responses.extend(problem_responses(route));
    }
}

/// Describes the error responses of a route: one entry for each status, with one example for each code.
fn problem_responses(route: &RouteSpec) -> BTreeMap<String, Value> {
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in route.all_codes() {
        by_status
            .entry(route.status(code).as_str().to_owned())
            .or_default()
            .push(code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status, error_response(route, &codes)))
        .collect()
}

fn error_response(route: &RouteSpec, codes: &[Code]) -> Value {
    let mut response = problem_response(route, codes);
    if is_for_oauth(route.path)
        && let Value::Object(members) = &mut response
    {
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}});
        members.insert("content".to_owned(), content);
    }
    response
}

fn problem_response(route: &RouteSpec, codes: &[Code]) -> Value {
    let names: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.as_str(), code.title()))
        .collect();
    let examples: BTreeMap<&str, Value> = codes
        .iter()
        .map(|code| {
            (
                code.as_str(),
                json!({"summary": code.title(), "value": example(route, *code)}),
            )
        })
        .collect();
    let mut response = json!({
        "description": names.join(" "),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    });
    let headers = codes
        .first()
        .map(|code| headers(route.status(*code)))
        .unwrap_or_default();
    if let (false, Value::Object(members)) = (headers.is_empty(), &mut response) {
        members.insert("headers".to_owned(), json!(headers));
    }
    response
}

/// Describes the headers that say how a client can react to a status.
fn headers(status: StatusCode) -> BTreeMap<&'static str, Value> {
    let text = || json!({"type": "string"});
    let retry_after = (
        "Retry-After",
        "The seconds to wait before the next attempt.",
        json!({"type": "integer", "minimum": 1}),
    );
    let described = match status {
        StatusCode::UNAUTHORIZED => vec![(
            "WWW-Authenticate",
            "How to authenticate, and why the sent credentials are not sufficient (RFC 6750, RFC 9470).",
            text(),
        )],
        StatusCode::TOO_MANY_REQUESTS => vec![
            retry_after,
            (
                "RateLimit",
                "What is left of each quota that applies, and the seconds until it is restored \
                 (draft-ietf-httpapi-ratelimit-headers).",
                text(),
            ),
            (
                "RateLimit-Policy",
                "The sizes of the quotas of a client address.",
                text(),
            ),
        ],
        StatusCode::SERVICE_UNAVAILABLE => vec![retry_after],
        _ => Vec::new(),
    };
    described
        .into_iter()
        .map(|(name, description, schema)| (name, json!({"description": description, "schema": schema})))
        .collect()
}

fn example(route: &RouteSpec, code: Code) -> Value {
    let problem = match code {
        Code::ValidationFailed => Problem::of(code).with(
            "errors",
            json!([{"pointer": "/email", "detail": "must be an e-mail address, such as jo@example.com"}]),
        ),
        Code::RegistrationDenied => Problem::of(code).with("reason", "Only employees can register."),
        Code::PasswordRejected => Problem::new(code, "The password is too easy to guess.").with("reason", "common"),
        Code::InvalidDpopProof | Code::UseDpopNonce => {
            let problem = Problem::of(code).with("error", code.as_str());
            if route.status(code) == code.status() {
                problem
            } else {
                problem.at_resource()
            }
        }
        Code::InvalidCode => Problem::of(code).with("attempts_remaining", 4),
        Code::InsufficientUserAuthentication => Problem::of(code)
            .with("acr_values", "aal2")
            .with("max_age", 300)
            .with("accepted_methods", vec!["totp", "recovery_code"]),
        _ => Problem::of(code),
    };
    let request_id = RequestId::from_uuid(Uuid::from_u128(0x019a_2b3c_4d5e_7f60_8a1b_2c3d_4e5f_6071));
    problem.body("https://auth.example.com", Some(request_id))
}
