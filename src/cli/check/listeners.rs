//! The addresses that the next start is to listen on, tried before it does.

use std::io::{self, ErrorKind};

use super::public_url::{Here, is_served_at};
use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::{Config, Listen, MetricsListen};
use crate::server;

/// Tries the listeners. Only before a start: beside a running service, its own addresses are taken by itself.
///
/// An upgrade is checked beside the version that runs. What listens is then this service, which its issuer shows, or
/// its keys where the upgrade comes with another issuer.
pub(super) fn try_all(config: &Config, here: Here<'_>, report: &mut Report) {
    let listen = &config.server.listen;
    let taken = server::try_to_listen(listen).err();
    let runs = taken
        .as_ref()
        .is_some_and(|error| is_taken(error) && is_this_service(config, here));
    let (state, detail) = match taken {
        None => (State::Ok, format!("{listen} is free")),
        Some(_) if runs => (
            State::Ok,
            format!("{listen} is taken by this service, which runs already"),
        ),
        Some(error) => (State::Failed, refusal("VESTIBULE_LISTEN", listen, &error)),
    };
    report.add("listener", state, detail);
    if runs {
        return;
    }
    let named;
    let (listen, state) = match &config.server.metrics_listen {
        MetricsListen::Off => return,
        MetricsListen::Named(listen) => (listen, State::Failed),
        // The service starts without the default one.
        MetricsListen::Default(address) => {
            named = Listen::At(vec![*address]);
            (&named, State::Warning)
        }
    };
    match server::try_to_listen(listen) {
        Ok(()) => report.add("metrics listener", State::Ok, format!("{listen} is free")),
        Err(error) => {
            let detail = refusal("VESTIBULE_METRICS_LISTEN", listen, &error);
            report.add("metrics listener", state, detail);
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrInUse
}

fn is_this_service(config: &Config, here: Here<'_>) -> bool {
    let address = config.server.listen.reachable();
    address.is_some_and(|address| is_served_at(&format!("http://{address}"), &public_url(config), here))
}

/// Says what is wrong with an address, and what to do about it.
fn refusal(variable: &str, listen: &Listen, error: &io::Error) -> String {
    let is_file = matches!(listen, Listen::Unix(_));
    match error.kind() {
        ErrorKind::AddrInUse if is_file => {
            format!("{listen} is taken: stop the program that listens there, or set {variable} to another file")
        }
        ErrorKind::AddrInUse => {
            format!("{listen} is taken by another program: stop that one, or set {variable} to another port")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{listen} is not an address of this machine: set {variable} to one that it has, or to a port alone")
        }
        ErrorKind::PermissionDenied if is_file => {
            format!("{listen} cannot be made: this account may not write to its directory")
        }
        ErrorKind::PermissionDenied => format!(
            "this account may not listen on {listen}: set {variable} to a port from 1024 on, or give the program the \
             capability CAP_NET_BIND_SERVICE"
        ),
        _ => format!("{listen} cannot be listened on ({error}): correct {variable}"),
    }
}
