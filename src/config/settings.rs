//! The table of settings: one row a setting, from which flags, help and reading follow.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The name without prefix, as in the documentation.
    pub name: &'static str,
    /// The environment variable.
    pub variable: &'static str,
    /// The flag, without dashes.
    pub flag: &'static str,
    /// What it is when not set, as text; empty when that depends on others.
    pub default: &'static str,
    /// How the default is told where it is not a text that could be set.
    pub default_note: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Whether it may come from a file, named by the variable with `_FILE` at its end.
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
    #[secret] DATABASE_URL "DATABASE_URL" "database-url" = "" ("none: a private PostgreSQL of its own"):
        "PostgreSQL 14 or newer, as a libpq URL";
    DATA_DIR "VESTIBULE_DATA_DIR" "data-dir" = "./.vestibule":
        "Where the private PostgreSQL and its generated master key are kept";
    LISTEN "VESTIBULE_LISTEN" "listen" = "127.0.0.1:8080":
        "Where to serve: an address and a port, :8080 for every address, localhost:8080, or unix:/path; port 0 picks one and logs it. Sockets that systemd hands over go before it";
    METRICS_LISTEN "VESTIBULE_METRICS_LISTEN" "metrics-listen" = "" ("127.0.0.1:8960; in development those of LISTEN"):
        "Where to serve measures and details of health, to everyone who can reach it, in the forms of LISTEN; or off";
    PUBLIC_URL "VESTIBULE_PUBLIC_URL" "public-url" = "" ("http:// and the address listened on"):
        "Issuer of tokens and base of every link; https unless loopback";
    APP_NAME "VESTIBULE_APP_NAME" "app-name" = "" ("the host of the public URL"):
        "What the deployment is called, in pages, messages and authenticator apps";
    LOGO "VESTIBULE_LOGO" "logo" = "" ("none"):
        "A file with the picture of the account pages: SVG or PNG, at most 256 KiB";
    ACCENT_COLOR "VESTIBULE_ACCENT_COLOR" "accent-color" = "" ("blue"):
        "Colour of links and buttons, such as #1d4f91; made darker or lighter as far as it takes to be read";
    TEXTS_DIR "VESTIBULE_TEXTS_DIR" "texts-dir" = "" ("none"):
        "A directory with en.ftl or de.ftl, whose texts replace those of messages";
    AUDIENCE "VESTIBULE_AUDIENCE" "audience" = "" ("the public URL"):
        "The aud of access tokens: whom they are for";
    CLIENT_ID "VESTIBULE_CLIENT_ID" "client-id" = "vestibule":
        "The client_id of access tokens";
    #[secret] MASTER_KEY "VESTIBULE_MASTER_KEY" "master-key" = "" ("generated in the data directory with the private PostgreSQL, else required"):
        "32 bytes in base64 that every other key is derived from; or a list of id:key, the current one first";
    SIGNING_ALG "VESTIBULE_SIGNING_ALG" "signing-alg" = "ES256":
        "How access tokens are signed: ES256, EdDSA or RS256";
    ACCESS_TOKEN_TTL "VESTIBULE_ACCESS_TOKEN_TTL" "access-token-ttl" = "600":
        "Life of an access token in seconds, 60 to 3600";
    ACCESS_TOKEN_CLAIMS "VESTIBULE_ACCESS_TOKEN_CLAIMS" "access-token-claims" = "" ("none"):
        "Personal claims to put into access tokens: email, username";
    PRE_AUTH_TTL "VESTIBULE_PRE_AUTH_TTL" "pre-auth-ttl" = "300":
        "Seconds from the password to the second factor, 30 to 600";
    SESSION_IDLE_TTL "VESTIBULE_SESSION_IDLE_TTL" "session-idle-ttl" = "604800":
        "Seconds that a session lasts without use";
    SESSION_ABSOLUTE_TTL "VESTIBULE_SESSION_ABSOLUTE_TTL" "session-absolute-ttl" = "2592000":
        "Seconds that a session lasts in all, at most 30 days";
    REFRESH_REUSE_GRACE "VESTIBULE_REFRESH_REUSE_GRACE" "refresh-reuse-grace" = "10":
        "Seconds in which the predecessor of a refresh token gets the same successor again, 0 to 60; 0 is strict";
    STEP_UP_MAX_AGE "VESTIBULE_STEP_UP_MAX_AGE" "step-up-max-age" = "300":
        "Seconds for which a sign-in or a step-up allows sensitive changes (of password, address, factors) without another proof, 60 to 900";
    MAX_SESSIONS "VESTIBULE_MAX_SESSIONS" "max-sessions" = "10":
        "Most sessions of one user, 1 to 1000; the least recently used one ends";
    TWO_FACTOR_POLICY "VESTIBULE_TWO_FACTOR_POLICY" "two-factor-policy" = "required":
        "Whether everybody needs a second factor: required or optional";
    SECOND_FACTORS "VESTIBULE_SECOND_FACTORS" "second-factors" = "totp":
        "Second factors that people may set up, as a list: totp, and email or sms if they can be sent";
    REGISTRATION "VESTIBULE_REGISTRATION" "registration" = "explicit":
        "Who may make an account: explicit (everybody; a taken name is told), private (everybody; only mail tells) or closed (nobody)";
    EMAIL_VERIFICATION "VESTIBULE_EMAIL_VERIFICATION" "email-verification" = "optional":
        "Whether an account can be used before its address is proven: optional or required";
    LINK_BASE_URL "VESTIBULE_LINK_BASE_URL" "link-base-url" = "" ("the public URL and /account"):
        "Where links in mails lead: a front end with the pages verify-email, reset-password, magic-link and cancel-email-change";
    ACCOUNT_PAGES "VESTIBULE_ACCOUNT_PAGES" "account-pages" = "on":
        "Whether the account pages are served under /account/: on or off";
    PASSWORD_MIN_LENGTH "VESTIBULE_PASSWORD_MIN_LENGTH" "password-min-length" = "" ("8, or 15 when the second factor is optional"):
        "Fewest characters of a new password, 8 to 64";
    BREACH_CHECK_URL "VESTIBULE_BREACH_CHECK_URL" "breach-check-url" = "" ("none"):
        "A list of stolen passwords to refuse, asked by the range protocol of Have I Been Pwned";
    BCRYPT_COST "VESTIBULE_BCRYPT_COST" "bcrypt-cost" = "12":
        "Cost of a password hash, 10 to 15; each step doubles it";
    HASH_THREADS "VESTIBULE_HASH_THREADS" "hash-threads" = "" ("processors less one, at least 1"):
        "Threads that hash passwords";
    TRUSTED_PROXIES "VESTIBULE_TRUSTED_PROXIES" "trusted-proxies" = "" ("none"):
        "Networks whose Forwarded and X-Forwarded-For count, as a list of CIDRs";
    IP_LIMITS "VESTIBULE_IP_LIMITS" "ip-limits" = "on":
        "Whether addresses that ask too often are turned away: on, or off when something in front does that";
    CORS_ORIGINS "VESTIBULE_CORS_ORIGINS" "cors-origins" = "" ("none"):
        "Exact origins whose pages may call the API from a browser, cookies included, as a list";
    #[secret] SMTP_URL "VESTIBULE_SMTP_URL" "smtp-url" = "" ("none: no mail is sent"):
        "Mail server: smtp://user:password@host:port with STARTTLS, or smtps://; smtp://…?tls=none does without TLS";
    MAIL_FROM "VESTIBULE_MAIL_FROM" "mail-from" = "" ("none"):
        "Whom mail comes from: an address, or a name and the address in angle brackets";
    SMS_WEBHOOK_URL "VESTIBULE_SMS_WEBHOOK_URL" "sms-webhook-url" = "" ("none: no text messages are sent"):
        "Where text messages are posted to be sent; https unless loopback";
    #[secret] SMS_WEBHOOK_SECRET "VESTIBULE_SMS_WEBHOOK_SECRET" "sms-webhook-secret" = "" ("none"):
        "What these posts are signed with: whsec_ and 24 to 64 bytes in base64; of several, separated by commas, with each";
    SMS_COUNTRIES "VESTIBULE_SMS_COUNTRIES" "sms-countries" = "*":
        "Countries whose phones can be set up for text messages, as a list of ISO 3166 codes such as DE,AT,CH; * is every country";
    DB_POOL_SIZE "VESTIBULE_DB_POOL_SIZE" "db-pool-size" = "10":
        "Most connections to the database, 1 to 500";
    DB_POOLER "VESTIBULE_DB_POOLER" "db-pooler" = "none":
        "What DATABASE_URL leads to: none (PostgreSQL itself) or transaction (a pooler in transaction mode, such as PgBouncer)";
    HTTP_WORKERS "VESTIBULE_HTTP_WORKERS" "http-workers" = "" ("one a processor"):
        "Threads that serve HTTP";
    SHUTDOWN_DELAY "VESTIBULE_SHUTDOWN_DELAY" "shutdown-delay" = "" ("5; 0 in development"):
        "Seconds for which it serves on after SIGTERM while what is in front turns elsewhere, 0 to 60";
    LOG_FORMAT "VESTIBULE_LOG_FORMAT" "log-format" = "" ("pretty on a terminal, else json"):
        "How log lines look: pretty or json";
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
