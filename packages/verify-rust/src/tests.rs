//! When keys and the list of ended sessions are read, and what happens without them: against a server that fails.

mod issuer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::issuer::{Fault, Issuer, hash_of};
use crate::clock::Clock;
use crate::{CallerKind, Code, IsNew, Options, Refusal, ReplayMemory, RequestHead, User, Verifier};

const FAULTS: [Fault; 7] = [
    Fault::Error,
    Fault::Redirect,
    Fault::Garbage,
    Fault::Empty,
    Fault::Silence,
    Fault::Drip,
    Fault::Flood,
];

/// A verifier, whose clock the issuer shares.
struct Fixture {
    issuer: Issuer,
    verifier: Verifier,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Options::without_ended_sessions)
    }

    fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let issuer = Issuer::start(Clock::default());
        let options = change(Options::new(issuer.url.clone()).on_fault(|_| {}));
        let verifier = Verifier::with_clock(options, issuer.clock.clone()).unwrap();
        Self { issuer, verifier }
    }

    fn advance(&self, seconds: u64) {
        self.issuer.clock.advance(Duration::from_secs(seconds));
    }

    async fn user(&self, token: &str) -> Result<User, Refusal> {
        let authorization = format!("Bearer {token}");
        let head = RequestHead {
            method: "GET",
            path: "/",
            authorization: Some(&authorization),
            proof: None,
        };
        self.verifier.user(&head).await
    }

    #[track_caller]
    fn accepts(&self, token: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            if let Err(refusal) = self.user(token).await {
                panic!("{refusal}, in line {}", place.line());
            }
        }
    }

    async fn code(&self, token: &str) -> Code {
        self.user(token).await.unwrap_err().code()
    }
}

#[tokio::test]
async fn keys_are_read_once_and_again_after_five_minutes() {
    let one = Fixture::new();
    let token = one.issuer.token(&json!({}));
    for _ in 0..5 {
        one.accepts(&token).await;
    }
    one.issuer.rotate();
    one.advance(299);
    one.accepts(&token).await;
    assert_eq!(one.issuer.asked("/keys"), 1);
    one.advance(2);
    assert_eq!(one.code(&token).await, Code::InvalidToken);
}

#[tokio::test]
async fn requests_of_the_same_moment_share_an_answer() {
    let one = Fixture::new();
    let token = one.issuer.token(&json!({}));
    let (a, b, c) = tokio::join!(one.user(&token), one.user(&token), one.user(&token));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(one.issuer.asked("/keys"), 1);
}

#[tokio::test]
async fn a_new_key_is_found_at_once_but_unknown_ones_ask_every_five_seconds_at_most() {
    let one = Fixture::new();
    one.accepts(&one.issuer.token(&json!({}))).await;
    one.issuer.rotate();
    one.advance(6);
    one.accepts(&one.issuer.token(&json!({}))).await;
    for kid in ["a", "b", "c"] {
        let invented = one.issuer.sign(&one.issuer.good(), "at+jwt", Some(kid));
        assert_eq!(one.code(&invented).await, Code::InvalidToken);
    }
    let without = one.issuer.sign(&one.issuer.good(), "at+jwt", None);
    assert_eq!(one.code(&without).await, Code::InvalidToken);
    assert_eq!(one.issuer.asked("/keys"), 2);
}

#[tokio::test]
async fn without_keys_nothing_is_decided_until_they_are_back() {
    for fault in FAULTS {
        let one = Fixture::new();
        one.issuer.fail("/keys", Some(fault));
        let (token, begun) = (one.issuer.token(&json!({})), Instant::now());
        let refusal = one.user(&token).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(3), "{fault:?}");
        assert_eq!(
            (refusal.status(), refusal.code()),
            (503, Code::ServiceUnavailable),
            "{fault:?}"
        );
        assert!(refusal.headers().contains(&("retry-after", "5".to_owned())));
        one.issuer.fail("/keys", None);
        assert_eq!(one.code(&token).await, Code::ServiceUnavailable, "within the pause");
        one.advance(6);
        one.accepts(&token).await;
    }
}

