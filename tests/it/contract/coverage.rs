//! Every route is documented and tested, and nothing else is.
//!
//! When this fails: give the handler a `#[utoipa::path]` and list it in `api/openapi.rs`, or add a test file whose first
//! line names the operation as `METHOD /path` in backticks. There is no list of exceptions to add to.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use vestibule::api::openapi::document;
use vestibule::api::routes::ROUTES;

fn routed() -> BTreeSet<String> {
    let operations = ROUTES.iter().filter(|route| !route.operation_id.is_empty());
    operations
        .map(|route| format!("{} {}", route.verb.name(), route.path))
        .collect()
}

#[test]
fn routes_and_document_name_the_same_operations() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut documented = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            assert!(
                ROUTES
                    .iter()
                    .any(|route| route.operation_id == id && route.path == path),
                "{id}"
            );
        }
    }
    assert_eq!(documented, routed());
}

#[test]
fn every_operation_has_a_test_file() {
    let mut tested = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/routes"),
        &mut tested,
    );
    assert_eq!(tested, routed());
}

fn collect(directory: &Path, tested: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, tested);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        tested.extend(first.split('`').filter(|part| part.contains(" /")).map(str::to_owned));
    }
}
