//! Batches: what waits at the same moment shares a statement, in order, and the fault of one batch is not another's.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use vestibule::store::batch::{Batch, MOST};
use vestibule::store::error::StoreError;
use vestibule::store::pool::{Database, WAITING_FOR_EACH};

use super::pool::held;
use crate::support::db::TestDatabase;
use crate::support::until::until;

/// A number that makes its whole batch fail.
const POISON: u32 = 13;
/// A number for which the database takes too long.
const SLOW: u32 = 14;

/// What ran together.
type Seen = Arc<Mutex<Vec<Vec<u32>>>>;

/// Doubles numbers, and records which ones it did together.
fn doubling(db: &Database, most: usize) -> (Arc<Batch<u32, u32>>, Seen) {
    let seen = Seen::default();
    let recorded = Arc::clone(&seen);
    let double = move |_: &mut _, numbers: &[u32]| {
        recorded.lock().unwrap().push(numbers.to_vec());
        if numbers.contains(&POISON) {
            return Err(StoreError::Corrupt("poison"));
        }
        if numbers.contains(&SLOW) {
            return Err(StoreError::Unavailable("statement timeout".to_owned()));
        }
        Ok(numbers.iter().map(|number| Some(2 * number)).collect())
    };
    (Arc::new(Batch::new(db, "doubles", most, double)), seen)
}

/// Lets statements wait until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(closed, |open| !*open).unwrap());
    }
}

type Asking = JoinHandle<Result<Option<u32>, StoreError>>;

fn ask(batch: &Arc<Batch<u32, u32>>, number: u32) -> Asking {
    let batch = Arc::clone(batch);
    tokio::spawn(async move { batch.ask(number).await })
}

/// Lets the requests that were spawned so far join their queue.
async fn all_wait() {
    sleep(Duration::from_millis(20)).await;
}

fn answered(answer: &Result<Option<u32>, StoreError>, expected: Option<u32>) -> bool {
    matches!(answer, Ok(found) if *found == expected)
}

#[actix_web::test]
async fn a_request_without_company_runs_at_once() {
    let database = TestDatabase::migrated();
    let db = Database::new(&database.url, 1, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let (batch, seen) = doubling(&db, MOST);
    for number in 1..4 {
        assert!(answered(&batch.ask(number).await, Some(2 * number)));
    }
    assert_eq!(*seen.lock().unwrap(), [vec![1], vec![2], vec![3]]);
}

#[actix_web::test]
async fn what_waits_is_taken_in_order_and_not_more_than_the_most() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, 4);
    let asked: Vec<_> = (0..10).map(|number| ask(&batch, number)).collect();
    all_wait().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    for (answer, number) in join_all(asked).await.into_iter().zip(0..) {
        assert!(answered(&answer.unwrap(), Some(2 * number)), "{number}");
    }
    assert_eq!(*seen.lock().unwrap(), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}

#[actix_web::test]
async fn other_work_gets_its_turn_between_two_batches() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, 1);
    let asked: Vec<_> = (0..3).map(|number| ask(&batch, number)).collect();
    all_wait().await;
    let other = tokio::spawn({
        let (db, seen) = (db.clone(), Arc::clone(&seen));
        async move {
            let work = move |_: &mut _| Ok::<_, StoreError>(seen.lock().unwrap().len());
            db.single("other", work).await
        }
    });
    all_wait().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    join_all(asked).await;
    assert_eq!(other.await.unwrap().unwrap(), 1, "it waited behind one batch only");
}

#[actix_web::test]
async fn what_is_withdrawn_while_it_waits_is_not_in_the_batch() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, MOST);
    let gone = timeout(Duration::from_millis(20), batch.ask(1)).await;
    assert!(gone.is_err(), "the call did not wait");
    let stays = ask(&batch, 2);
    all_wait().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    assert!(answered(&stays.await.unwrap(), Some(4)));
    assert_eq!(*seen.lock().unwrap(), [vec![2]]);
}

