//! The network of an address: what stays the same when a phone reconnects, and what a provider assigns to one customer;
//! and which addresses are on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

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

/// IPv4 networks that are not on the public internet, or whose addresses are not those of one host (RFC 6890 §2.2.2 and
/// the registry that it created).
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
];

/// Networks of IPv6 within the space of unicast addresses that are not on the public internet, or lead to addresses
/// that are not visible here, as those of tunnels do (RFC 6890 §2.2.3 and the registry that it created).
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Returns whether an address is one of a host on the public internet. An address that contains an IPv4 address, because
/// it was mapped or translated, is what that one is.
pub fn is_public(address: IpAddr) -> bool {
    match real_address(address) {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            let is_special = SPECIAL_V4
                .iter()
                .any(|(network, length)| (bits ^ u32::from(Ipv4Addr::from(*network))) >> (32 - length) == 0);
            // From 224.0.0.0 on: groups, and what is reserved.
            !is_special && address.octets()[0] < 224
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            let is_special = SPECIAL_V6
                .iter()
                .any(|(network, length)| (bits ^ u128::from(*network)) >> (128 - length) == 0);
            // Only 2000::/3 has been assigned to hosts on the internet (RFC 4291 §2.4).
            !is_special && bits >> 125 == 1
        }
    }
}

/// Networks that calls to servers of others may reach although they are not on the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNetwork>);

impl AllowedNetworks {
    /// The networks that the operator names.
    pub const fn new(networks: Vec<IpNetwork>) -> Self {
        Self(networks)
    }

    /// Adds the own machine, for `vestibule dev`.
    #[must_use]
    pub fn and_loopback(mut self) -> Self {
        let networks = [(Ipv4Addr::LOCALHOST.into(), 8), (Ipv6Addr::LOCALHOST.into(), 128)];
        let networks = networks.map(|(address, prefix)| IpNetwork::new(address, prefix));
        self.0.extend(networks.into_iter().flatten());
        self
    }

    /// Returns whether the operator named none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether an address is in one of them. One that contains an IPv4 address, because it was mapped or
    /// translated, leads to that one.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = real_address(address);
        self.0.iter().any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: [&str; 18] = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "128.0.0.1",
        "169.253.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "64:ff9b::1.1.1.1",
        "::ffff:1.1.1.1",
        "2001:200::1",
    ];
    const BAD: [&str; 42] = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::1.1.1.1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:101:101::1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
    ];

    #[test]
    fn hosts_on_the_internet_are_public_and_nothing_else_is() {
        for (addresses, expected) in [(GOOD.as_slice(), true), (BAD.as_slice(), false)] {
            for address in addresses {
                assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    proptest! {
        /// The standard library's own lists are shorter, and must never be wider.
        #[test]
        fn what_the_standard_library_calls_special_is_not_public(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let is_special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!(is_special && is_public(address.into())));
            prop_assert_eq!(is_public(address.into()), is_public(address.to_ipv6_mapped().into()));
        }
    }

    fn allowed(networks: &[&str]) -> AllowedNetworks {
        AllowedNetworks::new(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn what_is_allowed_is_in_a_network_that_was_named() {
        let networks = allowed(&["10.1.0.0/16", "192.168.7.9", "fd00:1::/32"]);
        for (address, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("64:ff9b::10.1.2.3", true),
            ("192.168.7.9", true),
            ("fd00:1::9", true),
            ("10.2.0.1", false),
            ("192.168.7.8", false),
            ("fd00:2::1", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("1.1.1.1", false),
        ] {
            assert_eq!(networks.contain(address.parse().unwrap()), expected, "{address}");
            assert!(!AllowedNetworks::default().contain(address.parse().unwrap()));
        }
        let own = AllowedNetworks::default().and_loopback();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(own.contain(address.parse().unwrap()), "{address}");
        }
        assert!(!own.contain("169.254.169.254".parse().unwrap()) && !own.contain("::2".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_network_allows_its_own_addresses_and_no_others(bits: u32, network: u32, prefix in 1_u8..=32) {
            let networks = AllowedNetworks::new(vec![IpNetwork::new(Ipv4Addr::from(network).into(), prefix).unwrap()]);
            let address = Ipv4Addr::from(bits);
            let expected = (bits ^ network) >> (32 - u32::from(prefix)) == 0;
            prop_assert_eq!(networks.contain(address.into()), expected);
            prop_assert_eq!(networks.contain(address.to_ipv6_mapped().into()), expected);
        }
    }

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
