//! Small disks: full ones, and such that cannot be written.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A small disk of a test's own, which only the processes see that are started [within](Self::within) it. It goes with
/// this value.
pub struct Mount {
    pub path: PathBuf,
    holder: Child,
    root: bool,
    _folder: tempfile::TempDir,
}

impl Mount {
    /// Mounts it with these options of tmpfs, such as `size=1m`.
    pub fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" && echo mounted && exec sleep 3600";
        let mut command = Command::new("unshare");
        // Root needs no more; another user becomes root of a world of its own.
        let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        command.args(["--mount"]).args((!root).then_some("--map-root-user"));
        command.args(["sh", "-c", script, "sh", options]).arg(&path).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n", "a file system of a test's own cannot be mounted");
        Self { path, holder, root, _folder: folder }
    }

    /// The same command, where the disk is.
    pub fn within(&self, command: Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--preserve-credentials", "--mount", "--target", &self.holder.id().to_string()]);
        inside.args((!self.root).then_some("--user")).arg("--");
        inside.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// The disk, seen from here.
    pub fn outside(&self) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(self.path.strip_prefix("/").unwrap())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _gone = self.holder.kill();
        let _gone = self.holder.wait();
    }
}
