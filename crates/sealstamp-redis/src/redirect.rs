//! Slots of a cluster that move from one node to another.
//!
//! The library can follow them, as one of its retries. But its retries also send a command again whose answer was lost.
//! A claim that was made would then find itself, and be refused as a replay. So they are off, and this follows alone
//! those answers that say that nothing was done.

use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};

/// Sends a command to the node that has its key, and on to the one that this node names. Once: a slot moves seldom.
pub(crate) async fn send(cluster: &mut ClusterConnection, command: &Cmd) -> RedisResult<Value> {
    let error = match command.query_async(cluster).await {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let address = error.redirect_node().and_then(|(address, _slot)| address.rsplit_once(':'));
    let Some((host, Ok(port))) = address.map(|(host, port)| (host.to_owned(), port.parse())) else {
        return Err(error);
    };
    let node = SingleNodeRoutingInfo::ByAddress { host, port };
    if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) {
        return cluster.route_command(command.clone(), RoutingInfo::SingleNode(node)).await;
    }
    // The slot is about to move, and the key is not where it was: the other node takes it if it is told so right before.
    let mut pipeline = redis::pipe();
    pipeline.cmd("ASKING").add_command(command.clone());
    let answers = cluster.route_pipeline(pipeline, 0, 2, node).await?;
    answers.into_iter().next_back().ok_or(error)?.extract_error()
}
