//! Programs that generate clients or import the document understand all of its schemas.
//!
//! Each rule is checked over the whole document: a generator fails on a single violation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vestibule::api::openapi::document;
use vestibule::api::problem::Code;
use vestibule::domain::access_token::AccessTokenClaims;
use vestibule::domain::password::PasswordRejection;

fn parsed() -> Value {
    serde_json::from_str(&document()).unwrap()
}

/// Calls `look` with every object below a value, and the path to it.
fn walk(value: &Value, path: &mut Vec<String>, look: &mut impl FnMut(&[String], &Value)) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            look(path, value);
            members.iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => return,
    };
    for (name, value) in inner {
        // Examples are data: their members are not keywords.
        if name == "example" || name == "examples" {
            continue;
        }
        path.push(name);
        walk(value, path, look);
        path.pop();
    }
}

fn each_object(document: &Value, mut look: impl FnMut(&[String], &Value)) {
    walk(document, &mut Vec::new(), &mut look);
}

/// Returns whether a path is that of a named schema.
fn is_named(path: &[String]) -> bool {
    path.len() == 3 && path[..2] == ["components", "schemas"]
}

fn resolve<'a>(document: &'a Value, shape: &'a Value) -> &'a Value {
    match shape["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => shape,
    }
}

#[test]
fn shapes_are_not_composed_of_others() {
    let document = parsed();
    each_object(&document, |path, value| {
        for composed in ["allOf", "anyOf"] {
            assert!(value.get(composed).is_none(), "{composed} at {path:?}");
        }
    });
}

/// Generators name an inline schema by its place, such as `Login200ResponseOneOf1`, and the next change renames it.
#[test]
fn every_object_and_every_set_of_words_has_a_name() {
    let document = parsed();
    each_object(&document, |path, value| {
        let is_members = path.last().is_some_and(|name| name == "properties");
        if is_named(path) || is_members {
            return;
        }
        assert!(!value["properties"].is_object(), "members at {path:?}");
        let words = value["enum"].as_array().map_or(0, Vec::len);
        assert!(words < 2, "{words} words at {path:?}");
    });
}

#[test]
fn variants_are_named_and_told_apart_by_a_member_of_their_own() {
    let document = parsed();
    let mut found = 0;
    each_object(&document, |path, value| {
        let Some(variants) = value["oneOf"].as_array() else {
            return;
        };
        found += 1;
        assert!(is_named(path), "{path:?}");
        let told_by = value["discriminator"]["propertyName"].as_str().unwrap();
        let mapping = value["discriminator"]["mapping"].as_object().unwrap();
        let mapped: BTreeSet<&str> = mapping.values().map(|reference| reference.as_str().unwrap()).collect();
        let listed: BTreeSet<&str> = variants
            .iter()
            .map(|variant| variant["$ref"].as_str().unwrap())
            .collect();
        assert_eq!((mapped, mapping.len()), (listed, variants.len()), "{path:?}");
        for (word, reference) in mapping {
            let variant = document
                .pointer(reference.as_str().unwrap().trim_start_matches('#'))
                .unwrap();
            assert_eq!(variant["properties"][told_by]["enum"], json!([word]), "{path:?}");
            assert!(required(variant).contains(told_by), "{path:?}");
        }
    });
    assert!(found > 0);
}

fn required(shape: &Value) -> BTreeSet<&str> {
    let names = shape["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

/// Collects the names of the schemas that a value refers to, also indirectly.
fn reachable(document: &Value, from: &Value, names: &mut BTreeSet<String>) {
    let mut next = Vec::new();
    each_object(from, |_, value| {
        if let Some(name) = value["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            next.push(name.to_owned());
        }
    });
    for name in next {
        if names.insert(name.clone()) {
            reachable(document, &document["components"]["schemas"][name], names);
        }
    }
}

/// A missing member and a null one would mean the same, and a client would have to check for both.
#[test]
fn a_member_of_an_answer_is_always_there_or_never_null() {
    let document = parsed();
    let mut answered = BTreeSet::new();
    for operation in operations(&document) {
        reachable(&document, &operation["responses"], &mut answered);
    }
    assert!(answered.len() > 20);
    for name in answered {
        let shape = &document["components"]["schemas"][&name];
        let required = required(shape);
        for (member, property) in shape["properties"].as_object().into_iter().flatten() {
            let nullable = property["type"]
                .as_array()
                .is_some_and(|types| types.contains(&json!("null")));
            assert!(!nullable || required.contains(member.as_str()), "{name}.{member}");
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|item| item.as_object().unwrap().values())
}

/// Generated functions are named by the operation's id, and files or classes by its tag.
#[test]
fn operations_have_plain_ids_and_one_declared_tag() {
    let document = parsed();
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for operation in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let words = || id.split('_');
        let plain = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase());
        assert!(words().all(plain), "{id}");
        *ids.entry(words().collect()).or_default() += 1;
        let own = operation["tags"].as_array().unwrap();
        assert_eq!(own.len(), 1, "{id}");
        assert!(tags.contains(&&own[0]), "{id}");
    }
    // Languages with camel case drop the underscores, so two ids must not differ by underscores alone.
    assert!(ids.values().all(|count| *count == 1), "{ids:?}");
}

/// An answer of several media types would be generated as two types of one schema.
#[test]
fn an_answer_has_one_media_type_and_a_shape() {
    let document = parsed();
    for operation in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let id = &operation["operationId"];
            let Some(content) = response["content"].as_object() else {
                continue;
            };
            assert_eq!(content.len(), 1, "{id} {status}");
            for shape in content.values().map(|content| &content["schema"]) {
                let named = shape["$ref"].is_string() || shape["items"]["$ref"].is_string();
                assert!(named || shape["type"].is_string(), "{id} {status}: {shape}");
            }
        }
    }
}

