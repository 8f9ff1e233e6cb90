//! The client for URLs of others, with sockets of this machine: what it connects to, and how long an answer may take.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join;
use ureq::tls::RootCerts;
use vestibule::domain::network::AllowedNetworks;
use vestibule::domain::outbound_url::OutboundUrl;
use vestibule::outbound::{Answer, Limits, Network, OutboundCalls, OutboundFault, SystemNetwork};

use crate::support::documents::{PUBLIC, TestNetwork};
use crate::support::peer::Peer;
use crate::support::until::until;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(1),
    most_bytes: Some(1000),
};

fn allowed(networks: &[&str]) -> AllowedNetworks {
    AllowedNetworks::new(networks.iter().map(|network| network.parse().unwrap()).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "tests make the network in the call")]
fn calls(network: Arc<dyn Network>, networks: &[&str]) -> OutboundCalls {
    OutboundCalls::new(&network, &allowed(networks), 4)
}

async fn post(calls: &OutboundCalls, url: &str) -> Result<Answer, OutboundFault> {
    post_within(calls, url, LIMITS).await
}

async fn post_within(calls: &OutboundCalls, url: &str, limits: Limits) -> Result<Answer, OutboundFault> {
    let url = OutboundUrl::parse(url).unwrap();
    let headers = vec![("content-type", "application/json".to_owned())];
    calls.post(&url, headers, "{\"a\":1}".to_owned(), limits).await
}

#[track_caller]
fn fault(answer: Result<Answer, OutboundFault>) -> OutboundFault {
    answer.map(|answer| answer.status).unwrap_err()
}

/// A server on this machine, which counts its connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request with what `answer` writes.
    fn start(answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (count, answer) = (Arc::clone(&connections), Arc::new(answer));
        thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                thread::spawn(move || read_request(&mut stream).and_then(|()| answer(&mut stream)));
            }
        });
        Self { address, connections }
    }

    fn answering(text: &'static str) -> Self {
        Self::start(move |stream| stream.write_all(text.as_bytes()))
    }

    fn url(&self) -> String {
        format!("http://{}/here", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads until the end of the body of [`post`]; a TLS greeting never has one.
fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"{\"a\":1}") {
        if stream.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        request.push(byte[0]);
    }
    Ok(())
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[actix_web::test]
async fn an_address_that_is_not_public_is_not_connected_to() {
    let server = Server::answering(GOOD);
    let port = server.address.port();
    let calls = calls(Arc::new(SystemNetwork), &[]);
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[::]",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
    ] {
        let found = post(&calls, &format!("https://{host}:{port}/")).await;
        assert_eq!(fault(found), OutboundFault::NotPublic, "{host}");
        let found = post(&calls, &format!("http://{host}:{port}/")).await;
        assert_eq!(fault(found), OutboundFault::Plain, "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[actix_web::test]
async fn what_the_operator_allows_is_connected_to_with_and_without_tls() {
    let server = Server::answering(GOOD);
    let port = server.address.port();
    let calls = calls(Arc::new(SystemNetwork), &["127.0.0.0/8"]);
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"] {
        let answer = post(&calls, &format!("http://{host}:{port}/")).await.unwrap();
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, b"ok".as_slice()),
            "{host}"
        );
    }
    let found = post(&calls, &format!("http://[::1]:{port}/")).await;
    assert_eq!(fault(found), OutboundFault::Plain);
    let (peer, _network) = tls_server();
    // Its certificate is of an authority that this machine does not know.
    let found = post(&calls, &format!("https://localhost:{}/", peer.port)).await;
    assert_eq!(fault(found), OutboundFault::Untrusted);
    let url = OutboundUrl::parse(&format!("https://localhost:{}/", peer.port)).unwrap();
    let probed = calls.probe(&url, LIMITS.time).await;
    assert_eq!(probed, Err(OutboundFault::Untrusted));
}

