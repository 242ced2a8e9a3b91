//! TCP under the SIP stack: our own listener, framing and limits, joined to the stack by a channel per connection.

use crate::backlog::Backlog;
use crate::gate::Gate;
use crate::guard::Verdict;
use crate::message::{RawMessage, head_end};
use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The longest message on a stream, in bytes.
const MESSAGE_LEN_MAX: usize = 64 * 1024;
/// A connection that says nothing at first is closed (reliability T-13), and one that is quiet for an hour too.
const FIRST_BYTE_LIMIT: Duration = Duration::from_secs(10);
const IDLE_LIMIT: Duration = Duration::from_secs(3_600);
/// A peer that does not read for so long loses the connection.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// Messages waiting to be written on one connection. Full: the transaction that sends waits.
const WRITE_QUEUE: usize = 64;
/// Connections in all, and from one address.
const CONNECTIONS_MAX: usize = 2_048;
const CONNECTIONS_PER_SOURCE_MAX: usize = 128;

/// Owns every TCP connection of one stack.
pub(crate) struct Tcp {
    endpoint: EndpointInnerRef,
    gate: Arc<Gate>,
    stop: CancellationToken,
    backlog: Arc<Backlog>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Tcp {
    pub(crate) fn new(
        endpoint: EndpointInnerRef,
        gate: Arc<Gate>,
        backlog: Arc<Backlog>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self { endpoint, gate, stop, backlog, open: Mutex::new(HashMap::new()) })
    }

    /// Takes connections until the stack stops.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = self.clone().place(peer.ip()) {
                        self.clone().start(stream, peer, place).await;
                    } else {
                        tracing::debug!("sip: tcp connection refused, too many are open");
                    }
                }
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to be closed.
                    tracing::warn!(%error, "sip: tcp accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Makes a connection known to the stack, if there is none to that address yet.
    pub(crate) async fn connect(self: &Arc<Self>, peer: SocketAddr) -> io::Result<()> {
        let target = tcp_address(peer);
        if self.endpoint.transport_layer.get_addrs().contains(&target) {
            return Ok(());
        }
        let stream = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(peer)).await??;
        let place = self.clone().place(peer.ip()).ok_or_else(|| io::Error::other("too many connections"))?;
        self.clone().start(stream, peer, place).await;
        Ok(())
    }

    fn place(self: Arc<Self>, source: IpAddr) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let count = open.entry(source).or_default();
        if all >= CONNECTIONS_MAX || *count >= CONNECTIONS_PER_SOURCE_MAX {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { tcp: self, source })
    }

    async fn start(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Small messages, each waited for.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        // The stack asks for this type of queue. The backlog bounds what waits in it, and behind it.
        let (to_stack, from_peer) = mpsc::unbounded_channel();
        let (to_peer, messages) = mpsc::channel(WRITE_QUEUE);
        // Full: the peer does not read its answers, and they are dropped.
        let (answers, answers_out) = mpsc::channel(WRITE_QUEUE);
        let closed = self.stop.child_token();
        let made =
            ChannelConnection::create_connection_bounded(from_peer, to_peer, tcp_address(peer), Some(closed.clone()));
        let Ok(channel) = made.await else { return };
        let connection = SipConnection::Channel(channel);
        self.endpoint.transport_layer.add_connection(connection.clone());
        tokio::spawn(write_loop(write, messages, answers_out, closed.clone()));
        tokio::spawn(async move {
            let _place = place;
            let target = tcp_address(peer);
            self.backlog.open(&target);
            let (gate, backlog) = (self.gate.clone(), self.backlog.clone());
            let mut reader = Reader { gate, backlog, peer, target, connection, to_stack, answers };
            tokio::select! {
                () = closed.cancelled() => {}
                () = reader.run(read) => {}
            }
            closed.cancel();
            reader.backlog.close(&reader.target);
        });
    }
}

