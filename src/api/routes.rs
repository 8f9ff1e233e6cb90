//! The one table of routes.
//!
//! It is read by routing, by the error responses of the OpenAPI document, by the test that every route is documented
//! and tested, and by the test that every protected route refuses every kind of invalid token. No route is registered
//! elsewhere.

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{self, GuardContext};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{Route, web};

use super::handlers::{
    account_pages, admin, dev, docs, email, fallback, health, login, logout, magic_link, me, metrics, openapi,
    password, register, sessions, step_up, token, two_factor, well_known,
};
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
    /// A back end with the credentials of a service client.
    ServiceClient,
    /// Every client. If the deployment switches the account pages off, the route does not exist.
    AccountPages,
    /// Every client that reaches `vestibule dev`. Elsewhere the route does not exist.
    Development,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Answers HEAD as well.
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

/// One route.
#[derive(Clone, Copy)]
pub struct RouteSpec {
    /// The method.
    pub verb: Verb,
    /// Whether it answers every other method as well: gateways send the method of the request that they check.
    pub any_method: bool,
    /// The pattern, as in the OpenAPI document.
    pub path: &'static str,
    /// The name of the operation in generated clients; empty for pages that are not part of the API.
    pub operation_id: &'static str,
    /// Which clients may call it.
    pub access: Access,
    /// Whether it reads a JSON body.
    pub has_body: bool,
    /// Whether it fails when the database cannot be reached.
    pub uses_database: bool,
    /// The scope of its rate limit by client address; absent if it is not limited.
    pub scope: Option<Scope>,
    /// The problem codes that do not follow from the rest of the row.
    pub codes: &'static [Code],
    handler: fn(Route) -> Route,
}

