//! The turn machine: who speaks, who is waited for, and what each event does about it.
//!
//! [`step`] is the whole of it. Whether an event happens at all (is this speech long enough to interrupt, may this clause
//! be interrupted) is decided before, by the parts of [`CallSession`](crate::CallSession) that know; what an effect means
//! is carried out after, by the same. An event that a state does not list changes nothing.

/// Who has the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nobody speaks; the caller may.
    Listening,
    /// The caller speaks.
    UserSpeaking,
    /// The caller pauses; it is not decided whether the utterance is over.
    Endpointing,
    /// The caller has finished; the reply is being made.
    Thinking,
    /// The bot speaks.
    Speaking,
    /// The bot speaks more softly: the caller says something of which it is not decided whether it interrupts.
    Ducked,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Listening, Self::UserSpeaking, Self::Endpointing, Self::Thinking, Self::Speaking, Self::Ducked];
}

/// What can happen to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TurnEvent {
    /// The caller began to speak, and it counts.
    SpeechStarted,
    /// What the caller says over the prompt is meant to interrupt it.
    Interrupted,
    /// It is not: noise, 嗯, or the bot's own words come back.
    Dismissed,
    /// The caller's voice paused.
    SpeechPaused,
    /// The caller's voice went on.
    SpeechResumed,
    /// The pause was long enough, or the utterance too long.
    SpeechEnded,
    /// A key was pressed and the prompt may be interrupted.
    KeyPressed,
    /// The keys pressed are a whole answer.
    KeysEntered,
    /// The caller did not answer in time.
    NoInput,
    /// Audio is there to be played, and nothing speaks against playing it.
    AudioReady,
    /// All audio that is there was played, but the reply goes on.
    ReplyDry,
    /// The reply was played to its end, or there is none.
    ReplyOver,
    /// No reply will come in time: say so.
    ReplyFailed,
    /// The call is being ended from our side.
    LastWords,
}

impl TurnEvent {
    /// Every event.
    pub const ALL: [Self; 14] = [
        Self::SpeechStarted,
        Self::Interrupted,
        Self::Dismissed,
        Self::SpeechPaused,
        Self::SpeechResumed,
        Self::SpeechEnded,
        Self::KeyPressed,
        Self::KeysEntered,
        Self::NoInput,
        Self::AudioReady,
        Self::ReplyDry,
        Self::ReplyOver,
        Self::ReplyFailed,
        Self::LastWords,
    ];
}

/// What a transition does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// A new turn begins with the caller's speech.
    OpenUtterance,
    /// The caller goes on although we took the utterance to be over: a new turn that carries the words of the old one.
    JoinUtterance,
    /// The prompt goes down and the recognizer listens to what the caller says.
    Duck,
    /// The prompt comes up again.
    Unduck,
    /// The prompt is stopped and the dialogue told what was heard of it; a new turn begins with the caller's speech.
    BargeIn,
    /// The endpoint timer runs.
    AwaitEndpoint,
    /// The endpoint timer stops.
    GoOnListening,
    /// The recognizer is asked for its final hypothesis.
    CloseUtterance,
    /// The prompt is stopped, for keys are being pressed.
    HushForKeys,
    /// A new turn: the keys go to the dialogue.
    PutKeys,
    /// A new turn: the silence goes to the dialogue.
    PutSilence,
    /// The reply begins to be heard.
    StartReply,
    /// The rest of the reply is waited for.
    AwaitMore,
    /// The turn is over.
    FinishTurn,
    /// A prepared sentence takes the place of the reply.
    Reprompt,
    /// Everything is dropped but the goodbye.
    SayGoodbye,
}

/// Where `event` leads from `state` and what it does; `None` when it means nothing there.
#[must_use]
pub const fn step(state: State, event: TurnEvent) -> Option<(State, Effect)> {
    use State::{Ducked, Endpointing, Listening, Speaking, Thinking, UserSpeaking};
    Some(match (state, event) {
        (Listening, TurnEvent::SpeechStarted) => (UserSpeaking, Effect::OpenUtterance),
        (Thinking, TurnEvent::SpeechStarted) => (UserSpeaking, Effect::JoinUtterance),
        (Speaking, TurnEvent::SpeechStarted) => (Ducked, Effect::Duck),
        (Speaking | Ducked, TurnEvent::Interrupted) => (UserSpeaking, Effect::BargeIn),
        (Ducked, TurnEvent::Dismissed) => (Speaking, Effect::Unduck),

        (UserSpeaking, TurnEvent::SpeechPaused) => (Endpointing, Effect::AwaitEndpoint),
        (Endpointing, TurnEvent::SpeechResumed) => (UserSpeaking, Effect::GoOnListening),
        (UserSpeaking | Endpointing, TurnEvent::SpeechEnded) => (Thinking, Effect::CloseUtterance),

        (Speaking | Ducked, TurnEvent::KeyPressed) => (Listening, Effect::HushForKeys),
        (Listening | UserSpeaking | Endpointing | Thinking, TurnEvent::KeysEntered) => (Thinking, Effect::PutKeys),
        (Listening, TurnEvent::NoInput) => (Thinking, Effect::PutSilence),

        (Listening | Thinking, TurnEvent::AudioReady) => (Speaking, Effect::StartReply),
        (Speaking | Ducked, TurnEvent::ReplyDry) => (Thinking, Effect::AwaitMore),
        (Thinking | Speaking | Ducked, TurnEvent::ReplyOver) => (Listening, Effect::FinishTurn),

        (Thinking | Speaking | Ducked, TurnEvent::ReplyFailed) => (Thinking, Effect::Reprompt),
        (_, TurnEvent::LastWords) => (Thinking, Effect::SayGoodbye),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> String {
        let mut table = String::new();
        for from in State::ALL {
            for event in TurnEvent::ALL {
                if let Some((to, effect)) = step(from, event) {
                    table += &format!("{from:?} --{event:?}--> {to:?} / {effect:?}\n");
                }
            }
        }
        table
    }

    #[test]
    fn the_whole_table() {
        assert_eq!(table(), include_str!("turn_table.txt"), "a transition changed: is it meant?");
    }

    #[test]
    fn no_state_is_a_trap() {
        for from in State::ALL {
            let leaves = TurnEvent::ALL.into_iter().filter_map(|event| step(from, event)).any(|(to, _)| to != from);
            assert!(leaves, "{from:?} is never left");
        }
    }
}
