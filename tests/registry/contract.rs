//! What any registry with Confluent's API must do for us, held against the fake and against a real one.

use super::{alone, client, record, run};
use crate::fake_registry::FakeRegistry;
use crate::services::Services;
use json2avro::registry::{Reason, Reference, Schema, Schemas};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    contract(FakeRegistry::start().url()).await;
    contract(FakeRegistry::start_below("/apis/ccompat/v7").url()).await;
}

#[test]
fn a_real_registry_keeps_the_contract() {
    let Some(services) = Services::turn() else { return };
    let url = services.registry_url().to_owned();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        contract(url.clone()).await;
        incompatible(url).await;
    });
}

/// Everything that is asked of a registry, at this base URL.
pub(crate) async fn contract(url: String) {
    let (run, client) = (run(), client(url.clone()));
    let subject = format!("contract/{run} 100% é:value");
    // Neither breaks any compatibility rule that a subject may be under.
    let first = record("Order", "a");
    let second = first.replace("]}", r#",{"name":"b","type":"int","default":0}]}"#);

    let missing = client.latest(&subject).await.expect_err("nothing is registered yet");
    assert_eq!(missing.reason, Reason::SubjectNotFound, "{missing}");
    let missing = client.lookup(&subject, &alone(&first)).await.expect_err("nothing is registered yet");
    assert_eq!(missing.reason, Reason::SubjectNotFound, "{missing}");

    // A fleet that starts at once registers its file at once.
    let (schema, [one, two, three]) = (alone(&first), [&client; 3]);
    let ids = tokio::join!(
        one.register(&subject, &schema),
        two.register(&subject, &schema),
        three.register(&subject, &schema)
    );
    let id = client.register(&subject, &schema).await.expect("registered again");
    assert_eq!(ids, (Ok(id), Ok(id), Ok(id)), "the same schema, the same id");
    let missing = client.lookup(&subject, &alone(&second)).await.expect_err("another schema");
    assert_eq!(missing.reason, Reason::SchemaNotFound, "{missing}");
    let other = client.register(&subject, &alone(&second)).await.expect("registered");
    assert_ne!(other, id);

    let latest = client.latest(&subject).await.expect("registered");
    assert_eq!((latest.subject.as_str(), latest.version, latest.id), (subject.as_str(), 2, other));
    assert_eq!(latest.schema, alone(&second));
    let pinned = client.version(&subject, 1).await.expect("registered");
    assert_eq!((pinned.version, pinned.id, &pinned.schema), (1, id, &alone(&first)));
    let found = client.lookup(&subject, &alone(&first)).await.expect("registered");
    assert_eq!((found.version, found.id), (1, id));
    assert_eq!(client.by_id(id).await.expect("registered"), alone(&first));

    for (version, reason) in [(3, Reason::VersionNotFound), (i32::MAX, Reason::VersionNotFound)] {
        let missing = client.version(&subject, version).await.expect_err("two versions");
        assert_eq!(missing.reason, reason, "{missing}");
    }
    for id in [i32::MAX, 0, -1] {
        let missing = client.by_id(id).await.expect_err("no such id");
        assert_eq!(missing.reason, Reason::SchemaNotFound, "{missing}");
    }
    let invalid = client.register(&subject, &alone("{\"type\":\"rec")).await.expect_err("no schema");
    assert_eq!(invalid.reason, Reason::InvalidSchema, "{invalid}");
    references(url, &run).await;
}

/// A schema that refers to another subject's type is registered, and comes back by id with what it refers to.
async fn references(url: String, run: &str) {
    let client = client(url);
    let (leaf, line) = (record("Leaf", "a"), format!("contract-{run}-line"));
    client.register(&format!("contract-{run}-leaf"), &alone(&leaf)).await.expect("registered");
    let schema = Schema {
        text: r#"{"type":"record","name":"Line","namespace":"x","fields":[{"name":"leaf","type":"Leaf"}]}"#.to_owned(),
        references: vec![Reference { name: "x.Leaf".to_owned(), subject: format!("contract-{run}-leaf"), version: 1 }],
    };
    let id = client.register(&line, &schema).await.expect("registered");
    assert_eq!(client.latest(&line).await.expect("registered").schema, schema);
    assert_eq!(client.lookup(&line, &schema).await.expect("registered").id, id);
    let resolved = Schemas::new(Arc::clone(&client), Duration::ZERO).get(id).await.expect("registered");
    assert_eq!((&resolved.schema, &resolved.references), (&schema.text, &vec![leaf]));
}

/// A subject under a compatibility rule refuses a schema that breaks it. The fake knows no rules.
pub(crate) async fn incompatible(url: String) {
    let (subject, client) = (format!("contract-{}-rule", run()), client(url.clone()));
    client.register(&subject, &alone(&record("Order", "a"))).await.expect("registered");
    let rule = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = rule
        .put(format!("{url}/config/{subject}"))
        .header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .body(r#"{"compatibility":"BACKWARD"}"#);
    assert!(answer.send().await.expect("an answer").status().is_success());
    let refused = client.register(&subject, &alone(&record("Order", "b"))).await.expect_err("a field without default");
    assert_eq!(refused.reason, Reason::Incompatible, "{refused}");
    assert!(!refused.fault().retry, "{refused}");
}
