//! Applications that describe themselves, and the servers of their documents.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts};
use vestibule::outbound::Network;

use super::app::TestApp;
use super::applications::{API, Application, CALLBACK, GOODBYE};
use super::peer::Peer;

/// The address of every host that a test says nothing about: one on the public internet.
pub(crate) const PUBLIC: &str = "198.41.0.4";
/// The document of the application that most tests use.
pub(crate) const NOTES: &str = "https://notes.example.com/client.json";
/// The settings with which applications may describe themselves.
pub(crate) const ON: [(&str, &str); 2] = [("CLIENT_DOCUMENTS", "on"), ("CLIENT_DOCUMENT_RESOURCES", API)];

/// Leads from public addresses to a server of the test. All else is as in production.
#[derive(Debug)]
pub(crate) struct TestNetwork {
    port: u16,
    roots: RootCerts,
    names: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
    connected: Mutex<Vec<IpAddr>>,
}

impl TestNetwork {
    /// Says what each look-up of a host finds; the last answer is repeated.
    pub(crate) fn name(&self, host: &str, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers: Vec<Vec<IpAddr>> = answers.iter().map(parse).collect();
        self.names.lock().unwrap().insert(host.to_owned(), answers);
    }

    /// Returns the hosts that were looked up since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Returns the addresses that may have been connected to since the last call.
    pub(crate) fn connected(&self) -> Vec<IpAddr> {
        std::mem::take(&mut self.connected.lock().unwrap())
    }
}

impl Network for TestNetwork {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        if host.starts_with("silent") {
            // The name server of an attacker does not answer, and the system waits.
            thread::sleep(Duration::from_secs(8));
        }
        let mut names = self.names.lock().unwrap();
        let found = match names.get_mut(host) {
            None => vec![PUBLIC.parse().unwrap()],
            Some(answers) if answers.is_empty() => return Err(io::Error::other("no such host")),
            Some(answers) if answers.len() == 1 => answers[0].clone(),
            Some(answers) => answers.remove(0),
        };
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    fn destination(&self, address: SocketAddr) -> SocketAddr {
        assert_eq!(address.port(), 443);
        self.connected.lock().unwrap().push(address.ip());
        SocketAddr::new("127.0.0.1".parse().unwrap(), self.port)
    }

    fn roots(&self) -> RootCerts {
        self.roots.clone()
    }
}

/// A server of documents.
pub(crate) struct Documents {
    _server: Peer,
    pub(crate) network: Arc<TestNetwork>,
    place: TempDir,
}

impl Documents {
    pub(crate) fn serve() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("documents")).unwrap();
        let server = Peer::start("document_server.py", &[place.path().to_str().unwrap()]);
        let authority = fs::read(place.path().join("authority.pem")).unwrap();
        let network = TestNetwork {
            port: server.port.try_into().unwrap(),
            roots: RootCerts::new_with_certs(&[Certificate::from_pem(&authority).unwrap()]),
            names: Mutex::default(),
            asked: Mutex::default(),
            connected: Mutex::default(),
        };
        Self {
            _server: server,
            network: Arc::new(network),
            place,
        }
    }

    /// Starts a service that fetches documents from here.
    pub(crate) async fn app(&self, settings: &[(&str, &str)]) -> TestApp {
        let mut all = ON.to_vec();
        all.retain(|(name, _)| !settings.iter().any(|(given, _)| given == name));
        all.extend(settings);
        let network: Arc<dyn Network> = self.network.clone();
        TestApp::fetching(&all, network).await
    }

    /// Publishes a document at the path of a URL, on every host.
    pub(crate) fn publish(&self, url: &str, document: &Value) {
        self.answer(url, &json!({"body": document.to_string()}));
    }

    /// Sets the whole answer at the path of a URL, on every host.
    pub(crate) fn answer(&self, url: &str, answer: &Value) {
        let path = url.splitn(4, '/').last().unwrap();
        let file = self.place.path().join("documents").join(path);
        // Another name first: the server must never see half of it.
        let draft = file.with_extension("draft");
        fs::write(&draft, answer.to_string()).unwrap();
        fs::rename(draft, file).unwrap();
    }

    /// Publishes a document that counts for a minute.
    pub(crate) fn publish_for_a_minute(&self, url: &str, document: &Value) {
        let headers = json!({"cache-control": "max-age=60"});
        self.answer(url, &json!({"body": document.to_string(), "headers": headers}));
    }

    /// Publishes the document of an application, and returns it.
    pub(crate) fn application(&self, url: &str) -> Application {
        self.publish(url, &document(url));
        Application {
            id: url.to_owned(),
            secret: None,
        }
    }

    /// Returns the number of documents that were fetched since the last call.
    pub(crate) fn fetched(&self) -> usize {
        self.network.connected().len()
    }
}

/// The document of an application.
pub(crate) fn document(url: &str) -> Value {
    json!({
        "client_id": url,
        "client_name": "Notes",
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [GOODBYE],
        "token_endpoint_auth_method": "none",
    })
}
