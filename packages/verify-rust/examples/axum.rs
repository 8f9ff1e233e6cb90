//! A back end on axum that knows who calls.

use std::time::Duration;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use vestibule_verify::{AnyCaller, Options, Refusal, User, Verifier};

async fn me(user: User) -> Json<Value> {
    Json(json!({"sub": user.sub()}))
}

async fn admin(user: User) -> Result<Json<Value>, Refusal> {
    user.require_role("editor")?;
    Ok(Json(json!({"sub": user.sub()})))
}

async fn pay(user: User) -> Result<Json<Value>, Refusal> {
    user.require_recent(Duration::from_secs(300))?;
    Ok(Json(json!({"sub": user.sub()})))
}

/// For users in person, and for applications, services and scripts that were allowed it.
async fn order(Path(id): Path<u32>, caller: AnyCaller) -> Result<Json<Value>, Refusal> {
    let caller = caller.user_or_with_scope("orders:read")?;
    Ok(Json(json!({"sub": caller.sub(), "order": id})))
}

async fn report(user: User) -> Result<Json<Value>, Refusal> {
    user.require_role("editor")?;
    Ok(Json(json!({"rows": 0})))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let base_url = std::env::var("BASE_URL").unwrap_or_else(|_| format!("http://localhost:{port}"));
    let mut options = Options::new(std::env::var("VESTIBULE_ISSUER")?).dpop(base_url);
    if let Ok(audience) = std::env::var("VESTIBULE_AUDIENCE") {
        options = options.audience(audience);
    }
    let app = Router::new()
        .route("/me", get(me))
        .route("/admin", get(admin))
        .route("/payments", post(pay))
        .route("/orders/{id}", get(order))
        .nest("/internal", Router::new().route("/report", get(report)))
        .with_state(Verifier::new(options)?);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
