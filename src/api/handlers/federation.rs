//! `/federation`: signing in with upstream providers.

use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};

use crate::api::dto::federation::{
    FederationIdTokenRequest, FederationResponse, FederationStartedResponse, FinishFederationRequest, ProviderCallback,
    ProviderView, ProvidersResponse, StartFederationRequest,
};
use crate::api::extract::bearer::{MaybeSignedIn, SignedIn};
use crate::api::extract::device::presented_device;
use crate::api::extract::json::StrictJson;
use crate::api::extract::oauth::Parameters;
use crate::api::extract::origin::Origin;
use crate::api::extract::proof::ProofHeader;
use crate::api::extract::then::Then;
use crate::api::login_response;
use crate::api::problem::{Code, Problem};
use crate::api::redirect::{self, FEDERATION_PAGE};
use crate::api::state::ApiState;
use crate::domain::federation::callback::{LONGEST_HINT, ProviderAnswer, is_code};
use crate::domain::federation::provider::Provider;
use crate::domain::input::InvalidInput;
use crate::domain::message::Locale;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::dpop::VerifiedProof;
use crate::flows::federation::{self, Federation, FederationStart, FinishRequest, ProviderReply, Starting};
use crate::flows::session::Caller;
use crate::flows::sign_in::login::Login;

/// Lists the upstream providers
///
/// Those that users can sign in with here. The list is empty if the operator configured none.
#[utoipa::path(
    get, path = "/federation", operation_id = "list_providers", tag = "Sign in",
    responses((
        status = 200, description = "The providers.", body = ProvidersResponse,
        example = json!({"providers": [{"id": "google", "name": "Google", "icon": "google"}]}),
    )),
)]
pub async fn list(state: Data<ApiState>) -> HttpResponse {
    let providers = state.core.providers.list().map(ProviderView::new).collect();
    HttpResponse::Ok().json(ProvidersResponse { providers })
}

/// Starts a sign-in at a provider
///
/// Send the browser to `authorization_url`. It comes back to `redirect_uri` with `code` and `state`, or with `error`.
/// Keep the federation token until then, and compare the state. Without `redirect_uri` there is no URL: an app gets an
/// ID token from the system of the phone, with the `nonce` of this response.
///
/// With an access token, which has to contain a recent proof, the user of the provider is linked to its account instead;
/// finish with the same session.
#[utoipa::path(
    post, path = "/federation/{provider}/start", operation_id = "start_federation", tag = "Sign in",
    params(("provider" = String, Path, description = "The id of the provider.")),
    request_body(content = StartFederationRequest),
    responses((status = 200, description = "The sign-in is started.", body = FederationStartedResponse)),
    security((), ("access_token" = [])),
)]
pub async fn start(
    state: Data<ApiState>,
    provider: Path<String>,
    Then(caller, body): Then<MaybeSignedIn, StrictJson<StartFederationRequest>>,
) -> Result<HttpResponse, Problem> {
    let provider = find(&state, &provider)?;
    let link_to = match caller.0 {
        Some(caller) => Some(SignedIn(caller).require_recent_proof(&state).await?),
        None => None,
    };
    let hint = body.0.login_hint.as_deref().unwrap_or_default();
    if hint.chars().count() > LONGEST_HINT {
        return Err(InvalidInput::of("/login_hint", "must be at most 320 characters long").into());
    }
    let starting = Starting {
        redirect_uri: body.0.redirect_uri,
        link_to,
        login_hint: body.0.login_hint,
    };
    match federation::start(&state.core, provider, starting).await? {
        FederationStart::Started(started) => Ok(HttpResponse::Ok().json(FederationStartedResponse::new(*started))),
        FederationStart::RedirectUriNotListed => {
            let detail = "is none of those that the operator listed for this provider";
            Err(InvalidInput::of("/redirect_uri", detail).into())
        }
        FederationStart::Fault(fault) => Err(Problem::of_provider(&fault)),
    }
}

/// Takes a browser back from a provider
///
/// The address that the operator registers at the provider. It sends the browser on to the redirect URI of the client.
/// A client that prefers HTML, as browsers do, is shown on a page what is wrong.
#[utoipa::path(
    get, path = "/federation/{provider}/callback", operation_id = "come_back_from_provider", tag = "Sign in",
    params(("provider" = String, Path, description = "The id of the provider."), ProviderCallback),
    responses((status = 303, description = "To the redirect URI of the client.")),
)]
pub async fn come_back(
    state: Data<ApiState>,
    request: HttpRequest,
    provider: Path<String>,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::parse(request.query_string().as_bytes());
    answer_browser(&state, &request, &provider, parameters)
}

