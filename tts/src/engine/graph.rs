//! The two ONNX graphs of the voice, cut at the length regulator, and the checks that they are what they should be.

use super::EngineError;
use super::spec::VoiceSpec;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorRef, ValueType};
use std::fmt;
use std::path::Path;

/// What describes a frame to the decoder besides its phone: F0, place in the phone (3), length.
pub(super) const COND: usize = 5;

/// Phones in, their vectors, durations and F0 targets out; run once a clause.
pub(super) struct Encoder {
    session: Session,
    dim: usize,
    f0_points: usize,
}

/// The encoder's answer for `P` phones.
#[derive(Debug)]
pub(super) struct Encoded {
    /// `[dim, P] f32`.
    pub h: Vec<f32>,
    /// `[P] f32`, ln of the citation length in frames of 10 ms.
    pub logdur: Vec<f32>,
    /// `[P, f0_points] f32`, normalised log F0.
    pub f0: Vec<f32>,
}

impl Encoder {
    /// Opens `encoder.onnx` in `directory`.
    pub fn open(directory: &Path, spec: &VoiceSpec) -> Result<Self, EngineError> {
        let path = directory.join("encoder.onnx");
        let session = open(&path)?;
        let checked = check_metadata(
            &session,
            "hualu_tts_encoder",
            spec,
            &[("phones", spec.phones.len()), ("f0_points", spec.f0_points)],
        )
        .and_then(|()| check_names(session.inputs(), &["ph", "tone", "pos"]))
        .and_then(|()| check_names(session.outputs(), &["h", "logdur", "f0"]));
        checked.map_err(|reason| EngineError::Voice { path, reason })?;
        Ok(Self { session, dim: spec.dim, f0_points: spec.f0_points })
    }

    /// Runs `[1, P] i64` of each.
    pub fn run(&mut self, ph: &[i64], tone: &[i64], pos: &[i64]) -> Result<Encoded, EngineError> {
        let phones = ph.len();
        let encoded = self.infer(ph, tone, pos).map_err(|e| failed("encoder", &e))?;
        if encoded.h.len() != self.dim * phones
            || encoded.logdur.len() != phones
            || encoded.f0.len() != phones * self.f0_points
        {
            return Err(EngineError::Inference { graph: "encoder", reason: "outputs of unexpected size".into() });
        }
        Ok(encoded)
    }

    fn infer(&mut self, ph: &[i64], tone: &[i64], pos: &[i64]) -> Result<Encoded, ort::Error> {
        let view = |ids| TensorRef::from_array_view(([1, ph.len() as i64], ids));
        let outputs = self.session.run(ort::inputs!["ph" => view(ph)?, "tone" => view(tone)?, "pos" => view(pos)?])?;
        let take = |name: &str| outputs[name].try_extract_tensor::<f32>().map(|(_, data)| data.to_vec());
        Ok(Encoded { h: take("h")?, logdur: take("logdur")?, f0: take("f0")? })
    }
}

/// What the decoder remembers of the frames before: one `[1, dim, state_len] f32` a block.
#[derive(Clone, Debug)]
pub(super) struct DecoderState(Vec<Vec<f32>>);

/// Frames in, features of the vocoder out; causal, so it runs on as many frames as one likes.
pub(super) struct Decoder {
    session: Session,
    names: Vec<(String, String)>,
    dim: usize,
    state_len: usize,
    features: usize,
}

impl Decoder {
    /// Opens `decoder.onnx` in `directory`.
    pub fn open(directory: &Path, spec: &VoiceSpec) -> Result<Self, EngineError> {
        let path = directory.join("decoder.onnx");
        let session = open(&path)?;
        let names: Vec<_> = (0..spec.states).map(|n| (format!("s{n}"), format!("s{n}_out"))).collect();
        let inputs: Vec<&str> = ["g", "cond"].into_iter().chain(names.iter().map(|(name, _)| name.as_str())).collect();
        let outputs: Vec<&str> = ["y"].into_iter().chain(names.iter().map(|(_, name)| name.as_str())).collect();
        let state_shape = [1, spec.dim as i64, spec.state_len as i64];
        let checked = check_metadata(
            &session,
            "hualu_tts_decoder",
            spec,
            &[("features", spec.features()), ("states", spec.states), ("lookahead", spec.lookahead)],
        )
        .and_then(|()| check_names(session.inputs(), &inputs))
        .and_then(|()| check_names(session.outputs(), &outputs))
        .and_then(|()| session.inputs()[2..].iter().try_for_each(|state| check_shape(state, &state_shape)));
        checked.map_err(|reason| EngineError::Voice { path, reason })?;
        Ok(Self { session, names, dim: spec.dim, state_len: spec.state_len, features: spec.features() })
    }

