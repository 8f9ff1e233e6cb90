//! What is pending ends with what authorised it: every kind of pending item against everything that ends sessions,
//! credentials or accounts. [`fate`] is the table of docs/SECURITY.md; a new kind, or a new end, does not compile
//! without a row here.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;
use vestibule::domain::clock::Clock;
use vestibule::domain::link_token::LinkPurpose;
use vestibule::domain::oauth::client::ClientChanges;
use vestibule::domain::sent_code::CodePurpose;
use vestibule::domain::session_end::EndCause;

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, PHONE, Person, SignedIn, challenge, refresh, request_link, verify, verify_by};
use crate::support::app::TestApp;
use crate::support::applications::{Application, described, text};
use crate::support::oath;
use crate::support::response::TestResponse;

const NEW: &str = "heftklammer im regen";
const OTHER_PHONE: &str = "+4915112345679";

/// What can be pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// A login that waits for its second factor.
    Login,
    /// A sent code, for signing in or for confirming a new factor.
    Code(CodePurpose),
    /// A new authenticator that waits for its first code.
    Authenticator,
    /// A mailed token.
    Link(LinkPurpose),
}

fn every_pending() -> Vec<Pending> {
    let others = [Pending::Login, Pending::Authenticator];
    let codes = [CodePurpose::Authentication, CodePurpose::Enrolment].map(Pending::Code);
    let links = LinkPurpose::ALL.map(Pending::Link);
    others.into_iter().chain(codes).chain(links).collect()
}

/// What ends sessions, credentials or accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Session(EndCause),
    SignOutAll,
}

pub(super) fn every_end() -> Vec<End> {
    let causes = EndCause::ALL.map(End::Session).into_iter().chain([End::SignOutAll]);
    // It ends only sessions that no other factor proved, and nothing is pending in those.
    causes
        .filter(|end| *end != End::Session(EndCause::FactorRemoved))
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Alive,
    Dead,
    /// The combination is impossible.
    Never,
}

/// The table. If an item was started in a session, the end concerns that session, and the owner acts from another one.
#[expect(
    clippy::match_same_arms,
    reason = "one arm for each rule, in the order in which they apply"
)]
fn fate(pending: Pending, end: End) -> Fate {
    use EndCause::{
        AccountDeleted, AccountDisabled, ClientChanged, ClientDeleted, CodeReuse, ConsentWithdrawn,
        EmailChangeCancelled, EmailChanged, EndedByOperator, EndedByOwner, Expired, FactorRemoved, FactorsReset,
        GrantReuse, Logout, OneEndedByOperator, OthersEndedByOwner, PasswordChanged, PasswordReset, RefreshReuse,
        RevokedByClient, SessionLimit, UnverifiedAccountReset,
    };
    match (pending, end) {
        // An invited account has neither sessions nor a password before the invitation is used.
        (
            Pending::Link(LinkPurpose::Invitation),
            End::Session(
                Logout | EndedByOwner | OneEndedByOperator | RevokedByClient | SessionLimit | Expired | OthersEndedByOwner | RefreshReuse
                | PasswordChanged | PasswordReset | EmailChangeCancelled | EmailChanged | GrantReuse | CodeReuse
                | ConsentWithdrawn | ClientChanged | ClientDeleted,
            ),
        )
        // Only an unverified address gets verified, and its account reset; only a verified one gets a notice of a
        // change.
        | (Pending::Link(LinkPurpose::EmailVerification), End::Session(PasswordReset | EmailChangeCancelled))
        | (Pending::Link(LinkPurpose::EmailChangeCancellation), End::Session(UnverifiedAccountReset))
        | (_, End::Session(FactorRemoved)) => Fate::Never,
        // What becomes of a grant to an application concerns nothing of the user's own.
        (_, End::Session(GrantReuse | CodeReuse | ConsentWithdrawn | ClientChanged | ClientDeleted)) => Fate::Alive,
        // Ends against an intruder end everything. But a reused refresh token ends only its session, not logins.
        (Pending::Login | Pending::Code(CodePurpose::Authentication), End::Session(RefreshReuse)) => Fate::Alive,
        // The address was never verified: the session may be a stranger's, so it must not end the links of the
        // address's reader.
        (
            Pending::Link(LinkPurpose::EmailVerification),
            End::Session(OthersEndedByOwner | RefreshReuse | PasswordChanged),
        ) => Fate::Alive,
        (
            _,
            End::SignOutAll
            | End::Session(
                AccountDeleted | OthersEndedByOwner | RefreshReuse | EndedByOperator | AccountDisabled | FactorsReset | PasswordChanged
                | PasswordReset | UnverifiedAccountReset | EmailChangeCancelled,
            ),
        ) => Fate::Dead,
        // One session ends, and with it what was started in it.
        (
            Pending::Authenticator
            | Pending::Code(CodePurpose::Enrolment)
            | Pending::Link(LinkPurpose::EmailChange),
            End::Session(Logout | EndedByOwner | OneEndedByOperator | RevokedByClient | SessionLimit | Expired),
        )
        // A login is a session itself, and expires.
        | (Pending::Login | Pending::Code(CodePurpose::Authentication), End::Session(Expired)) => Fate::Dead,
        (
            Pending::Login
            | Pending::Code(CodePurpose::Authentication)
            | Pending::Link(
                LinkPurpose::MagicLink
                | LinkPurpose::PasswordReset
                | LinkPurpose::EmailVerification
                | LinkPurpose::EmailChangeCancellation,
            ),
            End::Session(Logout | EndedByOwner | OneEndedByOperator | RevokedByClient | SessionLimit | Expired),
        ) => Fate::Alive,
        // The old address is not trusted any longer: neither links that were sent to it, nor logins that one of them
        // may have started. Sessions, and what was started in them, continue.
        (
            Pending::Link(_) | Pending::Login | Pending::Code(CodePurpose::Authentication),
            End::Session(EmailChanged),
        ) => Fate::Dead,
        (Pending::Code(CodePurpose::Enrolment) | Pending::Authenticator, End::Session(EmailChanged)) => Fate::Alive,
    }
}

