//! `/account/` and `/`: pages for users, not operations; and whether their files are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use actix_web::http::Method;
use actix_web::test::TestRequest;
use vestibule::api::handlers::account_pages::PAGES;
use vestibule::api::problem::Code;
use vestibule::api::web_files::{FILES, File, is_of_console};
use vestibule::domain::audit_event::EventName;
use vestibule::domain::message::Locale;

use crate::support::app::TestApp;

/// The document, which each deployment completes at its start.
const DOCUMENT: &str = "index.html";

/// Files that each deployment generates at its start.
const MADE: [&str; 2] = ["css/brand.css", "logo"];

pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

#[actix_web::test]
async fn every_page_is_the_same_document_under_a_strict_policy() {
    let app = TestApp::new().await;
    let document = named("auth.example.com");
    for page in PAGES {
        let answer = app.get(&format!("/account/{page}")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("content-security-policy"), Some(POLICY));
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=0, must-revalidate")
        );
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(String::from_utf8(answer.body).unwrap(), document, "{page}");
    }
    for path in ["/", "/account"] {
        let answer = app.get(path).await.expect(303);
        assert_eq!(answer.header("location"), Some("account/"), "{path}");
    }
}

#[actix_web::test]
async fn every_file_is_served_as_what_it_is() {
    let app = TestApp::new().await;
    for file in FILES {
        let place = if is_of_console(file.path) { "console" } else { "account" };
        let answer = app.get(&format!("/{place}/{}", file.path)).await.expect(200);
        let kind = match extension(file.path) {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other} has no type here"),
        };
        assert_eq!(answer.header("content-type"), Some(kind), "{}", file.path);
        assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{}", file.path);
        let bytes = match file.path {
            DOCUMENT => named("auth.example.com").into_bytes(),
            path => fs::read(web().join(path)).unwrap(),
        };
        assert_eq!(answer.body, bytes, "{}", file.path);
    }
}

/// Returns the document of a deployment for developers with this name, whose other settings are the default.
pub(super) fn named(name: &str) -> String {
    let facts = [
        ("application-name", name),
        ("second-factors", "totp passkey"),
        ("password-min-length", "8"),
        ("development", "yes"),
        ("console", "yes"),
    ];
    let document = facts.into_iter().fold(read(DOCUMENT), |document, (meta, fact)| {
        let place = format!("<meta name=\"{meta}\" content=");
        document.replace(&format!("{place}\"\">"), &format!("{place}\"{fact}\">"))
    });
    assert!(!document.contains("content=\"\""), "{document}");
    document
}

/// Asks as a browser does whose user follows a link.
pub(super) fn navigation(path: &str) -> TestRequest {
    let accepted = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
    TestRequest::get().uri(path).insert_header(("accept", accepted))
}

/// Browsers get the page that says so where there is none, and programs a problem. `pages` is where the page has its
/// files, `document` that of the pages.
pub(super) async fn expect_page_where_there_is_none(app: &TestApp, pages: &str, document: &str, paths: &[&str]) {
    let document = ["=\"css/", "=\"logo", "=\"js/"]
        .iter()
        .fold(document.to_owned(), |document, reference| {
            document.replace(reference, &reference.replace("=\"", &format!("=\"{pages}")))
        });
    for path in paths {
        app.get(path).await.expect_problem(404, "not_found");
        let page = app.send(navigation(path)).await.expect(404);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(page.header("content-security-policy"), Some(POLICY));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(String::from_utf8(page.body).unwrap(), document, "{path}");
    }
}

#[actix_web::test]
async fn browsers_get_a_page_where_there_is_none_and_programs_a_problem() {
    let app = TestApp::new().await;
    let paths = [
        "/account/nothing",
        "/account/login/",
        "/account/js/nothing.js",
        "/nothing/at/all",
    ];
    expect_page_where_there_is_none(&app, "/account/", &named("auth.example.com"), &paths).await;
    // Answers of the API are problems for browsers, too.
    app.send(navigation("/me")).await.expect_problem(401, "invalid_token");
    let without = TestApp::with(&[("ACCOUNT_PAGES", "off")]).await;
    without
        .send(navigation("/nothing"))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn only_developers_have_the_page_of_the_token() {
    let developers = TestApp::new().await;
    developers.get("/account/token").await.expect(200);
    let users = TestApp::serving().await;
    users.get("/account/token").await.expect_problem(404, "not_found");
    users.send(navigation("/account/token")).await.expect(404);
    let page = users.get("/account/").await.expect(200);
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("<meta name=\"development\" content=\"\">"), "{page}");
}

