//! RTP port pairs: an even port for RTP and the next one for RTCP (RFC 3550 §11).
//!
//! A pair that is given back rests, still bound, until its last peer has been silent for 30 s, so that no call inherits
//! what a telephone goes on sending to the call before it (reliability T-28). When the range runs out, the pair that has
//! been silent for longest is taken early; one whose peer still sends never is.

use crate::clock;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Silence after which a port is as good as new, and after which it may be taken when there is no other.
const REST: Duration = Duration::from_secs(30);
const REST_MIN: Duration = Duration::from_secs(2);
/// A peer that never falls silent keeps a port from others for so long at most.
const REST_MAX: Duration = Duration::from_secs(600);
/// How often resting ports are listened to.
const LISTEN_PERIOD: Duration = Duration::from_secs(1);
/// Packets read from one resting socket at a time; who floods one is heard again in the next period.
const READS_MAX: usize = 256;

/// Hands out port pairs from a range, each next one after the last. Clones hand out the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    bind: IpAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// RTP ports that nobody has, the longest unused first.
    free: VecDeque<u16>,
    /// Pairs whose call is over, bounded by the range.
    resting: Vec<Resting>,
    listened: Option<Instant>,
}

#[derive(Debug)]
struct Resting {
    sockets: Sockets,
    /// Who may still send: packets of others are no call's, here or later.
    peer: Option<IpAddr>,
    since: Instant,
    heard: Instant,
}

#[derive(Debug)]
struct Sockets {
    rtp: UdpSocket,
    control: UdpSocket,
    port: u16,
}

/// Two bound sockets, which rest when this is dropped.
#[derive(Debug)]
pub(crate) struct PortPair {
    /// `None` only while it is dropped.
    sockets: Option<Sockets>,
    peer: Option<IpAddr>,
    home: Ports,
}

impl Ports {
    pub fn new(bind: IpAddr, port_min: u16, port_max: u16) -> Self {
        let free = (port_min..port_max).step_by(2).collect();
        Self { bind, state: Arc::new(Mutex::new(State { free, resting: Vec::new(), listened: None })) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A port that a panic left in neither list is lost to the range, and no more than that.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next pair that is free, at the time `now`.
    ///
    /// # Errors
    /// When every pair of the range is taken, or still hears the peer of its last call.
    pub fn take(&self, now: Instant) -> io::Result<PortPair> {
        let mut state = self.state();
        state.listen(now);
        for _ in 0..state.free.len() {
            let Some(port) = state.free.pop_front() else { break };
            if let Ok(sockets) = self.bind(port) {
                return Ok(self.pair(sockets));
            }
            // Another process has it.
            state.free.push_back(port);
        }
        let rested = |resting: &Resting| now.saturating_duration_since(resting.heard);
        let longest = state.resting.iter().enumerate().max_by_key(|(_, resting)| rested(resting));
        if let Some((index, _)) = longest.filter(|(_, resting)| rested(resting) >= REST_MIN) {
            let port = state.resting.swap_remove(index).sockets.port;
            // Bound anew, so that what waits in the old socket is gone.
            return self.bind(port).map(|sockets| self.pair(sockets)).inspect_err(|_| state.free.push_back(port));
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "every RTP port pair is taken or resting: widen media.ports"))
    }

    fn bind(&self, port: u16) -> io::Result<Sockets> {
        let rtp = UdpSocket::bind(SocketAddr::new(self.bind, port))?;
        let control = UdpSocket::bind(SocketAddr::new(self.bind, port + 1))?;
        Ok(Sockets { rtp, control, port })
    }

    fn pair(&self, sockets: Sockets) -> PortPair {
        PortPair { sockets: Some(sockets), peer: None, home: self.clone() }
    }

    fn rest(&self, now: Instant, sockets: Sockets, peer: Option<IpAddr>) {
        let mut state = self.state();
        if peer.is_none() {
            // No call was ever there.
            state.free.push_back(sockets.port);
        } else {
            state.resting.push(Resting { sockets, peer, since: now, heard: now });
        }
    }
}

impl State {
    /// Empties the resting sockets, notes who still hears something, and frees those that have rested.
    fn listen(&mut self, now: Instant) {
        if self.listened.is_some_and(|listened| now.saturating_duration_since(listened) < LISTEN_PERIOD) {
            return;
        }
        self.listened = Some(now);
        for resting in &mut self.resting {
            if resting.hears() {
                resting.heard = now;
            }
        }
        let free = &mut self.free;
        self.resting.retain(|resting| {
            let silent = now.saturating_duration_since(resting.heard) >= REST;
            let done = silent || now.saturating_duration_since(resting.since) >= REST_MAX;
            if done {
                free.push_back(resting.sockets.port);
            }
            !done
        });
    }
}

impl Resting {
    /// Whether the peer of the last call has sent something since this was asked before.
    fn hears(&self) -> bool {
        let mut buffer = [0; 16];
        let mut heard = false;
        for socket in [&self.sockets.rtp, &self.sockets.control] {
            for _ in 0..READS_MAX {
                let Ok((_, from)) = socket.recv_from(&mut buffer) else { break };
                heard |= Some(from.ip()) == self.peer;
            }
        }
        heard
    }
}

impl PortPair {
    /// The RTP port.
    pub fn port(&self) -> u16 {
        self.sockets.as_ref().map_or(0, |sockets| sockets.port)
    }

