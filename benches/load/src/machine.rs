//! The processor time and memory of processes, read from `/proc`, and which processors they may use.

use std::collections::HashMap;
use std::fs;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Linux reports processor time to programs in hundredths of a second, whatever its internal tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the processor time that a process has used so far, in seconds.
pub fn cpu_seconds(process: u32) -> f64 {
    read(process).map_or(0.0, |status| status.own)
}

/// Returns the processor time of a process and all its descendants, including those that have ended.
pub fn tree_cpu_seconds(root: u32) -> f64 {
    tree(root)
        .iter()
        .map(|(_, status)| status.own + status.ended_children)
        .sum()
}

/// Finds a process and all its descendants.
fn tree(root: u32) -> Vec<(u32, Status)> {
    let mut all: HashMap<u32, Status> = processes().filter_map(|id| Some((id, read(id)?))).collect();
    let is_below = |id: &u32| {
        let mut id = *id;
        while let Some(status) = all.get(&id) {
            if id == root {
                return true;
            }
            id = status.parent;
        }
        false
    };
    let below: Vec<u32> = all.keys().copied().filter(|id| is_below(id)).collect();
    let found = below.into_iter();
    found.filter_map(|id| Some((id, all.remove(&id)?))).collect()
}

/// Reserves one half of the processors for a server and its descendants, and the other for the other processes.
/// Dropping it restores the previous state.
pub struct Apart {
    server: u32,
    others: Vec<u32>,
    all: CpuSet,
}

impl Apart {
    /// Divides the processors. `None`: there is only one, or this is not allowed.
    pub fn part(server: u32, others: &[u32]) -> Option<Self> {
        let all = sched_getaffinity(None).ok()?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        let (first, second) = usable.split_at(usable.len() / 2);
        let apart = Self {
            server,
            others: others.to_vec(),
            all,
        };
        (!first.is_empty() && apart.keep(&set_of(first), &set_of(second)).is_some()).then_some(apart)
    }

    fn keep(&self, server: &CpuSet, others: &CpuSet) -> Option<()> {
        // The first process before its descendants, so that those it starts from now on inherit the restriction.
        keep_to(self.server, server)?;
        for (id, _) in tree(self.server) {
            // A process that has just ended needs no processor.
            let _ = keep_to(id, server);
        }
        self.others.iter().try_for_each(|id| keep_to(*id, others))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.keep(&self.all, &self.all);
    }
}

fn set_of(processors: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for cpu in processors {
        set.set(*cpu);
    }
    set
}

/// Restricts all threads of a process to some processors.
fn keep_to(process: u32, processors: &CpuSet) -> Option<()> {
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        let id = thread.file_name().to_str()?.parse().ok()?;
        // A thread that has just ended needs no processor.
        let _ = sched_setaffinity(Some(Pid::from_raw(id)?), processors);
    }
    Some(())
}

struct Status {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn read(process: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may contain any character; the numbers follow it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some(Status {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        ended_children: (ticks(13)? + ticks(14)?) / TICKS_PER_SECOND,
    })
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the resident memory of a process in MiB.
pub fn resident(process: u32) -> f64 {
    status_kib(process, "VmRSS:") / 1024.0
}

/// Returns the peak of the resident memory since the start, or since [`forget_peak`], in MiB.
pub fn peak_resident(process: u32) -> f64 {
    status_kib(process, "VmHWM:") / 1024.0
}

/// Resets the peak.
pub fn forget_peak(process: u32) {
    // If this is not allowed, the peak is that since the start: too high, but never too low.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

fn status_kib(process: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Describes the machine.
pub fn describe() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("", |(_, name)| name);
    format!("{cpus} × {model}, {:.0} GiB", memory_gib())
}

fn memory_gib() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0 / 1024.0
}
