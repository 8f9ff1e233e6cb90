//! Every link between the documents leads to a file that exists, and to a heading in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Documents outside of `docs`.
const OTHERS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "migrations/README.md",
    "packages/README.md",
    "packages/verify/README.md",
    "packages/verify-python/README.md",
    "packages/verify-rust/README.md",
    "packages/client/README.md",
    "packages/react/README.md",
];

fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { pages(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

/// Returns all documents.
pub(super) fn written(root: &Path) -> Vec<PathBuf> {
    let mut files = pages(&root.join("docs"));
    files.extend(OTHERS.iter().map(|name| root.join(name)));
    files
}

/// Returns the lines of a page that are not in a block of code.
pub(super) fn prose(text: &str) -> Vec<&str> {
    let mut inside = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    };
    text.lines().filter(outside).collect()
}

/// Returns the anchors of a page as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let anchor = |heading: &str| {
        let kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = title.chars().filter(kept).collect::<String>().replace(' ', "-");
        let times = seen.entry(anchor.clone()).or_default();
        *times += 1;
        if *times == 1 {
            anchor
        } else {
            format!("{anchor}-{}", *times - 1)
        }
    };
    headings.map(anchor).collect()
}

/// Returns the targets of the links of a page.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// Returns what is wrong with a link on a page, if anything.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() {
        page.to_owned()
    } else {
        page.parent().unwrap().join(file)
    };
    if !linked.exists() {
        return Some(format!("{}: there is no {file}", page.display()));
    }
    let found = anchor.is_empty() || anchors(&fs::read_to_string(&linked).unwrap()).contains(&anchor.to_owned());
    (!found).then(|| format!("{}: there is no #{anchor} in {}", page.display(), linked.display()))
}

#[test]
fn links_lead_to_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    let mut faults = Vec::new();
    for page in written(root) {
        for target in targets(&fs::read_to_string(&page).unwrap()) {
            links += 1;
            faults.extend(fault(&page, &target));
        }
    }
    assert!(links > 150, "{links}");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_page_is_in_the_index() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = docs.join("README.md");
    let listed: Vec<PathBuf> = targets(&fs::read_to_string(&index).unwrap())
        .iter()
        .map(|target| docs.join(target))
        .collect();
    for page in pages(&docs) {
        let is_decision = page.parent().unwrap().ends_with("decisions");
        assert!(
            is_decision || page == index || listed.contains(&page),
            "{}",
            page.display()
        );
    }
}

#[test]
fn dead_links_are_found() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for (target, dead) in [
        ("docs/ARCHITECTURE.md", false),
        ("docs/ARCHITECTURE.md#layers", false),
        ("docs/ARCHITECTURE.md#the-tree", false),
        ("#try-it", false),
        ("https://example.com/#x", false),
        ("docs/MISSING.md", true),
        ("docs/ARCHITECTURE.md#missing", true),
        ("#missing", true),
    ] {
        assert_eq!(fault(&page, target).is_some(), dead, "{target}");
    }
    let text = "# A, b: `c`\n## A\n## A\n[x](y) and\n```\n# No\n[no](no)\n```\n[z](#a-1)";
    assert_eq!(anchors(text), ["a-b-c", "a", "a-1"]);
    assert_eq!(targets(text), ["y", "#a-1"]);
}
