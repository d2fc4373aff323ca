//! The binary: one call.

fn main() -> std::process::ExitCode {
    layerscope::cli::main()
}
