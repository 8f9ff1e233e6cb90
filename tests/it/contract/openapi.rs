//! The OpenAPI document is complete, and the committed file is what the program prints.

use std::path::Path;

use serde_json::Value;
use vestibule::api::openapi::document;

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
