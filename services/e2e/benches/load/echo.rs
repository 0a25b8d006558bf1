//! The machine's limit for RPC: a bare echo, tonic on both sides, in a process of its own like the service's.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use guanxi_e2e::Raw;
use guanxi_testkit::servers;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::drive::Calls;

#[derive(Clone)]
struct Echo;

impl tonic::server::UnaryService<Bytes> for Echo {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        std::future::ready(Ok(Response::new(request.into_inner())))
    }
}

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl tower::Service<http::Request<tonic::body::Body>> for Echo {
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move { Ok(tonic::server::Grpc::new(Raw).unary(Echo, request).await) })
    }
}

/// The process that answers.
pub async fn serve(port: u16) {
    let address = (std::net::Ipv4Addr::LOCALHOST, port).into();
    tonic::transport::Server::builder().add_service(Echo).serve(address).await.unwrap();
}

/// That process, from here.
pub struct Server {
    child: Child,
    channels: Vec<Channel>,
}

impl Server {
    pub async fn start() -> Self {
        let port = servers::free_port().unwrap();
        let own = std::env::current_exe().unwrap();
        let child = Command::new(own).args(["echo-server", &port.to_string()]).stdin(Stdio::null()).spawn().unwrap();
        while !servers::answers(port) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { child, channels: crate::server::channels(&format!("http://127.0.0.1:{port}")).await }
    }

    pub fn processes(&self) -> Vec<u32> {
        vec![self.child.id()]
    }

    pub async fn calls(&self) -> Calls {
        let channels = self.channels.clone();
        // About as much as an EarnPoints request.
        let payload = Bytes::from(vec![7; 150]);
        Arc::new(move |n| {
            let mut client = tonic::client::Grpc::new(channels[n as usize % channels.len()].clone());
            let payload = payload.clone();
            Box::pin(async move {
                client.ready().await.map_err(|error| error.to_string())?;
                let path = http::uri::PathAndQuery::from_static("/bench.Echo/Echo");
                client.unary(Request::new(payload), path, Raw).await.map(drop).map_err(|status| status.to_string())
            })
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}
