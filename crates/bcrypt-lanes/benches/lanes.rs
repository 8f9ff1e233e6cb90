//! Hashes a second with one to six lanes, beside the `bcrypt` crate: `cargo bench -p bcrypt-lanes`.
//!
//! Read them as ratios of one run: the processor's clock, and what else runs on it, change between runs.

use std::hint::black_box;

use bcrypt_lanes::{Cost, Lanes};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};

/// High enough that what comes before and after the loop is a hundredth of the work.
const COST: u32 = 8;
const SALT: [u8; 16] = *b"sixteen of bytes";
const PASSWORD: &[u8] = b"a password that is as long as a peppered one, that is 64 letters";

fn main() -> Result<(), &'static str> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("bcrypt");
    group.throughput(Throughput::Elements(1));
    let key = [PASSWORD, b"\0"].concat();
    group.bench_function("the bcrypt crate", |bencher| {
        bencher.iter(|| bcrypt::bcrypt(COST, SALT, black_box(&key)));
    });
    let cost = Cost::new(COST).ok_or("above the highest cost")?;
    lanes::<1>(&mut group, cost);
    lanes::<2>(&mut group, cost);
    lanes::<3>(&mut group, cost);
    lanes::<4>(&mut group, cost);
    lanes::<5>(&mut group, cost);
    lanes::<6>(&mut group, cost);
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn lanes<const L: usize>(group: &mut BenchmarkGroup<'_, WallTime>, cost: Cost) {
    let hashes = u64::try_from(L).unwrap_or(u64::MAX);
    group.throughput(Throughput::Elements(hashes));
    group.bench_function(format!("{L} lanes"), |bencher| {
        bencher.iter(|| {
            let mut lanes: Lanes<L, ()> = Lanes::new();
            while lanes.has_room() {
                black_box(lanes.add(cost, SALT, black_box(PASSWORD), ()).is_ok());
            }
            while lanes.used() > 0 {
                lanes.advance(16);
                while let Some(hash) = lanes.take_finished() {
                    black_box(hash);
                }
            }
        });
    });
}
