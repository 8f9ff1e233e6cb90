//! What the pages name exists: the requests of the API, and the settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use vestibule::api::openapi::document;
use vestibule::config::settings;

use super::links::{prose, written};

/// Pages of the service itself, which its document does not describe.
const SERVED: [&str; 2] = ["GET /account/", "GET /docs/"];
/// Paths below another one, which the page names first.
const BELOW: [(&str, &str); 1] = [("docs/how-to/webhooks.md", "/admin/webhooks")];
/// Variables of other programs: the examples of back ends, and the tests of a package.
const OF_OTHERS: [&str; 2] = ["VESTIBULE_ISSUER", "VESTIBULE_PROGRAM"];

/// Returns what is between single backticks in the prose of a page, each on one line.
fn code_spans(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let spans = text.split('`').skip(1).step_by(2);
    spans
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Returns a path with every parameter written as `{}`, without query and fragment.
fn plain(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn operations() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let named = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {}", method.to_uppercase(), plain(path)))
    });
    named.collect()
}

/// Returns the request that a text names, such as `GET /me`, if it names one and nothing else.
fn request_in(span: &str) -> Option<(&str, &str)> {
    let (method, path) = span.split_once(' ')?;
    let is_method = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
    (is_method && path.starts_with('/') && !path.contains(' ')).then_some((method, path))
}

/// Returns whether a page may name this request.
fn exists(operations: &BTreeSet<String>, page: &str, method: &str, path: &str) -> bool {
    let below = BELOW.iter().filter(|(of, _)| page.ends_with(of));
    let mut paths = below.map(|(_, base)| format!("{base}{path}")).chain([path.to_owned()]);
    SERVED.contains(&format!("{method} {path}").as_str())
        || paths.any(|path| operations.contains(&format!("{method} {}", plain(&path))))
}

/// Returns the variables in a text that begin like those of the service.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.len() > "VESTIBULE_".len() && word.starts_with("VESTIBULE_"))
}

fn is_setting(variable: &str) -> bool {
    let of_file = variable.strip_suffix("_FILE");
    let is = |setting: &&&settings::Setting| {
        setting.variable == variable || setting.secret && Some(setting.variable) == of_file
    };
    OF_OTHERS.contains(&variable) || settings::ALL.iter().any(|setting| is(&setting))
}

#[test]
fn requests_and_settings_that_pages_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let operations = operations();
    let (mut requests, mut named) = (0, 0);
    let mut faults = Vec::new();
    for page in written(root) {
        let text = fs::read_to_string(&page).unwrap();
        let page = page.strip_prefix(root).unwrap().display().to_string();
        // It tells what was there before.
        if page == "CHANGELOG.md" {
            continue;
        }
        for span in code_spans(&text) {
            if let Some((method, path)) = request_in(&span) {
                requests += 1;
                if !exists(&operations, &page, method, path) {
                    faults.push(format!("{page}: there is no {span}"));
                }
            }
        }
        for variable in variables(&text) {
            named += 1;
            if !is_setting(variable) {
                faults.push(format!("{page}: there is no setting {variable}"));
            }
        }
    }
    assert!(requests > 200 && named > 200, "{requests} {named}");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn what_does_not_exist_is_found() {
    let operations = operations();
    for (request, there) in [
        ("GET /me", true),
        ("DELETE /sessions/{the id}", true),
        ("GET /dev/outbox?to=jo@example.com", true),
        ("GET /docs/", true),
        ("DELETE /devices", false),
        ("POST /{id}/test", false),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(exists(&operations, "docs/README.md", method, path), there, "{request}");
    }
    assert!(exists(&operations, "docs/how-to/webhooks.md", "POST", "/{id}/test"));
    let text = "`POST\n/login` and `x`\n```\n`GET /no`\n```";
    assert_eq!(code_spans(text), ["POST /login", "x"]);
    assert_eq!(request_in("POST /login"), Some(("POST", "/login")));
    assert_eq!(request_in("GET to somewhere"), None);
    assert!(is_setting("VESTIBULE_MASTER_KEY_FILE") && is_setting("VESTIBULE_LISTEN"));
    assert!(!is_setting("VESTIBULE_LISTEN_FILE") && !is_setting("VESTIBULE_PASSKEY_APPS"));
    assert_eq!(variables("A=$VESTIBULE_LISTEN, VESTIBULE_ and x").count(), 1);
}
