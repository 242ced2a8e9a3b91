//! What a call is set up with: its media, its budget, the habits of its turns and the sentences prepared for bad moments.

use crate::ladder::Ladders;
use hualu_core::dialogue::CallStarted;
use hualu_core::{CallId, HysteresisConfig, LatencyBudget, SampleRate};
use hualu_rtp::Law;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Everything one call needs to know before its first packet.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Names the call in every service.
    pub call: CallId,
    /// What offer and answer agreed on.
    pub media: MediaParams,
    /// The time of each stage.
    pub budget: LatencyBudget,
    /// How turns are taken.
    pub turn: TurnConfig,
    /// Sentences that need no engine. Shared by all calls of a bot.
    pub prompts: Arc<Prompts>,
    /// What the conversation is told first.
    pub started: CallStarted,
    /// Whether [`Output::Record`](crate::Output::Record) is wanted.
    pub record: bool,
}

/// One negotiated audio stream, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaParams {
    /// The law in which we send. Both laws are understood on receipt under their static numbers, whatever was agreed.
    pub law: Law,
    /// The payload type of `law` in this session: 8 or 0 (RFC 3551 §6), or what `a=rtpmap` says instead.
    pub payload_type: u8,
    /// The payload type of `telephone-event/8000` (RFC 4733) that we receive; `None` when it was not agreed.
    pub telephone_event: Option<u8>,
    /// How much audio one sent packet holds: 10 to 60 ms.
    pub ptime: Duration,
    /// Our synchronisation source (RFC 3550 §8), drawn at random by the caller of this crate.
    pub ssrc: u32,
    /// The first sequence number, random (RFC 3550 §5.1).
    pub first_seq: u16,
    /// The first timestamp, random (RFC 3550 §5.1).
    pub first_timestamp: u32,
    /// Whether we may send (`sendrecv`, `sendonly`).
    pub sends: bool,
    /// Whether the peer sends; on hold it does not, and its silence is then no fault.
    pub receives: bool,
}

impl MediaParams {
    /// The rate of G.711 audio, and so of all audio of a call.
    pub const RATE: SampleRate = SampleRate::HZ_8000;

    /// Both directions of `law` in packets of 20 ms, with `telephone-event` as payload type 101.
    #[must_use]
    pub const fn new(law: Law, ssrc: u32, first_seq: u16, first_timestamp: u32) -> Self {
        Self {
            law,
            payload_type: law.payload_type(),
            telephone_event: Some(101),
            ptime: Duration::from_millis(20),
            ssrc,
            first_seq,
            first_timestamp,
            sends: true,
            receives: true,
        }
    }
}

/// When turns begin and end, beyond the latency budget.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnConfig {
    /// What counts as speech.
    pub speech: HysteresisConfig,
    /// Audio kept from before the onset, so that the first syllable is not cut.
    pub pre_roll: Duration,
    /// Silence that ends words which the dialogue calls complete.
    pub endpoint_complete: Duration,
    /// Silence that ends words of which nobody knows whether they are complete.
    pub endpoint_unknown: Duration,
    /// The longest utterance; it is closed there even if the caller goes on.
    pub utterance_max: Duration,
    /// Words that changed less than so long ago are not taken to be complete.
    pub partial_stable: Duration,
    /// Voice needed to interrupt the bot or to go on after an endpoint while no words are known.
    pub barge_in_min: Duration,
    /// So much of that voice must have a pitch to interrupt the bot without words, as vowels have and coughs have not.
    pub pitched_min: Duration,
    /// A word of one syllable over a prompt counts only if the recognizer trusts it so much, and one of two if it trusts it
    /// as much as the square of this.
    pub trusted_min: f32,
    /// From the onset of speech over a prompt until it is decided whether it interrupts; the prompt is ducked meanwhile.
    pub barge_in_decide: Duration,
    /// The loudness of a ducked prompt: a factor; 0.25 is 12 dB down.
    pub duck_gain: f32,
    /// Speech over a prompt with less than this share of the power of the caller's earlier words is somebody else's.
    pub far_share: f32,
    /// Prompts stopped for nothing in a row before voice alone stops none: then it takes words.
    pub doubts_max: u32,
    /// A loudspeaker brings the bot's own words back within this.
    pub echo_delay: Duration,
    /// A reply that was heard for less is taken back when the caller goes on: the turn is joined.
    pub join_max: Duration,
    /// A pause that ends speech too short to interrupt.
    pub barge_in_gap: Duration,
    /// Speech without any recognized word is noise below this, and is put to the dialogue from here on.
    pub wordless_min: Duration,
    /// Time without anything to play, from the last voiced frame, before a filler is played.
    pub filler_after: Duration,
    /// The pause between two fillers of one turn.
    pub filler_again: Duration,
    /// How many fillers one turn may hear.
    pub fillers_max: u32,
    /// How long the reply may take once the dialogue has said that it is busy (a filler of its own, or a first clause).
    pub busy_max: Duration,
    /// Audio missing in the middle of a clause for so long ends that clause.
    pub stall_max: Duration,
    /// A clause whose first audio takes longer is left out.
    pub voice_max: Duration,
    /// The wait for an answer when the dialogue did not say how long.
    pub no_input: Duration,
    /// The pause after which keys of an unknown number are complete.
    pub key_gap: Duration,
    /// The longest call.
    pub call_max: Duration,
    /// No packet for so long ends the call.
    pub media_timeout: Duration,
    /// Time for the last packets to be heard before the call is ended.
    pub linger: Duration,
    /// A transfer of which nothing is heard for so long has failed; longer than whoever makes it waits for the peer.
    pub transfer_max: Duration,
    /// Silence of the bot while it owes an answer that counts as a defect.
    pub dead_air: Duration,
    /// What is done when a stage is late or broken.
    pub ladders: Ladders,
    /// Where a call goes that needs a person.
    pub escape: Escape,
}

