//! A database without free space: reported as 503, nothing acknowledged is lost, and the service recovers when there is
//! space again.
//!
//! A limit on the size of the server's files simulates it: that needs no privileges and can be lifted while the server
//! runs.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::http::{Answer, Client};
use super::instances::instance;
use super::person::Person;
use super::postgres::{Cluster, psql};
use super::process::{StopAtEnd, eventually};

/// The size of a file of the write-ahead log; with less the server cannot commit.
const WAL_SEGMENT: u64 = 16 << 20;

/// Limits the size of the files that the server's processes and their children may write; `None` lifts the limit.
fn limit_files(cluster: &Cluster, size: Option<u64>) {
    let postmaster = cluster.postmaster();
    let size = size.map_or("unlimited".to_owned(), |size| size.to_string());
    // The parent first: processes that it starts from now on inherit the limit. The owner of a process may set it
    // without privileges. Root needs a capability that containers may lack.
    for process in [postmaster].into_iter().chain(children(postmaster)) {
        let owner = std::fs::metadata(format!("/proc/{process}")).map(|found| (found.uid(), found.gid()));
        let Ok((owner, group)) = owner else { continue };
        let mut limit = Command::new("prlimit");
        limit.args([format!("--pid={process}"), format!("--fsize={size}:")]);
        if rustix::process::geteuid().as_raw() != owner {
            limit.gid(group).uid(owner);
        }
        let output = limit.output().unwrap();
        let gone = !std::path::Path::new(&format!("/proc/{process}")).exists();
        assert!(
            output.status.success() || gone,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn children(parent: u32) -> Vec<u32> {
    let parent_of = |pid: u32| -> Option<u32> {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        line.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Tries to create more accounts than there is space for. What is left of them takes all the space, without vacuum.
fn fill_up(url: &str) {
    psql(url, "ALTER TABLE users SET (autovacuum_enabled = off)");
    // Large ones first, and then some of the size of a registration, for the space between them.
    for (size, most) in [(40, 20_000), (2, 60_000)] {
        let fill = format!(
            "INSERT INTO users SELECT (jsonb_populate_record(NULL::users, to_jsonb(u) || jsonb_build_object(
                'id', gen_random_uuid(), 'email', n || '.{size}@full.example',
                'password_hash', (SELECT string_agg(md5(n || '.' || k), '') FROM generate_series(1, {size}) k)))).*
            FROM (SELECT * FROM users LIMIT 1) u, generate_series(1, {most}) n"
        );
        let output = Command::new("psql").args(["-XAtqc", &fill, url]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("could not extend file"), "{said}");
    }
}

fn register(client: &Client, email: &str) -> Answer {
    client.post(
        "/register",
        &json!({"email": email, "password": "Grüne Fenster im Regen"}),
    )
}

#[test]
fn a_table_that_cannot_grow_turns_away_what_would_grow_it() {
    let cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    limit_files(&cluster, Some(WAL_SEGMENT));
    fill_up(cluster.url());

    // The last page may have space for a few more.
    let mut made = Vec::new();
    let refused = loop {
        let email = format!("last{}@mail.example", made.len());
        let answer = register(&client, &email);
        if answer.status != 201 {
            answer.problem(503, "service_unavailable");
            break email;
        }
        made.push(email);
        assert!(made.len() < 100, "the table still grows");
    };
    client.get_as(&tokens.access, "/me").expect(200);
    client.get("/health/ready").expect(200);
    person.log_in(&client);

    limit_files(&cluster, None);
    register(&client, &refused).expect(201);
    for email in made {
        register(&client, &email).problem(409, "email_taken");
    }
    let log = program.log();
    assert!(!log.contains("\"status\":500") && !log.contains("panicked"), "{log}");
}

#[test]
fn a_log_that_cannot_be_written_loses_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::start();
    let program = instance(cluster.url()).start();
    let client = program.ready();
    let (person, tokens) = Person::sign_up(&client);
    let stop = AtomicBool::new(false);

    let made: Vec<String> = thread::scope(|scope| {
        let (client, stop) = (&client, &stop);
        let register_on = move |worker: usize| {
            let mut made = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let email = format!("jo{worker}.{number}@mail.example");
                let answer = register(client, &email);
                if answer.status == 201 {
                    made.push(email);
                } else {
                    answer.problem(503, "service_unavailable");
                }
            }
            made
        };
        let registering: Vec<_> = (0..3).map(|worker| scope.spawn(move || register_on(worker))).collect();
        let stopping = StopAtEnd(stop);
        eventually("some accounts", || {
            (psql(cluster.url(), "SELECT count(*) > 20 FROM users") == "t").then_some(())
        });
        limit_files(&cluster, Some(0));
        eventually("a refusal", || {
            (register(client, "refused@mail.example").status == 503).then_some(())
        });
        drop(stopping);
        registering
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    for _ in 0..5 {
        client.get_as(&tokens.access, "/me").problem(503, "service_unavailable");
    }
    client.get("/health/live").expect(200);
    // PostgreSQL ends if it cannot even write what it needs for recovery. An operator makes space and starts it again.
    cluster.restart();

    eventually("readiness", || {
        (client.get("/health/ready").status == 200).then_some(())
    });
    client.get_as(&tokens.access, "/me").expect(200);
    for email in made {
        register(&client, &email).problem(409, "email_taken");
    }
    register(&client, "refused@mail.example").expect(201);
    person.sign_in_again(&client);
    let log = program.log();
    assert!(!log.contains("\"status\":500") && !log.contains("panicked"), "{log}");
}
