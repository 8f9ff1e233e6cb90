//! The threads that hash passwords, and the requests that wait for one.
//!
//! An idle thread takes new work at once. A busy thread takes more about every millisecond, as long as it has a free
//! lane ([`HashLanes`]). Until then the request waits in a [`FairQueue`] for at most two seconds, and leaves it when
//! its client disconnects.
//!
//! A thread that had to wait for a processor sleeps for a moment ([`rest_after`]). Its low priority alone does not make
//! it yield: Linux weighs priorities only within a session, and each server process of PostgreSQL has a session of its
//! own (`sched_autogroup`).

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::fair_queue::{FairQueue, Requester, Ticket};
use super::hash_lanes::{Answer, HashLanes, Lane, Work};
use super::stored_password::HashError;
use super::thread_time::ThreadTime;
use crate::domain::policy::numbers::HASH_WAIT;
use crate::metrics::{self, Present, Stopwatch};

/// A shorter wait for a processor may be an interrupt.
const NOTICEABLE_WAIT: Duration = Duration::from_micros(50);
/// The longest sleep after a chunk of work.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// Waiting work, and how to tell its request that it begins.
struct Job {
    work: Work,
    begins: oneshot::Sender<()>,
}

/// The threads.
pub struct HashThreads {
    shared: Arc<Shared>,
    /// How long a request waits.
    patience: Duration,
}

struct Shared {
    state: Mutex<State>,
    work_is_there: Condvar,
}

struct State {
    /// The number of idle threads.
    free: usize,
    /// Work that an idle thread will take.
    assigned: Vec<Work>,
    /// The free lanes of the threads that work, which take what waits.
    lanes: usize,
    /// Work that waits for a lane.
    waiting: FairQueue<Job>,
    /// Whether the threads end when there is no work left.
    stopping: bool,
}

impl State {
    /// Assigns work to an idle thread, or returns it. While a thread is idle, no work waits.
    fn assign(&mut self, work: Work) -> Option<Work> {
        if self.free == 0 {
            return Some(work);
        }
        self.free -= 1;
        self.assigned.push(work);
        None
    }

    /// Removes the work of the next request in the queue whose client still waits.
    fn take_waiting(&mut self) -> Option<Work> {
        while let Some(Job { work, begins }) = self.waiting.take_next() {
            if begins.send(()).is_ok() {
                return Some(work);
            }
        }
        None
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work as an idle thread.
    fn next_work(&self) -> Option<Work> {
        let state = self.lock();
        let idle = |state: &mut State| state.assigned.is_empty() && !state.stopping;
        let waited = self.work_is_there.wait_while(state, idle);
        waited.unwrap_or_else(PoisonError::into_inner).assigned.pop()
    }

    /// Takes work for a thread that works, if it has a free lane and a request waits. Whose turn it is, is decided here
    /// and not before. A thread takes only one at a time, so that others get their share.
    ///
    /// `counted` is how many of the thread's free lanes the state includes. A thread without work is idle afterwards.
    fn pass_on(&self, lanes: &HashLanes, counted: &mut usize) -> Option<Work> {
        let mut state = self.lock();
        let free = lanes.free();
        let work = if free > 0 { state.take_waiting() } else { None };
        let is_idle = work.is_none() && lanes.is_empty();
        let left = if is_idle { 0 } else { free - usize::from(work.is_some()) };
        state.lanes = state.lanes + left - *counted;
        state.free += usize::from(is_idle);
        *counted = left;
        work
    }
}

impl HashThreads {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Fails when a thread cannot be started.
    pub fn start(number: NonZeroUsize) -> Result<Self, HashError> {
        metrics::hash_threads(number.get());
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                free: number.get(),
                assigned: Vec::new(),
                lanes: 0,
                waiting: FairQueue::default(),
                stopping: false,
            }),
            work_is_there: Condvar::new(),
        });
        let threads = Self {
            shared,
            patience: HASH_WAIT,
        };
        for number in 0..number.get() {
            let shared = Arc::clone(&threads.shared);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || serve(&shared))
                .map_err(|error| HashError::Failed(error.to_string()))?;
        }
        Ok(threads)
    }

    /// Returns whether a request may have to wait until other work has ended.
    pub fn are_busy(&self) -> bool {
        let state = self.shared.lock();
        state.free == 0 && state.waiting.len() >= state.lanes
    }

    /// Does the work when its turn comes.
    ///
    /// # Errors
    ///
    /// Returns [`HashError::Busy`] if the queue is full, if another network takes the place, or if the turn does not
    /// come in time.
    pub async fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        requester: Requester,
        work: impl FnOnce(Lane) -> F,
    ) -> Result<T, HashError> {
        let begun = Stopwatch::start();
        let (work, result) = measured(work);
        let waiting = self.enter(requester, work)?;
        let turn = match waiting {
            Some(waiting) => waiting.turn(self.patience).await,
            None => Ok(()),
        };
        metrics::hash_waited(begun.elapsed());
        turn.map_err(shed)?;
        result.await.map_err(|died| HashError::Failed(died.to_string()))
    }

    /// Does the work if a thread is idle now.
    ///
    /// # Errors
    ///
    /// Returns [`HashError::Busy`] if no thread is idle.
    pub async fn run_now<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        work: impl FnOnce(Lane) -> F,
    ) -> Result<T, HashError> {
        let (work, result) = measured(work);
        if self.shared.lock().assign(work).is_some() {
            return Err(HashError::Busy);
        }
        self.shared.work_is_there.notify_one();
        result.await.map_err(|died| HashError::Failed(died.to_string()))
    }

    /// Assigns work to an idle thread (`None`), or puts it into the queue.
    fn enter(&self, requester: Requester, work: Work) -> Result<Option<Waiting>, HashError> {
        let mut state = self.shared.lock();
        let Some(work) = state.assign(work) else {
            drop(state);
            self.shared.work_is_there.notify_one();
            return Ok(None);
        };
        let (begins, turn) = oneshot::channel();
        let entered = state.waiting.enter(requester, Job { work, begins });
        drop(state);
        let entered = entered.map_err(|_full| shed("full"))?;
        Ok(Some(Waiting {
            place: Place {
                shared: Arc::clone(&self.shared),
                ticket: entered.ticket,
            },
            turn,
            _present: Present::waits_for_hash(),
        }))
    }
}

