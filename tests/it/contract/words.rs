//! The glossary's names are the only ones: words that they replaced do not come back.

use std::path::{Path, PathBuf};

/// Folders and pages whose words count. The changelog tells what things were called before.
const PLACES: [&str; 14] = [
    "README.md",
    "CONTRIBUTING.md",
    "benches",
    "crates",
    "deploy",
    "docs",
    "examples",
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
const REPLACED: [&str; 34] = [
    "anew",
    "anybody",
    "anyone",
    "claimant",
    "count_in_a_row",
    "everybody",
    "everyone",
    "first_door",
    "go_with_the_last",
    "goingon",
    "helduser",
    "inheritance",
    "is_at_home",
    "is_awaited",
    "is_forgiven",
    "keep.js",
    "keptmessage",
    "news",
    "nobody",
    "nobody's",
    "one_time_code",
    "out_of_band",
    "prove_sent_code",
    "prove_totp",
    "second_door",
    "send_first",
    "somebody",
    "somebody's",
    "someone",
    "surroundings",
    "suspicion",
    "sweeper",
    "take_over",
    "whoever",
];

/// Where a replaced word means something else: the Unix account, and this list.
const ELSEWHERE: [(&str, &str); 6] = [
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
            for word in words(line) {
                let elsewhere = |(other, place): &(&str, &str)| name.ends_with(place) && word.starts_with(other);
                if REPLACED.contains(&word.as_str()) && !ELSEWHERE.iter().any(elsewhere) {
                    found.push(format!("{name}:{}: {word}", number + 1));
                }
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
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
