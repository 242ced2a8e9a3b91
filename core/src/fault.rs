//! What is left of a panic that was caught.

use std::any::Any;

/// The words of a panic, for the record of the call that it ended.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_keeps_its_words() {
        let n = 3;
        let caught = |work: fn(i32)| catch_unwind(move || work(n)).expect_err("it panics");
        assert_eq!(panic_message(caught(|_| panic!("plain")).as_ref()), "plain");
        assert_eq!(panic_message(caught(|n| panic!("made of {n}")).as_ref()), "made of 3");
        assert_eq!(panic_message(&7), "a panic without words");
    }
}
