//! A disk that fills while SQLite works on it: writes are UNAVAILABLE, reads go on, and what was acknowledged is there, also
//! after kill −9.

use std::io::Write;
use std::time::{Duration, Instant};

use guanxi_client::contracts::customer::v1::{CreateCustomerRequest, Customer, GetCustomerRequest};
use guanxi_client::{Client, Error, request_id};
use tonic::Code;

use crate::mount::Mount;
use crate::started::{Started, with};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

async fn create(client: &Client) -> Result<String, Error> {
    let display_name = "李雷 ".repeat(20).trim().to_owned();
    let customer = Some(Customer { display_name, ..Customer::default() });
    let request = CreateCustomerRequest { customer, identifiers: vec![], request_id: request_id() };
    Ok(client.customer().customers().create_customer(request).await?.into_inner().customer.unwrap().name)
}

async fn there(client: &Client, names: &[String]) {
    for name in names {
        let request = GetCustomerRequest { name: name.clone() };
        let found = client.customer().customers().get_customer(request).await;
        assert_eq!(&found.expect("it was acknowledged").into_inner().customer.unwrap().name, name);
    }
}

fn client(server: &Started) -> Client {
    Client::builder().endpoint(&format!("127.0.0.1:{}", server.port)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_serves_reads_and_loses_nothing() {
    let disk = Mount::new("size=24m");
    let data = disk.path.display().to_string();
    let serve = || Started::serve(disk.within(with(&["serve", "customer"], &[("database.data_dir", &data)])));
    let server = serve();
    let mut caller = client(&server);
    let mut acknowledged = vec![create(&caller).await.expect("there is room")];

    let ballast = disk.outside().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let since = Instant::now();
    let refused = loop {
        match create(&caller).await {
            Ok(name) => acknowledged.push(name),
            Err(error) => break error,
        }
        assert!(since.elapsed() < PATIENCE, "{} were written to a full disk", acknowledged.len());
    };
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"), "{refused:?}");
    assert!(refused.is_transient());
    there(&caller, &acknowledged).await;

    // What is killed while the disk is full loses nothing, and starts again once there is room.
    server.kill();
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    let server = serve();
    caller = client(&server);
    there(&caller, &acknowledged).await;
    acknowledged.push(create(&caller).await.expect("there is room again"));
    there(&caller, &acknowledged).await;
    eprintln!("{} acknowledged, all found", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_with_room_again_takes_writes_again_without_a_restart() {
    let disk = Mount::new("size=24m");
    let data = disk.path.display().to_string();
    let server = Started::serve(disk.within(with(&["serve", "customer"], &[("database.data_dir", &data)])));
    let caller = client(&server);
    let mut acknowledged = vec![create(&caller).await.expect("there is room")];
    let ballast = disk.outside().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let since = Instant::now();
    while let Ok(name) = create(&caller).await {
        acknowledged.push(name);
        assert!(since.elapsed() < PATIENCE, "{} were written to a full disk", acknowledged.len());
    }
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    acknowledged.push(
        caller
            .retry_for(PATIENCE, || {
                let (caller, customer) =
                    (caller.clone(), Customer { display_name: "韩梅梅".into(), ..Customer::default() });
                let request =
                    CreateCustomerRequest { customer: Some(customer), identifiers: vec![], request_id: request_id() };
                async move { caller.customer().customers().create_customer(request).await }
            })
            .await
            .expect("there is room again")
            .customer
            .unwrap()
            .name,
    );
    there(&caller, &acknowledged).await;
}
