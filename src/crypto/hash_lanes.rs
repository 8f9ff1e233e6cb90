//! What one hashing thread does at once: work whose bcrypts the thread computes together, a lane for each.
//!
//! Work is a future that awaits only what its [`Lane`] offers. The thread polls it again when that is there, so the
//! work of a request reads from top to bottom, however many bcrypts it takes. Everything else that work does runs on
//! the thread as well, and stops all lanes meanwhile. So what takes longer than a few milliseconds runs
//! [`alone`](Lane::alone), and nothing begins before it has ended.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bcrypt_lanes::{Cost, Hash, Lanes};
use zeroize::Zeroizing;

/// How many bcrypts a thread computes together. Six compute an eighth more, but each hash takes a third longer; with
/// fewer, a core idles (decision 11).
pub const LANES: usize = 4;
/// Rounds of bcrypt between two looks at the queue: about a millisecond.
const ROUNDS: u32 = 16;

/// Delivers a result.
pub type Answer = Box<dyn FnOnce() + Send>;

/// A future that returns how to deliver its result, and the lane that it uses.
pub struct Work {
    future: Pin<Box<dyn Future<Output = Answer> + Send>>,
    lane: Lane,
}

impl Work {
    /// Makes work of a function that is given its lane.
    pub fn new<F: Future<Output = Answer> + Send + 'static>(work: impl FnOnce(Lane) -> F) -> Self {
        let lane = Lane::default();
        let future = Box::pin(work(lane.clone()));
        Self { future, lane }
    }
}

/// What work can await.
#[derive(Clone, Default)]
pub struct Lane {
    desk: Arc<Mutex<Desk>>,
}

/// What work and its thread exchange.
#[derive(Default)]
struct Desk {
    request: Option<Request>,
    reply: Option<Reply>,
}

enum Request {
    Bcrypt(Cost, [u8; 16], Zeroizing<Vec<u8>>),
    Alone,
}

enum Reply {
    Bcrypt(Hash),
    Alone,
}

impl Lane {
    /// Computes a bcrypt of a password, of which the first 72 bytes count.
    pub async fn bcrypt(&self, cost: Cost, salt: [u8; 16], password: Zeroizing<Vec<u8>>) -> Hash {
        self.desk().request = Some(Request::Bcrypt(cost, salt, password));
        poll_fn(|_| match self.desk().reply.take() {
            Some(Reply::Bcrypt(hash)) => Poll::Ready(hash),
            Some(Reply::Alone) | None => Poll::Pending,
        })
        .await
    }

    /// Does what takes long and is not bcrypt, after all other work of the thread has ended.
    pub async fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        self.desk().request = Some(Request::Alone);
        poll_fn(|_| match self.desk().reply.take() {
            Some(Reply::Alone) => Poll::Ready(()),
            Some(Reply::Bcrypt(_)) | None => Poll::Pending,
        })
        .await;
        work()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of one thread.
#[derive(Default)]
pub struct HashLanes {
    lanes: Box<Lanes<LANES, Work>>,
    /// What waits until the lanes are empty.
    alone: VecDeque<Work>,
}

impl HashLanes {
    /// Returns whether there is no work.
    pub fn is_empty(&self) -> bool {
        self.lanes.used() == 0 && self.alone.is_empty()
    }

    /// Returns how much more work may begin now. None while work waits to run alone, which could otherwise wait for
    /// ever.
    pub fn free(&self) -> usize {
        if self.alone.is_empty() {
            LANES - self.lanes.used()
        } else {
            0
        }
    }

    /// Begins work, and returns the answer if it needs no bcrypt.
    pub fn begin(&mut self, work: Work) -> Option<Answer> {
        self.resume(work)
    }

    /// Computes for about a millisecond, or does what waits to run alone. Returns the answers of the work that has
    /// ended.
    pub fn advance(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        if self.lanes.used() == 0
            && let Some(work) = self.alone.pop_front()
        {
            answers.extend(self.reply(work, Reply::Alone));
        }
        self.lanes.advance(ROUNDS);
        while let Some((hash, work)) = self.lanes.take_finished() {
            answers.extend(self.reply(work, Reply::Bcrypt(hash)));
        }
        answers
    }

    fn reply(&mut self, work: Work, reply: Reply) -> Option<Answer> {
        work.lane.desk().reply = Some(reply);
        self.resume(work)
    }

