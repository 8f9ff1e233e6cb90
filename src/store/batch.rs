//! One statement for all requests of a kind that wait for a connection at the same moment.
//!
//! A request joins a queue and needs a turn. A turn is a job in the queue of the pool, like any other: the thread that
//! runs it takes what waits at that moment, the oldest first, runs one statement for all of it and answers each
//! request. Nothing waits for a batch to fill: a request that finds a free turn is alone in its batch. Only a part of
//! the connections may run turns at the same time, since a request that waits for a running turn then shares the next
//! one with others, which costs the database less than a statement each.
//!
//! A request that the batch did not answer has to be done alone: a row that another transaction held, a value that
//! cannot be read, and all requests of a statement that failed. So the fault of one request does not reach another. The
//! exception is a database that took too long: it would take as long for each, so all are told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::PgConnection;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::connector::Connector;
use super::distribution;
use super::error::StoreError;
use super::pool::{Database, Queued, with_lease};
use super::transaction::alone;
use crate::metrics::{self, Stopwatch};

/// Most requests in one statement.
///
/// A database that is distributed by user cannot run a statement with rows of several users on one server. Once such a
/// statement has failed there, this is 1: each statement then names the key of its row, and may use any connection.
pub const MOST: usize = 64;
/// One in so many connections may run batches of one kind at the same time, and at least one.
const SHARE: usize = 4;
/// When a turn counts as stuck. A statement that hangs, on a connection whose server is gone, must not stop those that
/// could run on others, so one more turn may then begin.
const STUCK: Duration = Duration::from_secs(1);

/// Runs one statement for several requests, and returns the answers in the order of the requests; `None` for a request
/// that has to be done alone.
type Statement<Q, A> = dyn Fn(&mut PgConnection, &[Q]) -> Result<Vec<Option<A>>, StoreError> + Send + Sync;

/// What a request of a batch is told.
type Reply<A> = Result<Option<A>, StoreError>;

/// Requests of one kind (`Q`) and their answers (`A`).
pub struct Batch<Q, A>(Arc<Shared<Q, A>>);

struct Shared<Q, A> {
    db: Database,
    name: &'static str,
    most: usize,
    /// Whether the database was found to be distributed by user. It may become so while this process runs.
    distributed: AtomicBool,
    statement: Box<Statement<Q, A>>,
    state: Mutex<State<Q, A>>,
}

struct State<Q, A> {
    waiting: VecDeque<Member<Q, A>>,
    /// Whether a turn waits for a connection. It will take what is waiting by then, so a second one is not needed.
    called: bool,
    running: usize,
    last_begun: Stopwatch,
    /// Whether the last turn that ended did not reach the database.
    is_suspect: bool,
}

struct Member<Q, A> {
    request: Q,
    queued: Queued,
    answer: oneshot::Sender<Reply<A>>,
}

impl<Q: Send + 'static, A: Send + 'static> Batch<Q, A> {
    /// Prepares batches of up to `most` requests. `statement` must be a single one, since it is its own transaction,
    /// and must not wait for a lock, since one held row would then delay the requests for all others.
    pub fn new(
        db: &Database,
        name: &'static str,
        most: usize,
        statement: impl Fn(&mut PgConnection, &[Q]) -> Result<Vec<Option<A>>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            db: db.clone(),
            name,
            most,
            distributed: AtomicBool::new(false),
            statement: Box::new(statement),
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                called: false,
                running: 0,
                last_begun: Stopwatch::start(),
                is_suspect: false,
            }),
        }))
    }

    /// Answers a request, together with those that wait at the same moment. `None`: it has to be done alone, and may
    /// have taken effect already if the connection broke.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Unavailable`] when too many requests wait, or no connection is available in time.
    pub async fn ask(&self, request: Q) -> Result<Option<A>, StoreError> {
        let name = self.0.name;
        let (waiting, queued) = self.0.db.queue(name)?;
        let (answer, answered) = oneshot::channel();
        self.0.lock().waiting.push_back(Member {
            request,
            queued,
            answer,
        });
        Shared::call_turn(&self.0);
        // A batch that panicked, or that the shutdown discarded, sends no answer.
        let answered = answered.map(|reply| Ok::<_, Infallible>(Some(reply.unwrap_or(Ok(None)))));
        waiting.wait(name, answered).await?
    }
}

