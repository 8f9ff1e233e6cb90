//! How often one client address, one session, one service client and one administrator may call, counted in each
//! process.
//!
//! These limits are about fairness: no client may use up what all others need. They are generous, since offices,
//! carriers and servers that render pages share addresses. Guessing is stopped by the counts in the database, which
//! belong to accounts and are shared by all instances. Memory is bounded for any traffic.

mod elapsed;
mod limiter;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use self::elapsed::Elapsed;
use self::limiter::Limiter;
use crate::domain::clock::Clock;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::network::{network_of, real_address};
use crate::domain::policy::numbers::{
    ADDRESS_LINK_TOKENS, ADDRESS_LOGINS, ADDRESS_MAILS, ADDRESS_ORDINARY, ADDRESS_REFRESHES, ADDRESS_REGISTRATIONS,
    ADDRESS_SECOND_FACTORS, ADDRESS_WRONG_CLIENTS, ADMINISTRATOR_STATISTICS, Allowance, RELAXED_FACTOR,
    SERVICE_CLIENT_REQUESTS, SESSION_REQUESTS, SITE_FACTOR,
};
use crate::metrics;

/// A quota and its window, as in the `RateLimit-Policy` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaPolicy {
    /// The name in the fields of the answer.
    pub name: &'static str,
    /// The number of requests.
    pub quota: u32,
    /// The window in seconds.
    pub window: u32,
}

/// The kind of a request, for limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A login.
    Login,
    /// A registration.
    Register,
    /// A second factor, or a code to be sent for it.
    SecondFactor,
    /// A refresh of a session.
    Refresh,
    /// A link that is mailed on the request of a client that is not signed in.
    Mail,
    /// A token from a mail.
    LinkToken,
    /// Wrong credentials of a service client.
    WrongClient,
    /// Everything else.
    Ordinary,
}

impl Scope {
    /// Returns the label under which refusals are counted.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Register => "register",
            Self::SecondFactor => "second_factor",
            Self::Refresh => "refresh",
            Self::Mail => "mail",
            Self::LinkToken => "link_token",
            Self::WrongClient => "wrong_client",
            Self::Ordinary => "ordinary",
        }
    }
}

/// The limits of one address; all policies of a scope apply.
pub const ADDRESS: [(Scope, QuotaPolicy); 9] = [
    (Scope::Login, policy("login", ADDRESS_LOGINS)),
    (Scope::Register, policy("register", ADDRESS_REGISTRATIONS[0])),
    (Scope::Register, policy("register-day", ADDRESS_REGISTRATIONS[1])),
    (Scope::SecondFactor, policy("second-factor", ADDRESS_SECOND_FACTORS)),
    (Scope::Refresh, policy("refresh", ADDRESS_REFRESHES)),
    (Scope::Mail, policy("mail", ADDRESS_MAILS)),
    (Scope::LinkToken, policy("link-token", ADDRESS_LINK_TOKENS)),
    (Scope::WrongClient, policy("wrong-client", ADDRESS_WRONG_CLIENTS)),
    (Scope::Ordinary, policy("ordinary", ADDRESS_ORDINARY)),
];
/// The limit of one session.
pub const SESSION: QuotaPolicy = policy("session", SESSION_REQUESTS);
/// The limit of one service client.
pub const SERVICE_CLIENT: QuotaPolicy = policy("service-client", SERVICE_CLIENT_REQUESTS);
/// The limit of the statistics that one administrator reads.
pub const STATISTICS: QuotaPolicy = policy("statistics", ADMINISTRATOR_STATISTICS);

const fn policy(name: &'static str, allowance: Allowance) -> QuotaPolicy {
    QuotaPolicy {
        name,
        quota: allowance.most,
        window: allowance.seconds,
    }
}

/// What is left of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The policy.
    pub policy: QuotaPolicy,
    /// How many more requests are allowed at once.
    pub remaining: u32,
    /// Seconds until the next request is allowed, if none is left; otherwise until the whole quota is available again.
    pub reset: i64,
}

