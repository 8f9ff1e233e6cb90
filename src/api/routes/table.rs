//! The rows of the table of routes.
//!
//! A row names a handler, the clients that may call it, its rate limit and its problem codes. Method, path and name of
//! an operation are in the `#[utoipa::path]` of its handler. Paths are matched in the order of the rows.

use std::sync::LazyLock;

use utoipa::OpenApi;

use super::{Access, Forms, ProofUse, RouteSpec};
use crate::api::handlers::{
    account_pages, admin, api_keys, applications, console, dev, devices, docs, email, federation, health, identities,
    login, logout, magic_link, me, metrics, oauth, openapi, passkey, passkey_documents, password, register, sessions,
    step_up, token, two_factor, well_known,
};
use crate::api::problem::Code;
use crate::rate_limits::Scope;

/// A row: the clients that may call an operation, and its handler.
///
/// The derive finds the description that `#[utoipa::path]` wrote beside the handler, so that a row routes and documents
/// one and the same function. A handler without a description does not compile here.
macro_rules! operation {
    ($access:ident, $($handler:ident)::+) => {{
        #[derive(OpenApi)]
        #[openapi(paths($($handler)::+))]
        struct Description;

        RouteSpec::operation(Access::$access, Description::openapi, |route| route.to($($handler)::+))
    }};
}

/// The codes of a sign-in at a provider that a browser finishes.
const FINISHING: &[Code] = &[
    Code::NotFound,
    Code::InvalidFederationToken,
    Code::InvalidToken,
    Code::ProviderRefused,
    Code::InvalidCredentials,
    Code::EmailNotVerified,
    Code::Forbidden,
    Code::RegistrationDenied,
    Code::IdentityTaken,
    Code::Conflict,
    Code::AddressMissing,
    Code::ValidationFailed,
    Code::ProviderUntrusted,
    Code::ProviderUnavailable,
    Code::RegistrationUnavailable,
];
/// The same for an app with an ID token, which no provider refuses afterwards.
const FINISHING_WITH_ID_TOKEN: &[Code] = &[
    Code::NotFound,
    Code::InvalidFederationToken,
    Code::InvalidToken,
    Code::InvalidIdToken,
    Code::InvalidCredentials,
    Code::EmailNotVerified,
    Code::Forbidden,
    Code::RegistrationDenied,
    Code::IdentityTaken,
    Code::Conflict,
    Code::AddressMissing,
    Code::ValidationFailed,
    Code::ProviderUntrusted,
    Code::ProviderUnavailable,
    Code::RegistrationUnavailable,
];

