//! The task of one call: between its session on the media thread, its SIP leg and its engines.

use crate::engines::{CallPort, Conversation, Engines, Limits, RecognizerSource, RemoteStream, Speaker};
use crate::events::{EventSender, GatewayEvent};
use crate::media_call::Order;
use crate::metrics;
use crate::negotiation;
use crate::shard::Command;
use hualu_core::CallId;
use hualu_session::{EndReason, Input, Key, SessionEvent, Termination};
use hualu_sip::sdp::SessionDescription;
use hualu_sip::{CallLeg, EndedBy, LegEvent, Reoffer, TransferOutcome};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a peer may take to transfer a call before the bot takes it back.
const TRANSFER_MAX: Duration = Duration::from_secs(30);

/// What a call's task works with.
pub(crate) struct CallTask {
    pub id: CallId,
    /// The host that the INVITE came from.
    pub source: IpAddr,
    pub leg: CallLeg,
    pub leg_events: mpsc::Receiver<LegEvent>,
    pub port: CallPort,
    pub engines: Engines,
    pub limits: Limits,
    pub orders: mpsc::Receiver<Order>,
    pub ended: oneshot::Receiver<Termination>,
    pub events: EventSender,
    pub media: negotiation::Agreed,
    pub transfer: Arc<BTreeMap<String, String>>,
}

