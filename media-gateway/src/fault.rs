//! A panic of our own while we work for one call: it ends that call, with a record, and no other.

use crate::metrics;
use hualu_core::{CallId, panic_message};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does `work` for `call`; `None` when it panicked, and the call must end.
pub(crate) fn guarded<T>(call: &CallId, work: impl FnOnce() -> T) -> Option<T> {
    // What the work had in its hands belongs to this call alone and is dropped with it.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| record(call, panic.as_ref())).ok()
}

/// The record of a panic that ends `call`.
pub(crate) fn record(call: &CallId, panic: &(dyn Any + Send)) {
    metrics::call_panicked();
    tracing::error!(%call, why = panic_message(panic), "a fault of ours ended this call");
}
