//! The migrations are compiled in; Cargo does not see by itself that a file was added.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
