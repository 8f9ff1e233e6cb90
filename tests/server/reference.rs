//! The generated pages of the reference are those that the program prints.

use std::fs;
use std::path::Path;

use super::program::Launch;

#[test]
fn generated_pages_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    for page in [
        "settings",
        "commands",
        "problems",
        "events",
        "webhook-events",
        "hashes",
        "claims",
        "limits",
    ] {
        let printed = Launch::of("reference").args([page]).run().expect(0).stdout;
        let path = folder.join(format!("{page}.md"));
        let committed = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            printed == committed,
            "run: cargo run -q -- reference {page} >docs/reference/{page}.md"
        );
    }
}