#[actix_web::test]
async fn the_pages_know_how_long_a_password_has_to_be() {
    for (settings, least) in [
        (&[("PASSWORD_MIN_LENGTH", "20")], 20),
        (&[("TWO_FACTOR_POLICY", "optional")], 15),
    ] {
        let app = TestApp::with(settings).await;
        let page = String::from_utf8(app.get("/account/register").await.expect(200).body).unwrap();
        let meta = format!("<meta name=\"password-min-length\" content=\"{least}\">");
        assert!(page.contains(&meta), "{page}");
    }
}

#[test]
fn the_texts_are_plain() {
    for (language, words) in [
        ("en", &["second factor", " mail ", "login"][..]),
        ("de", &["zweite Faktor", "zweiten Faktor", "zweiter Faktor"]),
    ] {
        for (key, text) in dictionary(language) {
            for word in words {
                assert!(!text.contains(word), "{language}: {key} says {word}: {text}");
            }
        }
    }
}

#[actix_web::test]
async fn a_deployment_shows_its_name_its_colour_and_its_picture() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/account/css/brand.css").await.expect(200).body, b"");
    let logo = app.get("/account/logo").await.expect(200);
    assert_eq!(logo.header("content-type"), Some("image/svg+xml"));
    assert_eq!(logo.body, fs::read(web().join("icon.svg")).unwrap());

    let place = tempfile::tempdir().unwrap();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0; 20]].concat();
    for (bytes, kind) in [(&svg[..], "image/svg+xml"), (&png, "image/png")] {
        let file = place.path().join("logo");
        fs::write(&file, bytes).unwrap();
        let app = TestApp::with(&[
            ("APP_NAME", "Fox & Friends"),
            ("ACCENT_COLOR", "#ffcc00"),
            ("LOGO", file.to_str().unwrap()),
        ])
        .await;
        let page = app.get("/account/login").await.expect(200);
        assert_eq!(String::from_utf8(page.body).unwrap(), named("Fox &amp; Friends"));
        let style = app.get("/account/css/brand.css").await.expect(200);
        assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(String::from_utf8(style.body).unwrap().matches("--accent: ").count(), 2);
        let logo = app.get("/account/logo").await.expect(200);
        assert_eq!(logo.header("content-type"), Some(kind));
        assert_eq!(logo.body, bytes);
        // Scripts in a picture must not run, not even if the picture is opened by itself.
        let policy = logo.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("sandbox"),
            "{policy}"
        );
        assert_eq!(logo.header("x-content-type-options"), Some("nosniff"));
    }
}

#[actix_web::test]
async fn what_a_browser_has_is_not_sent_again() {
    let app = TestApp::new().await;
    let first = app.get("/account/js/main.js").await.expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    let ask = |known: String| {
        TestRequest::get()
            .uri("/account/js/main.js")
            .insert_header(("if-none-match", known))
    };
    for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let answer = app.send(ask(known)).await.expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(answer.header("cache-control"), first.header("cache-control"));
    }
    app.send(ask("\"other\"".to_owned())).await.expect(200);
    let page = app.get("/account/").await;
    assert_ne!(page.header("etag"), Some(tag.as_str()));
    let head = TestRequest::with_uri("/account/login").method(Method::HEAD);
    assert_eq!(app.send(head).await.expect(200).header("etag"), page.header("etag"));
}

