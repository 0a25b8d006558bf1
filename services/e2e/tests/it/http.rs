//! A question over plain HTTP, and its answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// The body that a port of this machine answers, whatever its status.
pub fn get(port: u16, path: &str, accept: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(answer)
}

/// The data that Prometheus answers.
pub fn prometheus(port: u16, path: &str) -> Value {
    let body = get(port, path, "application/json");
    let mut answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"));
    assert_eq!(answer["status"], "success", "{path}: {body}");
    answer["data"].take()
}

/// A text as part of a URL.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