    /// Has `registry` watch the RTP and the RTCP socket for packets.
    pub fn watch(&mut self, registry: &Registry, tokens: [Token; 2]) -> io::Result<()> {
        let Some(Sockets { rtp, control, .. }) = &mut self.sockets else { return Ok(()) };
        registry.register(rtp, tokens[0], Interest::READABLE)?;
        registry.register(control, tokens[1], Interest::READABLE)
    }

    /// The end of [`Self::watch`].
    pub fn unwatch(&mut self, registry: &Registry) -> io::Result<()> {
        let Some(Sockets { rtp, control, .. }) = &mut self.sockets else { return Ok(()) };
        registry.deregister(rtp).and(registry.deregister(control))
    }

    /// The next packet of RTP.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.sockets.as_ref().map_or(Err(io::ErrorKind::WouldBlock.into()), |sockets| sockets.rtp.recv_from(buffer))
    }

    /// The next packet of RTCP.
    pub fn receive_control(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.sockets.as_ref().map_or(Err(io::ErrorKind::WouldBlock.into()), |sockets| sockets.control.recv_from(buffer))
    }

    /// Sends a packet of RTP.
    pub fn send(&self, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.sockets.as_ref().map_or(Ok(0), |sockets| sockets.rtp.send_to(packet, to))
    }

    /// Sends a packet of RTCP.
    pub fn send_control(&self, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.sockets.as_ref().map_or(Ok(0), |sockets| sockets.control.send_to(packet, to))
    }

    /// Notes who sends to it, for its rest.
    pub const fn used_by(&mut self, peer: IpAddr) {
        self.peer = Some(peer);
    }

    fn rest(&mut self, now: Instant) {
        if let Some(sockets) = self.sockets.take() {
            self.home.rest(now, sockets, self.peer);
        }
    }
}

impl Drop for PortPair {
    fn drop(&mut self) {
        self.rest(clock::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn used(ports: &Ports, now: Instant) -> PortPair {
        let mut pair = ports.take(now).expect("a free pair");
        pair.used_by(HERE);
        pair
    }

    #[test]
    fn pairs_are_even_odd_and_run_out() {
        let (ports, now) = (Ports::new(HERE, 18_400, 18_403), clock::now());
        let first = ports.take(now).expect("a free pair");
        let second = ports.take(now).expect("another one");
        assert_eq!((first.port(), second.port()), (18_400, 18_402));
        assert!(ports.take(now).is_err());
        drop(first);
        assert_eq!(ports.take(now).expect("it never was a call's").port(), 18_400);
    }

    #[test]
    fn t28_a_port_rests_for_thirty_seconds_of_silence() {
        let (ports, now) = (Ports::new(HERE, 18_404, 18_407), clock::now());
        used(&ports, now).rest(now);
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(ports.take(at(29)).expect("the other pair").port(), 18_406);
        let pairs = [ports.take(at(31)).expect("rested"), ports.take(at(31)).expect("never a call's")];
        assert_eq!(pairs.map(|pair| pair.port()), [18_406, 18_404]);
    }

    #[test]
    fn t28_a_port_whose_peer_still_sends_is_not_taken_and_strangers_do_not_count() {
        let (ports, now) = (Ports::new(HERE, 18_408, 18_409), clock::now());
        used(&ports, now).rest(now);
        let phone = std::net::UdpSocket::bind((HERE, 0)).expect("a port");
        let stranger = std::net::UdpSocket::bind(("127.0.0.2", 0)).expect("all of 127/8 is loopback");
        let at = |seconds| now + Duration::from_secs(seconds);
        for seconds in [2, 35, 36, 70] {
            phone.send_to(&[0x80; 172], (HERE, 18_408)).expect("loopback");
            assert!(ports.take(at(seconds)).is_err(), "at {seconds} s");
        }
        stranger.send_to(&[0x80; 172], (HERE, 18_408)).expect("loopback");
        assert!(ports.take(at(71)).is_err(), "a second of silence is too little");
        let pair = ports.take(at(72)).expect("there is no other, and it has been silent");
        assert!(pair.receive(&mut [0; 16]).is_err(), "nothing is left of what came before");
    }

    #[test]
    fn t28_a_peer_that_never_stops_holds_a_port_for_ten_minutes() {
        let (ports, now) = (Ports::new(HERE, 18_412, 18_413), clock::now());
        used(&ports, now).rest(now);
        let phone = std::net::UdpSocket::bind((HERE, 0)).expect("a port");
        phone.send_to(&[0x80; 172], (HERE, 18_412)).expect("loopback");
        assert!(ports.take(now + Duration::from_secs(599)).is_err());
        phone.send_to(&[0x80; 172], (HERE, 18_412)).expect("loopback");
        assert!(ports.take(now + Duration::from_secs(600)).is_ok());
    }
}
