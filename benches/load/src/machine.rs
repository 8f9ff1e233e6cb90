//! What processes cost, read from `/proc`: processor time and memory.

use std::collections::HashMap;
use std::fs;

/// Linux counts processor time in hundredths of a second for programs, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the processor time that a process has used so far, in seconds.
pub fn cpu_seconds(process: u32) -> f64 {
    read(process).map_or(0.0, |status| status.own)
}

/// Returns the processor time of a process and of all below it, those that have ended included.
pub fn tree_cpu_seconds(root: u32) -> f64 {
    let all: HashMap<u32, Status> = processes().filter_map(|id| Some((id, read(id)?))).collect();
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
    let below = all.iter().filter(|(id, _)| is_below(id));
    below.map(|(_, status)| status.own + status.ended_children).sum()
}

struct Status {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn read(process: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the numbers come after it.
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

/// Returns the most memory that was resident since the start, or since [`forget_peak`], in MiB.
pub fn peak_resident(process: u32) -> f64 {
    status_kib(process, "VmHWM:") / 1024.0
}

/// Begins the search for the peak anew.
pub fn forget_peak(process: u32) {
    // Where that is not allowed, the peak is that of the whole life: too high, never too low.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

fn status_kib(process: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Tells what the numbers were measured on.
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
