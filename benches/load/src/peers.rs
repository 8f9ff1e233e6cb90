//! The comparison with two third-party services for the requests in which vestibule must carry more than either: on the
//! same machine, in the same minutes, with the same database server and the same load generator.
//!
//! The three services are measured in turn in each run; the first run is only a warm-up. By default each service has its
//! own scheme for passwords. For a comparison, the others are set to bcrypt with the cost that vestibule uses.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, CONNECTIONS, complain};
use crate::drive::{Load, Pace, Requests, drive, fetch, holds};
use crate::figures::{self, Figures, Question, SameCode};
use crate::http::{get, post};
use crate::machine;
use crate::peer::{self, Asks, Peer};
use crate::population::Population;
use crate::report;

/// How long each load of the warm-up run lasts.
const WARM_UP: Duration = Duration::from_secs(2);
/// Logins of one user that are tried with one code.
const SAME_CODE: usize = 8;

/// A service and the requests that it is sent.
struct Asked {
    who: &'static str,
    address: SocketAddr,
    process: u32,
    asks: Asks,
    requests: Requests,
}

/// Measures all services `runs` times with `number` second factors each. `home` contains the peers' programs.
pub fn compare(
    bench: &Bench,
    (home, scratch): (&Path, &Path),
    (runs, number): (u64, u64),
) -> Result<Value, Box<dyn Error>> {
    let number = number.min(bench.population.sampled);
    let mut peers = Vec::new();
    for kind in peer::ALL {
        peers.push(Peer::start(
            kind,
            (home, scratch),
            &bench.database,
            (number * (runs + 1), bench.size.cost),
        )?);
    }
    let mut all = Vec::new();
    for run in 0..=runs {
        for question in Question::ALL {
            let ours = vestibule(bench, question, number)?;
            let theirs = peers.iter().map(|peer| Asked {
                who: peer.kind.name,
                address: peer.address,
                process: peer.process(),
                asks: (peer.kind.asks)(question),
                requests: peer.requests(question, run, number),
            });
            for asked in std::iter::once(ours).chain(theirs) {
                let figures = measure(bench, question, asked, run == 0)?;
                if run > 0 {
                    all.push(figures);
                }
            }
        }
    }
    let rows = figures::middle(&all);
    let goals = figures::goals(&rows);
    println!("{}", figures::table(&rows));
    let same_code = same_code(bench, &peers)?;
    for peer in &peers {
        println!("{}", peer.about);
    }
    for SameCode { who, completed, of } in &same_code {
        println!("{who}: {completed} of {of} logins of one user were completed with the same code");
    }
    println!("\n{}", report::goals(&goals));
    Ok(json!({
        "rows": rows.iter().map(figures::row).collect::<Vec<_>>(),
        "runs": all.iter().map(figures::row).collect::<Vec<_>>(),
        "peers": peers.iter().map(|peer| &peer.about).collect::<Vec<_>>(),
        "same_code": same_code.iter().map(|one| {
            json!({"who": one.who, "completed": one.completed, "logins": one.of})
        }).collect::<Vec<_>>(),
        "goals": report::goals_as_json(&goals),
    }))
}

/// Returns the requests for vestibule.
fn vestibule(bench: &Bench, question: Question, number: u64) -> Result<Asked, Box<dyn Error>> {
    bench.population.renew(&bench.database)?;
    let (asks, requests): (_, Requests) = match question {
        Question::Login => (Asks::ok("POST /login", "\"pre_auth_token\""), bench.logins()),
        Question::SecondFactor => {
            let all = bench.verify();
            let some = move |place| if place < number { all(place) } else { None };
            (Asks::ok("POST /2fa/verify", "\"refresh_token\""), Rc::new(some))
        }
        Question::Refresh => (
            Asks::ok("POST /token/refresh", "\"refresh_token\""),
            bench.refresh_from(1),
        ),
        Question::Validate => {
            let tokens = bench.access_tokens()?;
            let header =
                move |place: u64| format!("Authorization: Bearer {}\r\n", tokens[place as usize % tokens.len()]);
            let request = move |place| Some(get("/token/validate", &header(place)));
            (Asks::ok("GET /token/validate", "\"sub\""), Rc::new(request))
        }
    };
    let (address, process) = (bench.service.address, bench.service.process());
    Ok(Asked {
        who: "vestibule",
        address,
        process,
        asks,
        requests,
    })
}

/// Runs a load at the rate at which it is answered.
fn measure(bench: &Bench, question: Question, asked: Asked, warm_up: bool) -> Result<Figures, Box<dyn Error>> {
    let database = bench.database.process()?;
    let cpu = || [asked.process, database].map(machine::tree_cpu_seconds);
    let before = cpu();
    let outcome = drive(Load {
        address: asked.address,
        requests: asked.requests,
        first: 0,
        connections: CONNECTIONS,
        pace: Pace::Closed,
        lasts: match (question, warm_up) {
            // Until all codes are used.
            (Question::SecondFactor, false) => Duration::from_mins(10),
            (_, false) => bench.size.lasts,
            (_, true) => bench.size.lasts.min(WARM_UP),
        },
        wanted: asked.asks.wanted,
        member: asked.asks.member,
    });
    let after = cpu();
    complain(asked.asks.name, &outcome);
    Ok(Figures {
        question,
        who: asked.who,
        asked: asked.asks.name,
        per_second: outcome.per_second(),
        times: [0.5, 0.99].map(|quantile| outcome.milliseconds(quantile)),
        cpu: [0, 1].map(|place| (after[place] - before[place]) * 1000.0 / outcome.done.max(1) as f64),
        failed: outcome.failed(),
    })
}

/// Tries several logins of one user with one code, each over a separate connection.
fn same_code(bench: &Bench, peers: &[Peer]) -> Result<Vec<SameCode>, Box<dyn Error>> {
    let completed = |address: SocketAddr, requests: &[Vec<u8>], member: &str| -> Result<usize, Box<dyn Error>> {
        let mut completed = 0;
        for request in requests {
            let answers = fetch(address, std::slice::from_ref(request))?;
            let is_right = |(status, body): &&(u16, Vec<u8>)| *status == 200 && holds(body, member);
            completed += answers.iter().filter(is_right).count();
        }
        Ok(completed)
    };
    let requests = vestibule_same_code(bench)?;
    let ours = completed(bench.service.address, &requests, "\"refresh_token\"")?;
    let mut all = vec![SameCode {
        who: "vestibule",
        completed: ours,
        of: requests.len(),
    }];
    for peer in peers {
        let (requests, Asks { member, .. }) = (peer.same_code(), (peer.kind.asks)(Question::SecondFactor));
        let theirs = completed(peer.address, &requests, member)?;
        all.push(SameCode {
            who: peer.kind.name,
            completed: theirs,
            of: requests.len(),
        });
    }
    Ok(all)
}

/// Returns second factors of one user's logins, all with the current code.
fn vestibule_same_code(bench: &Bench) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    bench.population.renew(&bench.database)?;
    let login = bench.logins()(0).ok_or("no login")?;
    let answers = fetch(bench.service.address, &vec![login; SAME_CODE])?;
    let code = Population::code(0);
    let request = |(_, body): &(u16, Vec<u8>)| {
        let answer: Value = serde_json::from_slice(body)?;
        let body = json!({"pre_auth_token": answer.get("pre_auth_token"), "code": code});
        Ok(post("/2fa/verify", &body.to_string()))
    };
    answers.iter().map(request).collect()
}
