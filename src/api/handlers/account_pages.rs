//! `/account/`: the pages that people meet, from `web/`, as files of the binary.
//!
//! They are a client like any other: they call the public API and nothing else. What is served is the table below and
//! never a path of the file system.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::http::header::{self, ETag, EntityTag, IfNoneMatch};
use actix_web::web::{Data, Path};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use crate::api::branding::Branding;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;

/// Scripts and styles are files of ours, none stands in a page, and nothing is asked of another origin. Pictures may be
/// data, for QR codes. `trusted-types` lets no text become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";
/// Asked for anew each time, and answered 304 as long as nothing changed: files of two versions never meet.
const CACHEABLE: &str = "public, max-age=0, must-revalidate";

/// What a picture may do that is opened by itself: nothing. An SVG may have scripts, and one of an operator is no code
/// of ours.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// What every page is made from; the scripts look at the address.
const PAGE: &str = "index.html";
/// The colours of the deployment.
const STYLE: &str = "css/brand.css";
/// The picture of the deployment. Without a name's ending, for it may be of several kinds.
const LOGO: &str = "logo";

/// The pages, by the last part of their address; the page without one is the first. `web/js/pages.js` has the same.
pub const PAGES: [&str; 17] = [
    "",
    "login",
    "login-by-mail",
    "magic-link",
    "register",
    "set-up",
    "second-factor",
    "recovery-codes",
    "forgot-password",
    "reset-password",
    "verify-email",
    "cancel-email-change",
    "security",
    "authenticator",
    "sessions",
    "activity",
    "token",
];

/// A file of `web/`.
pub struct File {
    /// Where it is, below `web/` and below `/account/`.
    pub path: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($path:literal,)*) => {
        /// Every file of `web/`.
        pub const FILES: &[File] = &[$(File {
            path: $path,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $path)),
        },)*];
    };
}

files! {
    "css/base.css",
    "css/parts.css",
    "icon.svg",
    "index.html",
    "js/api.js",
    "js/dom.js",
    "js/forms.js",
    "js/frame.js",
    "js/i18n.js",
    "js/main.js",
    "js/pages.js",
    "js/pending.js",
    "js/problems.js",
    "js/router.js",
    "js/session.js",
    "js/step-up.js",
    "js/storage.js",
    "js/texts/de.js",
    "js/texts/en.js",
    "js/views/activity.js",
    "js/views/authenticator.js",
    "js/views/cancel-email-change.js",
    "js/views/device.js",
    "js/views/forgot-password.js",
    "js/views/link-page.js",
    "js/views/login-by-mail.js",
    "js/views/login.js",
    "js/views/magic-link.js",
    "js/views/parts.js",
    "js/views/profile.js",
    "js/views/recovery-codes.js",
    "js/views/register.js",
    "js/views/reset-password.js",
    "js/views/second-factor.js",
    "js/views/security.js",
    "js/views/sent-codes.js",
    "js/views/sessions.js",
    "js/views/set-up.js",
    "js/views/token.js",
    "js/views/totp.js",
    "js/views/verify-email.js",
}

/// What is answered with.
struct Served<'a> {
    bytes: &'a [u8],
    content_type: &'static str,
    policy: &'static str,
}

impl<'a> Served<'a> {
    /// Finds a file: one that this deployment made at its start, or one of the binary.
    fn find(path: &str, branding: &'a Branding) -> Option<Self> {
        let of = |bytes, content_type| Self {
            bytes,
            content_type,
            policy: POLICY,
        };
        match path {
            PAGE => Some(of(branding.page.as_bytes(), content_type(PAGE))),
            STYLE => Some(of(branding.style.as_bytes(), content_type(STYLE))),
            LOGO => Some(Self {
                policy: PICTURE_POLICY,
                ..of(&branding.logo.bytes, branding.logo.media_type)
            }),
            path => {
                let file = FILES.iter().find(|file| file.path == path)?;
                Some(of(file.bytes, content_type(file.path)))
            }
        }
    }

    fn tag(&self) -> EntityTag {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        EntityTag::new_strong(format!("{:016x}", hasher.finish()))
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Sends `/` and `/account` to `/account/`. In relation to either, so that it holds below another path, too.
pub async fn redirect() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "account/"))
        .finish()
}

/// Serves a file, or a page.
///
/// # Errors
///
/// `not_found` for what is neither.
pub async fn serve(request: HttpRequest, state: Data<ApiState>, name: Path<String>) -> Result<HttpResponse, Problem> {
    let path = if PAGES.contains(&name.as_str()) {
        PAGE
    } else {
        name.as_str()
    };
    let file = Served::find(path, &state.branding);
    let file = file.ok_or_else(|| Problem::of(Code::NotFound))?;
    let tag = file.tag();
    let known = is_known(&request, &tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, CACHEABLE))
        .insert_header((header::CONTENT_SECURITY_POLICY, file.policy));
    Ok(if known {
        response.finish()
    } else {
        response.content_type(file.content_type).body(file.bytes.to_vec())
    })
}

/// Whether the client says that it has what the tag names (RFC 9110 §13.1.2).
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        None => false,
    }
}
