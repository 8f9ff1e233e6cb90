//! Every number of a policy: waits, limits and lives, each with its unit and its reason.
//!
//! What an operator may change has its default in `config::settings`. Sizes and timeouts of HTTP, SQL and other
//! programs are where they are used: they protect the process and decide nothing about accounts. The page
//! `docs/reference/limits.md` is generated from the table in [`limits`](super::limits), which has each of them.

use std::time::Duration;

use chrono::TimeDelta;

/// How often something may happen within a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How often.
    pub most: u32,
    /// The window in seconds.
    pub seconds: u32,
}

impl Allowance {
    const fn new(most: u32, seconds: u32) -> Self {
        Self { most, seconds }
    }

    /// Allows something so often in an hour.
    pub const fn an_hour(most: u32) -> Self {
        Self::new(most, 3600)
    }

    const fn a_day(most: u32) -> Self {
        Self::new(most, 86_400)
    }

    /// Returns the window.
    pub fn window(self) -> TimeDelta {
        TimeDelta::seconds(self.seconds.into())
    }
}

/// How long a source has to wait after wrong proofs of one kind. The methods are in `failed_attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Wrong proofs without a wait.
    pub free: i32,
    /// Seconds of the first wait; each further one doubles.
    pub first_wait: i64,
    /// Seconds of the longest wait.
    pub longest_wait: i64,
    /// After this time without a wrong proof, the count starts again.
    pub forgotten_after: TimeDelta,
}

// Guessing.

/// After this time without a wrong proof, a count starts again, whatever its policy. It is much longer than the longest
/// wait: an attacker could otherwise wait for the count to end, and would reach a hundred guesses in an hour.
pub const FAILURES_FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(24);

impl BackoffPolicy {
    /// Second factors of an account at sign-in, from one network.
    pub const CODES_FROM_NETWORK: Self = Self::STEEP;
    /// Second factors of an account at sign-in, from anywhere. Only an attacker who has the password gets here, so this
    /// policy is stricter than the one for passwords: many networks together end at one guess an hour. Networks that
    /// the owner recently signed in from do not wait for it.
    pub const CODES_FROM_ANYWHERE: Self = Self {
        free: 10,
        first_wait: 60,
        longest_wait: 3600,
        forgotten_after: FAILURES_FORGOTTEN_AFTER,
    };
    /// Wrong codes, or wrong passwords, in one signed-in session. An attacker with a stolen access token makes only
    /// that session wait.
    pub const IN_SESSION: Self = Self::STEEP;
    /// Passwords for one name from one network.
    pub const PASSWORD_FROM_NETWORK: Self = Self::STEEP;
    /// Passwords for one name from anywhere: many networks that guess together.
    pub const PASSWORD_FROM_ANYWHERE: Self = Self {
        free: 19,
        first_wait: 60,
        longest_wait: 900,
        forgotten_after: FAILURES_FORGOTTEN_AFTER,
    };
    const STEEP: Self = Self {
        free: 4,
        first_wait: 30,
        longest_wait: 3600,
        forgotten_after: FAILURES_FORGOTTEN_AFTER,
    };
}

/// Consecutive wrong proofs that disable the authenticator (NIST SP 800-63B-4 §3.2.2). The count does not expire with
/// time; only a right proof resets it.
pub const MAX_CONSECUTIVE_FAILURES: i32 = 100;
/// How many of them may come from networks that the owner is not known by. After that, the authenticator is accepted
/// from known networks only: strangers cannot disable it for the owner, who has the other half.
pub const MAX_FAILURES_OF_STRANGERS: i32 = 50;
/// How long a solution of a challenge for work counts: a slow phone needs a tenth of that.
pub const WORK_LIFE: TimeDelta = TimeDelta::seconds(120);
/// Iterations of PBKDF2 in each of about 4,096 tries: half a second for a phone that does a million in a second.
pub const WORK_ITERATIONS: u32 = 128;
/// Wrong proofs that were checked for work after which the work doubles.
pub const WORK_DOUBLES_AFTER: i32 = 8;
/// How often it doubles. Of a hundred owners with such a phone, one then computes for longer than ten seconds.
pub const WORK_DOUBLINGS: u32 = 2;
/// Second-factor attempts that one pending session allows.
pub const ATTEMPTS_OF_LOGIN: i16 = 5;
/// Attempts that one sent code allows, together with the codes that replace it.
pub const ATTEMPTS_OF_SENT_CODE: i16 = 5;
/// How long a network counts as known after a sign-in from there. Owners of home connections sign in more often.
pub const NETWORK_KNOWN_FOR: TimeDelta = TimeDelta::days(30);

