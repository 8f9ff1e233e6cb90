//! `kill -9` at any moment, while users run through every operation: nothing acknowledged is lost, no single-use code
//! or token works twice, and there is no session that its owner cannot end.
//!
//! The moments of the kills come from a seed, which is printed; `CRASH_SEED` repeats them (the scheduling of the
//! machine still differs).

use std::thread;
use std::time::Duration;

use rand_chacha::rand_core::Rng;

use super::instances::instance;
use super::postgres::Database;
use super::travellers::{Service, moments, nothing_is_lost, travel_during};

/// Runs users while the service is killed so many times, and checks what is left.
fn survive(kills: u32) {
    let mut random = moments();
    let database = Database::create();
    let launch = || instance(database.url()).start();
    let mut program = Some(launch());
    let service = Service::new(program.as_ref().unwrap().ready());
    let travellers = travel_during(&service, || {
        for _ in 0..kills {
            // This does not wait for the service: it picks a random moment for the kill.
            thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 400_000)));
            program.take().unwrap().kill();
            let next = program.insert(launch());
            service.moves_to(next.client());
            next.ready();
        }
    });
    assert!(service.unanswered() > 0, "no request was interrupted by a kill");
    nothing_is_lost(&service, database.url(), travellers);
    let ended = program.unwrap().stop().expect(0);
    assert!(!ended.stderr.contains("panicked"));
}

#[test]
fn a_few_kills_under_load_lose_nothing_and_let_nothing_count_twice() {
    survive(6);
}

#[test]
#[ignore = "takes minutes; scripts/test --all runs it"]
fn many_kills_under_load_lose_nothing_and_let_nothing_count_twice() {
    survive(150);
}
