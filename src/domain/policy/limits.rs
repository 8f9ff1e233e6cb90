//! The table of all limits, from which the page of the reference is written: each number of [`numbers`]
//! with what it limits and why. A number that is not in the table fails a test.

use std::fmt::Display;
use std::time::Duration;

use chrono::TimeDelta;

use super::numbers::{self, Allowance, BackoffPolicy};
use crate::domain::access_token;

/// A limit, as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub what: &'static str,
    /// How many; empty for a time.
    pub most: String,
    /// In which window of time, or for how long; empty for a number without one.
    pub window: String,
    /// Why, in a few words.
    pub reason: &'static str,
}

/// Limits with one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The purpose.
    pub title: &'static str,
    /// The limits.
    pub limits: Vec<Limit>,
}

/// Returns all limits that no setting changes.
pub fn all() -> Vec<Group> {
    [
        ("Guessing", [guessing(), work()].concat()),
        ("Security notices", security_notices()),
        ("Passwords", passwords()),
        ("Second factors", second_factors()),
        ("Codes that are sent", sent_codes()),
        ("Sessions", sessions()),
        ("Upstream providers", providers()),
        (
            "Applications",
            [
                applications(),
                devices(),
                credentials_of_programs(),
                documents_of_applications(),
            ]
            .concat(),
        ),
        ("Mailed links", mailed_links()),
        ("Accounts", accounts()),
        ("Sending", sending()),
        ("Webhooks", [webhooks(), webhook_log()].concat()),
        ("Signing keys", signing_keys()),
        ("Statistics of the console", statistics()),
        ("The list of ended sessions", ended_sessions()),
        ("Stored data", stored_data()),
        ("Requests of one client", [requests(), factors_of_quotas()].concat()),
    ]
    .map(|(title, limits)| Group { title, limits })
    .into()
}