#[actix_web::test]
async fn nothing_but_the_pages_and_their_files_is_there() {
    let app = TestApp::new().await;
    for name in [
        "nothing",
        "login/",
        "js/",
        "js",
        "../Cargo.toml",
        "%2e%2e/Cargo.toml",
        "js/../../Cargo.toml",
        "Login",
    ] {
        app.get(&format!("/account/{name}"))
            .await
            .expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn a_deployment_can_do_without() {
    let app = TestApp::with(&[("ACCOUNT_PAGES", "off")]).await;
    for path in ["/", "/account", "/account/", "/account/login", "/account/js/main.js"] {
        app.get(path).await.expect_problem(404, "not_found");
        app.post(path, &serde_json::json!({}))
            .await
            .expect_problem(404, "not_found");
    }
    app.get("/docs/").await.expect(200);
}

#[test]
fn every_file_is_in_the_table() {
    let mut found = BTreeSet::new();
    collect(&web(), &mut found);
    let listed: BTreeSet<String> = FILES.iter().map(|file| file.path.to_owned()).collect();
    assert_eq!(found, listed);
    assert_eq!(listed.len(), FILES.len());
}

#[test]
fn nothing_refers_to_a_file_that_is_missing_or_elsewhere() {
    let mut looked_at = 0;
    for file in FILES {
        let text = read(file.path);
        // Relative to the page in a document, to the file in a script.
        let marks: &[&str] = match extension(file.path) {
            "html" => &["href=\"", "src=\""],
            "js" => &[" from '", "import '", "import('"],
            _ => &["url(", "@import "],
        };
        let references = marks.iter().flat_map(|mark| quoted(&text, mark));
        // A drawing that is written out in a `data:` URL needs no file.
        for reference in references.filter(|reference| !reference.starts_with("data:")) {
            let target = Path::new(file.path).parent().unwrap().join(&reference);
            let is_made = MADE.iter().any(|made| target == Path::new(made));
            let exists =
                is_made || fs::canonicalize(web().join(&target)).is_ok_and(|path| path.starts_with(canonical()));
            assert!(exists, "{} refers to {reference}", file.path);
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "{looked_at}");
}

#[test]
fn no_page_has_inline_code_and_no_text_becomes_markup() {
    let document = read(DOCUMENT);
    for forbidden in ["<style", " style=", "javascript:", " onclick", " onload", "<script>"] {
        assert!(!document.contains(forbidden), "{forbidden}");
    }
    for file in FILES.iter().filter(|file| extension(file.path) == "js") {
        let text = read(file.path);
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            ".style.",
        ] {
            assert!(!text.contains(forbidden), "{} has {forbidden}", file.path);
        }
        // No URL of another host. The namespace of SVG is a name: nothing is loaded from there.
        let text = text.replace("'http://www.w3.org/2000/svg'", "");
        assert!(!text.contains("http://") && !text.contains("https://"), "{}", file.path);
    }
}

#[test]
fn the_scripts_know_the_pages_that_are_served() {
    assert_eq!(
        named_pages("js/pages.js"),
        PAGES.into_iter().map(str::to_owned).collect()
    );
}

/// Returns the names of the pages in a table of the scripts.
pub(super) fn named_pages(table: &str) -> BTreeSet<String> {
    let text = read(table);
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": { title:"));
    rows.map(|(name, _)| name.trim_matches('\'').to_owned()).collect()
}

#[test]
fn the_languages_of_pages_are_those_of_messages() {
    let known: BTreeSet<&str> = Locale::ALL.into_iter().map(Locale::as_str).collect();
    let files = FILES
        .iter()
        .filter_map(|file| file.path.strip_prefix("js/texts/")?.strip_suffix(".js"));
    assert_eq!(files.collect::<BTreeSet<_>>(), known);
    let script = read("js/i18n.js");
    let (_, list) = script.split_once("export const LANGUAGES = {").unwrap();
    let (list, _) = list.split_once("};").unwrap();
    let listed = list.split(',').filter_map(|entry| entry.split_once(':'));
    assert_eq!(listed.map(|(tag, _)| tag.trim()).collect::<BTreeSet<_>>(), known);
    let document = read("index.html");
    for locale in Locale::ALL.into_iter().map(Locale::as_str) {
        assert!(
            document.contains(&format!("lang=\"{locale}\"")),
            "what the page says without scripts"
        );
    }
}

#[test]
fn all_languages_have_the_same_texts_and_the_same_places_in_them() {
    assert_same_texts("js/texts");
}

/// Asserts that the dictionaries in a directory have the same keys, in the same order, and the same places in their
/// texts.
pub(super) fn assert_same_texts(directory: &str) {
    let in_language = |language: &str| texts_of(&format!("{directory}/{language}.js"));
    let english = in_language("en");
    assert!(english.len() > 250, "{}", english.len());
    let keys = |texts: &[(String, String)]| texts.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    for locale in Locale::ALL.into_iter().map(Locale::as_str) {
        let texts = in_language(locale);
        assert_eq!(keys(&english), keys(&texts), "{locale}");
        for ((key, one), (_, other)) in english.iter().zip(&texts) {
            assert!(!other.is_empty(), "{key} in {locale}");
            // The form for one may name the number or write it out. That of French is for zero, too.
            let written: &[&str] = if key.rsplit_once('.').is_some_and(|(_, form)| form == "one") {
                &["count"]
            } else {
                &[]
            };
            let without = |text| {
                places(text)
                    .into_iter()
                    .filter(|place| !written.contains(place))
                    .collect::<Vec<_>>()
            };
            assert_eq!(without(one), without(other), "{key} in {locale}");
        }
    }
}

