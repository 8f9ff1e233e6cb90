//! HTTP: parse, call one flow, map the outcome. This layer names neither tables nor keys.

pub mod branding;
pub mod dto;
pub mod entity_tag;
pub mod extract;
pub mod handlers;
pub mod login_response;
pub mod middleware;
pub mod openapi;
pub mod origins;
pub mod page;
pub mod problem;
pub mod redirect;
pub mod routes;
pub mod state;
pub mod token_cookies;
pub mod web_files;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};

use self::extract::monitoring::MonitoringListener;
use self::middleware::{address_limits, cors};
pub use self::state::ApiState;
use crate::rate_limits::Scope;

/// Builds the small application of the separate listener for operators.
pub fn build_operators_app(
    state: web::Data<ApiState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .app_data(state)
        .app_data(MonitoringListener)
        .configure(routes::configure_for_operators)
        .default_service(web::to(handlers::fallback::not_found))
        .wrap(from_fn(middleware::problems::rewrite::<_>))
        .wrap(from_fn(middleware::unread_body::keep))
        .wrap(from_fn(middleware::security_headers::add::<BoxBody>))
        .wrap(from_fn(middleware::observe::observe::<BoxBody>))
}

/// Builds the one application that is served and tested.
///
/// Middleware runs from the last one added to the first. `observe` is outermost and sees every response, including
/// those of the other middleware. `problems` is inside of it and of `security_headers`, so that headers and log lines
/// are the same for every response.
pub fn build_app(
    state: web::Data<ApiState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let policy = cors::policy(state.clone());
    let offered = routes::Offered::by(&state);
    App::new()
        .app_data(state)
        .configure(|config| routes::configure(config, offered))
        .default_service(address_limits::apply(
            web::to(handlers::fallback::no_such_page),
            Scope::Ordinary,
        ))
        .wrap(policy)
        .wrap(from_fn(cors::sort::<_>))
        .wrap(from_fn(middleware::expected_host::require::<_>))
        .wrap(from_fn(middleware::problems::rewrite::<_>))
        .wrap(from_fn(middleware::dpop::accompany::<_>))
        .wrap(from_fn(middleware::unread_body::keep))
        .wrap(from_fn(middleware::security_headers::add::<BoxBody>))
        .wrap(from_fn(middleware::draining::part::<BoxBody>))
        .wrap(from_fn(middleware::observe::observe::<BoxBody>))
}
