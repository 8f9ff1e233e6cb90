//! `/console/`: pages for administrators, not operations; and whether their scripts know what the service knows.

use std::collections::BTreeSet;

use vestibule::api::handlers::console::PAGES;
use vestibule::api::web_files::{FILES, File, is_of_console};
use vestibule::domain::account_event::AccountEventType;
use vestibule::domain::audit_event::EventName;

use super::account_pages::{POLICY, completed, dictionary, named_pages, places, quoted, read, said_in, texts_of};
use crate::support::app::TestApp;

#[actix_web::test]
async fn every_page_is_the_same_document_under_a_strict_policy() {
    let app = TestApp::new().await;
    let document = completed("console.html", "auth.example.com");
    for page in PAGES {
        let answer = app.get(&format!("/console/{page}?id=1")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("content-security-policy"), Some(POLICY));
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=0, must-revalidate")
        );
        assert_eq!(String::from_utf8(answer.body).unwrap(), document, "{page}");
    }
    let answer = app.get("/console").await.expect(303);
    assert_eq!(answer.header("location"), Some("console/"));
}

#[actix_web::test]
async fn it_shares_the_scripts_of_the_account_pages_and_these_have_none_of_its_own() {
    let app = TestApp::new().await;
    let shared = app.get("/console/js/session.js").await.expect(200);
    assert_eq!(shared.body, app.get("/account/js/session.js").await.expect(200).body);
    let mut own = 0;
    for file in FILES.iter().filter(|file| is_of_console(file.path)) {
        app.get(&format!("/console/{}", file.path)).await.expect(200);
        app.get(&format!("/account/{}", file.path))
            .await
            .expect_problem(404, "not_found");
        own += 1;
    }
    assert!(own > 20, "{own}");
    for name in [
        "nothing",
        "users/1",
        "index.html",
        "js/",
        "../Cargo.toml",
        "%2e%2e/Cargo.toml",
    ] {
        app.get(&format!("/console/{name}"))
            .await
            .expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn a_deployment_can_do_without() {
    for settings in [("CONSOLE", "off"), ("ACCOUNT_PAGES", "off")] {
        let app = TestApp::with(&[settings]).await;
        for path in ["/console", "/console/", "/console/users", "/console/js/console/main.js"] {
            app.get(path).await.expect_problem(404, "not_found");
        }
    }
    let app = TestApp::with(&[("CONSOLE", "off")]).await;
    app.get("/account/").await.expect(200);
}

/// Its texts are beside those of the account pages, which it uses too.
#[test]
fn everything_that_is_said_has_a_text() {
    let [english, german] = ["en", "de"].map(|language| texts_of(&format!("js/console/texts/{language}.js")));
    let keys = |texts: &[(String, String)]| texts.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
    assert_eq!(keys(&english), keys(&german));
    assert_eq!(english.len(), german.len());
    for (key, text) in &english {
        let (_, other) = german.iter().find(|(found, _)| found == key).unwrap();
        assert!(!text.is_empty() && !other.is_empty(), "{key}");
        assert_eq!(places(text), places(other), "{key}");
    }
    let own = keys(&english);
    let known: BTreeSet<String> = own.iter().cloned().chain(keys(&dictionary("en"))).collect();
    let is_script = |file: &&File| file.path.starts_with("js/console/") && !file.path.contains("texts");
    let scripts: Vec<String> = FILES.iter().filter(is_script).map(|file| read(file.path)).collect();
    let mut used = BTreeSet::new();
    for script in &scripts {
        used.extend(said_in(script));
    }
    assert!(used.len() > 150, "{}", used.len());
    assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    // No text is left over: a script names it, or what it begins with, before a word of the API.
    let named: BTreeSet<&str> = scripts.iter().flat_map(|script| script.split('\'')).collect();
    let prefixes: BTreeSet<String> = scripts.iter().flat_map(|script| quoted_in_templates(script)).collect();
    let unused = own.iter().filter(|key| {
        let counted = key.rsplit_once('.').map(|(stem, _)| stem);
        let is_named = named.contains(key.as_str()) || counted.is_some_and(|stem| named.contains(stem));
        !is_named && !prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
    });
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Returns what stands before the first value in each text that a script puts together for a key.
fn quoted_in_templates(script: &str) -> Vec<String> {
    let begun = script
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|template| template.split_once("${"));
    let prefixes = begun
        .map(|(prefix, _)| prefix)
        .filter(|prefix| prefix.contains('.') || *prefix == "field");
    prefixes.map(str::to_owned).collect()
}

#[test]
fn the_scripts_know_the_pages_and_the_words_of_the_service() {
    let pages: BTreeSet<String> = named_pages("js/console/pages.js");
    assert_eq!(pages, PAGES.into_iter().map(str::to_owned).collect());
    let listed = |file: &str, begin: &str| -> Vec<String> {
        let text = read(file);
        let (_, rest) = text.split_once(begin).unwrap();
        quoted(rest.split_once(']').unwrap().0, "  ")
    };
    let events = listed("js/console/events.js", "EVENTS = [");
    assert_eq!(
        events,
        EventName::ALL
            .iter()
            .map(|event| event.as_str().to_owned())
            .collect::<Vec<_>>()
    );
    let types = listed("js/console/webhook-form.js", "TYPES = [");
    assert_eq!(types, AccountEventType::ALL.map(|kind| kind.as_str().to_owned()));
}
