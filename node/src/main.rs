//! The program `guiju-node`. Everything is in the library, so that other programs can offer the same commands.
fn main() -> std::process::ExitCode {
    guiju_node::cli::main()
}
