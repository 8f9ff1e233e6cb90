//! The commands of the README, of the tutorial for a back end and of the page about applications work, in the order in
//! which they are there.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::server::http::Client;
use crate::server::process::eventually;
use crate::server::program::{DataDir, Launch, path};

#[test]
fn what_the_readme_says_to_try_works() {
    let blocks = blocks_under(&read("README.md"), "Try it");
    let place = DataDir::new();
    run_blocks(&blocks, &place, "python3", place.path());
}

#[test]
fn the_tutorial_for_a_back_end_works() {
    let page = read("docs/tutorials/back-end.md");
    let blocks = blocks_under(&page, "Your first back end");
    assert_eq!(blocks.len(), 9);
    let (place, directory) = (DataDir::new(), tempfile::tempdir().unwrap());
    // What the page installs.
    let installed = root().join("target/packages/verify/installed/node_modules");
    assert!(
        installed.exists(),
        "run packages/verify/test/prepare, which packs and installs the package"
    );
    symlink(installed, directory.path().join("node_modules")).unwrap();
    run_blocks(&blocks, &place, "python3", directory.path());
}

#[test]
fn the_commands_of_the_page_about_applications_work() {
    let page = read("docs/how-to/applications.md");
    let headings = ["Register an application", "Change an application", "A service"];
    let blocks = headings.map(|heading| blocks_under(&page, heading));
    assert_eq!(blocks.each_ref().map(Vec::len), [1, 1, 1]);
    let place = DataDir::new();
    run_blocks(&blocks.concat(), &place, "python3", place.path());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs blocks of a page as one script beside `vestibule dev`, with the Python programs that the tests have installed.
fn run_blocks(blocks: &[String], place: &DataDir, needed: &str, directory: &Path) {
    assert!(!blocks.is_empty(), "the page has no bash blocks under the heading");
    let tools = root().join("target/verifiers/python/bin");
    assert!(
        tools.join(needed).exists(),
        "{needed} is missing in {}: run scripts/test, which prepares it",
        tools.display()
    );
    // Under the name of the default, so that the commands also fit the issuer.
    let launch = Launch::dev().env("VESTIBULE_LISTEN", "localhost:0").data_dir(place);
    let program = launch.start();
    let listening = program.address();
    let address = listening.split(" and ").next().unwrap();
    let client = Client::new(address);
    eventually("readiness", || {
        (client.get("/health/ready").status == 200).then_some(())
    });
    let here = format!("localhost:{}", address.rsplit(':').next().unwrap());
    let script = blocks.join("\n").replace("localhost:8080", &here);
    assert!(!script.contains(":8080"), "the page names another address\n{script}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap();
    // What runs in the background ends with the script, also when it fails.
    let output = Command::new("bash")
        .args([
            "-c",
            &format!("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"),
        ])
        .env_clear()
        .env("PATH", format!("{}:{}:{}", tools.display(), built.display(), path()))
        .env("HOME", place.path())
        .env("LANG", "C.UTF-8")
        .env("PORT", free.port().to_string())
        .env("VESTIBULE_DATA_DIR", place.path())
        .current_dir(directory)
        .output()
        .unwrap();

    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&said));
}

/// Returns the bash blocks from a heading to the next one of its level.
fn blocks_under(text: &str, heading: &str) -> Vec<String> {
    let mut level = None;
    let mut block: Option<String> = None;
    let mut blocks = Vec::new();
    for line in text.lines() {
        match &mut block {
            Some(_) if line.trim() == "```" => blocks.extend(block.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line.starts_with('#') => {
                let (marks, title) = line.split_at(line.find(|c| c != '#').unwrap_or(line.len()));
                match level {
                    None if title.trim() == heading => level = Some(marks.len()),
                    Some(own) if marks.len() <= own => break,
                    _ => {}
                }
            }
            None if level.is_some() && line.trim() == "```bash" => block = Some(String::new()),
            None => {}
        }
    }
    blocks
}

#[test]
fn only_the_bash_blocks_under_the_heading_are_tried() {
    let text = "# A\n```bash\nno\n```\n## Try it\nText\n```bash\none\n# two\n```\n```json\nno\n```\n### More\n```bash\n\
                three\n```\n## B\n```bash\nno\n```\n";
    assert_eq!(blocks_under(text, "Try it"), ["one\n# two\n", "three\n"]);
    assert_eq!(blocks_under(text, "Nothing"), Vec::<String>::new());
}
