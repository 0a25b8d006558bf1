//! Generates from `proto/`: messages and clients; servers whose codec validates; validators; and one table of what the
//! contracts declare (scopes, anonymous and audited methods, personal fields, request ids).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = Path::new("../../proto");
    let mut files = Vec::new();
    protos(&root.join("guanxi"), &mut files)?;
    files.sort();
    println!("cargo:rerun-if-changed={}", root.display());
    let includes = [root.to_path_buf(), root.join("third_party")];

    let descriptors = out.join("descriptors.bin");
    let mut messages = prost_build::Config::new();
    messages.file_descriptor_set_path(&descriptors).btree_map(["."]).bytes([".guanxi.common.v1.EventEnvelope"]);
    messages.include_file("messages.rs");
    tonic_prost_build::configure().build_server(false).compile_with_config(messages, &files, &includes)?;

    let bytes = fs::read(&descriptors)?;
    let pool = DescriptorPool::decode(bytes.as_slice())?;
    let packages: BTreeSet<String> = pool
        .files()
        .map(|file| file.package_name().to_owned())
        .filter(|package| package.starts_with("guanxi."))
        .collect();

    let servers = out.join("servers");
    fs::create_dir_all(&servers)?;
    let mut builder = tonic_prost_build::configure().build_client(false).codec_path("crate::codec::Guard");
    for package in &packages {
        builder = builder.extern_path(format!(".{package}"), format!("crate::{}", module(package)));
    }
    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    builder.out_dir(&servers).compile_with_config(config, &files, &includes)?;
    let mut modules = String::new();
    for package in packages.iter().filter(|package| servers.join(format!("{package}.rs")).exists()) {
        let name = package.trim_start_matches("guanxi.").replace('.', "_");
        writeln!(
            modules,
            "/// Servers of `{package}`.\npub mod {name} {{ include!(concat!(env!(\"OUT_DIR\"), \"/servers/{package}.rs\")); }}"
        )?;
    }
    fs::write(out.join("servers.rs"), modules)?;

    prost_protovalidate_build::Builder::new()
        .file_descriptor_set_path(&descriptors)?
        .fail_on_runtime_only(true)
        .compile()?;
    // The generator breaks lines after long names: one space between any two words, so that a text search finds them.
    let validators = fs::read_to_string(out.join("validate_impl.rs"))?;
    let validators = validators.split_whitespace().collect::<Vec<_>>().join(" ");
    fs::write(out.join("declared.rs"), declared(&pool, &validators)?)?;
    Ok(())
}

fn protos(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            protos(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

fn module(package: &str) -> String {
    package.replace('.', "::")
}

/// What the contracts declare, as Rust: `METHODS`, `PERSONAL`, and the traits that the codec and the write path read.
fn declared(pool: &DescriptorPool, validators: &str) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    let mut elements = BTreeSet::new();
    writeln!(
        code,
        "/// Every method with what its contract declares, sorted by path.\npub static METHODS: &[Method] = &["
    )?;
    let mut methods: Vec<_> = pool
        .services()
        .filter(|service| service.full_name().starts_with("guanxi."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| (format!("/{}/{}", method.parent_service().full_name(), method.name()), method))
        .collect();
    methods.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, method) in methods {
        if method.is_client_streaming() {
            elements.insert(method.input().full_name().to_owned());
        }
        let options = method.options();
        writeln!(
            code,
            "    Method {{ path: {path:?}, scope: {:?}, anonymous: {}, audit: {}, client_streaming: {}, server_streaming: {} }},",
            text(&options, pool, "guanxi.common.v1.scope"),
            flag(&options, pool, "guanxi.common.v1.anonymous"),
            flag(&options, pool, "guanxi.common.v1.audit"),
            method.is_client_streaming(),
            method.is_server_streaming(),
        )?;
    }
    writeln!(
        code,
        "];\n/// Every personal field: message and field, sorted.\npub static PERSONAL: &[(&str, &str)] = &["
    )?;
    let mut messages: Vec<_> =
        pool.all_messages().filter(|m| m.full_name().starts_with("guanxi.") && !m.is_map_entry()).collect();
    messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    for message in &messages {
        let personal = |field: &FieldDescriptor| flag(&field.options(), pool, "guanxi.common.v1.personal");
        let mut fields: Vec<_> = message.fields().filter(personal).collect();
        fields.sort_by(|a, b| a.name().cmp(b.name()));
        for field in fields {
            writeln!(code, "    ({:?}, {:?}),", message.full_name(), field.name())?;
        }
    }
    writeln!(code, "];")?;
    for message in &messages {
        if message.parent_message().is_some() {
            continue;
        }
        let package = message.parent_file().package_name().to_owned();
        let rust = format!("{}::{}", module(&package), message.name());
        if !validators.contains(&format!("Validate for {rust} ")) {
            writeln!(
                code,
                "impl ::prost_protovalidate::Validate for {rust} {{ fn validate(&self) -> Result<(), ::prost_protovalidate::ValidationError> {{ Ok(()) }} }}"
            )?;
        }
        writeln!(
            code,
            "impl crate::codec::Guarded for {rust} {{ const ELEMENT: bool = {}; const NAME: &'static str = {:?}; }}",
            elements.contains(message.full_name()),
            message.full_name()
        )?;
        if message.get_field_by_name("request_id").is_some_and(|field| field.kind() == prost_reflect::Kind::String) {
            writeln!(
                code,
                "impl crate::Mutation for {rust} {{ fn request_id(&self) -> &str {{ &self.request_id }} }}"
            )?;
        }
        if package.ends_with(".events.v1") {
            writeln!(code, "impl crate::Event for {rust} {{ const TYPE: &'static str = {:?}; }}", message.full_name())?;
        }
    }
    Ok(code)
}

fn extension(options: &DynamicMessage, pool: &DescriptorPool, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn text(options: &DynamicMessage, pool: &DescriptorPool, name: &str) -> String {
    extension(options, pool, name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn flag(options: &DynamicMessage, pool: &DescriptorPool, name: &str) -> bool {
    extension(options, pool, name).and_then(|value| value.as_bool()).unwrap_or(false)
}