/// The result of counting a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is left, for each policy that was checked.
    pub quotas: Vec<Remaining>,
    /// How long to wait, if the request is refused.
    pub wait: Option<TimeDelta>,
}

/// The limits of one process.
pub struct RateLimits {
    /// Absent if a proxy in front limits addresses.
    addresses: Option<Vec<AddressLimit>>,
    sessions: Limiter<(Uuid, Option<KeyThumbprint>)>,
    service_clients: Limiter<Uuid>,
    statistics: Limiter<Uuid>,
}

struct AddressLimit {
    scope: Scope,
    networks: Limiter<IpAddr>,
    sites: Limiter<IpAddr>,
}

impl RateLimits {
    /// Makes the limits. `by_address`: whether addresses are limited; `relaxed`: whether for development.
    pub fn new(clock: &Arc<dyn Clock>, by_address: bool, relaxed: bool) -> Self {
        let factor = if relaxed { RELAXED_FACTOR } else { 1 };
        let elapsed = Elapsed::since_now(Arc::clone(clock));
        let limit = |(scope, policy): (Scope, QuotaPolicy)| AddressLimit {
            scope,
            networks: Limiter::new(policy, factor, &elapsed),
            sites: Limiter::new(policy, factor * SITE_FACTOR, &elapsed),
        };
        Self {
            addresses: by_address.then(|| ADDRESS.into_iter().map(limit).collect()),
            sessions: Limiter::new(SESSION, factor, &elapsed),
            service_clients: Limiter::new(SERVICE_CLIENT, factor, &elapsed),
            statistics: Limiter::new(STATISTICS, factor, &elapsed),
        }
    }

    /// Counts a request from an address.
    pub fn address(&self, scope: Scope, address: IpAddr) -> Verdict {
        let mut verdict = Verdict::default();
        let (network, site) = (own_network(address), network_of(address));
        let limits = self.addresses.iter().flatten().filter(|limit| limit.scope == scope);
        for limit in limits {
            // The network first: a request that is refused there takes nothing from the site's quota.
            let outcome = limit.networks.check(&network).and_then(|left| match network {
                IpAddr::V6(_) => limit.sites.check(&site).map(|_site| left),
                IpAddr::V4(_) => Ok(left),
            });
            match outcome {
                Ok(left) => verdict.quotas.push(left),
                Err((left, wait)) => {
                    verdict.quotas.push(left);
                    verdict.wait = verdict.wait.max(Some(wait));
                }
            }
        }
        if verdict.wait.is_some() {
            metrics::rate_limited(scope.as_str());
        }
        verdict
    }

    /// Counts a request of a session by the key that the client has shown, so that a copied token without that key uses
    /// up nothing of its owner's. Returns how long the client has to wait, if it calls too often.
    pub fn session(&self, id: Uuid, shown: Option<KeyThumbprint>) -> Option<TimeDelta> {
        refused("session", self.sessions.check(&(id, shown)))
    }

    /// Counts a request of a service client. Returns how long it has to wait, if it calls too often.
    pub fn service_client(&self, id: Uuid) -> Option<TimeDelta> {
        refused("service_client", self.service_clients.check(&id))
    }

    /// Counts the statistics that an administrator reads, in any of their sessions. Returns how long the administrator has
    /// to wait, if they read too often.
    pub fn statistics(&self, user_id: Uuid) -> Option<TimeDelta> {
        refused("statistics", self.statistics.check(&user_id))
    }
}

/// Returns how long a refused client has to wait.
fn refused(scope: &'static str, checked: Result<Remaining, (Remaining, TimeDelta)>) -> Option<TimeDelta> {
    let (_left, wait) = checked.err()?;
    metrics::rate_limited(scope);
    Some(wait)
}

/// Returns the smallest network that one customer has: an IPv4 address, or the /64 of an IPv6 address, whose machines
/// choose the remaining bits freely (RFC 8981).
fn own_network(address: IpAddr) -> IpAddr {
    match real_address(address) {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests;
