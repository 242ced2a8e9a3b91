//! Whose packets are taken and where ours go: the address from SDP, or one that proved itself, and nobody else.
//!
//! A telephone behind an address translator sends from another address than it signals (symmetric RTP, RFC 4961), so
//! the signalled address alone is not enough; "whoever sent last" would hand the call to any attacker (RTP Bleed). So:
//! the signalled address is believed at once and always, another one after four packets in sequence while the signalled
//! one is silent, and from then on the door is closed to all others until the source falls silent for two seconds or
//! media is renegotiated.

use crate::packet::{SeqNum, be16, be32};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Packets in sequence by which an unsignalled source proves itself.
const PROOF: u32 = 4;
/// A source that is silent for so long may be followed by another.
const SILENCE: Duration = Duration::from_secs(2);
/// An address that never says anything gets our packets for so long at most. Without this whoever names a stranger's
/// address in a description makes us send to it for a whole call (reliability T-25).
const UNHEARD_MAX: Duration = Duration::from_secs(5);

/// Decides about the source of each datagram of one call's RTP socket.
#[derive(Clone, Copy, Debug)]
pub struct SourceLatch {
    signalled: SocketAddr,
    learnt: Option<Learnt>,
    candidate: Option<Candidate>,
    /// When we first sent to an address that has said nothing yet.
    unheard_since: Option<Instant>,
    /// The signalled address is known to want our packets though no RTP came from it.
    consents: bool,
}

#[derive(Clone, Copy, Debug)]
struct Learnt {
    address: SocketAddr,
    heard: Instant,
    /// Another source may prove itself at once: the peer has signalled since.
    open: bool,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    ssrc: u32,
    seq: SeqNum,
    count: u32,
}

impl SourceLatch {
    /// Starts with the address that the peer signalled.
    #[must_use]
    pub const fn new(signalled: SocketAddr) -> Self {
        Self { signalled, learnt: None, candidate: None, unheard_since: None, consents: false }
    }

