//! What ends sessions: each end, for whatever cause, is in the trail once for each session and each grant that ended.
//!
//! Back ends learn from the trail which tokens do not count any longer. That every other test of the service leaves such
//! a trail is checked at its end (`support/trail.rs`).

use std::collections::BTreeMap;

use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde_json::json;
use vestibule::domain::oauth::client::ClientChanges;
use vestibule::domain::session_end::EndCause;

use crate::routes::admin::administrator;
use crate::support::actors::{PASSWORD, Person, SignedIn, claims, refresh, request_link};
use crate::support::app::TestApp;
use crate::support::applications::{Application, text};
use crate::support::passkeys::{remove_passkey, sign_in_by_passkey, sign_in_challenge};

const NEW_PASSWORD: &str = "heftklammer im regen";

/// A user with two sessions, a grant in each, and a login that waits for its second factor.
struct Scene {
    app: TestApp,
    jo: SignedIn,
    other: String,
    shop: Application,
    code: String,
    granted: String,
    /// What the ids of sessions are called here.
    names: BTreeMap<String, &'static str>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = Text)]
    session: String,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    actor: Option<String>,
}

fn sid(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

impl Scene {
    async fn new(cause: EndCause) -> Self {
        let settings: &[(&str, &str)] = match cause {
            EndCause::SessionLimit => &[("MAX_SESSIONS", "2")],
            EndCause::FactorRemoved => &[("SECOND_FACTORS", "totp,passkey")],
            _ => &[],
        };
        let app = TestApp::with(settings).await;
        let jo = match cause {
            EndCause::UnverifiedAccountReset => Person::sign_up(&app, "jo@example.com").await,
            _ => Person::sign_up_verified(&app, "jo@example.com").await,
        };
        let other = match cause {
            EndCause::FactorRemoved => String::new(),
            _ => jo.person.sign_in_again(&app).await,
        };
        let shop = Application::public(&app).await;
        let code = shop.code(&app, &jo.access_token, &[]).await;
        let tokens = shop.redeem(&app, &code, &[]).await.expect(200).json();
        let mut scene = Self {
            names: BTreeMap::from([
                (sid(&jo.access_token), "session"),
                (sid(&text(&tokens, "access_token")), "grant"),
            ]),
            granted: text(&tokens, "refresh_token"),
            app,
            jo,
            other,
            shop,
            code,
        };
        if cause != EndCause::FactorRemoved {
            scene.grant_in_other().await;
        }
        scene.jo.person.log_in(&scene.app).await;
        let pending = diesel::sql_query("SELECT id::text AS id FROM sessions WHERE state = 'pending'");
        let pending: Vec<Id> = pending.load(&mut scene.app.database.connect()).unwrap();
        assert_eq!(pending.len(), 1);
        scene.names.insert(pending[0].id.clone(), "login");
        scene
    }

    async fn grant_in_other(&mut self) {
        let tokens = self.shop.sign_in(&self.app, &self.other, &[]).await;
        let grant = sid(&text(&tokens, "access_token"));
        self.names.insert(sid(&self.other), "other session");
        self.names.insert(grant, "other grant");
    }

    /// Returns the ends in the trail: each with what has ended, sorted.
    fn ends(&self) -> Vec<(&'static str, End)> {
        let ends = diesel::sql_query(
            "SELECT session_id::text AS session, event, reason, actor_id::text AS actor FROM audit_events
             WHERE event IN ('session_logout', 'authn_token_revoked', 'excess_sessions_exceeded', 'session_expired')",
        );
        let ends: Vec<End> = ends.load(&mut self.app.database.connect()).unwrap();
        let name = |end: End| (self.names[&end.session], end);
        let mut named: Vec<_> = ends.into_iter().map(name).collect();
        named.sort_by_key(|(name, _)| *name);
        named
    }

    /// Sends a request in the first session.
    async fn call(&self, method: Method, path: &str, body: &serde_json::Value) {
        let token = &self.jo.access_token;
        let answer = self.app.call_as(method, path, token, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
    }

    async fn remove(&self, path: &str) {
        let token = &self.jo.access_token;
        self.app.bare_as(Method::DELETE, path, token).await.expect(204);
    }

    async fn as_administrator(&self, method: Method, path: &str, body: Option<serde_json::Value>) {
        let admin = administrator(&self.app, "root@example.com").await;
        let path = format!("/admin/users/{}{path}", self.jo.person.id);
        let answer = match body {
            Some(body) => self.app.call_as(method, &path, &admin.access_token, &body).await,
            None => self.app.bare_as(method, &path, &admin.access_token).await,
        };
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
    }

    /// Makes something end sessions.
    async fn bring_about(&mut self, cause: EndCause) {
        let (app, jo, shop) = (&self.app, &self.jo, &self.shop);
        match cause {
            EndCause::Logout => {
                app.post_as("/logout", &jo.access_token).await.expect(204);
            }
            EndCause::EndedByOwner => self.remove(&format!("/sessions/{}", sid(&self.other))).await,
            EndCause::OthersEndedByOwner => self.remove("/sessions").await,
            EndCause::RevokedByClient => {
                let revoke = TestRequest::post()
                    .uri("/token/revoke")
                    .insert_header((header::AUTHORIZATION, app.service_client("api").await))
                    .set_form([("token", &jo.access_token)]);
                app.send(revoke).await.expect(200);
            }
            EndCause::SessionLimit => {
                jo.person.sign_in_again(app).await;
            }
            EndCause::Expired => {
                app.clock.advance(7 * 86_400);
                refresh(app, &jo.refresh_token).await.expect(401);
            }
            EndCause::RefreshReuse => {
                refresh(app, &jo.refresh_token).await.expect(200);
                app.clock.advance(60);
                refresh(app, &jo.refresh_token).await.expect(401);
            }
            EndCause::GrantReuse => {
                shop.refresh(app, &self.granted).await.expect(200);
                app.clock.advance(60);
                shop.refresh(app, &self.granted).await.expect(400);
            }
            EndCause::CodeReuse => {
                shop.redeem(app, &self.code, &[]).await.expect(400);
            }
            EndCause::ConsentWithdrawn => self.remove(&format!("/me/applications/{}", shop.id)).await,
            EndCause::ClientChanged => {
                let changes = ClientChanges {
                    scopes: Some(vec!["orders:read".to_owned()]),
                    ..ClientChanges::default()
                };
                app.update_client(&shop.id, changes).await;
            }
            EndCause::ClientDeleted => app.delete_client(&shop.id).await,
            EndCause::EndedByOperator => self.as_administrator(Method::DELETE, "/sessions", None).await,
            EndCause::OneEndedByOperator => {
                let path = format!("/sessions/{}", sid(&self.other));
                self.as_administrator(Method::DELETE, &path, None).await;
            }
            EndCause::AccountDisabled => {
                let disabled = Some(json!({"disabled": true}));
                self.as_administrator(Method::PATCH, "", disabled).await;
            }
            EndCause::FactorsReset => self.as_administrator(Method::DELETE, "/2fa", None).await,
            EndCause::PasswordChanged => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
                self.call(Method::POST, "/password/change", &body).await;
            }
            EndCause::PasswordReset | EndCause::UnverifiedAccountReset => {
                let link = request_link(app, "/password/forgot", "password_reset", &jo.person.email).await;
                let body = json!({"token": link, "new_password": NEW_PASSWORD});
                app.post("/password/reset", &body).await.expect(204);
            }
            EndCause::EmailChanged | EndCause::EmailChangeCancelled => {
                let body = json!({"email": "new@example.com"});
                self.call(Method::POST, "/email/change", &body).await;
                if cause == EndCause::EmailChanged {
                    app.verify_new_email("new@example.com", &jo.access_token).await;
                } else {
                    let link = app.mailed_token(&jo.person.email, "email_change_requested").await;
                    let body = json!({"token": link});
                    app.post("/email/change/cancel", &body).await.expect(204);
                }
            }
            EndCause::FactorRemoved => {
                let (mut key, id) = jo.add_passkey(app).await;
                let assertion = key.assert(&sign_in_challenge(app).await);
                let answer = sign_in_by_passkey(app, &assertion).await.expect(200);
                self.other = answer.text("/access_token");
                self.grant_in_other().await;
                let (app, jo) = (&self.app, &self.jo);
                remove_passkey(app, &jo.access_token, &id).await.expect(204);
            }
            EndCause::AccountDeleted => self.remove("/me").await,
        }
    }
}

const EVERYTHING: &[&str] = &["grant", "login", "other grant", "other session", "session"];
const FIRST: &[&str] = &["grant", "session"];
const GRANTS: &[&str] = &["grant", "other grant"];

/// Returns what a cause ends, and what the trail says about it.
const fn expected(cause: EndCause) -> (&'static [&'static str], &'static str, Option<&'static str>) {
    const REVOKED: &str = "authn_token_revoked";
    match cause {
        EndCause::Logout => (FIRST, "session_logout", None),
        EndCause::EndedByOwner => (&["other grant", "other session"], REVOKED, Some("by_owner")),
        EndCause::OthersEndedByOwner => (&["login", "other grant", "other session"], REVOKED, Some("by_owner")),
        EndCause::RevokedByClient => (FIRST, REVOKED, Some("by_client")),
        EndCause::SessionLimit => (FIRST, "excess_sessions_exceeded", None),
        EndCause::Expired => (&["session"], "session_expired", Some("refresh")),
        EndCause::RefreshReuse => (FIRST, REVOKED, Some("refresh_reuse")),
        EndCause::GrantReuse => (&["grant"], REVOKED, Some("refresh_reuse")),
        EndCause::CodeReuse => (&["grant"], REVOKED, Some("code_reuse")),
        EndCause::ConsentWithdrawn => (GRANTS, REVOKED, Some("consent_withdrawn")),
        EndCause::ClientChanged => (GRANTS, REVOKED, Some("client_changed")),
        EndCause::ClientDeleted => (GRANTS, REVOKED, Some("client_deleted")),
        EndCause::EndedByOperator => (EVERYTHING, REVOKED, Some("by_operator")),
        EndCause::OneEndedByOperator => (&["other grant", "other session"], REVOKED, Some("by_operator")),
        EndCause::AccountDisabled => (EVERYTHING, REVOKED, Some("account_disabled")),
        EndCause::FactorsReset => (EVERYTHING, REVOKED, Some("factors_reset")),
        EndCause::PasswordChanged => (
            &["grant", "login", "other grant", "other session"],
            REVOKED,
            Some("password_changed"),
        ),
        EndCause::PasswordReset => (EVERYTHING, REVOKED, Some("password_reset")),
        EndCause::UnverifiedAccountReset => (EVERYTHING, REVOKED, Some("unverified_account_reset")),
        EndCause::EmailChangeCancelled => (EVERYTHING, REVOKED, Some("email_change_cancelled")),
        EndCause::EmailChanged => (&["login"], REVOKED, Some("email_changed")),
        EndCause::FactorRemoved => (&["other grant", "other session"], REVOKED, Some("factor_removed")),
        EndCause::AccountDeleted => (EVERYTHING, REVOKED, Some("account_deleted")),
    }
}

#[actix_web::test]
async fn each_session_and_grant_that_ends_for_any_cause_is_in_the_trail_once() {
    for cause in EndCause::ALL {
        let mut scene = Scene::new(cause).await;
        assert_eq!(scene.ends().len(), 0, "{cause:?}");
        scene.bring_about(cause).await;
        let (what, event, reason) = expected(cause);
        let ends = scene.ends();
        let ended: Vec<&str> = ends.iter().map(|(name, _)| *name).collect();
        assert_eq!(ended, what, "{cause:?}");
        for (name, end) in &ends {
            let reason = if *name == "login" { Some("pending") } else { reason };
            assert_eq!(
                (end.event.as_str(), end.reason.as_deref()),
                (event, reason),
                "{cause:?} {name}"
            );
            let by_administrator = matches!(
                cause,
                EndCause::EndedByOperator
                    | EndCause::OneEndedByOperator
                    | EndCause::AccountDisabled
                    | EndCause::FactorsReset
            );
            assert_eq!(end.actor.is_some(), by_administrator, "{cause:?} {name}");
        }
    }
}
