//! Reads small documents of the service. A server that is slow or sends without an end costs a bounded time and memory.

use std::error::Error as _;
use std::time::Duration;

/// Why a document could not be read.
pub(crate) type Fault = String;

/// Returns a client that follows no redirects: the URL is the one that the operator configured.
pub(crate) fn client() -> Result<reqwest::Client, Fault> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().map_err(|error| with_causes(&error))
}

/// Returns the text of a document. `timeout` is for all of it.
pub(crate) async fn read(
    client: &reqwest::Client,
    url: &str,
    timeout: Duration,
    longest: usize,
) -> Result<String, Fault> {
    let request = client.get(url).timeout(timeout);
    let mut answer = request.send().await.map_err(|error| with_causes(&error))?;
    if answer.status() != 200 {
        return Err(format!("{url} answered {}", answer.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| with_causes(&error))? {
        if body.len() + chunk.len() > longest {
            return Err(format!("{url} answered more than {longest} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| format!("{url} did not answer a text"))
}

/// Returns the text of an error with those of its causes, which say what happened.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