/// 15 dB less, as a share of power.
const FAR_15_DB: f32 = 0.031_622_78;

impl Default for TurnConfig {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            speech: HysteresisConfig::default(),
            pre_roll: ms(360),
            endpoint_complete: ms(200),
            endpoint_unknown: ms(1_000),
            utterance_max: ms(20_000),
            partial_stable: ms(100),
            barge_in_min: ms(280),
            pitched_min: ms(100),
            trusted_min: 0.85,
            far_share: FAR_15_DB,
            barge_in_decide: ms(300),
            duck_gain: 0.25,
            doubts_max: 2,
            echo_delay: ms(300),
            join_max: ms(400),
            barge_in_gap: ms(200),
            wordless_min: ms(600),
            filler_after: ms(600),
            filler_again: ms(1_800),
            fillers_max: 4,
            busy_max: ms(10_000),
            stall_max: ms(300),
            voice_max: ms(600),
            no_input: ms(8_000),
            key_gap: ms(2_000),
            call_max: Duration::from_secs(1_800),
            media_timeout: Duration::from_secs(15),
            linger: ms(200),
            transfer_max: ms(35_000),
            dead_air: ms(2_500),
            ladders: Ladders::default(),
            escape: Escape::HangUp,
        }
    }
}

/// Where a call goes that needs a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// There is nobody: the goodbye is played and the call ends.
    #[default]
    HangUp,
    /// The filler is played and the call goes to a queue name or SIP URI.
    Transfer(String),
}

/// Keys that the caller is offered when the dialogue is of no help.
#[derive(Clone, Debug)]
pub struct Menu {
    /// What is said: 人工服务请按0。
    pub clip: Clip,
    /// Keys that lead to a queue name or SIP URI without the dialogue. Others are put to it as always.
    pub keys: BTreeMap<char, String>,
}

/// Recorded audio and its words.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    text: String,
    pcm: Arc<[i16]>,
}

impl Clip {
    /// Wraps mono PCM at the call's rate (8 kHz) and the words in it.
    #[must_use]
    pub fn new(text: &str, pcm: Vec<i16>) -> Self {
        Self { text: text.to_owned(), pcm: pcm.into() }
    }

    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The samples, mono at the call's rate.
    #[must_use]
    pub fn pcm(&self) -> &Arc<[i16]> {
        &self.pcm
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({:?}, {} samples)", self.text, self.pcm.len())
    }
}

/// The sentences that must be there when engines are not.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// While something takes long: 请稍等。
    pub filler: Clip,
    /// The dialogue missed its hard limit: 系统有点慢，请您再说一遍。
    pub slow: Clip,
    /// An engine broke: 抱歉，刚才没能处理好，请您再说一遍。
    pub trouble: Clip,
    /// Nobody spoke and the dialogue cannot be asked what to say: 请问您还在吗？
    pub no_input: Clip,
    /// The call is given up or too long: 很抱歉，…，再见。
    pub goodbye: Clip,
    /// Offered in place of a second reprompt; `None` where there is no menu.
    pub menu: Option<Menu>,
    /// Clips that the bot plays by id.
    pub clips: HashMap<String, Clip>,
}
