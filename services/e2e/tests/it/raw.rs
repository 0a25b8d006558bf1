//! Calls by a method's path and its request's bytes, whatever its types and whichever way it streams.

use bytes::Bytes;
use guanxi_client::{Client, Error};
use guanxi_e2e::Raw;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;

/// Sends one message and returns the first that is answered; `None` where the answer is an empty stream. It calls the
/// customer service: the other services are asked so where all run in one process.
pub async fn call(client: &Client, path: &'static str, message: impl Into<Bytes>) -> Result<Option<Bytes>, Error> {
    let mut grpc = tonic::client::Grpc::new(client.to("customer"));
    grpc.ready().await.expect("a transport is always ready");
    let messages = futures::stream::iter([message.into()]);
    let answers = grpc.streaming(Request::new(messages), PathAndQuery::from_static(path), Raw).await?;
    Ok(answers.into_inner().message().await?)
}
