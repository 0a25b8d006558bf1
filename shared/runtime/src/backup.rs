//! Backups of embedded services: a folder with a file for each and a manifest that says what they should be. Taken while
//! the services are at work, restored where none is.
//!
//! Each file is its service at one moment; those moments differ by as long as copying takes. The flow of events closes
//! the gap: see [`guanxi_store::backup`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guanxi_kernel::{Clock, SystemClock, Timestamp};
use guanxi_store::{Database, DatabaseConfig, StoreError, backup::copy, migrate::release};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::build::open;
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::module::Service;
use crate::settings::Settings;

/// The name of the manifest in a backup.
const MANIFEST: &str = "manifest.json";
/// The form of the manifest; a new form gets a new number.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The release that made it.
    pub release: String,
    /// By service.
    pub services: BTreeMap<String, Copied>,
}

/// The file of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// When it was begun: all that was acknowledged before is in it.
    pub time: Timestamp,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// Copies the files of these services, in this order, into the new folder `to`, which is there once it is whole.
///
/// # Errors
/// What could not be read or written, and where; services on PostgreSQL, which has its own tools.
pub async fn backup(settings: &Settings, services: &[Service], to: &Path) -> Result<Manifest, StartError> {
    embedded(settings)?;
    if fs::read_dir(to).is_ok_and(|mut inside| inside.next().is_some()) {
        return Err(unmade(to, &"there is something in it; name a folder that is new or empty (--to)"));
    }
    let part = beside(to, ".part");
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(|error| unmade(to, &error))?;
    fs::create_dir(&part).map_err(|error| {
        unmade(&part, &format!("{error}; another backup is under way, or was killed: remove it then"))
    })?;
    let made = make(settings, services, &part, to).await;
    if made.is_err() {
        // What is there of it is of no use, and would be in the next one's way.
        let _stays = fs::remove_dir_all(&part);
    }
    made
}

fn unmade(place: &Path, error: &dyn std::fmt::Display) -> StartError {
    StartError::new(format!("no backup was made: {}: {error}", place.display()))
}

