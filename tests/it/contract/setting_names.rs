//! What the program says names a setting as its operator writes it: by its variable.

use std::fs;
use std::path::{Path, PathBuf};

use vestibule::config::settings;

/// Returns the string literals of a source file, without those of its unit tests.
fn literals(source: &str) -> Vec<String> {
    let end = source.find("#[cfg(test)]\nmod tests").unwrap_or(source.len());
    let mut found = Vec::new();
    let mut literal: Option<String> = None;
    let lines = source[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    // A quote that is a character begins no text.
    let lines = lines.map(|line| line.replace("'\"'", "' '"));
    for line in lines {
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (&mut literal, character) {
                (Some(text), '\\') => text.extend(characters.next().filter(|it| *it == '"')),
                (Some(_), '"') => found.extend(literal.take()),
                (Some(text), character) => text.push(character),
                (None, '"') => literal = Some(String::new()),
                (None, _) => {}
            }
        }
        if let Some(text) = &mut literal {
            text.push(' ');
        }
    }
    found
}

/// Returns the words that are names of settings without their prefix.
fn bare_names(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let is_setting = |word: &&str| settings::ALL.iter().any(|it| it.name == *word && it.variable != *word);
    words.filter(is_setting).map(str::to_owned).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn texts_name_settings_by_their_variables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = 0;
    // The table of settings has the names themselves.
    for path in sources(&root)
        .into_iter()
        .filter(|path| !path.ends_with("config/settings.rs"))
    {
        for literal in literals(&fs::read_to_string(&path).unwrap()) {
            let bare = bare_names(&literal);
            assert!(bare.is_empty(), "{}: {bare:?} in {literal:?}", path.display());
            read += 1;
        }
    }
    assert!(read > 2000, "{read}");
}

#[test]
fn bare_names_are_seen() {
    for (source, expected) in [
        ("x(\"set LISTEN to\")", vec!["LISTEN"]),
        ("x(\"set VESTIBULE_LISTEN, or \\\n   PUBLIC_URL\")", vec!["PUBLIC_URL"]),
        ("settings::LISTEN\n// \"LOGO\"\ny('\"', \"LISTEN\")", vec!["LISTEN"]),
        ("\"DATABASE_URL and LISTENING and \\\"LOGO\\\"\"", vec!["LOGO"]),
    ] {
        let found: Vec<String> = literals(source)
            .iter()
            .flat_map(|literal| bare_names(literal))
            .collect();
        assert_eq!(found, expected, "{source}");
    }
}
