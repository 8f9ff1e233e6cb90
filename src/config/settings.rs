//! The table of settings, one row per setting. Flags, help and parsing are derived from it.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The name without the prefix `VESTIBULE_`.
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// The flag, without dashes.
    pub flag: &'static str,
    /// The text of the default; empty if there is no fixed default.
    pub default: &'static str,
    /// A description of the default, if there is no fixed one.
    pub default_note: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Whether it may be read from a file, whose path is in the variable with the suffix `_FILE`.
    pub secret: bool,
}

macro_rules! settings {
    ($($(#[$secret:ident])? $name:ident $variable:literal $flag:literal = $default:literal $(($note:literal))? : $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: Setting = Setting {
                name: stringify!($name),
                variable: $variable,
                flag: $flag,
                default: $default,
                default_note: concat!($($note)?),
                help: $help,
                secret: concat!($(stringify!($secret))?).len() > 0,
            };
        )*

        /// All settings, in the order of the help.
        pub const ALL: &[&Setting] = &[$(&$name,)*];
    };
}

settings! {
    #[secret] DATABASE_URL "DATABASE_URL" "database-url" = "" ("none: a private PostgreSQL server"):
        "PostgreSQL 14 or newer, as a libpq URL";
    DATA_DIR "VESTIBULE_DATA_DIR" "data-dir" = "./.vestibule":
        "Directory of the private PostgreSQL server and the generated master key";
    LISTEN "VESTIBULE_LISTEN" "listen" = "localhost:8080":
        "Where to listen: a name or an address and a port, :8080 for every address, or unix:/path; port 0 picks a free \
         port and logs it. Sockets passed by systemd take precedence";
    METRICS_LISTEN "VESTIBULE_METRICS_LISTEN" "metrics-listen" = "" ("127.0.0.1:8960; in development VESTIBULE_LISTEN"):
        "Where to serve metrics and details of health, to every client that can connect, in the forms of \
         VESTIBULE_LISTEN; or off";
    PUBLIC_URL "VESTIBULE_PUBLIC_URL" "public-url" = "" ("http:// and the listening address"):
        "Issuer of tokens and base of every link; https unless loopback";
    APP_NAME "VESTIBULE_APP_NAME" "app-name" = "" ("the host of the public URL"):
        "Name of the deployment in pages, messages and authenticator apps";
    LOGO "VESTIBULE_LOGO" "logo" = "" ("none"):
        "File with the logo of the account pages: SVG or PNG, at most 256 KiB";
    ACCENT_COLOR "VESTIBULE_ACCENT_COLOR" "accent-color" = "" ("blue"):
        "Colour of links and buttons, such as #1d4f91; darkened or lightened as far as legibility requires";
    TEXTS_DIR "VESTIBULE_TEXTS_DIR" "texts-dir" = "" ("none"):
        "Directory with files such as en.ftl or fr.ftl, whose texts replace the built-in texts of messages";
    AUDIENCE "VESTIBULE_AUDIENCE" "audience" = "" ("the public URL"):
        "The aud claim of access tokens: the back ends that accept them";
    CLIENT_ID "VESTIBULE_CLIENT_ID" "client-id" = "vestibule":
        "The client_id claim of access tokens";
    CLIENT_DOCUMENTS "VESTIBULE_CLIENT_DOCUMENTS" "client-documents" = "off":
        "Whether an application may describe itself by a document, whose https URL is its client_id, without being \
         registered: on or off";
    CLIENT_DOCUMENT_RESOURCES "VESTIBULE_CLIENT_DOCUMENT_RESOURCES" "client-document-resources" = "" ("none: GET /userinfo alone"):
        "Resources that such applications may get access tokens for, as a list, the default first";
    CLIENT_DOCUMENT_SCOPES "VESTIBULE_CLIENT_DOCUMENT_SCOPES" "client-document-scopes" = "openid,profile,email,offline_access":
        "Scopes that such applications may get, as a list";
    #[secret] MASTER_KEY "VESTIBULE_MASTER_KEY" "master-key" = "" ("generated in the data directory with the private PostgreSQL server, otherwise required"):
        "32 bytes in base64 from which all other keys are derived; or a list of id:key, the current key first";
    SIGNING_ALG "VESTIBULE_SIGNING_ALG" "signing-alg" = "ES256":
        "Signature algorithm of access tokens: ES256, EdDSA or RS256";
    DPOP "VESTIBULE_DPOP" "dpop" = "optional":
        "Whether the tokens of a client are bound to its key (RFC 9449): off, optional (if the client sends a proof when a \
         session begins) or required (no session begins without one, except on the account pages)";
    ACCESS_TOKEN_TTL "VESTIBULE_ACCESS_TOKEN_TTL" "access-token-ttl" = "600":
        "Lifetime of an access token in seconds, 60 to 3600";
    ACCESS_TOKEN_CLAIMS "VESTIBULE_ACCESS_TOKEN_CLAIMS" "access-token-claims" = "" ("none"):
        "Personal claims to include in access tokens: email, username";
    ROLE_PERMISSIONS_FILE "VESTIBULE_ROLE_PERMISSIONS_FILE" "role-permissions-file" = "" ("none"):
        "TOML file with the permissions of roles, a list for each role such as editor = [\"posts:write\"], which \
         access tokens contain";
    PRE_AUTH_TTL "VESTIBULE_PRE_AUTH_TTL" "pre-auth-ttl" = "300":
        "Seconds that a pending session waits for its second factor, 30 to 600";
    SESSION_IDLE_TTL "VESTIBULE_SESSION_IDLE_TTL" "session-idle-ttl" = "604800":
        "Seconds after which an unused session expires";
    SESSION_ABSOLUTE_TTL "VESTIBULE_SESSION_ABSOLUTE_TTL" "session-absolute-ttl" = "2592000":
        "Seconds after which every session expires, used or not, at most 30 days";
    REFRESH_REUSE_GRACE "VESTIBULE_REFRESH_REUSE_GRACE" "refresh-reuse-grace" = "10":
        "Seconds during which the previous refresh token, presented again, returns the same successor, 0 to 60; 0 is \
         strict";
    STEP_UP_MAX_AGE "VESTIBULE_STEP_UP_MAX_AGE" "step-up-max-age" = "300":
        "Seconds after a login or a step-up during which sensitive changes (password, address, factors) need no \
         further proof, 60 to 900";
    MAX_SESSIONS "VESTIBULE_MAX_SESSIONS" "max-sessions" = "10":
        "Maximum number of sessions of a user, 1 to 1000; one more ends the least recently used session";
    TRUSTED_DEVICE_TTL "VESTIBULE_TRUSTED_DEVICE_TTL" "trusted-device-ttl" = "0":
        "Seconds for which a user can trust a device, which then asks for no second factor at sign-in, at most 90 days; 0 \
         allows no trusted devices";
    TWO_FACTOR_POLICY "VESTIBULE_TWO_FACTOR_POLICY" "two-factor-policy" = "required":
        "Whether every user needs a second factor: required or optional";
    SECOND_FACTORS "VESTIBULE_SECOND_FACTORS" "second-factors" = "totp,passkey":
        "Second factors that users may set up, as a list: totp, passkey, and email or sms if messages can be sent. \
         Passkeys need a domain in the public URL, and are off without one";
    SECOND_FACTORS_FOR "VESTIBULE_SECOND_FACTORS_FOR" "second-factors-for" = "" ("none"):
        "Second factors that roles require, as a list such as admin:passkey,support:totp; a role that is named several \
         times requires one of them. A session carries such a role only after one was verified in it";
    PASSKEY_RP_ID "VESTIBULE_PASSKEY_RP_ID" "passkey-rp-id" = "" ("the host of the public URL"):
        "Domain that passkeys are bound to. They are lost when it changes";
    PASSKEY_ORIGINS "VESTIBULE_PASSKEY_ORIGINS" "passkey-origins" = "" ("the origin of the public URL"):
        "Origins of the pages that may use passkeys, as a list; those outside of that domain are its related origins";
    PASSKEY_APPLE_APPS "VESTIBULE_PASSKEY_APPLE_APPS" "passkey-apple-apps" = "" ("none"):
        "Apps of Apple's platforms that may use passkeys, as a list of application identifiers such as \
         ABCDE12345.com.example.app";
    PASSKEY_ANDROID_APPS "VESTIBULE_PASSKEY_ANDROID_APPS" "passkey-android-apps" = "" ("none"):
        "Android apps that may use passkeys, as a list of a package and the SHA-256 fingerprint of its certificate, such \
         as com.example.app@AA:BB:…";
    PASSKEY_USER_VERIFICATION "VESTIBULE_PASSKEY_USER_VERIFICATION" "passkey-user-verification" = "preferred":
        "Whether a passkey beside another factor has to verify its user, by PIN or fingerprint: required, preferred or \
         discouraged. Alone, it always has to";
    OIDC_PROVIDERS_FILE "VESTIBULE_OIDC_PROVIDERS_FILE" "oidc-providers-file" = "" ("none"):
        "TOML file of the providers that users may sign in with, such as Google, Microsoft, Apple, GitHub or an OpenID \
         provider of a company";
    REGISTRATION "VESTIBULE_REGISTRATION" "registration" = "explicit":
        "Registration mode: explicit (the response reports a taken name), private (only a mail to the owner \
         reports it) or closed (no registration)";
    REGISTRATION_HOOK_URL "VESTIBULE_REGISTRATION_HOOK_URL" "registration-hook-url" = "" ("none"):
        "URL that is asked before an account is made, unless an operator makes it: https, or http at addresses in \
         VESTIBULE_OUTBOUND_ALLOW";
    #[secret] REGISTRATION_HOOK_SECRET "VESTIBULE_REGISTRATION_HOOK_SECRET" "registration-hook-secret" = "" ("none"):
        "Secret that signs requests to it: whsec_ and 24 to 64 bytes in base64; several, separated by commas, sign each \
         request";
    REGISTRATION_HOOK_FAILURE "VESTIBULE_REGISTRATION_HOOK_FAILURE" "registration-hook-failure" = "" ("none: has to be set with the URL"):
        "What happens to a registration if it fails: open (it goes on) or closed (it is refused)";
    EMAIL_VERIFICATION "VESTIBULE_EMAIL_VERIFICATION" "email-verification" = "optional":
        "Whether an address must be verified before its account can be used: optional or required";
    LINK_BASE_URL "VESTIBULE_LINK_BASE_URL" "link-base-url" = "" ("the public URL and /account"):
        "Base URL of links in mails: a front end with the pages verify-email, reset-password, magic-link and \
         cancel-email-change";
    ACCOUNT_PAGES "VESTIBULE_ACCOUNT_PAGES" "account-pages" = "on":
        "Whether the account pages are served under /account/: on or off";
    CONSOLE "VESTIBULE_CONSOLE" "console" = "on":
        "Whether the console of administrators is served under /console/, beside the account pages: on or off";
    PASSWORD_MIN_LENGTH "VESTIBULE_PASSWORD_MIN_LENGTH" "password-min-length" = "" ("8, or 15 when the second factor is optional"):
        "Minimum length of a new password in characters, 8 to 64";
    BREACH_CHECK_URL "VESTIBULE_BREACH_CHECK_URL" "breach-check-url" = "" ("none"):
        "List of breached passwords to refuse, queried by the range protocol of Have I Been Pwned";
    BCRYPT_COST "VESTIBULE_BCRYPT_COST" "bcrypt-cost" = "12":
        "Cost of a password hash, 10 to 15; each step doubles the work";
    HASH_THREADS "VESTIBULE_HASH_THREADS" "hash-threads" = "" ("number of processors"):
        "Threads that hash passwords, up to four at a time in each";
    TRUSTED_PROXIES "VESTIBULE_TRUSTED_PROXIES" "trusted-proxies" = "" ("none"):
        "Networks of proxies whose Forwarded and X-Forwarded-For headers are trusted, as a list of CIDRs";
    OUTBOUND_ALLOW "VESTIBULE_OUTBOUND_ALLOW" "outbound-allow" = "" ("none"):
        "Networks that calls to servers of others may reach although they are not on the public internet, and without \
         TLS, as a list of CIDRs";
    IP_LIMITS "VESTIBULE_IP_LIMITS" "ip-limits" = "on":
        "Whether requests are rate limited by client address: on, or off if a proxy in front does that";
    CORS_ORIGINS "VESTIBULE_CORS_ORIGINS" "cors-origins" = "" ("none"):
        "Exact origins whose pages may call the API from a browser, with cookies, as a list";
    #[secret] SMTP_URL "VESTIBULE_SMTP_URL" "smtp-url" = "" ("none: no mail is sent"):
        "Mail server: smtp://user:password@host:port with STARTTLS, or smtps://; smtp://…?tls=none uses no TLS";
    MAIL_FROM "VESTIBULE_MAIL_FROM" "mail-from" = "" ("none"):
        "Sender of mail: an address, or a name and the address in angle brackets";
    SMS_WEBHOOK_URL "VESTIBULE_SMS_WEBHOOK_URL" "sms-webhook-url" = "" ("none: no text messages are sent"):
        "Webhook that text messages are posted to; https unless loopback";
    #[secret] SMS_WEBHOOK_SECRET "VESTIBULE_SMS_WEBHOOK_SECRET" "sms-webhook-secret" = "" ("none"):
        "Secret that signs requests to the webhook: whsec_ and 24 to 64 bytes in base64; several, separated by \
         commas, sign each request";
    SMS_COUNTRIES "VESTIBULE_SMS_COUNTRIES" "sms-countries" = "*":
        "Countries whose phone numbers can be set up for text messages, as a list of ISO 3166 codes such as DE,AT,CH; \
         * means all";
    DB_POOL_SIZE "VESTIBULE_DB_POOL_SIZE" "db-pool-size" = "10":
        "Maximum number of connections to the database, 1 to 500";
    DB_POOLER "VESTIBULE_DB_POOLER" "db-pooler" = "none":
        "What DATABASE_URL points to: none (PostgreSQL itself) or transaction (a pooler in transaction mode, such as \
         PgBouncer)";
    HTTP_WORKERS "VESTIBULE_HTTP_WORKERS" "http-workers" = "" ("one per processor"):
        "Threads that serve HTTP";
    SHUTDOWN_DELAY "VESTIBULE_SHUTDOWN_DELAY" "shutdown-delay" = "" ("5; 0 in development"):
        "Seconds to continue serving after SIGTERM, so that proxies can stop sending requests, 0 to 60";
    LOG_FORMAT "VESTIBULE_LOG_FORMAT" "log-format" = "" ("pretty on a terminal, otherwise json"):
        "Format of log lines: pretty or json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_variables_and_flags_go_together() {
        for setting in ALL {
            assert_eq!(setting.flag.replace('-', "_").to_uppercase(), setting.name);
            let expected = if setting.name == "DATABASE_URL" {
                setting.name.to_owned()
            } else {
                format!("VESTIBULE_{}", setting.name)
            };
            assert_eq!(setting.variable, expected);
            assert!(
                setting.default.is_empty() != setting.default_note.is_empty(),
                "{}",
                setting.name
            );
        }
    }
}
