//! The UDP socket under the SIP stack: ours, so that every datagram passes the gate first.

use crate::gate::Gate;
use crate::guard::Verdict;
use rsipstack::platform::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest datagram taken, in bytes. Plain spelling may add a Content-Length, and the stack reads 8,192 at most.
pub(crate) const DATAGRAM_LEN_MAX: usize = 8_000;
/// What the kernel may hold for us while this process does not get to run.
const RECEIVE_BUFFER_LEN: usize = 4 * 1024 * 1024;
/// A socket that keeps failing must not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct GuardedUdp {
    socket: tokio::net::UdpSocket,
    gate: Arc<Gate>,
}

impl GuardedUdp {
    /// Binds without address reuse: a second process on the same port is a mistake that must show.
    pub(crate) fn bind(address: SocketAddr, gate: Arc<Gate>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN) {
            tracing::warn!(%error, "sip: receive buffer stays at the system's size: raise net.core.rmem_max");
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: tokio::net::UdpSocket::from_std(socket.into())?, gate })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[async_trait::async_trait]
impl UdpSocket for GuardedUdp {
    async fn recv_from(&self, buf: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            // A datagram longer than the buffer is cut by the kernel, and then too long for the gate.
            let (len, source) = match self.socket.recv_from(buf).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "sip: udp receive failed");
                    tokio::time::sleep(ERROR_PAUSE).await;
                    continue;
                }
            };
            let datagram = buf.get(..len).unwrap_or(&[]);
            if datagram.trim_ascii().is_empty() {
                // Keep-alives of NATs; over UDP nobody waits for an answer to them.
                continue;
            }
            let now = tokio::time::Instant::now().into_std();
            match self.gate.judge(now, datagram, source, DATAGRAM_LEN_MAX) {
                Verdict::Pass(plain) => {
                    if let Some(place) = buf.get_mut(..plain.len()) {
                        place.copy_from_slice(&plain);
                        return Ok((plain.len(), source));
                    }
                }
                Verdict::Answer(answer) => {
                    // Lost answers are asked for again; nothing here waits for a peer.
                    let _ = self.socket.try_send_to(&answer.bytes, answer.to);
                }
                Verdict::Drop(reason) => tracing::trace!(reason = reason.as_str(), "sip: datagram dropped"),
            }
        }
    }

    async fn send_to(&self, buf: &[u8], address: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(buf, address).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
