# Thin: each target is one line of cargo or one script. `make run` and `make test` are all a newcomer needs.
.PHONY: run test bench fmt lint onnxruntime test-interop train-smoke clean

run: onnxruntime ## Build, hold a demo call over real SIP and RTP, then keep serving for any softphone.
	cargo run --release --locked -p hualu -- demo --keep-serving

test: onnxruntime ## Everything that guards users: format, lints, dependency rules, tests, real peers.
	scripts/test

test-interop: onnxruntime ## SIPp, baresip and four processes against a running gateway.
	scripts/test-interop

bench: onnxruntime ## The benchmarks, printed as tables.
	cargo build --release --locked -p hualu -p hualu-benches
	target/release/hualu-benches
	target/release/hualu-benches nlu
	target/release/hualu-benches turn

fmt:
	cargo fmt --all

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

onnxruntime: ## ONNX Runtime's shared library, by pinned hash.
	scripts/onnxruntime

train-smoke: ## Each training recipe from data to ONNX in its short mode.
	scripts/train-smoke

clean:
	cargo clean
