//! The glossary names places in the code that are there.

use std::fs;
use std::path::Path;

#[test]
fn each_place_that_the_glossary_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/GLOSSARY.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells[1] != "Term")
        .collect();
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut named = 0;
    for cells in rows {
        assert_eq!(cells.len(), 6, "{cells:?}");
        let mut words = cells[4].split('`').skip(1).step_by(2);
        let Some(place) = words.next() else { continue };
        named += 1;
        let path = root.join("src").join(place);
        assert!(path.exists(), "{}: {place} is not there", cells[1]);
        for name in words {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(name), "{}: {place} does not name {name}", cells[1]);
        }
    }
    assert!(named > 40, "{named} places");
}

#[test]
fn the_terms_are_different() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/GLOSSARY.md")).unwrap();
    let mut terms: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|term| *term != "Term")
        .collect();
    let all = terms.len();
    terms.sort_unstable();
    terms.dedup();
    assert_eq!(terms.len(), all);
}