/// All routes.
pub static ROUTES: LazyLock<Vec<RouteSpec>> = LazyLock::new(|| {
    vec![
        operation!(Public, register::register)
            .proof(ProofUse::Session)
            .scope(Scope::Register)
            .codes(&[
                Code::Forbidden,
                Code::RegistrationDenied,
                Code::EmailTaken,
                Code::UsernameTaken,
                Code::ValidationFailed,
                Code::PasswordRejected,
                Code::RegistrationUnavailable,
            ]),
        operation!(Public, login::log_in)
            .proof(ProofUse::Session)
            .scope(Scope::Login)
            .codes(&[
                Code::InvalidCredentials,
                Code::EmailNotVerified,
                Code::ValidationFailed,
                Code::RateLimited,
            ]),
        operation!(Public, magic_link::request)
            .scope(Scope::Mail)
            .codes(&[Code::ValidationFailed]),
        operation!(Public, magic_link::verify)
            .proof(ProofUse::Session)
            .scope(Scope::LinkToken)
            .codes(&[Code::InvalidLinkToken, Code::ValidationFailed]),
        // A page with suggestions asks whenever it is opened, so this is not counted as a login.
        operation!(Public, passkey::options).codes(&[Code::Forbidden]),
        operation!(Public, passkey::verify)
            .proof(ProofUse::Session)
            .scope(Scope::Login)
            .codes(&[Code::InvalidCredentials, Code::EmailNotVerified, Code::ValidationFailed]),
        operation!(Public, federation::list),
        operation!(Public, federation::start)
            .proof(ProofUse::BesideToken)
            .codes(&[
                Code::NotFound,
                Code::InvalidToken,
                Code::InsufficientUserAuthentication,
                Code::ValidationFailed,
                Code::ProviderUntrusted,
                Code::ProviderUnavailable,
            ]),
        operation!(Public, federation::come_back).codes(&[
            Code::NotFound,
            Code::InvalidAuthorizationRequest,
            Code::MalformedRequest,
        ]),
        operation!(Public, federation::come_back_by_form)
            .forms(Forms::OfEveryPage)
            .no_database()
            .codes(&[Code::NotFound, Code::InvalidAuthorizationRequest]),
        operation!(Public, federation::finish)
            .proof(ProofUse::BesideToken)
            .scope(Scope::Login)
            .codes(FINISHING),
        operation!(Public, federation::finish_with_id_token)
            .proof(ProofUse::BesideToken)
            .scope(Scope::Login)
            .codes(FINISHING_WITH_ID_TOKEN),
        operation!(Public, two_factor::verify::verify)
            .proof(ProofUse::Session)
            .scope(Scope::SecondFactor)
            .codes(&[
                Code::InvalidPreAuthToken,
                Code::InvalidCode,
                Code::EmailNotVerified,
                Code::ValidationFailed,
                Code::RateLimited,
            ]),
        operation!(Public, two_factor::challenge::send_code)
            .proof(ProofUse::BesideToken)
            .scope(Scope::SecondFactor)
            .codes(&[
                Code::InvalidPreAuthToken,
                Code::InvalidToken,
                Code::ValidationFailed,
                Code::RateLimited,
            ]),
        operation!(AccessToken, two_factor::state::get_second_factors),
        operation!(Enrolment, two_factor::totp::enrol).codes(&[Code::Forbidden]),
        operation!(RecentAuthentication, two_factor::totp::remove).codes(&[
            Code::InvalidCredentials,
            Code::InvalidCode,
            Code::NotFound,
            Code::Conflict,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(RecentAuthentication, two_factor::totp::confirm).codes(&[
            Code::InvalidCode,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(Enrolment, two_factor::passkeys::options).codes(&[Code::Forbidden, Code::Conflict]),
        operation!(Enrolment, two_factor::passkeys::register).codes(&[
            Code::Forbidden,
            Code::Conflict,
            Code::ValidationFailed,
        ]),
        operation!(AccessToken, two_factor::passkeys::list),
        operation!(RecentAuthentication, two_factor::passkeys::rename).codes(&[Code::NotFound, Code::ValidationFailed]),
        operation!(RecentAuthentication, two_factor::passkeys::remove).codes(&[Code::NotFound, Code::Conflict]),
        operation!(RecentAuthentication, two_factor::recovery_codes::renew).codes(&[Code::Conflict]),
        operation!(RecentAuthentication, two_factor::sent_code::set_up_email).codes(&[
            Code::Forbidden,
            Code::Conflict,
            Code::RateLimited,
        ]),
        operation!(RecentAuthentication, two_factor::sent_code::remove_email).codes(&[Code::Conflict]),
        operation!(RecentAuthentication, two_factor::sent_code::confirm_email).codes(&[
            Code::InvalidCode,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(RecentAuthentication, two_factor::sent_code::set_up_phone).codes(&[
            Code::Forbidden,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(RecentAuthentication, two_factor::sent_code::remove_phone).codes(&[Code::Conflict]),
        operation!(RecentAuthentication, two_factor::sent_code::confirm_phone).codes(&[
            Code::InvalidCode,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(AccessToken, step_up::step_up)
            .scope(Scope::SecondFactor)
            .codes(&[
                Code::InvalidCredentials,
                Code::InvalidCode,
                Code::TwoSessions,
                Code::ValidationFailed,
                Code::RateLimited,
            ]),
        operation!(Public, token::refresh::refresh_tokens)
            .proof(ProofUse::Session)
            .scope(Scope::Refresh)
            .codes(&[Code::InvalidRefreshToken, Code::TwoSessions]),
        operation!(Public, token::ended::list_ended)
            .database()
            .codes(&[Code::ValidationFailed]),
        operation!(ServiceClient, token::introspect::introspect_token).unlimited(),
        operation!(ServiceClient, token::revoke::revoke_token).unlimited(),
        operation!(AccessToken, token::validate::validate_token)
            .unlimited()
            .any_method(),
        operation!(Public, logout::log_out)
            .proof(ProofUse::BesideToken)
            .codes(&[Code::InvalidToken, Code::TwoSessions]),
        operation!(AccessToken, sessions::list::list_sessions),
        operation!(AccessToken, sessions::end_others::end_other_sessions),
        operation!(AccessToken, sessions::end::end_session).codes(&[Code::NotFound]),
        operation!(AccessToken, devices::list),
        operation!(AccessToken, devices::end).codes(&[Code::NotFound]),
        operation!(AccessToken, me::get_me),
        operation!(AccessToken, me::update_me).codes(&[
            Code::InsufficientUserAuthentication,
            Code::UsernameTaken,
            Code::ValidationFailed,
        ]),
        operation!(RecentAuthentication, me::delete_me).codes(&[Code::RateLimited]),
        operation!(RecentAuthentication, me::export_me),
        operation!(RecentAuthentication, api_keys::create).codes(&[Code::Conflict, Code::ValidationFailed]),
        operation!(AccessToken, api_keys::list),
        operation!(AccessToken, api_keys::delete).codes(&[Code::NotFound]),
        operation!(AccessToken, identities::list),
        operation!(RecentAuthentication, identities::unlink).codes(&[Code::NotFound, Code::Conflict]),
        operation!(AccessToken, applications::list),
        operation!(AccessToken, applications::withdraw).codes(&[Code::NotFound]),
        operation!(AccessToken, me::list_events).codes(&[Code::ValidationFailed]),
        operation!(AccessToken, password::change).codes(&[
            Code::InsufficientUserAuthentication,
            Code::InvalidCredentials,
            Code::Conflict,
            Code::PasswordRejected,
            Code::RateLimited,
        ]),
        operation!(AccessToken, password::removal_options).codes(&[Code::Forbidden, Code::Conflict]),
        operation!(AccessToken, password::remove)
            .scope(Scope::SecondFactor)
            .codes(&[Code::InvalidCode, Code::Conflict, Code::ValidationFailed]),
        operation!(RecentAuthentication, password::set).codes(&[Code::Conflict, Code::PasswordRejected]),
        operation!(Public, password::forgot)
            .scope(Scope::Mail)
            .codes(&[Code::ValidationFailed]),
        operation!(Public, password::reset)
            .scope(Scope::LinkToken)
            .codes(&[Code::InvalidLinkToken, Code::PasswordRejected]),
        operation!(Public, email::verify)
            .proof(ProofUse::BesideToken)
            .scope(Scope::LinkToken)
            .codes(&[
                Code::InvalidLinkToken,
                Code::InvalidCredentials,
                Code::InvalidPreAuthToken,
                Code::InvalidToken,
                Code::ProofRequired,
                Code::ValidationFailed,
            ]),
        operation!(Public, email::request_verification)
            .proof(ProofUse::BesideToken)
            .scope(Scope::Mail)
            .codes(&[Code::InvalidToken, Code::ValidationFailed]),
        operation!(RecentAuthentication, email::change).codes(&[
            Code::EmailTaken,
            Code::ValidationFailed,
            Code::RateLimited,
        ]),
        operation!(Public, email::cancel_change)
            .scope(Scope::LinkToken)
            .codes(&[Code::InvalidLinkToken]),
        operation!(Public, oauth::authorize::begin)
            .database()
            .codes(&[Code::InvalidAuthorizationRequest, Code::MalformedRequest]),
        operation!(Public, oauth::authorize::begin_by_form)
            .forms(Forms::OfEveryPageAlone)
            .codes(&[Code::InvalidAuthorizationRequest]),
        operation!(Public, oauth::authorize::decide)
            .proof(ProofUse::BesideToken)
            .codes(&[
                Code::InvalidAuthorizationRequest,
                Code::InvalidToken,
                Code::InsufficientUserAuthentication,
                Code::ValidationFailed,
            ]),
        operation!(Public, oauth::par::push)
            .proof(ProofUse::Session)
            .codes(&[Code::InvalidClient]),
        operation!(Public, oauth::token::exchange)
            .proof(ProofUse::Session)
            .scope(Scope::Refresh)
            .codes(&[
                Code::InvalidGrant,
                Code::InvalidApiKey,
                Code::InvalidClient,
                Code::UnauthorizedClient,
                Code::UnsupportedGrantType,
                Code::InvalidScope,
                Code::InvalidTarget,
                Code::AuthorizationPending,
                Code::SlowDown,
                Code::AccessDenied,
                Code::ExpiredToken,
            ]),
        operation!(Public, oauth::device::begin).codes(&[
            Code::InvalidClient,
            Code::UnauthorizedClient,
            Code::InvalidScope,
            Code::InvalidTarget,
        ]),
        operation!(AccessToken, oauth::device::decide)
            .scope(Scope::SecondFactor)
            .codes(&[Code::InvalidUserCode, Code::ValidationFailed, Code::RateLimited]),
        operation!(Public, oauth::revoke::revoke)
            .scope(Scope::Refresh)
            .codes(&[Code::InvalidClient]),
        operation!(Public, oauth::userinfo::get)
            .proof(ProofUse::BesideToken)
            .database()
            .codes(&[Code::InvalidToken, Code::InsufficientScope]),
        operation!(Public, oauth::userinfo::post)
            .proof(ProofUse::BesideToken)
            .codes(&[
                Code::InvalidToken,
                Code::InsufficientScope,
                Code::MalformedRequest,
                Code::RequestTimeout,
                Code::PayloadTooLarge,
            ]),
        operation!(Public, oauth::logout::end)
            .database()
            .codes(&[Code::InvalidAuthorizationRequest, Code::MalformedRequest]),
        operation!(Public, oauth::logout::end_by_form)
            .forms(Forms::OfEveryPage)
            .codes(&[Code::InvalidAuthorizationRequest]),
        operation!(AdministratorOrService, admin::users::list).codes(&[Code::ValidationFailed]),
        operation!(RecentAdministrator, admin::users::invite).codes(&[
            Code::EmailTaken,
            Code::Conflict,
            Code::ValidationFailed,
        ]),
        operation!(AdministratorOrService, admin::user::get).codes(&[Code::NotFound]),
        operation!(Administrator, admin::user::update).codes(&[Code::NotFound, Code::Conflict, Code::ValidationFailed]),
        operation!(RecentAdministrator, admin::user::delete).codes(&[Code::NotFound, Code::Conflict]),
        operation!(RecentAdministrator, admin::user::reset_second_factors).codes(&[Code::NotFound, Code::Conflict]),
        operation!(Administrator, admin::user::list_sessions).codes(&[Code::NotFound]),
        operation!(Administrator, admin::user::end_sessions).codes(&[Code::NotFound]),
        operation!(Administrator, admin::user::end_session).codes(&[Code::NotFound]),
        operation!(Service, admin::claims::set)
            .unlimited()
            .codes(&[Code::NotFound, Code::ValidationFailed]),
        operation!(Administrator, admin::devices::list).codes(&[Code::NotFound]),
        operation!(Administrator, admin::devices::end).codes(&[Code::NotFound]),
        operation!(Administrator, admin::identities::unlink).codes(&[Code::NotFound, Code::Conflict]),
        operation!(Administrator, admin::clients::list),
        operation!(RecentAdministrator, admin::clients::register).codes(&[Code::Conflict, Code::ValidationFailed]),
        operation!(Administrator, admin::clients::get).codes(&[Code::NotFound]),
        operation!(RecentAdministrator, admin::clients::update).codes(&[
            Code::NotFound,
            Code::Conflict,
            Code::ValidationFailed,
        ]),
        operation!(RecentAdministrator, admin::clients::rotate_secret).codes(&[Code::NotFound, Code::ValidationFailed]),
        operation!(RecentAdministrator, admin::clients::delete).codes(&[Code::NotFound]),
        operation!(Administrator, admin::webhooks::list),
        operation!(RecentAdministrator, admin::webhooks::create).codes(&[Code::Conflict, Code::ValidationFailed]),
        operation!(Administrator, admin::webhooks::get).codes(&[Code::NotFound]),
        operation!(Administrator, admin::webhooks::update).codes(&[Code::NotFound, Code::ValidationFailed]),
        operation!(RecentAdministrator, admin::webhooks::delete).codes(&[Code::NotFound]),
        operation!(RecentAdministrator, admin::webhooks::rotate_secret).codes(&[Code::NotFound]),
        operation!(Administrator, admin::webhooks::deliveries).codes(&[Code::NotFound, Code::ValidationFailed]),
        operation!(Administrator, admin::webhooks::test).codes(&[Code::NotFound, Code::Conflict]),
        operation!(RecentAdministrator, admin::webhooks::replay).codes(&[
            Code::NotFound,
            Code::Conflict,
            Code::ValidationFailed,
        ]),
        operation!(AdministratorOrService, admin::events::list).codes(&[Code::ValidationFailed]),
        operation!(Administrator, admin::statistics::get).codes(&[Code::ValidationFailed, Code::RateLimited]),
        operation!(Administrator, admin::providers::list),
        operation!(Administrator, admin::health::get),
        operation!(Administrator, admin::keys::list),
        operation!(Administrator, admin::keys::rotate).codes(&[Code::Conflict]),
        operation!(Public, well_known::jwks).database(),
        operation!(Public, well_known::metadata).database(),
        operation!(Public, well_known::openid_configuration).database(),
        operation!(Public, passkey_documents::related_origins).codes(&[Code::NotFound]),
        operation!(Public, passkey_documents::passkey_endpoints).codes(&[Code::NotFound]),
        operation!(Public, passkey_documents::apple_app_site_association).codes(&[Code::NotFound]),
        operation!(Public, passkey_documents::asset_links).codes(&[Code::NotFound]),
        operation!(Public, health::live).unlimited(),
        operation!(Public, health::ready).unlimited().database(),
        operation!(Public, metrics::metrics)
            .unlimited()
            .codes(&[Code::NotFound]),
        operation!(Public, openapi::openapi),
        operation!(Development, dev::outbox::list)
            .database()
            .codes(&[Code::ValidationFailed]),
        operation!(Development, dev::outbox::clear).database(),
        operation!(Development, dev::clock::get),
        operation!(Development, dev::clock::advance)
            .no_database()
            .codes(&[Code::ValidationFailed]),
        operation!(Development, dev::test_vectors::get).database(),
        RouteSpec::page("/oauth/form-post", |route| route.to(oauth::form_post::show))
            .codes(&[Code::InvalidAuthorizationRequest, Code::MalformedRequest]),
        RouteSpec::page("/.well-known/change-password", |route| {
            route.to(well_known::change_password)
        })
        .access(Access::AccountPages),
        RouteSpec::page("/", |route| route.to(account_pages::redirect)).access(Access::AccountPages),
        RouteSpec::page("/account", |route| route.to(account_pages::redirect)).access(Access::AccountPages),
        RouteSpec::page("/account/{file:.*}", |route| route.to(account_pages::serve))
            .access(Access::AccountPages)
            .codes(&[Code::NotFound]),
        RouteSpec::page("/console", |route| route.to(console::redirect)).access(Access::Console),
        RouteSpec::page("/console/{file:.*}", |route| route.to(console::serve))
            .access(Access::Console)
            .codes(&[Code::NotFound]),
        RouteSpec::page("/docs", |route| route.to(docs::redirect)),
        RouteSpec::page("/docs/problems/{code}", |route| route.to(docs::problem)).codes(&[Code::NotFound]),
        RouteSpec::page("/docs/{file:.*}", |route| route.to(docs::swagger_ui)).codes(&[Code::NotFound]),
    ]
});