#[tokio::test]
async fn known_keys_count_for_an_hour_without_the_service() {
    for fault in FAULTS {
        let one = Fixture::new();
        let token = one.issuer.token(&json!({"exp": u32::MAX}));
        one.accepts(&token).await;
        one.issuer.fail("/keys", Some(fault));
        one.advance(3500);
        one.accepts(&token).await;
        let begun = Instant::now();
        for _ in 0..20 {
            one.accepts(&token).await;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{fault:?}: requests wait within the pause"
        );
        one.issuer.rotate();
        one.advance(6);
        let unknown = one.issuer.token(&json!({}));
        assert_eq!(one.code(&unknown).await, Code::ServiceUnavailable, "{fault:?}");
        one.advance(101);
        assert_eq!(one.code(&token).await, Code::ServiceUnavailable, "{fault:?}");
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_gives_no_keys() {
    let one = Fixture::new();
    one.issuer.change_metadata(json!({"issuer": "https://other.example"}));
    let said = one.verifier.ready().await.unwrap_err();
    assert!(said.contains("its issuer is https://other.example"), "{said}");
    assert_eq!(one.code(&one.issuer.token(&json!({}))).await, Code::ServiceUnavailable);
    one.issuer.change_metadata(json!({}));
    one.verifier.ready().await.unwrap();
    one.accepts(&one.issuer.token(&json!({}))).await;
}

#[tokio::test]
async fn claims_that_are_missing_or_of_a_wrong_type_are_refused() {
    let one = Fixture::new();
    for (name, value) in [
        ("sub", Value::Null),
        ("client_id", Value::Null),
        ("exp", json!("9999999999")),
        ("exp", Value::Null),
        ("nbf", Value::Null),
        ("iat", Value::Null),
        ("iss", json!("https://other.example")),
        ("aud", json!("https://other.example")),
        ("roles", json!("admin")),
        ("app", json!([])),
        ("sid", json!(7)),
        ("cnf", json!({"jkt": "x"})),
        ("cnf", json!(true)),
        ("exp", json!(one.issuer.clock.seconds() - 6)),
        ("nbf", json!(one.issuer.clock.seconds() + 7)),
    ] {
        let token = one.issuer.token(&json!({name: value}));
        assert_eq!(one.code(&token).await, Code::InvalidToken, "{name}: {value}");
    }
    one.accepts(&one.issuer.token(&json!({"exp": one.issuer.clock.seconds() - 3})))
        .await;
}

#[tokio::test]
async fn routes_are_for_users_in_person_unless_they_name_a_scope() {
    let one = Fixture::new();
    let application = json!({"client_id": "shop", "scope": "orders:read"});
    let service = json!({"sub": "a", "client_id": "a", "sid": null, "scope": "orders:read"});
    let api_key = json!({"client_id": "key", "sid": null, "scope": "orders:read"});
    for (claims, kind) in [
        (json!({}), CallerKind::User),
        (application, CallerKind::Application),
        (service, CallerKind::Service),
        (api_key, CallerKind::ApiKey),
    ] {
        let authorization = format!("Bearer {}", one.issuer.token(&claims));
        let head = RequestHead {
            method: "GET",
            path: "/",
            authorization: Some(&authorization),
            proof: None,
        };
        assert_eq!(one.verifier.user(&head).await.is_ok(), kind == CallerKind::User);
        let any = || async { one.verifier.any_caller(&head).await.unwrap() };
        let allowed = any().await.user_or_with_scope("orders:read").unwrap();
        assert_eq!(allowed.kind(), kind);
        assert_eq!(any().await.with_scope("orders:read").is_ok(), kind != CallerKind::User);
        assert_eq!(
            any().await.user_or_with_scope("orders").is_ok(),
            kind == CallerKind::User
        );
        if allowed.sid().is_none() {
            assert_eq!(allowed.require_two_factors().unwrap_err().code(), Code::Forbidden);
        }
    }
}

#[tokio::test]
async fn a_step_up_names_the_level_and_the_age() {
    let one = Fixture::new();
    let recent = Duration::from_secs(300);
    let good = one.user(&one.issuer.token(&json!({}))).await.unwrap();
    good.require_recent(recent).unwrap();
    let old = one.issuer.clock.seconds() - 302;
    for claims in [json!({"auth_time": old}), json!({"acr": "aal1"}), json!({"acr": null})] {
        let user = one.user(&one.issuer.token(&claims)).await.unwrap();
        let refusal = user.require_recent(recent).unwrap_err();
        let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal2\", max_age=\"300\"";
        assert!(refusal.headers().contains(&("www-authenticate", challenge.to_owned())));
        let body: Value = serde_json::from_str(&refusal.body()).unwrap();
        let expected = json!({"code": "insufficient_user_authentication", "acr_values": "aal2", "max_age": 300});
        assert_eq!(body, expected);
    }
    assert_eq!(good.require_method("pop").unwrap_err().status(), 401);
    good.require_method("otp").unwrap();
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_for_the_log() {
    static REASONS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let one = Fixture::with(|options| {
        options
            .without_ended_sessions()
            .on_refusal(|refusal| REASONS.lock().unwrap().push(refusal.to_string()))
    });
    let old = one.issuer.token(&json!({"exp": one.issuer.clock.seconds() - 60}));
    let refusal = one.user(&old).await.unwrap_err();
    let service = one.issuer.token(&json!({"sid": null}));
    one.user(&service).await.unwrap_err();
    let expected = [
        "invalid_token: it has expired",
        "forbidden: this is for users in person",
    ];
    assert_eq!(*REASONS.lock().unwrap(), expected);
    assert_eq!(refusal.body(), "{\"code\":\"invalid_token\"}");
}

fn reading() -> Fixture {
    Fixture::with(|options| options)
}

#[tokio::test]
async fn an_ended_session_counts_no_longer() {
    let one = reading();
    let [token, other] = ["a", "b"].map(|sid| one.issuer.token(&json!({"sid": sid})));
    one.accepts(&token).await;
    one.issuer.change_list(json!({"ended": ["a"]}));
    one.accepts(&token).await;
    one.advance(2);
    assert_eq!(one.code(&token).await, Code::InvalidToken);
    one.accepts(&other).await;
    assert_eq!(one.issuer.asked("/ended"), 2);
    // Its id is remembered although the list has it no longer.
    one.issuer.change_list(json!({}));
    one.advance(100);
    assert_eq!(one.code(&token).await, Code::InvalidToken);
}

#[tokio::test]
async fn without_the_list_requests_pass_for_as_long_as_was_said() {
    for fault in FAULTS {
        let one = reading();
        let token = one.issuer.token(&json!({}));
        one.accepts(&token).await;
        one.issuer.fail("/ended", Some(fault));
        one.advance(5);
        one.accepts(&token).await;
        let begun = Instant::now();
        for _ in 0..20 {
            one.accepts(&token).await;
        }
        assert!(
            begun.elapsed() < Duration::from_millis(500),
            "{fault:?}: requests wait within the pause"
        );
        one.advance(11);
        assert_eq!(one.code(&token).await, Code::ServiceUnavailable, "{fault:?}");
        one.issuer.fail("/ended", None);
        one.advance(2);
        one.accepts(&token).await;
    }
}

#[tokio::test]
async fn without_a_first_list_nothing_passes_unless_it_never_matters() {
    let (strict, lenient) = (reading(), Fixture::with(|options| options.stale_after(Duration::MAX)));
    for one in [&strict, &lenient] {
        one.issuer.fail("/ended", Some(Fault::Error));
    }
    let code = strict.code(&strict.issuer.token(&json!({}))).await;
    assert_eq!(code, Code::ServiceUnavailable);
    lenient.accepts(&lenient.issuer.token(&json!({}))).await;
}

#[tokio::test]
async fn lists_that_are_old_foreign_or_for_another_cursor_do_not_count() {
    for (what, change) in [
        ("old", json!({"iat": 1})),
        ("another issuer", json!({"iss": "https://other.example"})),
        ("another cursor", json!({"after": "other"})),
        ("no cursor", json!({"cursor": null})),
        ("without an end", json!({"more": true, "cursor": ""})),
    ] {
        let one = reading();
        one.issuer.change_list(change);
        let token = one.issuer.token(&json!({}));
        assert_eq!(one.code(&token).await, Code::ServiceUnavailable, "{what}");
        one.issuer.change_list(json!({}));
        one.advance(2);
        one.accepts(&token).await;
    }
    let one = reading();
    one.issuer.change_metadata(json!({"ended_sessions_endpoint": null}));
    let code = one.code(&one.issuer.token(&json!({}))).await;
    assert_eq!(code, Code::ServiceUnavailable);
}

const BACK_END: &str = "https://api.example.com";

/// A memory that several verifiers share, as a database would be. It fails while it `is_down`.
#[derive(Clone, Default)]
struct Store {
    lifetimes: Arc<Mutex<HashMap<String, Duration>>>,
    is_down: Arc<Mutex<bool>>,
}

impl ReplayMemory for Store {
    fn add(&self, id: String, lifetime: Duration) -> IsNew<'_> {
        Box::pin(async move {
            if *self.is_down.lock().unwrap() {
                return Err("connection refused".into());
            }
            tokio::task::yield_now().await;
            Ok(self.lifetimes.lock().unwrap().insert(id, lifetime).is_none())
        })
    }
}

/// Sends a request with a token that is bound to the issuer's key, and a proof.
async fn prove(verifier: &Verifier, token: &str, proof: &str) -> Result<User, Refusal> {
    let authorization = format!("DPoP {token}");
    let head = RequestHead {
        method: "GET",
        path: "/",
        authorization: Some(&authorization),
        proof: Some(proof),
    };
    verifier.user(&head).await
}

#[tokio::test]
async fn processes_that_share_a_memory_take_a_proof_once() {
    let store = Store::default();
    let memory = store.clone();
    let one = Fixture::with(|options| options.without_ended_sessions().dpop(BACK_END).replays(memory));
    let options = || {
        Options::new(one.issuer.url.clone())
            .without_ended_sessions()
            .dpop(BACK_END)
    };
    let clock = || one.issuer.clock.clone();
    let another = Verifier::with_clock(options().replays(store.clone()), clock()).unwrap();
    let alone = Verifier::with_clock(options(), clock()).unwrap();
    let token = one.issuer.token(&json!({"cnf": {"jkt": one.issuer.thumbprint()}}));
    let proof = one.issuer.proof(BACK_END, &token, "first");

    prove(&one.verifier, &token, &proof).await.unwrap();
    for verifier in [&one.verifier, &another] {
        let refusal = prove(verifier, &token, &proof).await.unwrap_err();
        assert_eq!(refusal.code(), Code::InvalidDpopProof, "{refusal}");
    }
    prove(&alone, &token, &proof).await.unwrap();
    // By the id that the packages for Node and Python give it, for as long as its time is accepted.
    let id = hash_of(&format!("{} first", one.issuer.thumbprint()));
    let lifetimes = store.lifetimes.lock().unwrap().clone();
    assert!(
        lifetimes.len() == 1 && (60..=61).contains(&lifetimes[&id].as_secs()),
        "{lifetimes:?}"
    );

    *store.is_down.lock().unwrap() = true;
    let next = one.issuer.proof(BACK_END, &token, "second");
    let refusal = prove(&another, &token, &next).await.unwrap_err();
    assert_eq!(refusal.code(), Code::ServiceUnavailable);
    assert!(
        refusal
            .to_string()
            .ends_with("the memory of proofs: connection refused"),
        "{refusal}"
    );
    *store.is_down.lock().unwrap() = false;
    prove(&another, &token, &next).await.unwrap();
}

#[tokio::test]
async fn only_a_proof_that_counts_is_remembered() {
    let store = Store::default();
    let memory = store.clone();
    let one = Fixture::with(|options| options.without_ended_sessions().dpop(BACK_END).replays(memory));
    let token = one.issuer.token(&json!({"cnf": {"jkt": one.issuer.thumbprint()}}));
    let elsewhere = one.issuer.proof("https://other.example.com", &token, "a");
    assert!(prove(&one.verifier, &token, &elsewhere).await.is_err());
    assert!(store.lifetimes.lock().unwrap().is_empty());
}
