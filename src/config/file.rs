//! Files that a configuration is made of: itself, secrets, schemas.
//!
//! Comes in: a path. Goes out: the file's text. Must never: show any of it.

use super::mistake::Complaint;
use super::typed::Given;
use std::path::{Path, PathBuf};

/// A file's text, or why there is none.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The path and text of the file that a value names. A relative path begins at `folder`, the config file's.
pub(super) fn named(given: &Given, folder: &Path) -> Result<(PathBuf, String), Complaint> {
    let path = folder.join(given.value.as_str().unwrap_or_default());
    match text(&path) {
        Ok(text) => Ok((path, text)),
        Err(why) => Err(Complaint::new(
            format!("{} cannot be read: {why}", path.display()),
            "check the path, which begins at the config file's folder, and the permissions",
        )),
    }
}

/// The text of the file that a `KEY_file` names, as it is but for one newline at its end, which editors and `echo` put
/// there.
pub(super) fn secret(given: &Given, folder: &Path) -> Result<String, Complaint> {
    let (_, text) = named(given, folder)?;
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}
