use super::*;
use crate::testing::start;
use hualu_core::Pii;

const CHALLENGE: &str = "Digest realm=\"carrier\", nonce=\"1\", qop=\"auth\", algorithm=SHA-256";

struct World {
    now: Instant,
    registration: Registration,
}

impl World {
    fn new(seed: u64) -> Self {
        let credentials = Credentials {
            user: Pii::new("bot".to_owned()),
            password: Pii::new("secret".to_owned()),
            realm: "carrier".to_owned(),
            without_qop: false,
        };
        let now = start();
        Self { now, registration: Registration::new(credentials, 600, seed, now) }
    }

    /// Lets time pass until something is sent: how long it took, and what is asked for.
    fn send(&mut self) -> (Duration, u32) {
        let from = self.now;
        for _ in 0..8 {
            match self.registration.poll(self.now) {
                Step::Send { expires_s } => return (self.now - from, expires_s),
                Step::Wait(until) => {
                    assert!(until > self.now, "time goes on");
                    self.now = until;
                }
                step => panic!("{step:?} instead of a request"),
            }
        }
        panic!("nothing is sent");
    }

    fn answer(&mut self, answer: Answer) -> Option<Outcome> {
        self.registration.answered(self.now, &answer)
    }

    fn status(&mut self, status: u16) -> Option<Outcome> {
        self.answer(Answer { status, ..Answer::default() })
    }

    fn challenge(&mut self, status: u16, asker: Asker) -> Option<Outcome> {
        self.answer(Answer { status, challenges: vec![(asker, CHALLENGE.to_owned())], ..Answer::default() })
    }

    fn granted(&mut self, granted_s: u32) -> Option<Outcome> {
        self.answer(Answer { status: 200, granted_s: Some(granted_s), ..Answer::default() })
    }
}

#[test]
fn a_binding_is_renewed_before_it_ends() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        assert_eq!(world.send(), (Duration::ZERO, 600));
        assert_eq!(world.registration.poll(world.now), Step::Await, "one request at a time");
        assert_eq!(world.granted(100), Some(Outcome::Registered(Duration::from_secs(100))));
        for _ in 0..20 {
            let (waited, asked) = world.send();
            assert!((70..=80).contains(&waited.as_secs()) && asked == 600, "{waited:?}");
            assert!(world.registration.is_bound(world.now));
            world.granted(100);
        }
    }
}

#[test]
fn a_challenge_is_answered_at_once_and_its_nonce_used_again() {
    let mut world = World::new(1);
    world.send();
    assert!(world.registration.authorization("sip:carrier", "c").is_empty(), "nothing is given unasked");
    assert_eq!(world.challenge(401, Asker::Server), None);
    assert_eq!(world.send(), (Duration::ZERO, 600));
    let headers = world.registration.authorization("sip:carrier", "c");
    assert!(headers.len() == 1 && headers[0].0 == "Authorization" && headers[0].1.contains("nc=00000001"));
    assert!(world.granted(600).is_some());
    world.send();
    assert!(world.registration.authorization("sip:carrier", "c")[0].1.contains("nc=00000002"));
    assert_eq!(world.challenge(401, Asker::Server), None, "the nonce is old by now");
    world.send();
    assert!(world.registration.authorization("sip:carrier", "c")[0].1.contains("nc=00000001"));
}

#[test]
fn a_proxy_before_the_registrar_is_answered_too() {
    let mut world = World::new(1);
    world.send();
    assert_eq!(world.challenge(407, Asker::Proxy), None);
    world.send();
    assert_eq!(world.challenge(401, Asker::Server), None);
    world.send();
    assert_eq!(world.registration.authorization("sip:carrier", "c").len(), 2);
    assert!(world.granted(60).is_some());
}

