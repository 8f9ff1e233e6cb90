//! The queue for connections: work that was given up never runs, and work that has started is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use vestibule::store::error::StoreError;
use vestibule::store::pool::Database;

use crate::support::db::TestDatabase;

/// Uses the only connection of a pool until something is sent.
pub(super) async fn held(database: &TestDatabase) -> (Database, Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let db = Database::new(&database.url, 1, false, "1:00000000").unwrap();
    db.schema_is_ready();
    let (release, until): (_, Receiver<()>) = channel();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let holding = tokio::spawn({
        let db = db.clone();
        async move {
            let work = move |_: &mut _| {
                begun.send(()).unwrap();
                until.recv().unwrap();
                Ok(())
            };
            db.single("holds", work).await
        }
    });
    has_begun.await.unwrap();
    (db, release, holding)
}

async fn marks(db: &Database, mark: &Arc<AtomicBool>) -> Result<(), StoreError> {
    let mark = Arc::clone(mark);
    let work = move |_: &mut _| {
        mark.store(true, Ordering::SeqCst);
        Ok(())
    };
    db.single("marks", work).await
}

/// Work runs in order, so everything queued before has run by then, or has been skipped.
async fn everything_before(db: &Database) {
    let last = Arc::default();
    marks(db, &last).await.unwrap();
    assert!(last.load(Ordering::SeqCst));
}

#[actix_web::test]
async fn what_is_given_up_while_it_waits_is_never_run() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let mark = Arc::default();
    let gone = timeout(Duration::from_millis(50), marks(&db, &mark)).await;
    assert!(gone.is_err(), "the call did not wait");
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    everything_before(&db).await;
    assert!(!mark.load(Ordering::SeqCst));
}

#[actix_web::test]
async fn who_waits_for_two_seconds_is_told_so_and_what_has_begun_goes_on() {
    let database = TestDatabase::migrated();
    let (db, release, holding) = held(&database).await;
    let mark = Arc::default();
    let told = marks(&db, &mark).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    // The first one started before, and has been running for longer by now.
    release.send(()).unwrap();
    holding.await.unwrap().unwrap();
    everything_before(&db).await;
    assert!(!mark.load(Ordering::SeqCst));
}
