//! The reader of the trail of docs/how-to/webhooks.md, as a process that is killed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::command;
use crate::server::http::Client;
use crate::server::instances::{PUBLIC_URL, instance};
use crate::server::person::Person;
use crate::server::postgres::{Database, psql};
use crate::server::process::eventually;
use crate::verifiers::lay_out_code;

/// The reader, with its place and what it printed.
struct Reader {
    directory: TempDir,
    base: String,
    credentials: [String; 2],
    running: Option<Child>,
}

impl Reader {
    /// Registers the service with the command of the page.
    fn register(database: &Database, client: &Client) -> Self {
        let directory = TempDir::new().unwrap();
        lay_out_code(include_str!("../../../docs/how-to/webhooks.md"), directory.path());
        let resource = format!("{PUBLIC_URL}/admin");
        let words = ["clients", "create", "events-reader", "--kind", "service", "--resource"];
        let words = [&words[..], &[&resource, "--scope", "events:read"]].concat();
        let made = super::printed(database.url(), &words);
        Self {
            directory,
            base: client.issuer(),
            credentials: ["id", "secret"].map(|member| made[member].as_str().unwrap().to_owned()),
            running: None,
        }
    }

    fn start(&mut self) {
        let printed = self.directory.path().join("printed");
        let printed = File::options().append(true).create(true).open(printed).unwrap();
        let errors = File::create(self.directory.path().join("errors")).unwrap();
        let program = Command::new("python3")
            .arg("events.py")
            .current_dir(self.directory.path())
            .env("ISSUER", &self.base)
            .env("CLIENT_ID", &self.credentials[0])
            .env("CLIENT_SECRET", &self.credentials[1])
            .stdin(Stdio::null())
            .stdout(printed)
            .stderr(errors)
            .spawn()
            .unwrap();
        self.running = Some(program);
    }

    fn kill(&mut self) {
        let mut running = self.running.take().unwrap();
        running.kill().unwrap();
        running.wait().unwrap();
    }

    /// Returns the ids of the events that it printed whole, each as often as it did.
    fn printed(&self) -> Vec<String> {
        let printed = fs::read_to_string(self.directory.path().join("printed")).unwrap();
        let events = printed
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until it printed the whole trail, and stored its place after that.
    fn catch_up(&self, database: &Database) {
        let all = psql(database.url(), "SELECT id FROM audit_events");
        let all: BTreeSet<String> = all.lines().map(str::to_owned).collect();
        eventually("the reader has the whole trail", || {
            let printed: BTreeSet<String> = self.printed().into_iter().collect();
            let changed = |name: &str| fs::metadata(self.directory.path().join(name)).ok()?.modified().ok();
            (printed == all && changed("events.cursor") >= changed("printed")).then_some(())
        });
    }

    /// Waits until it ended by itself, and returns why.
    fn ended(&mut self) -> String {
        let running = self.running.as_mut().unwrap();
        eventually("the reader ends", || running.try_wait().unwrap());
        self.running = None;
        fs::read_to_string(self.directory.path().join("errors")).unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
    }
}

#[test]
fn a_program_follows_the_trail_from_its_place_until_the_operator_deletes_it() {
    let database = Database::create();
    let program = instance(database.url()).start();
    let client = program.ready();
    let mut reader = Reader::register(&database, &client);
    Person::sign_up(&client);
    reader.start();
    reader.catch_up(&database);
    reader.kill();
    Person::sign_up(&client);
    reader.start();
    reader.catch_up(&database);
    // It went on from its place: nothing is missing, and nothing came twice.
    let ids = reader.printed();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
    let id = reader.credentials[0].clone();
    command(database.url(), &["clients", "delete", &id, "--yes"])
        .run()
        .expect(0);
    let why = reader.ended();
    assert!(why.contains("401"), "{why}");
}
