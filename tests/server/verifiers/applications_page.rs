//! The servers of docs/how-to/applications.md are extracted and run, and sign a user in and out as the page says.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::stock_clients::Scene;
use super::{beside_its_modules, prepared, source};
use crate::server::process::PATIENCE;

pub(super) const PAGE: &str = include_str!("../../../docs/how-to/applications.md");

/// A server of the page, which ends with the test.
pub(super) struct Server {
    program: Child,
    address: String,
    _code: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Writes the block of code of the page whose first line names a file into that file.
pub(super) fn write(name: &str, directory: &Path) {
    write_of((PAGE, name), directory);
}

/// The same for another page.
fn write_of((page, name): (&str, &str), directory: &Path) {
    let mut blocks = page.split("\n```").skip(1).step_by(2);
    let named = |block: &&str| {
        block
            .lines()
            .nth(1)
            .is_some_and(|line| line.ends_with(&format!(" {name}")))
    };
    let (_language, code) = blocks.find(named).unwrap().split_once('\n').unwrap();
    fs::write(directory.join(name), code).unwrap();
}

impl Server {
    /// Starts one of the page's servers as an application of a service.
    fn start(name: &str, command: impl FnOnce(&str) -> Command, scene: &Scene, application: &Value) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (port, issuer) = (free.port().to_string(), scene.client.issuer());
        let mut program = command(&port);
        program
            .env("CLIENT_ID", application["id"].as_str().unwrap())
            .env("CLIENT_SECRET", application["secret"].as_str().unwrap())
            .env("SESSION_SECRET", "a secret of this test")
            .env("ORDERS", format!("{issuer}/userinfo"));
        Self::start_at((PAGE, name), &port, program, &issuer)
    }

    /// Starts a server of a page on a port.
    pub(super) fn start_at((page, name): (&str, &str), port: &str, mut program: Command, issuer: &str) -> Self {
        // Below the directory of Node's libraries: Node searches from a module's own directory upwards.
        let code = TempDir::new_in(prepared("node")).unwrap();
        write_of((page, name), code.path());
        let address = format!("localhost:{port}");
        let mut program = program
            .current_dir(code.path())
            .env("VESTIBULE_ISSUER", issuer)
            .env("PORT", port)
            .env_remove("NODE_OPTIONS")
            .stdout(Stdio::null())
            .stderr(File::create(code.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let said = || fs::read_to_string(code.path().join("log")).unwrap();
            let ended = program.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{name}: {}", said());
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            program,
            address: format!("http://{address}"),
            _code: code,
        }
    }

    /// Has a user sign in, use a page, and sign out.
    fn be_visited(&self, user: &str, pages: &[&str]) {
        beside_its_modules("user.mjs");
        let mut node = Command::new("node");
        node.arg(beside_its_modules("visit_application.mjs"));
        let output = node
            .args([&self.address, user])
            .args(pages)
            .env_remove("NODE_OPTIONS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// An application on the machine of its developer.
fn application(scene: &Scene) -> Value {
    let words = [
        "Local",
        "--kind",
        "confidential",
        "--redirect-uri",
        "http://localhost:3000/callback",
    ];
    let more = ["--post-logout-redirect-uri", "http://localhost:3000/"];
    let scopes = ["openid", "email", "offline_access", "orders:read"].map(|scope| ["--scope", scope]);
    scene.register(&[words.as_slice(), &more, scopes.as_flattened()].concat())
}

#[test]
fn the_server_on_flask_and_authlib_signs_users_in_and_out() {
    let scene = Scene::set(&[]);
    let flask = |port: &str| {
        let mut command = Command::new(prepared("python/bin/python"));
        command.args(["-m", "flask", "--app", "flask_login", "run", "--port", port]);
        command
    };
    let server = Server::start("flask_login.py", flask, &scene, &application(&scene));
    server.be_visited(&scene.user(), &[]);
}

#[test]
fn the_server_on_express_and_openid_client_signs_users_in_and_out_and_calls_a_back_end() {
    let scene = Scene::set(&[("VESTIBULE_ACCESS_TOKEN_TTL", "60")]);
    let node = |_port: &str| {
        let mut command = Command::new("node");
        command
            .arg("--import")
            .arg(source("move_clock.mjs"))
            .arg("express_login.mjs");
        command
    };
    let server = Server::start("express_login.mjs", node, &scene, &application(&scene));
    let process = server.program.id().to_string();
    server.be_visited(&scene.user(), &["/orders", &process]);
}

/// The page gives the same advice as the metadata: what it says that applications may ask for is there.
#[test]
fn the_page_lists_the_scopes_of_the_metadata() {
    let scene = Scene::set(&[]);
    let metadata = scene.client.get("/.well-known/openid-configuration").expect(200).json();
    for scope in metadata["scopes_supported"].as_array().unwrap() {
        let row = format!("\n| `{}` |", scope.as_str().unwrap());
        assert!(PAGE.contains(&row), "{scope}");
    }
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
}
