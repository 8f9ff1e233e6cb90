//! The OpenAPI document is complete, and the committed file is what the program prints.

use std::path::Path;

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::api::openapi::document;
use vestibule::domain::account_event::{AccountEvent, AccountEventType, ToldAccount, ToldNames};
use vestibule::domain::audit_event::{EventName, RecordedEvent};
use vestibule::domain::ids::{AuditEventId, RequestId, SessionId, UserId};
use vestibule::domain::oauth::client::ClientRef;

#[test]
fn the_committed_document_is_the_current_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == document(),
        "the API changed; look at the difference and accept it with: cargo run -q -- openapi > openapi/openapi.json"
    );
}

#[test]
fn every_operation_is_described_in_full() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            for member in ["operationId", "summary", "description", "tags", "responses"] {
                let text = operation[member].to_string();
                assert!(text.len() > 4, "{name} has no {member}");
            }
            assert!(
                operation["security"].is_array(),
                "{name} does not say which clients may call it"
            );
            if let Some(body) = operation.get("requestBody") {
                assert_eq!(body["required"], true, "{name}");
                for content in body["content"].as_object().unwrap().values() {
                    check_example(&document, &name, content);
                }
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{name} {status}"
                );
                let header = match status.as_str() {
                    "401" => "WWW-Authenticate",
                    "429" | "503" => "Retry-After",
                    _ => "",
                };
                assert!(
                    header.is_empty() || response["headers"][header]["schema"].is_object(),
                    "{name} {status} does not describe {header}"
                );
                for content in response["content"]
                    .as_object()
                    .into_iter()
                    .flat_map(serde_json::Map::values)
                {
                    check_example(&document, &format!("{name} {status}"), content);
                }
            }
        }
    }
}

#[test]
fn every_member_of_every_shape_is_described() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, property) in members(schema) {
            assert!(
                property.to_string().contains("\"description\""),
                "{name}.{member} has no description"
            );
        }
    }
}

/// What the program sends to back ends, for each type.
#[test]
fn every_message_to_a_webhook_is_described_as_it_is() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let schema = |name: &str| &document["components"]["schemas"][name];
    for told in AccountEventType::ALL {
        let operation = &document["webhooks"][told.as_str()]["post"];
        let content = &operation["requestBody"]["content"];
        let has_token = content.get("application/secevent+jwt").is_some();
        assert_eq!(has_token, !told.security_events().is_empty(), "{}", told.as_str());
        let shape = content["application/json"]["schema"]["$ref"].as_str().unwrap();
        let shape = document.pointer(shape.trim_start_matches('#')).unwrap();
        assert_eq!(shape["properties"]["type"]["enum"], json!([told.as_str()]));
        assert_eq!(
            schema("WebhookMessage")["discriminator"]["mapping"][told.as_str()],
            content["application/json"]["schema"]["$ref"]
        );
        let (name, reasons) = told.sources().remove(0);
        for message in messages(name, told, reasons.first().copied()) {
            let message = serde_json::to_value(message).unwrap();
            assert_eq!(message["type"], told.as_str());
            check_shape(shape, &message);
            check_shape(schema("AccountEventData"), &message["data"]);
            check_shape(schema("AccountEventActor"), &message["data"]["actor"]);
            check_shape(
                schema("AccountEventData"),
                &content["application/json"]["example"]["data"],
            );
        }
    }
}

/// The shortest and the longest message about an event.
fn messages(name: EventName, told: AccountEventType, reason: Option<&str>) -> [AccountEvent; 2] {
    let row = RecordedEvent {
        id: AuditEventId::from_uuid(Uuid::from_u128(1)),
        occurred_at: DateTime::UNIX_EPOCH,
        event: name.as_str().to_owned(),
        success: told != AccountEventType::CredentialSuspicious,
        reason: reason.map(str::to_owned),
        user_id: Some(UserId::from_uuid(Uuid::from_u128(2))),
        session_id: Some(SessionId::from_uuid(Uuid::from_u128(3))),
        client: Some(ClientRef::from_stored(Uuid::from_u128(4), None)),
        provider: Some("company".to_owned()),
        webhook_id: None,
        actor_id: None,
        request_id: RequestId::from_uuid(Uuid::from_u128(5)),
        route: None,
        ip: None,
        user_agent: None,
    };
    let names = ToldNames {
        email: Some("jo@example.com".to_owned()),
        email_verified: true,
        username: Some("jo".to_owned()),
    };
    let account = ToldAccount {
        disabled: false,
        changed_at: DateTime::UNIX_EPOCH,
        names: Some(names),
    };
    let long = AccountEvent::of(&row, Some(account)).unwrap();
    let short = RecordedEvent {
        client: None,
        actor_id: row.user_id,
        ..row
    };
    [AccountEvent::of(&short, None).unwrap(), long]
}

fn check_shape(schema: &Value, value: &Value) {
    let (described, given) = (schema["properties"].as_object().unwrap(), value.as_object().unwrap());
    for member in given.keys() {
        assert!(described.contains_key(member), "{member} is not described");
    }
    for member in schema["required"].as_array().unwrap() {
        assert!(given.contains_key(member.as_str().unwrap()), "{member} is missing");
    }
}

/// Returns the members of a schema, also of one that extends another.
fn members(schema: &Value) -> Vec<(&String, &Value)> {
    let own = schema["properties"].as_object().into_iter().flatten();
    let parts = schema["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(members)).collect()
}

fn check_example(document: &Value, place: &str, content: &Value) {
    let schema = &content["schema"];
    let reference = schema["$ref"]
        .as_str()
        .or(schema["items"]["$ref"].as_str())
        .map(|reference| reference.trim_start_matches('#'));
    let resolved = reference.map_or(schema, |pointer| document.pointer(pointer).unwrap_or(schema));
    let given = content.get("example").is_some()
        || content.get("examples").is_some()
        || resolved.to_string().contains("\"example")
        || *schema == serde_json::json!({});
    assert!(given, "{place} has no example");
}