// Security notices.

/// Wrong proofs within a day that are reported.
pub const FAILURES_TO_REPORT: i32 = 3;
/// Wrong proofs before a right one that are reported.
pub const FAILURES_BEFORE_SUCCESS_TO_REPORT: i32 = 5;
/// Reports of wrong proofs of one kind to an account: an attacker must not fill the mailbox by repeating them.
pub const FAILURE_REPORTS: Allowance = Allowance::an_hour(1);
/// How long a network and a program count as known to the owner.
pub const PLACE_REMEMBERED_FOR: TimeDelta = TimeDelta::days(90);
/// Events of one kind and account in the audit trail, where a client could otherwise cause a row with each request.
pub const REPEATED_EVENTS: Allowance = Allowance::an_hour(1);
/// How long after the begin of its request an event may be written, at the most: no request takes nearly as long.
pub const EVENT_AFTER_REQUEST: TimeDelta = TimeDelta::hours(1);
/// How far the clocks of two instances may differ for a reader of the trail to miss nothing. What is younger is not
/// shown to it yet. Machines that set their clocks by NTP differ by milliseconds.
pub const CLOCKS_WITHIN: TimeDelta = TimeDelta::seconds(10);

// Passwords.

/// Shortest password that may be configured, in code points (ASVS 6.2.1).
pub const PASSWORD_MIN_LENGTH_FLOOR: usize = 8;
/// Shortest password where it is the only factor, in code points (NIST SP 800-63B-4 §3.1.1.2).
pub const SINGLE_FACTOR_PASSWORD_MIN_LENGTH: usize = 15;
/// Longest password in code points (NIST requires at least 64 to be allowed; the bound limits the cost of guessability
/// checks).
pub const PASSWORD_MAX_LENGTH: usize = 128;
/// Requests that may wait for a hashing thread (ASVS 15.2.2).
pub const HASHES_WAITING: usize = 64;
/// How many of them may be from known requesters. Attackers can have accounts too, so a quarter is for strangers.
pub const HASHES_WAITING_OF_KNOWN: usize = 48;
/// Consecutive turns of known requesters while strangers wait.
pub const HASH_TURNS_OF_KNOWN: usize = 3;
/// How long a request waits for a hashing thread: after that, its client had better try another instance.
pub const HASH_WAIT: Duration = Duration::from_secs(2);

// Second factors.

/// How long a factor that was set up waits for its first code (NIST SP 800-63B-4 §4.1.2: ten minutes).
pub const PENDING_FACTOR_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a code sent by mail is valid (ASVS 6.5.5: at most ten minutes).
pub const MAILED_CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a code sent by text message is valid: these arrive within seconds.
pub const TEXTED_CODE_LIFE: TimeDelta = TimeDelta::minutes(5);
/// The time before a code may be sent again: messages take that long to arrive, and a second one confuses.
pub const RESEND_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Recovery codes in a set.
pub const RECOVERY_CODES: usize = 10;
/// From this number of remaining recovery codes down, the user is warned.
pub const RECOVERY_CODES_LOW: i64 = 3;