impl Drop for HashThreads {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work_is_there.notify_all();
    }
}

fn shed(reason: &'static str) -> HashError {
    metrics::hash_shed(reason);
    HashError::Busy
}

/// A request in the queue.
struct Waiting {
    place: Place,
    turn: oneshot::Receiver<()>,
    _present: Present,
}

impl Waiting {
    /// Waits for the turn, or returns why it does not come.
    async fn turn(mut self, patience: Duration) -> Result<(), &'static str> {
        match tokio::time::timeout(patience, &mut self.turn).await {
            Ok(turn) => turn.map_err(|_lost| "displaced"),
            // Unless the turn came at this very moment: a request that has left the queue by itself has been given a
            // thread.
            Err(_elapsed) if self.place.leave() => Err("timeout"),
            Err(_elapsed) => (&mut self.turn).await.map_err(|_lost| "displaced"),
        }
    }
}

/// A place in the queue. It is given up when dropped, so that a client that disconnects does not occupy it.
struct Place {
    shared: Arc<Shared>,
    ticket: Ticket,
}

impl Place {
    /// Gives the place up. Returns whether the request still had it.
    fn leave(&self) -> bool {
        let left = self.shared.lock().waiting.remove(self.ticket);
        left.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Wraps work so that its duration is counted and its result is sent to the receiver.
fn measured<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    work: impl FnOnce(Lane) -> F,
) -> (Work, oneshot::Receiver<T>) {
    let (answer, result) = oneshot::channel();
    let work = Work::new(|lane| {
        let work = work(lane);
        async move {
            let begun = Stopwatch::start();
            let done = work.await;
            metrics::hashed(begun.elapsed());
            // If the client has disconnected, the receiver is gone and the result is dropped.
            let deliver: Answer = Box::new(move || drop(answer.send(done)));
            deliver
        }
    });
    (work, result)
}

fn serve(shared: &Shared) {
    lower_priority();
    let (mut lanes, mut counted) = (HashLanes::default(), 0);
    while let Some(work) = shared.next_work() {
        let (mut busy, mut next) = (Some(Present::hashes()), Some(work));
        while busy.is_some() {
            let begun = next.and_then(|work| lanes.begin(work));
            let time = ThreadTime::now();
            let ended = lanes.advance();
            let waited = time.waited();
            // The lane is free before the result is sent, since the client that gets it may send its next request at
            // once.
            next = shared.pass_on(&lanes, &mut counted);
            if next.is_none() && lanes.is_empty() {
                busy = None;
            }
            for answer in begun.into_iter().chain(ended) {
                answer();
            }
            std::thread::sleep(rest_after(waited));
        }
    }
}

/// Returns how long a thread sleeps after a chunk of work in which it was ready and not running for `waited`.
///
/// Others wanted the processor, and they are what a request waits for next.
fn rest_after(waited: Duration) -> Duration {
    if waited < NOTICEABLE_WAIT {
        return Duration::ZERO;
    }
    (waited * 4).min(LONGEST_REST)
}

/// Lets all other threads run first. On Linux a "process" priority applies to the calling thread only.
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::debug!(%error, "hashing threads run with normal priority");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::mpsc;