    /// Where to send RTP.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.learnt.map_or(self.signalled, |learnt| learnt.address)
    }

    /// Where a packet of ours goes at `now`; `None` when it must not be sent, because we have sent for 5 s to an address
    /// that never said anything, or because there is no address (the hold of RFC 2543 names one of zeros).
    pub fn destination(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.learnt.is_none() && !self.consents {
            let since = *self.unheard_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= UNHEARD_MAX {
                return None;
            }
        }
        Some(self.remote()).filter(|remote| !remote.ip().is_unspecified() && remote.port() != 0)
    }

    /// The signalled address has shown otherwise that it wants our packets: RTCP came from it, or the call was
    /// acknowledged from it, which takes the tag that only our answer told.
    pub const fn consent(&mut self) {
        self.consents = true;
    }

    /// The peer signalled again (re-INVITE, UPDATE). What was learnt is void when it names another address; when it names
    /// the same one, as at every hold, a peer behind a translator is still where it was, though another source may prove
    /// itself at once.
    pub fn signal(&mut self, address: SocketAddr) {
        if address == self.signalled {
            self.learnt = self.learnt.map(|learnt| Learnt { open: true, ..learnt });
        } else {
            *self = Self { consents: self.consents && address.ip() == self.signalled.ip(), ..Self::new(address) };
        }
    }

    /// Whether a datagram is to be taken; what is refused must not reach the call. Under SRTP call this only with
    /// packets that are authentic (RFC 3711 §3.3).
    pub fn admit(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        if let Some(learnt) = &mut self.learnt {
            if learnt.address == from {
                (learnt.heard, learnt.open) = (now, false);
                self.candidate = None;
                return true;
            }
            let closed = !learnt.open && now.saturating_duration_since(learnt.heard) < SILENCE;
            if closed && from != self.signalled {
                return false;
            }
        }
        // The signalled address needs no proof, and whoever proved itself before it spoke gives way: that was a stranger.
        if from == self.signalled || self.proves(from, datagram) {
            self.learnt = Some(Learnt { address: from, heard: now, open: false });
            self.candidate = None;
            return true;
        }
        false
    }

    fn proves(&mut self, from: SocketAddr, datagram: &[u8]) -> bool {
        let (Some(0x80..=0xbf), Some(seq), Some(ssrc)) = (datagram.first(), be16(datagram, 2), be32(datagram, 8))
        else {
            return false;
        };
        let seq = SeqNum(seq);
        let count = match self.candidate {
            Some(before) if before.address == from && before.ssrc == ssrc && before.seq.next() == seq => {
                before.count + 1
            }
            // Another source starts over, but cannot push out one that is on its way.
            Some(before) if before.address != from && before.count > 1 => return false,
            _ => 1,
        };
        self.candidate = Some(Candidate { address: from, ssrc, seq, count });
        count >= PROOF
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, packet, start};

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    struct Bench {
        base: Instant,
        latch: SourceLatch,
    }

    impl Bench {
        fn new() -> Self {
            Self { base: start(), latch: SourceLatch::new(at(1)) }
        }

        fn admit(&mut self, at_ms: u64, port: u16, seq: u16) -> bool {
            let mut out = [0; 16];
            let len = packet(seq, 0, &[1; 4]).write(&mut out).expect("fits");
            self.latch.admit(self.base + ms(at_ms), at(port), &out[..len])
        }
    }

    #[test]
    fn t01_a_spray_moves_nothing_once_the_signalled_address_speaks() {
        let mut bench = Bench::new();
        assert!(bench.admit(0, 1, 0));
        for seq in 0..100 {
            assert!(!bench.admit(u64::from(seq), 666, seq), "an attacker in sequence");
        }
        assert_eq!(bench.latch.remote(), at(1));
    }

    #[test]
    fn a_translated_source_is_followed_after_four_packets_in_sequence() {
        let mut bench = Bench::new();
        let admitted: Vec<bool> = (0..6).map(|seq| bench.admit(u64::from(seq) * 20, 9, seq)).collect();
        assert_eq!(admitted, [false, false, false, true, true, true]);
        assert_eq!(bench.latch.remote(), at(9));
        assert!(!bench.admit(130, 666, 7), "then the door is closed");
    }

    #[test]
    fn t02_an_attacker_who_is_first_leaks_nothing_once_the_signalled_address_speaks() {
        let mut bench = Bench::new();
        for seq in 0..3 {
            assert!(!bench.admit(0, 666, seq));
        }
        assert!(bench.admit(60, 1, 500));
        assert!(!bench.admit(61, 666, 3));
        assert_eq!(bench.latch.remote(), at(1));
    }

    #[test]
    fn t02_an_attacker_who_proved_itself_gives_way_to_the_signalled_address() {
        let mut bench = Bench::new();
        assert!((0..10).any(|seq| bench.admit(0, 666, seq)));
        assert_eq!(bench.latch.remote(), at(666));
        assert!(bench.admit(40, 1, 500), "no further packet leaks");
        assert_eq!(bench.latch.remote(), at(1));
        assert!((10..100).all(|seq| !bench.admit(60, 666, seq)));
    }

    #[test]
    fn guessing_sprays_and_gaps_prove_nothing() {
        let mut bench = Bench::new();
        for seq in 0..50 {
            assert!(!bench.admit(0, 666, seq * 7), "not in sequence");
            assert!(!bench.admit(0, 1_000 + seq, seq), "from many ports");
        }
        let mut latch = bench.latch;
        for _ in 0..10 {
            assert!(!latch.admit(bench.base, at(666), &[0x80, 200]), "too short");
            assert!(!latch.admit(bench.base, at(666), &[0x16; 40]), "no RTP");
        }
    }

    #[test]
    fn two_seconds_of_silence_or_a_new_description_open_the_door() {
        let mut bench = Bench::new();
        assert!(bench.admit(0, 1, 0));
        assert!((0..4).all(|seq| !bench.admit(1_999, 9, seq)));
        let admitted: Vec<bool> = (10..14).map(|seq| bench.admit(2_000, 9, seq)).collect();
        assert_eq!(admitted, [false, false, false, true]);
        bench.latch.signal(at(77));
        assert_eq!(bench.latch.remote(), at(77));
        assert!(bench.admit(2_010, 77, 0) && !bench.admit(2_020, 9, 14));
    }

    #[test]
    fn a_hold_that_repeats_the_address_keeps_a_translated_source() {
        let mut bench = Bench::new();
        assert!((0..4).any(|seq| bench.admit(0, 9, seq)));
        bench.latch.signal(at(1));
        assert_eq!(bench.latch.remote(), at(9));
        let moved: Vec<bool> = (10..14).map(|seq| bench.admit(20, 12, seq)).collect();
        assert_eq!(moved, [false, false, false, true], "it has moved meanwhile");
        bench.latch.signal(at(1));
        assert!(bench.admit(40, 12, 14), "it speaks again");
        assert!((20..30).all(|seq| !bench.admit(60, 666, seq)), "and the door is closed");
    }

    #[test]
    fn t25_an_address_that_never_speaks_gets_five_seconds() {
        let mut bench = Bench::new();
        let base = bench.base;
        assert_eq!(bench.latch.destination(base), Some(at(1)));
        assert_eq!(bench.latch.destination(base + ms(4_999)), Some(at(1)));
        assert_eq!(bench.latch.destination(base + ms(5_000)), None);
        bench.latch.signal(at(1));
        assert_eq!(bench.latch.destination(base + ms(5_001)), None, "to say it again starts nothing anew");
        let mut consenting = bench.latch;
        consenting.consent();
        assert_eq!(consenting.destination(base + ms(5_002)), Some(at(1)));
        consenting.signal(SocketAddr::from(([192, 0, 2, 2], 1)));
        assert!(consenting.destination(base + ms(5_003)).is_some());
        assert_eq!(consenting.destination(base + ms(10_003)), None, "another host has not consented");
        assert!(bench.admit(6_000, 1, 0));
        assert_eq!(bench.latch.destination(base + ms(60_000)), Some(at(1)), "one packet is enough");
    }

    #[test]
    fn nothing_goes_to_an_address_of_zeros() {
        let mut latch = SourceLatch::new(SocketAddr::from(([0, 0, 0, 0], 4_000)));
        assert_eq!(latch.destination(start()), None);
    }
}
