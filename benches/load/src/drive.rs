//! Two kinds of load. Closed: each connection sends its next request when it has the answer to the previous one. Open:
//! requests are sent at a fixed rate, whatever happens to earlier ones.
//!
//! The open loop measures a request's latency from when it was due, not from when it was sent: a service that stalls
//! delays all requests that were due meanwhile, and the histogram must show every one of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::http::Connection;

/// Returns the request with a number, or `None` if there are no more.
pub type Requests = Rc<dyn Fn(u64) -> Option<Vec<u8>>>;

/// The result of a load.
pub struct Outcome {
    /// Requests with the expected answer.
    pub done: u64,
    /// Answers by status; 0 for no answer and for one without the expected content.
    pub statuses: BTreeMap<u16, u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Latencies of the requests with the expected answer, in microseconds.
    pub times: Histogram<u64>,
    /// Latencies of all other requests.
    pub other_times: Histogram<u64>,
}

impl Outcome {
    /// Returns the rate of requests with the expected answer.
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the number of all other requests.
    pub fn failed(&self) -> u64 {
        self.statuses.values().sum::<u64>() - self.done
    }

    /// Returns a quantile in milliseconds.
    pub fn milliseconds(&self, quantile: f64) -> f64 {
        self.times.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// How requests are sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// As fast as they are answered.
    Closed,
    /// This many per second.
    Open(f64),
}

/// A load.
#[derive(Clone)]
pub struct Load {
    /// The service's address.
    pub address: SocketAddr,
    /// The requests.
    pub requests: Requests,
    /// The number of the first request.
    pub first: u64,
    /// The number of connections.
    pub connections: usize,
    /// The pace.
    pub pace: Pace,
    /// The maximum duration.
    pub lasts: Duration,
    /// The expected status.
    pub wanted: u16,
    /// A text that the body must contain; "" matches every body.
    pub member: &'static str,
}

struct Shared {
    load: Load,
    begun: Instant,
    next: Cell<u64>,
    /// Permits for the requests that are due in an open loop.
    due: Arc<Semaphore>,
    statuses: RefCell<BTreeMap<u16, u64>>,
    times: RefCell<Histogram<u64>>,
    other_times: RefCell<Histogram<u64>>,
}

/// Runs a load and waits for its end. Uses only one thread, since the service needs the other processors.
pub fn drive(load: Load) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system lets a program wait for sockets");
    let connections = load.connections;
    let new_histogram = || Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are fixed and right");
    let shared = Rc::new(Shared {
        load,
        begun: Instant::now(),
        next: Cell::new(0),
        due: Arc::new(Semaphore::new(0)),
        statuses: RefCell::default(),
        times: RefCell::new(new_histogram()),
        other_times: RefCell::new(new_histogram()),
    });
    let local = LocalSet::new();
    if let Pace::Open(rate) = shared.load.pace {
        let (due, lasts, begun) = (Arc::clone(&shared.due), shared.load.lasts, shared.begun);
        thread::spawn(move || announce(&due, rate, (begun, lasts), connections));
    }
    let working: Vec<_> = (0..connections)
        .map(|_| local.spawn_local(work(Rc::clone(&shared))))
        .collect();
    local.block_on(&runtime, async {
        for connection in working {
            connection.await.expect("a connection's task does not panic");
        }
    });
    shared.outcome()
}

impl Shared {
    fn outcome(&self) -> Outcome {
        let statuses = self.statuses.borrow().clone();
        Outcome {
            done: statuses.get(&self.load.wanted).copied().unwrap_or(0),
            statuses,
            elapsed: self.begun.elapsed(),
            times: self.times.borrow().clone(),
            other_times: self.other_times.borrow().clone(),
        }
    }
}

/// Releases each request of an open loop when it is due, and finally all connections.
///
/// This is a thread, since the runtime's timers are rounded up to whole milliseconds, which is longer than most
/// requests take.
fn announce(requests: &Arc<Semaphore>, rate: f64, (begun, lasts): (Instant, Duration), connections: usize) {
    for number in 0_u64.. {
        // If the requests run out before the time, no task is left to wait for a permit.
        let due = Duration::from_secs_f64(number as f64 / rate);
        if due >= lasts || Arc::strong_count(requests) == 1 {
            break;
        }
        thread::sleep(due.saturating_sub(begun.elapsed()));
        requests.add_permits(1);
    }
    requests.add_permits(connections);
}

async fn work(shared: Rc<Shared>) {
    let load = &shared.load;
    let mut connection = Connection::new(load.address);
    loop {
        if let Pace::Open(_) = load.pace {
            shared.due.acquire().await.expect("it is never closed").forget();
        }
        let number = shared.next.replace(shared.next.get() + 1);
        let due = match load.pace {
            Pace::Closed => Instant::now(),
            Pace::Open(rate) => shared.begun + Duration::from_secs_f64(number as f64 / rate),
        };
        if due.duration_since(shared.begun) >= load.lasts {
            return;
        }
        let Some(request) = (load.requests)(load.first + number) else {
            return;
        };
        let status = match connection.send(&request).await {
            Ok(answer) if answer.status != load.wanted || holds(answer.body, load.member) => answer.status,
            _ => 0,
        };
        let time = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        let times = if status == load.wanted {
            &shared.times
        } else {
            &shared.other_times
        };
        times.borrow_mut().saturating_record(time);
        *shared.statuses.borrow_mut().entry(status).or_default() += 1;
    }
}

/// Returns whether a body contains a text.
pub fn holds(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Sends single requests and returns their statuses and bodies, for preparations.
pub fn fetch(address: SocketAddr, requests: &[Vec<u8>]) -> std::io::Result<Vec<(u16, Vec<u8>)>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::new(address);
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let answer = connection.send(request).await?;
            answers.push((answer.status, answer.body.to_vec()));
        }
        Ok(answers)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::http::get;

    /// Answers every request in the same way, until its connection is closed.
    fn start_server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut request = [0; 1024];
                    while stream.read(&mut request).is_ok_and(|length| length > 0) {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    }
                });
            }
        });
        address
    }

    fn load(number: u64, pace: Pace, lasts: Duration) -> Outcome {
        drive(Load {
            address: start_server(),
            requests: Rc::new(move |place| (place < number).then(|| get("/", ""))),
            first: 0,
            connections: 4,
            pace,
            lasts,
            wanted: 200,
            member: "ok",
        })
    }

    #[test]
    fn an_open_loop_sends_what_is_due_and_no_more() {
        let outcome = load(1000, Pace::Open(200.0), Duration::from_millis(250));
        assert_eq!((outcome.done, outcome.failed()), (50, 0));
        assert!(outcome.elapsed >= Duration::from_millis(245));
    }

    #[test]
    fn both_loops_end_when_there_are_no_more_requests() {
        for pace in [Pace::Closed, Pace::Open(2000.0)] {
            let outcome = load(30, pace, Duration::from_mins(10));
            assert_eq!((outcome.done, outcome.failed()), (30, 0));
        }
    }
}
