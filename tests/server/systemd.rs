//! What a service of `Type=notify` reports to systemd: datagrams on the socket that it names.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::http::Client;
use super::instances::{MASTER_KEY, instance};
use super::postgres::{Cluster, Database};
use super::process::eventually;
use super::program::{Launch, open_directory};

/// The other end of `NOTIFY_SOCKET`.
struct Systemd {
    socket: UnixDatagram,
    place: tempfile::TempDir,
    heard: Vec<String>,
}

impl Systemd {
    fn new() -> Self {
        let place = open_directory();
        let socket = UnixDatagram::bind(place.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self {
            socket,
            place,
            heard: Vec::new(),
        }
    }

    fn starting(&self, launch: Launch) -> Launch {
        launch.env("NOTIFY_SOCKET", self.place.path().join("notify"))
    }

    /// Returns everything received so far, one assignment each.
    fn heard(&mut self) -> &[String] {
        let mut datagram = [0; 4096];
        loop {
            match self.socket.recv(&mut datagram) {
                Ok(length) => {
                    let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
                    self.heard.extend(text.lines().map(str::to_owned));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return &self.heard;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[track_caller]
    fn hears(&mut self, beginning: &str) -> String {
        eventually(beginning, || {
            self.heard().iter().find(|line| line.starts_with(beginning)).cloned()
        })
    }

    fn has_heard(&mut self, line: &str) -> bool {
        self.heard().iter().any(|heard| heard == line)
    }
}

fn ready(client: &Client) -> bool {
    client.get("/health/ready").status == 200
}

#[test]
fn systemd_is_told_when_it_serves_and_when_it_stops() {
    let database = Database::create();
    let mut systemd = Systemd::new();
    let program = systemd.starting(instance(database.url())).start();
    systemd.hears("READY=1");
    // It was reported neither before the service listened nor before it was ready.
    assert!(ready(&program.client()));
    assert!(!systemd.has_heard("STOPPING=1"));
    // Without WatchdogSec there is no watchdog to notify.
    assert!(!systemd.has_heard("WATCHDOG=1"));
    program.stop().expect(0);
    systemd.hears("STOPPING=1");
}

#[test]
fn a_service_that_waits_for_its_database_is_not_ready_and_says_why() {
    let mut cluster = Cluster::start();
    cluster.stop();
    let mut systemd = Systemd::new();
    let program = systemd.starting(instance(cluster.url())).start();
    let status = systemd.hears("STATUS=waits: ");
    assert!(status.contains("cannot be reached"), "{status}");
    assert!(!systemd.has_heard("READY=1"));
    cluster.start_again();
    systemd.hears("READY=1");
    systemd.hears("STATUS=serves");
    assert!(ready(&program.client()));
    program.stop().expect(0);
}

#[test]
fn a_watchdog_is_fed_for_as_long_as_it_serves() {
    let database = Database::create();
    let mut systemd = Systemd::new();
    let launch = systemd.starting(instance(database.url()));
    let program = launch.env("WATCHDOG_USEC", "200000").start();
    eventually("ten watchdog notifications", || {
        let signs = systemd.heard().iter().filter(|line| *line == "WATCHDOG=1").count();
        (signs >= 10).then_some(())
    });
    program.stop().expect(0);
}

#[test]
fn without_systemd_and_with_a_socket_that_is_gone_it_serves_all_the_same() {
    let database = Database::create();
    let gone = instance(database.url()).env("NOTIFY_SOCKET", "/nowhere/notify").start();
    gone.ready();
    assert!(gone.log().contains("could not be reported to systemd"));
    gone.stop().expect(0);
    let program = Launch::dev()
        .env("DATABASE_URL", database.url())
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .start();
    program.ready();
    assert!(!program.log().contains("systemd"));
}