/// How long the challenge of a passkey is valid: the least time that WebAuthn §15.1 recommends for a user to take out
/// and unlock an authenticator.
pub const CHALLENGE_LIFE: TimeDelta = TimeDelta::seconds(300);
/// How far the clock of the instance that made a challenge may be ahead of the one that checks it: the difference at
/// which `vestibule check` fails.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(10);
/// Most passkeys of an account: more than a user has devices. The options of a sign-in list all of them.
pub const MOST_PASSKEYS: usize = 20;

/// Codes to sign in with, for an account, channel and network. Text messages cost money.
pub const SIGN_IN_CODES: [Allowance; 2] = [Allowance::an_hour(5), Allowance::a_day(10)];
/// The same for all unknown networks together: an attacker who has the password can send requests from many.
pub const SIGN_IN_CODES_OF_STRANGERS: [Allowance; 2] = [Allowance::an_hour(10), Allowance::a_day(30)];
/// Codes to step up with, for a signed-in session, which only its user has.
pub const STEP_UP_CODES: [Allowance; 2] = [Allowance::an_hour(5), Allowance::a_day(10)];
/// Codes that enrol, for an account and channel, from each known network and from all others together.
pub const ENROLMENT_CODES: [Allowance; 2] = [Allowance::an_hour(5), Allowance::a_day(10)];
/// Codes that enrol, to one address or number over all accounts: it is not verified, so it may be a stranger's.
pub const ENROLMENT_CODES_TO_DESTINATION: [Allowance; 2] = [Allowance::an_hour(10), Allowance::a_day(20)];
/// Codes that enrol, to a block of numbers: toll fraud earns money with each message to numbers that one carrier owns.
pub const ENROLMENT_CODES_TO_BLOCK: Allowance = Allowance::an_hour(50);

// Sessions.

/// The longest lifetime of an access token that can be configured, in seconds. Keys stay published for longer.
pub const ACCESS_TOKEN_LONGEST_SECONDS: u32 = 3600;
/// The longest lifetime of a session that can be configured, in seconds: 30 days.
pub const SESSION_LONGEST_SECONDS: u32 = 2_592_000;
/// Tokens before a step-up that end nothing inside the grace window: more than the rotations that an owner's tabs make
/// in that time.
pub const TOKENS_SPARED_BY_STEP_UP: u64 = 4;

/// The longest time for which a device can be trusted, in seconds: 90 days.
pub const TRUSTED_DEVICE_LONGEST_SECONDS: u32 = 7_776_000;
/// Most trusted devices of an account: as many as sessions by default.
pub const MOST_TRUSTED_DEVICES: usize = 10;

// Upstream providers.

/// How long a sign-in at a provider may take: its user may have to register there, or to fetch a phone.
pub const FEDERATION_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Most identities at providers of an account: more than there are providers.
pub const MOST_IDENTITIES: usize = 20;

// Applications.