/// Writes a time in its largest whole unit.
pub fn in_words(seconds: i64) -> String {
    match seconds {
        _ if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        _ if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        _ if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn count(what: &'static str, most: impl Display + Copy, reason: &'static str) -> Limit {
    let (most, window) = (most.to_string(), String::new());
    Limit {
        what,
        most,
        window,
        reason,
    }
}

fn life(what: &'static str, time: TimeDelta, reason: &'static str) -> Limit {
    let (most, window) = (String::new(), in_words(time.num_seconds()));
    Limit {
        what,
        most,
        window,
        reason,
    }
}

fn wait(what: &'static str, time: Duration, reason: &'static str) -> Limit {
    life(what, TimeDelta::from_std(time).unwrap_or_default(), reason)
}

fn quota<const N: usize>(what: &'static str, allowances: [Allowance; N], reason: &'static str) -> Limit {
    let most = allowances.map(|allowance| allowance.most.to_string()).join("; ");
    let window = allowances
        .map(|allowance| in_words(allowance.seconds.into()))
        .join("; ");
    Limit {
        what,
        most,
        window,
        reason,
    }
}

fn waits(what: &'static str, policy: BackoffPolicy, reason: &'static str) -> Limit {
    let (first, longest) = (in_words(policy.first_wait), in_words(policy.longest_wait));
    let most = format!("{} without a wait", policy.free);
    let window = format!("then {first}, doubling to {longest}");
    Limit {
        what,
        most,
        window,
        reason,
    }
}

fn guessing() -> Vec<Limit> {
    vec![
        waits(
            "wrong passwords for a name from one network",
            BackoffPolicy::PASSWORD_FROM_NETWORK,
            "one attacker",
        ),
        waits(
            "wrong passwords for a name from anywhere",
            BackoffPolicy::PASSWORD_FROM_ANYWHERE,
            "many networks together; a known network does not wait",
        ),
        waits(
            "wrong second factors of an account from one network",
            BackoffPolicy::CODES_FROM_NETWORK,
            "one attacker who has the password",
        ),
        waits(
            "wrong second factors of an account from anywhere",
            BackoffPolicy::CODES_FROM_ANYWHERE,
            "many networks together; a known network does not wait",
        ),
        waits(
            "wrong codes, or wrong passwords, in one session",
            BackoffPolicy::IN_SESSION,
            "a stolen access token makes only its session wait",
        ),
        life(
            "time without a wrong one after which a count starts again",
            numbers::FAILURES_FORGOTTEN_AFTER,
            "much longer than the longest wait",
        ),
        count(
            "consecutive wrong ones that disable the password, or the codes",
            numbers::MAX_CONSECUTIVE_FAILURES,
            "NIST SP 800-63B-4 §3.2.2; only a right one resets the count",
        ),
        count(
            "of these, from networks that the owner is not known by",
            numbers::MAX_FAILURES_OF_STRANGERS,
            "after that, known networks only: strangers cannot disable it for the owner",
        ),
        count(
            "second factors that one pre-auth token allows",
            numbers::ATTEMPTS_OF_LOGIN,
            "after that, the password is required again",
        ),
        count(
            "attempts at a sent code and those that replace it",
            numbers::ATTEMPTS_OF_SENT_CODE,
            "the code is short",
        ),
        life(
            "time for which a network is known after a sign-in",
            numbers::NETWORK_KNOWN_FOR,
            "owners of home connections sign in more often",
        ),
    ]
}

fn work() -> Vec<Limit> {
    vec![
        life(
            "life of a challenge for work",
            numbers::WORK_LIFE,
            "a slow phone needs a tenth of that",
        ),
        count(
            "iterations of PBKDF2 in each of about 4,096 tries of work",
            numbers::WORK_ITERATIONS,
            "half a second for a phone that does a million in a second",
        ),
        count(
            "wrong ones that were checked for work after which the work doubles",
            numbers::WORK_DOUBLES_AFTER,
            "an attacker pays for each",
        ),
        count(
            "doublings of the work",
            numbers::WORK_DOUBLINGS,
            "a phone needs two seconds then, and rarely ten",
        ),
    ]
}

fn security_notices() -> Vec<Limit> {
    vec![
        count(
            "wrong proofs within a day that are reported",
            numbers::FAILURES_TO_REPORT,
            "one or two are typing errors",
        ),
        count(
            "wrong proofs before a right one that are reported",
            numbers::FAILURES_BEFORE_SUCCESS_TO_REPORT,
            "an attacker may have guessed it",
        ),
        quota(
            "reports of wrong proofs of one kind to an account",
            [numbers::FAILURE_REPORTS],
            "an attacker must not fill the mailbox",
        ),
        life(
            "time for which a network and a program are known to the owner",
            numbers::PLACE_REMEMBERED_FOR,
            "a sign-in from a new place is reported",
        ),
        quota(
            "audit events of one kind and account that requests could repeat",
            [numbers::REPEATED_EVENTS],
            "a client must not fill the audit trail",
        ),
    ]
}

fn passwords() -> Vec<Limit> {
    vec![
        count(
            "least characters that can be configured",
            numbers::PASSWORD_MIN_LENGTH_FLOOR,
            "ASVS 6.2.1",
        ),
        count(
            "least characters where the second factor is optional",
            numbers::SINGLE_FACTOR_PASSWORD_MIN_LENGTH,
            "NIST SP 800-63B-4 §3.1.1.2",
        ),
        count(
            "most characters",
            numbers::PASSWORD_MAX_LENGTH,
            "limits the cost of checking how easy it is to guess",
        ),
        count(
            "requests that wait for a hashing thread",
            numbers::HASHES_WAITING,
            "ASVS 15.2.2; further ones are answered 503 at once",
        ),
        count(
            "requests from known networks among them",
            numbers::HASHES_WAITING_OF_KNOWN,
            "attackers can have accounts, so the rest is for strangers",
        ),
        count(
            "consecutive turns of known networks while strangers wait",
            numbers::HASH_TURNS_OF_KNOWN,
            "the rest of the turns is for strangers",
        ),
        wait(
            "wait for a hashing thread",
            numbers::HASH_WAIT,
            "after that, another instance may be faster",
        ),
    ]
}

fn second_factors() -> Vec<Limit> {
    vec![
        life(
            "wait of a new factor for its first code",
            numbers::PENDING_FACTOR_LIFE,
            "NIST SP 800-63B-4 §4.1.2",
        ),
        life("life of a mailed code", numbers::MAILED_CODE_LIFE, "ASVS 6.5.5"),
        life(
            "life of a code in a text message",
            numbers::TEXTED_CODE_LIFE,
            "these arrive within seconds",
        ),
        count("recovery codes in a set", numbers::RECOVERY_CODES, "each works once"),
        count(
            "recovery codes left at which the user is warned",
            numbers::RECOVERY_CODES_LOW,
            "there is time to make new ones",
        ),
        life(
            "life of the challenge of a passkey",
            numbers::CHALLENGE_LIFE,
            "WebAuthn §15.1: time to take out and unlock an authenticator",
        ),
        life(
            "clock of the instance that made a challenge, ahead of the one that checks it",
            numbers::CLOCK_TOLERANCE,
            "`vestibule check` fails at a larger difference",
        ),
        count(
            "passkeys of an account",
            numbers::MOST_PASSKEYS,
            "more than a user has devices",
        ),
    ]
}

fn sent_codes() -> Vec<Limit> {
    vec![
        life(
            "wait before another code is sent",
            numbers::RESEND_AFTER,
            "messages take that long to arrive",
        ),
        quota(
            "codes to sign in, for an account, channel and network",
            numbers::SIGN_IN_CODES,
            "text messages cost money",
        ),
        quota(
            "codes to sign in, for an account and channel, from all unknown networks",
            numbers::SIGN_IN_CODES_OF_STRANGERS,
            "an attacker who has the password can use many networks",
        ),
        quota(
            "codes to step up, for a session and channel",
            numbers::STEP_UP_CODES,
            "only its user has the session",
        ),
        quota(
            "codes that enrol, for an account and channel, from each known network and from all others",
            numbers::ENROLMENT_CODES,
            "text messages cost money",
        ),
        quota(
            "codes that enrol, to one destination over all accounts",
            numbers::ENROLMENT_CODES_TO_DESTINATION,
            "it may be a stranger's",
        ),
        quota(
            "codes that enrol, to a block of numbers",
            [numbers::ENROLMENT_CODES_TO_BLOCK],
            "toll fraud earns money with each message",
        ),
    ]
}

fn sessions() -> Vec<Limit> {
    vec![
        life(
            "longest life of an access token that can be configured",
            TimeDelta::seconds(numbers::ACCESS_TOKEN_LONGEST_SECONDS.into()),
            "back ends accept it for that long after a logout",
        ),
        life(
            "longest life of a session that can be configured",
            TimeDelta::seconds(numbers::SESSION_LONGEST_SECONDS.into()),
            "rows must outlive what reads them",
        ),
        count(
            "refresh tokens before a step-up that end nothing in the reuse window",
            numbers::TOKENS_SPARED_BY_STEP_UP,
            "more than the tabs of an owner use in that time",
        ),
        life(
            "longest trust in a device that can be configured",
            TimeDelta::seconds(numbers::TRUSTED_DEVICE_LONGEST_SECONDS.into()),
            "rows must outlive what reads them",
        ),
        count(
            "trusted devices of an account",
            numbers::MOST_TRUSTED_DEVICES,
            "the oldest ends when another one is trusted",
        ),
    ]
}

fn applications() -> Vec<Limit> {
    vec![
        life(
            "time for a user to sign in and decide about an application's request",
            numbers::AUTHORIZATION_REQUEST_LIFE,
            "they may have to fetch a phone, or to register",
        ),
        life(
            "life of a pushed request",
            numbers::PUSHED_REQUEST_LIFE,
            "the application sends the browser at once",
        ),
        life(
            "life of an authorization code",
            numbers::AUTHORIZATION_CODE_LIFE,
            "the application redeems it at once",
        ),
        life(
            "life of an ID token",
            numbers::ID_TOKEN_LIFE,
            "it begins a session of the application, and is not shown again",
        ),
        count(
            "live grants of a user to an application",
            numbers::MOST_GRANTS,
            "the least recently used ends when another one is given",
        ),
        quota(
            "requests of applications that a user may approve",
            [numbers::GRANTS_GIVEN],
            "an application may ask without end",
        ),
    ]
}

fn devices() -> Vec<Limit> {
    vec![
        life(
            "life of the request of a device",
            numbers::DEVICE_REQUEST_LIFE,
            "its user has to find another device",
        ),
        life(
            "time between two questions of a device",
            numbers::DEVICE_POLL_INTERVAL,
            "one that asks too early has to wait longer",
        ),
        quota(
            "user codes that a user may type",
            [numbers::USER_CODES_TYPED],
            "a code has 34 bits",
        ),
    ]
}

fn credentials_of_programs() -> Vec<Limit> {
    vec![
        count(
            "API keys of an account",
            numbers::MOST_API_KEYS,
            "more than a user has scripts",
        ),
        life(
            "longest life of an API key",
            numbers::API_KEY_LONGEST,
            "a year, also one with a leap day",
        ),
        life(
            "longest life of an API key's access token",
            numbers::API_KEY_TOKEN_LONGEST,
            "it has no session that could end",
        ),
        life(
            "time after which the last use of an API key is written again",
            numbers::API_KEY_USE_NOTED_EVERY,
            "most exchanges only read",
        ),
        life(
            "life of a nonce for proofs of possession",
            numbers::DPOP_NONCE_LIFE,
            "each answer brings another one; a client that calls within that time needs no further round trip",
        ),
        life(
            "how far the time of a proof of possession may be from the service's",
            numbers::DPOP_PROOF_WINDOW,
            "clocks of phones differ",
        ),
        life(
            "longest life of an assertion of a client",
            numbers::ASSERTION_LONGEST,
            "some libraries make them for that long; it counts once, and its number is remembered until then",
        ),
        life(
            "how far the clock of a client may be ahead",
            numbers::ASSERTION_SKEW,
            "clocks differ",
        ),
    ]
}

fn documents_of_applications() -> Vec<Limit> {
    vec![
        life(
            "time for which the document of an application counts, if its owner does not say",
            numbers::CLIENT_DOCUMENT_USUAL_LIFE,
            "a sign-in and the exchange of its code fetch it once",
        ),
        life(
            "shortest time for which such a document counts",
            numbers::CLIENT_DOCUMENT_SHORTEST_LIFE,
            "its server is not asked at each request",
        ),
        life(
            "longest time for which such a document counts",
            numbers::CLIENT_DOCUMENT_LONGEST_LIFE,
            "a redirect URI that its owner has removed must not stay good",
        ),
        life(
            "time after its end for which it counts while its server cannot be reached",
            numbers::CLIENT_DOCUMENT_OUTAGE,
            "an outage of that server signs no user out",
        ),
        life(
            "pause after a URL had no document that counts",
            numbers::CLIENT_DOCUMENT_PAUSE,
            "a flood of requests for it must not reach its server",
        ),
        quota(
            "documents that one address is asked for, by each instance",
            [numbers::CLIENT_DOCUMENTS_OF_ADDRESS],
            "an attacker must not flood another server through this one",
        ),
    ]
}

fn providers() -> Vec<Limit> {
    vec![
        life(
            "time for a sign-in at a provider",
            numbers::FEDERATION_LIFE,
            "its user may have to register there",
        ),
        count(
            "identities of an account",
            numbers::MOST_IDENTITIES,
            "more than there are providers",
        ),
        life(
            "time for which the configuration and the keys of a provider count",
            numbers::PROVIDER_DOCUMENT_LIFE,
            "a key that it has removed must not stay good",
        ),
        life(
            "shortest time between two requests for its keys, for tokens whose key is not known",
            numbers::PROVIDER_REFETCH,
            "a flood of such tokens must not reach it",
        ),
        life(
            "pause after a provider could not be reached, or its configuration was wrong",
            numbers::PROVIDER_PAUSE,
            "its users get an answer at once, and it is not flooded",
        ),
        life(
            "how far the clock of a provider may be from the service's",
            numbers::ID_TOKEN_SKEW,
            "clocks differ",
        ),
        life(
            "life of a client secret for Apple",
            numbers::APPLE_SECRET_LIFE,
            "one is made for each request",
        ),
    ]
}

fn mailed_links() -> Vec<Limit> {
    vec![
        life(
            "life of a link to sign in",
            numbers::MAGIC_LINK_LIFE,
            "it is a first factor",
        ),
        life(
            "life of a link to set a new password",
            numbers::PASSWORD_RESET_LIFE,
            "the user waits for it",
        ),
        life(
            "life of invitations, and of links that verify an address or cancel its change",
            numbers::CONFIRMATION_LIFE,
            "the owner may read it the next morning (NIST SP 800-63B-4 §4.2.1.2)",
        ),
        life(
            "life left at which a link counts as expired where another is requested",
            numbers::LEAST_LIFE_OF_LINK,
            "its reader would come too late",
        ),
        quota(
            "links of a kind to an address, from each known network and from all others",
            [numbers::REQUESTED_LINKS],
            "any client may request them",
        ),
        quota(
            "requests for links that the audit trail records, for a purpose and address",
            [numbers::LINK_REQUESTS_RECORDED],
            "more than can be sent in that time",
        ),
        quota(
            "departures of an unverified address from its account (deletions, changes)",
            [numbers::DEPARTURES_OF_UNVERIFIED_ADDRESS],
            "each ends the links in its mailbox",
        ),
        quota(
            "further ends of links by owner or operator after which another is sent",
            [Allowance::an_hour(numbers::ENDS_BY_OWNER_OR_OPERATOR)],
            "the reader of an address always has a link that works",
        ),
        quota(
            "mails to an address that its reader may not have caused: changes to it, an existing account",
            [numbers::UNASKED_MAILS],
            "many accounts together must not fill one mailbox",
        ),
        quota(
            "changes of address of an account, from each known network and from all others",
            [numbers::CHANGES_OF_ADDRESS],
            "each sends mail to an address that may be a stranger's",
        ),
    ]
}

fn accounts() -> Vec<Limit> {
    vec![
        life(
            "time for which a user name that was given up is reserved",
            numbers::USERNAME_RESERVED_FOR,
            "those who knew the former owner learn of it",
        ),
        quota(
            "user names that an account requests",
            [numbers::USERNAME_REQUESTS],
            "each request reveals whether a name is taken",
        ),
        count("roles of an account", numbers::MOST_ROLES, "they are in every token"),
        count(
            "bytes of the claims of an account",
            numbers::APP_CLAIMS_BYTES,
            "they are in every token",
        ),
        count(
            "permissions of all roles together",
            numbers::MOST_PERMISSIONS,
            "a token has those of all roles of its user",
        ),
        count(
            "bytes of these permissions",
            numbers::PERMISSIONS_BYTES,
            "proxies accept headers of some kilobytes",
        ),
        count(
            "characters of an access token",
            access_token::MAX_LENGTH,
            "roles, permissions and claims at all their bounds fit",
        ),
        count(
            "events in an export",
            numbers::MOST_EXPORTED_EVENTS,
            "more than a user causes by hand",
        ),
    ]
}

fn sending() -> Vec<Limit> {
    vec![
        life(
            "time in which equal notices become one message",
            numbers::NOTICES_MERGED_WITHIN,
            "the first is sent at once, the others together",
        ),
        quota(
            "changes of an administrator that all administrators are told of one by one",
            [numbers::ANNOUNCED_CHANGES],
            "beyond that a change is refused, since no such mail may be left out",
        ),
        life(
            "time for which a notice is worth sending",
            numbers::NOTICE_LIFE,
            "after that, it misleads",
        ),
        life(
            "time after which another instance sends a message",
            numbers::MESSAGE_LEASE,
            "longer than any transport tries",
        ),
        life(
            "wait after the first failed try",
            TimeDelta::seconds(numbers::FIRST_RETRY_SECONDS),
            "each further wait doubles",
        ),
        count(
            "doublings of that wait",
            numbers::MOST_RETRY_DOUBLINGS,
            "about ten minutes at the end",
        ),
        count(
            "refusals after which a message is given up",
            numbers::MOST_REFUSALS,
            "a misconfigured server may accept it later",
        ),
        life(
            "delay at which sending counts as failed",
            numbers::OUTBOX_LATE,
            "the outbox is read every second",
        ),
        count(
            "administrators who get a mail about a change of a webhook or an administrator, beside its author",
            numbers::MOST_NOTIFIED_ADMINISTRATORS,
            "the oldest accounts first, which an attacker cannot crowd out",
        ),
    ]
}

fn webhooks() -> Vec<Limit> {
    vec![
        count(
            "endpoints",
            numbers::MOST_WEBHOOKS,
            "each event that is told costs a row for each of them",
        ),
        life(
            "time for which a message is tried",
            numbers::WEBHOOK_LIFE,
            "the developers of its receiver may come back after a weekend",
        ),
        wait(
            "time for one try",
            numbers::WEBHOOK_LIMIT,
            "Standard Webhooks: 15 to 30 seconds",
        ),
        life(
            "time after which another instance takes a message whose instance does not report",
            numbers::WEBHOOK_LEASE,
            "longer than a try and a short outage of the database",
        ),
        count(
            "doublings of the wait between tries, which begins at 5 s",
            numbers::WEBHOOK_RETRY_DOUBLINGS,
            "about three hours",
        ),
        count(
            "messages to one endpoint that an instance sends at once",
            numbers::MOST_DELIVERIES_OF_ONE,
            "its receiver has to cope with so many requests",
        ),
        count(
            "messages that an instance sends at once, beyond one for each endpoint",
            numbers::SHARED_DELIVERIES,
            "each occupies a thread; a slow endpoint takes no place of another's",
        ),
        life(
            "time for which the secret before the newest one signs along",
            numbers::WEBHOOK_SECRET_OVERLAP,
            "receivers change theirs in between",
        ),
        count(
            "events that one replay sends again",
            numbers::MOST_REPLAYED,
            "the answer says where the next one continues",
        ),
        life(
            "age from which the trail is read oldest first",
            numbers::CLOCKS_WITHIN,
            "clocks of instances differ, and a reader must miss nothing",
        ),
        life(
            "how far back a replay goes",
            numbers::LONGEST_REPLAY,
            "the audit trail is stored for longer",
        ),
    ]
}

fn webhook_log() -> Vec<Limit> {
    vec![
        life(
            "time for which a delivered message stays in the log",
            numbers::DELIVERED_STORED_FOR,
            "there are as many as events",
        ),
        life(
            "time for which a message that was given up stays in the log",
            numbers::DEAD_STORED_FOR,
            "operators look at what failed",
        ),
    ]
}

fn signing_keys() -> Vec<Limit> {
    vec![
        life(
            "time for which a key signs",
            numbers::KEY_SIGNS_FOR,
            "a rotation stays a routine (NIST SP 800-57 part 1 §5.3.6)",
        ),
        life(
            "time for which verifiers may cache the key set",
            numbers::JWKS_MAX_AGE,
            "`Cache-Control` says so",
        ),
        life(
            "leeway that verifiers may allow",
            numbers::VERIFIER_LEEWAY,
            "clocks differ; the service itself allows none",
        ),
        life(
            "time for which a key is published before it signs",
            numbers::KEY_PUBLISHED_BEFORE_SIGNING,
            "caches have expired, and every instance has read it",
        ),
        life(
            "time for which a key is published after it signed",
            numbers::RETIRED_KEY_PUBLISHED_FOR,
            "the longest life of an access token",
        ),
        life(
            "delay of a rotation that `vestibule check` reports",
            numbers::ROTATION_OVERDUE_AFTER,
            "instances look every few seconds",
        ),
        life(
            "delay of a rotation that health reports",
            numbers::ROTATION_LATE_AFTER,
            "an operator has to look",
        ),
    ]
}

fn statistics() -> Vec<Limit> {
    vec![
        count(
            "hours that are counted at once",
            numbers::COUNTED_HOURS,
            "a plot of three days",
        ),
        count(
            "days that are counted at once",
            numbers::COUNTED_DAYS,
            "they are in two partitions of the trail",
        ),
        count(
            "events of one name that are counted, the newest first",
            numbers::MOST_COUNTED,
            "an administrator waits for the answer; metrics count without a limit",
        ),
    ]
}

fn ended_sessions() -> Vec<Limit> {
    vec![
        life(
            "time after the begin of a request within which its events are written",
            numbers::EVENT_AFTER_REQUEST,
            "no request takes nearly as long",
        ),
        life(
            "its age",
            numbers::ENDED_READ_EVERY,
            "then the trail is read again, once for all who ask",
        ),
        life(
            "time for which caches may keep it",
            numbers::ENDED_MAX_AGE,
            "a back end has to learn of an end within seconds",
        ),
        life(
            "time before its last reading from which a reader gets ends again",
            numbers::ENDED_OVERLAP,
            "a transaction that began then may have committed since",
        ),
        life(
            "lead of another instance's clock with which a reader may come from there",
            numbers::ENDED_CLOCKS_AHEAD,
            "a reader with a cursor of a later time gets the whole list",
        ),
        count(
            "sessions in one answer",
            numbers::ENDED_IN_ANSWER,
            "200 kB; the answer says whether there are more",
        ),
        count(
            "ended sessions that an instance keeps in memory",
            numbers::ENDED_IN_MEMORY,
            "3 MB; older ones are read from the trail",
        ),
    ]
}

fn stored_data() -> Vec<Limit> {
    vec![
        life(
            "sessions, from the login",
            numbers::SESSIONS_STORED_FOR,
            "longest life, and how long places are known",
        ),
        life(
            "trusted devices",
            numbers::TRUSTED_DEVICES_STORED_FOR,
            "longest trust that can be configured",
        ),
        life("API keys", numbers::API_KEYS_STORED_FOR, "none lives for longer"),
        life(
            "federation tokens that were used",
            numbers::SPENT_FEDERATIONS_STORED_FOR,
            "none is valid for longer",
        ),
        life(
            "tokens in mails",
            numbers::LINK_TOKENS_STORED_FOR,
            "none is valid for longer than a day",
        ),
        life(
            "messages that could not be sent",
            numbers::MESSAGES_STORED_FOR,
            "operators may look at them",
        ),
    ]
}

fn requests() -> Vec<Limit> {
    vec![
        quota(
            "logins of an address",
            [numbers::ADDRESS_LOGINS],
            "offices and carriers share addresses",
        ),
        quota(
            "registrations of an address",
            numbers::ADDRESS_REGISTRATIONS,
            "each makes rows",
        ),
        quota(
            "second factors of an address, and codes sent for it",
            [numbers::ADDRESS_SECOND_FACTORS],
            "as logins",
        ),
        quota(
            "refreshes of an address",
            [numbers::ADDRESS_REFRESHES],
            "servers that render pages refresh for many users",
        ),
        quota(
            "mails that an address requests without being signed in",
            [numbers::ADDRESS_MAILS],
            "they reach other users",
        ),
        quota(
            "tokens from mails that an address presents",
            [numbers::ADDRESS_LINK_TOKENS],
            "a user has few",
        ),
        quota(
            "wrong credentials of service clients from an address",
            [numbers::ADDRESS_WRONG_CLIENTS],
            "a program does not mistype",
        ),
        quota(
            "all other requests of an address",
            [numbers::ADDRESS_ORDINARY],
            "generous on purpose",
        ),
        quota(
            "refreshes of one session",
            [numbers::SESSION_REQUESTS],
            "one client has it",
        ),
        quota(
            "requests with the right credentials of a service client",
            [numbers::SERVICE_CLIENT_REQUESTS],
            "a back end serves many users",
        ),
        quota(
            "statistics that one administrator reads",
            [numbers::ADMINISTRATOR_STATISTICS],
            "no other answer to an administrator costs the database as much",
        ),
    ]
}

fn factors_of_quotas() -> Vec<Limit> {
    vec![
        count(
            "quota of a site of 65,536 networks, in quotas of one network",
            numbers::SITE_FACTOR,
            "a site has many users, and an attacker may have all of it",
        ),
        count(
            "factor of these quotas in `vestibule dev`",
            numbers::RELAXED_FACTOR,
            "a test suite sends everything from one address",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_table() {
        let without_tests = |text: &'static str| text.split("#[cfg(test)]").next().unwrap();
        let numbers = without_tests(include_str!("numbers.rs"));
        let table = without_tests(include_str!("limits.rs"));
        let words: Vec<&str> = table
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .collect();
        let declared: Vec<&str> = numbers
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("pub const ")?.split_once(':'))
            .map(|(name, _)| name)
            .filter(|name| name.chars().all(|letter| !letter.is_lowercase()))
            .collect();
        assert!(declared.len() > 70, "{}", declared.len());
        for name in declared {
            assert!(words.contains(&name), "{name} is not in the table");
        }
    }

    #[test]
    fn every_limit_has_a_name_of_its_own_a_value_and_a_reason() {
        let mut seen = std::collections::BTreeSet::new();
        for limit in all().into_iter().flat_map(|group| group.limits) {
            assert!(seen.insert(limit.what), "{limit:?}");
            assert!(!limit.most.is_empty() || !limit.window.is_empty(), "{limit:?}");
            assert!(!limit.reason.is_empty(), "{limit:?}");
        }
    }

    #[test]
    fn times_are_written_in_their_largest_whole_unit() {
        for (seconds, words) in [(90, "90 s"), (600, "10 min"), (7200, "2 h"), (172_800, "2 d")] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
