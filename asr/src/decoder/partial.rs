//! Partial texts that do not flicker.

/// Decides which partial texts are worth telling: those that go on from what was told, and those that replace it and
/// were the best twice in a row.
#[derive(Debug, Default)]
pub struct Partials {
    told: String,
    waiting: Option<String>,
}

impl Partials {
    /// Begins an utterance.
    pub fn clear(&mut self) {
        self.told.clear();
        self.waiting = None;
    }

    /// Takes the best text so far; answers whether it should be told now.
    pub fn offer(&mut self, text: &str) -> bool {
        if text == self.told {
            self.waiting = None;
            return false;
        }
        let grows = text.len() > self.told.len() && text.starts_with(&self.told);
        let stable = self.waiting.as_deref() == Some(text);
        if grows || stable {
            text.clone_into(&mut self.told);
            self.waiting = None;
            return true;
        }
        self.waiting = Some(text.to_owned());
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_at_once_and_a_change_only_when_it_stays() {
        let mut partials = Partials::default();
        assert!(!partials.offer(""));
        assert!(partials.offer("查"));
        assert!(!partials.offer("茶花"));
        assert!(partials.offer("查话费"), "back on the told path");
        assert!(!partials.offer("插话费"));
        assert!(partials.offer("插话费"), "twice in a row");
        assert!(!partials.offer("插话费"), "already told");
    }
}