/// Words that are the same in both languages are listed here, so that no text stays in English by accident.
#[test]
fn nothing_is_left_in_english() {
    let same = [
        ("de", "factor.totp.code"),
        ("de", "passkey.title"),
        ("de", "passkey.one"),
        ("de", "applications.title"),
        ("de", "activity.app"),
        ("de", "token.title"),
        ("fr", "factor.totp.code"),
        ("fr", "sessions.title"),
        ("es", "profile.roles"),
        ("es", "token.title"),
    ];
    assert_translated("js/texts", &same);
}

/// Asserts that no texts in the dictionaries of a directory are as in English but these.
pub(super) fn assert_translated(directory: &str, same: &[(&str, &str)]) {
    let in_language = |language: &str| texts_of(&format!("{directory}/{language}.js"));
    let english = in_language("en");
    let mut found = Vec::new();
    for locale in Locale::ALL.into_iter().skip(1).map(Locale::as_str) {
        let texts = in_language(locale);
        let left = english.iter().zip(&texts).filter(|(one, other)| one.1 == other.1);
        found.extend(left.map(|((key, _), _)| (locale, key.clone())));
    }
    let found: Vec<_> = found.iter().map(|(locale, key)| (*locale, key.as_str())).collect();
    assert_eq!(found, same);
}

/// French separates these marks by a space, at which no line may break, and has quotation marks of its own.
#[test]
fn french_is_set_as_french() {
    let pages = ["js/texts/fr.js", "js/console/texts/fr.js"].map(read).concat();
    let mails = fs::read_to_string(root().join("src/delivery/texts/fr.ftl")).unwrap();
    let mails = mails
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("sms"));
    let texts = pages.lines().filter(|line| line.starts_with("  ")).chain(mails);
    for line in texts {
        for wrong in [" :", " ?", " !", " ;", "« ", " »", "“", "n't"] {
            assert!(!line.contains(wrong), "{wrong:?} in {line}");
        }
    }
}

#[test]
fn everything_that_is_said_has_a_text() {
    let keys: BTreeSet<String> = dictionary("en").into_iter().map(|(key, _)| key).collect();
    for code in Code::ALL {
        assert!(
            keys.contains(&format!("problem.{}", code.as_str())),
            "{code:?} has no text in web/js/texts"
        );
    }
    for event in EventName::ALL {
        assert!(
            keys.contains(&format!("event.{}", event.as_str())),
            "{event:?} has no text in web/js/texts"
        );
    }
    let mut used = 0;
    let of_account = |file: &&File| !is_of_console(file.path) && !file.path.contains("texts");
    for file in FILES
        .iter()
        .filter(of_account)
        .filter(|file| extension(file.path) == "js")
    {
        let text = read(file.path);
        for key in said_in(&text) {
            assert!(keys.contains(&key), "{} says {key}", file.path);
            used += 1;
        }
    }
    assert!(used > 150, "{used}");
}

/// Returns the keys of the texts that a script says.
pub(super) fn said_in(script: &str) -> Vec<String> {
    let said = [" t('", "(t('", "[t('", "!t('"]
        .iter()
        .flat_map(|mark| quoted(script, mark));
    let titles = quoted(script, "title: '").into_iter();
    let counted = quoted(script, "plural('").into_iter().map(|key| format!("{key}.other"));
    said.chain(titles).chain(counted).collect()
}

fn extension(path: &str) -> &str {
    path.rsplit('.').next().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn web() -> PathBuf {
    root().join("web")
}

fn canonical() -> PathBuf {
    fs::canonicalize(web()).unwrap()
}

pub(super) fn read(file: &str) -> String {
    fs::read_to_string(web().join(file)).unwrap()
}

fn collect(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.strip_prefix(web()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// Returns the texts that follow a mark, each up to the end of its quotation.
pub(super) fn quoted(text: &str, mark: &str) -> Vec<String> {
    let rests = text.split(mark).skip(1);
    let found = rests.filter_map(|rest| rest.split(['\'', '"', ')']).find(|part| !part.is_empty()));
    found.map(str::to_owned).collect()
}

/// Reads the dictionary of the account pages.
pub(super) fn dictionary(language: &str) -> Vec<(String, String)> {
    texts_of(&format!("js/texts/{language}.js"))
}

/// Reads a dictionary: an object literal with one entry a line, or with its text on the line below.
pub(super) fn texts_of(file: &str) -> Vec<(String, String)> {
    let text = read(file).replace(":\n    ", ": ");
    let entries = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
    entries
        .map(|(key, text)| {
            let text = text.trim_end_matches(',').trim_matches(['\'', '"']);
            (key.trim_matches('\'').to_owned(), text.to_owned())
        })
        .collect()
}

pub(super) fn places(text: &str) -> BTreeSet<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .collect()
}
