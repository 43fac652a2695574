//! Configurations, good and broken: what `load` makes of them.
//!
//! A broken one is `tests/golden/config/NAME.toml`, with `#env NAME=VALUE` and `#set KEY=VALUE` lines on top, and
//! `NAME.txt` is all that it says.

use json2avro::config::{Config, Mistakes, load};
use std::ffi::OsString;
use std::path::Path;

const BROKEN: &str = "tests/golden/config";
/// Stands in every file of `BROKEN` where a secret would.
const SECRET: &str = "hunter2";

fn load_with_directives(file: &Path) -> Result<Config, Mistakes> {
    let text = std::fs::read_to_string(file).unwrap();
    let directives = |sign: &'static str| text.lines().filter_map(move |line| line.strip_prefix(sign));
    let sets: Vec<String> = directives("#set ").map(str::to_owned).collect();
    let environment = directives("#env ").filter_map(|line| line.split_once('='));
    load(file, &sets, environment.map(|(name, value)| (name.into(), value.into())))
}

#[test]
fn every_mistake_is_told_at_once_in_exact_words() {
    let mut files: Vec<_> = std::fs::read_dir(BROKEN).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        let told = load_with_directives(&file).expect_err(&format!("{} is broken", file.display())).to_string();
        let golden = file.with_extension("txt");
        if std::env::var_os("BLESS").is_some() { std::fs::write(&golden, format!("{told}\n")).unwrap(); }
        let expected = std::fs::read_to_string(&golden).unwrap();
        assert_eq!(told, expected.trim_end(), "{}", file.display());
        assert!(!told.contains(SECRET), "{told}");
    }
}
