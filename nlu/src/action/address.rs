//! Which addresses a back end may have. A name is resolved here and the connection goes to what was checked, so that no
//! second answer of a name server can lead elsewhere.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Names whose kind of address is remembered. Only allowed hosts are resolved, and they are few.
const NAMES_MAX: usize = 1_024;
/// Where cloud providers answer questions about the machine, beside the link-local ones.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];

/// Asks a name server.
type Lookup = dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Resolves names and refuses addresses that no back end has.
///
/// Back ends usually stand in a private network, so private addresses are fine; but a name that has led to the public
/// network never leads into the private one afterwards: that is how a foreign name server would reach inside.
#[derive(Clone)]
pub(crate) struct CheckedNames {
    lookup: Arc<Lookup>,
    /// Whether a name has led to the public network.
    seen: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl std::fmt::Debug for CheckedNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckedNames")
    }
}

impl Default for CheckedNames {
    fn default() -> Self {
        Self::with(|name: String| async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

impl CheckedNames {
    fn with<F>(lookup: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self { lookup: Arc::new(move |name| Box::pin(lookup(name))), seen: Arc::default() }
    }

    /// The addresses of `host`, a name or an address itself; port 0.
    pub async fn addresses(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return if is_barred(ip) { Err(refused()) } else { Ok(vec![SocketAddr::new(ip, 0)]) };
        }
        let found = (self.lookup)(host.to_owned()).await?;
        self.check(host, found)
    }

    /// Every address must be fine: a name that leads to one that is not is not to be trusted with the others.
    fn check(&self, host: &str, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        if found.is_empty() || found.iter().any(|address| is_barred(address.ip())) {
            return Err(refused());
        }
        let is_public = found.iter().all(|address| !is_private(address.ip()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_public = seen.get(host).copied().unwrap_or(false);
        if was_public && !is_public {
            return Err(refused());
        }
        if seen.len() < NAMES_MAX || seen.contains_key(host) {
            seen.insert(host.to_owned(), is_public);
        }
        Ok(found)
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the name leads to an address that no back end may have")
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, name) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = names.addresses(&name).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Addresses that are nobody's back end: nowhere, everybody, this link's neighbours and the cloud's metadata.
pub(crate) fn is_barred(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let by_kind = match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
    };
    by_kind || METADATA.contains(&ip)
}

fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        // RFC 1918, RFC 6598 (shared by carriers) and loopback.
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().expect("an address"), 0)
    }

    fn names(answers: &'static [&'static [&'static str]]) -> CheckedNames {
        let asked = AtomicUsize::new(0);
        CheckedNames::with(move |_| {
            let at = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            async move { Ok(answers[at].iter().map(|text| address(text)).collect()) }
        })
    }

    #[test]
    fn addresses_that_are_nobodys_back_end_are_barred() {
        for text in
            ["0.0.0.0", "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1", "::", "100.100.100.200"]
        {
            assert!(is_barred(text.parse().expect("an address")), "{text}");
        }
        for text in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "93.184.216.34"] {
            assert!(!is_barred(text.parse().expect("an address")), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_from_the_public_network_inwards_is_refused() {
        let names = names(&[&["93.184.216.34"], &["10.0.0.7"], &["93.184.216.34", "127.0.0.1"], &["93.184.216.34"]]);
        assert!(names.addresses("crm.example").await.is_ok());
        assert!(names.addresses("crm.example").await.is_err(), "rebound");
        assert!(names.addresses("crm.example").await.is_err(), "one of two");
        assert!(names.addresses("crm.example").await.is_ok());
    }

    #[tokio::test]
    async fn a_private_back_end_is_fine_and_metadata_never() {
        assert!(names(&[&["10.0.0.7"]]).addresses("crm.internal").await.is_ok());
        assert!(names(&[&["10.0.0.7", "169.254.169.254"]]).addresses("crm.internal").await.is_err());
        assert!(names(&[&[]]).addresses("crm.internal").await.is_err());
        let none = names(&[&["10.0.0.7"]]);
        assert!(none.addresses("169.254.169.254").await.is_err(), "by number, too");
        assert_eq!(none.addresses("[::1]").await.expect("fine"), [address("::1")]);
    }
}
