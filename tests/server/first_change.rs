//! The tutorial for the first change works: its patches apply to this tree, and its commands succeed after them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A copy of the repository below `target/`, where PostgreSQL's account may enter; removed when dropped.
struct TreeCopy(PathBuf);

impl TreeCopy {
    fn make() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let copy = Self(root.join("target/first-change"));
        let _ = fs::remove_dir_all(&copy.0);
        let target = copy.0.join("target");
        fs::create_dir_all(&target).unwrap();
        copy.takes(
            root,
            &["--exclude=./target", "--exclude=./.git", "--exclude=node_modules", "."],
        );
        // What was built of libraries is used again, if it is where cargo puts it. The copy builds its own programs.
        if root.join("target/debug").exists() {
            let own = ["incremental", "vestibule*", "libvestibule*", "it-*", "server-*"];
            let own = own.map(|name| format!("--exclude={name}"));
            let what: Vec<&str> = own.iter().map(String::as_str).chain(["target/debug"]).collect();
            copy.takes(root, &what);
        }
        symlink(root.join("target/verifiers"), target.join("verifiers")).unwrap();
        copy
    }

    fn takes(&self, root: &Path, what: &[&str]) {
        let script = "tar -C \"$1\" -cf - \"${@:3}\" | tar -C \"$2\" -xf -";
        let mut tar = Command::new("bash");
        let tar = tar.args(["-eu", "-o", "pipefail", "-c", script, "tar"]);
        assert!(tar.arg(root).arg(&self.0).args(what).status().unwrap().success());
    }

    /// Runs a program with input in the copy.
    fn run(&self, program: &str, arguments: &[&str], input: &str) {
        let mut started = Command::new(program)
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        started.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(started.wait().unwrap().success(), "{input}");
    }
}

impl Drop for TreeCopy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the blocks of a page, each with its language.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
#[ignore = "builds the program and its tests in a copy; scripts/test --all runs it"]
fn the_first_change_of_the_tutorial_works() {
    let page = include_str!("../../docs/tutorials/first-change.md");
    let blocks = blocks(page);
    let languages: Vec<&str> = blocks.iter().map(|(language, _)| *language).collect();
    assert_eq!(languages, ["diff", "sh", "diff", "diff", "sh", "sh", "sh"]);
    let copy = TreeCopy::make();
    for (language, text) in blocks {
        let text = format!("{text}\n");
        if language == "diff" {
            // Without offsets that guess: the page shows the lines as they are.
            copy.run("patch", &["-p1", "--fuzz=0", "--batch", "--quiet"], &text);
        } else {
            copy.run("bash", &["-eu"], &text);
        }
    }
    let answer = fs::read_to_string(copy.0.join("tests/it/answers/08-get-me.snap")).unwrap();
    assert!(answer.contains("\"initials\": \"J"), "{answer}");
    let document = fs::read_to_string(copy.0.join("openapi/openapi.json")).unwrap();
    assert!(document.contains("\"initials\""));
}

/// Within the normal tests: a change of these files must not leave the page behind.
#[test]
fn the_patches_of_the_tutorial_apply() {
    let page = include_str!("../../docs/tutorials/first-change.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let patches = blocks(page).into_iter().filter(|(language, _)| *language == "diff");
    let (copy, mut applied) = (TreeCopy(tempfile::tempdir().unwrap().keep()), 0);
    for (_, patch) in patches {
        let file = patch.lines().next().unwrap().trim_start_matches("--- a/");
        let place = copy.0.join(file);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(root.join(file), place).unwrap();
        copy.run(
            "patch",
            &["-p1", "--fuzz=0", "--batch", "--quiet"],
            &format!("{patch}\n"),
        );
        applied += 1;
    }
    assert_eq!(applied, 3);
}