/// How long a user may take to sign in and to decide about an application's request: long enough to fetch a phone, and
/// to register.
pub const AUTHORIZATION_REQUEST_LIFE: TimeDelta = TimeDelta::minutes(30);
/// How long a pushed request waits for the user's browser. The client sends the browser at once (RFC 9126 §2.2).
pub const PUSHED_REQUEST_LIFE: TimeDelta = TimeDelta::seconds(90);
/// How long an authorization code is valid. The application redeems it at once (RFC 6749 §4.1.2: at most 10 minutes).
pub const AUTHORIZATION_CODE_LIFE: TimeDelta = TimeDelta::seconds(60);
/// Live grants of one user to one application. More than that is a faulty application.
pub const MOST_GRANTS: u32 = 50;
/// Requests of applications that one user may approve.
pub const GRANTS_GIVEN: Allowance = Allowance::an_hour(300);
/// How long a device waits for its user, who has to find another device and sign in there.
pub const DEVICE_REQUEST_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a device waits between two questions (RFC 8628 §3.2).
pub const DEVICE_POLL_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// User codes that one user may type. A code has 34 bits, and counts for ten minutes.
pub const USER_CODES_TYPED: Allowance = Allowance::an_hour(20);
/// How long an assertion of a client may be valid. Authlib makes them for an hour, and most others for a minute.
pub const ASSERTION_LONGEST: TimeDelta = TimeDelta::hours(1);
/// How far the clock of a client may be ahead: an assertion whose time has not come is accepted that much earlier.
pub const ASSERTION_SKEW: TimeDelta = TimeDelta::seconds(10);
/// How long the document of an application that describes itself counts if its owner does not say: a sign-in and the
/// exchange of its code fetch it once.
pub const CLIENT_DOCUMENT_USUAL_LIFE: TimeDelta = TimeDelta::minutes(10);
/// The shortest time for which such a document counts: its server is not asked at each request.
pub const CLIENT_DOCUMENT_SHORTEST_LIFE: TimeDelta = TimeDelta::minutes(1);
/// The longest time for which such a document counts: a redirect URI that its owner has removed must not stay good.
pub const CLIENT_DOCUMENT_LONGEST_LIFE: TimeDelta = TimeDelta::hours(1);
/// How long after its end a document still counts while its server cannot be reached, so that its outage signs no user
/// out.
pub const CLIENT_DOCUMENT_OUTAGE: TimeDelta = TimeDelta::hours(1);
/// How long a URL is not asked again after it had no document that counts.
pub const CLIENT_DOCUMENT_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// How many documents one address of a server is asked for.
pub const CLIENT_DOCUMENTS_OF_ADDRESS: Allowance = Allowance::new(30, 60);
/// How far the clock of a provider and ours may differ: an ID token counts for so much longer, and so much earlier.
pub const ID_TOKEN_SKEW: TimeDelta = TimeDelta::seconds(60);
/// How long the configuration and the keys of a provider count: a key that it has removed must not stay good.
pub const PROVIDER_DOCUMENT_LIFE: TimeDelta = TimeDelta::hours(1);
/// The shortest time between two requests for the keys of a provider, for tokens whose key is not known.
pub const PROVIDER_REFETCH: TimeDelta = TimeDelta::seconds(30);
/// How long a provider is not asked again after it could not be reached, or its configuration was wrong.
pub const PROVIDER_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How long the client secret counts that is made for a request to Apple.
pub const APPLE_SECRET_LIFE: TimeDelta = TimeDelta::minutes(5);
/// How long an application may use an ID token to begin a session of its own.
pub const ID_TOKEN_LIFE: TimeDelta = TimeDelta::minutes(10);

/// How long a nonce for proofs of possession is valid. Each answer brings another one, so a client that calls within that
/// time needs no further round trip; an attacker who can use a client's key for a moment makes no proofs for later.
pub const DPOP_NONCE_LIFE: TimeDelta = TimeDelta::seconds(300);
/// How far the time of a proof of possession may be from the service's: clocks of phones differ. It also bounds how long
/// a proof for a read counts.
pub const DPOP_PROOF_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// Most API keys of an account: more than a user has scripts.
pub const MOST_API_KEYS: usize = 20;
/// The longest life of an API key: a year, also one with a leap day. A script whose key ends is seen to be in use.
pub const API_KEY_LONGEST: TimeDelta = TimeDelta::days(366);
/// The longest life of the access token of an API key, where access tokens live longer: it has no session that could
/// end.
pub const API_KEY_TOKEN_LONGEST: TimeDelta = TimeDelta::minutes(10);
/// How old the time of a key's last use may become before it is written again, so that most exchanges only read.
pub const API_KEY_USE_NOTED_EVERY: TimeDelta = TimeDelta::seconds(60);

// Accounts and mailed links.

