//! Secrets out of files.
//!
//! Comes in: a `KEY_file`'s path. Goes out: the file's text. Must never: be shown, be trimmed beyond one newline.

use super::mistake::Complaint;
use super::typed::Given;
use std::path::Path;

/// The file's text as it is, but for one newline at its end, which editors and `echo` put there. A relative path begins
/// at the config file's folder.
pub(super) fn read(given: &Given, folder: &Path) -> Result<String, Complaint> {
    let path = folder.join(given.value.as_str().unwrap_or_default());
    let text = std::fs::read(&path).map_err(|error| error.to_string());
    match text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())) {
        Ok(mut text) => {
            if text.ends_with('\n') {
                text.truncate(text.len() - 1);
            }
            Ok(text)
        }
        Err(why) => Err(Complaint::new(
            format!("{} cannot be read: {why}", path.display()),
            "check the path and the permissions",
        )),
    }
}