/// Takes a browser back from a provider that sends a form
///
/// As the request with GET, for providers that answer with `response_mode=form_post`, such as Apple.
#[utoipa::path(
    post, path = "/federation/{provider}/callback", operation_id = "come_back_from_provider_by_form", tag = "Sign in",
    params(("provider" = String, Path, description = "The id of the provider.")),
    request_body(content = ProviderCallback, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "To the redirect URI of the client.")),
)]
pub async fn come_back_by_form(
    state: Data<ApiState>,
    request: HttpRequest,
    provider: Path<String>,
    form: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    answer_browser(&state, &request, &provider, form)
}

fn answer_browser(
    state: &ApiState,
    request: &HttpRequest,
    provider: &str,
    parameters: Result<Parameters, Problem>,
) -> Result<HttpResponse, Problem> {
    let answered = lead_on(state, provider, parameters);
    answered.or_else(|problem| redirect::explain(state, request, FEDERATION_PAGE, problem))
}

fn lead_on(state: &ApiState, provider: &str, given: Result<Parameters, Problem>) -> Result<HttpResponse, Problem> {
    let provider = find(state, provider)?;
    let mut given = given?;
    let answer = ProviderAnswer {
        code: given.take("code"),
        state: given.take("state"),
        iss: given.take("iss"),
        error: given.take("error"),
    };
    let destination = federation::callback(provider, &answer);
    let destination = destination.ok_or_else(|| {
        let detail = "The state is not one of a sign-in that was started here. Go back and start again.";
        Problem::new(Code::InvalidAuthorizationRequest, detail)
    })?;
    Ok(redirect::see_other(&destination))
}

/// Finishes a sign-in at a provider
///
/// With what the browser brought back. The response is that of `POST /login`: the provider is one factor, and a second
/// one is required as usual. A user without an account gets one, with the address that the provider names; unless the
/// provider is believed for that address, a mail verifies it. An address alone never links: if an account has it, the
/// answer is `link_required`, and the user signs in to that account first. The token works once.
///
/// Where the address of the account has to be verified first, the answer is `email_not_verified`, and a mail is on its
/// way; its token goes into `email_token` of the next sign-in. With private registration, a user without an account
/// whose address the provider does not prove gets the same answer. The mail then sets the account up, and the user
/// links the identity after signing in.
///
/// If the start had an access token, send one of the same session: the user of the provider is linked to its account.
#[utoipa::path(
    post, path = "/federation/{provider}/finish", operation_id = "finish_federation", tag = "Sign in",
    params(("provider" = String, Path, description = "The id of the provider.")),
    request_body(content = FinishFederationRequest),
    responses((
        status = 200, description = "The provider said who the user is.", body = FederationResponse,
        examples(
            ("second_factor_required" = (summary = "Ask for a code", value = json!({
                "status": "second_factor_required", "pre_auth_token": "vpa_AQGTx…", "expires_in": 300,
                "methods": [{"type": "totp"}, {"type": "recovery_code", "remaining": 10}], "default_method": "totp",
            }))),
            ("link_required" = (summary = "An account has the address", value = json!({"status": "link_required"}))),
            ("linked" = (summary = "Linked to the account of the session", value = json!({
                "status": "linked",
                "identity": {
                    "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "provider": "google", "name": "Google",
                    "icon": "google", "email": "jo@gmail.com", "created_at": "2026-03-01T12:00:00Z",
                },
            }))),
        ),
    )),
    security((), ("access_token" = [])),
)]
pub async fn finish(
    state: Data<ApiState>,
    provider: Path<String>,
    http: HttpRequest,
    (origin, proof): (Origin, ProofHeader),
    Then(caller, body): Then<MaybeSignedIn, StrictJson<FinishFederationRequest>>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    if !is_code(body.code.expose_secret()) {
        return Err(InvalidInput::of("/code", "must be 1 to 4096 visible ASCII characters").into());
    }
    let brought = Brought {
        reply: ProviderReply::Code {
            code: body.code,
            state: body.state,
            iss: body.iss,
        },
        federation_token: body.federation_token,
        email_token: body.email_token,
        delivery: body.delivery,
        device_token: body.device_token,
    };
    complete(&state, &provider, brought, caller.0.as_ref(), (&http, &proof, origin)).await
}

