//! `/oauth/form-post`: the page that posts an answer to an application (OAuth 2.0 Form Post Response Mode).
//!
//! The decision is made on another page, which sends the browser here, so that this page alone may post to the
//! application, and to no other address.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;

use crate::api::branding::escaped;
use crate::api::extract::oauth::Parameters;
use crate::api::problem::{Code, Problem};
use crate::api::redirect;
use crate::api::state::ApiState;
use crate::domain::message::Locale;
use crate::domain::oauth::response_mode::{Reply, SUBMIT, form_policy};
use crate::flows::oauth::authorize;

/// Shows the page. It is never cached, and the answer on it counts for a minute.
///
/// # Errors
///
/// `invalid_authorization_request` if there is no answer, or none that counts.
pub async fn show(state: Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&state, &request).or_else(|problem| redirect::explain(&state, &request, redirect::AUTHORIZE_PAGE, problem))
}

fn page(state: &ApiState, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let answer = Parameters::parse(request.query_string().as_bytes())?.require("answer")?;
    let reply = authorize::posted(&state.core, answer.expose_secret());
    let policy = reply.as_ref().and_then(|reply| form_policy(&reply.redirect_uri));
    let (Some(reply), Some(policy)) = (reply, policy) else {
        return Err(Problem::of(Code::InvalidAuthorizationRequest));
    };
    let languages = request.headers().get(header::ACCEPT_LANGUAGE);
    let languages = languages.and_then(|value| value.to_str().ok());
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::VARY, "accept-language"))
        .content_type("text/html; charset=utf-8")
        .body(document(&reply, Locale::requested(None, languages))))
}

/// Writes the document. Without scripts the user presses the button.
fn document(reply: &Reply, locale: Locale) -> String {
    let (title, text, button) = match locale {
        Locale::En => (
            "Back to the app",
            "You are being sent back to the app. If nothing happens, press “Continue”.",
            "Continue",
        ),
        Locale::De => (
            "Zurück zur App",
            "Sie werden zur App zurückgeschickt. Wenn nichts geschieht, drücken Sie „Weiter“.",
            "Weiter",
        ),
        Locale::Fr => (
            "Retour à l’application",
            "Vous êtes renvoyé vers l’application. Si rien ne se passe, appuyez sur «\u{a0}Continuer\u{a0}».",
            "Continuer",
        ),
        Locale::Es => (
            "Volver a la aplicación",
            "Está volviendo a la aplicación. Si no pasa nada, pulse «Continuar».",
            "Continuar",
        ),
    };
    let field = |(name, value): &(String, String)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
    };
    let (language, action) = (locale.as_str(), escaped(&reply.redirect_uri));
    let fields: String = reply.parameters.iter().map(field).collect();
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         </head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n<form method=\"post\" action=\"{action}\">\n{fields}\
         <button>{button}</button>\n</form>\n</main>\n<script>{SUBMIT}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::domain::oauth::response_mode::ResponseMode;

    proptest! {
        /// A value stays the value of its field, whatever is in it.
        #[test]
        fn no_value_becomes_markup(state in "[ -~]{0,40}", locale in select(&Locale::ALL)) {
            let reply = |state: &str| Reply {
                redirect_uri: "https://app.example.com/cb?a=1&b=2".into(),
                parameters: vec![("code".into(), "c".into()), ("state".into(), state.into())],
                mode: ResponseMode::FormPost,
            };
            let (plain, page) = (document(&reply(""), locale), document(&reply(&state), locale));
            let (before, after) = plain.split_once("name=\"state\" value=\"\"").unwrap();
            let value = page.strip_prefix(before).unwrap().strip_suffix(after).unwrap();
            let value = value.strip_prefix("name=\"state\" value=\"").unwrap().strip_suffix('"').unwrap();
            prop_assert!(!value.contains(['"', '<', '>']), "{}", value);
            let read = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            prop_assert_eq!(read, state);
            prop_assert!(page.contains("action=\"https://app.example.com/cb?a=1&amp;b=2\""));
        }
    }
}