/// One of the connections that may be open.
struct Place {
    tcp: Arc<Tcp>,
    source: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.tcp.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

pub(crate) fn tcp_address(address: SocketAddr) -> SipAddr {
    SipAddr { r#type: Some(Transport::Tcp), addr: address.into() }
}

async fn write_loop(
    mut write: OwnedWriteHalf,
    mut messages: mpsc::Receiver<TransportEvent>,
    mut answers: mpsc::Receiver<Vec<u8>>,
    closed: CancellationToken,
) {
    loop {
        let bytes = tokio::select! {
            () = closed.cancelled() => break,
            Some(bytes) = answers.recv() => bytes,
            message = messages.recv() => match message {
                Some(TransportEvent::Incoming(message, ..)) => message.to_bytes(),
                _ => break,
            },
        };
        if !matches!(tokio::time::timeout(WRITE_LIMIT, write.write_all(&bytes)).await, Ok(Ok(()))) {
            break;
        }
    }
    closed.cancel();
}

struct Reader {
    gate: Arc<Gate>,
    backlog: Arc<Backlog>,
    peer: SocketAddr,
    /// `peer` as the stack names it.
    target: SipAddr,
    connection: SipConnection,
    to_stack: mpsc::UnboundedSender<TransportEvent>,
    answers: mpsc::Sender<Vec<u8>>,
}

/// What the start of a stream's buffer holds.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Not enough of a message yet.
    More,
    /// Blank lines: so many bytes to skip; a double one asks for an answer (RFC 5626 §4.4.1).
    KeepAlive { len: usize, ping: bool },
    /// A whole message of so many bytes.
    Message { len: usize },
    /// A head without a usable length: nothing after it can be trusted.
    Lost { len: usize },
}

/// Cuts one piece off a stream. Without Content-Length a message has no body (RFC 3261 §18.3 demands one).
fn cut(buffer: &[u8]) -> Piece {
    let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank > 0 {
        return Piece::KeepAlive { len: blank, ping: blank >= 4 };
    }
    let Some(end) = head_end(buffer) else { return Piece::More };
    let head = RawMessage::scan(buffer.get(..end.body).unwrap_or(&[]));
    match head.content_length.unwrap_or(Ok(0)) {
        Ok(body) if body <= MESSAGE_LEN_MAX && end.body + body <= buffer.len() => {
            Piece::Message { len: end.body + body }
        }
        Ok(body) if body <= MESSAGE_LEN_MAX => Piece::More,
        _ => Piece::Lost { len: end.body },
    }
}

impl Reader {
    /// Reads until the peer closes, sends rubbish or falls silent.
    async fn run(&mut self, mut read: OwnedReadHalf) {
        let mut buffer = Vec::with_capacity(4_096);
        let mut limit = FIRST_BYTE_LIMIT;
        loop {
            match tokio::time::timeout(limit, read.read_buf(&mut buffer)).await {
                Ok(Ok(len)) if len > 0 => limit = IDLE_LIMIT,
                _ => return,
            }
            loop {
                let len = match cut(&buffer) {
                    Piece::More if buffer.len() > MESSAGE_LEN_MAX => return,
                    Piece::More => break,
                    Piece::KeepAlive { len, ping } => {
                        if ping {
                            self.answer(b"\r\n".to_vec());
                        }
                        len
                    }
                    Piece::Message { len } => {
                        if !self.message(buffer.get(..len).unwrap_or(&[])).await {
                            return;
                        }
                        len
                    }
                    Piece::Lost { len } => {
                        self.message(buffer.get(..len).unwrap_or(&[])).await;
                        return;
                    }
                };
                buffer.drain(..len);
            }
        }
    }

    /// Judges one message; false if the connection can no longer be used.
    async fn message(&self, bytes: &[u8]) -> bool {
        let now = tokio::time::Instant::now().into_std();
        match self.gate.judge(now, bytes, self.peer, MESSAGE_LEN_MAX) {
            Verdict::Pass(plain) => return self.hand_over(&plain).await,
            Verdict::Answer(answer) => self.answer(answer.bytes),
            Verdict::Drop(reason) => tracing::trace!(reason = reason.as_str(), "sip: message dropped"),
        }
        true
    }

    async fn hand_over(&self, plain: &[u8]) -> bool {
        let Ok(message) = SipMessage::try_from(plain) else { return true };
        let Ok(message) = SipConnection::update_msg_received(message, self.peer, Transport::Tcp) else { return true };
        if !self.backlog.enter(&self.target).await {
            tracing::warn!("sip: the stack takes nothing up: a tcp connection is closed");
            return false;
        }
        let event = TransportEvent::Incoming(message, self.connection.clone(), self.target.clone());
        self.to_stack.send(event).is_ok()
    }

    fn answer(&self, bytes: Vec<u8>) {
        // Full: the peer does not read its answers; it will ask again.
        let _ = self.answers.try_send(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_messages() {
        let whole = b"OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbodyREST";
        for len in 1..whole.len() - 4 {
            assert_eq!(cut(&whole[..len]), Piece::More, "{len} bytes");
        }
        assert_eq!(cut(whole), Piece::Message { len: whole.len() - 4 });
        assert_eq!(cut(b"\r\n\r\nOPTIONS"), Piece::KeepAlive { len: 4, ping: true });
        assert_eq!(cut(b"\r\n"), Piece::KeepAlive { len: 2, ping: false });
        assert_eq!(cut(b"BYE sip:a@b SIP/2.0\r\n\r\nBYE"), Piece::Message { len: 23 });
    }

    #[test]
    fn a_length_that_lies_ends_the_stream() {
        for length in ["18446744073709551615", "18446744073709551616", "-1", "65537", "x", ""] {
            let head = format!("BYE sip:a@b SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(cut(head.as_bytes()), Piece::Lost { len: head.len() }, "{length}");
        }
    }
}
