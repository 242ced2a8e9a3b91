//! A real OPTIONS to ourselves: the only proof that the whole path from the socket to the dispatcher is alive.

use crate::stack::SipHandle;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// No answer came in time.
    #[error("sip: no answer to our own OPTIONS within {limit_ms} ms")]
    Silent {
        /// The limit in ms.
        limit_ms: u128,
    },
    /// An answer came, but not 200.
    #[error("sip: our own OPTIONS was answered `{start}`")]
    Refused {
        /// The start line.
        start: String,
    },
    /// The socket failed.
    #[error("sip: the probe's socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

impl SipHandle {
    /// Sends OPTIONS to our own socket and waits for the 200, `limit` at most. Readiness rests on it.
    ///
    /// # Errors
    /// [`ProbeError`]; while the door is closed the answer is 503.
    pub async fn probe(&self, limit: Duration) -> Result<(), ProbeError> {
        let answer = match (self.udp_address(), self.tcp_address()) {
            (Some(address), _) => tokio::time::timeout(limit, over_udp(address)).await,
            (None, Some(address)) => tokio::time::timeout(limit, over_tcp(address)).await,
            (None, None) => return Err(ProbeError::Silent { limit_ms: 0 }),
        };
        let text = answer.map_err(|_| ProbeError::Silent { limit_ms: limit.as_millis() })??;
        let start = text.lines().next().unwrap_or_default();
        if start.starts_with("SIP/2.0 200") { Ok(()) } else { Err(ProbeError::Refused { start: start.to_owned() }) }
    }
}

async fn over_udp(address: SocketAddr) -> std::io::Result<String> {
    let socket = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).await?;
    socket.connect(address).await?;
    socket.send(request("UDP", address, socket.local_addr()?).as_bytes()).await?;
    let mut buffer = [0; 2_048];
    let len = socket.recv(&mut buffer).await?;
    Ok(String::from_utf8_lossy(buffer.get(..len).unwrap_or(&[])).into_owned())
}

async fn over_tcp(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let text = request("TCP", address, stream.local_addr()?);
    stream.write_all(text.as_bytes()).await?;
    let mut buffer = [0; 2_048];
    let len = stream.read(&mut buffer).await?;
    Ok(String::from_utf8_lossy(buffer.get(..len).unwrap_or(&[])).into_owned())
}

/// Probes differ by the port they come from, which the kernel does not give out twice within a transaction's life.
fn request(transport: &str, to: SocketAddr, from: SocketAddr) -> String {
    let (port, tick) = (from.port(), tokio::time::Instant::now().into_std());
    let unique = format!("{port}-{:x}", hash(&tick));
    format!(
        "OPTIONS sip:probe@{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bKprobe{unique};rport\r\n\
         From: <sip:probe@{from}>;tag={unique}\r\nTo: <sip:probe@{to}>\r\nCall-ID: probe-{unique}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
    )
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(value)
}
