//! The knobs of the search. The defaults were chosen by `hualu asr eval` over the recognizer's test folders.

/// How wide to search and how much to trust what.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderOptions {
    /// The most hypotheses that survive a frame.
    pub beam_size: usize,
    /// Hypotheses this far (nats) below the best are dropped.
    pub beam_width: f32,
    /// The most units that are tried in a frame.
    pub units_max: usize,
    /// Units this far (nats) below the best unit of a frame are not tried.
    pub unit_width: f32,
    /// Of words that sound the same and mean the same to the language model's context, so many are tried.
    pub homophones_max: usize,
    /// How much the language model's log-probabilities count against the acoustic ones.
    pub language_scale: f32,
    /// Added for every syllable: makes up for the language model's preference for saying less.
    pub syllable_bonus: f32,
    /// Probability mass that is spread over all units: no unit is ever impossible.
    pub flatten: f32,
    /// How much of a unit's probability also counts for the units that callers confuse with it.
    pub confusion: f32,
    /// Subtracted from the log-probability of blank.
    pub blank_penalty: f32,
    /// Other readings that a hypothesis carries.
    pub alternatives_max: usize,
}

impl Default for DecoderOptions {
    fn default() -> Self {
        Self {
            beam_size: 160,
            beam_width: 14.0,
            units_max: 14,
            unit_width: 8.0,
            homophones_max: 8,
            language_scale: 0.6,
            syllable_bonus: 1.2,
            flatten: 1e-3,
            confusion: 0.03,
            blank_penalty: 0.5,
            alternatives_max: 4,
        }
    }
}
