//! The network of an address: what stays the same when a phone reconnects, and what a provider assigns to one customer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The well-known prefix under which translators present IPv4 addresses to IPv6 servers (RFC 6052 §2.1).
const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Returns the client's own address: the IPv4 address in one that was mapped or translated. Otherwise, all clients
/// behind a translator would be one network.
pub fn real_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(translated) if translated.segments().starts_with(&TRANSLATED) => {
            let [.., a, b, c, d] = translated.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other,
    }
}

/// Returns the first address of the network: the /24 of an IPv4 address, the /48 of an IPv6 one (RFC 6177 §2).
pub fn network_of(address: IpAddr) -> IpAddr {
    match real_address(address) {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_in_one_network_and_strangers_are_not() {
        let same = |one: &str, other: &str| network_of(one.parse().unwrap()) == network_of(other.parse().unwrap());
        assert!(same("203.0.113.7", "203.0.113.200"));
        assert!(!same("203.0.113.7", "203.0.114.7"));
        assert!(same("2001:db8:1:2::3", "2001:db8:1:ffff::9"));
        assert!(!same("2001:db8:1::1", "2001:db8:2::1"));
        assert!(same("::ffff:203.0.113.7", "203.0.113.9"));
        assert!(same("64:ff9b::203.0.113.7", "203.0.113.9"));
        assert!(!same("64:ff9b::203.0.113.7", "64:ff9b::198.51.100.7"));
        assert!(!same("64:ff9b:1::203.0.113.7", "203.0.113.9"), "another prefix");
    }
}