impl<Q, A> Shared<Q, A> {
    fn lock(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many requests one statement may have.
    fn most(&self) -> usize {
        if self.distributed.load(Ordering::Relaxed) {
            1
        } else {
            self.most
        }
    }

    /// Returns how many turns may run at the same time.
    fn turns(&self) -> usize {
        let size = self.db.size();
        if self.most() == 1 { size } else { size / SHARE }.max(1)
    }

    /// Runs the statement. If it fails for several requests, finds out whether the reason may be the database.
    fn execute(&self, connection: &mut PgConnection, requests: &[Q]) -> Result<Vec<Option<A>>, StoreError> {
        let done = (self.statement)(connection, requests);
        if done.is_err() && requests.len() > 1 && distribution::has_citus(connection).unwrap_or(false) {
            self.distributed.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl<Q: Send + 'static, A: Send + 'static> Shared<Q, A> {
    /// Calls for a turn if requests wait for one and one is free.
    fn call_turn(shared: &Arc<Self>) {
        if !shared.lock().needs_turn(shared.turns()) {
            return;
        }
        let turn = Turn {
            shared: Arc::clone(shared),
            begun: false,
        };
        shared.db.spawn(move |connector| turn.run(connector));
    }
}

impl<Q, A> State<Q, A> {
    /// Returns whether a turn has to be called, and notes that it was.
    fn needs_turn(&mut self, turns: usize) -> bool {
        let is_free = self.running < turns || self.hangs();
        let needed = is_free && !self.called && !self.waiting.is_empty();
        self.called |= needed;
        needed
    }

    /// Begins a turn: takes the oldest requests, except those that were withdrawn.
    ///
    /// While the database may be gone, it takes one. A connection whose server is silent costs the request that uses it
    /// ten seconds, and the others are told sooner that none is free.
    fn begin(&mut self, most: usize) -> (Vec<Q>, Vec<oneshot::Sender<Reply<A>>>) {
        let most = if self.hangs() || self.is_suspect { 1 } else { most };
        self.called = false;
        self.running += 1;
        self.last_begun = Stopwatch::start();
        let mut taken = (Vec::new(), Vec::new());
        while taken.0.len() < most
            && let Some(member) = self.waiting.pop_front()
        {
            if member.queued.begin() {
                taken.0.push(member.request);
                taken.1.push(member.answer);
            }
        }
        taken
    }

    /// Returns whether turns run and none has begun for long.
    fn hangs(&self) -> bool {
        self.running > 0 && self.last_begun.elapsed() > STUCK
    }

    /// Notes whether a turn reached the database.
    fn note(&mut self, done: &Result<Result<Vec<Option<A>>, StoreError>, StoreError>) {
        self.is_suspect = match done {
            Ok(Ok(_)) => false,
            Err(_) | Ok(Err(StoreError::Unavailable(_))) => true,
            // Also after a cut connection, which says nothing about the next one.
            Ok(Err(_)) => self.is_suspect,
        };
    }
}

/// The right to run one batch.
struct Turn<Q: Send + 'static, A: Send + 'static> {
    shared: Arc<Shared<Q, A>>,
    begun: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Turn<Q, A> {
    fn run(mut self, connector: Connector) {
        let (requests, answers) = self.shared.lock().begin(self.shared.most());
        self.begun = true;
        // Requests that came too late for this batch may use another connection meanwhile.
        Shared::call_turn(&self.shared);
        if requests.is_empty() {
            return;
        }
        metrics::batch(self.shared.name, requests.len());
        let done = with_lease(connector, |lease| {
            Ok(alone(lease, |connection| self.shared.execute(connection, &requests)))
        });
        self.shared.lock().note(&done);
        for (answer, reply) in answers.into_iter().zip(self.replies(done)) {
            let _gone = answer.send(reply);
        }
    }

    /// Says what each request is told, in order.
    fn replies(
        &self,
        done: Result<Result<Vec<Option<A>>, StoreError>, StoreError>,
    ) -> Box<dyn Iterator<Item = Reply<A>>> {
        let why = match done {
            Ok(Ok(done)) => return Box::new(done.into_iter().map(Ok)),
            // A database that is too slow for one statement would be as slow for each of sixty-four.
            Ok(Err(StoreError::Unavailable(why))) | Err(StoreError::Unavailable(why)) => why,
            Ok(Err(error)) => {
                tracing::warn!(batch = self.shared.name, %error, "a batch failed; each of its requests is done alone");
                return Box::new(std::iter::repeat_with(|| Ok(None)));
            }
            // Without a connection, a repetition would fail in the same way.
            Err(other) => other.to_string(),
        };
        Box::new(std::iter::repeat_with(move || {
            Err(StoreError::Unavailable(why.clone()))
        }))
    }
}

impl<Q: Send + 'static, A: Send + 'static> Drop for Turn<Q, A> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if self.begun {
            state.running -= 1;
            drop(state);
            Shared::call_turn(&self.shared);
        } else {
            // The pool is shutting down, and no other turn would ever run.
            state.called = false;
            let discarded = std::mem::take(&mut state.waiting);
            drop(state);
            drop(discarded);
        }
    }
}
