//! What `delivery = "exactly_once"` needs of the clusters.
//!
//! Comes in: a pipeline and its clusters. Goes out: findings. Must never: take a transactional id, which would fence the
//! process that runs with it.

use super::finding::Notes;
use super::topics::Clusters;
use crate::config::{Delivery, Pipeline};
use crate::fault::Fault;
use crate::kafka::topics::Topics;
use crate::pipeline::two_clusters;

/// Whether source and sink are one cluster, and the ids that the pipeline's lanes would use.
pub(super) fn check(clusters: &mut Clusters<'_>, pipeline: &Pipeline, notes: &mut Notes<'_>) {
    let Delivery::ExactlyOnce(how) = &pipeline.delivery else { return };
    one_cluster(clusters, pipeline, notes);
    // Kafka tells nothing of rights on transactional ids (KIP-430 has topics, groups and the cluster).
    let ids: Vec<String> = (0..pipeline.lanes).map(|lane| format!("{:?}", how.id(&pipeline.name, lane))).collect();
    let message = format!("needs Write on TransactionalId {}, which no broker tells before it is used", ids.join(", "));
    notes.ok("transaction", message);
}

fn one_cluster(clusters: &mut Clusters<'_>, pipeline: &Pipeline, notes: &mut Notes<'_>) {
    let names = [&pipeline.source.kafka, &pipeline.sink.kafka];
    if names[0] == names[1] || names.iter().any(|name| clusters.silent.contains(*name)) {
        return;
    }
    let mut ids = Vec::new();
    for name in names {
        let Some(kafka) = clusters.config.kafka.get(name) else { return };
        match Topics::new(kafka).and_then(|topics| topics.cluster_id(clusters.patience)) {
            Ok(id) => ids.push(id),
            Err(fault) => {
                clusters.silent.insert(name.clone());
                return notes.error(fault.blame, &format!("kafka.{name}"), fault.message, "check the address");
            }
        }
    }
    match two_clusters(names[0], &ids[0], names[1], &ids[1]) {
        None => notes.ok("delivery", format!("source and sink are one cluster, {}", ids[0])),
        Some(Fault { blame, message, .. }) => notes.error(blame, "delivery", message, ""),
    }
}
