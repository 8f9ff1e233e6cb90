//! Receivers of webhooks: servers on this machine that answer as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use vestibule::domain::webhook::WebhookDescription;

use super::app::TestApp;
use super::until::until;

/// How a receiver answers a message.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With a status.
    Status(u16),
    /// By sending the sender elsewhere.
    Redirect(String),
    /// With 200, after [`Receiver::release`].
    Hold,
}

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Received {
    /// Returns a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Returns the id of the message.
    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Returns the time of the try.
    pub(crate) fn timestamp(&self) -> i64 {
        self.header("webhook-timestamp").parse().unwrap()
    }

    /// Returns the body as it came.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Returns the body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns a text in the body.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let json = self.json();
        json.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }

    /// Returns whether one of the signatures is by a secret (Standard Webhooks).
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.id(), self.timestamp(), self.body);
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac));
        self.header("webhook-signature").split(' ').any(|one| one == expected)
    }

    /// Returns how many signatures there are.
    pub(crate) fn signatures(&self) -> usize {
        self.header("webhook-signature").split(' ').count()
    }
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    usual: Mutex<Option<Answer>>,
    had: Mutex<Vec<Received>>,
    released: Mutex<bool>,
    waits: Condvar,
}

/// A server that gives scripted answers, and then its usual one, which is 204.
pub(crate) struct Receiver {
    address: SocketAddr,
    script: Arc<Script>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let script = Arc::clone(&shared);
                thread::spawn(move || script.serve(&stream));
            }
        });
        Self { address, script }
    }

    /// Starts one that always gives the same answer.
    pub(crate) fn answering(usual: Answer) -> Self {
        let receiver = Self::start();
        *receiver.script.usual.lock().unwrap() = Some(usual);
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Adds answers before the usual one.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.answers.lock().unwrap().extend(answers);
    }

    /// Returns the messages that came since the last call.
    pub(crate) fn had(&self) -> Vec<Received> {
        std::mem::take(&mut self.script.had.lock().unwrap())
    }

    /// Returns how many messages came since the last call of [`Self::had`].
    pub(crate) fn number(&self) -> usize {
        self.script.had.lock().unwrap().len()
    }

    /// Answers what is held, and holds nothing from now on.
    pub(crate) fn release(&self) {
        *self.script.released.lock().unwrap() = true;
        self.script.waits.notify_all();
    }
}

impl Drop for Receiver {
    /// The threads of a sender end with its calls.
    fn drop(&mut self) {
        self.release();
    }
}

impl Script {
    fn serve(&self, stream: &TcpStream) {
        let Some(received) = read(stream) else { return };
        self.had.lock().unwrap().push(received);
        let scripted = self.answers.lock().unwrap().pop_front();
        let answer = scripted.or_else(|| self.usual.lock().unwrap().clone());
        let head = match answer.unwrap_or(Answer::Status(204)) {
            Answer::Status(status) => format!("HTTP/1.1 {status} So"),
            Answer::Redirect(to) => format!("HTTP/1.1 307 There\r\nlocation: {to}"),
            Answer::Hold => {
                let released = self.released.lock().unwrap();
                drop(self.waits.wait_while(released, |released| !*released).unwrap());
                "HTTP/1.1 200 So".to_owned()
            }
        };
        // The sender may be gone.
        let mut stream = stream;
        let _ = stream.write_all(format!("{head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert_eq!(line, "POST /hooks HTTP/1.1\r\n");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// Describes an endpoint at a receiver that is told some types of events.
pub(crate) fn endpoint(receiver: &Receiver, events: &[&str]) -> WebhookDescription {
    WebhookDescription {
        url: receiver.url(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        ..WebhookDescription::default()
    }
}

/// Waits until a receiver has so many messages.
pub(crate) async fn until_received(receiver: &Receiver, number: usize) {
    until("the messages come", || receiver.number() >= number).await;
}

/// Registers accounts, each of which causes one `user.created`, and returns their ids.
pub(crate) async fn register(app: &TestApp, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let body = serde_json::json!({"username": name, "password": super::actors::PASSWORD});
        ids.push(app.post("/register", &body).await.expect(201).text("/user/id"));
    }
    ids
}
