//! The one table of routes.
//!
//! Routing and the OpenAPI document are made of it, so that an operation is served exactly if it is described. The
//! tests read it too: every route is tested, and every protected route refuses every kind of invalid token. No route is
//! registered elsewhere.

mod table;

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, RequestHead, ServiceRequest};
use actix_web::guard::{self, GuardContext};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::{Route, web};
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

pub use self::table::ROUTES;
use super::extract::form::is_form;
use super::handlers::fallback;
use super::middleware::{address_limits, panics};
use super::problem::Code;
use super::state::ApiState;
use crate::rate_limits::Scope;

/// Which clients may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every client.
    Public,
    /// A client with an access token of an active session.
    AccessToken,
    /// A client with an access token that contains a recent proof (RFC 9470).
    RecentAuthentication,
    /// The same, or a client with a valid pre-auth token as bearer.
    Enrolment,
    /// A client with an access token that contains two factors and the role `admin`, which the account still has.
    Administrator,
    /// The same, and the access token contains a recent proof: the work outlasts the token.
    RecentAdministrator,
    /// An administrator, or a back end with an access token of a service client that has the scope of the route.
    AdministratorOrService,
    /// A back end with the credentials of a service client.
    ServiceClient,
    /// A back end with an access token of a service client, for the administration of accounts.
    Service,
    /// Every client. If the deployment switches the account pages off, the route does not exist.
    AccountPages,
    /// Every client. If the deployment switches the console off, the route does not exist.
    Console,
    /// Every client that reaches `vestibule dev`. Elsewhere the route does not exist.
    Development,
}

/// The credentials with which a client may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credentials {
    /// None.
    None,
    /// An access token of an active session.
    AccessToken,
    /// The same, or a pre-auth token.
    AccessOrPreAuthToken,
    /// An access token of an active session or of a service client.
    AccessOrServiceToken,
    /// An access token of a service client.
    ServiceToken,
    /// The id and the secret of a service client.
    ServiceClient,
}

impl Access {
    /// Returns the credentials that its guard reads.
    const fn credentials(self) -> Credentials {
        match self {
            Self::Public | Self::AccountPages | Self::Console | Self::Development => Credentials::None,
            Self::AccessToken | Self::RecentAuthentication | Self::Administrator | Self::RecentAdministrator => {
                Credentials::AccessToken
            }
            Self::Enrolment => Credentials::AccessOrPreAuthToken,
            Self::AdministratorOrService => Credentials::AccessOrServiceToken,
            Self::ServiceClient => Credentials::ServiceClient,
            Self::Service => Credentials::ServiceToken,
        }
    }

    /// Returns whether a signed-in caller has to be an administrator.
    pub const fn needs_administrator(self) -> bool {
        matches!(
            self,
            Self::Administrator | Self::RecentAdministrator | Self::AdministratorOrService
        )
    }

    /// Returns whether an access token has to contain a recent proof.
    pub const fn needs_recent_proof(self) -> bool {
        matches!(
            self,
            Self::RecentAuthentication | Self::Enrolment | Self::RecentAdministrator
        )
    }

    /// Returns the problem codes of callers that its guard refuses.
    fn codes(self) -> Vec<Code> {
        let mut codes = match self.credentials() {
            Credentials::None => vec![],
            Credentials::AccessToken => vec![Code::InvalidToken],
            Credentials::AccessOrPreAuthToken => vec![Code::InvalidToken, Code::InvalidPreAuthToken],
            Credentials::AccessOrServiceToken | Credentials::ServiceToken => {
                vec![Code::InvalidToken, Code::InsufficientScope, Code::RateLimited]
            }
            Credentials::ServiceClient => vec![Code::InvalidClient, Code::RateLimited],
        };
        if self.needs_administrator() {
            codes.push(Code::Forbidden);
        }
        // An administrator has to have proved two factors, however long ago.
        if self.needs_administrator() || self.needs_recent_proof() {
            codes.push(Code::InsufficientUserAuthentication);
        }
        if self == Self::Development {
            codes.push(Code::MisdirectedRequest);
        }
        codes
    }

    /// Returns whether a guard reads the session or the client from the database before the handler runs.
    fn uses_database(self) -> bool {
        self.credentials() != Credentials::None
    }

