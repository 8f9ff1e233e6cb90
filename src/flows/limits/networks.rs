//! Networks that an owner signs in from: what comes from there shares no bound with strangers.

use uuid::Uuid;

use crate::crypto::fair_queue::Requester;
use crate::domain::audit_event::RequestOrigin;
use crate::domain::failed_attempts::Guesser;
use crate::domain::ids::UserId;
use crate::domain::network::network_of;
use crate::domain::policy::numbers::NETWORK_KNOWN_FOR;
use crate::flows::Fault;
use crate::flows::tx::Tx;
use crate::store::sessions;

/// Returns the name of the network that a request comes from; empty if its address is not known.
pub(in crate::flows) fn network_name(origin: &RequestOrigin) -> String {
    origin.ip.map(|ip| network_of(ip).to_string()).unwrap_or_default()
}

/// Returns the requester of a password for the hashing queue.
pub(in crate::flows) fn requester(guesser: Guesser, origin: &RequestOrigin) -> Requester {
    match guesser {
        Guesser::Known => Requester::known(origin.ip),
        Guesser::Stranger => Requester::stranger(origin.ip),
    }
}

/// Returns who gives a proof at sign-in. A transaction asks once for each account, since several limits depend on it. A
/// name without an account costs the same statement.
pub(in crate::flows) fn guesser(tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<Guesser, Fault> {
    if let Some((_, found)) = tx.guesser.filter(|(account, _)| *account == user_id) {
        return Ok(found);
    }
    let found = if is_known_network(tx, user_id)? {
        Guesser::Known
    } else {
        Guesser::Stranger
    };
    tx.guesser = Some((user_id, found));
    Ok(found)
}

/// Returns whether a request comes from a network that the user signed in from recently. `None` stands for a name
/// without an account, which has no known networks and costs the same statement.
pub(in crate::flows) fn is_known_network(tx: &mut Tx<'_>, user_id: Option<UserId>) -> Result<bool, Fault> {
    let Some(ip) = tx.origin.ip else {
        return Ok(false);
    };
    // The nil id has no sessions: a name without an account costs the same statement.
    let user_id = user_id.unwrap_or_else(|| UserId::from_uuid(Uuid::nil()));
    let known = sessions::origins_since(tx.connection, user_id, tx.now - NETWORK_KNOWN_FOR)?;
    let network = network_of(ip);
    Ok(known.iter().any(|known| known.ip.map(network_of) == Some(network)))
}
