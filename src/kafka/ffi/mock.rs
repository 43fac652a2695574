//! The mock cluster's setting that the crate has no call for.
//!
//! Comes in: a live client that carries a mock cluster. Goes out: nothing. Must never: keep the pointer.

use rdkafka_sys as sys;
use std::ptr::NonNull;

/// A group of the client's mock cluster begins at once, instead of waiting 3 s for members that may come.
pub(in crate::kafka) fn groups_begin_at_once(client: *mut sys::rd_kafka_t) {
    let Some(client) = NonNull::new(client) else { return };
    // SAFETY: a live client; its mock cluster, checked for null, lives as long as the client.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(client.as_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
