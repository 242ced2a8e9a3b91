//! The clause cache: what was said once is not rendered again.
//!
//! Least recently used clauses go first when the cache outgrows its bytes. Whoever asks for a clause that is being
//! rendered shares that rendering, so that two hundred callers with one greeting cost one. Personal clauses never come
//! here: the caller of [`ClauseCache::lookup`] sees to that.

use crate::clip::{Clip, Reader};
use crate::engine::{Prosody, Syllable};
use lru::LruCache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Names the sound of a clause: a hash of the voice, how it speaks, what it says and at which rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn new(voice_id: &str, prosody: &Prosody, rate_hz: u32, text: &str, syllables: &[&Syllable]) -> Self {
        let mut hash = blake3::Hasher::new();
        // Every field is preceded by its length, so that no two lists of fields look alike.
        let mut field = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(voice_id.as_bytes());
        for value in [prosody.rate, prosody.pitch, prosody.formant, prosody.volume_db] {
            field(&value.to_le_bytes());
        }
        field(&rate_hz.to_le_bytes());
        field(text.as_bytes());
        for syllable in syllables {
            field(syllable.pinyin.as_bytes());
            field(&[syllable.tone, syllable.boundary as u8, u8::from(syllable.emphasis)]);
        }
        Self(*hash.finalize().as_bytes())
    }
}

/// What the cache has.
pub(crate) enum Lookup {
    /// All of it.
    Ready(Arc<[i16]>),
    /// Somebody is rendering it.
    Rendering(Reader),
    /// Nothing: the asker renders it into this clip, and must call [`ClauseCache::finish`] or [`ClauseCache::forget`].
    Missing(Arc<Clip>, Reader),
}

pub(crate) struct ClauseCache {
    inner: Mutex<Inner>,
}

struct Inner {
    ready: LruCache<Key, Arc<[i16]>>,
    rendering: HashMap<Key, Arc<Clip>>,
    bytes: usize,
    bytes_max: usize,
}

impl ClauseCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let inner = Inner { ready: LruCache::unbounded(), rendering: HashMap::new(), bytes: 0, bytes_max };
        Self { inner: Mutex::new(inner) }
    }

    /// Finds a clause, or makes the asker the one who renders it. `wanted_by` hurries a rendering that is under way.
    pub(crate) fn lookup(&self, key: Key, wanted_by: Option<Instant>) -> Lookup {
        let mut inner = self.lock();
        if let Some(pcm) = inner.ready.get(&key) {
            return Lookup::Ready(Arc::clone(pcm));
        }
        if let Some(clip) = inner.rendering.get(&key) {
            clip.hurry(wanted_by);
            return Lookup::Rendering(clip.read());
        }
        let clip = Arc::new(Clip::new(wanted_by));
        let reader = clip.read();
        inner.rendering.insert(key, Arc::clone(&clip));
        Lookup::Missing(clip, reader)
    }

    /// A rendering is complete. Clauses larger than the whole cache are not kept.
    pub(crate) fn finish(&self, key: Key, pcm: Arc<[i16]>) {
        let mut inner = self.lock();
        inner.rendering.remove(&key);
        let size = size_of_val(&*pcm);
        if size > inner.bytes_max {
            return;
        }
        inner.bytes += size;
        if let Some(old) = inner.ready.put(key, pcm) {
            inner.bytes -= size_of_val(&*old);
        }
        while inner.bytes > inner.bytes_max {
            let Some((_, oldest)) = inner.ready.pop_lru() else { break };
            inner.bytes -= size_of_val(&*oldest);
        }
        metrics::gauge!("hualu_tts_cache_bytes").set(inner.bytes as f64);
    }

    /// A rendering failed or was refused.
    pub(crate) fn forget(&self, key: Key) {
        self.lock().rendering.remove(&key);
    }

    /// Gives up a rendering that nobody reads any more. False when somebody has come back meanwhile.
    pub(crate) fn abandon(&self, key: Key, clip: &Clip) -> bool {
        let mut inner = self.lock();
        let unread = clip.is_unread();
        if unread {
            inner.rendering.remove(&key);
        }
        unread
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Boundary;

    fn key(text: &str) -> Key {
        Key::new("tone-1", &Prosody::default(), 8_000, text, &[])
    }

    fn fill(cache: &ClauseCache, text: &str, samples: usize) {
        assert!(matches!(cache.lookup(key(text), None), Lookup::Missing(..)), "{text} is not there yet");
        cache.finish(key(text), vec![0; samples].into());
    }

    fn has(cache: &ClauseCache, text: &str) -> bool {
        match cache.lookup(key(text), None) {
            Lookup::Ready(_) => true,
            Lookup::Rendering(_) | Lookup::Missing(..) => {
                cache.forget(key(text));
                false
            }
        }
    }

    #[test]
    fn the_least_recently_used_clause_makes_room() {
        let cache = ClauseCache::new(2_000);
        fill(&cache, "a", 400);
        fill(&cache, "b", 400);
        assert!(has(&cache, "a"));
        fill(&cache, "c", 400);
        assert!(has(&cache, "a") && has(&cache, "c") && !has(&cache, "b"));
        fill(&cache, "larger than all", 1_001);
        assert!(has(&cache, "a") && !has(&cache, "larger than all"));
    }

    #[test]
    fn a_second_asker_shares_the_rendering() {
        let cache = ClauseCache::new(2_000);
        let Lookup::Missing(clip, first) = cache.lookup(key("a"), None) else { panic!("nothing is there yet") };
        let Lookup::Rendering(second) = cache.lookup(key("a"), None) else { panic!("it is being rendered") };
        drop(first);
        assert!(!cache.abandon(key("a"), &clip), "somebody still reads");
        drop(second);
        assert!(cache.abandon(key("a"), &clip));
        assert!(matches!(cache.lookup(key("a"), None), Lookup::Missing(..)));
    }

    #[test]
    fn everything_that_changes_the_sound_changes_the_key() {
        let syllable = Syllable { pinyin: "ma".into(), tone: 1, boundary: Boundary::None, emphasis: false };
        let fast = Prosody { rate: 1.2, ..Prosody::default() };
        let keys = [
            key("妈"),
            Key::new("tone-2", &Prosody::default(), 8_000, "妈", &[]),
            Key::new("tone-1", &fast, 8_000, "妈", &[]),
            Key::new("tone-1", &Prosody::default(), 16_000, "妈", &[]),
            Key::new("tone-1", &Prosody::default(), 8_000, "麻", &[]),
            Key::new("tone-1", &Prosody::default(), 8_000, "妈", &[&syllable]),
        ];
        let distinct: std::collections::HashSet<_> = keys.into_iter().collect();
        assert_eq!(distinct.len(), 6);
    }
}