    use bcrypt_lanes::Cost;
    use tokio::task::JoinHandle;
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::policy::numbers::HASHES_WAITING;

    #[test]
    fn a_thread_rests_longer_the_longer_others_kept_it_waiting() {
        let rest = |micros| rest_after(Duration::from_micros(micros)).as_micros();
        // An interrupt is not a sign of others.
        assert_eq!((rest(0), rest(49)), (0, 0));
        assert_eq!((rest(50), rest(4000)), (200, 16_000));
        // A hash of a quarter of a second has some 250 chunks, so even with a rest after each it ends.
        assert_eq!((rest(5000), rest(1_000_000)), (20_000, 20_000));
    }

    #[test]
    fn time_that_a_thread_sleeps_is_time_that_it_did_not_run() {
        let time = ThreadTime::now();
        std::thread::sleep(Duration::from_millis(30));
        let waited = time.waited();
        assert!(waited >= Duration::from_millis(30), "{waited:?}");
        assert!(rest_after(waited) == LONGEST_REST);
    }

    fn stranger(network: u8) -> Requester {
        Requester::stranger(Some(IpAddr::V4(Ipv4Addr::new(192, 0, network, 1))))
    }

    /// A single thread that is busy until it is released, so that all other work waits.
    struct Busy {
        threads: Arc<HashThreads>,
        release: mpsc::Sender<()>,
        working: JoinHandle<Result<bool, HashError>>,
    }

    impl Busy {
        async fn start() -> Self {
            Self::with_patience(HASH_WAIT).await
        }

        async fn with_patience(patience: Duration) -> Self {
            let mut threads = HashThreads::start(NonZeroUsize::MIN).unwrap();
            threads.patience = patience;
            let threads = Arc::new(threads);
            let (release, released) = mpsc::channel::<()>();
            let other = Arc::clone(&threads);
            let working = tokio::spawn(async move {
                let wait = move || released.recv().is_ok();
                other
                    .run(stranger(0), |lane| async move { lane.alone(wait).await })
                    .await
            });
            while !threads.are_busy() {
                tokio::task::yield_now().await;
            }
            Self {
                threads,
                release,
                working,
            }
        }

        fn waiting(&self) -> usize {
            self.threads.shared.lock().waiting.len()
        }

        /// Puts a number of requests of a network into the queue; each returns its index.
        async fn wait_in_line(&self, network: u8, number: usize) -> Vec<JoinHandle<Result<usize, HashError>>> {
            let before = self.waiting();
            let spawn = |number| {
                let threads = Arc::clone(&self.threads);
                tokio::spawn(async move { threads.run(stranger(network), move |_| async move { number }).await })
            };
            let waiting = (0..number).map(spawn).collect();
            while self.waiting() < (before + number).min(HASHES_WAITING) {
                tokio::task::yield_now().await;
            }
            waiting
        }

        async fn stop(self) {
            self.release.send(()).unwrap();
            assert!(self.working.await.unwrap().unwrap());
        }
    }

