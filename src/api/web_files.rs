//! The files of `web/`, embedded in the binary: those of the account pages and of the console, which share most of them.
//!
//! Only the files of the table below are served, never a path of the file system.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::http::header::{self, ETag, EntityTag};
use actix_web::{HttpRequest, HttpResponse};

use super::branding::Branding;
use super::entity_tag::is_known;
use super::page::POLICY;
use super::state::ApiState;

/// Browsers revalidate a file before each use and get 304 while it is unchanged, so files of two versions are never
/// mixed.
const CACHEABLE: &str = "public, max-age=0, must-revalidate";

/// A logo that is opened by itself may not do anything. An SVG may contain scripts, and the one that an operator sets
/// is not trusted code.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// The document of all account pages; its scripts choose the page by the URL. That of the console is made of it.
pub const ACCOUNT_PAGE: &str = "index.html";
/// The colours of the deployment.
const STYLE: &str = "css/brand.css";
/// The logo of the deployment. It has no file extension, because it may have one of several formats.
const LOGO: &str = "logo";

/// A file of `web/`.
pub struct File {
    /// Its path below `web/`, and below `/account/` or `/console/`.
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
    "css/console.css",
    "css/forms.css",
    "css/parts.css",
    "css/wide.css",
    "icon.svg",
    "index.html",
    "js/api.js",
    "js/as-typed.js",
    "js/bar.js",
    "js/console/admin.js",
    "js/console/client-form.js",
    "js/console/csv.js",
    "js/console/dialog.js",
    "js/console/events.js",
    "js/console/fields.js",
    "js/console/filters.js",
    "js/console/frame.js",
    "js/console/main.js",
    "js/console/pages.js",
    "js/console/parts.js",
    "js/console/plot.js",
    "js/console/secret.js",
    "js/console/texts/de.js",
    "js/console/texts/en.js",
    "js/console/texts/es.js",
    "js/console/texts/fr.js",
    "js/console/typed.js",
    "js/console/views/application.js",
    "js/console/views/applications.js",
    "js/console/views/health.js",
    "js/console/views/invite.js",
    "js/console/views/keys.js",
    "js/console/views/missing.js",
    "js/console/views/new-application.js",
    "js/console/views/new-webhook.js",
    "js/console/views/overview.js",
    "js/console/views/providers.js",
    "js/console/views/refusal.js",
    "js/console/views/trail.js",
    "js/console/views/user-access.js",
    "js/console/views/user.js",
    "js/console/views/users.js",
    "js/console/views/webhook.js",
    "js/console/views/webhooks.js",
    "js/console/webhook-form.js",
    "js/deployment.js",
    "js/dom.js",
    "js/federation.js",
    "js/forms.js",
    "js/frame.js",
    "js/i18n.js",
    "js/main.js",
    "js/new-password.js",
    "js/notice.js",
    "js/pages.js",
    "js/passkeys.js",
    "js/pending.js",
    "js/problems.js",
    "js/recovery-codes.js",
    "js/router.js",
    "js/session.js",
    "js/shell.js",
    "js/step-up.js",
    "js/storage.js",
    "js/texts/de.js",
    "js/texts/en.js",
    "js/texts/es.js",
    "js/texts/fr.js",
    "js/views/activity.js",
    "js/views/api-keys.js",
    "js/views/applications.js",
    "js/views/authenticator.js",
    "js/views/authorize.js",
    "js/views/cancel-email-change.js",
    "js/views/connect-device.js",
    "js/views/decider.js",
    "js/views/deletion.js",
    "js/views/device.js",
    "js/views/federation.js",
    "js/views/forgot-password.js",
    "js/views/identities.js",
    "js/views/link-page.js",
    "js/views/login-by-mail.js",
    "js/views/login.js",
    "js/views/lost-device.js",
    "js/views/magic-link.js",
    "js/views/missing.js",
    "js/views/parts.js",
    "js/views/passkeys.js",
    "js/views/password.js",
    "js/views/profile.js",
    "js/views/providers.js",
    "js/views/recovery-codes.js",
    "js/views/register.js",
    "js/views/reminder.js",
    "js/views/reset-password.js",
    "js/views/scopes.js",
    "js/views/second-factor.js",
    "js/views/security.js",
    "js/views/sent-codes.js",
    "js/views/sessions.js",
    "js/views/set-up.js",
    "js/views/sign-out.js",
    "js/views/signed-out.js",
    "js/views/token.js",
    "js/views/totp.js",
    "js/views/verify-email.js",
    "js/views/withheld-roles.js",
    "js/work.js",
}

/// A file to respond with.
struct Served<'a> {
    bytes: &'a [u8],
    content_type: &'static str,
    policy: &'static str,
}

impl<'a> Served<'a> {
    /// A file with the usual policy.
    const fn of(bytes: &'a [u8], content_type: &'static str) -> Self {
        Self {
            bytes,
            content_type,
            policy: POLICY,
        }
    }

    /// Finds a file: one that was prepared for this deployment at start, or one of the binary.
    fn find(path: &str, branding: &'a Branding) -> Option<Self> {
        let of = Self::of;
        match path {
            ACCOUNT_PAGE => Some(of(branding.page.as_bytes(), content_type(ACCOUNT_PAGE))),
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

    fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let tag = self.tag();
        let known = is_known(request, &tag);
        let mut response = if known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header(ETag(tag))
            .insert_header((header::CACHE_CONTROL, CACHEABLE))
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy));
        if known {
            response.finish()
        } else {
            response.content_type(self.content_type).body(self.bytes.to_vec())
        }
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

/// Returns whether a file is of the console alone.
pub fn is_of_console(path: &str) -> bool {
    path == "css/console.css" || path.starts_with("js/console/")
}

/// Responds with a file, or says that the browser has it. Returns nothing if there is no such file.
pub fn respond(request: &HttpRequest, state: &ApiState, path: &str) -> Option<HttpResponse> {
    Served::find(path, &state.branding).map(|file| file.respond(request))
}

/// Responds with the document of the console, or says that the browser has it.
pub fn respond_with_console(request: &HttpRequest, state: &ApiState) -> HttpResponse {
    Served::of(state.branding.console.as_bytes(), content_type(ACCOUNT_PAGE)).respond(request)
}