/// A user with two sessions and something pending. If the pending item belongs to a session, it is the first one; the
/// second is the owner's.
pub(super) struct Case {
    pending: Pending,
    email: String,
    signed_in: Option<SignedIn>,
    pub(super) second: String,
    /// The token, the code or the secret that is pending.
    secret: String,
    /// The pre-auth token that a code belongs to.
    login: String,
}

impl Case {
    pub(super) async fn begin(app: &TestApp, admin: &SignedIn, (pending, end): (Pending, End)) -> Self {
        let email = format!("{pending:?}@example.com")
            .to_lowercase()
            .replace(['(', ')'], ".")
            .replace(".@", "@");
        let mut case = Self {
            pending,
            email,
            signed_in: None,
            second: String::new(),
            secret: String::new(),
            login: String::new(),
        };
        if pending == Pending::Link(LinkPurpose::Invitation) {
            let body = json!({"email": case.email});
            app.call_as(Method::POST, "/admin/users", &admin.access_token, &body)
                .await
                .expect(201);
            case.secret = app.mailed_token(&case.email, "invitation").await;
            return case;
        }
        let signed_in = Person::sign_up(app, &case.email).await;
        let is_unverified = pending == Pending::Link(LinkPurpose::EmailVerification)
            || end == End::Session(EndCause::UnverifiedAccountReset);
        if !is_unverified {
            app.verify_email(&case.email).await;
        }
        if pending == Pending::Code(CodePurpose::Authentication) {
            signed_in.set_up_phone(app, PHONE).await;
        }
        case.second = signed_in.person.sign_in_again(app).await;
        case.signed_in = Some(signed_in);
        case.put_up(app).await;
        case
    }

    fn first(&self) -> &SignedIn {
        self.signed_in.as_ref().expect("a user with sessions")
    }

    async fn ask_for_change(&self, app: &TestApp, token: &str, to: &str) {
        app.clock.advance(1);
        let body = json!({"email": format!("{to}.{}", self.email)});
        app.call_as(Method::POST, "/email/change", token, &body)
            .await
            .expect(202);
    }

