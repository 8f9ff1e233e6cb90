//! The file of permissions: TOML, a list for each role.

use toml::Value;

use super::reader::Reader;
use super::settings;
use super::toml_file;
use crate::domain::permissions::RolePermissions;

/// Reads the file, if the deployment names one.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<RolePermissions> {
    let Some(path) = reader.text(&settings::ROLE_PERMISSIONS_FILE) else {
        return Some(RolePermissions::default());
    };
    let read = toml_file::read(path).and_then(|file| {
        let listed: Result<Vec<_>, String> = file.into_iter().map(|(role, value)| list(role, value)).collect();
        RolePermissions::check(listed.map_err(|fault| vec![fault])?)
    });
    read.map_err(|faults| reader.faults(&settings::ROLE_PERMISSIONS_FILE, faults))
        .ok()
}

fn list(role: String, value: Value) -> Result<(String, Vec<String>), String> {
    let permissions: Option<Vec<String>> = match value {
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => None,
    };
    match permissions {
        Some(permissions) => Ok((role, permissions)),
        None => Err(format!(
            "{role}: must be a list of texts; a role with a dot stands in quotes"
        )),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
