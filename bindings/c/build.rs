//! Gives the shared library of a plain `cargo build` its own name as SONAME, on systems with ELF files. Without one, a
//! program that is linked with the path of the library would ask for that path when it starts. cargo-c, which sets the
//! feature `capi`, gives the library that it installs a SONAME with a version (`liblq_infer.so.0.1`) by itself.

const WITH_ELF: [&str; 9] =
    ["android", "dragonfly", "freebsd", "haiku", "hurd", "illumos", "linux", "netbsd", "openbsd"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let by_cargo_c = std::env::var_os("CARGO_FEATURE_CAPI").is_some();
    if WITH_ELF.contains(&system.as_str()) && !by_cargo_c {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liblq_infer_c.so");
    }
}
