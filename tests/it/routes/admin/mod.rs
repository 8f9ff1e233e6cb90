//! Administration over HTTP.

mod claims;
mod client_secret;
mod clients;
mod devices;
mod events;
mod health;
mod identities;
mod keys;
mod providers;
mod second_factors;
mod services;
mod sessions;
mod statistics;
mod user;
mod users;
mod webhook_deliveries;
mod webhooks;

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use serde_json::Value;

use crate::support::actors::{Person, SignedIn, refresh, verify};
use crate::support::app::TestApp;

/// Signs up an administrator.
pub(crate) async fn administrator(app: &TestApp, email: &str) -> SignedIn {
    let mut signed_in = Person::sign_up(app, email).await;
    set_roles(app, email, "{admin}");
    signed_in.refresh(app).await;
    signed_in
}

/// Gives an account roles, in the database only.
pub(crate) fn set_roles(app: &TestApp, email: &str, roles: &str) {
    sql(
        app,
        &format!("UPDATE users SET roles = '{roles}' WHERE email = '{email}'"),
    );
}

/// Runs a statement.
pub(crate) fn sql(app: &TestApp, statement: &str) {
    app.database.connect().batch_execute(statement).unwrap();
}

/// Returns the events with this name, newest first, as the administrator sees them.
async fn events(app: &TestApp, admin: &SignedIn, event: &str) -> Vec<Value> {
    let listed = app
        .get_as(&format!("/admin/events?event={event}"), &admin.access_token)
        .await;
    listed.expect(200).json()["items"].as_array().unwrap().clone()
}

/// Asserts that a user's tokens are refused, and so is the login that they started, even with the right code.
async fn assert_out(app: &TestApp, person: &SignedIn, (pending, code): (&str, &str)) {
    app.get_as("/me", &person.access_token)
        .await
        .expect_problem(401, "invalid_token");
    refresh(app, &person.refresh_token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    verify(app, pending, code)
        .await
        .expect_problem(401, "invalid_pre_auth_token");
}

fn path(person: &Person) -> String {
    format!("/admin/users/{}", person.id)
}

/// Sends a change of an account.
async fn patch(
    app: &TestApp,
    admin: &SignedIn,
    person: &Person,
    body: Value,
) -> crate::support::response::TestResponse {
    app.call_as(Method::PATCH, &path(person), &admin.access_token, &body)
        .await
}
