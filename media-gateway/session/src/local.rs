//! What the call can do without its engines: play again what was said, and understand the few words that always must be.

use crate::config::{Clip, Escape};
use crate::reply::{Clause, Origin, Words};
use hualu_core::{SampleRate, TurnId};
use std::collections::VecDeque;

/// Audio kept of a call's own prompts: 20 s. The oldest goes first.
const KEPT_SAMPLES_MAX: usize = 20 * SampleRate::HZ_8000.hz() as usize;
/// Words that ask for a person.
const PERSON: [&str; 4] = ["人工", "真人", "找个人", "转人"];
/// Words that ask for the last prompt once more.
const AGAIN: [&str; 8] = ["再说一遍", "再说一次", "重复一遍", "重说一遍", "没听清", "没听见", "没听到", "你说什么"];

/// What a caller asks for in words that need no dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocalAnswer {
    /// The call goes to a person.
    Person(String),
    /// The last prompt is said again.
    Again(Vec<Clip>),
}

/// Clauses that were heard whole, newest last. Personal ones are not kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    clips: VecDeque<(TurnId, Clip)>,
    samples: usize,
    /// The newest turn of which something is missing here.
    gap: Option<TurnId>,
}

impl Kept {
    /// Keeps a clause that was played to its end.
    pub(crate) fn keep(&mut self, turn: TurnId, clause: &Clause) {
        if clause.origin != Origin::Dialogue {
            return;
        }
        let clip = match &clause.words {
            Words::Clip(clip) => clip.clone(),
            Words::Say(say) if say.is_personal() || clause.audio.received().0 as usize > KEPT_SAMPLES_MAX => {
                self.gap = Some(turn);
                return;
            }
            Words::Say(say) => Clip::new(&say.text(), clause.audio.all().collect()),
        };
        self.samples += clip.pcm().len();
        self.clips.push_back((turn, clip));
        while self.samples > KEPT_SAMPLES_MAX
            && let Some((turn, oldest)) = self.clips.pop_front()
        {
            self.samples -= oldest.pcm().len();
            self.gap = self.gap.max(Some(turn));
        }
    }

    /// The audio of a clause with exactly these words.
    pub(crate) fn find(&self, text: &str) -> Option<&Clip> {
        self.clips.iter().rev().map(|(_, clip)| clip).find(|clip| clip.text() == text)
    }

    /// The last reply, if all of it is there.
    fn last_reply(&self) -> Option<Vec<Clip>> {
        let (newest, _) = self.clips.back()?;
        if self.gap.is_some_and(|gap| gap >= *newest) {
            return None;
        }
        let of_newest = self.clips.iter().filter(|(turn, _)| turn == newest);
        Some(of_newest.map(|(_, clip)| clip.clone()).collect())
    }

    /// What can be done about `words` here and now.
    pub(crate) fn answer(&self, words: &str, escape: &Escape) -> Option<LocalAnswer> {
        let says = |cues: &[&str]| cues.iter().any(|cue| words.contains(cue));
        match escape {
            Escape::Transfer(target) if says(&PERSON) => Some(LocalAnswer::Person(target.clone())),
            _ if says(&AGAIN) => self.last_reply().map(LocalAnswer::Again),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hualu_core::ClauseId;
    use hualu_core::dialogue::{Say, Span};

    fn clause(text: &str, samples: usize, personal: bool) -> Clause {
        let say = Say { spans: vec![Span { personal, ..Span::plain(text) }], ..Say::default() };
        let mut clause = Clause::say(ClauseId(1), TurnId(0), say);
        clause.audio.push(vec![7; samples], true);
        clause
    }

    #[test]
    fn the_last_reply_is_there_unless_a_part_of_it_is_personal_or_forgotten() {
        let mut kept = Kept::default();
        let again = |kept: &Kept| match kept.answer("麻烦再说一遍", &Escape::HangUp) {
            Some(LocalAnswer::Again(clips)) => clips.iter().map(|clip| clip.text().to_owned()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(again(&kept), [""; 0]);
        kept.keep(TurnId(1), &clause("您好", 800, false));
        kept.keep(TurnId(3), &clause("查到了", 800, false));
        kept.keep(TurnId(3), &clause("请讲", 800, false));
        assert_eq!(again(&kept), ["查到了", "请讲"]);
        kept.keep(TurnId(4), &clause("余额是五十元", 800, true));
        kept.keep(TurnId(4), &clause("再见", 800, false));
        assert_eq!(again(&kept), [""; 0]);
        assert!(kept.find("余额是五十元").is_none(), "personal data is not kept");
        assert!(kept.find("您好").is_some());
        kept.keep(TurnId(5), &clause("很长", KEPT_SAMPLES_MAX - 100, false));
        assert!(kept.find("您好").is_none());
        assert!(kept.samples <= KEPT_SAMPLES_MAX);
    }

    #[test]
    fn a_person_is_found_only_where_there_is_one() {
        let kept = Kept::default();
        let agents = Escape::Transfer("agents".to_owned());
        assert_eq!(kept.answer("我要转人工", &agents), Some(LocalAnswer::Person("agents".to_owned())));
        assert_eq!(kept.answer("我要转人工", &Escape::HangUp), None);
        assert_eq!(kept.answer("查话费", &agents), None);
    }
}