    /// Returns what a proof of possession beside the credentials is for.
    const fn proof(self) -> Option<ProofUse> {
        match self.credentials() {
            Credentials::None | Credentials::ServiceClient => None,
            Credentials::AccessToken
            | Credentials::AccessOrPreAuthToken
            | Credentials::AccessOrServiceToken
            | Credentials::ServiceToken => Some(ProofUse::BesideToken),
        }
    }

    /// Returns the credentials that a client sends, as security requirements of OpenAPI: any one of them.
    pub(super) fn security(self) -> Value {
        match self.credentials() {
            Credentials::AccessToken => json!([{"access_token": []}]),
            Credentials::AccessOrPreAuthToken => json!([{"access_token": []}, {"pre_auth_token": []}]),
            // RFC 6749 §2.3.1: the credentials can be in the body, for which OpenAPI has no scheme.
            Credentials::ServiceClient => json!([{"service_client": []}, {}]),
            Credentials::AccessOrServiceToken => json!([{"access_token": []}, {"service_token": []}]),
            Credentials::ServiceToken => json!([{"service_token": []}]),
            // An empty list says explicitly that no authentication is required.
            Credentials::None => json!([]),
        }
    }
}

/// What a proof of possession (RFC 9449) in a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofUse {
    /// A session that begins or continues. Its refusal is answered with 400.
    Session,
    /// The token in the `Authorization` header. Its refusal is answered with 401.
    BesideToken,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Answers HEAD as well.
    #[default]
    Get,
    /// Changes something.
    Post,
    /// Replaces something.
    Put,
    /// Changes parts of something.
    Patch,
    /// Removes something.
    Delete,
}

impl Verb {
    /// Returns the method's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Returns the method as the server matches it.
    pub const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// Returns the one operation of a description.
fn only(item: PathItem) -> (Verb, Operation) {
    let operations = [
        (Verb::Get, item.get),
        (Verb::Post, item.post),
        (Verb::Put, item.put),
        (Verb::Patch, item.patch),
        (Verb::Delete, item.delete),
    ];
    let mut described = operations
        .into_iter()
        .filter_map(|(verb, operation)| Some((verb, operation?)));
    described.next().unwrap_or_default()
}

/// Which forms of pages of other origins a route answers. Browsers send them without a preflight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// None.
    OfNoOtherOrigin,
    /// All: a page sends its user here, and what it sends has to prove everything that it asks for.
    OfEveryPage,
    /// The same. The next row with this method and path answers all other bodies.
    OfEveryPageAlone,
}

/// One route.
#[derive(Clone, Copy)]
pub struct RouteSpec {
    /// The method.
    pub verb: Verb,
    /// Whether it answers every other method as well: gateways send the method of the request that they check.
    pub any_method: bool,
    /// The pattern, as in the OpenAPI document.
    pub path: &'static str,
    /// The name of the operation in generated clients; empty for pages, which are not part of the API.
    pub operation_id: &'static str,
    /// Which clients may call it.
    pub access: Access,
    /// Which forms of pages of other origins it answers.
    pub forms: Forms,
    /// Whether it reads a body.
    pub has_body: bool,
    /// Whether it fails when the database cannot be reached.
    pub uses_database: bool,
    /// The scope of its rate limit by client address; absent if it is not limited.
    pub scope: Option<Scope>,
    /// What a proof of possession in the request is for; absent if none is read.
    pub proof: Option<ProofUse>,
    /// The problem codes that do not follow from the rest of the row.
    pub codes: &'static [Code],
    /// The part of the OpenAPI document that describes it; absent for pages.
    pub(super) description: Option<fn() -> OpenApi>,
    handler: fn(Route) -> Route,
}

impl RouteSpec {
    /// Describes an operation of the API. Its method, path and name are read from the description of its handler.
    fn operation(access: Access, description: fn() -> OpenApi, handler: fn(Route) -> Route) -> Self {
        let described = description().paths.paths.pop_first();
        let (path, (verb, operation)) = described.map(|(path, item)| (path, only(item))).unwrap_or_default();
        let is_change = matches!(verb, Verb::Post | Verb::Put | Verb::Patch);
        Self {
            verb,
            any_method: false,
            // The table is built once and lives as long as the process.
            path: path.leak(),
            operation_id: operation.operation_id.unwrap_or_default().leak(),
            access,
            forms: Forms::OfNoOtherOrigin,
            has_body: operation.request_body.is_some(),
            uses_database: is_change || access.uses_database(),
            scope: Some(Scope::Ordinary),
            proof: access.proof(),
            codes: &[],
            description: Some(description),
            handler,
        }
    }

