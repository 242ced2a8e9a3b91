//! gRPC proxies that stand between a gateway and its services and can be told to fail. The real services stay behind them.

mod dialogue;
mod voice;

pub use dialogue::DialogueFault;
pub use voice::VoiceFault;

use anyhow::Context;
use hualu_proto::nlu::v1::dialogue_client::DialogueClient;
use hualu_proto::nlu::v1::dialogue_server::DialogueServer;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_proto::tts::v1::voice_server::VoiceServer;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server, server::Router};

/// Messages of one stream that wait in a proxy. Full means that the other side does not read: the proxy waits too.
const QUEUE: usize = 256;

/// A running proxy. Streams notice at once what it is told.
pub struct Proxy<Fault> {
    /// Where it listens.
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
}

impl<Fault> Proxy<Fault> {
    /// Fails like this from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

/// Stands in front of the dialogue at `upstream`; `slow` is the same dialogue with slow back ends.
///
/// # Errors
/// When no port is free.
pub async fn dialogue(upstream: SocketAddr, slow: SocketAddr) -> anyhow::Result<Proxy<DialogueFault>> {
    let (fault, told) = watch::channel(DialogueFault::None);
    let [upstream, slow] = [upstream, slow].map(|address| channel(address).map(DialogueClient::new));
    let service = dialogue::DialogueProxy { upstream: upstream?, slow: slow?, fault: told };
    let address = serve(Server::builder().tcp_nodelay(true).add_service(DialogueServer::new(service))).await?;
    Ok(Proxy { address, fault })
}

/// Stands in front of the voice at `upstream`.
///
/// # Errors
/// When no port is free.
pub async fn voice(upstream: SocketAddr) -> anyhow::Result<Proxy<VoiceFault>> {
    let (fault, told) = watch::channel(VoiceFault::None);
    let service = voice::VoiceProxy { upstream: VoiceClient::new(channel(upstream)?), fault: told };
    let address = serve(Server::builder().tcp_nodelay(true).add_service(VoiceServer::new(service))).await?;
    Ok(Proxy { address, fault })
}

fn channel(address: SocketAddr) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect_lazy())
}

async fn serve(router: Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port for a proxy")?;
    let address = listener.local_addr()?;
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    Ok(address)
}
