//! Checks that the next start can listen on its addresses.

use std::io::{self, ErrorKind};

use super::public_url::{Here, is_served_at};
use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::{Config, Listen, MetricsListen};
use crate::server;

/// Tries to listen on each address. This is done before a start only, because a running service uses its addresses
/// itself.
///
/// An upgrade is checked while the older version runs. The running service is recognised by its issuer, or by its keys
/// if the upgrade changes the issuer.
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
            format!("{listen} is in use by this service, which already runs"),
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
        // The service also starts without the default listener.
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

/// Describes what is wrong with an address, and what to do about it.
fn refusal(variable: &str, listen: &Listen, error: &io::Error) -> String {
    let is_file = matches!(listen, Listen::Unix(_));
    match error.kind() {
        ErrorKind::AddrInUse if is_file => {
            format!("{listen} is in use: stop the program that listens there, or set {variable} to another file")
        }
        ErrorKind::AddrInUse => {
            format!("{listen} is in use by another program: stop that program, or set {variable} to another port")
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                "{listen} is not an address of this machine: set {variable} to one of its addresses, or to a port alone"
            )
        }
        ErrorKind::PermissionDenied if is_file => {
            format!("{listen} cannot be created: this account may not write to its directory")
        }
        ErrorKind::PermissionDenied => format!(
            "this account may not listen on {listen}: set {variable} to a port of 1024 or above, or give the program \
             the capability CAP_NET_BIND_SERVICE"
        ),
        _ => format!("{listen} cannot be listened on ({error}): correct {variable}"),
    }
}