    /// The state at the start of a clause.
    pub fn new_state(&self) -> DecoderState {
        DecoderState(vec![vec![0.0; self.dim * self.state_len]; self.names.len()])
    }

    /// Runs `g` `[dim, T]` and `cond` `[COND, T]`; answers `[sub_frames * T, features] f32`.
    pub fn run(&mut self, g: &[f32], cond: &[f32], state: &mut DecoderState) -> Result<Vec<f32>, EngineError> {
        let features = self.features;
        let y = self.infer(g, cond, state).map_err(|e| failed("decoder", &e))?;
        if y.len() != cond.len() / COND * super::neural::SUB_FRAMES * features {
            return Err(EngineError::Inference { graph: "decoder", reason: "features of unexpected size".into() });
        }
        Ok(y)
    }

    fn infer(&mut self, g: &[f32], cond: &[f32], state: &mut DecoderState) -> Result<Vec<f32>, ort::Error> {
        let frames = (cond.len() / COND) as i64;
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(2 + self.names.len());
        inputs.push(("g", TensorRef::from_array_view(([1, self.dim as i64, frames], g))?.into()));
        inputs.push(("cond", TensorRef::from_array_view(([1, COND as i64, frames], cond))?.into()));
        for ((name, _), values) in self.names.iter().zip(&state.0) {
            let shape = [1, self.dim as i64, self.state_len as i64];
            inputs.push((name, TensorRef::from_array_view((shape, values.as_slice()))?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let y = outputs["y"].try_extract_tensor::<f32>()?.1.to_vec();
        let mut new = Vec::with_capacity(self.names.len());
        for (_, name) in &self.names {
            new.push(outputs[name.as_str()].try_extract_tensor::<f32>()?.1.to_vec());
        }
        if new.iter().zip(&state.0).any(|(new, old)| new.len() != old.len()) {
            return Err(ort::Error::new("a state changed its size"));
        }
        state.0 = new;
        Ok(y)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("dim", &self.dim).finish_non_exhaustive()
    }
}

fn failed(graph: &'static str, error: &ort::Error) -> EngineError {
    EngineError::Inference { graph, reason: error.to_string() }
}

fn open(path: &Path) -> Result<Session, EngineError> {
    hualu_models::runtime::session_builder()?.commit_from_file(path).map_err(|error| EngineError::Voice {
        path: path.to_owned(),
        reason: format!("ONNX Runtime cannot load it: {error}"),
    })
}

/// Compares the metadata with what `voice.json` says.
fn check_metadata(
    session: &Session,
    model_type: &str,
    spec: &VoiceSpec,
    numbers: &[(&str, usize)],
) -> Result<(), String> {
    let metadata = session.metadata().map_err(|error| format!("metadata cannot be read: {error}"))?;
    let expect = |key: &str, expected: &str| match metadata.custom(key) {
        None => Err(format!("metadata `{key}` is missing, expected `{expected}`")),
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(format!("metadata `{key}` is `{found}`, expected `{expected}`")),
    };
    expect("model_type", model_type)?;
    expect("version", &spec.version)?;
    expect("sample_rate", &spec.sample_rate_hz.to_string())?;
    expect("dim", &spec.dim.to_string())?;
    numbers.iter().try_for_each(|(key, expected)| expect(key, &expected.to_string()))
}

fn check_names(outlets: &[Outlet], expected: &[&str]) -> Result<(), String> {
    let found: Vec<&str> = outlets.iter().map(Outlet::name).collect();
    if found == expected { Ok(()) } else { Err(format!("the graph has {found:?}, expected {expected:?}")) }
}

fn check_shape(outlet: &Outlet, expected: &[i64]) -> Result<(), String> {
    match outlet.dtype() {
        ValueType::Tensor { shape, .. } if shape.iter().eq(expected) => Ok(()),
        other => Err(format!("`{}` is {other}, expected {expected:?}", outlet.name())),
    }
}
