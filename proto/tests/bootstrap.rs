//! Regenerates the gRPC code from the `.proto` files and compares it with what is checked in, so that building needs no
//! `protoc` and the two can never drift apart. After a change of a `.proto`, run
//! `HUALU_BOOTSTRAP=1 cargo test -p hualu-proto` once and commit the result.

use std::path::Path;
use std::{env, fs};

const PACKAGES: [&str; 4] = ["hualu.action.v1", "hualu.asr.v1", "hualu.nlu.v1", "hualu.tts.v1"];
const PROTOS: [&str; 4] =
    ["hualu/action/v1/action.proto", "hualu/asr/v1/asr.proto", "hualu/nlu/v1/nlu.proto", "hualu/tts/v1/tts.proto"];

#[test]
fn generated_code_is_what_the_protos_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a temporary directory");
    let files = protox::compile(PROTOS, [root]).expect("the .proto files compile");
    tonic_prost_build::configure().out_dir(out.path()).btree_map(".").compile_fds(files).expect("code is generated");

    for package in PACKAGES {
        let name = format!("{package}.rs");
        let fresh = fs::read_to_string(out.path().join(&name)).expect("each package makes a file");
        let kept = root.join("src/gen").join(&name);
        if env::var_os("HUALU_BOOTSTRAP").is_some() {
            fs::write(&kept, &fresh).expect("the source tree can be written");
        }
        let checked_in = fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            checked_in == fresh,
            "{name} is not what the .proto files generate: run `HUALU_BOOTSTRAP=1 cargo test -p hualu-proto` and commit",
        );
    }
}