    #[tokio::test]
    async fn what_cannot_wait_does_not() {
        let busy = Busy::start().await;
        assert!(matches!(busy.threads.run_now(|_| async {}).await, Err(HashError::Busy)));
        let threads = Arc::clone(&busy.threads);
        busy.stop().await;
        threads.run_now(|_| async {}).await.unwrap();
        assert!(!threads.are_busy());
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_at_once_and_a_client_that_hangs_up_frees_its_place() {
        let busy = Busy::start().await;
        let mut waiting = busy.wait_in_line(1, HASHES_WAITING).await;
        assert!(matches!(
            busy.threads.run(stranger(1), |_| async {}).await,
            Err(HashError::Busy)
        ));
        waiting.pop().unwrap().abort();
        while busy.waiting() == HASHES_WAITING {
            tokio::task::yield_now().await;
        }
        waiting.extend(busy.wait_in_line(1, 1).await);
        let threads = Arc::clone(&busy.threads);
        busy.stop().await;
        for answer in waiting {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(threads.shared.lock().free, 1);
    }

    #[tokio::test]
    async fn the_request_that_loses_its_place_to_another_network_hears_of_it_at_once() {
        let busy = Busy::start().await;
        let mut flood = busy.wait_in_line(1, HASHES_WAITING).await;
        let other = busy.wait_in_line(2, 1).await;
        let newest = flood.pop().unwrap().await.unwrap();
        assert!(matches!(newest, Err(HashError::Busy)));
        busy.stop().await;
        for answer in flood.into_iter().chain(other) {
            answer.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_in_time_does_not_come_later() {
        let busy = Busy::with_patience(Duration::ZERO).await;
        assert!(matches!(
            busy.threads.run(stranger(1), |_| async {}).await,
            Err(HashError::Busy)
        ));
        assert_eq!(busy.waiting(), 0);
        busy.stop().await;
    }

    #[tokio::test]
    async fn a_panic_costs_its_caller_an_error_and_no_thread() {
        let threads = HashThreads::start(NonZeroUsize::MIN).unwrap();
        let panicked = threads.run(stranger(1), |_| async { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err::<(), _>(HashError::Failed(_))));
        assert!(matches!(threads.run(stranger(1), |_| async { 7 }).await, Ok(7)));
    }

    /// Puts work into the queue that notes its network when it begins, and again when its bcrypt is computed.
    async fn note_turns(busy: &Busy, networks: &[u8], notes: &Arc<Mutex<Vec<u8>>>) -> Vec<JoinHandle<()>> {
        let mut working = Vec::new();
        for network in networks.iter().copied() {
            let (threads, notes, before) = (Arc::clone(&busy.threads), Arc::clone(notes), busy.waiting());
            working.push(tokio::spawn(async move {
                let work = |lane: Lane| async move {
                    notes.lock().unwrap().push(network);
                    lane.bcrypt(Cost::new(6).unwrap(), [0; 16], Zeroizing::default()).await;
                    notes.lock().unwrap().push(network);
                };
                threads.run(stranger(network), work).await.unwrap();
            }));
            while busy.waiting() == before {
                tokio::task::yield_now().await;
            }
        }
        working
    }

    #[tokio::test]
    async fn lanes_are_filled_by_network_and_as_they_become_free() {
        let busy = Busy::start().await;
        let notes = Arc::default();
        let working = note_turns(&busy, &[1, 1, 1, 1, 1, 2], &notes).await;
        busy.stop().await;
        for work in working {
            work.await.unwrap();
        }
        let notes = notes.lock().unwrap();
        assert_eq!(notes.len(), 12);
        assert_eq!(
            notes[..4],
            [1, 2, 1, 1],
            "four begin before the first ends, and the other network is second"
        );
    }

    #[tokio::test]
    async fn no_thread_is_free_for_long_work_until_its_lanes_are_empty_and_then_others_follow() {
        let busy = Busy::start().await;
        let notes = Arc::default();
        let mut working = note_turns(&busy, &[1], &notes).await;
        let (threads, before, long) = (Arc::clone(&busy.threads), busy.waiting(), Arc::clone(&notes));
        working.push(tokio::spawn(async move {
            let note = move || long.lock().unwrap().push(2);
            threads
                .run(stranger(1), |lane| async move { lane.alone(note).await })
                .await
                .unwrap();
        }));
        while busy.waiting() == before {
            tokio::task::yield_now().await;
        }
        working.extend(note_turns(&busy, &[1], &notes).await);
        let threads = Arc::clone(&busy.threads);
        busy.stop().await;
        for work in working {
            work.await.unwrap();
        }
        assert_eq!(*notes.lock().unwrap(), [1, 1, 2, 1, 1]);
        assert!(!threads.are_busy());
        let state = threads.shared.lock();
        assert_eq!((state.free, state.lanes), (1, 0));
    }
}
