//! Where the service listens: the forms of `VESTIBULE_LISTEN`, and sockets that systemd passes.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use super::http::Client;
use super::instances::instance;
use super::nginx::free_address;
use super::postgres::Database;
use super::process::eventually;
use super::program::{Ended, Launch, Program, open_directory};

/// Opens the sockets that its first argument names, and starts the rest of its arguments with them, as systemd does.
const HAND_OVER: &str = "
import fcntl, os, socket, sys
made = []
for place in sys.argv[1].split(','):
    unix = place.startswith('/')
    one = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    one.bind(place if unix else ('127.0.0.1', int(place)))
    one.listen()
    # Out of the way of the numbers from 3 on.
    made.append(fcntl.fcntl(one.detach(), fcntl.F_DUPFD_CLOEXEC, 100))
for number, one in enumerate(made):
    os.dup2(one, 3 + number)
os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_FDNAMES='http:x', LISTEN_PID=str(os.getpid() + int(sys.argv[2])))
os.execv(sys.argv[3], sys.argv[3:])
";

/// Sends a request over a socket file, and returns the answer.
fn ask(path: &Path, request: &str) -> Option<String> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_ready(path: &Path) -> bool {
    let request = "GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    ask(path, request).is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

fn wait_until_ready(path: &Path) {
    eventually("readiness", || is_ready(path).then_some(()));
}

fn on_file(database: &Database, path: &Path) -> Launch {
    instance(database.url()).env("VESTIBULE_LISTEN", format!("unix:{}", path.display()))
}

fn health(listen: &str) -> Ended {
    let launch = Launch::of("health").env("VESTIBULE_LISTEN", listen);
    launch.env("VESTIBULE_PUBLIC_URL", "https://auth.example.com").run()
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// To a browser `localhost` and `127.0.0.1` are two sites, and cookies and issuers go by the name.
#[test]
fn the_public_url_has_the_name_that_is_listened_on() {
    for (listen, host) in [
        ("localhost:0", "localhost"),
        ("LOCALHOST:0", "localhost"),
        ("127.0.0.1:0", "127.0.0.1"),
    ] {
        let database = Database::create();
        let launch = instance(database.url()).without("VESTIBULE_PUBLIC_URL");
        let program = launch.env("VESTIBULE_LISTEN", listen).start();
        let told = program.wait_for_message("listening");
        let address = told["address"]
            .as_str()
            .unwrap()
            .split(" and ")
            .next()
            .unwrap()
            .to_owned();
        let port = address.rsplit(':').next().unwrap();
        let expected = format!("http://{host}:{port}");
        assert_eq!(told["public_url"], expected, "{listen}");
        let client = Client::new(&address);
        eventually("readiness", || {
            (client.get("/health/ready").status == 200).then_some(())
        });
        let metadata = client.get("/.well-known/oauth-authorization-server").json();
        assert_eq!(metadata["issuer"], expected, "{listen}");
    }
}

#[test]
fn a_socket_file_is_served_on_and_gone_afterwards() {
    let (database, place) = (Database::create(), open_directory());
    let path = place.path().join("http.sock");
    let listen = format!("unix:{}", path.display());
    health(&listen).expect(1);
    let program = on_file(&database, &path).start();
    wait_until_ready(&path);
    assert_eq!(program.wait_for_message("listening")["address"], listen);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for the group, not for all");
    health(&listen).expect(0);

    // While the instance answers, no other one replaces its socket.
    on_file(&database, &path)
        .run()
        .expect(1)
        .saying("cannot listen on unix:");
    assert!(is_ready(&path));

    program.stop().expect(0);
    assert!(!path.exists());
    health(&listen).expect(1);
}

#[test]
fn a_socket_file_that_a_crash_left_is_replaced_and_other_files_are_not() {
    let (database, place) = (Database::create(), open_directory());
    let path = place.path().join("http.sock");
    drop(UnixListener::bind(&path).unwrap());
    // A program that another test starts at this moment has the listener, too, until it runs.
    eventually("a file without a listener", || {
        let connected = UnixStream::connect(&path);
        connected
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
            .then_some(())
    });
    let program = on_file(&database, &path).start();
    wait_until_ready(&path);
    program.stop().expect(0);

    fs::write(&path, "of another owner").unwrap();
    on_file(&database, &path)
        .run()
        .expect(1)
        .saying("cannot listen on unix:");
    assert_eq!(fs::read_to_string(&path).unwrap(), "of another owner");
}

#[test]
fn a_name_is_listened_on_at_all_of_its_addresses() {
    let database = Database::create();
    let program = instance(database.url()).env("VESTIBULE_LISTEN", "localhost:0").start();
    let told = program.address();
    let addresses: Vec<&str> = told.split(" and ").collect();
    let port = addresses[0].rsplit(':').next().unwrap();
    for address in &addresses {
        assert!(address.ends_with(&format!(":{port}")), "one port for all: {told}");
        let ready = || (Client::new(address).get("/health/ready").status == 200).then_some(());
        eventually("readiness", ready);
    }
    health(&format!("localhost:{port}")).expect(0);
}

#[test]
fn a_port_alone_is_every_address_of_both_families() {
    let database = Database::create();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let serve = || {
        let launch = Launch::serve().env("DATABASE_URL", database.url());
        let launch = launch.env("VESTIBULE_MASTER_KEY", super::instances::MASTER_KEY);
        launch.env("VESTIBULE_LISTEN", format!(":{port}"))
    };
    serve().run().expect(2).saying("VESTIBULE_PUBLIC_URL: must be set");
    let program = serve().env("VESTIBULE_PUBLIC_URL", "https://auth.example.com").start();
    program.wait_for_message("listening");
    let mut hosts = vec!["127.0.0.1"];
    hosts.extend(has_ipv6().then_some("[::1]"));
    for host in hosts {
        let client = Client::new(&format!("{host}:{port}"));
        eventually("readiness", || {
            (client.get("/health/ready").status == 200).then_some(())
        });
    }
    health(&format!(":{port}")).expect(0);
}

#[test]
fn metrics_are_served_on_a_socket_file_too() {
    let (database, place) = (Database::create(), open_directory());
    let path = place.path().join("metrics.sock");
    let listen = format!("unix:{}", path.display());
    let program = instance(database.url())
        .env("VESTIBULE_METRICS_LISTEN", &listen)
        .start();
    program.ready();
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = ask(&path, request).unwrap();
    assert!(answer.contains("vestibule_"), "{answer}");
    program.stop().expect(0);
    assert!(!path.exists());
}

fn handed(database: &Database, places: &str, pid_offset: &str) -> Program {
    let starter = ["python3", "-c", HAND_OVER, places, pid_offset];
    instance(database.url()).by(&starter).start()
}

#[test]
fn sockets_that_are_handed_over_are_taken_whatever_their_kind_and_name() {
    let (database, place) = (Database::create(), open_directory());
    let path = place.path().join("http.sock");
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let program = handed(&database, &format!("{},{port}", path.display()), "0");
    wait_until_ready(&path);
    let address = format!("127.0.0.1:{port}");
    Client::new(&address).get("/health/ready").expect(200);
    let told = program.wait_for_message("listening")["address"].clone();
    assert_eq!(told, format!("unix:{} and {address}", path.display()));
    program.stop().expect(0);
    assert!(path.exists(), "the socket file belongs to the process that made it");
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let database = Database::create();
    let port = free_address().rsplit(':').next().unwrap().to_owned();
    let program = handed(&database, &port, "1");
    let address: std::net::SocketAddr = program.address().parse().unwrap();
    assert!(address.ip() == IpAddr::from([127, 0, 0, 1]) && address.port().to_string() != port);
}

#[test]
fn health_of_a_port_that_is_picked_at_each_start_cannot_be_asked() {
    for listen in ["127.0.0.1:0", "localhost:0", ":0"] {
        health(listen).expect(1).saying("VESTIBULE_LISTEN has port 0");
    }
}