#[actix_web::test]
async fn a_statement_that_fails_leaves_each_request_to_be_done_alone() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, _) = doubling(&db, 3);
    let asked: Vec<_> = [1, POISON, 2, 3, 4].map(|number| ask(&batch, number)).into();
    all_wait().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    let answers = join_all(asked).await;
    for (answer, expected) in answers.into_iter().zip([None, None, None, Some(6), Some(8)]) {
        assert!(answered(&answer.unwrap(), expected), "{expected:?}");
    }
}

/// Repeated one by one, a statement that took five seconds would take five for each request.
#[actix_web::test]
async fn a_database_that_takes_too_long_is_not_asked_again_for_each() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, 3);
    let asked: Vec<_> = [1, SLOW, 2, 3].map(|number| ask(&batch, number)).into();
    all_wait().await;
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    for answer in &answers[..3] {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert!(answered(&answers[3], Some(6)));
    assert_eq!(*seen.lock().unwrap(), [vec![1, SLOW, 2], vec![3]]);
}

/// The extension cannot be had here, so the catalog of this database only says that it exists.
#[actix_web::test]
async fn where_the_database_is_distributed_a_failed_batch_is_the_last() {
    let database = TestDatabase::migrated();
    let enter = "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
                 SELECT 99999, 'citus', oid, 'public'::regnamespace, false, '0' FROM pg_roles WHERE rolname = current_user";
    for (entered, expected) in [
        (false, vec![vec![POISON, 2], vec![3, 4]]),
        (true, vec![vec![POISON, 2], vec![3], vec![4]]),
    ] {
        if entered {
            database.connect().batch_execute(enter).unwrap();
        }
        let (db, release, holding) = held(&database).await;
        let (batch, seen) = doubling(&db, 2);
        let asking = [POISON, 2, 3, 4].map(|number| ask(&batch, number));
        all_wait().await;
        release.send(()).unwrap();
        holding.await.unwrap().unwrap();
        let answers = join_all(asking).await;
        assert!(answered(answers[3].as_ref().unwrap(), Some(8)));
        assert_eq!(*seen.lock().unwrap(), expected, "{entered}");
    }
}

#[actix_web::test]
async fn a_panic_ends_neither_the_thread_nor_the_next_batch() {
    let database = TestDatabase::migrated();
    let db = Database::new(&database.url, 1, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let batch = Batch::new(&db, "panics", MOST, |_: &mut _, numbers: &[u32]| {
        assert!(!numbers.contains(&POISON), "expected by the test");
        Ok(numbers.iter().map(|number| Some(2 * number)).collect())
    });
    for _ in 0..3 {
        assert!(answered(&batch.ask(POISON).await, None));
        assert!(answered(&batch.ask(4).await, Some(8)));
    }
}

#[actix_web::test]
async fn only_a_part_of_the_connections_runs_batches() {
    let database = TestDatabase::migrated();
    let db = Database::new(&database.url, 8, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let (gate, seen) = (Gate::default(), Seen::default());
    let batch = Arc::new(Batch::new(&db, "waits", MOST, {
        let (gate, seen) = (gate.clone(), Arc::clone(&seen));
        move |_: &mut _, numbers: &[u32]| {
            seen.lock().unwrap().push(numbers.to_vec());
            gate.pass();
            Ok(numbers.iter().map(|number| Some(2 * number)).collect())
        }
    }));
    let mut asked = Vec::new();
    for number in [1, 2] {
        asked.push(ask(&batch, number));
        until("the request has a batch", || {
            seen.lock().unwrap().last() == Some(&vec![number])
        })
        .await;
    }
    asked.extend([3, 4, 5].map(|number| ask(&batch, number)));
    all_wait().await;
    assert_eq!(seen.lock().unwrap().len(), 2, "two of eight connections are in use");
    gate.open();
    for (answer, number) in join_all(asked).await.into_iter().zip(1..) {
        assert!(answered(&answer.unwrap(), Some(2 * number)));
    }
    assert_eq!(*seen.lock().unwrap(), [vec![1], vec![2], vec![3, 4, 5]]);
}

#[actix_web::test]
async fn statements_that_hang_do_not_stop_the_rest() {
    let database = TestDatabase::migrated();
    let db = Database::new(&database.url, 8, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let gate = Gate::default();
    let hangs = gate.clone();
    let batch = Arc::new(Batch::new(&db, "hangs", 1 + MOST, move |_: &mut _, numbers: &[u32]| {
        if numbers.contains(&0) {
            hangs.pass();
        }
        Ok(numbers.iter().map(|number| Some(2 * number)).collect())
    }));
    let mut hanging = Vec::new();
    for _ in 0..2 {
        hanging.push(ask(&batch, 0));
        all_wait().await;
    }
    // The first may be told after two seconds that its turn did not come.
    let mut answers = Vec::new();
    while !answers.last().is_some_and(|answer| answered(answer, Some(10))) && answers.len() < 4 {
        answers.push(batch.ask(5).await);
    }
    gate.open();
    join_all(hanging).await;
    assert!(answers.len() < 4, "{answers:?}");
}

#[actix_web::test]
async fn too_many_are_refused_at_once() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, MOST);
    let asked: Vec<_> = (100..)
        .take(WAITING_FOR_EACH)
        .map(|number| ask(&batch, number))
        .collect();
    all_wait().await;
    let refused = batch.ask(1).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    let answers = join_all(asked).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().unwrap().is_some()));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[actix_web::test]
