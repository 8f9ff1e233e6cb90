//! The resources that the process uses, under the names of Prometheus's own clients.
//!
//! Read from `/proc` on each scrape; without `/proc`, these metrics are left out.

use std::fmt::Write;
use std::fs;

/// Returns the metrics of this process as text.
pub(super) fn exposition() -> String {
    let mut text = String::new();
    let figures = read().unwrap_or_default();
    for (name, kind, help, value) in figures {
        // Writing to a string cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}

type Figure = (&'static str, &'static str, &'static str, f64);

fn read() -> Option<Vec<Figure>> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which may contain anything, ends with the last bracket; the state is the first field after it
    // (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    let ticks = f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).ok()?);
    let page = f64::from(u32::try_from(rustix::param::page_size()).ok()?);
    let mut figures = vec![
        (
            "process_cpu_seconds_total",
            "counter",
            "CPU time of the process.",
            (field(14)? + field(15)?) / ticks,
        ),
        ("process_threads", "gauge", "Threads of the process.", field(20)?),
        (
            "process_start_time_seconds",
            "gauge",
            "When the process started, since 1970.",
            booted_at()? + field(22)? / ticks,
        ),
        (
            "process_virtual_memory_bytes",
            "gauge",
            "Address space of the process.",
            field(23)?,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Memory of the process.",
            field(24)? * page,
        ),
    ];
    let open = open_files().map(|open| ("process_open_fds", "gauge", "Open files and sockets.", open));
    let most = "Limit on the number of open files and sockets.";
    let most = most_files().map(|number| ("process_max_fds", "gauge", most, number));
    figures.extend(open.into_iter().chain(most));
    Some(figures)
}

fn booted_at() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

fn open_files() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the directory opens one of them.
    Some(f64::from(u32::try_from(open).ok()?.saturating_sub(1)))
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_this_process() {
        let figures = read().unwrap();
        let of = |name: &str| figures.iter().find(|(known, ..)| *known == name).unwrap().3;
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let age = now - of("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(of("process_resident_memory_bytes") > 1_000_000.0);
        assert!(of("process_open_fds") >= 3.0 && of("process_max_fds") >= of("process_open_fds"));
        assert!(of("process_threads") >= 1.0);
    }
}
