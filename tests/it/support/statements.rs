//! The SQL statements that the program sends to a test's database, as diesel sees them.

use std::collections::HashMap;
use std::sync::{Mutex, Once, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use secrecy::ExposeSecret;

use super::actors::log_in;
use super::app::TestApp;

static SENT: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

/// Records every statement of connections that are opened from now on, by the URL of their database.
pub(crate) fn record() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| set_default_instrumentation(|| Some(Box::new(Recorder::default()))).unwrap());
}

/// Returns the statements that were sent to a database since the last call.
pub(crate) fn take(url: &str) -> Vec<String> {
    let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
    sent.get_or_insert_default()
        .remove(database_of(url))
        .unwrap_or_default()
}

/// Returns the part of a URL that names the database: the program adds parameters of the connection to it.
fn database_of(url: &str) -> &str {
    url.split_once('?').map_or(url, |(database, _)| database)
}

/// Comparisons of what was sent would otherwise compare nothing with nothing.
#[actix_web::test]
async fn the_statements_of_the_program_are_recorded() {
    record();
    let app = TestApp::new().await;
    let url = app.database.url.expose_secret();
    take(url);
    log_in(&app, "jo@example.com", "a wrong password").await.expect(401);
    assert!(!take(url).is_empty());
}

#[derive(Default)]
struct Recorder {
    url: String,
}

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => database_of(url).clone_into(&mut self.url),
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                // With the values of parameters, equal statements would look different.
                let statement = text.split(" -- binds:").next().unwrap_or_default().to_owned();
                // The settings of a new connection do not belong to a request.
                if !statement.starts_with("SET ") {
                    let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
                    sent.get_or_insert_default()
                        .entry(self.url.clone())
                        .or_default()
                        .push(statement);
                }
            }
            _ => {}
        }
    }
}