    /// Starts the pending item.
    async fn put_up(&mut self, app: &TestApp) {
        let first = self.first();
        let (token, email) = (&first.access_token, &self.email);
        match self.pending {
            Pending::Login => self.secret = first.person.log_in(app).await,
            Pending::Code(CodePurpose::Authentication) => {
                let login = first.person.log_in(app).await;
                challenge(app, &login, "sms").await.expect(202);
                self.secret = app.sent_code(PHONE).await;
                self.login = login;
            }
            Pending::Code(CodePurpose::Enrolment) => {
                let body = json!({"phone_number": OTHER_PHONE});
                app.call_as(Method::PUT, "/2fa/phone", token, &body).await.expect(202);
                self.secret = app.confirmation_code(OTHER_PHONE).await;
            }
            Pending::Authenticator => {
                self.secret = app.post_as("/2fa/totp", token).await.expect(201).text("/secret");
            }
            Pending::Link(LinkPurpose::EmailVerification) => {
                self.secret = app.mailed_token(email, "email_verification").await;
            }
            Pending::Link(LinkPurpose::EmailChange) => {
                self.ask_for_change(app, token, "new").await;
                self.secret = app.mailed_token(&format!("new.{email}"), "email_change").await;
            }
            Pending::Link(LinkPurpose::EmailChangeCancellation) => {
                self.ask_for_change(app, token, "new").await;
                self.secret = app.mailed_token(email, "email_change_requested").await;
            }
            Pending::Link(LinkPurpose::PasswordReset) => {
                self.secret = mailed(app, "/password/forgot", "password_reset", email).await;
            }
            Pending::Link(LinkPurpose::MagicLink) => {
                self.secret = mailed(app, "/magic-link", "magic_link", email).await;
            }
            Pending::Link(LinkPurpose::Invitation) => unreachable!("has no session"),
        }
    }

    /// Ends what is to be ended.
    pub(super) async fn end(&self, app: &TestApp, admin: &SignedIn, end: End) {
        app.clock.advance(1);
        let path = format!("/admin/users/{}", self.id(app, admin).await);
        let by_admin = async |method, path: &str| app.bare_as(method, path, &admin.access_token).await;
        let End::Session(cause) = end else {
            app.sign_out_all().await;
            return;
        };
        match cause {
            EndCause::AccountDeleted => drop(by_admin(Method::DELETE, &path).await.expect(204)),
            EndCause::EndedByOperator => drop(by_admin(Method::DELETE, &format!("{path}/sessions")).await.expect(204)),
            EndCause::FactorsReset => drop(by_admin(Method::DELETE, &format!("{path}/2fa")).await.expect(204)),
            EndCause::AccountDisabled => {
                for disabled in [true, false] {
                    let body = json!({"disabled": disabled});
                    app.call_as(Method::PATCH, &path, &admin.access_token, &body)
                        .await
                        .expect(200);
                }
            }
            EndCause::UnverifiedAccountReset => {
                let token = mailed(app, "/magic-link", "magic_link", &self.email).await;
                assert_ne!(token, self.secret);
                app.post("/magic-link/verify", &json!({"token": token}))
                    .await
                    .expect(200);
            }
            EndCause::OneEndedByOperator => {
                let path = format!("{path}/sessions/{}", self.first_id());
                by_admin(Method::DELETE, &path).await.expect(204);
            }
            _ => self.end_session(app, cause).await,
        }
    }

    /// The id of the first session.
    fn first_id(&self) -> String {
        let claims = crate::support::actors::claims(&self.first().access_token);
        claims["sid"].as_str().unwrap().to_owned()
    }

    /// Ends a grant to an application that the first session gave.
    async fn end_grant(&self, app: &TestApp, cause: EndCause) {
        let shop = Application::register(app, described(&format!("shop of {}", self.email), "public")).await;
        let granting = &self.first().access_token;
        let code = shop.code(app, granting, &[]).await;
        let tokens = shop.redeem(app, &code, &[]).await.expect(200).json();
        let refresh_token = text(&tokens, "refresh_token");
        match cause {
            EndCause::CodeReuse => drop(shop.redeem(app, &code, &[]).await.expect(400)),
            EndCause::ConsentWithdrawn => {
                let path = format!("/me/applications/{}", shop.id);
                app.bare_as(Method::DELETE, &path, granting).await.expect(204);
            }
            EndCause::ClientChanged => {
                let changes = ClientChanges {
                    audiences: Some(vec!["https://files.example.com".to_owned()]),
                    ..ClientChanges::default()
                };
                app.update_client(&shop.id, changes).await;
            }
            EndCause::ClientDeleted => app.delete_client(&shop.id).await,
            _ => {
                shop.refresh(app, &refresh_token).await.expect(200);
                app.clock.advance(11);
                shop.refresh(app, &refresh_token).await.expect(400);
            }
        }
        let ended = shop.refresh(app, &refresh_token).await;
        assert!([400, 401].contains(&ended.status.as_u16()));
    }