/// Fills the folder `part`, and calls it `to` once it is whole.
async fn make(settings: &Settings, services: &[Service], part: &Path, to: &Path) -> Result<Manifest, StartError> {
    let mut manifest = Manifest { format: FORMAT, release: release().to_owned(), services: BTreeMap::new() };
    for service in services {
        let (file, into) = (settings.database.data_dir.join(name(service)), part.join(name(service)));
        let time = SystemClock.now();
        copy(&file, &into).await.map_err(|error| unmade(&file, &error))?;
        let (bytes, sha256) = digest(&into, None).map_err(|error| unmade(&into, &error))?;
        manifest.services.insert(service.name.to_owned(), Copied { time, bytes, sha256 });
    }
    let done = || {
        let text = serde_json::to_vec_pretty(&manifest)?;
        let mut file = File::create(part.join(MANIFEST))?;
        file.write_all(&text)?;
        file.sync_all()?;
        File::open(part)?.sync_all()?;
        fs::rename(part, to)?;
        File::open(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    done().map_err(|error: std::io::Error| unmade(to, &error))?;
    Ok(manifest)
}

/// Brings these services back from the backup in `from` into the data directory, where nothing of them may be.
///
/// # Errors
/// What is not as the manifest says; a data directory that is in use or has something in it; a backup that is too old for
/// some of the services alone.
pub async fn restore(settings: &Settings, services: &[Service], from: &Path) -> Result<Manifest, StartError> {
    embedded(settings)?;
    let failed = |place: &Path, error: &dyn std::fmt::Display| {
        StartError::new(format!("nothing was restored: {}: {error}", place.display()))
    };
    let manifest = read(from)?;
    let dir = &settings.database.data_dir;
    let mut wanted = Vec::new();
    for service in services {
        let copied = manifest.services.get(service.name);
        let copied = copied.ok_or_else(|| failed(from, &format!("there is no {} in this backup", service.name)))?;
        wanted.push((service, copied));
    }
    young_enough(settings, &wanted, manifest.services.len()).map_err(|why| failed(from, &why))?;
    let _ours = DataDir::take(dir)?;
    empty_for(dir, services).map_err(|why| failed(dir, &why))?;

    let staged = DataDir::restoring(dir);
    fs::create_dir(&staged).map_err(|error| failed(&staged, &error))?;
    let put = async {
        for (service, copied) in &wanted {
            let (file, into) = (from.join(name(service)), staged.join(name(service)));
            let found = digest(&file, Some(&into)).map_err(|error| failed(&file, &error))?;
            if found != (copied.bytes, copied.sha256.clone()) {
                return Err(failed(&file, &"it is not the file that the manifest tells of: size or checksum differ"));
            }
            let config = DatabaseConfig::Sqlite { data_dir: staged.clone(), readers: 1 };
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let told = async {
                let db = Database::connect(service.name, &config, 1, clock).await?;
                db.restored().await?;
                db.close().await
            };
            told.await.map_err(|error: StoreError| failed(&file, &error))?;
        }
        Ok(())
    };
    let put = put.await.and_then(|()| {
        let place = || {
            for service in services {
                fs::rename(staged.join(name(service)), dir.join(name(service)))?;
            }
            File::open(dir)?.sync_all()
        };
        place().map_err(|error: std::io::Error| failed(dir, &error))
    });
    // Where files were moved and one could not be, it stays, so that nothing starts on a part of them.
    if put.is_ok() || services.iter().all(|service| !dir.join(name(service)).exists()) {
        fs::remove_dir_all(&staged).map_err(|error| failed(&staged, &error))?;
    }
    put.map(|()| manifest)
}

/// Tells the databases of these services that they were restored by other means, such as `pg_restore`. None may be at work.
///
/// # Errors
/// Which database could not be told, and why.
pub async fn restored(settings: &Settings, services: &[Service]) -> Result<(), StartError> {
    let _ours = settings.database.is_embedded().then(|| DataDir::take(&settings.database.data_dir)).transpose()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    for service in services {
        let db = open(settings, service.name, &clock).await?;
        let told = async {
            db.restored().await?;
            db.close().await
        };
        told.await.map_err(|error| {
            StartError::new(format!("the database of {} could not be told that it was restored: {error}", service.name))
        })?;
    }
    Ok(())
}

fn embedded(settings: &Settings) -> Result<(), StartError> {
    if settings.database.is_embedded() {
        return Ok(());
    }
    Err(StartError::new(
        "PostgreSQL is backed up and restored by its own tools, then told by `guanxi restored`: docs/backup.md",
    ))
}

fn name(service: &Service) -> String {
    format!("{}.db", service.name)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn read(from: &Path) -> Result<Manifest, StartError> {
    let file = from.join(MANIFEST);
    let refused = |why: &dyn std::fmt::Display| {
        StartError::new(format!("{} is no backup of `guanxi backup`: {}: {why}", from.display(), file.display()))
    };
    let text = fs::read(&file).map_err(|error| refused(&error))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| refused(&error))?;
    if manifest.format == FORMAT {
        return Ok(manifest);
    }
    Err(refused(&format!(
        "its form is {}, this release knows {FORMAT}: it was made by {}",
        manifest.format, manifest.release
    )))
}

/// All services go back together from whenever; some of them alone, only as far as the others keep what came since.
fn young_enough(settings: &Settings, wanted: &[(&Service, &Copied)], all: usize) -> Result<(), String> {
    let kept = jiff::SignedDuration::try_from(settings.events.retention).unwrap_or(jiff::SignedDuration::MAX);
    let since = SystemClock.now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    match wanted.iter().find(|(_, copied)| copied.time < since) {
        Some((service, copied)) if wanted.len() < all => Err(format!(
            "{} is of {}, and the other services keep events for {:?} (events.retention): restore all services",
            service.name, copied.time, settings.events.retention
        )),
        _ => Ok(()),
    }
}

/// Nothing of these services, and nothing that is no service's, may be there.
fn empty_for(dir: &Path, services: &[Service]) -> Result<(), String> {
    for entry in fs::read_dir(dir).map_err(|error| error.to_string())? {
        let found = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
        let other =
            found.split_once(".db").is_some_and(|(name, _)| services.iter().all(|service| service.name != name));
        if found != "lock" && !other {
            return Err(format!("{found} is there; restore into an empty directory (--data-dir)"));
        }
    }
    Ok(())
}

/// The size and the SHA-256 of a file, which is copied on the way where a place for it is named, and on disk then.
fn digest(file: &Path, into: Option<&Path>) -> std::io::Result<(u64, String)> {
    let mut from = File::open(file)?;
    let mut into = into.map(File::create_new).transpose()?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += u64::try_from(read).map_err(std::io::Error::other)?;
        into.as_mut().map_or(Ok(()), |into| into.write_all(&buffer[..read]))?;
    }
    into.as_ref().unwrap_or(&from).sync_all()?;
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
