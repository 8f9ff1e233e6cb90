//! `/console/`: pages for administrators, not operations; and whether their scripts know what the service knows.

use std::collections::BTreeSet;

use vestibule::api::handlers::console::PAGES;
use vestibule::api::web_files::{FILES, File, is_of_console};
use vestibule::domain::account_event::AccountEventType;
use vestibule::domain::audit_event::EventName;
use vestibule::domain::message::Locale;

use super::account_pages::{
    POLICY, assert_same_texts, assert_translated, dictionary, expect_page_where_there_is_none, named, named_pages,
    navigation, quoted, read, said_in, texts_of,
};
use crate::support::app::TestApp;

/// Returns the document of the console, which has other scripts and more styles than that of the account pages.
fn document() -> String {
    let own = "<link rel=\"stylesheet\" href=\"css/wide.css\">\n    \
               <link rel=\"stylesheet\" href=\"css/console.css\">\n    ";
    let brand = "<link rel=\"stylesheet\" href=\"css/brand.css\">";
    named("auth.example.com")
        .replace("<title>Account<", "<title>Console<")
        .replace(brand, &format!("{own}{brand}"))
        .replace("\"js/main.js\"", "\"js/console/main.js\"")
}

#[actix_web::test]
async fn every_page_is_the_same_document_under_a_strict_policy() {
    let app = TestApp::new().await;
    let document = document();
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
        "console.html",
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
async fn browsers_get_a_page_of_the_console_where_it_has_none_and_programs_a_problem() {
    let app = TestApp::new().await;
    let paths = [
        "/console/nothing",
        "/console/users/1",
        "/console/js/nothing.js",
        "/console/index.html",
    ];
    expect_page_where_there_is_none(&app, "/console/", &document(), &paths).await;
    // Without the console these paths are as any other.
    let without = TestApp::with(&[("CONSOLE", "off")]).await;
    let page = without.send(navigation("/console/nothing")).await.expect(404);
    assert!(
        String::from_utf8(page.body)
            .unwrap()
            .contains("\"/account/js/main.js\"")
    );
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

#[test]
fn it_speaks_the_languages_of_the_account_pages() {
    let of_console = FILES
        .iter()
        .filter_map(|file| file.path.strip_prefix("js/console/texts/")?.strip_suffix(".js"));
    let known: BTreeSet<&str> = Locale::ALL.into_iter().map(Locale::as_str).collect();
    assert_eq!(of_console.collect::<BTreeSet<_>>(), known);
    assert_same_texts("js/console/texts");
}

/// Words that are the same in both languages are listed here, so that no text stays in English by accident.
#[test]
fn none_of_its_texts_is_left_in_english() {
    let same = [
        ("de", "filters.title"),
        ("de", "user.id"),
        ("de", "user.claims"),
        ("de", "client.name"),
        ("de", "client.scopes"),
        ("de", "providers.id"),
        ("de", "webhooks.title"),
        ("de", "webhook.title"),
        ("de", "webhook.facts"),
        ("de", "webhook.id"),
        ("de", "webhook.url"),
        ("de", "webhook.format"),
        ("de", "webhook.format.standard"),
        ("de", "webhook.format.caep"),
        ("de", "trail.name"),
        ("de", "trail.actor"),
        ("de", "trail.client"),
        ("de", "health.version"),
        ("fr", "console.title"),
        ("fr", "console.name"),
        ("fr", "console.navigation"),
        ("fr", "table.actions"),
        ("fr", "clients.title"),
        ("fr", "client.title"),
        ("fr", "client.facts"),
        ("fr", "client.secret"),
        ("fr", "webhooks.title"),
        ("fr", "webhook.title"),
        ("fr", "webhook.facts"),
        ("fr", "webhook.url"),
        ("fr", "webhook.format"),
        ("fr", "webhook.format.standard"),
        ("fr", "webhook.format.caep"),
        ("fr", "webhook.deliveries"),
        ("fr", "trail.client"),
        ("fr", "trail.session"),
        ("fr", "health.version"),
        ("fr", "health.queues"),
        ("fr", "health.queue"),
        ("es", "users.roles"),
        ("es", "webhooks.title"),
        ("es", "webhook.title"),
        ("es", "webhook.facts"),
        ("es", "webhook.url"),
        ("es", "webhook.format.standard"),
        ("es", "webhook.format.caep"),
    ];
    assert_translated("js/console/texts", &same);
}

/// Its texts are beside those of the account pages, which it uses too.
#[test]
fn everything_that_is_said_has_a_text() {
    let keys = |texts: &[(String, String)]| texts.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
    let own = keys(&texts_of("js/console/texts/en.js"));
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
