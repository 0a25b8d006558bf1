//! TLS: who is let in, and certificates that change under load.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use guanxi_contracts::common::v1::job_service_client::JobServiceClient;
use guanxi_rpc::transport::RemoteSettings;
use guanxi_rpc::{ClientTls, ServerFiles, ServerSettings, ServerTls, StackSettings, Transport};
use guanxi_testkit::Authority;
use tokio::net::TcpStream;
use tonic::Code;

use crate::fixture::{Process, failure, job};

async fn served(files: ServerFiles) -> Process {
    let tls = Some(Arc::new(ServerTls::read(files).expect("good files")));
    // Connections are young all the time, so that clients make new ones.
    let settings = ServerSettings { tls, connection_age: Duration::from_millis(150), ..ServerSettings::default() };
    Process::serving(StackSettings::default(), settings).await
}

fn port(process: &Process) -> u16 {
    process.address.parse::<SocketAddr>().expect("an address").port()
}

fn jobs(process: &Process, tls: ClientTls) -> JobServiceClient<Transport> {
    let settings = RemoteSettings { tls: Some(tls), ..RemoteSettings::default() };
    let url = format!("https://localhost:{}", port(process));
    JobServiceClient::new(Transport::remote(&url, &settings).expect("a URL"))
}

#[tokio::test]
async fn a_server_is_believed_by_its_authority_only() {
    let (ours, other) = (Authority::new(), Authority::new());
    let process = served(ours.server(None, false)).await;
    jobs(&process, ClientTls::read(ours.client(None)).expect("files")).get_job(job("x")).await.expect("an answer");
    let pem = ClientTls::trusting(&ours.pem()).expect("a certificate");
    jobs(&process, pem).get_job(job("x")).await.expect("an answer");
    let stranger = ClientTls::read(other.client(None)).expect("files");
    let refused = failure(jobs(&process, stranger).get_job(job("x")).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
    assert!(refused.message.contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn a_caller_shows_a_certificate_where_it_must_and_a_wrong_one_never_helps() {
    let (ours, other) = (Authority::new(), Authority::new());
    for required in [true, false] {
        let process = served(ours.server(Some(ours.ca()), required)).await;
        let client = |identity| ClientTls::read(ours.client(identity)).expect("files");
        let known = jobs(&process, client(Some(ours.sign("client", 2)))).get_job(job("x")).await;
        known.expect("an answer");
        let stranger = jobs(&process, client(Some(other.sign("client", 2)))).get_job(job("x")).await;
        assert_eq!(failure(stranger).code, Code::Unavailable);
        let nobody = jobs(&process, client(None)).get_job(job("x")).await;
        assert_eq!(nobody.is_err(), required);
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_said_in_one_line() {
    let (ours, other) = (Authority::new(), Authority::new());
    let files = ours.server(None, false);
    let told = |files: &ServerFiles| {
        let said = ServerTls::read(files.clone()).expect_err("it cannot be used").to_string();
        assert!(!said.contains('\n'), "{said}");
        said
    };
    ours.sign_until("server", 1, 2020);
    assert!(told(&files).contains("server.crt expired at 2020-01-01T00:00:00Z: renew it"));
    ours.sign("server", 1);
    let foreign = ServerFiles { key: other.sign("server", 1).1, ..files.clone() };
    assert!(told(&foreign).contains("server.key cannot be used: "));
    let missing = ServerFiles { key: "/nowhere/key".into(), ..files.clone() };
    assert!(told(&missing).contains("/nowhere/key cannot be read: "));
    let swapped = ServerFiles { certificate: files.key.clone(), key: files.certificate.clone(), ..files };
    assert!(told(&swapped).contains("holds no certificate in PEM"));
}

/// The serial number of the certificate that a new connection is shown.
async fn shown(port: u16, ours: &Authority) -> u64 {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(ours.ca()).expect("PEM")).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("a handshake");
    let leaf = &stream.get_ref().1.peer_certificates().expect("certificates")[0];
    let leaf: x509_cert::Certificate = x509_cert::der::Decode::from_der(leaf).expect("a certificate");
    leaf.tbs_certificate.serial_number.as_bytes().iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_and_no_call_fails() {
    const CALLERS: usize = 32;
    /// Callers share connections, as those of one process do.
    const CLIENTS: usize = 4;
    const ROTATIONS: u64 = 8;
    let ours = Authority::new();
    let process = served(ours.server(Some(ours.ca()), true)).await;
    let identity = ours.sign("client", 1);
    let tls = ClientTls::read(ours.client(Some(identity))).expect("files");
    let (done, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS).map(|_| jobs(&process, tls.clone())).collect();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (mut jobs, done, made) = (clients[caller % CLIENTS].clone(), Arc::clone(&done), Arc::clone(&made));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    jobs.get_job(job("x")).await.expect("no call fails, none is made again");
                    made.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for serial in 2..2 + ROTATIONS {
        ours.sign("server", serial);
        ours.sign("client", serial);
        let until = Instant::now() + Duration::from_secs(10);
        while shown(port(&process), &ours).await != serial {
            assert!(Instant::now() < until, "certificate {serial} is not shown");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        seen.insert(serial);
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call failed");
    }
    eprintln!(
        "{} calls by {CALLERS} callers through {} new certificates, 0 failed",
        made.load(Ordering::Relaxed),
        seen.len()
    );
    assert!(made.load(Ordering::Relaxed) > CALLERS);
}
