//! An HTTP client that returns every answer, whatever its status.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::{HeaderMap, Method, Request};

use super::process::PATIENCE;

/// How long a deliberately slow client waits between two pieces.
const TRICKLE: Duration = Duration::from_millis(300);

/// A client of one instance; each request has a connection of its own.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    agent: ureq::Agent,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .proxy(None)
            .build();
        Self {
            address: address.to_owned(),
            agent: agent.into(),
        }
    }

    /// Returns host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the issuer in tokens, unless the settings say otherwise.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None)
    }

    /// Sends a GET with a bearer token.
    #[track_caller]
    pub(crate) fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(Method::GET, path, Some(token), None)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, None, Some(body))
    }

    /// Sends a POST without a body, with a bearer token.
    #[track_caller]
    pub(crate) fn post_as(&self, token: &str, path: &str) -> Answer {
        self.send(Method::POST, path, Some(token), None)
    }

    #[track_caller]
    pub(crate) fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        self.try_send(method, path, token, body)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends a request to a program that may be killed meanwhile.
    pub(crate) fn try_send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.issuer()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        self.run(request.body(body.map(Value::to_string).unwrap_or_default()).unwrap())
    }

    /// Sends a POST that a trusted proxy received from an address.
    #[track_caller]
    pub(crate) fn post_from(&self, address: &str, path: &str, body: &Value) -> Answer {
        let request = Request::post(format!("{}{path}", self.issuer()))
            .header("content-type", "application/json")
            .header("x-forwarded-for", address)
            .body(body.to_string())
            .unwrap();
        self.run(request).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends a form.
    #[track_caller]
    pub(crate) fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = Request::post(format!("{}{path}", self.issuer()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(serde_urlencoded::to_string(form).unwrap())
            .unwrap();
        self.run(request).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn run(&self, request: Request<String>) -> Result<Answer, ureq::Error> {
        let begun = Instant::now();
        let mut answer = self.agent.run(request)?;
        let text = answer.body_mut().read_to_string()?;
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text,
            took: begun.elapsed(),
        })
    }

    /// Returns where a redirect leads, without going there.
    #[track_caller]
    pub(crate) fn redirect(&self, path: &str) -> String {
        let mut wire = self.connect();
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ));
        let answer = wire.read_to_end();
        let mut lines = answer.lines();
        let location = lines.find_map(|line| line.strip_prefix("location: ").map(str::to_owned));
        location.unwrap_or_else(|| panic!("no redirect: {answer}"))
    }

    /// Opens a raw connection.
    pub(crate) fn connect(&self) -> Wire {
        Wire::open(&self.address)
    }
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Asserts that it is a problem document with this code, and complete.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], answer.header("x-request-id"));
        if status == 503 {
            assert!(answer.header("retry-after").parse::<u32>().is_ok());
        }
        answer
    }

    /// Returns the body.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns a member that is a string.
    #[track_caller]
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let body = self.json();
        let found = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no {pointer} in {body}"))
    }

    /// Returns a header, or an empty text if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }
}

/// A connection on which any bytes can be sent.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Opens one from another address of this machine.
    pub(crate) fn from(source: [u8; 4], address: &str) -> Self {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address: SocketAddr = address.parse().unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends bytes. It is not an error if the other side has closed the connection.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Closes the writing side.
    pub(crate) fn finish(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// Reads until the other side closes the connection.
    pub(crate) fn read_to_end(&mut self) -> String {
        let mut read = Vec::new();
        match self.0.read_to_end(&mut read) {
            Ok(_) => {}
            // The other side closed it before it had read everything.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection stayed open: {error}"),
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Sends the same bytes again and again, slowly, until the other side answers or closes the connection; then reads
    /// to the end.
    pub(crate) fn trickle(&mut self, bytes: &str) -> String {
        self.0.set_read_timeout(Some(TRICKLE)).unwrap();
        let mut read = [0; 4096];
        let begun = loop {
            let sent = self.send(bytes);
            match self.0.read(&mut read) {
                Ok(count) => break count,
                Err(error) if sent && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_closed) => break 0,
            }
        };
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let begun = String::from_utf8_lossy(read.get(..begun).unwrap()).into_owned();
        begun + &self.read_to_end()
    }

    /// Reads one answer with a known length, and leaves the connection open.
    pub(crate) fn read_answer(&mut self) -> String {
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let lower = head.to_ascii_lowercase();
                let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
                if body.len() >= length {
                    return text;
                }
            }
            let mut some = [0; 4096];
            match self.0.read(&mut some).unwrap() {
                0 => panic!("closed after: {text}"),
                count => read.extend(some.iter().take(count)),
            }
        }
    }
}
