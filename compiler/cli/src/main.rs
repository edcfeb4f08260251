//! The program `guiju`.
fn main() -> std::process::ExitCode {
    guiju_cli::main()
}
