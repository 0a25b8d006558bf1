//! Every call of every service by a client that nobody here wrote: Python's grpcio, with stubs made from `proto/` as
//! docs/start.md says, and the tests of `services/e2e/python`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use guanxi_testkit::process::{KEY, Plan, SERVICES, Suite, text};
use guanxi_testkit::repository;

#[test]
fn python_calls_everything_of_one_process_on_sqlite() {
    let suite = Plan::embedded().start();
    every_call(&suite, None);
}

#[test]
fn python_calls_everything_of_four_processes_on_postgresql_and_redis_with_tokens() {
    let suite = Plan::apart().start();
    every_call(&suite, Some(KEY));
}

/// Runs the tests in Python against a suite, which must find no fault.
fn every_call(suite: &Suite, key: Option<&str>) {
    let stubs = stubs(suite.dir());
    let mut command = python();
    command.arg(repository().join("services/e2e/python/every_call.py"));
    for service in SERVICES {
        command.arg("--endpoint").arg(format!("{service}={}", suite.endpoint(service)));
    }
    command.env("PYTHONPATH", stubs).envs(key.map(|key| ("GUANXI_AUTH__KEY", key)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// The stubs of every contract, made below `dir`.
fn stubs(dir: &Path) -> PathBuf {
    let (proto, stubs) = (repository().join("proto"), dir.join("stubs"));
    std::fs::create_dir(&stubs).unwrap();
    let mut command = python();
    command.args(["-m", "grpc_tools.protoc", "-I", ".", "-I", "third_party"]).current_dir(&proto);
    for language in ["--python_out", "--grpc_python_out"] {
        command.arg(format!("{language}={}", stubs.display()));
    }
    let mut files = Vec::new();
    contracts(&proto.join("guanxi"), &mut files);
    command.args(files.iter().map(|file| file.strip_prefix(&proto).unwrap())).arg("buf/validate/validate.proto");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    stubs
}

/// Every `.proto` below a folder.
fn contracts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contracts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
}

/// The interpreter with `tools/requirements.txt`: `GUANXI_PYTHON`, else that of `make tools`, else the machine's.
fn python() -> Command {
    let installed = repository().join(".tools/venv/bin/python");
    let installed = installed.exists().then(|| installed.into_os_string());
    let program = std::env::var_os("GUANXI_PYTHON").or(installed).unwrap_or_else(|| OsString::from("python3"));
    let mut command = Command::new(program);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH");
    command
}

/// What a process wrote, with the remedy for what is missing most often.
fn said(output: &Output) -> String {
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let hint = if said.contains("ModuleNotFoundError") { "\nrun `make tools`" } else { "" };
    format!("{said}{hint}")
}