#[test]
fn a_wrong_password_is_tried_rarely() {
    let mut world = World::new(7);
    for _ in 0..10 {
        world.send();
        assert_eq!(world.challenge(401, Asker::Server), None);
        assert_eq!(world.send().0, Duration::ZERO);
        let outcome = world.challenge(401, Asker::Server);
        let Some(Outcome::Failed { trouble, retry_in: Some(wait) }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(trouble, Trouble::Auth(AuthError::Rejected));
        assert!((150..=300).contains(&wait.as_secs()), "{wait:?}");
    }
}

#[test]
fn failures_that_may_pass_are_repeated_with_growing_random_waits() {
    let waits = |seed| -> Vec<Duration> {
        let mut world = World::new(seed);
        (0..8)
            .map(|_| {
                world.send();
                world.registration.unanswered(world.now, Trouble::Silent);
                let before = world.now;
                let Step::Wait(until) = world.registration.poll(before) else { panic!("it waits") };
                until - before
            })
            .collect()
    };
    for seed in [3, 99, 12_345] {
        for (wait, longest) in waits(seed).into_iter().zip([4, 8, 16, 32, 64, 120, 120, 120]) {
            let longest = Duration::from_secs(longest);
            assert!(wait >= longest / 2 && wait <= longest, "{wait:?} of {longest:?}");
        }
    }
    assert_ne!(waits(3), waits(99), "gateways do not come back together");
}

#[test]
fn a_success_forgets_the_failures() {
    let mut world = World::new(5);
    for _ in 0..6 {
        world.send();
        world.status(503);
    }
    world.send();
    world.granted(600);
    world.send();
    let Some(Outcome::Failed { retry_in: Some(wait), .. }) = world.status(503) else { panic!("it failed") };
    assert!(wait <= RETRY_BASE && world.registration.is_bound(world.now), "the binding still lives");
}

#[test]
fn the_registrars_wishes_are_heeded_within_limits() {
    for (wish, wait) in [(90, 90), (1_000_000, 3_600)] {
        let mut world = World::new(5);
        world.send();
        world.answer(Answer { status: 503, retry_after: Some(Duration::from_secs(wish)), ..Answer::default() });
        assert_eq!(world.send().0, Duration::from_secs(wait));
    }
}

#[test]
fn a_brief_interval_is_raised_as_asked() {
    let brief = |least| Answer { status: 423, min_expires_s: least, ..Answer::default() };
    let mut world = World::new(5);
    world.send();
    assert_eq!(world.answer(brief(Some(1_800))), None);
    assert_eq!(world.send(), (Duration::ZERO, 1_800));
    world.granted(1_800);
    assert_eq!(world.send().1, 1_800, "and kept");
    for nonsense in [None, Some(0), Some(1_800), Some(86_401)] {
        let outcome = world.answer(brief(nonsense));
        assert!(
            matches!(outcome, Some(Outcome::Failed { trouble: Trouble::Interval, .. })),
            "{nonsense:?}: {outcome:?}"
        );
        world.send();
    }
    for least in 1_801..1_809 {
        assert_eq!(world.answer(brief(Some(least))), None);
        world.send();
    }
    let outcome = world.answer(brief(Some(1_809)));
    assert!(matches!(outcome, Some(Outcome::Failed { trouble: Trouble::Endless, .. })), "{outcome:?}");
}

#[test]
fn a_redirection_is_not_followed() {
    let mut world = World::new(5);
    world.send();
    let outcome = world.status(302);
    assert!(matches!(outcome, Some(Outcome::Failed { trouble: Trouble::Refused(302), .. })), "{outcome:?}");
}

#[test]
fn the_end_of_an_unrenewed_binding_shows() {
    let mut world = World::new(5);
    world.send();
    world.granted(10);
    let granted = world.now;
    world.send();
    world.registration.unanswered(world.now, Trouble::Silent);
    assert!(world.registration.is_bound(world.now));
    while world.registration.is_bound(world.now) {
        match world.registration.poll(world.now) {
            Step::Wait(until) => world.now = until,
            Step::Send { .. } => drop(world.registration.unanswered(world.now, Trouble::Silent)),
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(world.now - granted, Duration::from_secs(10));
}

#[test]
fn stopping_takes_the_binding_back_once() {
    let mut world = World::new(5);
    world.send();
    world.granted(600);
    world.registration.stop(world.now);
    assert_eq!(world.send(), (Duration::ZERO, 0));
    assert_eq!(world.challenge(401, Asker::Server), None);
    assert_eq!(world.send(), (Duration::ZERO, 0));
    assert_eq!(world.status(200), Some(Outcome::Removed));
    assert!(!world.registration.is_bound(world.now));
    assert_eq!(world.registration.poll(world.now), Step::Done);

    let mut world = World::new(5);
    world.send();
    world.granted(600);
    world.registration.stop(world.now);
    world.send();
    assert!(matches!(world.status(503), Some(Outcome::Failed { retry_in: None, .. })));
    assert_eq!(world.registration.poll(world.now), Step::Done, "it is not tried for ever");
}

#[test]
fn stopping_without_a_binding_sends_nothing() {
    let mut world = World::new(5);
    world.registration.stop(world.now);
    assert_eq!(world.registration.poll(world.now), Step::Done);
    let mut world = World::new(5);
    world.send();
    world.registration.stop(world.now);
    assert!(world.granted(600).is_some(), "what was on its way still succeeds");
    assert_eq!(world.send(), (Duration::ZERO, 0), "and is taken back");
}

#[test]
fn the_life_of_our_own_binding_is_read() {
    let ours = "sip:bot@192.0.2.7:5060";
    let read = |contacts: &[&str], expires| granted_s(contacts.iter().copied(), expires, ours);
    let two = "<sip:bot@192.0.2.9:5060>;expires=60, <sip:BOT@192.0.2.7:5060;transport=TCP>;q=1;expires=\"1800\"";
    assert_eq!(read(&[two], Some("3600")), Some(1_800));
    assert_eq!(
        read(&["<sip:bot@192.0.2.9>;expires=60", "\"a,b\" <sip:bot@192.0.2.7:5060>;Expires=70"], None),
        Some(70)
    );
    assert_eq!(read(&["sip:bot@192.0.2.7:5060;expires=80"], None), Some(80));
    assert_eq!(read(&["<sip:bot@10.0.0.9:4444>;expires=90"], Some("3600")), Some(90), "rewritten by a NAT");
    assert_eq!(read(&["<sip:bot@192.0.2.7:5060>"], Some("3600")), Some(3_600));
    assert_eq!(read(&["<sip:a@x>;expires=1", "<sip:b@x>;expires=2"], Some("5")), Some(5), "none of them is ours");
    assert_eq!(read(&[], None), None);
    assert_eq!(read(&["<sip:bot@192.0.2.7:5060>;expires=99999999999"], None), None);
}
