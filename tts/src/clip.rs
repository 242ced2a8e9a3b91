//! A clause on its way: PCM that grows while it is rendered, and those who read it.

use hualu_core::speech::{AudioSource, SynthesizeEvent};
use hualu_core::{ClauseId, TurnId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

use crate::TtsError;

/// The most samples of one event: a second at 16 kHz, far below the limit of a gRPC message.
const EVENT_SAMPLES_MAX: usize = 16_000;

/// A clause that is being rendered. One worker writes, any number of streams read.
pub(crate) struct Clip {
    state: watch::Sender<State>,
    /// When the first of its readers wants to hear it; `None` while nobody is waiting (pre-rendering).
    wanted_by: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    pcm: Vec<i16>,
    end: Option<End>,
}

enum End {
    Whole,
    Failed(TtsError),
}

impl Clip {
    pub(crate) fn new(wanted_by: Option<Instant>) -> Self {
        Self { state: watch::Sender::new(State::default()), wanted_by: Mutex::new(wanted_by) }
    }

    pub(crate) fn wanted_by(&self) -> Option<Instant> {
        *self.wanted_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody else waits for it too: the earlier wish counts.
    pub(crate) fn hurry(&self, wanted_by: Option<Instant>) {
        let mut current = self.wanted_by.lock().unwrap_or_else(PoisonError::into_inner);
        *current = match (*current, wanted_by) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    pub(crate) fn read(self: &Arc<Self>) -> Reader {
        Reader { state: self.state.subscribe(), sent: 0 }
    }

    /// Whether everybody who asked for it has gone.
    pub(crate) fn is_unread(&self) -> bool {
        self.state.receiver_count() == 0
    }

    pub(crate) fn push(&self, samples: &[i16]) {
        self.state.send_modify(|state| state.pcm.extend_from_slice(samples));
    }

    pub(crate) fn finish(&self) -> Arc<[i16]> {
        let mut pcm = Arc::default();
        self.state.send_modify(|state| {
            state.end = Some(End::Whole);
            pcm = Arc::from(state.pcm.as_slice());
        });
        pcm
    }

    pub(crate) fn fail(&self, error: TtsError) {
        self.state.send_modify(|state| state.end = Some(End::Failed(error)));
    }
}

/// Reads a clip from its beginning.
pub(crate) struct Reader {
    state: watch::Receiver<State>,
    sent: usize,
}

impl Reader {
    /// The next samples and whether they are the last ones.
    async fn next(&mut self) -> Result<(Vec<i16>, bool), TtsError> {
        let sent = self.sent;
        let state = self.state.wait_for(|state| state.pcm.len() > sent || state.end.is_some()).await;
        let state = state.map_err(|_| TtsError::Stopped)?;
        if let Some(End::Failed(error)) = &state.end {
            return Err(error.clone());
        }
        let upto = state.pcm.len().min(sent + EVENT_SAMPLES_MAX);
        let last = state.end.is_some() && upto == state.pcm.len();
        self.sent = upto;
        Ok((state.pcm[sent..upto].to_vec(), last))
    }
}

/// The audio of one clause, in order. Dropping it cancels what nobody else is waiting for.
pub struct SynthesisStream {
    turn: TurnId,
    clause: ClauseId,
    source: AudioSource,
    body: Body,
}

pub(crate) enum Body {
    /// Being rendered.
    Growing(Reader),
    /// All there: the samples and how many were sent.
    Ready(Arc<[i16]>, usize),
    /// Refused.
    Refused(TtsError),
    /// Everything was sent.
    Over,
}

impl SynthesisStream {
    pub(crate) const fn new(turn: TurnId, clause: ClauseId, source: AudioSource, body: Body) -> Self {
        Self { turn, clause, source, body }
    }

    /// Where the audio comes from.
    #[must_use]
    pub const fn source(&self) -> AudioSource {
        self.source
    }

    /// The next piece: whole 20 ms frames at the asked rate, as soon as there are any. After one that says `last`, or an
    /// error, there is nothing more. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<SynthesizeEvent, TtsError>> {
        let (pcm, last) = match &mut self.body {
            Body::Over => return None,
            Body::Growing(reader) => match reader.next().await {
                Ok(piece) => piece,
                Err(error) => {
                    self.body = Body::Over;
                    return Some(Err(error));
                }
            },
            Body::Ready(pcm, sent) => {
                let upto = pcm.len().min(*sent + EVENT_SAMPLES_MAX);
                let piece = pcm[*sent..upto].to_vec();
                *sent = upto;
                (piece, upto == pcm.len())
            }
            Body::Refused(error) => {
                let error = error.clone();
                self.body = Body::Over;
                return Some(Err(error));
            }
        };
        if last {
            self.body = Body::Over;
        }
        Some(Ok(SynthesizeEvent { turn: self.turn, clause: self.clause, pcm, source: self.source, last }))
    }
}
