//! Who may speak to us, and how much: an allow-list of networks and a budget of messages per source,
//! and one for all.

use crate::guard::DropReason;
use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Instant;

/// Sources that are remembered. Past this, sources that have been quiet are forgotten, and then new ones share one
/// budget, so that a flood from forged addresses cannot grow the table.
const SOURCES_MAX: usize = 4_096;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix_len: u8,
}

/// A network that is not written as `10.0.0.0/8` or `192.0.2.1`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network: write an address, or an address and a prefix length such as 10.0.0.0/8")]
pub struct SubnetError {
    text: String,
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let error = || SubnetError { text: text.to_owned() };
        let (address, prefix_len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let len_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = prefix_len.map_or(Ok(len_max), |len| len.parse()).map_err(|_| error())?;
        if prefix_len > len_max { Err(error()) } else { Ok(Self { address, prefix_len }) }
    }
}

impl From<IpAddr> for Subnet {
    /// The network of this one address.
    fn from(address: IpAddr) -> Self {
        Self { address, prefix_len: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl Subnet {
    /// Whether the network holds an address. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let ((ours, family), (theirs, other)) = (bits(self.address), bits(address));
        let shift = 128 - u32::from(self.prefix_len);
        family == other && (ours ^ theirs).checked_shr(shift).unwrap_or_default() == 0
    }
}

/// How many messages may come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Messages in a second, sustained.
    pub per_second: f64,
    /// Messages at once after a quiet time.
    pub burst: f64,
}

impl Default for RateLimit {
    /// Enough for a trunk with 300 calls a second, about seven messages each.
    fn default() -> Self {
        Self { per_second: 2_500.0, burst: 5_000.0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    at: Instant,
}

impl Budget {
    fn take(&mut self, now: Instant, limit: RateLimit) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * limit.per_second).min(limit.burst);
        self.at = now;
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

impl RateLimit {
    /// For all sources together: two trunks of the default's size. What the stack below has not taken up yet waits
    /// without a bound, so this bounds it.
    pub const ALL_SOURCES: Self = Self { per_second: 5_000.0, burst: 10_000.0 };
}

/// The gate for sources.
#[derive(Debug)]
pub(crate) struct Sources {
    allow: Vec<Subnet>,
    limit: RateLimit,
    limit_all: RateLimit,
    budgets: HashMap<IpAddr, Budget>,
    shared: Option<Budget>,
    /// What all sources together have left.
    all: Option<Budget>,
}

impl Sources {
    /// An empty allow-list lets everybody in. A list lets this machine in too, for probes: no network can forge
    /// loopback or `own`, since the kernel drops datagrams that come from outside with an address of its own.
    pub(crate) fn new(mut allow: Vec<Subnet>, own: &[IpAddr], limit: RateLimit, limit_all: RateLimit) -> Self {
        if !allow.is_empty() {
            allow.extend(own.iter().map(|address| Subnet::from(*address)));
            allow.push(Subnet { address: IpAddr::from([127, 0, 0, 0]), prefix_len: 8 });
            allow.push(Subnet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        }
        Self { allow, limit, limit_all, budgets: HashMap::new(), shared: None, all: None }
    }

    /// Counts one message.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr) -> Result<(), DropReason> {
        if !self.allow.is_empty() && !self.allow.iter().any(|network| network.contains(source)) {
            return Err(DropReason::NotAllowed);
        }
        let limit = self.limit;
        if !self.budgets.contains_key(&source) && self.budgets.len() >= SOURCES_MAX {
            self.forget_the_quiet(now);
        }
        let fresh = Budget { left: limit.burst, at: now };
        let budget = if self.budgets.contains_key(&source) || self.budgets.len() < SOURCES_MAX {
            self.budgets.entry(source).or_insert(fresh)
        } else {
            self.shared.get_or_insert(fresh)
        };
        // One source that floods is stopped by its own budget and costs the others nothing.
        if !budget.take(now, limit) {
            return Err(DropReason::RateLimited);
        }
        let all = self.all.get_or_insert(Budget { left: self.limit_all.burst, at: now });
        if all.take(now, self.limit_all) { Ok(()) } else { Err(DropReason::Overloaded) }
    }

    /// A source whose budget is whole again is as good as a new one.
    fn forget_the_quiet(&mut self, now: Instant) {
        let limit = self.limit;
        self.budgets.retain(|_, budget| {
            let passed = now.saturating_duration_since(budget.at).as_secs_f64();
            budget.left + passed * limit.per_second < limit.burst
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    const PLENTY: RateLimit = RateLimit { per_second: 1e9, burst: 1e9 };

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn networks_hold_their_addresses() {
        let net = |text: &str| text.parse::<Subnet>().expect("a network");
        assert!(net("192.0.2.0/24").contains(v4(255)));
        assert!(!net("192.0.2.0/25").contains(v4(255)));
        assert!(net("0.0.0.0/0").contains(v4(1)) && !net("0.0.0.0/0").contains("::1".parse().expect("valid")));
        assert!(net("192.0.2.9").contains("::ffff:192.0.2.9".parse().expect("valid")));
        assert!(net("2001:db8::/32").contains("2001:db8:ffff::1".parse().expect("valid")));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "a/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_source_has_a_burst_and_a_rate() {
        let base = start();
        let mut sources = Sources::new(Vec::new(), &[], RateLimit { per_second: 10.0, burst: 5.0 }, PLENTY);
        let admitted =
            |sources: &mut Sources, now, count| (0..count).filter(|_| sources.admit(now, v4(1)).is_ok()).count();
        assert_eq!(admitted(&mut sources, base, 8), 5);
        assert_eq!(admitted(&mut sources, base + Duration::from_millis(300), 8), 3);
        assert_eq!(sources.admit(base, v4(2)), Ok(()), "others are not hurt");
    }

    #[test]
    fn only_listed_networks_get_in() {
        let allow = vec!["192.0.2.0/31".parse().expect("a network")];
        let mut sources = Sources::new(allow, &[v4(77)], RateLimit::default(), PLENTY);
        assert_eq!(sources.admit(start(), v4(1)), Ok(()));
        assert_eq!(sources.admit(start(), v4(77)), Ok(()), "our own address");
        assert_eq!(sources.admit(start(), IpAddr::from([127, 0, 0, 1])), Ok(()), "loopback");
        assert_eq!(sources.admit(start(), v4(2)), Err(DropReason::NotAllowed));
    }

    #[test]
    fn all_sources_together_have_a_budget_too() {
        let base = start();
        let all = RateLimit { per_second: 10.0, burst: 5.0 };
        let mut sources = Sources::new(Vec::new(), &[], RateLimit { per_second: 1.0, burst: 2.0 }, all);
        let outcomes: Vec<_> = (1..=7).map(|last| sources.admit(base, v4(last))).collect();
        assert_eq!(outcomes[..5], [Ok(()); 5]);
        assert_eq!(outcomes[5..], [Err(DropReason::Overloaded); 2]);
        let later = base + Duration::from_millis(200);
        assert_eq!((0..4).map(|_| sources.admit(later, v4(1))).filter(Result::is_ok).count(), 1, "its own is spent");
        assert_eq!(sources.admit(later, v4(8)), Ok(()), "a source that floods costs others nothing");
        assert_eq!(sources.admit(later, v4(9)), Err(DropReason::Overloaded));
    }

    #[test]
    fn forged_sources_cannot_grow_the_table() {
        let base = start();
        let mut sources = Sources::new(Vec::new(), &[], RateLimit { per_second: 1.0, burst: 2.0 }, PLENTY);
        let admitted = (0..100_000_u32).filter(|n| sources.admit(base, IpAddr::from(n.to_be_bytes())).is_ok()).count();
        assert_eq!((sources.budgets.len(), admitted), (SOURCES_MAX, SOURCES_MAX + 2));
        assert_eq!(sources.admit(base + Duration::from_secs(5), v4(1)), Ok(()), "quiet sources are forgotten");
        assert_eq!(sources.budgets.len(), 1);
    }
}
