//! The `lq-infer` program; see `lq_infer::cli`.

fn main() -> std::process::ExitCode {
    lq_infer::cli::main()
}