/// How long a link to sign in with is valid.
pub const MAGIC_LINK_LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a link to set a new password is valid.
pub const PASSWORD_RESET_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long an invitation, a verification of an address and the cancellation of its change are valid: the owner may
/// read their mail only the next morning (NIST SP 800-63B-4 §4.2.1.2: at most a day by mail).
pub const CONFIRMATION_LIFE: TimeDelta = TimeDelta::hours(24);
/// Links of a kind that any client may request, to an address from each known network, and from all others together.
pub const REQUESTED_LINKS: Allowance = Allowance::an_hour(3);
/// Requests for a link that are recorded in the audit trail, for one purpose and address. It is more than can ever be
/// served in that time, so that whether a request is recorded depends only on the address that was given.
pub const LINK_REQUESTS_RECORDED: Allowance = Allowance::an_hour(20);
/// How often an unverified address may leave its account, by deletion or by a change. Each time, the links in its
/// mailbox end. Without this limit, a stranger who registers with the address, requests links and leaves would use up
/// the quotas of the address, and its reader would have no link that works.
pub const DEPARTURES_OF_UNVERIFIED_ADDRESS: Allowance = Allowance::an_hour(3);
/// How often the links in a mailbox may end in an hour by what no stranger does, so that another one is sent each time:
/// the owner of a verified address deletes the account, or an operator disables or deletes it.
pub const ENDS_BY_OWNER_OR_OPERATOR: u32 = 3;
/// A link with less time left counts as expired where another one is requested: its reader would come too late.
pub const LEAST_LIFE_OF_LINK: TimeDelta = TimeDelta::minutes(1);
/// Mails to an address that its reader may not have caused, over all accounts: to confirm a change to it, and that an
/// account exists. An attacker who has many accounts could otherwise fill one mailbox.
pub const UNASKED_MAILS: Allowance = Allowance::an_hour(3);
/// Changes of address that an account requests, from each known network, and from all others together.
pub const CHANGES_OF_ADDRESS: Allowance = Allowance::an_hour(5);
/// How long other accounts cannot take a user name that an account gave up: long enough for those who knew the former
/// owner by that name to learn that it changed.
pub const USERNAME_RESERVED_FOR: TimeDelta = TimeDelta::days(30);
/// User names that one account may request. Each request reveals whether a name is taken, and each change leaves a name
/// that no other account can take for [`USERNAME_RESERVED_FOR`].
pub const USERNAME_REQUESTS: Allowance = Allowance::a_day(10);
/// Most roles of an account: they go into every token.
pub const MOST_ROLES: usize = 32;
/// Most bytes of an account's claims, as JSON without white space: they go into every token.
pub const APP_CLAIMS_BYTES: usize = 2048;
/// Most permissions of all roles together: a token has those of all roles of its user.
pub const MOST_PERMISSIONS: usize = 100;
/// Most bytes of these permissions as JSON.
pub const PERMISSIONS_BYTES: usize = 2048;
/// The maximum number of events in an export: more than a user causes by hand while events are stored.
pub const MOST_EXPORTED_EVENTS: i64 = 10_000;

// Statistics.

/// Most hours that are counted at once.
pub const COUNTED_HOURS: u32 = 72;
/// Most days that are counted at once: they are in two partitions of the trail.
pub const COUNTED_DAYS: u32 = 30;
/// Events of one name that are counted at most, the newest first. An index has them, so it takes about a tenth of a
/// second.
pub const MOST_COUNTED: u32 = 200_000;

// Sending.

