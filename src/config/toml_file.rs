//! TOML files that settings name.

use toml::Table;

/// Reads a file.
///
/// # Errors
///
/// Says why it cannot be read, or in which line it is not TOML.
pub(super) fn read(path: &str) -> Result<Table, Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("cannot be read from {path}: {error}")])?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.lines().count().max(1));
        // Only the message: the text there could be a secret that is in the wrong file.
        vec![format!("line {line}: {}", error.message())]
    })
}