#[test]
fn the_words_that_programs_switch_on_are_listed() {
    let document = parsed();
    let words_of = |member: &str| {
        let shape = &document["components"]["schemas"]["Problem"]["properties"][member];
        resolve(&document, shape)["enum"].clone()
    };
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words_of("code"), json!(codes));
    // A member with words of the operator as well, for another code, so its own words are in its description.
    let reason = &document["components"]["schemas"]["Problem"]["properties"]["reason"];
    for word in PasswordRejection::ALL.map(PasswordRejection::reason) {
        let named = format!("`{word}`");
        assert!(reason["description"].as_str().unwrap().contains(&named), "{reason}");
    }
}

/// This schema is written by hand, beside the type that tokens are made of. The two have the same members.
#[test]
fn the_claims_are_described_as_they_are_written() {
    let document = parsed();
    let schemas = &document["components"]["schemas"];
    let shape = &schemas["AccessTokenClaims"];
    let sample = |property: &Value| match (property["type"].as_str(), property["format"].as_str()) {
        (Some("string"), Some("uuid")) => json!("019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"),
        (Some("string"), None) => json!("x"),
        (Some("integer"), _) => json!(1),
        (Some("array"), _) => json!(["x"]),
        (Some("object"), _) => json!({"x": 1}),
        // The only one with members.
        (None, None) if property.to_string().contains("#/components/schemas/Confirmation") => json!({"jkt": "x"}),
        other => panic!("{other:?}"),
    };
    let properties = shape["properties"].as_object().unwrap();
    let samples = properties
        .iter()
        .map(|(name, property)| (name.clone(), sample(property)));
    let all = Value::Object(samples.collect());
    let read: AccessTokenClaims = serde_json::from_value(all.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), all);
    for name in properties.keys() {
        let mut fewer = all.clone();
        fewer.as_object_mut().unwrap().remove(name);
        let missed = serde_json::from_value::<AccessTokenClaims>(fewer).is_err();
        assert_eq!(missed, required(shape).contains(name.as_str()), "{name}");
    }
    let introspection = &schemas["IntrospectionResponse"];
    assert_eq!(required(introspection), BTreeSet::from(["active"]));
    let mut known: Vec<&String> = introspection["properties"].as_object().unwrap().keys().collect();
    known.retain(|name| !["active", "token_type"].contains(&name.as_str()));
    assert_eq!(known, properties.keys().collect::<Vec<_>>());
}

/// An example must match its schema, since mock servers answer with it.
#[test]
fn the_examples_have_the_members_of_their_shapes() {
    let document = parsed();
    let mut examples = 0;
    each_object(&document, |path, value| {
        let shape = resolve(&document, value.get("schema").unwrap_or(value));
        let single = value.get("example").or(shape.get("example"));
        let several = value["examples"].as_object().into_iter().flat_map(|all| all.values());
        for example in several.map(|example| &example["value"]).chain(single) {
            let (Some(given), Some(known)) = (example.as_object(), shape["properties"].as_object()) else {
                continue;
            };
            examples += 1;
            for member in given.keys() {
                assert!(known.contains_key(member), "{member} at {path:?}");
            }
            for member in required(shape) {
                assert!(given.contains_key(member), "no {member} at {path:?}");
            }
        }
    });
    assert!(examples > 100, "{examples}");
}
