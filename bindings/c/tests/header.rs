//! The committed header is what the code says. `UPDATE_HEADER=1 cargo test --test header` writes it.

#[test]
fn the_header_has_not_drifted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_root_or_default(root);
    let bindings = cbindgen::Builder::new().with_crate(root).with_config(config).generate().unwrap();
    let mut made = Vec::new();
    bindings.write(&mut made);
    let file = root.join("include/lq_infer.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read(&file).unwrap();
    assert!(made == committed, "include/lq_infer.h differs: UPDATE_HEADER=1 cargo test --test header");
}
