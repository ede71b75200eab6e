//! Tells the linker where the binary finds `libduckdb` at run time: beside itself, or where it was linked from.

#![expect(clippy::disallowed_methods, reason = "variables are how cargo talks to a build script")]

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_DUCKDB").is_none() || std::env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let origin = if cfg!(target_os = "macos") { "@loader_path" } else { "$ORIGIN" };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{origin}");
    if let Some(folder) = std::env::var_os("DUCKDB_LIB_DIR")
        && let Ok(folder) = std::fs::canonicalize(folder)
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
