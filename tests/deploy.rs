//! What `deploy/` asks of the binary: its configs load, its alerts and scrapes name metrics that exist.
//!
//! Images, compose and Kubernetes files are checked by `tests/deploy/check`, which needs no build.

use crate::metrics::CONTRACT;
use json2avro::config::load;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Every config of `deploy/`, and the secret files that it names, which only a cluster has.
const CONFIGS: &[(&str, &[&str])] = &[
    ("deploy/compose/json2avro/json2avro.toml", &[]),
    ("deploy/kubernetes/deployment/json2avro.toml", &["kafka.main.sasl.password_file"]),
    ("deploy/kubernetes/example-sidecar/json2avro.toml", &[]),
];

#[test]
fn every_config_loads_and_listens_beyond_loopback() {
    let found: BTreeSet<PathBuf> = files(Path::new("deploy"), "toml");
    assert_eq!(found, CONFIGS.iter().map(|(path, _)| PathBuf::from(path)).collect());
    let secret = tempfile::NamedTempFile::new().unwrap();
    for (path, secrets) in CONFIGS {
        let sets: Vec<String> = secrets.iter().map(|key| format!("{key}={}", secret.path().display())).collect();
        let config = load(Path::new(path), &sets, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(config.admin.listen, (Ipv4Addr::UNSPECIFIED, 9464).into(), "{path}");
    }
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let known: BTreeSet<&str> = CONTRACT.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut asked = 0;
    for path in files(Path::new("deploy/monitoring"), "yml") {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_') {
            if word.starts_with("json2avro_") {
                let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
                assert!(known.contains(family.unwrap_or(word)), "{}: {word}", path.display());
                asked += 1;
            }
        }
    }
    assert!(asked > 0);
}

fn files(folder: &Path, extension: &str) -> BTreeSet<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { BTreeSet::from([path]) })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}
