//! The one table of metrics: name, kind, help, and the series that exist from the start.
//!
//! Names follow Prometheus's conventions (base units, `_total` for counters). Labels have few values, all from fixed
//! lists: never an address, a name or anything else that a client chose. Series that are known in advance start at
//! zero, so that the first event of a kind appears in a rate like any other.

/// The kind of a metric.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// The series that exist from the start.
#[derive(Clone, Copy, Debug)]
pub enum Series {
    /// One, without labels.
    One,
    /// One for each value of a label.
    Each(&'static str, &'static [&'static str]),
    /// Pairs of values of two labels.
    Pairs([&'static str; 2], &'static [(&'static str, &'static [&'static str])]),
    /// Those of routes and of providers, which the server announces.
    Later,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
    /// Its series from the start.
    pub series: Series,
}

/// From a cheap response to the longest that a request may take.
const REQUEST_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Around the quarter of a second that a hash takes by design, and up to the longest wait.
const HASH_SECONDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 4.0,
];
/// From a statement in the server's memory to the limit on all statements of a request.
const DATABASE_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// Outcomes that are faults of the service.
const UNAVAILABLE: &str = "unavailable";
const FAILED: &str = "failed";

/// The flows and their outcomes.
const OUTCOMES: &[(&str, &[&str])] = &[
    (
        "login",
        &[
            "pending",
            "authenticated",
            "email_not_verified",
            "locked",
            "invalid_credentials",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "magic_link",
        &[
            "pending",
            "authenticated",
            "email_not_verified",
            "locked",
            "invalid_credentials",
            "invalid_token",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "passkey",
        &[
            "authenticated",
            "email_not_verified",
            "invalid_credentials",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "federation",
        &[
            "pending",
            "authenticated",
            "email_not_verified",
            "locked",
            "invalid_credentials",
            "linked",
            "link_required",
            "identity_taken",
            "too_many_identities",
            "address_missing",
            "closed",
            "denied",
            "no_answer",
            "invalid_token",
            "provider_unavailable",
            "provider_refused",
            "provider_untrusted",
            "wrong_id_token",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "identity_unlinking",
        &["unlinked", "unknown", "last_way_in", UNAVAILABLE, FAILED],
    ),
    (
        "second_factor",
        &[
            "signed_in",
            "invalid_code",
            "locked",
            "email_not_verified",
            "wrong_key",
            "invalid_token",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "step_up",
        &[
            "granted",
            "invalid_code",
            "invalid_credentials",
            "locked",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "refresh",
        &[
            "rotated",
            "repeated",
            "stepped_up",
            "reused",
            "wrong_key",
            "invalid",
            "too_often",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "api_key",
        &[
            "exchanged",
            "invalid",
            "invalid_scope",
            "invalid_target",
            "too_often",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "register",
        &[
            "created",
            "accepted",
            "email_taken",
            "username_taken",
            "invalid_names",
            "password_rejected",
            "closed",
            "no_passkeys",
            "denied",
            "no_answer",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "password_change",
        &[
            "done",
            "invalid_credentials",
            "locked",
            "password_rejected",
            "no_password",
            UNAVAILABLE,
            FAILED,
        ],
    ),
    (
        "password_reset",
        &["done", "invalid_token", "password_rejected", UNAVAILABLE, FAILED],
    ),
    (
        "password_removal",
        &["done", "no_password", "invalid_code", UNAVAILABLE, FAILED],
    ),
    (
        "password_setting",
        &["done", "already_there", "password_rejected", UNAVAILABLE, FAILED],
    ),
];

const CODE_OUTCOMES: &[&str] = &["right", "wrong", "replayed", "disabled", "locked"];
const FACTORS: &[(&str, &[&str])] = &[
    ("otp", CODE_OUTCOMES),
    ("passkey", CODE_OUTCOMES),
    ("recovery", CODE_OUTCOMES),
    ("sms", CODE_OUTCOMES),
    ("email_code", CODE_OUTCOMES),
];

/// The checks of passkeys that fail.
const REFUSALS: &[&str] = &[
    "client_data",
    "type",
    "challenge",
    "spent",
    "origin",
    "cross_origin",
    "relying_party",
    "presence",
    "user_verification",
    "backup_state",
    "backup_eligibility",
    "authenticator_data",
    "encoding",
    "credential_id",
    "algorithm",
    "public_key",
    "user",
    "signature",
];

const CEREMONIES: &[(&str, &[&str])] = &[("registration", REFUSALS), ("assertion", REFUSALS)];

const DEVICE_OUTCOMES: &[&str] = &["granted", "not_granted", "used", "repeated", "refused", "reused"];

/// The answers of the registration hook, and why there was none.
const HOOK_OUTCOMES: &[&str] = &[
    "allowed",
    "denied",
    "malformed",
    "status",
    "redirects",
    "too_long",
    "late",
    "unreachable",
    "untrusted",
    "not_public",
    "plain",
    "busy",
    "stopping",
];

const SCOPES: &[&str] = &[
    "login",
    "register",
    "second_factor",
    "refresh",
    "mail",
    "link_token",
    "wrong_client",
    "ordinary",
    "session",
    "service_client",
];
const BOUND: &[&str] = &["bound"];
const WITHHELD: &[(&str, &[&str])] = &[
    ("sign_in_code", BOUND),
    ("enrolment_code", BOUND),
    ("magic_link", BOUND),
    ("password_reset", BOUND),
    ("email_verification", BOUND),
    ("email_change", BOUND),
    ("email_change_cancellation", BOUND),
    ("account_exists", BOUND),
    ("notice", &["unverified_address", "merged"]),
];
const CHANNELS: &[&str] = &["email", "sms"];
const BATCHES: &[&str] = &["refresh", "sessions.authenticate"];
const MESSAGE_STATES: &[&str] = &["pending", "dead"];
const MESSAGES: &[(&str, &[&str])] = &[("email", MESSAGE_STATES), ("sms", MESSAGE_STATES)];
const TRIES: &[&str] = &["sent", "postponed", "given_up"];
const DELIVERIES: &[(&str, &[&str])] = &[("email", TRIES), ("sms", TRIES)];

macro_rules! catalogue {
    ($($name:ident $kind:expr, $text:literal, $series:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: &str = $text;
        )*

        /// All metrics, in the order of the documentation.
        pub const CATALOGUE: &[Metric] = &[$(Metric { name: $name, kind: $kind, help: $help, series: $series },)*];
    };
}

catalogue! {
    HTTP_REQUESTS Kind::Counter, "vestibule_http_requests_total", Series::Later,
        "Requests answered, by method, pattern of the route and status.";
    HTTP_DURATION Kind::Histogram(REQUEST_SECONDS), "vestibule_http_request_duration_seconds", Series::Later,
        "Time from a request's head to the head of its response, by method and pattern of the route.";
    HTTP_IN_FLIGHT Kind::Gauge, "vestibule_http_requests_in_flight", Series::One,
        "Requests in progress.";
    RATE_LIMITED Kind::Counter, "vestibule_rate_limited_total", Series::Each("scope", SCOPES),
        "Requests rejected by a rate limit of an address, session or service client, by the scope of the limit.";
    OUTCOMES_TOTAL Kind::Counter, "vestibule_flow_outcomes_total", Series::Pairs(["flow", "outcome"], OUTCOMES),
        "Outcomes of flows; unavailable and failed are faults of the service.";
    CODES Kind::Counter, "vestibule_second_factor_codes_total", Series::Pairs(["method", "outcome"], FACTORS),
        "Codes of confirmed second factors, and responses of passkeys beside another factor, that were checked, at sign-in and elsewhere.";
    WORK Kind::Counter, "vestibule_work_total", Series::Each("outcome", &["asked", "done", "repeated", "refused"]),
        "Challenges for work in the place of a wait (asked), and solutions: right and spent (done), spent before (repeated), or not for this count, expired or wrong (refused).";
    PASSKEYS_REFUSED Kind::Counter, "vestibule_passkeys_refused_total", Series::Pairs(["ceremony", "reason"], CEREMONIES),
        "Responses of passkeys that were refused, by the check that failed.";
    TRUSTED_DEVICES Kind::Counter, "vestibule_trusted_devices_total", Series::Each("outcome", DEVICE_OUTCOMES),
        "Requests to trust a device (granted, not_granted), and device tokens presented with a right password (used, repeated, refused, reused).";
    CLIENT_DOCUMENTS Kind::Counter, "vestibule_client_documents_total", Series::Each("outcome", &["fetched", "refused", "unavailable"]),
        "Documents of applications that describe themselves, by what became of fetching them.";
    REGISTRATION_HOOK Kind::Counter, "vestibule_registration_hook_total", Series::Each("outcome", HOOK_OUTCOMES),
        "Requests to the registration hook: allowed and denied are its answers, everything else is the cause of a failure.";
    PROVIDER_REQUESTS Kind::Counter, "vestibule_provider_requests_total", Series::Later,
        "Requests to the providers that users sign in with, by provider, step (configuration, keys, token, user) and outcome (answered, refused, unavailable, untrusted).";
    TOTP_OFFSET Kind::Counter, "vestibule_totp_matched_total", Series::Each("step_offset", &["-1", "0", "1"]),
        "Right codes of authenticator apps by time step: all behind or all ahead means that our clock is wrong.";
    THROTTLES Kind::Counter, "vestibule_throttles_total",
        Series::Each("kind", &["password_from_network", "password_from_anywhere", "second_factor", "password_disabled", "password_refused_to_strangers", "second_factors_disabled", "second_factors_refused_to_strangers", "sending", "leaving"]),
        "Waits after wrong passwords or codes, disabled authenticators, messages not sent because of a quota, and accounts that could not leave an address.";
    MESSAGES_WITHHELD Kind::Counter, "vestibule_messages_withheld_total", Series::Pairs(["purpose", "reason"], WITHHELD),
        "Messages not sent: quota used up, address not verified, or merged into a later one.";
    HASH_THREADS Kind::Gauge, "vestibule_hash_threads", Series::One,
        "Threads that hash passwords.";
    HASH_BUSY Kind::Gauge, "vestibule_hash_busy_threads", Series::One,
        "Threads that are hashing a password now.";
    HASH_WAITING Kind::Gauge, "vestibule_hash_waiting", Series::One,
        "Requests that wait for a thread to hash a password.";
    HASH_SHED Kind::Counter, "vestibule_hash_shed_total", Series::Each("reason", &["full", "displaced", "timeout"]),
        "Requests that the hash queue rejected: it was full, another network displaced them, or they waited too long.";
    HASH_WAIT Kind::Histogram(HASH_SECONDS), "vestibule_hash_wait_seconds", Series::One,
        "Time that requests waited for a thread to hash a password.";
    HASH_DURATION Kind::Histogram(HASH_SECONDS), "vestibule_hash_duration_seconds", Series::One,
        "Time that hashing or checking a password took.";
    DB_SIZE Kind::Gauge, "vestibule_db_connections_max", Series::One,
        "Most connections to the database.";
    DB_BUSY Kind::Gauge, "vestibule_db_connections_busy", Series::One,
        "Connections to the database in use.";
    DB_WAITING Kind::Gauge, "vestibule_db_waiting", Series::One,
        "Requests and jobs that wait for a connection to the database.";
    DB_WAIT Kind::Histogram(DATABASE_SECONDS), "vestibule_db_wait_seconds", Series::One,
        "Time that requests and jobs waited for a connection to the database.";
    DB_USE Kind::Histogram(DATABASE_SECONDS), "vestibule_db_use_seconds", Series::One,
        "Time that one piece of work used a connection to the database.";
    DB_BATCHES Kind::Counter, "vestibule_db_batches_total", Series::Each("work", BATCHES),
        "Statements that each did the work of all requests of a kind that waited.";
    DB_BATCHED Kind::Counter, "vestibule_db_batched_requests_total", Series::Each("work", BATCHES),
        "Requests in these statements: divided by their number, the requests that shared one.";
    DB_REFUSED Kind::Counter, "vestibule_db_unavailable_total", Series::Each("reason", &["busy", "no_answer", "queue_full", "unreachable"]),
        "Work that failed: connection queue full, no connection in time, no response, or database unreachable.";
    DB_RETRIES Kind::Counter, "vestibule_db_transaction_retries_total", Series::One,
        "Transactions repeated because they conflicted with another.";
    DB_UP Kind::Gauge, "vestibule_db_up", Series::One,
        "Whether the database answered the last check: 1 or 0.";
    OUTBOX_MESSAGES Kind::Gauge, "vestibule_outbox_messages", Series::Pairs(["channel", "state"], MESSAGES),
        "Messages in the outbox: waiting, or given up and stored for inspection.";
    OUTBOX_AGE Kind::Gauge, "vestibule_outbox_oldest_message_age_seconds", Series::Each("channel", CHANNELS),
        "Age of the oldest message that is not sent yet.";
    OUTBOX_OVERDUE Kind::Gauge, "vestibule_outbox_oldest_due_seconds", Series::Each("channel", CHANNELS),
        "Time since the oldest overdue message should have been tried.";
    OUTBOX_DELIVERIES Kind::Counter, "vestibule_outbox_deliveries_total", Series::Pairs(["channel", "outcome"], DELIVERIES),
        "Tries to send a message.";
    WEBHOOK_DELIVERIES Kind::Counter, "vestibule_webhook_deliveries_total", Series::Each("outcome", &["delivered", "postponed", "dead", "gone"]),
        "Tries to send a message to an endpoint: it was taken, is tried again, was given up, or the endpoint is gone and was disabled.";
    WEBHOOK_PENDING Kind::Gauge, "vestibule_webhook_pending", Series::One,
        "Messages to endpoints that wait to be sent or to be tried again.";
    WEBHOOK_DEAD Kind::Gauge, "vestibule_webhook_dead", Series::One,
        "Messages to endpoints that were given up, and are stored for inspection.";
    WEBHOOK_OLDEST Kind::Gauge, "vestibule_webhook_oldest_seconds", Series::One,
        "Age of the oldest message to an endpoint that waits.";
    SIGNING_KEY_AGE Kind::Gauge, "vestibule_signing_key_age_seconds", Series::Each("state", &["next", "current"]),
        "Time since the next signing key was made, and since the current one began to sign.";
    SIGNING_KEYS Kind::Gauge, "vestibule_signing_keys", Series::Each("state", &["next", "current", "retired"]),
        "Published signing keys.";
    JOB_SUCCESS Kind::Gauge, "vestibule_job_last_success_timestamp_seconds",
        Series::Each("task", &["signing_keys", "outbox_email", "outbox_sms", "webhooks", "retention", "db_metrics"]),
        "When each job last completed without a fault.";
    BUILD_INFO Kind::Gauge, "vestibule_build_info", Series::Each("version", &[env!("CARGO_PKG_VERSION")]),
        "Always 1; the version is in the label.";
}
