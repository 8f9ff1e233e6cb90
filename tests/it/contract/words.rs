//! The glossary's names are the only ones: words that they replaced do not come back, in prose or as part of a name.

use std::path::{Path, PathBuf};

/// Folders and pages whose words count. The changelog tells what things were called before.
const PLACES: &[&str] = &[
    ".ci",
    ".github",
    "README.md",
    "CONTRIBUTING.md",
    "benches",
    "crates",
    "deploy",
    "docs",
    "migrations",
    "openapi",
    "packages",
    "packaging",
    "scripts",
    "src",
    "tests",
    "web",
    "Dockerfile",
];
const KINDS: &[&str] = &[
    "css", "example", "ftl", "html", "js", "json", "md", "mjs", "py", "rs", "sh", "sql", "toml", "ts", "tsx", "yaml",
    "yml",
];

/// Words that say who is not meant, or that another word of the glossary replaced; in small letters.
const REPLACED: &[&str] = &[
    "anew",
    "anybody",
    "anybodys",
    "anyone",
    "arrival",
    "asker",
    "claimant",
    "everybody",
    "everybodys",
    "everyone",
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
    "judge",
    "judges",
    "keep.js",
    "keptmessage",
    "news",
    "nobody",
    "nobody's",
    "nobodys",
    "outlet",
    "people",
    "people's",
    "posting",
    "prove_sent_code",
    "prove_totp",
    "proven",
    "put_off",
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
    "world",
];

/// The same, of several words or a part of a path; an underscore is a space. Only what stands on one line is found.
const REPLACED_PHRASES: &[&str] = &[
    "core.codes",
    "core.subjects",
    "first door",
    "in a row",
    "no one",
    "one-time code",
    "one-time codes",
    "out of band",
    "out-of-band",
    "second door",
];

/// Where a replaced word means something else: the Unix account, the words of a standard, and this list.
const ELSEWHERE: &[(&str, &str)] = &[
    // The title of a specification.
    ("one-time codes", "delivery/templates.rs"),
    // NIST's word, beside ours.
    ("out-of-band", "docs/GLOSSARY.md"),
    ("nobody", "docs/how-to/deploy.md"),
    ("nobody", "scripts/test"),
    ("nobody", "private-postgres/src/account.rs"),
    ("nobody", "private-postgres/src/error.rs"),
    ("nobody", "server/pgbouncer.rs"),
    // The row of a table.
    ("in a row", "crypto/sealer.rs"),
    // Published migrations do not change.
    ("in a row", "0101_users/up.sql"),
    ("in a row", "0109_throttles/up.sql"),
    ("", "contract/words.rs"),
];

#[test]
fn replaced_words_do_not_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for place in PLACES.iter().copied() {
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

/// Returns the replaced words and phrases of a line, and "is no X" for "is not an X". `prove_` began the names of
/// functions.
fn replaced(line: &str) -> Vec<String> {
    let spaced = line.to_lowercase().replace('_', " ");
    let is_replaced = |word: &String| REPLACED.contains(&word.as_str()) || word.starts_with("prove_");
    let phrases = REPLACED_PHRASES
        .iter()
        .copied()
        .filter(|phrase| has_phrase(&spaced, phrase));
    let words = words(line).into_iter().filter(is_replaced);
    words.chain(phrases.map(str::to_owned)).chain(is_no(&spaced)).collect()
}

/// Returns where a line in small letters says that a thing is no other thing. "There is no X", "no longer" and "no more" are good.
fn is_no(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let found = words.windows(4).filter(|words| {
        ["is", "are", "was", "were"].contains(&words[1])
            && words[2] == "no"
            && !words[0].ends_with("there")
            && !["longer", "more"].contains(&words[3])
    });
    found.map(|words| words.join(" ")).collect()
}

/// Whether a line in small letters has a phrase that is not a part of longer words.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let is_inside = char::is_alphanumeric;
    line.match_indices(phrase)
        .any(|(start, _)| !line[..start].ends_with(is_inside) && !line[start + phrase.len()..].starts_with(is_inside))
}

#[test]
fn words_and_phrases_are_found_whole() {
    for (line, expected) in [
        ("/// Nobody's, says Somebody.", &["nobody's", "somebody"][..]),
        ("tx.core.codes.check()", &["core.codes"]),
        ("open the Second Door: prove_totp(code)", &["prove_totp", "second door"]),
        (
            "fn the_third_in_a_row_ends_it_for_everybody()",
            &["everybody", "in a row"],
        ),
        ("async function beginAnew() {", &["anew"]),
        ("fn an_id_is_no_secret() {", &["id is no secret()"]),
        ("There is no key. It is no longer used, and there are no more.", &[]),
        ("core.codesign, newspaper, peopled, proved_at", &[]),
    ] {
        assert_eq!(replaced(line), expected, "{line}");
    }
}

/// Returns the words of a line in small letters, and those that a name consists of, but for mail addresses and URLs.
fn words(line: &str) -> Vec<String> {
    let is_address = |word: &&str| !word.contains('@') && !word.contains("://");
    let is_between = |character: char| !character.is_alphanumeric() && !"_'.".contains(character);
    let mut words = Vec::new();
    for name in line
        .split_whitespace()
        .filter(is_address)
        .flat_map(|word| word.split(is_between))
    {
        let name = name.trim_matches(['.', '\'', '_']);
        let parts = parts(name);
        if parts.len() > 1 {
            words.extend(parts);
        }
        words.push(name.to_lowercase());
    }
    words
}

/// Returns the words that a name such as `one_name` or `OneName` consists of, in small letters.
fn parts(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    for character in name.chars() {
        if character.is_uppercase() && spaced.ends_with(char::is_lowercase) {
            spaced.push(' ');
        }
        spaced.push(character);
    }
    spaced
        .to_lowercase()
        .split([' ', '_', '.'])
        .map(str::to_owned)
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
