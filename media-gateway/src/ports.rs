//! RTP port pairs: an even port for RTP and the next one for RTCP (RFC 3550 §11).

use mio::net::UdpSocket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

/// Hands out port pairs from a range, each next one after the last, so that a port rests before it is used again.
#[derive(Debug)]
pub(crate) struct Ports {
    bind: IpAddr,
    first: u16,
    pairs: u16,
    next: Mutex<u16>,
}

/// Two bound sockets.
#[derive(Debug)]
pub(crate) struct PortPair {
    rtp: UdpSocket,
    control: UdpSocket,
    port: u16,
}

impl Ports {
    pub const fn new(bind: IpAddr, port_min: u16, port_max: u16) -> Self {
        Self { bind, first: port_min, pairs: (port_max - port_min).div_ceil(2), next: Mutex::new(0) }
    }

    /// The next pair that is free.
    ///
    /// # Errors
    /// When every pair of the range is taken.
    pub fn take(&self) -> io::Result<PortPair> {
        for _ in 0..self.pairs {
            let port = self.advance();
            let Ok(rtp) = UdpSocket::bind(SocketAddr::new(self.bind, port)) else { continue };
            let Ok(control) = UdpSocket::bind(SocketAddr::new(self.bind, port + 1)) else { continue };
            return Ok(PortPair { rtp, control, port });
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "every RTP port pair is taken: widen media.ports"))
    }

    fn advance(&self) -> u16 {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let pair = *next;
        *next = (pair + 1) % self.pairs;
        self.first + pair * 2
    }
}

impl PortPair {
    /// The RTP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The RTP and the RTCP socket.
    pub fn into_sockets(self) -> (UdpSocket, UdpSocket) {
        (self.rtp, self.control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn pairs_are_even_odd_and_run_out() {
        let ports = Ports::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 18_400, 18_403);
        let first = ports.take().expect("a free pair");
        let second = ports.take().expect("another one");
        assert_eq!((first.port(), second.port()), (18_400, 18_402));
        assert!(ports.take().is_err());
        drop(first);
        assert_eq!(ports.take().expect("free again").port(), 18_400);
    }
}