/// A server for `https://*.example.com`, and a network that leads there.
fn tls_server() -> (Peer, Arc<TestNetwork>) {
    let place = tempfile::tempdir().unwrap();
    let peer = Peer::start("document_server.py", &[place.path().to_str().unwrap()]);
    let network = Arc::new(TestNetwork::to(peer.port, place.path()));
    (peer, network)
}

#[actix_web::test]
async fn all_addresses_of_a_host_have_to_be_good() {
    let (_peer, network) = tls_server();
    let own = ["10.1.0.0/16"];
    let calls = calls(network.clone(), &own);
    for (addresses, with_tls) in [
        (&[PUBLIC][..], true),
        (&["10.1.0.1"], true),
        (&[PUBLIC, "10.1.0.1"], true),
        (&[PUBLIC, "10.2.0.1"], false),
        (&["10.1.0.1", "127.0.0.1"], false),
        (&["2606:4700::1111", "::1"], false),
        (&["::ffff:10.1.0.1"], true),
        (&["::ffff:10.2.0.1"], false),
    ] {
        network.name("hooks.example.com", &[addresses]);
        // The server has no POST, and says so: it was reached.
        let found = post(&calls, "https://hooks.example.com/").await;
        let expected = if with_tls {
            Ok(501)
        } else {
            Err(OutboundFault::NotPublic)
        };
        assert_eq!(found.map(|answer| answer.status), expected, "{addresses:?}");
        assert_eq!(!network.connected().is_empty(), with_tls, "{addresses:?}");
    }
    // Without TLS a public address is refused, too, and one beside an allowed address.
    for addresses in [&[PUBLIC][..], &[PUBLIC, "10.1.0.1"]] {
        network.name("hooks.example.com", &[addresses]);
        let found = post(&calls, "http://hooks.example.com:443/").await;
        assert_eq!(fault(found), OutboundFault::Plain, "{addresses:?}");
    }
    assert_eq!(network.connected(), Vec::<IpAddr>::new());
    network.name("hooks.example.com", &[&[]]);
    let found = post(&calls, "https://hooks.example.com/").await;
    assert_eq!(fault(found), OutboundFault::Unreachable);
}

/// A name server that says one address first, and another one when it is asked again.
#[derive(Debug)]
struct ChangedMind {
    answers: Mutex<Vec<&'static str>>,
    checked: SocketAddr,
}

impl Network for ChangedMind {
    fn resolve(&self, _host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let address = self.answers.lock().unwrap().remove(0);
        Ok(vec![SocketAddr::new(address.parse().unwrap(), port)])
    }

    fn destination(&self, address: SocketAddr) -> SocketAddr {
        if address.ip().is_loopback() {
            address
        } else {
            self.checked
        }
    }

    fn roots(&self) -> RootCerts {
        RootCerts::PlatformVerifier
    }
}

