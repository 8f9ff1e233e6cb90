//! A back end on actix-web that knows who calls.

use std::time::Duration;

use actix_web::web::{Data, Json, Path, get, post, resource, scope};
use actix_web::{App, HttpServer};
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
async fn order(id: Path<u32>, caller: AnyCaller) -> Result<Json<Value>, Refusal> {
    let caller = caller.user_or_with_scope("orders:read")?;
    Ok(Json(json!({"sub": caller.sub(), "order": *id})))
}

async fn report(user: User) -> Result<Json<Value>, Refusal> {
    user.require_role("editor")?;
    Ok(Json(json!({"rows": 0})))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let base_url = std::env::var("BASE_URL").unwrap_or_else(|_| format!("http://localhost:{port}"));
    let mut options = Options::new(std::env::var("VESTIBULE_ISSUER")?).dpop(base_url);
    if let Ok(audience) = std::env::var("VESTIBULE_AUDIENCE") {
        options = options.audience(audience);
    }
    // Outside of the closure: the workers share its keys.
    let verifier = Data::new(Verifier::new(options)?);
    let app = move || {
        App::new()
            .app_data(verifier.clone())
            .service(resource("/me").route(get().to(me)))
            .service(resource("/admin").route(get().to(admin)))
            .service(resource("/payments").route(post().to(pay)))
            .service(resource("/orders/{id}").route(get().to(order)))
            .service(scope("/internal").service(resource("/report").route(get().to(report))))
    };
    HttpServer::new(app)
        .workers(2)
        .bind(format!("127.0.0.1:{port}"))?
        .run()
        .await?;
    Ok(())
}
