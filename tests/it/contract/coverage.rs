//! Every route is documented and tested, and nothing else is.
//!
//! When this fails: give the handler a row in `api/routes/table.rs`, or add a test file whose first line names the
//! operation as `METHOD /path` in backticks. There is no list of exceptions to add to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// The table names handlers, so a handler that it does not name is in no document and cannot be reached. It would be
/// dead code that the compiler does not report, because handlers are public.
#[test]
fn every_described_handler_is_in_the_table() {
    let mut described = BTreeSet::new();
    for (_, text) in files_below("src/api/handlers") {
        let functions = syn::parse_file(&text).unwrap().items;
        described.extend(functions.iter().filter_map(described_operation));
    }
    let in_the_table: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|route| !route.operation_id.is_empty())
        .map(|route| (route.path.to_owned(), route.operation_id.to_owned()))
        .collect();
    assert_eq!(described, in_the_table);
}

/// Returns path and name of the operation that a handler's `#[utoipa::path]` describes.
fn described_operation(item: &syn::Item) -> Option<(String, String)> {
    let syn::Item::Fn(function) = item else { return None };
    let is_description = |attribute: &&syn::Attribute| {
        let names = attribute
            .path()
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        names.eq(["utoipa", "path"])
    };
    let attribute = function.attrs.iter().find(is_description)?;
    let text = &attribute.meta.require_list().unwrap().tokens.to_string();
    let value = |name: &str| {
        let (_, after) = text.split_once(&format!(", {name} = \"")).unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    Some((value("path"), value("operation_id")))
}

/// What actix registers outside of the table would be reachable without a limit, a guard and a description.
#[test]
fn only_the_table_registers_handlers() {
    let registering = ["web::resource(", "web::scope(", ".service(", "web::route(", ".route("];
    let found: BTreeSet<PathBuf> = files_below("src")
        .filter(|(_, text)| registering.iter().any(|call| text.contains(call)))
        .map(|(path, _)| path)
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(found, BTreeSet::from([root.join("src/api/routes.rs")]));
}

#[test]
fn every_operation_has_a_test_file() {
    let mut tested = BTreeSet::new();
    for (_, text) in files_below("tests/it/routes") {
        let first = text.lines().next().unwrap_or_default();
        tested.extend(first.split('`').filter(|part| part.contains(" /")).map(str::to_owned));
    }
    assert_eq!(tested, routed());
}

/// Returns the sources below a folder of the repository, with their paths.
pub(super) fn files_below(folder: &str) -> impl Iterator<Item = (PathBuf, String)> + use<> {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    files.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    })
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