/// Equal notices within this time after the first are merged into one message at its end.
pub const NOTICES_MERGED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// Changes that an administrator may make of which all administrators are told one by one: destinations of webhooks, and
/// other administrators. Beyond that a change is refused, since their mailboxes must not fill up, and no such mail may be
/// left out.
pub const ANNOUNCED_CHANGES: Allowance = Allowance::an_hour(60);
/// How long a notice stays in the outbox before it is not worth sending any longer.
pub const NOTICE_LIFE: TimeDelta = TimeDelta::days(3);
/// How long sending may last before another instance takes the message; longer than any transport tries.
pub const MESSAGE_LEASE: TimeDelta = TimeDelta::seconds(120);
/// Seconds to wait after the first failed try to send.
pub const FIRST_RETRY_SECONDS: i64 = 5;
/// Doublings after which the wait for the next try stays the same, about ten minutes.
pub const MOST_RETRY_DOUBLINGS: i32 = 7;
/// Refusals after which a message is given up. A misconfigured mail server may refuse for a while what it accepts
/// later.
pub const MOST_REFUSALS: i32 = 3;
/// How long a due message may stay untried before sending counts as failed: the outbox is read every second.
pub const OUTBOX_LATE: TimeDelta = TimeDelta::minutes(5);

// Webhooks.

/// Most endpoints of a deployment: each event that is told costs a row for each of them.
pub const MOST_WEBHOOKS: usize = 20;
/// Most administrators that are notified of a change to the deployment beside its author and the administrator
/// concerned: those with the oldest accounts, which an attacker cannot crowd out with new ones. Each costs a mail.
pub const MOST_NOTIFIED_ADMINISTRATORS: usize = 20;
/// How long a message to an endpoint is tried: its developers may come back only after a weekend.
pub const WEBHOOK_LIFE: TimeDelta = TimeDelta::days(3);
/// How long one try may take (Standard Webhooks: 15 to 30 seconds).
pub const WEBHOOK_LIMIT: Duration = Duration::from_secs(15);
/// How long one try and its report may last before another instance takes the message: longer than [`WEBHOOK_LIMIT`] and
/// a short outage of the database together.
pub const WEBHOOK_LEASE: TimeDelta = TimeDelta::seconds(60);
/// Doublings after which the wait for the next try stays the same, about three hours.
pub const WEBHOOK_RETRY_DOUBLINGS: i32 = 11;
/// Messages to one endpoint that an instance sends at once: a receiver has to cope with so many requests.
pub const MOST_DELIVERIES_OF_ONE: usize = 8;
/// Messages that an instance sends at once beyond one for each endpoint. Each occupies a thread until it is answered.
pub const SHARED_DELIVERIES: usize = 16;
/// How long the secret before the newest one signs along, so that a receiver can change its own in between.
pub const WEBHOOK_SECRET_OVERLAP: TimeDelta = TimeDelta::hours(24);
/// Events that one replay sends again at most; the answer says where the next one continues.
pub const MOST_REPLAYED: usize = 10_000;
/// How far back a replay goes; the trail is stored for longer.
pub const LONGEST_REPLAY: TimeDelta = TimeDelta::days(365);
/// How long a delivered message stays in the log.
pub const DELIVERED_STORED_FOR: TimeDelta = TimeDelta::days(3);
/// How long a message that was given up stays in the log.
pub const DEAD_STORED_FOR: TimeDelta = TimeDelta::days(30);

// Signing keys.

