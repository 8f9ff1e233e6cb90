//! How long libpq waits for a server that has fallen silent: its machine lost power, or a firewall drops its packets.
//!
//! Without these limits a connection waits for as long as the system sends data again, which is a quarter of an hour on
//! Linux, or for two hours if all data had arrived. The threads of the pool wait with it, and a promoted standby is of
//! no use.

/// The parameters of libpq, and their values unless the URL has others. `tcp_user_timeout` (milliseconds) is for
/// statements that did not arrive; the `keepalives` (seconds, and a number) are for those that were not answered. The
/// server's machine acknowledges both while it is only busy.
const LIMITS: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "5000"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "2"),
    ("keepalives_count", "3"),
];

/// Adds the limits that a libpq URL does not have.
pub(super) fn limited(url: &str) -> String {
    let mut limited = url.to_owned();
    for (name, value) in LIMITS {
        if !url.contains(&format!("{name}=")) {
            let separator = if limited.contains('?') { "&" } else { "?" };
            limited.extend([separator, name, "=", value]);
        }
    }
    limited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_gets_the_limits_that_it_does_not_have() {
        let others = "tcp_user_timeout=5000&keepalives_idle=5&keepalives_interval=2&keepalives_count=3";
        for (url, expected) in [
            ("postgres://h/d", format!("postgres://h/d?connect_timeout=5&{others}")),
            (
                "postgres://h,i/d?a=b",
                format!("postgres://h,i/d?a=b&connect_timeout=5&{others}"),
            ),
            (
                "postgres://h/d?connect_timeout=1",
                format!("postgres://h/d?connect_timeout=1&{others}"),
            ),
        ] {
            assert_eq!(limited(url), expected);
        }
    }
}
