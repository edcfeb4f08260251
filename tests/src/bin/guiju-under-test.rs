//! The program `guiju` for transcripts: a test can run only binaries of its own package.
fn main() -> std::process::ExitCode {
    guiju_cli::main()
}
