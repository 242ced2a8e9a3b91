//! Drives one [`CallSession`] on its media thread: datagrams in, outputs out to sockets, engines and the call's task.

use crate::metrics;
use crate::ports::PortPair;
use crate::recorder::RecorderHandle;
use hualu_asr::{Dropped, StreamHandle};
use hualu_core::speech::RecognizeCommand;
use hualu_core::{CallId, Stage, TurnId, VoiceActivity};
use hualu_rtp::SourceLatch;
use hualu_session::{CallSession, EndReason, Failure, Input, Output, SessionConfig, SessionEvent, Termination};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// What a call needs to live on a media thread.
pub(crate) struct NewCall {
    pub config: SessionConfig,
    pub ports: PortPair,
    /// Where the peer's offer or answer wants its RTP.
    pub remote: SocketAddr,
    /// Makes the detector on the media thread, because detectors may not be moved between threads.
    pub vad: fn() -> Box<dyn VoiceActivity>,
    pub recognizer: Recognizer,
    pub orders: mpsc::Sender<Order>,
    pub ended: oneshot::Sender<Termination>,
    pub recorder: Option<RecorderHandle>,
}

/// The call's recognition stream.
pub(crate) enum Recognizer {
    /// In this process: straight into the worker's queue.
    Embedded(StreamHandle),
    /// Elsewhere: through the call's task.
    Remote,
}

/// What a session asks of its call's task.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "audio travels inline, so that a frame costs no allocation")]
pub(crate) enum Order {
    Converse(hualu_core::dialogue::CallInput),
    Synthesize(hualu_core::speech::SynthesizeCommand),
    Cancel(hualu_core::ClauseId),
    Recognize(RecognizeCommand),
    Transfer(String),
    Event(SessionEvent),
}

/// One call on its media thread.
pub(crate) struct MediaCall {
    id: CallId,
    session: CallSession,
    ports: PortPair,
    /// Whose RTP is taken and where ours goes: a stranger's packets never reach the call.
    source: SourceLatch,
    recognizer: Recognizer,
    turn: TurnId,
    orders: mpsc::Sender<Order>,
    ended: Option<oneshot::Sender<Termination>>,
    recorder: Option<RecorderHandle>,
}

impl MediaCall {
    pub fn new(now: Instant, new: NewCall) -> Self {
        let id = new.config.call.clone();
        let session = CallSession::new(now, new.config, (new.vad)());
        let mut ports = new.ports;
        ports.used_by(new.remote.ip());
        Self {
            id,
            session,
            ports,
            source: SourceLatch::new(new.remote),
            recognizer: new.recognizer,
            turn: TurnId::default(),
            orders: new.orders,
            ended: Some(new.ended),
            recorder: new.recorder,
        }
    }

    pub const fn id(&self) -> &CallId {
        &self.id
    }

    pub const fn ports(&mut self) -> &mut PortPair {
        &mut self.ports
    }

    /// The peer says where it receives from now on.
    pub fn redirect(&mut self, remote: SocketAddr) {
        self.source.signal(remote);
        self.ports.used_by(remote.ip());
    }

    /// The peer's host has shown by its signalling that it wants our packets.
    pub const fn consent(&mut self) {
        self.source.consent();
    }

    /// Ends the call from outside its session.
    pub fn fail(&mut self) {
        self.end(Termination::new(EndReason::Internal));
    }

    /// Reads at most `max` datagrams from each socket; true when there may be more.
    pub fn read(&mut self, buffer: &mut [u8], max: usize) -> bool {
        let mut more = false;
        for _ in 0..max {
            match self.ports.receive(buffer) {
                Ok((len, from)) => {
                    more = true;
                    let packet = buffer.get(..len).unwrap_or(&[]);
                    let now = crate::clock::now();
                    if !self.source.admit(now, from, packet) {
                        metrics::stranger_packet();
                    } else if self.input(now, Input::Packet(packet)).is_none() {
                        return false;
                    }
                }
                Err(error) => {
                    more = false;
                    count_socket_error(&error);
                    break;
                }
            }
        }
        let mut more_control = false;
        for _ in 0..max {
            let Ok((len, from)) = self.ports.receive_control(buffer) else {
                more_control = false;
                break;
            };
            more_control = true;
            let packet = buffer.get(..len).unwrap_or(&[]);
            if from.ip() != self.source.remote().ip() {
                metrics::stranger_packet();
                continue;
            }
            self.source.consent();
            if self.input(crate::clock::now(), Input::Control(packet)).is_none() {
                return false;
            }
        }
        more || more_control
    }

