//! Simplifies the schemas of the document for client generators.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Replaces every `allOf` with one object that has all members.
///
/// The derive describes a flattened member by `allOf`. Generators read that as inheritance, as a part without a name,
/// or not at all. One object with all members means the same to each of them.
pub(super) fn merge_parts(schemas: &mut Map<String, Value>) {
    let described = schemas.clone();
    for schema in schemas.values_mut().filter(|schema| schema.get("allOf").is_some()) {
        let mut whole = Members::default();
        whole.take(&described, schema, true);
        if let Value::Object(shape) = schema {
            shape.remove("allOf");
            shape.insert("type".to_owned(), json!("object"));
            shape.insert("properties".to_owned(), Value::Object(whole.properties));
            shape.insert("required".to_owned(), json!(whole.required));
        }
    }
}

/// The members of an object.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
}

impl Members {
    /// Adds the members of a schema and of its parts. `always` says whether they are always present.
    fn take(&mut self, schemas: &Map<String, Value>, shape: &Value, always: bool) {
        if let Some(referred) = shape["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            self.take(schemas, schemas.get(referred).unwrap_or(&Value::Null), always);
        }
        self.properties
            .extend(shape["properties"].as_object().cloned().unwrap_or_default());
        if always {
            let required = shape["required"].as_array().into_iter().flatten();
            self.required
                .extend(required.filter_map(Value::as_str).map(str::to_owned));
        }
        for part in shape["allOf"].as_array().into_iter().flatten() {
            self.take(schemas, part, always);
        }
        // A flattened `Option` is one of its schema and null.
        for part in shape["oneOf"].as_array().into_iter().flatten() {
            self.take(schemas, part, false);
        }
    }
}

/// Sets the deployment's minimum length of passwords for every member that sets a password.
pub(super) fn set_password_min_length(schemas: &mut Map<String, Value>, min_length: usize) {
    let members = schemas
        .values_mut()
        .filter_map(|schema| schema.get_mut("properties")?.as_object_mut())
        .flat_map(|members| members.values_mut());
    // An existing password is only compared, however short it is, so its member has no minimum length.
    for member in members.filter(|member| member["format"] == "password" && member.get("minLength").is_some()) {
        member["minLength"] = json!(min_length);
    }
}