/// How long a key signs before it is replaced (NIST SP 800-57 part 1 §5.3.6 allows years; a rotation every few months
/// stays a routine).
pub const KEY_SIGNS_FOR: TimeDelta = TimeDelta::days(90);
/// How long verifiers may cache the key set.
pub const JWKS_MAX_AGE: TimeDelta = TimeDelta::seconds(300);
/// How old the list of ended sessions may be from which an instance answers. Then it reads the trail again.
pub const ENDED_READ_EVERY: TimeDelta = TimeDelta::seconds(1);
/// How long caches may keep an answer of that list.
pub const ENDED_MAX_AGE: TimeDelta = TimeDelta::seconds(1);
/// How long after the time of an event its transaction commits at the latest, so that the event can be read: see
/// `store::pool::LONGEST_UNTIL_COMMIT`, which a test compares. The rest is for clocks that differ.
pub const ENDED_OVERLAP: TimeDelta = TimeDelta::seconds(60);
/// How far the clock of another instance may be ahead, whose place in the list is then still known.
pub const ENDED_CLOCKS_AHEAD: TimeDelta = TimeDelta::seconds(5);
/// Ended sessions in one answer: 200 kB. An answer says whether there are more.
pub const ENDED_IN_ANSWER: usize = 5000;
/// Ended sessions that an instance keeps in memory, 32 bytes each. Older ones are read from the trail when a client
/// comes to them.
pub const ENDED_IN_MEMORY: usize = 100_000;
/// The leeway that verifiers of tokens may allow.
pub const VERIFIER_LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// How long a key is published before it signs: by then, verifiers' caches have expired and the slowest instance has
/// read it.
pub const KEY_PUBLISHED_BEFORE_SIGNING: TimeDelta = TimeDelta::seconds(300 + 60);
/// How long a key stays published after its last signature: the longest lifetime of an access token that can be
/// configured, and the time until the slowest instance has stopped signing with it.
pub const RETIRED_KEY_PUBLISHED_FOR: TimeDelta = TimeDelta::seconds(3600 + 60);
/// How long after its time a key may still sign before `vestibule check` reports it: instances look every few seconds.
pub const ROTATION_OVERDUE_AFTER: TimeDelta = TimeDelta::days(1);
/// How late the rotation may be before health reports it.
pub const ROTATION_LATE_AFTER: TimeDelta = TimeDelta::days(7);

// Retention, counted from the beginning of the row.

/// Sessions, counted from the login: none lasts longer than thirty days, and their origins are remembered for ninety.
pub const SESSIONS_STORED_FOR: TimeDelta = TimeDelta::days(120);
/// Trusted devices: none is trusted for longer.
pub const TRUSTED_DEVICES_STORED_FOR: TimeDelta = TimeDelta::days(90);
/// API keys: none lives for longer.
pub const API_KEYS_STORED_FOR: TimeDelta = API_KEY_LONGEST;
/// Federation tokens that were used: none is valid for longer than [`FEDERATION_LIFE`].
pub const SPENT_FEDERATIONS_STORED_FOR: TimeDelta = TimeDelta::hours(1);
/// Mailed tokens: none is valid for longer than a day.
pub const LINK_TOKENS_STORED_FOR: TimeDelta = TimeDelta::days(2);
/// Messages that could not be sent: none is worth sending after three days; the rest of the time is for operators.
pub const MESSAGES_STORED_FOR: TimeDelta = TimeDelta::days(30);

// Fairness: requests of one client, counted in each process. They are generous, since offices, carriers and servers
// that render pages share addresses.