    /// Gives one input to the session and does what it wants; when it is due next, `None` when it is over.
    pub fn input(&mut self, now: Instant, input: Input<'_>) -> Option<Instant> {
        if let Err(error) = self.session.handle_input(now, input) {
            tracing::error!(call = %self.id, %error, "input refused");
        }
        self.drain(now)
    }

    /// Does what the session wants until it has to wait.
    pub fn drain(&mut self, now: Instant) -> Option<Instant> {
        let mut failed = None;
        loop {
            match self.session.poll_output() {
                Output::Timeout(due) => match failed.take() {
                    // An order that found no room is a failed engine, and the session has an answer to that.
                    Some(input) => {
                        if let Err(error) = self.session.handle_input(now, input) {
                            tracing::error!(call = %self.id, %error, "input refused");
                        }
                    }
                    None => return self.ended.is_some().then_some(due),
                },
                Output::Transmit(datagram) => self.transmit(now, datagram.as_bytes()),
                Output::TransmitControl(datagram) => self.transmit_control(now, datagram.as_bytes()),
                Output::Record(frame) => {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.push(frame);
                    }
                }
                Output::End(termination) => self.end(termination),
                output => failed = self.order(output).or(failed),
            }
        }
    }

    /// Passes one order on; what the session is to be told when there was no room.
    fn order(&mut self, output: Output) -> Option<Input<'static>> {
        let (order, lost) = match output {
            Output::Recognize(command) => return self.recognize(command),
            Output::Converse(input) => {
                let lost = failed(Stage::Nlu, input.turn, Failure::Overloaded);
                (Order::Converse(input), Some(lost))
            }
            Output::Synthesize(command) => {
                let lost = failed(Stage::Tts, command.turn, Failure::Overloaded);
                (Order::Synthesize(command), Some(lost))
            }
            Output::Cancel { clause, .. } => (Order::Cancel(clause), None),
            Output::Transfer { target, .. } => (Order::Transfer(target), Some(Input::TransferFailed)),
            Output::Event(event) => (Order::Event(event), None),
            _ => return None,
        };
        if self.orders.try_send(order).is_err() {
            metrics::queue_full("call");
            return lost;
        }
        None
    }

    fn recognize(&mut self, command: RecognizeCommand) -> Option<Input<'static>> {
        if let RecognizeCommand::Start { turn, .. } = &command {
            self.turn = *turn;
        }
        let reason = match &self.recognizer {
            Recognizer::Embedded(stream) => match stream.send(command) {
                Ok(()) => return None,
                // A fault of ours ended the stream, and said so: the call has no ears any more.
                Err(Dropped::Closed) => Failure::Broken,
                Err(_) => Failure::Overloaded,
            },
            Recognizer::Remote => match self.orders.try_send(Order::Recognize(command)) {
                Ok(()) => return None,
                Err(_) => Failure::Overloaded,
            },
        };
        if reason == Failure::Overloaded {
            metrics::queue_full("asr");
        }
        Some(failed(Stage::Asr, self.turn, reason))
    }

    fn transmit(&mut self, now: Instant, packet: &[u8]) {
        let Some(remote) = self.source.destination(now) else { return metrics::withheld_packet() };
        if let Err(error) = self.ports.send(packet, remote) {
            count_socket_error(&error);
        }
    }

    fn transmit_control(&mut self, now: Instant, packet: &[u8]) {
        let Some(mut remote) = self.source.destination(now) else { return metrics::withheld_packet() };
        remote.set_port(remote.port().saturating_add(1));
        if let Err(error) = self.ports.send_control(packet, remote) {
            count_socket_error(&error);
        }
    }

    fn end(&mut self, termination: Termination) {
        // Behind a translator the peer is not where it signalled.
        self.ports.used_by(self.source.remote().ip());
        if let Some(ended) = self.ended.take() {
            // The task is gone only when the whole gateway is.
            let _ = ended.send(termination);
        }
    }
}

const fn failed(stage: Stage, turn: TurnId, reason: Failure) -> Input<'static> {
    Input::Failed { stage, turn, clause: None, reason }
}

fn count_socket_error(error: &io::Error) {
    if error.kind() != io::ErrorKind::WouldBlock {
        metrics::socket_error();
    }
}
