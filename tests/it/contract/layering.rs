//! Which layer may use which, read from the sources.

use std::path::{Path, PathBuf};

/// Each layer with the parts of the crate that its files may name.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("domain", &["domain"]),
    // Metrics only count and decide nothing, so every layer except `domain` may call them.
    ("metrics", &["metrics"]),
    ("crypto", &["crypto", "domain", "metrics"]),
    ("embedded_postgres", &["embedded_postgres"]),
    ("store", &["store", "domain", "crypto", "metrics"]),
    ("delivery", &["delivery", "domain", "crypto"]),
    ("breach_list.rs", &["domain"]),
    ("rate_limits", &["rate_limits", "domain", "metrics"]),
    (
        "flows",
        &[
            "flows",
            "domain",
            "crypto",
            "store",
            "delivery",
            "breach_list",
            "metrics",
            "rate_limits",
        ],
    ),
    ("api", &["api", "flows", "domain", "rate_limits", "metrics"]),
    (
        "config",
        &["config", "domain", "crypto", "delivery", "breach_list", "flows"],
    ),
    ("telemetry", &["config", "metrics"]),
    ("system.rs", &["api", "domain"]),
    (
        "app.rs",
        &[
            "api",
            "breach_list",
            "config",
            "crypto",
            "delivery",
            "domain",
            "embedded_postgres",
            "flows",
            "rate_limits",
            "store",
            "system",
        ],
    ),
    (
        "server.rs",
        &["api", "app", "config", "domain", "flows", "jobs", "store", "telemetry"],
    ),
    ("server", &["api", "config", "server"]),
    ("jobs", &["flows", "domain", "metrics"]),
    (
        "cli",
        &[
            "api",
            "app",
            "cli",
            "config",
            "domain",
            "flows",
            "server",
            "store",
            "system",
            "telemetry",
        ],
    ),
];

/// Libraries that only one layer may use.
const OWNED: [(&str, &[&str]); 25] = [
    ("actix_web", &["api", "server.rs", "cli"]),
    ("diesel", &["store"]),
    ("jsonwebtoken", &["crypto"]),
    ("bcrypt", &["crypto"]),
    ("argon2", &["crypto"]),
    ("scrypt", &["crypto"]),
    ("md5", &["crypto"]),
    ("aws_lc_rs", &["crypto", "domain", "system.rs"]),
    (
        "tokio",
        &[
            "api",
            "breach_list.rs",
            "crypto",
            "delivery",
            "jobs",
            "store",
            "server.rs",
        ],
    ),
    ("clap", &["cli"]),
    ("governor", &["rate_limits"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("lettre", &["delivery"]),
    ("metrics", &["metrics", "telemetry"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("opentelemetry", &["api", "telemetry"]),
    ("tracing_opentelemetry", &["api", "telemetry"]),
    ("fluent_bundle", &["delivery"]),
    ("askama", &["delivery"]),
    ("rustls", &["breach_list.rs", "delivery", "cli", "telemetry"]),
    ("ureq", &["breach_list.rs", "delivery", "cli", "telemetry"]),
    ("socket2", &["server"]),
    ("listenfd", &["server"]),
];

#[test]
fn no_layer_uses_one_above_it() {
    let mut wrong = Vec::new();
    for (layer, file, line) in use_lines() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == layer) else {
            continue;
        };
        for part in crate_parts(&line) {
            if !allowed.contains(&part.as_str()) {
                wrong.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn each_library_stays_in_its_layer() {
    let mut wrong = Vec::new();
    for (layer, file, line) in use_lines() {
        for (library, layers) in OWNED {
            if line.starts_with(&format!("use {library}")) && !layers.contains(&layer.as_str()) {
                wrong.push(format!("{}: {line}", file.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn siblings_in_handlers_and_store_do_not_use_each_other() {
    for (directory, shared) in [
        ("api/handlers", &[][..]),
        (
            "store",
            &[
                "conditions",
                "error",
                "cached_statement",
                "migrations",
                "schema",
                "pool",
                "transaction",
                "usernames::",
                "users::UserRow",
            ],
        ),
    ] {
        for (_, file, line) in use_lines() {
            if !file.starts_with(source().join(directory)) || file.ends_with("mod.rs") {
                continue;
            }
            let used = line.strip_prefix("use super::");
            let sibling = used.is_some_and(|rest| !shared.iter().any(|name| rest.starts_with(name)));
            assert!(!sibling, "{}: {line}", file.display());
        }
    }
}

/// Only one flow ends sessions and removes what is pending in them, so that no code does only half of that.
#[test]
fn one_flow_ends_sessions() {
    const ENDS: [&str; 4] = [
        "sessions::end",
        "link_tokens::remove_all",
        "totp_factors::remove_pending",
        "sent_code_factors::remove_pending",
    ];
    let mut files = Vec::new();
    collect(&source().join("flows"), &mut files);
    files.retain(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        ENDS.iter().any(|name| text.contains(name))
    });
    assert_eq!(files, [source().join("flows/session_end.rs")]);
    // No file imports the functions themselves and so calls them without the module's name.
    for (_, file, line) in use_lines() {
        let imports = ["store::sessions::", "store::link_tokens::", "store::totp_factors::"];
        let by_name = imports.iter().any(|module| line.contains(module)) && line.contains("end_");
        assert!(!by_name, "{}: {line}", file.display());
    }
}

/// Quotas, and which client may learn what, are decided in one place: see `flows/sending.rs`.
#[test]
fn nothing_is_written_to_the_outbox_but_by_the_flow_that_decides_on_sending() {
    let mut files = Vec::new();
    collect(&source(), &mut files);
    let writes = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        ["outbox::put", "outbox::NewMessage", "NewMessage {"]
            .iter()
            .any(|word| text.contains(word))
    };
    let writers: Vec<_> = files.iter().filter(|file| writes(file)).collect();
    let mut names: Vec<_> = writers
        .iter()
        .map(|file| file.strip_prefix(source()).unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [Path::new("flows/sending.rs"), Path::new("store/outbox.rs")]);
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns every `use` line outside tests, with its layer and file.
fn use_lines() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    collect(&source(), &mut files);
    let mut lines = Vec::new();
    for file in files {
        let layer = file.strip_prefix(source()).unwrap().components().next().unwrap();
        let layer = layer.as_os_str().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        // A `use` may span lines; it ends with its semicolon.
        for part in code.split("\nuse ").skip(1) {
            let line: String = part
                .split(';')
                .next()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            lines.push((layer.clone(), file.clone(), format!("use {line}")));
        }
    }
    lines
}

/// Returns the parts of this crate that a `use` line names.
fn crate_parts(line: &str) -> Vec<String> {
    let Some(rest) = line
        .strip_prefix("use crate::")
        .or_else(|| line.strip_prefix("pub use crate::"))
    else {
        return Vec::new();
    };
    let name = |text: &str| {
        text.trim()
            .split([':', ',', ' ', '}'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    match rest.strip_prefix('{') {
        Some(list) => list
            .trim_end_matches('}')
            .split(',')
            .map(name)
            .filter(|name| !name.is_empty())
            .collect(),
        None => vec![name(rest)],
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