    /// Describes a page, which is not part of the API and of its document.
    fn page(path: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Get,
            any_method: false,
            path,
            operation_id: "",
            access: Access::Public,
            forms: Forms::OfNoOtherOrigin,
            has_body: false,
            uses_database: false,
            scope: Some(Scope::Ordinary),
            proof: None,
            codes: &[],
            description: None,
            handler,
        }
    }

    fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    fn any_method(self) -> Self {
        Self {
            any_method: true,
            ..self
        }
    }

    fn forms(self, forms: Forms) -> Self {
        Self { forms, ..self }
    }

    fn database(self) -> Self {
        Self {
            uses_database: true,
            ..self
        }
    }

    fn no_database(self) -> Self {
        Self {
            uses_database: false,
            ..self
        }
    }

    fn scope(self, scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    /// For callers that act for many users: a probe, a gateway, a back end.
    fn unlimited(self) -> Self {
        Self { scope: None, ..self }
    }

    fn proof(self, proof: ProofUse) -> Self {
        Self {
            proof: Some(proof),
            ..self
        }
    }

    /// Returns the status of a code at this route.
    pub fn status(&self, code: Code) -> StatusCode {
        let is_of_proof = [Code::InvalidDpopProof, Code::UseDpopNonce].contains(&code);
        match self.proof {
            Some(ProofUse::BesideToken) if is_of_proof => StatusCode::UNAUTHORIZED,
            _ => code.status(),
        }
    }

    fn codes(self, codes: &'static [Code]) -> Self {
        Self { codes, ..self }
    }

    /// Returns whether it answers a method.
    pub fn answers(&self, method: &Method) -> bool {
        // RFC 9110 §9.3.2: HEAD is GET without the body, which the server leaves out.
        let head = self.verb == Verb::Get && *method == Method::HEAD;
        self.any_method || head || *method == self.verb.method()
    }

    /// Returns whether it answers a request.
    fn matches(&self, request: &RequestHead) -> bool {
        self.answers(&request.method) && (self.forms != Forms::OfEveryPageAlone || is_form(&request.headers))
    }

    /// Returns all codes that the route can answer with.
    pub fn all_codes(&self) -> Vec<Code> {
        let mut codes = self.codes.to_vec();
        codes.push(Code::InternalError);
        if self.has_body {
            codes.extend([
                Code::MalformedRequest,
                Code::RequestTimeout,
                Code::PayloadTooLarge,
                Code::UnsupportedMediaType,
            ]);
        }
        if !self.any_method && !is_for_every_page(self.path) {
            codes.push(Code::OriginNotAllowed);
        }
        if self.proof.is_some() {
            codes.extend([Code::InvalidDpopProof, Code::UseDpopNonce]);
        }
        if self.scope.is_some() {
            codes.push(Code::RateLimited);
        }
        if self.uses_database {
            codes.push(Code::ServiceUnavailable);
        }
        codes.extend(self.access.codes());
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// Returns whether gateways call a path on behalf of clients, with the method of the client's request.
pub(super) fn is_for_gateways(path: &str) -> bool {
    ROUTES.iter().any(|route| route.any_method && route.path == path)
}

/// Returns whether pages of every origin may call a path: a document that is the same for every client, or an endpoint
/// that takes what the page itself knows, and no cookie.
pub(super) fn is_for_every_page(path: &str) -> bool {
    let is_document = ["/openapi.json", "/token/ended"].contains(&path)
        || path.starts_with("/.well-known/")
        || path.starts_with("/docs/problems/");
    is_document || is_for_oauth(path)
}

/// Returns whether a request is a form with which a page of any origin may send its user. Such a page cannot read the
/// answer.
pub(super) fn is_sent_by_every_page(request: &ServiceRequest) -> bool {
    let pattern = request.match_pattern();
    let mut routes = ROUTES.iter().filter(|route| Some(route.path) == pattern.as_deref());
    is_form(request.headers())
        && routes.any(|route| route.forms != Forms::OfNoOtherOrigin && route.answers(request.method()))
}

/// Returns whether the callers of a path are programs that read errors as OAuth writes them.
pub(super) fn is_for_oauth(path: &str) -> bool {
    [
        "/oauth/token",
        "/oauth/par",
        "/oauth/revoke",
        "/oauth/device_authorization",
        "/userinfo",
    ]
    .contains(&path)
}

/// The optional routes that exist in this deployment.
#[derive(Clone, Copy)]
pub struct Offered {
    /// Those of `vestibule dev`.
    pub development: bool,
    /// The account pages.
    pub account_pages: bool,
    /// The console.
    pub console: bool,
}

impl Offered {
    /// Returns those of a state.
    pub fn by(state: &ApiState) -> Self {
        Self {
            development: state.development.is_some(),
            account_pages: state.account_pages,
            console: state.console,
        }
    }

    fn has(self, spec: &RouteSpec) -> bool {
        match spec.access {
            Access::Development => self.development,
            Access::AccountPages => self.account_pages,
            Access::Console => self.console,
            _ => true,
        }
    }
}

/// Returns the method and route of a request as labels of metrics. Both come from fixed lists, so that an attacker
/// cannot create new label values.
pub(super) fn known(method: &Method, pattern: &str) -> (&'static str, &'static str) {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let method = METHODS.into_iter().find(|known| method.as_str() == *known);
    let route = ROUTES.iter().find(|spec| spec.path == pattern);
    (method.unwrap_or("other"), route.map_or("unmatched", |spec| spec.path))
}

/// Registers the routes with the metrics.
pub fn announce(offered: Offered) {
    for spec in ROUTES.iter().filter(|spec| offered.has(spec)) {
        crate::metrics::announce_route(spec.verb.name(), spec.path);
    }
}

/// The routes of the listener for operators.
const FOR_OPERATORS: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

/// Registers the routes of the separate listener for operators.
pub(super) fn configure_for_operators(config: &mut web::ServiceConfig) {
    for spec in ROUTES.iter().filter(|spec| FOR_OPERATORS.contains(&spec.path)) {
        config.service(resource(spec.path, &[spec]));
    }
}

/// Registers the table. A known path with another method is answered 405 with `Allow`, which actix does not do by
/// itself.
pub(super) fn configure(config: &mut web::ServiceConfig, offered: Offered) {
    let mut by_path: BTreeMap<usize, (&str, Vec<&'static RouteSpec>)> = BTreeMap::new();
    for spec in ROUTES.iter().filter(|spec| offered.has(spec)) {
        // Paths are registered in the order of the table: the first matching pattern is used.
        let position = ROUTES
            .iter()
            .position(|other| other.path == spec.path)
            .unwrap_or_default();
        by_path
            .entry(position)
            .or_insert_with(|| (spec.path, Vec::new()))
            .1
            .push(spec);
    }
    for (path, specs) in by_path.into_values() {
        config.service(resource(path, &specs));
    }
}

fn resource(path: &str, specs: &[&'static RouteSpec]) -> impl HttpServiceFactory + use<> {
    let names = |spec: &&RouteSpec| {
        if spec.verb == Verb::Get {
            "GET, HEAD"
        } else {
            spec.verb.name()
        }
    };
    let mut allowed: Vec<&str> = specs.iter().map(names).collect();
    allowed.dedup();
    let allowed = allowed.join(", ");
    let resource = {
        let refuse = web::to(move || fallback::method_not_allowed(allowed.clone()));
        web::resource(path.to_owned()).default_service(address_limits::apply(refuse, Scope::Ordinary))
    };
    let routed = specs.iter().fold(resource, |resource, spec| {
        let matches = |context: &GuardContext<'_>| spec.matches(context.head());
        let route = (spec.handler)(web::route().guard(guard::fn_guard(matches)));
        resource.route(match spec.scope {
            Some(scope) => address_limits::apply(route, scope),
            None => route,
        })
    });
    routed.wrap(from_fn(panics::catch::<BoxBody>))
}
