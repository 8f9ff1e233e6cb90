//! Two deployments on one host: browsers separate cookies by host and path, never by port.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::instances::MASTER_KEY;
use super::nginx::free_address;
use super::person::{Person, now};
use super::postgres::Database;
use super::program::{Launch, Program};

/// Sends the requests that it reads, and stores cookies as browsers do.
const BROWSER: &str = "
import http.cookiejar, json, sys, urllib.error, urllib.request
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), urllib.request.ProxyHandler({}))
for line in sys.stdin:
    asked = json.loads(line)
    body = json.dumps(asked['body']).encode()
    request = urllib.request.Request(asked['url'], body, {'Content-Type': 'application/json'}, method='POST')
    try:
        answer = opener.open(request)
    except urllib.error.HTTPError as error:
        answer = error
    cookies = [[cookie.name, cookie.path] for cookie in jar]
    print(json.dumps({'status': answer.status, 'text': answer.read().decode(), 'cookies': cookies}), flush=True)
";

/// One cookie jar; ended when dropped.
struct Browser {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    fn open() -> Self {
        let mut command = Command::new("python3");
        let mut child = command
            .args(["-c", BROWSER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            asks: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Sends a POST, and returns the status and the cookies that are stored afterwards.
    #[track_caller]
    fn post(&mut self, url: &str, body: &Value) -> (u64, Vec<(String, String)>) {
        writeln!(self.asks, "{}", json!({"url": url, "body": body})).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let cookies = answer["cookies"].as_array().unwrap().iter();
        let cookies = cookies.map(|cookie| (text(&cookie[0]), text(&cookie[1]))).collect();
        (answer["status"].as_u64().unwrap(), cookies)
    }

    /// Signs in a new user with the cookie; returns the cookies.
    #[track_caller]
    fn sign_in(&mut self, program: &Program, base: &str) -> Vec<(String, String)> {
        let person = Person::register(&program.ready());
        let code = person.code(now());
        let body = json!({"pre_auth_token": person.pre_auth_token, "code": code, "delivery": "cookie"});
        let (status, cookies) = self.post(&format!("{base}/2fa/verify"), &body);
        assert_eq!(status, 200);
        cookies
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn deployment(database: &Database, address: &str, public_url: &str) -> Program {
    let launch = Launch::dev().env("DATABASE_URL", database.url());
    let launch = launch
        .env("VESTIBULE_MASTER_KEY", MASTER_KEY)
        .env("VESTIBULE_LISTEN", address);
    launch.env("VESTIBULE_PUBLIC_URL", public_url).start()
}

#[test]
fn at_two_ports_neither_overwrites_the_others_cookie() {
    let databases = [Database::create(), Database::create()];
    let addresses = [free_address(), free_address()];
    let bases = addresses.each_ref().map(|address| format!("http://{address}"));
    let programs = [0, 1].map(|one| deployment(&databases[one], &addresses[one], &bases[one]));
    let mut browser = Browser::open();
    for (program, base) in programs.iter().zip(&bases) {
        browser.sign_in(program, base);
    }
    for _ in 0..2 {
        for base in &bases {
            let (status, cookies) = browser.post(&format!("{base}/token/refresh"), &json!({}));
            assert_eq!((status, cookies.len()), (200, 2), "{base}: {cookies:?}");
        }
    }
    // A logout at one deployment does not end the session at the other.
    let (status, cookies) = browser.post(&format!("{}/logout", bases[0]), &json!({}));
    assert_eq!((status, cookies.len()), (204, 1));
    assert_eq!(browser.post(&format!("{}/token/refresh", bases[0]), &json!({})).0, 401);
    assert_eq!(browser.post(&format!("{}/token/refresh", bases[1]), &json!({})).0, 200);
}

#[test]
fn below_a_prefix_the_cookie_is_kept_for_that_prefix() {
    let databases = [Database::create(), Database::create()];
    let addresses = [free_address(), free_address()];
    // Both have the same host, with two prefixes.
    let programs = ["one", "two"].map(|prefix| {
        let index = usize::from(prefix == "two");
        deployment(
            &databases[index],
            &addresses[index],
            &format!("http://{}/{prefix}", addresses[0]),
        )
    });
    let mut browser = Browser::open();
    let mut names = Vec::new();
    for (program, prefix) in programs.iter().zip(["/one", "/two"]) {
        // No proxy strips the prefix here, so the cookie is set by a response from another path.
        let base = format!("http://{}", program.address());
        let cookies = browser.sign_in(program, &base);
        let (name, _) = cookies.iter().find(|(_, path)| path == prefix).unwrap();
        names.push(name.clone());
        let (status, _) = browser.post(&format!("{base}/token/refresh"), &json!({}));
        assert_eq!(status, 401, "the cookie is not sent outside of {prefix}");
    }
    assert_ne!(names[0], names[1]);
}
