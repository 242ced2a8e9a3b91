//! Benchmarks of Hualu against its own binary, as a caller sees it: real calls over SIP and RTP on loopback.

pub mod bot;
pub mod caller;
pub mod nlu;
pub mod proxy;
pub mod sounds;
pub mod table;
pub mod turn;
