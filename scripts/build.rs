//! Gives release builds their commit, for provenance.toml. Without git or outside a checkout there is none. Other builds have none either: each commit
//! would build everything anew.

use std::process::Command;

fn main() {
    if std::env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        println!("cargo:rerun-if-changed=scripts/build.rs");
        return;
    }
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    println!("cargo:rerun-if-changed=src");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    // A package unpacked below somebody else's checkout is not of that commit.
    let ours = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    if let Some(commit) = git(&["rev-parse", "HEAD"]).filter(|_| ours) {
        let changed = git(&["status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock"]).is_some_and(|s| !s.is_empty());
        println!("cargo:rustc-env=UMLAUT_GIT_COMMIT={commit}{}", if changed { "-changed" } else { "" });
    }
}
