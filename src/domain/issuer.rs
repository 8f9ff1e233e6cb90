//! What distinguishes two deployments on the same host.

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of the hash that are used. Few deployments share a host, and a collision costs a sign-in, not a secret.
const KEPT: usize = 4;

/// Returns eight hexadecimal digits that are the same for the same issuer, in every release.
pub fn fingerprint(issuer: &str) -> String {
    let hash = digest(&SHA256, issuer.as_bytes());
    let kept: [u8; KEPT] = hash.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(kept))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_hash() {
        // printf %s https://auth.example.com | sha256sum
        assert_eq!(fingerprint("https://auth.example.com"), "1ce18487");
    }

    proptest! {
        #[test]
        fn issuers_that_differ_have_names_that_differ(port in 1_u16..u16::MAX, prefix in "[a-z]{1,8}") {
            let one = format!("http://127.0.0.1:{port}");
            for other in [format!("http://127.0.0.1:{}", port + 1), format!("{one}/{prefix}"), format!("http://localhost:{port}")] {
                prop_assert_ne!(fingerprint(&one), fingerprint(&other));
            }
        }
    }
}
