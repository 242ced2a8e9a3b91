//! A script behind a real service: its results instead of back ends, its calendar instead of today's.

use super::text::{TextReply, outcome};
use crate::dialogue::{ActionOutcome, ActionRequest};
use chrono::{DateTime, TimeDelta, Utc};
use hualu_core::TurnId;
use hualu_core::dialogue::{CallStarted, TurnAct};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Turns and calls that are remembered; a script has few.
const KEPT_MAX: usize = 1_024;

/// What a service plays instead of the world; shared with whoever changes the script between calls.
#[derive(Clone, Debug, Default)]
pub struct Stage(Arc<Mutex<Scene>>);

#[derive(Debug, Default)]
struct Scene {
    mocks: BTreeMap<String, VecDeque<serde_json::Value>>,
    variables: BTreeMap<String, String>,
    caller: Option<String>,
    shift: TimeDelta,
    /// Called since the last act.
    calls: Vec<String>,
    replies: Vec<(TurnId, TextReply)>,
}

impl Stage {
    /// Sets the stage for one call, which begins at `begins` although it is really `now`.
    pub fn set(&self, script: &super::Script, begins: DateTime<Utc>, now: DateTime<Utc>) {
        let queue =
            |(name, results): (&String, &Vec<serde_json::Value>)| (name.clone(), results.iter().cloned().collect());
        *self.scene() = Scene {
            mocks: script.mock.iter().map(queue).collect(),
            variables: script.vars.clone(),
            caller: script.caller.clone(),
            shift: begins - now,
            ..Scene::default()
        };
    }

    /// What the dialogue answered so far, turn by turn.
    #[must_use]
    pub fn replies(&self) -> Vec<TextReply> {
        self.scene().replies.iter().map(|(_, reply)| reply.clone()).collect()
    }

    pub(crate) fn now(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.scene().shift
    }

    /// Who calls, and with what variables.
    pub(crate) fn introduce(&self, started: &mut CallStarted) {
        let scene = self.scene();
        started.variables.extend(scene.variables.clone());
        if let Some(caller) = &scene.caller {
            started.caller = caller.clone().into();
        }
    }

    /// Notes an act that a whole utterance got; answers to guesses are passed over.
    pub(crate) fn note(&self, act: &TurnAct) {
        if act.revision > 0 {
            return;
        }
        let mut scene = self.scene();
        let calls = std::mem::take(&mut scene.calls);
        if scene.replies.last().is_none_or(|(turn, _)| *turn != act.turn) {
            if scene.replies.len() >= KEPT_MAX {
                return;
            }
            scene.replies.push((act.turn, TextReply::default()));
        }
        if let Some((_, reply)) = scene.replies.last_mut() {
            reply.calls.extend(calls);
            reply.is_closed = act.last;
            reply.note(&act.act);
        }
    }

    pub(crate) fn answer(&self, request: &ActionRequest) -> ActionOutcome {
        let mut scene = self.scene();
        if scene.calls.len() < KEPT_MAX {
            scene.calls.push(request.action.clone());
        }
        let scripted = scene.mocks.get_mut(&request.action);
        let result = match scripted {
            Some(results) if results.len() > 1 => results.pop_front(),
            Some(results) => results.front().cloned(),
            None => request.mock.clone(),
        };
        outcome(result, request.method)
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        // Every change is one assignment or push, so a poisoned scene is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
