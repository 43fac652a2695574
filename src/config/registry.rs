//! A registry: where its nodes are, who vouches for them, who we are to them.
//!
//! Comes in: a table [registry.NAME]. Goes out: a registry as meant. Must never: connect to it, show a secret.

use super::mistake::{Complaint, Mistakes};
use super::typed::{Given, Table, Typed};
use super::{Registry, Secret, file};
use std::path::Path;

/// One registry.
pub(super) fn registry(name: &str, typed: &Typed<'_>, folder: &Path, mistakes: &mut Mistakes) -> Registry {
    let table = typed.table("registry", name);
    table.required("url", "set it to the registry's base URL: http://localhost:8081", mistakes);
    let urls: Vec<String> = table.texts("url").iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
    let ca = table.get("ca_file").and_then(|given| certificates(given, &urls, folder, &table, mistakes));
    let password = match (table.get("password"), table.get("password_file")) {
        (Some(_), Some(file)) => {
            let complaint = Complaint::new("stands beside password", "keep one of the two");
            mistakes.add(table.mistake("password_file", file, complaint));
            None
        }
        (Some(password), None) => password.value.as_str().map(str::to_owned),
        (None, Some(file)) => file::secret(file, folder)
            .map_err(|complaint| mistakes.add(table.mistake("password_file", file, complaint)))
            .ok(),
        (None, None) => None,
    };
    let given = table.get("password").or(table.get("password_file"));
    match (table.get("username"), given) {
        (Some(username), None) if !table.wrong("password", mistakes) && !table.wrong("password_file", mistakes) => {
            let complaint = Complaint::new("has no password", "add password or password_file, or take the name out");
            mistakes.add(table.mistake("username", username, complaint));
        }
        (None, Some(_)) if !table.wrong("username", mistakes) => {
            let complaint = Complaint::new("is missing", "set it: there is a password");
            mistakes.add(typed.absent(&table.key("username"), complaint));
        }
        _ => {}
    }
    Registry {
        name: name.to_owned(),
        urls,
        ca,
        basic_auth: table.text("username").zip(password).map(|(name, password)| (name.to_owned(), Secret(password))),
        request_timeout: table.duration("request_timeout_ms"),
        failure_cache: table.duration("failure_cache_ms"),
    }
}

/// The file's certificates, which are of use only where a URL is https.
fn certificates(
    given: &Given,
    urls: &[String],
    folder: &Path,
    table: &Table<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<u8>> {
    let https = |url: &String| url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
    if !urls.is_empty() && !urls.iter().any(https) {
        table.idle("ca_file", "has no effect: no url is https", "take it out, or write https://", mistakes);
    }
    let read = file::named(given, folder).and_then(|(path, text)| {
        let certificates = reqwest::Certificate::from_pem_bundle(text.as_bytes());
        match certificates.as_deref() {
            Ok([_, ..]) => Ok(text.into_bytes()),
            _ => Err(Complaint::new(format!("{} holds no certificate", path.display()), "give it one or more in PEM")),
        }
    });
    read.map_err(|complaint| mistakes.add(table.mistake("ca_file", given, complaint))).ok()
}
