//! Tells the linker where the binary finds `libduckdb` at run time: beside itself, or where it was linked from. Tells the
//! program which source it was built from, because what one build keeps on disk means nothing to another.

#![expect(clippy::disallowed_methods, reason = "variables are how cargo talks to a build script")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rustc-env=OFFSHOOT_SOURCE={:016x}", source());
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
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

/// A hash of every file that decides what the program does.
fn source() -> u64 {
    let mut files = vec![PathBuf::from("Cargo.lock")];
    files_below(Path::new("src"), &mut files);
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        std::fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}
