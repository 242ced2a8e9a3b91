//! Metric families of the gateway. Labels come from closed enums, never from ids.

use hualu_core::Stage;
use hualu_session::{MediaStats, Missed, SessionEvent, Termination, TurnRecord};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Describes every family once, so that `/metrics` explains itself.
pub fn describe() {
    describe_gauge!("hualu_calls_active", "Calls in progress, those that are being set up among them");
    describe_counter!("hualu_calls_started_total", "Calls answered");
    describe_counter!("hualu_calls_refused_total", "Calls refused at the door, by reason");
    describe_counter!("hualu_calls_terminated_total", "Calls ended, by result and reason");
    describe_counter!("hualu_calls_panicked_total", "Calls ended by a fault of our own code");
    describe_histogram!("hualu_stage_duration_seconds", Unit::Seconds, "Time of each stage of the response path");
    describe_counter!("hualu_stage_budget_missed_total", "Stages that missed their budget, by stage and rung taken");
    describe_histogram!("hualu_turn_response_seconds", Unit::Seconds, "Last voiced frame in to first reply packet out");
    describe_counter!("hualu_turns_total", "Turns, by outcome");
    describe_counter!("hualu_barge_ins_total", "Prompts interrupted by callers");
    describe_counter!(
        "hualu_barge_ins_dismissed_total",
        "Sounds over prompts that were not meant to stop them, by kind"
    );
    describe_counter!("hualu_endpoints_total", "Utterances closed, by reason");
    describe_counter!("hualu_guesses_total", "Turns with clauses spoken ahead, by whether one was used");
    describe_counter!("hualu_guess_clauses_wasted_total", "Clauses spoken ahead for nothing");
    describe_counter!("hualu_guess_samples_wasted_total", "Their audio, in samples at 8 kHz");
    describe_counter!("hualu_dead_air_total", "Defects: a bot that owed an answer was silent for 2.5 s");
    describe_counter!("hualu_queue_full_total", "Items dropped because a queue was full, by queue");
    describe_counter!("hualu_socket_errors_total", "Errors of media sockets");
    describe_counter!(
        "hualu_rtp_packets_total",
        "Packets by direction and outcome; strangers' and withheld ones at once, the others of a call when it ends"
    );
    describe_gauge!("hualu_trunk_registered", "1 while the trunk holds our registration, by configured trunk");
    describe_counter!("hualu_trunk_registrations_total", "Registrations that came to an outcome, by trunk and outcome");
    describe_counter!("hualu_recording_errors_total", "Recordings that could not be written");
    describe_counter!("hualu_turn_record_errors_total", "Turn records that could not be written");
}

pub(crate) fn call_started() {
    counter!("hualu_calls_started_total").increment(1);
}

/// One more place is taken. Steps, not values: two calls at once cannot leave an old value behind.
pub(crate) fn place_taken() {
    gauge!("hualu_calls_active").increment(1.0);
}

pub(crate) fn place_given_back() {
    gauge!("hualu_calls_active").decrement(1.0);
}

pub(crate) fn call_refused(reason: &'static str) {
    counter!("hualu_calls_refused_total", "reason" => reason).increment(1);
}

pub(crate) fn call_ended(termination: &Termination) {
    let (result, reason) = (termination.result.as_str(), termination.reason.as_str());
    counter!("hualu_calls_terminated_total", "result" => result, "reason" => reason).increment(1);
}

pub(crate) fn call_panicked() {
    counter!("hualu_calls_panicked_total").increment(1);
}

pub(crate) fn queue_full(queue: &'static str) {
    queue_overrun(queue, 1);
}

pub(crate) fn queue_overrun(queue: &'static str, lost: u64) {
    counter!("hualu_queue_full_total", "queue" => queue).increment(lost);
}

pub(crate) fn socket_error() {
    counter!("hualu_socket_errors_total").increment(1);
}

pub(crate) fn stranger_packet() {
    counter!("hualu_rtp_packets_total", "direction" => "in", "outcome" => "stranger").increment(1);
}

/// A packet that was not sent, because nothing ever came from where it would have gone.
pub(crate) fn withheld_packet() {
    counter!("hualu_rtp_packets_total", "direction" => "out", "outcome" => "withheld").increment(1);
}

pub(crate) fn recording_failed() {
    counter!("hualu_recording_errors_total").increment(1);
}

pub(crate) fn turn_record_lost() {
    counter!("hualu_turn_record_errors_total").increment(1);
}

/// Counts one event of a session.
pub(crate) fn session_event(event: &SessionEvent) {
    match event {
        SessionEvent::StageDone { stage, spent, .. } => {
            histogram!("hualu_stage_duration_seconds", "stage" => stage.as_str()).record(spent.as_secs_f64());
        }
        SessionEvent::StageMissed(missed) => stage_missed(missed),
        SessionEvent::BargedIn { .. } => counter!("hualu_barge_ins_total").increment(1),
        SessionEvent::Dismissed { idle, stopped, .. } => {
            let stopped = if *stopped { "true" } else { "false" };
            counter!("hualu_barge_ins_dismissed_total", "kind" => idle.as_str(), "stopped" => stopped).increment(1);
        }
        SessionEvent::Guessed { hit, wasted, wasted_samples, .. } => {
            let outcome = if *hit { "hit" } else { "miss" };
            counter!("hualu_guesses_total", "outcome" => outcome).increment(1);
            counter!("hualu_guess_clauses_wasted_total").increment((*wasted).into());
            counter!("hualu_guess_samples_wasted_total").increment(wasted_samples.0);
        }
        SessionEvent::DeadAir { .. } => counter!("hualu_dead_air_total").increment(1),
        SessionEvent::Overflow { queue } => queue_full(queue),
        SessionEvent::TurnEnded(record) => turn_ended(record),
        SessionEvent::Media(stats) => media(stats),
        _ => {}
    }
}

/// Counts the packets of a call that is over.
fn media(stats: &MediaStats) {
    let lost = u64::try_from(stats.lost).unwrap_or(0);
    for (direction, outcome, packets) in [
        ("in", "received", stats.received),
        ("in", "lost", lost),
        ("in", "refused", stats.refused),
        ("out", "sent", stats.sent),
        ("out", "skipped", stats.skipped),
    ] {
        counter!("hualu_rtp_packets_total", "direction" => direction, "outcome" => outcome).increment(packets);
    }
}

fn stage_missed(missed: &Missed) {
    let (stage, rung): (Stage, _) = (missed.stage, missed.rung);
    counter!("hualu_stage_budget_missed_total", "stage" => stage.as_str(), "rung" => rung.as_str()).increment(1);
}

fn turn_ended(record: &TurnRecord) {
    counter!("hualu_turns_total", "outcome" => record.outcome.as_str()).increment(1);
    if let Some(endpoint) = record.endpoint.filter(|_| record.ended.is_some()) {
        counter!("hualu_endpoints_total", "reason" => endpoint.as_str()).increment(1);
    }
    if let Some(response) = record.response {
        histogram!("hualu_turn_response_seconds").record(response.as_secs_f64());
    }
}
