//! Calls in virtual time: a scripted caller, a lossy network and engines that are slow, silent or broken on demand.
//!
//! [`World`] owns `now`; a call of three minutes runs in milliseconds and a seed replays it exactly. Audio is honest: each
//! character is 200 ms at a loudness of its own ([`Alphabet`]), so that the simulated recognizer reads the caller's words
//! out of the very packets that survived the network, and the simulated caller reads the bot's out of those it was sent.
//! [`Rules`] watch every call for what must never happen.
//!
//! ```
//! use hualu_sim::World;
//!
//! let mut world = World::new(1);
//! world.run_ms(2_500);
//! assert_eq!(world.heard(), "您好请讲");
//! world.say("查话费");
//! world.run_ms(3_000);
//! assert_eq!(world.heard(), "您好请讲好的查话费");
//! world.finish();
//! ```

mod alphabet;
mod bot;
mod engines;
mod network;
mod rules;
mod script;
mod setup;
mod view;
mod world;

pub use alphabet::{Alphabet, Loudness, Sound};
pub use bot::{Bot, EchoBot, Timed, acts, say};
pub use engines::{AsrFaults, NluFaults, TtsFaults};
pub use network::Network;
pub use rules::Rules;
pub use script::{Script, Step};
pub use setup::Setup;
pub use world::{Entry, World};
