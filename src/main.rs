//! The `claimstream` binary; see the library for everything it does.

fn main() -> std::process::ExitCode {
    #[cfg(feature = "failpoints")]
    let _armed = claimstream::failpoints::arm();
    claimstream::cli::run()
}
