//! The project's own family: one causal CTC graph, raw log-mel in, states in and out on batch axis 0.

use super::{Engine, EngineSpec, EngineState, Slot};
use crate::error::AsrError;
use crate::frontend::FeatureSpec;
use crate::units::Units;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorRef, ValueType};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The `model_type` of this family.
const MODEL_TYPE: &str = "hualu_ctc";
/// Batches are padded to one of these sizes, so that the runtime plans its memory for few shapes.
const BATCH_SIZES: [usize; 4] = [1, 2, 4, 8];

/// A model of the family `hualu_ctc`.
///
/// Inputs: `x` `[batch, frames, n_mels] f32` and the states `s0..` `[batch, ..] f32`; outputs: `log_probs`
/// `[batch, frames / subsampling, units] f32` and the new states in the same order.
pub struct HualuCtc {
    session: Session,
    spec: EngineSpec,
    state_shapes: Vec<Vec<usize>>,
    x: Vec<f32>,
    states: Vec<Vec<f32>>,
}

impl fmt::Debug for HualuCtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HualuCtc")
            .field("spec", &self.spec)
            .field("state_shapes", &self.state_shapes)
            .finish_non_exhaustive()
    }
}

impl HualuCtc {
    /// Opens and checks a model file.
    ///
    /// # Errors
    /// See [`super::open`].
    pub fn open(path: &Path) -> Result<Self, AsrError> {
        let refuse = |reason: String| AsrError::Model { path: path.to_owned(), reason };
        let mut builder = hualu_models::runtime::session_builder()?;
        let session = builder
            .commit_from_file(path)
            .map_err(|error| refuse(format!("ONNX Runtime cannot load it ({error}): fetch the model again")))?;
        let spec = read_spec(&session).map_err(&refuse)?;
        let state_shapes = check_graph(&session, &spec).map_err(&refuse)?;
        let states = vec![Vec::new(); state_shapes.len()];
        let mut engine = Self { session, spec, state_shapes, x: Vec::new(), states };
        engine.prove().map_err(&refuse)?;
        Ok(engine)
    }

    /// Runs one step on silence: shapes that only show at run time are found now and not in a call.
    fn prove(&mut self) -> Result<(), String> {
        let frames = self.spec.chunk_len;
        let features = vec![self.spec.features.log_floor.ln(); frames * self.spec.features.n_mels];
        let (mut state, mut log_probs) = (self.new_state(), Vec::new());
        let mut slots = [Slot { features: &features, state: &mut state, log_probs: &mut log_probs }];
        self.step(frames, &mut slots).map_err(|error| format!("a step on silence fails: {error}"))?;
        let sums = log_probs.chunks(self.spec.units.len()).map(|row| row.iter().map(|p| p.exp()).sum::<f32>());
        match sums.into_iter().find(|sum| (sum - 1.0).abs() > 1e-2 || sum.is_nan()) {
            Some(sum) => Err(format!("`log_probs` are no log-probabilities: a frame sums to {sum}")),
            None => Ok(()),
        }
    }

