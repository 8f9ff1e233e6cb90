//! The glossary's names are the only ones: words that they replaced do not come back.

use std::path::{Path, PathBuf};

/// Folders and pages whose words count. The changelog tells what things were called before.
const PLACES: [&str; 17] = [
    ".ci",
    ".github",
    "README.md",
    "CONTRIBUTING.md",
    "benches",
    "crates",
    "deploy",
    "docs",
    "examples",
    "migrations",
    "openapi",
    "packaging",
    "scripts",
    "src",
    "tests",
    "web",
    "Dockerfile",
];
const KINDS: [&str; 16] = [
    "css", "example", "ftl", "html", "js", "json", "md", "mjs", "py", "rs", "sh", "sql", "toml", "ts", "yaml", "yml",
];

/// Words that say who is not meant, or that another word of the glossary replaced; in small letters.
const REPLACED: [&str; 52] = [
    "anew",
    "anybody",
    "anyone",
    "arrival",
    "asker",
    "claimant",
    "count_in_a_row",
    "everybody",
    "everyone",
    "first_door",
    "forgive",
    "forgiven",
    "forgives",
    "go_on",
    "go_with_the_last",
    "goingon",
    "helduser",
    "inheritance",
    "is_at_home",
    "is_awaited",
    "is_forgiven",
    "is_near",
    "is_over",
    "keep.js",
    "keptmessage",
    "news",
    "nobody",
    "nobody's",
    "one_time_code",
    "out_of_band",
    "outlet",
    "people",
    "people's",
    "posting",
    "prove_sent_code",
    "prove_totp",
    "proven",
    "put_off",
    "second_door",
    "send_first",
    "somebody",
    "somebody's",
    "someone",
    "surroundings",
    "suspicion",
    "sweep",
    "sweeper",
    "sweeping",
    "sweeps",
    "take_over",
    "wants",
    "whoever",
];

/// The same, of several words or a part of a path. Only what stands on one line is found.
const REPLACED_PHRASES: [&str; 8] = [
    "core.codes",
    "core.subjects",
    "first door",
    "no one",
    "one-time code",
    "one-time codes",
    "out-of-band",
    "second door",
];

/// Where a replaced word means something else: the Unix account, the words of a standard, and this list.
const ELSEWHERE: [(&str, &str); 8] = [
    // The title of a specification.
    ("one-time codes", "delivery/templates.rs"),
    // NIST's word, beside ours.
    ("out-of-band", "docs/GLOSSARY.md"),
    ("nobody", "docs/how-to/deploy.md"),
    ("nobody", "scripts/test"),
    ("nobody", "private-postgres/src/account.rs"),
    ("nobody", "private-postgres/src/error.rs"),
    ("nobody", "server/pgbouncer.rs"),
    ("", "contract/words.rs"),
];

#[test]
fn replaced_words_do_not_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for place in PLACES {
        collect(&root.join(place), &mut files);
    }
    assert!(files.len() > 400, "{} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        for (number, line) in text.lines().enumerate() {
            for word in replaced(line) {
                let elsewhere = |(other, place): &(&str, &str)| name.ends_with(place) && word.starts_with(other);
                if !ELSEWHERE.iter().any(elsewhere) {
                    found.push(format!("{name}:{}: {word}", number + 1));
                }
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Returns the replaced words and phrases of a line. `prove_` began the names of functions.
fn replaced(line: &str) -> Vec<String> {
    let is_replaced = |word: &String| REPLACED.contains(&word.as_str()) || word.starts_with("prove_");
    let phrases = REPLACED_PHRASES.into_iter().filter(|phrase| has_phrase(line, phrase));
    let words = words(line).into_iter().filter(is_replaced);
    words.chain(phrases.map(str::to_owned)).collect()
}

/// Whether a line has a phrase that is not a part of longer words.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let is_inside = |character: char| character.is_alphanumeric() || character == '_';
    let line = line.to_lowercase();
    line.match_indices(phrase)
        .any(|(start, _)| !line[..start].ends_with(is_inside) && !line[start + phrase.len()..].starts_with(is_inside))
}

#[test]
fn words_and_phrases_are_found_whole() {
    for (line, expected) in [
        ("/// Nobody's, says Somebody.", &["nobody's", "somebody"][..]),
        ("tx.core.codes.check()", &["core.codes"]),
        ("open the Second Door: prove_totp(code)", &["prove_totp", "second door"]),
        ("core.codes_of, newspaper, peopled, proved_at", &[]),
    ] {
        assert_eq!(replaced(line), expected, "{line}");
    }
}

/// Returns the words of a line in small letters, but for those of mail addresses and URLs.
fn words(line: &str) -> Vec<String> {
    let is_address = |word: &&str| !word.contains('@') && !word.contains("://");
    line.split_whitespace()
        .filter(is_address)
        .flat_map(|word| word.split(|character: char| !character.is_alphanumeric() && !"_'.".contains(character)))
        .map(|word| word.trim_matches(['.', '\'', '_']).to_lowercase())
        .collect()
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    if place.is_file() {
        files.push(place.to_owned());
        return;
    }
    for entry in std::fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let kind = path.extension().and_then(|kind| kind.to_str());
        let is_text = kind.is_none_or(|kind| KINDS.contains(&kind)) && !name.contains("lock");
        if path.is_dir() && name != "node_modules" || path.is_file() && is_text {
            collect(&path, files);
        }
    }
}
