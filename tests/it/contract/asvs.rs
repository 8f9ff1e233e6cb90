//! The table of requirements in ASVS.md is complete, and the tests that it names exist.

use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../../docs/ASVS.md");

/// The requirements of the three chapters that a level is claimed for, as the rows write them.
const CHAPTERS: &[(&str, &[u32])] = &[
    ("6.1", &[1, 2, 3]),
    ("6.2", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("6.3", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("6.4", &[1, 2, 3, 4, 5, 6]),
    ("6.5", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("6.6", &[1, 2, 3, 4]),
    ("6.7", &[1, 2]),
    ("6.8", &[1, 4]),
    ("7.1", &[1, 2, 3]),
    ("7.2", &[1, 2, 3, 4]),
    ("7.3", &[1, 2]),
    ("7.4", &[1, 2, 3, 4, 5]),
    ("7.5", &[1, 2, 3]),
    ("7.6", &[1, 2]),
    ("9.1", &[1, 2, 3]),
    ("9.2", &[1, 2, 3, 4]),
];

fn rows() -> Vec<Vec<&'static str>> {
    let is_row = |line: &&str| {
        line.strip_prefix("| ")
            .is_some_and(|row| row.starts_with(|first: char| first.is_ascii_digit()))
    };
    let lines = PAGE.lines().filter(is_row);
    lines
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn every_requirement_has_a_row() {
    let ids: String = rows().iter().map(|row| row[0].to_owned() + "\n").collect();
    let named = |id: &str| ids.split([' ', ',', '–', '\n']).any(|word| word == id);
    for (chapter, numbers) in CHAPTERS {
        for number in *numbers {
            assert!(named(&format!("{chapter}.{number}")), "{chapter}.{number}");
        }
    }
}

#[test]
fn every_row_names_a_test_that_exists_or_says_that_there_is_nothing_to_test() {
    for row in rows() {
        let [requirement, _level, holds, _how, test] = row[..] else {
            panic!("{row:?}");
        };
        if holds == "none" {
            assert_eq!(test, "", "{requirement}");
            continue;
        }
        for path in test.split(", ").map(|path| path.trim_matches('`')) {
            assert!(exists(path), "{requirement}: {path}");
        }
    }
}

/// Returns whether a test of this path exists in `tests` or `src`.
pub(super) fn exists(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else {
        return false;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = |base: &str, ending: &str| -> PathBuf {
        root.join(base).join(format!("{}{ending}", module.replace("::", "/")))
    };
    let candidates = ["tests/it", "tests", "tests/server", "src"]
        .into_iter()
        .flat_map(|base| [file(base, ".rs"), file(base, "/mod.rs")]);
    candidates
        .filter_map(|file| fs::read_to_string(file).ok())
        .any(|text| text.contains(&format!("fn {name}(")))
}