/// Logins of one address.
pub const ADDRESS_LOGINS: Allowance = Allowance::new(60, 60);
/// Registrations of one address.
pub const ADDRESS_REGISTRATIONS: [Allowance; 2] = [Allowance::new(30, 300), Allowance::a_day(300)];
/// Second factors of one address, and codes to be sent for it.
pub const ADDRESS_SECOND_FACTORS: Allowance = Allowance::new(60, 60);
/// Refreshes of one address: servers that render pages refresh the sessions of many users.
pub const ADDRESS_REFRESHES: Allowance = Allowance::new(600, 60);
/// Mails that one address requests without being signed in.
pub const ADDRESS_MAILS: Allowance = Allowance::an_hour(60);
/// Tokens from mails that one address presents.
pub const ADDRESS_LINK_TOKENS: Allowance = Allowance::new(10, 60);
/// Wrong credentials of service clients from one address.
pub const ADDRESS_WRONG_CLIENTS: Allowance = Allowance::new(10, 60);
/// All other requests of one address.
pub const ADDRESS_ORDINARY: Allowance = Allowance::new(1200, 60);
/// Requests of one session.
pub const SESSION_REQUESTS: Allowance = Allowance::new(30, 60);
/// Requests of one service client.
pub const SERVICE_CLIENT_REQUESTS: Allowance = Allowance::new(100, 1);
/// Statistics that one administrator reads: the most expensive answer to them.
pub const ADMINISTRATOR_STATISTICS: Allowance = Allowance::new(20, 60);
/// How many times the quota of one network a site of 65,536 networks has.
pub const SITE_FACTOR: u32 = 16;
/// How many times the quota `vestibule dev` allows: a test suite sends everything from one address.
pub const RELAXED_FACTOR: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// A row must outlive everything that reads it.
    #[test]
    fn nothing_is_deleted_while_it_has_an_effect() {
        let longest_session = TimeDelta::seconds(SESSION_LONGEST_SECONDS.into());
        assert!(SESSIONS_STORED_FOR >= longest_session + PLACE_REMEMBERED_FOR);
        assert!(SESSIONS_STORED_FOR >= longest_session + NETWORK_KNOWN_FOR);
        for life in [MAGIC_LINK_LIFE, PASSWORD_RESET_LIFE, CONFIRMATION_LIFE] {
            assert!(LINK_TOKENS_STORED_FOR > life);
            // NIST SP 800-63B-4 §4.2.1.2.
            assert!(life <= TimeDelta::hours(24));
            assert!(MESSAGES_STORED_FOR > life);
        }
        assert!(MESSAGES_STORED_FOR > NOTICE_LIFE);
    }

    /// Verifiers must know a key for as long as tokens that it signed are valid, and before the first one is.
    #[test]
    fn a_key_is_published_around_all_tokens_that_it_signs() {
        let longest_token = TimeDelta::seconds(ACCESS_TOKEN_LONGEST_SECONDS.into());
        assert!(RETIRED_KEY_PUBLISHED_FOR > longest_token);
        assert!(KEY_PUBLISHED_BEFORE_SIGNING > JWKS_MAX_AGE);
        assert!(KEY_SIGNS_FOR > KEY_PUBLISHED_BEFORE_SIGNING);
        assert!(ROTATION_LATE_AFTER > ROTATION_OVERDUE_AFTER);
    }

    /// ASVS 6.5.5, and NIST SP 800-63B-4 §4.1.2.
    #[test]
    fn codes_and_pending_factors_live_for_ten_minutes_at_most() {
        for life in [MAILED_CODE_LIFE, TEXTED_CODE_LIFE, PENDING_FACTOR_LIFE] {
            assert!(RESEND_AFTER < life && life <= TimeDelta::minutes(10));
        }
    }

    /// A count that is forgotten during its own wait would let an attacker start over.
    #[test]
    fn counts_outlive_the_waits_that_they_cause() {
        for policy in [
            BackoffPolicy::CODES_FROM_NETWORK,
            BackoffPolicy::CODES_FROM_ANYWHERE,
            BackoffPolicy::IN_SESSION,
            BackoffPolicy::PASSWORD_FROM_NETWORK,
            BackoffPolicy::PASSWORD_FROM_ANYWHERE,
        ] {
            assert!(policy.first_wait <= policy.longest_wait);
            assert!(TimeDelta::seconds(policy.longest_wait) < policy.forgotten_after);
            assert!(policy.forgotten_after <= FAILURES_FORGOTTEN_AFTER);
            assert!(policy.free < MAX_CONSECUTIVE_FAILURES);
        }
    }

    #[test]
    fn a_day_allows_more_than_an_hour_and_strangers_together_no_less_than_one_of_them() {
        for [hour, day] in [
            SIGN_IN_CODES,
            SIGN_IN_CODES_OF_STRANGERS,
            STEP_UP_CODES,
            ENROLMENT_CODES,
            ENROLMENT_CODES_TO_DESTINATION,
        ] {
            assert!(hour.most <= day.most && hour.seconds < day.seconds);
        }
        for (one, all) in SIGN_IN_CODES.into_iter().zip(SIGN_IN_CODES_OF_STRANGERS) {
            assert!(one.most <= all.most && one.seconds == all.seconds);
        }
    }
}
