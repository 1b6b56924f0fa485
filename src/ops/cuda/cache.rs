//! Files in the user's cache that save the next start some seconds. Whatever becomes of them, no number changes.

use std::path::{Path, PathBuf};

/// Where a file of this name is; `None` where nobody knows the user's cache.
pub(super) fn path(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))?;
    Some(base.join("umlaut").join(name))
}

/// Writes a file, which gets its name when it is whole.
///
/// # Errors
/// If it cannot be written.
pub(super) fn keep(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().expect("it is a file in the cache");
    std::fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // The umask says who may read it, as of every other file.
    crate::system::with_umask(&mut builder);
    let mut file = builder.tempfile_in(dir)?;
    std::io::Write::write_all(&mut file, content)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}