/// Finishes a sign-in with an ID token of the system
///
/// For apps whose system shows its own sheet, such as Sign in with Apple and Google's Credential Manager. The ID token
/// has the nonce of the start. Everything else is as with `finish`.
#[utoipa::path(
    post, path = "/federation/{provider}/token", operation_id = "finish_federation_with_id_token", tag = "Sign in",
    params(("provider" = String, Path, description = "The id of the provider.")),
    request_body(content = FederationIdTokenRequest),
    responses((
        status = 200, description = "The ID token says who the user is.", body = FederationResponse,
        example = json!({"status": "link_required"}),
    )),
    security((), ("access_token" = [])),
)]
pub async fn finish_with_id_token(
    state: Data<ApiState>,
    provider: Path<String>,
    http: HttpRequest,
    (origin, proof): (Origin, ProofHeader),
    Then(caller, body): Then<MaybeSignedIn, StrictJson<FederationIdTokenRequest>>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    let brought = Brought {
        reply: ProviderReply::IdToken(body.id_token),
        federation_token: body.federation_token,
        email_token: body.email_token,
        delivery: body.delivery,
        device_token: body.device_token,
    };
    complete(&state, &provider, brought, caller.0.as_ref(), (&http, &proof, origin)).await
}

/// What a client finishes a sign-in with, in either way.
struct Brought {
    reply: ProviderReply,
    federation_token: SecretString,
    email_token: Option<SecretString>,
    delivery: Option<String>,
    device_token: Option<SecretString>,
}

async fn complete(
    state: &ApiState,
    provider: &str,
    brought: Brought,
    caller: Option<&Caller>,
    (http, proof, origin): (&HttpRequest, &ProofHeader, Origin),
) -> Result<HttpResponse, Problem> {
    let request = FinishRequest {
        federation_token: brought.federation_token,
        reply: brought.reply,
        email_token: brought.email_token,
        delivery: RefreshTokenTransport::requested(brought.delivery.as_deref())?,
        device: presented_device(state, http, brought.device_token),
        proof: begin(state, caller, proof)?,
        locale: preferred_locale(http),
    };
    let provider = find(state, provider)?;
    let finished = federation::finish(&state.core, provider, request, caller, origin.0).await?;
    answer(state, finished)
}

/// Verifies the proof of possession of a sign-in. Beside an access token it was verified with the token, and no session
/// begins.
fn begin(state: &ApiState, caller: Option<&Caller>, proof: &ProofHeader) -> Result<Option<VerifiedProof>, Problem> {
    match caller {
        Some(_) => Ok(None),
        // 401, as where there is a token: the route has one status for a refused proof.
        None => proof.begin(state).map_err(Problem::at_resource),
    }
}

fn find<'a>(state: &'a ApiState, id: &str) -> Result<&'a Provider, Problem> {
    let unknown = || Problem::new(Code::NotFound, "There is no such provider.");
    state.core.providers.find(id).ok_or_else(unknown)
}

fn preferred_locale(http: &HttpRequest) -> Locale {
    let languages = http.headers().get(ACCEPT_LANGUAGE);
    Locale::requested(None, languages.and_then(|value| value.to_str().ok()))
}

fn answer(state: &ApiState, finished: Federation) -> Result<HttpResponse, Problem> {
    match finished {
        Federation::SignedIn(Login::InvalidCredentials) => Err(Problem::refused_sign_in_by_provider()),
        Federation::SignedIn(login) => login_response::answer(state, &login),
        Federation::Linked(linked) => Ok(HttpResponse::Ok().json(FederationResponse::linked(linked))),
        Federation::LinkRequired => Ok(HttpResponse::Ok().json(FederationResponse::link_required())),
        Federation::IdentityTaken => Err(Problem::of(Code::IdentityTaken)),
        Federation::TooManyIdentities => Err(Problem::new(
            Code::Conflict,
            "The account has as many identities as it may have. Unlink one first.",
        )),
        Federation::AddressMissing => Err(Problem::of(Code::AddressMissing)),
        Federation::Closed => Err(Problem::no_registration()),
        Federation::NotAdmitted(refused) => Err(refused.into()),
        Federation::InvalidToken => Err(Problem::of(Code::InvalidFederationToken)),
        Federation::Provider(fault) => Err(Problem::of_provider(&fault)),
    }
}