    async fn end_session(&self, app: &TestApp, cause: EndCause) {
        let first = self.first();
        match cause {
            EndCause::Logout => drop(app.post_as("/logout", &first.access_token).await.expect(204)),
            EndCause::EndedByOwner => {
                let path = format!("/sessions/{}", self.first_id());
                app.bare_as(Method::DELETE, &path, &self.second).await.expect(204);
            }
            EndCause::RevokedByClient => {
                let client = app.service_client(&format!("api of {}", self.email)).await;
                let request = TestRequest::post()
                    .uri("/token/revoke")
                    .insert_header(("authorization", client));
                app.send(request.set_json(json!({"token": first.access_token})))
                    .await
                    .expect(200);
            }
            EndCause::SessionLimit => drop(first.person.sign_in_again(app).await),
            EndCause::Expired => app.clock.advance(300),
            EndCause::OthersEndedByOwner => {
                app.bare_as(Method::DELETE, "/sessions", &self.second).await.expect(204);
            }
            EndCause::RefreshReuse => {
                refresh(app, &first.refresh_token).await.expect(200);
                app.clock.advance(11);
                refresh(app, &first.refresh_token).await.expect(401);
            }
            EndCause::GrantReuse
            | EndCause::CodeReuse
            | EndCause::ConsentWithdrawn
            | EndCause::ClientChanged
            | EndCause::ClientDeleted => {
                self.end_grant(app, cause).await;
            }
            EndCause::PasswordChanged => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                app.call_as(Method::POST, "/password/change", &self.second, &body)
                    .await
                    .expect(204);
            }
            EndCause::PasswordReset => {
                let token = mailed(app, "/password/forgot", "password_reset", &self.email).await;
                assert_ne!(token, self.secret);
                let body = json!({"token": token, "new_password": NEW});
                app.post("/password/reset", &body).await.expect(204);
            }
            EndCause::EmailChangeCancelled => {
                if self.pending != Pending::Link(LinkPurpose::EmailChange) {
                    self.ask_for_change(app, &first.access_token, "unwanted").await;
                }
                let token = app.mailed_token(&self.email, "email_change_requested").await;
                assert_ne!(token, self.secret);
                app.post("/email/change/cancel", &json!({"token": token}))
                    .await
                    .expect(204);
            }
            EndCause::EmailChanged => {
                self.ask_for_change(app, &self.second, "moved").await;
                app.verify_new_email(&format!("moved.{}", self.email), &self.second)
                    .await;
            }
            EndCause::FactorRemoved => unreachable!("is not in the list"),
            EndCause::EndedByOperator
            | EndCause::OneEndedByOperator
            | EndCause::FactorsReset
            | EndCause::AccountDisabled
            | EndCause::AccountDeleted
            | EndCause::UnverifiedAccountReset => {
                unreachable!("needs no session")
            }
        }
    }

    async fn id(&self, app: &TestApp, admin: &SignedIn) -> String {
        let path = format!("/admin/users?query={}", self.email);
        app.get_as(&path, &admin.access_token)
            .await
            .expect(200)
            .text("/items/0/id")
    }

    /// Tries to use the pending item, in every way that is left.
    async fn is_alive(&self, app: &TestApp) -> bool {
        app.clock.advance(30);
        let by_token = async |path: &str| app.post(path, &json!({"token": self.secret})).await;
        match self.pending {
            Pending::Login => works(&verify(app, &self.secret, &self.first().person.code(app)).await),
            Pending::Code(CodePurpose::Authentication) => {
                works(&verify_by(app, &self.login, &self.secret, "sms").await)
            }
            Pending::Code(CodePurpose::Enrolment) => {
                let body = json!({"code": self.secret});
                self.confirms(app, "/2fa/phone/confirm", &body).await
            }
            Pending::Authenticator => {
                let body = json!({"code": oath::code_at(&self.secret, app.clock.now())});
                self.confirms(app, "/2fa/totp/confirm", &body).await
            }
            Pending::Link(LinkPurpose::EmailVerification | LinkPurpose::EmailChange) => {
                for password in [PASSWORD, NEW] {
                    let body = json!({"token": self.secret, "password": password});
                    if works(&app.post("/email/verify", &body).await) {
                        return true;
                    }
                }
                let body = json!({"token": self.secret});
                works(&app.call_as(Method::POST, "/email/verify", &self.second, &body).await)
            }
            Pending::Link(LinkPurpose::EmailChangeCancellation) => works(&by_token("/email/change/cancel").await),
            Pending::Link(LinkPurpose::MagicLink) => works(&by_token("/magic-link/verify").await),
            Pending::Link(LinkPurpose::PasswordReset | LinkPurpose::Invitation) => {
                let body = json!({"token": self.secret, "new_password": "ein drittes langes wort"});
                works(&app.post("/password/reset", &body).await)
            }
        }
    }

    /// Confirms a factor, in the session that started it or in the other one.
    async fn confirms(&self, app: &TestApp, path: &str, body: &serde_json::Value) -> bool {
        for token in [&self.second, &self.first().access_token] {
            if works(&app.call_as(Method::POST, path, token, body).await) {
                return true;
            }
        }
        false
    }
}

