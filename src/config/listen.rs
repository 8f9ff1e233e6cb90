//! Where to listen: at an address, at every address, at the addresses of a name, or at a Unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// The error for an invalid value.
const FORMS: &str = "must be an address and a port (127.0.0.1:8080, [::1]:8080), a port on every address (:8080), a \
     name and a port (localhost:8080), or a Unix socket (unix:/run/vestibule/http.sock)";

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// All of these addresses; port 0 picks a free port, the same for all.
    At(Vec<SocketAddr>),
    /// Every address of this machine, IPv4 and IPv6.
    Everywhere(u16),
    /// The file of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Parses one of the forms. A name is resolved here, so that an unknown one is reported with the other faults.
    ///
    /// # Errors
    ///
    /// Lists the valid forms, or says that the name cannot be resolved.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            let named = path.is_absolute() && path.file_name().is_some();
            return if named {
                Ok(Self::Unix(path))
            } else {
                Err(FORMS.to_owned())
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::At(vec![address]));
        }
        let (name, port) = text.rsplit_once(':').ok_or_else(|| FORMS.to_owned())?;
        // `u16::from_str` alone would accept a plus sign.
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().ok().filter(|_| digits).ok_or_else(|| FORMS.to_owned())?;
        if name.is_empty() {
            return Ok(Self::Everywhere(port));
        }
        if name.contains([':', '/', '@', '[', ']']) || name.contains(char::is_whitespace) {
            return Err(FORMS.to_owned());
        }
        let mut found: Vec<SocketAddr> = (name, port)
            .to_socket_addrs()
            .map_err(|error| format!("the name in it has no address: {error}"))?
            .collect();
        found.sort();
        found.dedup();
        Ok(Self::At(found))
    }

    /// Returns whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::At(addresses) => addresses.iter().all(|address| address.ip().is_loopback()),
            Self::Everywhere(_) => false,
            Self::Unix(_) => true,
        }
    }

    /// Returns an address for connections from this machine over TCP.
    pub fn reachable(&self) -> Option<SocketAddr> {
        match self {
            Self::At(addresses) => addresses
                .first()
                .map(|address| SocketAddr::new(loopback_for_any(address.ip()), address.port())),
            Self::Everywhere(port) => Some((Ipv4Addr::LOCALHOST, *port).into()),
            Self::Unix(_) => None,
        }
    }
}

/// Replaces the unspecified address with the loopback address, which a listener on every address includes.
const fn loopback_for_any(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(addresses) => {
                let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                formatter.write_str(&texts.join(" and "))
            }
            Self::Everywhere(port) => write!(formatter, ":{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let at = |text: &str| Listen::At(vec![text.parse().unwrap()]);
        for (text, expected) in [
            ("127.0.0.1:8080", at("127.0.0.1:8080")),
            (" 0.0.0.0:0\n", at("0.0.0.0:0")),
            ("[::]:8080", at("[::]:8080")),
            (":8080", Listen::Everywhere(8080)),
            ("unix:/run/x.sock", Listen::Unix("/run/x.sock".into())),
        ] {
            assert_eq!(Listen::parse(text), Ok(expected), "{text}");
        }
        let Ok(Listen::At(found)) = Listen::parse("localhost:8080") else {
            panic!("localhost is not found");
        };
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 8080),
            "{found:?}"
        );
    }

    #[test]
    fn a_refused_value_is_told_the_forms() {
        for text in [
            "",
            "8080",
            "everywhere",
            "127.0.0.1",
            ":",
            ":x",
            ":+80",
            ":65536",
            "unix:",
            "unix:relative.sock",
            "unix:/",
            "http://localhost:8080",
            "::1:8080",
            "[::1]",
            "a b:1",
            "tcp:/x:1",
        ] {
            let wanted = Listen::parse(text).unwrap_err();
            for form in ["127.0.0.1:8080", ":8080", "localhost:8080", "unix:/"] {
                assert!(wanted.contains(form), "{text}: {wanted}");
            }
        }
        let wanted = Listen::parse("no-such-host.invalid:8080").unwrap_err();
        assert!(wanted.contains("has no address"), "{wanted}");
    }

    #[test]
    fn it_is_known_who_can_reach_it_and_where() {
        for (text, local, reachable) in [
            ("127.0.0.1:1", true, Some("127.0.0.1:1")),
            ("[::1]:1", true, Some("[::1]:1")),
            ("0.0.0.0:1", false, Some("127.0.0.1:1")),
            ("[::]:1", false, Some("[::1]:1")),
            (":1", false, Some("127.0.0.1:1")),
            ("192.0.2.1:1", false, Some("192.0.2.1:1")),
            ("unix:/x", true, None),
        ] {
            let listen = Listen::parse(text).unwrap();
            assert_eq!(listen.is_local(), local, "{text}");
            assert_eq!(
                listen.reachable(),
                reachable.map(|text| text.parse().unwrap()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(port: u16, v4: [u8; 4], v6: [u8; 16]) {
            for listen in [
                Listen::At(vec![(IpAddr::from(v4), port).into()]),
                Listen::At(vec![(IpAddr::from(v6), port).into()]),
                Listen::Everywhere(port),
                Listen::Unix(format!("/run/{port}").into()),
            ] {
                prop_assert_eq!(Listen::parse(&listen.to_string()), Ok(listen));
            }
        }
    }
}
