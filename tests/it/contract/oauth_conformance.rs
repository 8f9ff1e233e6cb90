//! The table of conditions in oauth-conformance.md names tests that exist, and a reason for what is not offered.

use super::asvs::exists;

const PAGE: &str = include_str!("../../../docs/reference/oauth-conformance.md");
/// The parts of the program and of its tests that the paths of tests begin with.
const ROOTS: &[&str] = &["api", "contract", "domain", "routes", "security", "server", "verifiers"];

/// The rows of the tables, without their heads.
fn rows() -> Vec<[&'static str; 4]> {
    let lines = PAGE
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| condition |"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|cells| panic!("{cells:?}"))
        })
        .collect()
}

/// The tests that a cell names.
fn tests(cell: &'static str) -> Vec<&'static str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| ROOTS.iter().any(|root| text.starts_with(&format!("{root}::"))))
        .collect()
}

#[test]
fn what_is_met_has_a_test_that_exists_and_what_is_not_offered_has_a_reason() {
    let rows = rows();
    assert!(rows.len() > 60, "{}", rows.len());
    for [condition, _place, met, cell] in rows {
        let tests = tests(cell);
        match met {
            "met" | "where set" => assert!(!tests.is_empty(), "{condition}"),
            "not offered" => assert!(cell.contains(' '), "{condition}"),
            other => panic!("{condition}: {other}"),
        }
        for test in tests {
            assert!(exists(test), "{condition}: {test}");
        }
    }
}
