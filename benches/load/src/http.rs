//! A minimal HTTP/1.1 client: one persistent connection, one request at a time, very little work.
//!
//! The generator shares the machine with the service that it measures, so all its work slows the service down. A
//! general client would take several times as much processor time.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer. The body stays in the connection's buffer until the next request.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body. A chunked one still contains its chunk headers.
    pub body: &'a [u8],
}

/// A connection that is opened when needed, and again after the server has closed it.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Prepares a connection.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        let kept = self.stream.is_some();
        match self.exchange(request).await {
            Ok((status, begin, end)) => Ok(Answer {
                status,
                body: &self.buffer[begin..end],
            }),
            // A server may close an idle connection, so only a request on a reused one is repeated.
            Err(error) if kept && error.kind() != io::ErrorKind::TimedOut => {
                self.stream = None;
                let (status, begin, end) = self.exchange(request).await?;
                Ok(Answer {
                    status,
                    body: &self.buffer[begin..end],
                })
            }
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, usize, usize)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        let Some(stream) = self.stream.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let mut head = None;
        loop {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if head.is_none() {
                head = Head::read(&self.buffer)?;
            }
            let Some(head) = &head else { continue };
            if let Some(end) = head.end(&self.buffer) {
                if head.closes {
                    self.stream = None;
                }
                return Ok((head.status, head.length, end));
            }
        }
    }
}

struct Head {
    status: u16,
    length: usize,
    body_length: usize,
    is_chunked: bool,
    closes: bool,
}

impl Head {
    /// Parses the head of an answer once it is complete.
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP/1.1 answer");
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_not_text| wrong())?;
        let mut head = Self {
            status: text.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(wrong)?,
            length: end + 4,
            body_length: 0,
            is_chunked: false,
            closes: false,
        };
        for line in text.split("\r\n").skip(1) {
            let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
            if name.eq_ignore_ascii_case("content-length") {
                head.body_length = value.parse().map_err(|_not_a_number| wrong())?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(Some(head))
    }

    /// Returns the end of the answer once it is complete. JSON contains line breaks only between its tokens, so nothing
    /// in a body looks like the last chunk.
    fn end(&self, bytes: &[u8]) -> Option<usize> {
        if self.is_chunked {
            return bytes.ends_with(b"\r\n0\r\n\r\n").then_some(bytes.len());
        }
        let end = self.length + self.body_length;
        (bytes.len() >= end).then_some(end)
    }
}

/// Builds a GET request.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n").into_bytes()
}

/// Builds a POST request with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    post_with(path, "", body)
}

/// Builds a POST request with a JSON body and additional headers.
pub fn post_with(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::Head;

    fn end(answer: &[u8]) -> Option<usize> {
        Head::read(answer).ok().flatten()?.end(answer)
    }

    #[test]
    fn an_answer_ends_with_its_length_or_its_last_chunk() {
        let whole: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ];
        for answer in whole {
            assert_eq!(end(answer), Some(answer.len()));
        }
        for answer in [whole[0], whole[2], whole[3]] {
            assert_eq!(end(&answer[..answer.len() - 1]), None);
        }
    }
}