async fn without_a_server_each_request_is_told_so() {
    let nowhere = "postgresql://127.0.0.1:1/nowhere".into();
    let db = Database::new(&nowhere, 1, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let (batch, seen) = doubling(&db, MOST);
    let answers = join_all((0..5).map(|number| batch.ask(number))).await;
    for answer in answers {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn what_waits_when_everything_is_dropped_is_still_answered() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let (batch, seen) = doubling(&db, MOST);
    let (waits, goes) = (ask(&batch, 1), ask(&batch, 2));
    all_wait().await;
    drop((db, batch));
    goes.abort();
    assert!(goes.await.is_err_and(|ended| ended.is_cancelled()));
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    assert!(answered(&waits.await.unwrap(), Some(2)));
    assert_eq!(*seen.lock().unwrap(), [vec![1]]);
}

/// A request of a generated crowd.
#[derive(Clone, Copy, Debug)]
struct Request {
    number: u32,
    withdrawn: bool,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (0..=POISON, prop::bool::weighted(0.2)).prop_map(|(number, withdrawn)| Request { number, withdrawn });
    prop::collection::vec(request, 0..30)
}

/// Whatever waits: each request that stays is in exactly one batch, batches are in order and full, and each request gets
/// its own answer, or none if its own batch failed.
async fn check(database: &TestDatabase, requests: &[Request], most: usize) {
    let (db, release, holding) = held(database).await;
    let (batch, seen) = doubling(&db, most);
    let asked: Vec<_> = requests.iter().map(|request| ask(&batch, request.number)).collect();
    all_wait().await;
    let mut waiting = Vec::new();
    for (request, asked) in requests.iter().zip(asked) {
        if request.withdrawn {
            asked.abort();
            assert!(asked.await.is_err_and(|ended| ended.is_cancelled()));
        } else {
            waiting.push((request.number, asked));
        }
    }
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    let stayed: Vec<u32> = waiting.iter().map(|(number, _)| *number).collect();
    let batches: Vec<Vec<u32>> = stayed.chunks(most).map(<[u32]>::to_vec).collect();
    for (place, (number, asked)) in waiting.into_iter().enumerate() {
        let failed = batches[place / most].contains(&POISON);
        let answer = asked.await.unwrap();
        assert!(
            answered(&answer, (!failed).then_some(2 * number)),
            "{number}: {answer:?}"
        );
    }
    assert_eq!(*seen.lock().unwrap(), batches);
}

#[test]
fn each_request_is_in_one_batch_and_gets_its_own_answer() {
    let database = TestDatabase::migrated();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = actix_web::rt::Runtime::new().unwrap();
    let outcome = runner.run(&(requests(), 1_usize..7), |(requests, most)| {
        runtime.block_on(check(&database, &requests, most));
        Ok(())
    });
    outcome.unwrap();
}