    fn gather(&mut self, slots: &[Slot<'_>], batch: usize) {
        self.x.clear();
        slots.iter().for_each(|slot| self.x.extend_from_slice(slot.features));
        let padding = self.x.len() / slots.len() * (batch - slots.len());
        self.x.resize(self.x.len() + padding, self.spec.features.log_floor.ln());
        for (at, slab) in self.states.iter_mut().enumerate() {
            slab.clear();
            slots.iter().for_each(|slot| slab.extend_from_slice(&slot.state.0[at]));
            let padding = slab.len() / slots.len() * (batch - slots.len());
            slab.resize(slab.len() + padding, 0.0);
        }
    }

    fn run(&mut self, frames: usize, slots: &mut [Slot<'_>], batch: usize) -> Result<(), ort::Error> {
        let shape = |dims: &[usize]| -> Vec<i64> { [batch].iter().chain(dims).map(|&dim| dim as i64).collect() };
        let x_shape = shape(&[frames, self.spec.features.n_mels]);
        let mut inputs: Vec<SessionInputValue<'_>> = Vec::with_capacity(1 + self.states.len());
        inputs.push(TensorRef::from_array_view((x_shape, self.x.as_slice()))?.into());
        for (slab, dims) in self.states.iter().zip(&self.state_shapes) {
            inputs.push(TensorRef::from_array_view((shape(dims), slab.as_slice()))?.into());
        }
        let outputs = self.session.run(inputs.as_slice())?;
        let mut values = outputs.values();
        let mut next = || {
            let value = values.next().ok_or_else(|| ort::Error::new("an output is missing"))?;
            value.try_extract_tensor::<f32>().map(|(_, data)| data.to_vec())
        };
        let rows = frames / self.spec.subsampling * self.spec.units.len();
        let log_probs = next()?;
        let states = self.state_shapes.iter().map(|_| next()).collect::<Result<Vec<_>, _>>()?;
        let fits = states.iter().zip(&self.states).all(|(new, old)| new.len() == old.len());
        if log_probs.len() != rows * batch || !fits {
            return Err(ort::Error::new("the outputs do not have the shapes of the contract"));
        }
        for (n, slot) in slots.iter_mut().enumerate() {
            slot.log_probs.extend_from_slice(&log_probs[n * rows..(n + 1) * rows]);
            for (slab, new) in slot.state.0.iter_mut().zip(&states) {
                let len = slab.len();
                slab.copy_from_slice(&new[n * len..(n + 1) * len]);
            }
        }
        Ok(())
    }
}

impl Engine for HualuCtc {
    fn spec(&self) -> &EngineSpec {
        &self.spec
    }

    fn new_state(&self) -> EngineState {
        EngineState(self.state_shapes.iter().map(|dims| vec![0.0; dims.iter().product()]).collect())
    }

    fn step(&mut self, frames: usize, slots: &mut [Slot<'_>]) -> Result<(), AsrError> {
        let largest = BATCH_SIZES[BATCH_SIZES.len() - 1];
        for part in slots.chunks_mut(largest) {
            let batch = BATCH_SIZES.iter().copied().find(|&size| size >= part.len()).unwrap_or(largest);
            self.gather(part, batch);
            self.run(frames, part, batch).map_err(|error| AsrError::Inference(error.to_string()))?;
        }
        Ok(())
    }
}

fn read_spec(session: &Session) -> Result<EngineSpec, String> {
    let metadata = session.metadata().map_err(|error| format!("metadata cannot be read: {error}"))?;
    let text = |key: &str| metadata.custom(key).ok_or_else(|| format!("metadata `{key}` is missing"));
    let expect = |key: &str, expected: &str| match text(key)? {
        found if found == expected => Ok(()),
        found => Err(format!("metadata `{key}` is `{found}`, expected `{expected}`")),
    };
    expect("model_type", MODEL_TYPE)?;
    expect("feature", "logmel")?;
    expect("window", "hann")?;
    expect("mel_scale", "htk")?;
    let units = text("units")?.split(',').map(|unit| unit.trim().to_owned()).collect();
    let spec = EngineSpec {
        version: text("version")?,
        features: FeatureSpec {
            sample_rate_hz: number(&text, "sample_rate")?,
            n_fft: number(&text, "n_fft")?,
            win_len: number(&text, "win_len")?,
            hop_len: number(&text, "hop_len")?,
            n_mels: number(&text, "n_mels")?,
            f_min: number(&text, "f_min")?,
            f_max: number(&text, "f_max")?,
            log_floor: number(&text, "log_floor")?,
        },
        units: Units::new(units, number(&text, "blank_id")?)?,
        subsampling: number(&text, "subsampling")?,
        chunk_len: number(&text, "chunk_len")?,
        flush_frames: number(&text, "flush_frames")?,
    };
    spec.features.check()?;
    if hualu_core::SampleRate::new(spec.features.sample_rate_hz).is_none() {
        return Err(format!("metadata `sample_rate` is {}, expected 8000 to 48000", spec.features.sample_rate_hz));
    }
    if spec.subsampling == 0 || spec.chunk_len == 0 || !spec.chunk_len.is_multiple_of(spec.subsampling) {
        return Err(format!("`chunk_len` {} is no multiple of `subsampling` {}", spec.chunk_len, spec.subsampling));
    }
    Ok(spec)
}

fn number<T: FromStr>(text: &impl Fn(&str) -> Result<String, String>, key: &str) -> Result<T, String> {
    let value = text(key)?;
    value.trim().parse().map_err(|_| format!("metadata `{key}` is `{value}`, expected a number"))
}

/// Checks names and shapes of the graph; answers each state's shape without the batch axis.
fn check_graph(session: &Session, spec: &EngineSpec) -> Result<Vec<Vec<usize>>, String> {
    let (inputs, outputs) = (session.inputs(), session.outputs());
    let [x, states @ ..] = inputs else { return Err("the graph has no inputs".to_owned()) };
    let x_dims = dims(x)?;
    if x.name() != "x" || x_dims.len() != 3 || x_dims[2] != spec.features.n_mels as i64 {
        return Err(format!(
            "input 0 is `{}` {x_dims:?}, expected `x` [batch, frames, {}]",
            x.name(),
            spec.features.n_mels
        ));
    }
    if x_dims[0] >= 0 {
        return Err(format!("the batch axis of `x` is fixed at {}: export it dynamic, calls are batched", x_dims[0]));
    }
    let first = outputs.first().ok_or("the graph has no outputs")?;
    let units = dims(first)?.last().copied();
    if first.name() != "log_probs" || units.is_some_and(|units| units >= 0 && units != spec.units.len() as i64) {
        return Err(format!(
            "output 0 is `{}` with {units:?} units, expected `log_probs` with {}",
            first.name(),
            spec.units.len()
        ));
    }
    if outputs.len() != inputs.len() {
        return Err(format!("{} states go in and {} come out", states.len(), outputs.len() - 1));
    }
    states
        .iter()
        .zip(&outputs[1..])
        .map(|(state, out)| {
            let shape = dims(state)?;
            let fixed = shape.iter().skip(1).map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
            match fixed {
                Ok(fixed) if shape.first() == Some(&-1) && !out.name().is_empty() => Ok(fixed),
                _ => Err(format!("state `{}` is {shape:?}, expected a dynamic batch axis first", state.name())),
            }
        })
        .collect()
}

fn dims(outlet: &Outlet) -> Result<Vec<i64>, String> {
    match outlet.dtype() {
        ValueType::Tensor { ty: ort::value::TensorElementType::Float32, shape, .. } => {
            Ok(shape.iter().copied().collect())
        }
        other => Err(format!("`{}` is {other}, expected a tensor of f32", outlet.name())),
    }
}