impl CallTask {
    /// Runs until the session has ended; the dialog is ended with it.
    pub async fn run(mut self) -> Termination {
        let mut conversation = Conversation::new(self.engines.dialogue.clone(), self.limits, self.port.clone());
        let mut speaker = Speaker::new(self.engines.voice.clone(), self.id.clone(), self.limits, self.port.clone());
        let mut recognizer = match &self.engines.recognizer {
            RecognizerSource::Embedded(_) => None,
            RecognizerSource::Remote(client) => Some(RemoteStream::new(
                client.clone(),
                &self.id,
                &self.engines.language_model,
                self.limits,
                self.port.clone(),
            )),
        };
        let mut leg_is_up = true;
        let termination = loop {
            tokio::select! {
                ended = &mut self.ended => {
                    break ended.unwrap_or_else(|_| Termination::new(EndReason::Internal));
                }
                order = self.orders.recv() => match order {
                    None => {}
                    Some(Order::Converse(input)) => conversation.send(input).await,
                    Some(Order::Synthesize(command)) => speaker.speak(command),
                    Some(Order::Cancel(clause)) => speaker.cancel(clause),
                    Some(Order::Recognize(command)) => {
                        if let Some(recognizer) = &mut recognizer {
                            recognizer.send(command).await;
                        }
                    }
                    Some(Order::Transfer(target)) => self.transfer(&target),
                    Some(Order::Event(event)) => self.report(event),
                },
                event = self.leg_events.recv(), if leg_is_up => leg_is_up = self.leg_event(event).await,
            }
        };
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Event(event) => self.report(event),
                // The service learns of the end and closes its conversation.
                Order::Converse(input) => conversation.send(input).await,
                _ => {}
            }
        }
        if leg_is_up {
            self.leg.hang_up(Some(termination.reason.as_str()));
        }
        termination
    }

    /// Passes on what happened to the dialog; false when it is over.
    async fn leg_event(&mut self, event: Option<LegEvent>) -> bool {
        match event {
            Some(LegEvent::Reoffer(reoffer)) => self.reoffer(reoffer).await,
            Some(LegEvent::Keys(keys)) => {
                for key in keys.reveal().chars().filter_map(Key::from_char) {
                    self.port.input(Input::Key(key)).await;
                }
            }
            Some(LegEvent::Established { answer }) => {
                self.acknowledged().await;
                // The answer to an offer of ours, when a re-INVITE had none.
                if let Some(answer) = answer {
                    self.answered(&answer).await;
                }
            }
            Some(LegEvent::Ended(ended)) => {
                tracing::debug!(call = %self.id, by = ?ended.by, code = ended.code, "dialog ended");
                let reason = match ended.by {
                    EndedBy::Peer | EndedBy::Us => EndReason::CallerHungUp,
                    EndedBy::Network => EndReason::SignallingFailed,
                };
                self.port.input(Input::HangUp(reason)).await;
                return false;
            }
            None => {
                self.port.input(Input::HangUp(EndReason::SignallingFailed)).await;
                return false;
            }
            Some(_) => {}
        }
        true
    }

    async fn reoffer(&mut self, reoffer: Reoffer) {
        // Without an offer ours is what we have; its answer comes in the ACK.
        let is_late = reoffer.offer.is_none();
        let answer = match &reoffer.offer {
            None => Ok(self.media.answer.clone()),
            Some(offer) => negotiation::renegotiate(&mut self.media, offer),
        };
        match answer {
            Ok(answer) => {
                reoffer.accept(&answer).await;
                if !is_late {
                    self.use_media().await;
                }
            }
            Err(error) => {
                tracing::info!(call = %self.id, %error, "offer refused");
                reoffer.reject(488).await;
            }
        }
    }

    /// An ACK came, which takes the tag that our 200 told to `source`: whoever is there wants this call.
    pub async fn acknowledged(&self) {
        if self.media.remote.ip() == self.source {
            self.port.shard.send_async(Command::Consent(self.port.key)).await;
        }
    }

    async fn answered(&mut self, answer: &SessionDescription) {
        match negotiation::settle(&mut self.media, answer) {
            Ok(()) => self.use_media().await,
            // The media stays as it was, and so does the call.
            Err(error) => tracing::info!(call = %self.id, %error, "answer of no use"),
        }
    }

    /// Tells the session and its sockets what was agreed on.
    async fn use_media(&self) {
        self.port.shard.send_async(Command::Redirect(self.port.key, self.media.remote)).await;
        self.port.input(Input::Media(self.media.params)).await;
    }

    /// Hands the call over in the background: the dialog may end, and its events must be read, meanwhile.
    fn transfer(&self, target: &str) {
        let uri = if target.starts_with("sip:") || target.starts_with("tel:") {
            Some(target)
        } else {
            self.transfer.get(target).or_else(|| self.transfer.get("default")).map(String::as_str)
        };
        let (leg, port, id) = (self.leg.clone(), self.port.clone(), self.id.clone());
        let uri = uri.map(str::to_owned);
        if uri.is_none() {
            tracing::warn!(call = %id, target, "no URI for this queue: add it to transfer.queues");
        }
        tokio::spawn(async move {
            let outcome = match &uri {
                Some(uri) => leg.refer(uri, TRANSFER_MAX).await,
                None => Ok(TransferOutcome::Refused { code: 404 }),
            };
            tracing::info!(call = %id, ?outcome, "transfer");
            match outcome {
                Ok(TransferOutcome::Completed | TransferOutcome::Ended) => {
                    port.input(Input::HangUp(EndReason::Transferred)).await;
                }
                _ => port.input(Input::TransferFailed).await,
            }
        });
    }

    fn report(&self, event: SessionEvent) {
        metrics::session_event(&event);
        self.trace(&event);
        if let SessionEvent::TurnEnded(record) = event {
            self.events.send(GatewayEvent::Turn { call: self.id.clone(), record });
        }
    }

    /// Every rung that was taken, and every silence that is a defect, is a line of the trace.
    fn trace(&self, event: &SessionEvent) {
        match event {
            SessionEvent::StageMissed(missed) => tracing::warn!(
                call = %self.id,
                turn = missed.turn.0,
                stage = missed.stage.as_str(),
                budget_ms = missed.budget.as_millis(),
                spent_ms = missed.spent.as_millis(),
                rung = missed.rung.as_str(),
                why = missed.why.map_or("late", |why| why.as_str()),
                "deadline missed"
            ),
            SessionEvent::DeadAir { turn, silent } => {
                tracing::error!(call = %self.id, turn = turn.0, silent_ms = silent.as_millis(), "dead air");
            }
            _ => {}
        }
    }
}