    /// Polls work that can go on, and returns the answer if it has ended.
    fn resume(&mut self, mut work: Work) -> Option<Answer> {
        let mut context = Context::from_waker(Waker::noop());
        // A panic in one piece of work must end neither the thread nor other work. The caller notices that the result
        // never comes.
        let polled = catch_unwind(AssertUnwindSafe(|| work.future.as_mut().poll(&mut context)));
        match polled {
            Ok(Poll::Ready(answer)) => Some(answer),
            Ok(Poll::Pending) => {
                self.accept(work);
                None
            }
            Err(_panicked) => None,
        }
    }

    /// Accepts what work asks for. Work that awaits anything else is dropped, and its caller notices as well.
    fn accept(&mut self, work: Work) {
        let request = work.lane.desk().request.take();
        let refused = match request {
            Some(Request::Bcrypt(cost, salt, password)) => self.lanes.add(cost, salt, &password, work).is_err(),
            Some(Request::Alone) => {
                self.alone.push_back(work);
                false
            }
            None => true,
        };
        if refused {
            tracing::error!(
                "work of a hashing thread was dropped: there is no lane for it, or it awaits something else"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn cost(cost: u32) -> Cost {
        Cost::new(cost).unwrap()
    }

    fn password(text: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(text.as_bytes().to_vec())
    }

    /// Makes work that sends its result.
    fn sending<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        work: impl FnOnce(Lane) -> F,
    ) -> (Work, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel();
        let work = Work::new(|lane| {
            let work = work(lane);
            async move {
                let result = work.await;
                let answer: Answer = Box::new(move || sender.send(result).unwrap());
                answer
            }
        });
        (work, receiver)
    }

    fn finish(lanes: &mut HashLanes) {
        while !lanes.is_empty() {
            for answer in lanes.advance() {
                answer();
            }
        }
    }

    #[test]
    fn each_gets_the_hashes_that_it_asks_for() {
        let mut lanes = HashLanes::default();
        let results: Vec<_> = (0..3_u8)
            .map(|number| {
                let (work, result) = sending(move |lane| async move {
                    let first = lane
                        .bcrypt(cost(4 + u32::from(number)), [number; 16], password("first"))
                        .await;
                    (first, lane.bcrypt(cost(5), [number; 16], password("second")).await)
                });
                assert!(lanes.begin(work).is_none());
                result
            })
            .collect();
        finish(&mut lanes);
        for (number, result) in (0..).zip(results) {
            let hash = |cost, password: &[u8]| bcrypt::bcrypt(cost, [number; 16], password);
            let expected = (hash(4 + u32::from(number), b"first\0"), hash(5, b"second\0"));
            let (first, second) = result.try_recv().unwrap();
            assert_eq!((&first[..], &second[..]), (&expected.0[..23], &expected.1[..23]));
        }
    }

    #[test]
    fn work_that_panics_or_awaits_something_else_is_dropped_and_the_rest_goes_on() {
        let mut lanes = HashLanes::default();
        let (panics, nothing) = sending(|lane| async move {
            lane.bcrypt(cost(4), [0; 16], password("password")).await;
            panic!("on purpose")
        });
        let (rest, hash) = sending(|lane| async move { lane.bcrypt(cost(5), [0; 16], password("password")).await });
        let (lost, never) = sending(|_| std::future::pending::<()>());
        for work in [panics, rest, lost] {
            assert!(lanes.begin(work).is_none());
        }
        finish(&mut lanes);
        assert!(hash.try_recv().is_ok());
        assert_eq!(nothing.try_recv(), Err::<(), _>(mpsc::TryRecvError::Disconnected));
        assert_eq!(never.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn no_lane_is_free_while_work_waits_to_run_alone() {
        let mut lanes = HashLanes::default();
        let (short, _hash) = sending(|lane| async move { lane.bcrypt(cost(4), [0; 16], password("password")).await });
        let (long, done) = sending(|lane| async move { lane.alone(|| 7).await });
        assert!(lanes.begin(short).is_none());
        assert_eq!(lanes.free(), LANES - 1);
        assert!(lanes.begin(long).is_none());
        assert_eq!(lanes.free(), 0);
        finish(&mut lanes);
        assert_eq!(done.try_recv(), Ok(7));
        assert_eq!(lanes.free(), LANES);
    }
}
