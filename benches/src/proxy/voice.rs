//! The voice's proxy.

use super::QUEUE;
use hualu_proto::tts::v1::voice_client::VoiceClient;
use hualu_proto::tts::v1::voice_server::Voice;
use hualu_proto::tts::v1::{SynthesizeRequest, SynthesizeResponse};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

/// How the voice fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VoiceFault {
    /// Not at all.
    #[default]
    None,
    /// After so many bytes of a clause nothing more comes, and the stream stays open.
    StallAfter(usize),
}

pub(super) struct VoiceProxy {
    pub upstream: VoiceClient<Channel>,
    pub fault: watch::Receiver<VoiceFault>,
}

#[tonic::async_trait]
impl Voice for VoiceProxy {
    type SynthesizeStream = ReceiverStream<Result<SynthesizeResponse, Status>>;

    async fn synthesize(
        &self,
        request: Request<SynthesizeRequest>,
    ) -> Result<Response<Self::SynthesizeStream>, Status> {
        let pieces = self.upstream.clone().synthesize(request.into_inner()).await?.into_inner();
        let (to, forwarded) = mpsc::channel(QUEUE);
        let fault = *self.fault.borrow();
        tokio::spawn(forward(pieces, to, fault));
        Ok(Response::new(ReceiverStream::new(forwarded)))
    }
}

async fn forward(
    mut from: Streaming<SynthesizeResponse>,
    to: mpsc::Sender<Result<SynthesizeResponse, Status>>,
    fault: VoiceFault,
) {
    let mut left = match fault {
        VoiceFault::None => usize::MAX,
        VoiceFault::StallAfter(bytes) => bytes,
    };
    loop {
        let mut piece = match from.message().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return,
            Err(status) => {
                // A gateway that has left needs no word.
                let _ = to.send(Err(status)).await;
                return;
            }
        };
        let stalls = piece.pcm.len() > left;
        piece.pcm.truncate(left);
        piece.last &= !stalls;
        left -= piece.pcm.len();
        if to.send(Ok(piece)).await.is_err() {
            return;
        }
        if stalls {
            return to.closed().await;
        }
    }
}