/// Returns whether a request was accepted. If not, the status must be one that a bad token or code gets.
fn works(answer: &TestResponse) -> bool {
    let status = answer.status.as_u16();
    assert!([200, 204, 400, 401].contains(&status), "{answer:?}");
    status < 300
}

async fn mailed(app: &TestApp, path: &str, kind: &str, email: &str) -> String {
    app.clock.advance(1);
    request_link(app, path, kind, email).await
}

pub(super) async fn town(end: End) -> TestApp {
    let more = match end {
        End::Session(EndCause::Expired) => ("SESSION_IDLE_TTL", "300"),
        End::Session(EndCause::SessionLimit) => ("MAX_SESSIONS", "2"),
        _ => ("PRE_AUTH_TTL", "600"),
    };
    TestApp::with(&[("SECOND_FACTORS", "totp,email,sms"), more]).await
}

#[actix_web::test]
async fn whatever_is_pending_ends_with_what_authorised_it() {
    let mut wrong = Vec::new();
    for end in every_end() {
        let app = town(end).await;
        for (number, pending) in every_pending().into_iter().enumerate() {
            let expected = fate(pending, end);
            if expected == Fate::Never {
                continue;
            }
            // A user for each: the clock advances, and some ends concern all users.
            let admin = administrator(&app, &format!("root{number}@example.com")).await;
            let case = Case::begin(&app, &admin, (pending, end)).await;
            case.end(&app, &admin, end).await;
            let found = if case.is_alive(&app).await {
                Fate::Alive
            } else {
                Fate::Dead
            };
            if found != expected {
                wrong.push(format!("{pending:?} after {end:?}: {found:?}, expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without an end, everything works: otherwise the test above could not fail.
#[actix_web::test]
async fn whatever_is_pending_works_as_long_as_nothing_ends() {
    let app = town(End::Session(EndCause::AccountDeleted)).await;
    let mut admin = administrator(&app, "root@example.com").await;
    for pending in every_pending() {
        admin.prove(&app).await;
        let case = Case::begin(&app, &admin, (pending, End::Session(EndCause::AccountDeleted))).await;
        assert!(case.is_alive(&app).await, "{pending:?}");
    }
}

#[actix_web::test]
async fn the_table_of_the_documentation_names_every_kind() {
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SECURITY.md")).unwrap();
    let section = documented.split("## What is pending").nth(1).expect("a section");
    let section = section.split("\n## ").next().unwrap();
    for pending in every_pending() {
        let row = match pending {
            Pending::Login => "a login that waits for its second factor",
            Pending::Code(CodePurpose::Authentication) => "a code that was sent to sign in or step up with",
            Pending::Code(CodePurpose::Enrolment) => "a new factor whose codes are sent",
            Pending::Authenticator => "a new authenticator",
            Pending::Link(LinkPurpose::MagicLink) => "a link to sign in with",
            Pending::Link(LinkPurpose::PasswordReset) => "a link to set a new password",
            Pending::Link(LinkPurpose::Invitation) => "an invitation",
            Pending::Link(LinkPurpose::EmailVerification) => "the confirmation of the account's address",
            Pending::Link(LinkPurpose::EmailChange) => "a change of address",
            Pending::Link(LinkPurpose::EmailChangeCancellation) => "the cancellation of a change of address",
        };
        assert!(section.contains(&format!("| {row} |")), "{row}");
    }
}
