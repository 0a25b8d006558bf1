//! Browsers: gRPC-Web over HTTP/1.1 on the port of all calls, and only for pages that are let in.

use guanxi_contracts::common::v1::{GetJobRequest, GetJobResponse, WatchJobRequest, WatchJobResponse};
use guanxi_rpc::{ServerSettings, StackSettings};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Process, job};

const PAGE: &str = "https://crm.example";
const GET_JOB: &str = "/guanxi.common.v1.JobService/GetJob";
const WATCH_JOB: &str = "/guanxi.common.v1.JobService/WatchJob";

async fn process() -> Process {
    let settings = ServerSettings { web_origins: vec![PAGE.to_owned()], ..ServerSettings::default() };
    Process::serving(StackSettings::default(), settings).await
}

/// A message in its frame.
fn framed(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[0][..], &length, &body].concat()
}

/// Sends a request as a browser writes it.
async fn send(process: &Process, line: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(&process.address).await.expect("a connection");
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n",
        process.address
    );
    socket.write_all(head.as_bytes()).await.expect("it takes the head");
    socket.write_all(body).await.expect("it takes the body");
    socket
}

fn call_headers(origin: &str) -> String {
    format!("origin: {origin}\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n")
}

/// The head, in small letters, and the body without the marks between its chunks.
async fn answer(mut socket: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.expect("an answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let body = &bytes[end + 4..];
    (head.clone(), if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_vec() })
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("a length"), 16).expect("a length");
        whole.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    whole
}

/// The frames of a body: their first byte, and what they hold.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [kind, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        frames.push((*kind, rest[..length].to_vec()));
        body = &rest[length..];
    }
    frames
}

const TRAILERS: u8 = 0x80;

#[tokio::test]
async fn a_page_that_is_let_in_calls_and_reads_the_trailers() {
    let process = process().await;
    let request = GetJobRequest { name: job("x").name };
    let (head, body) =
        answer(send(&process, &format!("POST {GET_JOB}"), &call_headers(PAGE), &framed(&request)).await).await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/grpc-web+proto"), "{head}");
    assert!(head.contains("access-control-allow-origin: https://crm.example"), "{head}");
    assert!(head.contains("access-control-expose-headers: grpc-status,grpc-message,grpc-status-details-bin"), "{head}");
    let frames = frames(&body);
    let job = GetJobResponse::decode(&*frames[0].1).expect("a message").job.expect("a job");
    assert_eq!((frames[0].0, job.name), (0, request.name));
    assert_eq!(frames[1].0, TRAILERS);
    assert!(String::from_utf8_lossy(&frames[1].1).contains("grpc-status:0"));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_details() {
    let process = process().await;
    let request = framed(&GetJobRequest { name: job("missing").name });
    let (head, body) = answer(send(&process, &format!("POST {GET_JOB}"), &call_headers(PAGE), &request).await).await;
    let trailers = frames(&body).iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect::<String>();
    let said = head + "\r\n" + &trailers;
    assert!(said.contains("grpc-status:5") || said.contains("grpc-status: 5"), "{said}");
    assert!(said.contains("grpc-status-details-bin"), "{said}");
}

#[tokio::test]
async fn a_stream_comes_as_it_is_said_and_ends_with_its_trailers() {
    let mut process = process().await;
    let request = framed(&WatchJobRequest { name: job("x").name });
    let mut socket = send(&process, &format!("POST {WATCH_JOB}"), &call_headers(PAGE), &request).await;
    // The first answer is there while the stream is open.
    let mut first = vec![0; 1024];
    let mut read = 0;
    while !first[..read].windows(9).any(|bytes| bytes == b"\r\n\r\n5\r\n\0\0") {
        read += socket.read(&mut first[read..]).await.expect("it is open");
    }
    process.shutdown.begin();
    process.server.take().expect("a server").await.expect("it ends");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.expect("an end");
    let end = first[..read].windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let body = unchunked(&[&first[end + 4..read], &rest].concat());
    let frames = frames(&body);
    assert_eq!(WatchJobResponse::decode(&*frames[0].1).expect("a message"), WatchJobResponse::default());
    let (kind, trailers) = frames.last().expect("trailers");
    assert_eq!(*kind, TRAILERS);
    let trailers = String::from_utf8_lossy(trailers);
    assert!(trailers.contains("grpc-status:14") && trailers.contains("grpc-status-details-bin"), "{trailers}");
}

#[tokio::test]
async fn a_browser_asks_before_and_learns_who_is_let_in() {
    let process = process().await;
    let asks = |origin: &str| {
        format!(
            "origin: {origin}\r\naccess-control-request-method: POST\r\n\
             access-control-request-headers: authorization,content-type,x-grpc-web\r\n"
        )
    };
    let line = format!("OPTIONS {GET_JOB}");
    let (head, _) = answer(send(&process, &line, &asks(PAGE), b"").await).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for told in ["allow-origin: https://crm.example", "allow-methods: post", "max-age: 7200"] {
        assert!(head.contains(&format!("access-control-{told}")), "{told} is not in {head}");
    }
    let allowed = head.lines().find(|line| line.starts_with("access-control-allow-headers")).expect("headers");
    assert!(["authorization", "content-type", "x-grpc-web"].iter().all(|name| allowed.contains(name)), "{allowed}");
    let (head, _) = answer(send(&process, &line, &asks("https://other.example"), b"").await).await;
    assert!(!head.contains("access-control-allow-origin"), "{head}");
}

#[tokio::test]
async fn where_no_page_is_let_in_only_http2_is_spoken() {
    let process = Process::serving(StackSettings::default(), ServerSettings::default()).await;
    let request = framed(&GetJobRequest { name: job("x").name });
    let mut socket = send(&process, &format!("POST {GET_JOB}"), &call_headers(PAGE), &request).await;
    let mut bytes = Vec::new();
    let _it_may_be_reset = socket.read_to_end(&mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&bytes));
    process.jobs().get_job(job("x")).await.expect("an answer over HTTP/2");
}

#[tokio::test]
async fn calls_over_http2_go_on_beside() {
    process().await.jobs().get_job(job("x")).await.expect("an answer");
}
