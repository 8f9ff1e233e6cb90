//! The commands of the README work, in the order in which they are there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::server::program::{DataDir, Launch, path};

/// The heading of the part that is tested.
const HEADING: &str = "Try it";

#[test]
fn what_the_readme_says_to_try_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_else(|error| panic!("README.md: {error}"));
    let blocks = blocks_under(&readme, HEADING);
    assert!(
        !blocks.is_empty(),
        "README.md has no bash blocks under the heading \"{HEADING}\""
    );
    let tools = root.join("target/verifiers/python/bin");
    assert!(
        tools.exists(),
        "{} is missing: run scripts/test, which prepares them",
        tools.display()
    );

    let place = DataDir::new();
    let program = Launch::dev().data_dir(&place).start();
    let client = program.ready();
    let script = blocks.join("\n");
    let script = script
        .replace("127.0.0.1:8080", client.address())
        .replace("localhost:8080", client.address());
    let output = Command::new("bash")
        .args(["-c", &format!("set -eu\n{script}")])
        .env_clear()
        .env("PATH", format!("{}:{}", tools.display(), path()))
        .env("HOME", place.path())
        .env("LANG", "C.UTF-8")
        .current_dir(root)
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