#[actix_web::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (outside, inside) = (Server::answering(GOOD), Server::answering(GOOD));
    let network = Arc::new(ChangedMind {
        answers: Mutex::new(vec![PUBLIC, "127.0.0.1"]),
        checked: outside.address,
    });
    let calls = calls(network.clone(), &[PUBLIC]);
    let url = format!("http://hooks.example.com:{}/", inside.address.port());
    assert_eq!(post(&calls, &url).await.unwrap().status, 200);
    assert_eq!((outside.connections(), inside.connections()), (1, 0));
    // The next call checks what the name leads to now. No connection was kept.
    assert_eq!(fault(post(&calls, &url).await), OutboundFault::Plain);
    assert_eq!((outside.connections(), inside.connections()), (1, 0));
    assert!(network.answers.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_redirect_is_not_followed() {
    let other = Server::answering(GOOD);
    let calls = calls(Arc::new(SystemNetwork), &["127.0.0.0/8"]);
    for status in [301, 302, 303, 307, 308] {
        let location = other.url();
        let server = Server::start(move |stream| {
            write!(
                stream,
                "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            )
        });
        assert_eq!(
            fault(post(&calls, &server.url()).await),
            OutboundFault::Redirects,
            "{status}"
        );
        assert_eq!(server.connections(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[actix_web::test]
async fn each_status_is_an_answer() {
    let calls = calls(Arc::new(SystemNetwork), &["127.0.0.0/8"]);
    for status in [200, 204, 400, 404, 410, 429, 500, 503] {
        let server = Server::start(move |stream| write!(stream, "HTTP/1.1 {status} Text\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(post(&calls, &server.url()).await.unwrap().status, status);
    }
}

/// Writes one piece after the other, until the client is gone.
fn for_ever(mut stream: &TcpStream, piece: &str, pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(piece.as_bytes())?;
        thread::sleep(pause);
    }
}

#[actix_web::test]
async fn an_answer_is_bounded_in_time_and_size() {
    let calls = calls(Arc::new(SystemNetwork), &["127.0.0.0/8"]);
    let (soon, slowly) = (Duration::ZERO, Duration::from_millis(20));
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let silent = Server::start(|_stream| {
        thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    let slow_status = Server::start(move |stream| for_ever(stream, "H", slowly));
    let slow_headers = Server::start(move |stream| {
        stream.write_all(ok.as_bytes())?;
        for_ever(stream, "a: b\r\n", slowly)
    });
    let many_headers = Server::start(move |stream| {
        stream.write_all(ok.as_bytes())?;
        for_ever(stream, &"a: b\r\n".repeat(100), soon)
    });
    let slow_body = Server::start(move |stream| {
        stream.write_all(long.as_bytes())?;
        for_ever(stream, "a", slowly)
    });
    let endless_body = Server::start(move |stream| {
        stream.write_all(chunked.as_bytes())?;
        for_ever(stream, "1\r\na\r\n", soon)
    });
    let cut = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok");
    let garbage = Server::answering("SSH-2.0-OpenSSH_9.2p1\r\n\r\n");
    for (server, expected) in [
        (&silent, OutboundFault::Late),
        (&slow_headers, OutboundFault::Late),
        (&slow_body, OutboundFault::Late),
        (&endless_body, OutboundFault::TooLong),
        (&many_headers, OutboundFault::Unreachable),
        (&slow_status, OutboundFault::Unreachable),
        (&cut, OutboundFault::Unreachable),
        (&garbage, OutboundFault::Unreachable),
    ] {
        let begun = Instant::now();
        assert_eq!(fault(post(&calls, &server.url()).await), expected);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    let unread = Limits {
        most_bytes: None,
        ..LIMITS
    };
    for server in [&slow_body, &endless_body, &cut] {
        let answer = post_within(&calls, &server.url(), unread).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
}

#[actix_web::test]
async fn a_look_up_that_hangs_holds_no_call_up() {
    let (_peer, network) = tls_server();
    let calls = calls(network, &[]);
    let begun = Instant::now();
    let found = post(&calls, "https://silent.example.com/").await;
    assert_eq!(fault(found), OutboundFault::Late);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn one_kind_of_calls_takes_no_places_of_another() {
    let slow = Server::start(|_stream| {
        thread::sleep(Duration::from_secs(5));
        Ok(())
    });
    let quick = Server::answering(GOOD);
    let network: Arc<dyn Network> = Arc::new(SystemNetwork);
    let kind = || OutboundCalls::new(&network, &allowed(&["127.0.0.0/8"]), 1);
    let (one, other) = (kind(), kind());
    let url = slow.url();
    let waiting = post(&one, &url);
    let meanwhile = async {
        until("the slow server is connected to", || slow.connections() > 0).await;
        assert_eq!(fault(post(&one, &quick.url()).await), OutboundFault::Busy);
        assert_eq!(post(&other, &quick.url()).await.unwrap().status, 200);
    };
    let (waited, ()) = join(waiting, meanwhile).await;
    assert_eq!(fault(waited), OutboundFault::Late);
    // The place is free when the thread has ended.
    let begun = Instant::now();
    while post(&one, &quick.url()).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
}
