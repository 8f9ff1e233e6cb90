//! A server between back ends and the service, which passes on what it is asked, or the list of ended sessions or the keys
//! in one of the ways in which they must not count.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use crate::server::http::Client;

/// What becomes of the list of ended sessions and of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is passed on.
    Honest,
    /// It is the one after another cursor, as of a cache that does not compare the query.
    OtherCursor,
    /// It is elsewhere.
    Redirect,
    /// It comes as one byte after the other, the head included.
    Drip,
    /// It never ends.
    Endless,
    /// There is none.
    Nothing,
    /// There is none, so that the keys are read again, which never end.
    EndlessKeys,
}

/// The server; it ends with the test program.
pub(super) struct Between {
    pub(super) url: String,
    service: Arc<OnceLock<Client>>,
    way: Arc<Mutex<Way>>,
}

impl Between {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Arc::new(OnceLock::<Client>::new());
        let way = Arc::new(Mutex::new(Way::Honest));
        let (behind, shared) = (Arc::clone(&service), Arc::clone(&way));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (behind, shared) = (Arc::clone(&behind), Arc::clone(&shared));
                // The client may have gone away.
                thread::spawn(move || pass(&stream.unwrap(), behind.wait(), *shared.lock().unwrap()).ok());
            }
        });
        Self { url, service, way }
    }

    /// Names the service, which had to know the URL of this server first.
    pub(super) fn to(&self, service: &Client) {
        assert!(self.service.set(service.clone()).is_ok());
    }

    /// Changes what becomes of the list from now on.
    pub(super) fn turn(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }
}

fn pass(mut stream: &TcpStream, service: &Client, way: Way) -> std::io::Result<()> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head)? > 0 {}
    let path = head.split(' ').nth(1).ok_or(ErrorKind::InvalidData)?;
    let way = match (way, path.starts_with("/token/ended?")) {
        (Way::EndlessKeys, true) => Way::Nothing,
        (Way::EndlessKeys, false) if path.starts_with("/.well-known/jwks.json") => Way::Endless,
        (way, true) => way,
        (_, false) => Way::Honest,
    };
    // Fresh, and good: only that another list was asked for.
    let asked = if way == Way::OtherCursor {
        "/token/ended?after=1"
    } else {
        path
    };
    let found = service.get(asked);
    let (status, text) = match way {
        Way::Redirect => (
            format!("302 Found\r\nLocation: {}{path}", service.issuer()),
            String::new(),
        ),
        Way::Endless => ("200 OK".to_owned(), found.text),
        Way::Nothing | Way::EndlessKeys => ("404 Not Found\r\nContent-Length: 0".to_owned(), String::new()),
        Way::Honest | Way::OtherCursor | Way::Drip => {
            let length = found.text.len();
            (format!("{} x\r\nContent-Length: {length}", found.status), found.text)
        }
    };
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{text}");
    if way == Way::Drip {
        for byte in answer.bytes() {
            stream.write_all(&[byte])?;
            thread::sleep(Duration::from_millis(500));
        }
        return Ok(());
    }
    stream.write_all(answer.as_bytes())?;
    if way == Way::Endless {
        // Until the client goes away.
        loop {
            stream.write_all(&[b'x'; 8192])?;
        }
    }
    Ok(())
}
