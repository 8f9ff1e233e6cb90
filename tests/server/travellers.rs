//! Users who run through every operation, and what was acknowledged to each, while the service or its database fails.
//!
//! Each user does the same: register, verify the address, confirm the authenticator, refresh, log in with a code,
//! change the password, log out, log in with a recovery code, reset the password. Some only refresh, for as long as the
//! others come and go. A lost answer leaves two possible states, both of them valid; the next request finds out which
//! one it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use ureq::http::Method;

use super::http::{Answer, Client};
use super::person::{PERIOD, Tokens, now};
use super::postgres::psql;
use super::process::{PATIENCE, StopAtEnd};
use crate::support::oath;

/// Concurrent users.
const USERS: usize = 4;
/// Users who stay signed in meanwhile, and only refresh.
const GUESTS: usize = 2;
/// How long the previous refresh token is still accepted, less some time for a slow machine.
const GRACE: Duration = Duration::from_secs(8);

/// The current instance, which may have been killed, or may have no database.
pub(super) struct Service {
    client: Mutex<Client>,
    stopping: AtomicBool,
    /// Requests whose result is unknown.
    unanswered: AtomicU32,
    /// Users who are through.
    arrived: AtomicU32,
}

impl Service {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client: Mutex::new(client),
            stopping: AtomicBool::new(false),
            unanswered: AtomicU32::new(0),
            arrived: AtomicU32::new(0),
        }
    }

    /// Sends all further requests to another instance.
    pub(super) fn moves_to(&self, client: Client) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Returns how many requests had no answer, or the answer that the database is away.
    pub(super) fn unanswered(&self) -> u32 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Returns how many users are through.
    pub(super) fn arrived(&self) -> u32 {
        self.arrived.load(Ordering::Relaxed)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Sends a request once: `None` if its result is unknown.
    fn once(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Option<Answer> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match client.try_send(method, path, token, body) {
            Ok(answer) if answer.status != 503 => {
                assert!(answer.status < 500, "{path}: {}", answer.text);
                Some(answer)
            }
            Ok(_) | Err(_) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Sends a request until it is answered. Returns whether an earlier try may have been processed without an answer.
    fn until_answered(&self, method: &Method, path: &str, token: Option<&str>, body: Option<&Value>) -> (Answer, bool) {
        let begun = Instant::now();
        let mut repeated = false;
        loop {
            if let Some(answer) = self.once(method.clone(), path, token, body) {
                return (answer, repeated);
            }
            assert!(begun.elapsed() < PATIENCE, "{path} was never answered");
            repeated = true;
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn post(&self, path: &str, body: &Value) -> (Answer, bool) {
        self.until_answered(&Method::POST, path, None, Some(body))
    }

    fn get_as(&self, token: &str, path: &str) -> Answer {
        self.until_answered(&Method::GET, path, Some(token), None).0
    }
}

/// A user, and what the service has acknowledged to them.
pub(super) struct Traveller {
    email: String,
    password: String,
    secret: String,
    /// The time step of the first code; the second is the next one. Both are valid for at least half a minute.
    first_step: i64,
    recovery_codes: Vec<String>,
    /// Must be refused from now on.
    spent_codes: Vec<String>,
    ended: Vec<Tokens>,
    /// Must be accepted.
    live: Option<Tokens>,
    /// The first tokens of the live session, if they were exchanged. Must be refused once the live ones are, too.
    exchanged: Option<Tokens>,
}

impl Traveller {
    /// Registers. If the answer was lost, the account may exist. Then it is complete, and a login continues.
    fn register(service: &Service, email: String) -> (Self, String) {
        let password = "Grüne Fenster im Regen".to_owned();
        let (answer, repeated) = service.post("/register", &json!({"email": email, "password": password}));
        let mut traveller = Self {
            email,
            password,
            secret: String::new(),
            first_step: now() / PERIOD,
            recovery_codes: Vec::new(),
            spent_codes: Vec::new(),
            ended: Vec::new(),
            live: None,
            exchanged: None,
        };
        if answer.status == 201 {
            traveller.secret = answer.text_at("/totp/secret");
            return (traveller, answer.text_at("/pre_auth_token"));
        }
        assert!(repeated, "{}", answer.text);
        answer.problem(409, "email_taken");
        let pre_auth_token = traveller.enrol(service);
        (traveller, pre_auth_token)
    }

    /// Logs in and gets a new secret.
    fn enrol(&mut self, service: &Service) -> String {
        let answer = self.log_in(service);
        assert_eq!(answer.text_at("/status"), "enrolment_required");
        let pre_auth_token = answer.text_at("/pre_auth_token");
        let (enrolment, _) = service.until_answered(&Method::POST, "/2fa/totp", Some(&pre_auth_token), None);
        self.secret = enrolment.expect(201).text_at("/secret");
        pre_auth_token
    }

    fn code(&self, step: i64) -> String {
        oath::code_at(&self.secret, DateTime::from_timestamp(step * PERIOD, 0).unwrap())
    }

    fn log_in(&self, service: &Service) -> Answer {
        let body = json!({"email": self.email, "password": self.password});
        service.post("/login", &body).0.expect(200)
    }

    fn pre_auth_token(&self, service: &Service) -> String {
        self.log_in(service).text_at("/pre_auth_token")
    }

    /// Signs in with a code that was never sent before. If the answer was lost, the next try is refused or signs in;
    /// the code works once in either case.
    fn sign_in(&mut self, service: &Service, code: String) -> Option<Tokens> {
        let mut repeated = false;
        let tokens = loop {
            let body = json!({"pre_auth_token": self.pre_auth_token(service), "code": code});
            if let Some(answer) = service.once(Method::POST, "/2fa/verify", None, Some(&body)) {
                if answer.status == 200 {
                    break Some(Tokens::of(&answer));
                }
                assert!(repeated, "never sent, and refused: {}", answer.text);
                answer.problem(401, "invalid_code");
                break None;
            }
            repeated = true;
        };
        self.spent_codes.push(code);
        tokens
    }

    /// Confirms the authenticator. If the answer was lost, so were the recovery codes.
    fn confirm(&mut self, service: &Service, pre_auth_token: &str) -> Option<Tokens> {
        let code = self.code(self.first_step);
        let body = json!({"pre_auth_token": pre_auth_token, "code": code});
        let (answer, repeated) = service.post("/2fa/verify", &body);
        self.spent_codes.push(code);
        if answer.status == 200 {
            let tokens = Tokens::of(&answer);
            self.recovery_codes.clone_from(&tokens.recovery_codes);
            return Some(tokens);
        }
        assert!(repeated, "{}", answer.text);
        answer.problem(401, "invalid_pre_auth_token");
        None
    }

    /// Refreshes. Sends the token again only if the answer was lost: the successor is always the same, so that another
    /// try would repair a rotation that was acknowledged and then lost.
    fn rotate(service: &Service, tokens: &Tokens) -> Option<Tokens> {
        let begun = Instant::now();
        let body = json!({"refresh_token": tokens.refresh});
        let (answer, repeated) = service.post("/token/refresh", &body);
        if repeated && begun.elapsed() > GRACE {
            return None;
        }
        Some(Tokens::of(&answer.expect(200)))
    }

    /// Refreshes twice. The same token returns the same successor again, so that a lost answer loses nothing.
    fn refresh(service: &Service, tokens: &Tokens) -> Option<Tokens> {
        let begun = Instant::now();
        let successor = Self::rotate(service, tokens)?;
        let body = json!({"refresh_token": tokens.refresh});
        let (again, _) = service.post("/token/refresh", &body);
        if begun.elapsed() < GRACE {
            assert_eq!(Tokens::of(&again.expect(200)).refresh, successor.refresh);
        }
        (begun.elapsed() < GRACE).then_some(successor)
    }

    fn log_out(&mut self, service: &Service, tokens: Tokens) {
        let body = json!({"refresh_token": tokens.refresh});
        service.post("/logout", &body).0.expect(204);
        self.ended.push(tokens);
    }

    /// Changes the password. Returns whether it is changed. If the answer was lost, exactly one of the two is right.
    fn change_password(&mut self, service: &Service, tokens: &Tokens) -> bool {
        let new = format!("{}, und Sonne", self.password);
        let body = json!({"current_password": self.password, "new_password": new});
        let answer = service.once(Method::POST, "/password/change", Some(&tokens.access), Some(&body));
        let changed = if let Some(answer) = answer {
            answer.expect(204).status == 204
        } else {
            let right = |password: &str| {
                let body = json!({"email": self.email, "password": password});
                service.post("/login", &body).0.status == 200
            };
            let (old, new) = (right(&self.password), right(&new));
            assert!(old != new, "old: {old}, new: {new}");
            new
        };
        if changed {
            self.password = new;
        }
        changed
    }

    /// Returns the token of a mail whose sending was acknowledged.
    fn mailed_token(&self, service: &Service, kind: &str) -> Value {
        let path = format!("/dev/outbox?to={}", self.email);
        let (answer, _) = service.until_answered(&Method::GET, &path, None, None);
        let captured = answer.expect(200).json();
        let mail = captured.as_array().unwrap().iter().find(|mail| mail["kind"] == kind);
        mail.unwrap_or_else(|| panic!("no {kind} in {captured}"))["token"].clone()
    }

    /// Sends a mailed token: it works once.
    fn use_up(service: &Service, path: &str, body: &Value) {
        let (answer, repeated) = service.post(path, body);
        assert!(answer.status == 204 || repeated, "{}", answer.text);
        service.post(path, body).0.problem(400, "invalid_link_token");
    }

    /// Verifies the address. Otherwise a password reset would remove the authenticator.
    fn verify_address(&self, service: &Service) {
        let token = self.mailed_token(service, "email_verification");
        let body = json!({"token": token, "password": self.password});
        service.post("/email/verify", &body).0.expect(204);
    }

    /// Sets a new password by mail, which ends all sessions.
    fn reset_password(&mut self, service: &Service) {
        service
            .post("/password/forgot", &json!({"email": self.email}))
            .0
            .expect(202);
        let token = self.mailed_token(service, "password_reset");
        let new = format!("{}, und Wind", self.password);
        Self::use_up(
            service,
            "/password/reset",
            &json!({"token": token, "new_password": new}),
        );
        self.password = new;
        self.ended.extend(self.live.take());
    }

    /// Runs all the steps, and skips those whose input was lost.
    fn travel(service: &Service, email: String, resets: bool) -> Self {
        let (mut this, pre_auth_token) = Self::register(service, email);
        this.verify_address(service);
        let tokens = this.confirm(service, &pre_auth_token);
        let tokens = tokens.and_then(|tokens| Self::refresh(service, &tokens));
        let code = this.code(this.first_step + 1);
        let Some(other) = this.sign_in(service, code) else {
            this.live = tokens;
            return this;
        };
        if this.change_password(service, &other) {
            this.ended.extend(tokens);
        }
        this.log_out(service, other);
        if let Some(recovery_code) = this.recovery_codes.pop() {
            this.live = this.sign_in(service, recovery_code);
        }
        if resets {
            this.reset_password(service);
        }
        this
    }

    /// Signs in, and refreshes to the end.
    fn stay(service: &Service, email: String) -> Self {
        let (mut this, pre_auth_token) = Self::register(service, email);
        this.verify_address(service);
        this.live = this.confirm(service, &pre_auth_token);
        while !service.is_stopping()
            && let Some(tokens) = this.live.take()
        {
            this.live = Self::rotate(service, &tokens);
            this.exchanged.get_or_insert(tokens);
        }
        this
    }

    /// The last tokens are accepted. Tokens before the previous ones are not, and end the session.
    fn last_tokens_count(&self, service: &Service) {
        let Some(tokens) = &self.live else { return };
        let me = service.get_as(&tokens.access, "/me").expect(200).json();
        assert_eq!(me["email_verified"], true, "{me}");
        let refresh = |tokens: &Tokens| {
            let body = json!({"refresh_token": tokens.refresh});
            service.post("/token/refresh", &body).0
        };
        refresh(tokens).expect(200);
        if let Some(exchanged) = &self.exchanged {
            refresh(exchanged).expect(401);
            service.get_as(&tokens.access, "/me").expect(401);
        }
    }

    /// Checks everything that was acknowledged, after the last failure.
    fn look_back(mut self, service: &Service, database_url: &str) {
        self.last_tokens_count(service);
        for code in self.spent_codes.clone() {
            let body = json!({"pre_auth_token": self.pre_auth_token(service), "code": code});
            service.post("/2fa/verify", &body).0.problem(401, "invalid_code");
        }
        for tokens in &self.ended {
            let body = json!({"refresh_token": tokens.refresh});
            assert_ne!(service.post("/token/refresh", &body).0.status, 200);
        }
        let Some(code) = self.recovery_codes.pop() else { return };
        let tokens = self.sign_in(service, code).unwrap();
        self.end_every_session(service, database_url, &tokens);
    }

    /// Every session in the database is listed to its owner, who can end it.
    fn end_every_session(&self, service: &Service, database_url: &str, tokens: &Tokens) {
        let active = || {
            let active = format!(
                "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.state = 'active' AND u.email = '{}' ORDER BY 1",
                self.email
            );
            psql(database_url, &active)
        };
        let listed = service.get_as(&tokens.access, "/sessions").expect(200).json();
        let mut listed: Vec<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .collect();
        listed.sort_unstable();
        assert_eq!(listed.join("\n"), active());
        let delete = |path: &str| {
            service
                .until_answered(&Method::DELETE, path, Some(&tokens.access), None)
                .0
        };
        delete("/sessions").expect(204);
        assert_eq!(active().lines().count(), 1);
        service
            .until_answered(&Method::POST, "/logout", Some(&tokens.access), None)
            .0
            .expect(204);
        assert_eq!(active(), "");
    }
}

/// Runs users until `fail` returns, and returns what was acknowledged to them.
pub(super) fn travel_during(service: &Service, fail: impl FnOnce()) -> Vec<Traveller> {
    thread::scope(|scope| {
        let guests: Vec<_> = (0..GUESTS)
            .map(|place| scope.spawn(move || Traveller::stay(service, format!("al{place}@mail.example"))))
            .collect();
        let on_the_way: Vec<_> = (0..USERS)
            .map(|place| scope.spawn(move || travel_to_the_end(service, place)))
            .collect();
        let stopping = StopAtEnd(&service.stopping);
        fail();
        drop(stopping);
        let arrived = on_the_way.into_iter().flat_map(|users| users.join().unwrap());
        let stayed = guests.into_iter().map(|guest| guest.join().unwrap());
        arrived.chain(stayed).collect()
    })
}

/// Runs one user after another.
fn travel_to_the_end(service: &Service, place: usize) -> Vec<Traveller> {
    let mut arrived = Vec::new();
    while !service.is_stopping() {
        let email = format!("jo{place}.{}@mail.example", arrived.len());
        arrived.push(Traveller::travel(service, email, arrived.len() % 2 == 0));
        service.arrived.fetch_add(1, Ordering::Relaxed);
    }
    arrived
}

/// Checks that everything acknowledged is true in a database and at the service.
pub(super) fn nothing_is_lost(service: &Service, database_url: &str, travellers: Vec<Traveller>) {
    assert!(!travellers.is_empty());
    // The audit trail matches the sessions: every session that was ever active was created once.
    let unlike = "SELECT count(*) FROM (
        SELECT s.id FROM sessions s LEFT JOIN audit_events e ON e.session_id = s.id AND e.event = 'session_created'
        WHERE s.state <> 'pending' AND s.idle_expires_at IS NOT NULL GROUP BY s.id HAVING count(e.id) <> 1) unlike";
    assert_eq!(psql(database_url, unlike), "0");
    for traveller in travellers {
        traveller.look_back(service, database_url);
    }
}

/// Returns random numbers for the moments of failures, from `CRASH_SEED` or from the clock, and prints the seed.
pub(super) fn moments() -> ChaCha20Rng {
    let given = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| now().unsigned_abs());
    eprintln!("CRASH_SEED={seed}");
    ChaCha20Rng::seed_from_u64(seed)
}