impl RouteSpec {
    const fn get(path: &'static str, operation_id: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Get,
            any_method: false,
            path,
            operation_id,
            access: Access::Public,
            has_body: false,
            uses_database: false,
            scope: Some(Scope::Ordinary),
            codes: &[],
            handler,
        }
    }

    const fn post(path: &'static str, operation_id: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Post,
            has_body: true,
            uses_database: true,
            ..Self::get(path, operation_id, handler)
        }
    }

    const fn put(path: &'static str, operation_id: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Put,
            ..Self::post(path, operation_id, handler)
        }
    }

    const fn patch(path: &'static str, operation_id: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Patch,
            ..Self::post(path, operation_id, handler)
        }
    }

    const fn delete(path: &'static str, operation_id: &'static str, handler: fn(Route) -> Route) -> Self {
        Self {
            verb: Verb::Delete,
            ..Self::get(path, operation_id, handler)
        }
    }

    const fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    const fn any_method(self) -> Self {
        Self {
            any_method: true,
            ..self
        }
    }

    const fn database(self) -> Self {
        Self {
            uses_database: true,
            ..self
        }
    }

    const fn no_database(self) -> Self {
        Self {
            uses_database: false,
            ..self
        }
    }

    const fn body(self) -> Self {
        Self { has_body: true, ..self }
    }

    const fn no_body(self) -> Self {
        Self {
            has_body: false,
            ..self
        }
    }

    const fn scope(self, scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    /// For callers that act for many users: a probe, a gateway, a back end.
    const fn unlimited(self) -> Self {
        Self { scope: None, ..self }
    }

    const fn codes(self, codes: &'static [Code]) -> Self {
        Self { codes, ..self }
    }

    /// Returns whether it answers a method.
    pub fn answers(&self, method: &Method) -> bool {
        // RFC 9110 §9.3.2: HEAD is GET without the body, which the server leaves out.
        let head = self.verb == Verb::Get && *method == Method::HEAD;
        self.any_method || head || *method == self.verb.method()
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
        if !self.any_method && !is_public_document(self.path) {
            codes.push(Code::OriginNotAllowed);
        }
        if self.scope.is_some() {
            codes.push(Code::RateLimited);
        }
        if self.uses_database {
            codes.push(Code::ServiceUnavailable);
        }
        match self.access {
            Access::AccessToken => codes.push(Code::InvalidToken),
            Access::RecentAuthentication => {
                codes.extend([Code::InvalidToken, Code::InsufficientUserAuthentication]);
            }
            Access::Enrolment => codes.extend([
                Code::InvalidToken,
                Code::InsufficientUserAuthentication,
                Code::InvalidPreAuthToken,
            ]),
            Access::Administrator => codes.extend([
                Code::InvalidToken,
                Code::InsufficientUserAuthentication,
                Code::Forbidden,
            ]),
            Access::ServiceClient => codes.extend([Code::InvalidClient, Code::RateLimited]),
            Access::Development => codes.push(Code::MisdirectedRequest),
            Access::Public | Access::AccountPages => {}
        }
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// All routes.
pub const ROUTES: &[RouteSpec] = &[
    RouteSpec::post("/register", "register", |route| route.to(register::register))
        .scope(Scope::Register)
        .codes(&[
            Code::Forbidden,
            Code::EmailTaken,
            Code::UsernameTaken,
            Code::ValidationFailed,
            Code::PasswordRejected,
        ]),
    RouteSpec::post("/login", "log_in", |route| route.to(login::log_in))
        .scope(Scope::Login)
        .codes(&[
            Code::InvalidCredentials,
            Code::EmailNotVerified,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
    RouteSpec::post("/magic-link", "request_magic_link", |route| {
        route.to(magic_link::request)
    })
    .scope(Scope::Mail)
    .codes(&[Code::ValidationFailed]),
    RouteSpec::post("/magic-link/verify", "verify_magic_link", |route| {
        route.to(magic_link::verify)
    })
    .scope(Scope::LinkToken)
    .codes(&[Code::InvalidLinkToken, Code::ValidationFailed]),
    RouteSpec::post("/2fa/verify", "verify_second_factor", |route| {
        route.to(two_factor::verify::verify)
    })
    .scope(Scope::SecondFactor)
    .codes(&[
        Code::InvalidPreAuthToken,
        Code::InvalidCode,
        Code::EmailNotVerified,
        Code::ValidationFailed,
        Code::RateLimited,
    ]),
    RouteSpec::post("/2fa/challenge", "send_second_factor_code", |route| {
        route.to(two_factor::challenge::send_code)
    })
    .scope(Scope::SecondFactor)
    .codes(&[
        Code::InvalidPreAuthToken,
        Code::InvalidToken,
        Code::ValidationFailed,
        Code::RateLimited,
    ]),
    RouteSpec::get("/2fa", "get_second_factors", |route| {
        route.to(two_factor::state::get_second_factors)
    })
    .access(Access::AccessToken)
    .database(),
    RouteSpec::post("/2fa/totp", "enrol_totp", |route| route.to(two_factor::totp::enrol))
        .no_body()
        .access(Access::Enrolment)
        .codes(&[Code::Forbidden]),
    RouteSpec::delete("/2fa/totp", "remove_totp", |route| route.to(two_factor::totp::remove))
        .body()
        .access(Access::RecentAuthentication)
        .database()
        .codes(&[
            Code::InvalidCredentials,
            Code::InvalidCode,
            Code::NotFound,
            Code::Conflict,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
    RouteSpec::post("/2fa/totp/confirm", "confirm_totp", |route| {
        route.to(two_factor::totp::confirm)
    })
    .access(Access::RecentAuthentication)
    .codes(&[Code::InvalidCode, Code::ValidationFailed, Code::RateLimited]),
    RouteSpec::post("/2fa/recovery-codes", "renew_recovery_codes", |route| {
        route.to(two_factor::recovery_codes::renew)
    })
    .no_body()
    .access(Access::RecentAuthentication)
    .codes(&[Code::Conflict]),
    RouteSpec::put("/2fa/email", "set_up_email_codes", |route| {
        route.to(two_factor::sent_code::set_up_email)
    })
    .no_body()
    .access(Access::RecentAuthentication)
    .codes(&[Code::Forbidden, Code::Conflict, Code::RateLimited]),
    RouteSpec::delete("/2fa/email", "remove_email_codes", |route| {
        route.to(two_factor::sent_code::remove_email)
    })
    .access(Access::RecentAuthentication)
    .database()
    .codes(&[Code::Conflict]),
    RouteSpec::post("/2fa/email/confirm", "confirm_email_codes", |route| {
        route.to(two_factor::sent_code::confirm_email)
    })
    .access(Access::RecentAuthentication)
    .codes(&[Code::InvalidCode, Code::ValidationFailed, Code::RateLimited]),
    RouteSpec::put("/2fa/phone", "set_up_phone", |route| {
        route.to(two_factor::sent_code::set_up_phone)
    })
    .access(Access::RecentAuthentication)
    .codes(&[Code::Forbidden, Code::ValidationFailed, Code::RateLimited]),
    RouteSpec::delete("/2fa/phone", "remove_phone", |route| {
        route.to(two_factor::sent_code::remove_phone)
    })
    .access(Access::RecentAuthentication)
    .database()
    .codes(&[Code::Conflict]),
    RouteSpec::post("/2fa/phone/confirm", "confirm_phone", |route| {
        route.to(two_factor::sent_code::confirm_phone)
    })
    .access(Access::RecentAuthentication)
    .codes(&[Code::InvalidCode, Code::ValidationFailed, Code::RateLimited]),
    RouteSpec::post("/step-up", "step_up", |route| route.to(step_up::step_up))
        .scope(Scope::SecondFactor)
        .access(Access::AccessToken)
        .codes(&[
            Code::InvalidCredentials,
            Code::InvalidCode,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
    RouteSpec::post("/token/refresh", "refresh_tokens", |route| {
        route.to(token::refresh::refresh_tokens)
    })
    .scope(Scope::Refresh)
    .codes(&[Code::InvalidRefreshToken]),
    RouteSpec::post("/token/introspect", "introspect_token", |route| {
        route.to(token::introspect::introspect_token)
    })
    .unlimited()
    .access(Access::ServiceClient),
    RouteSpec::post("/token/revoke", "revoke_token", |route| {
        route.to(token::revoke::revoke_token)
    })
    .unlimited()
    .access(Access::ServiceClient),
    RouteSpec::get("/token/validate", "validate_token", |route| {
        route.to(token::validate::validate_token)
    })
    .unlimited()
    .any_method()
    .access(Access::AccessToken)
    .database(),
    RouteSpec::post("/logout", "log_out", |route| route.to(logout::log_out)).codes(&[Code::InvalidToken]),
    RouteSpec::get("/sessions", "list_sessions", |route| {
        route.to(sessions::list::list_sessions)
    })
    .access(Access::AccessToken)
    .database(),
    RouteSpec::delete("/sessions", "end_other_sessions", |route| {
        route.to(sessions::end_others::end_other_sessions)
    })
    .access(Access::AccessToken)
    .database(),
    RouteSpec::delete("/sessions/{id}", "end_session", |route| {
        route.to(sessions::end::end_session)
    })
    .access(Access::AccessToken)
    .database()
    .codes(&[Code::NotFound]),
    RouteSpec::get("/me", "get_me", |route| route.to(me::get_me))
        .access(Access::AccessToken)
        .database(),
    RouteSpec::patch("/me", "update_me", |route| route.to(me::update_me))
        .access(Access::AccessToken)
        .codes(&[
            Code::InsufficientUserAuthentication,
            Code::UsernameTaken,
            Code::ValidationFailed,
        ]),
    RouteSpec::delete("/me", "delete_me", |route| route.to(me::delete_me))
        .access(Access::RecentAuthentication)
        .database()
        .codes(&[Code::RateLimited]),
    RouteSpec::get("/me/export", "export_me", |route| route.to(me::export_me))
        .access(Access::RecentAuthentication)
        .database(),
    RouteSpec::get("/me/events", "list_my_events", |route| route.to(me::list_events))
        .access(Access::AccessToken)
        .database()
        .codes(&[Code::ValidationFailed]),
    RouteSpec::post("/password/change", "change_password", |route| {
        route.to(password::change)
    })
    .access(Access::AccessToken)
    .codes(&[
        Code::InsufficientUserAuthentication,
        Code::InvalidCredentials,
        Code::PasswordRejected,
        Code::RateLimited,
    ]),
    RouteSpec::post("/password/forgot", "request_password_reset", |route| {
        route.to(password::forgot)
    })
    .scope(Scope::Mail)
    .codes(&[Code::ValidationFailed]),
    RouteSpec::post("/password/reset", "reset_password", |route| route.to(password::reset))
        .scope(Scope::LinkToken)
        .codes(&[Code::InvalidLinkToken, Code::PasswordRejected]),
    RouteSpec::post("/email/verify", "verify_email", |route| route.to(email::verify))
        .scope(Scope::LinkToken)
        .codes(&[
            Code::InvalidLinkToken,
            Code::InvalidCredentials,
            Code::InvalidPreAuthToken,
            Code::InvalidToken,
            Code::ProofRequired,
        ]),
    RouteSpec::post("/email/verify/request", "request_email_verification", |route| {
        route.to(email::request_verification)
    })
    .scope(Scope::Mail)
    .codes(&[Code::InvalidToken, Code::ValidationFailed]),
    RouteSpec::post("/email/change", "change_email", |route| route.to(email::change))
        .access(Access::RecentAuthentication)
        .codes(&[Code::EmailTaken, Code::ValidationFailed, Code::RateLimited]),
    RouteSpec::post("/email/change/cancel", "cancel_email_change", |route| {
        route.to(email::cancel_change)
    })
    .scope(Scope::LinkToken)
    .codes(&[Code::InvalidLinkToken]),
    RouteSpec::get("/admin/users", "list_users", |route| route.to(admin::users::list))
        .access(Access::Administrator)
        .database()
        .codes(&[Code::ValidationFailed]),
    RouteSpec::post("/admin/users", "invite_user", |route| route.to(admin::users::invite))
        .access(Access::Administrator)
        .codes(&[Code::EmailTaken, Code::Conflict, Code::ValidationFailed]),
    RouteSpec::get("/admin/users/{id}", "get_user", |route| route.to(admin::user::get))
        .access(Access::Administrator)
        .database()
        .codes(&[Code::NotFound]),
    RouteSpec::patch("/admin/users/{id}", "update_user", |route| {
        route.to(admin::user::update)
    })
    .access(Access::Administrator)
    .codes(&[Code::NotFound, Code::Conflict, Code::ValidationFailed]),
    RouteSpec::delete("/admin/users/{id}", "delete_user", |route| {
        route.to(admin::user::delete)
    })
    .access(Access::Administrator)
    .database()
    .codes(&[Code::NotFound, Code::Conflict]),
    RouteSpec::delete("/admin/users/{id}/2fa", "reset_user_second_factors", |route| {
        route.to(admin::user::reset_second_factors)
    })
    .access(Access::Administrator)
    .database()
    .codes(&[Code::NotFound, Code::Conflict]),
    RouteSpec::delete("/admin/users/{id}/sessions", "end_user_sessions", |route| {
        route.to(admin::user::end_sessions)
    })
    .access(Access::Administrator)
    .database()
    .codes(&[Code::NotFound]),
    RouteSpec::get("/admin/events", "list_events", |route| route.to(admin::events::list))
        .access(Access::Administrator)
        .database()
        .codes(&[Code::ValidationFailed]),
    RouteSpec::get("/admin/keys", "list_signing_keys", |route| route.to(admin::keys::list))
        .access(Access::Administrator)
        .database(),
    RouteSpec::post("/admin/keys/rotate", "rotate_signing_keys", |route| {
        route.to(admin::keys::rotate)
    })
    .no_body()
    .access(Access::Administrator)
    .codes(&[Code::Conflict]),
    RouteSpec::get("/.well-known/jwks.json", "get_jwks", |route| route.to(well_known::jwks)).database(),
    RouteSpec::get(
        "/.well-known/oauth-authorization-server",
        "get_authorization_server_metadata",
        |route| route.to(well_known::metadata),
    )
    .database(),
    RouteSpec::get(
        "/.well-known/openid-configuration",
        "get_openid_configuration",
        |route| route.to(well_known::openid_configuration),
    )
    .database(),
    RouteSpec::get("/health/live", "get_liveness", |route| route.to(health::live)).unlimited(),
    RouteSpec::get("/health/ready", "get_readiness", |route| route.to(health::ready))
        .unlimited()
        .database(),
    RouteSpec::get("/metrics", "get_metrics", |route| route.to(metrics::metrics))
        .unlimited()
        .codes(&[Code::NotFound]),
    RouteSpec::get("/openapi.json", "get_openapi", |route| route.to(openapi::openapi)),
    RouteSpec::get("/dev/outbox", "list_outbox", |route| route.to(dev::outbox::list))
        .access(Access::Development)
        .database()
        .codes(&[Code::ValidationFailed]),
    RouteSpec::delete("/dev/outbox", "clear_outbox", |route| route.to(dev::outbox::clear))
        .access(Access::Development)
        .database(),
    RouteSpec::get("/dev/clock", "get_clock", |route| route.to(dev::clock::get)).access(Access::Development),
    RouteSpec::post("/dev/clock", "advance_clock", |route| route.to(dev::clock::advance))
        .no_database()
        .access(Access::Development)
        .codes(&[Code::ValidationFailed]),
    RouteSpec::get("/dev/test-vectors", "get_test_vectors", |route| {
        route.to(dev::test_vectors::get)
    })
    .access(Access::Development)
    .database(),
    RouteSpec::get("/.well-known/change-password", "", |route| {
        route.to(well_known::change_password)
    })
    .access(Access::AccountPages),
    RouteSpec::get("/", "", |route| route.to(account_pages::redirect)).access(Access::AccountPages),
    RouteSpec::get("/account", "", |route| route.to(account_pages::redirect)).access(Access::AccountPages),
    RouteSpec::get("/account/{file:.*}", "", |route| route.to(account_pages::serve))
        .access(Access::AccountPages)
        .codes(&[Code::NotFound]),
    RouteSpec::get("/docs", "", |route| route.to(docs::redirect)),
    RouteSpec::get("/docs/problems/{code}", "", |route| route.to(docs::problem)).codes(&[Code::NotFound]),
    RouteSpec::get("/docs/{file:.*}", "", |route| route.to(docs::swagger_ui)).codes(&[Code::NotFound]),
];

/// Returns whether gateways call a path on behalf of clients, with the method of the client's request.
pub(super) fn is_for_gateways(path: &str) -> bool {
    ROUTES.iter().any(|route| route.any_method && route.path == path)
}

/// Returns whether a path is a document that is the same for every client, so that pages of every origin may read it.
pub(super) fn is_public_document(path: &str) -> bool {
    path == "/openapi.json" || path.starts_with("/.well-known/") || path.starts_with("/docs/problems/")
}

/// The optional routes that exist in this deployment.
#[derive(Clone, Copy)]
pub struct Offered {
    /// Those of `vestibule dev`.
    pub development: bool,
    /// The account pages.
    pub account_pages: bool,
}

impl Offered {
    /// Returns those of a state.
    pub fn by(state: &ApiState) -> Self {
        Self {
            development: state.development.is_some(),
            account_pages: state.account_pages,
        }
    }

    fn has(self, spec: &RouteSpec) -> bool {
        match spec.access {
            Access::Development => self.development,
            Access::AccountPages => self.account_pages,
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
    let allowed = specs.iter().map(names).collect::<Vec<_>>().join(", ");
    let resource = {
        let refuse = web::to(move || fallback::method_not_allowed(allowed.clone()));
        web::resource(path.to_owned()).default_service(address_limits::apply(refuse, Scope::Ordinary))
    };
    let routed = specs.iter().fold(resource, |resource, spec| {
        let answers = |context: &GuardContext<'_>| spec.answers(&context.head().method);
        let route = (spec.handler)(web::route().guard(guard::fn_guard(answers)));
        resource.route(match spec.scope {
            Some(scope) => address_limits::apply(route, scope),
            None => route,
        })
    });
    routed.wrap(from_fn(panics::catch::<BoxBody>))
}
