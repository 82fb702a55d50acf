//! The layers of ARCHITECTURE.md, held against what `cargo metadata` says of the workspace.
//!
//! Dependencies for tests and build scripts count like any other.

#![allow(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every package of ours and the packages of ours that it depends on: these edges and no others.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("storage", &[]),
    ("discovery", &[]),
    ("actors", &["domain", "storage", "discovery"]),
    ("admin-web", &["actors", "domain"]),
    ("node", &["actors", "admin-web", "discovery", "storage", "domain"]),
    ("chaos-tests", &["actors", "domain", "storage"]),
];

/// Crates from outside that only some of our packages may depend on.
const NAMED_ONLY_BY: &[(&str, &[&str])] = &[
    ("sled", &["storage"]),
    ("mdns-sd", &["discovery"]),
    ("bincode", &["domain"]),
    ("ractor", &["actors"]),
    ("ractor_cluster", &["actors"]),
    ("quinn", &["actors", "chaos-tests"]),
    ("quinn-proto", &["actors"]),
    ("rustls", &["actors", "admin-web"]),
    ("tokio-rustls", &["actors", "admin-web"]),
    ("warp", &["admin-web", "node"]),
    ("anyhow", &["node", "chaos-tests"]),
    ("zbus", &["node"]),
    ("ipp", &["node"]),
];

/// All that the rules may stand on: each works without std.
const DOMAIN_STANDS_ON: &[&str] = &["serde", "bincode", "ed25519-dalek", "sha2", "thiserror"];

#[test]
fn the_legal_edges_are_these_and_no_others() {
    let packages = packages();
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let found: BTreeMap<&str, BTreeSet<&str>> = packages
        .iter()
        .map(|package| {
            let named = package.dependencies.iter().map(|d| d.name.as_str());
            (package.name.as_str(), named.filter(|name| ours.contains(name)).collect())
        })
        .collect();
    let legal =
        EDGES.iter().map(|(name, edges)| (*name, edges.iter().copied().collect())).collect();
    assert_eq!(found, legal, "left: the workspace, right: the list in this file");
}

#[test]
fn a_crate_with_an_owner_is_named_by_nobody_else() {
    let mut trespasses = Vec::new();
    for package in packages() {
        for dependency in &package.dependencies {
            let owners = NAMED_ONLY_BY.iter().find(|(name, _)| *name == dependency.name);
            if let Some((name, owners)) = owners
                && !owners.contains(&package.name.as_str())
            {
                trespasses
                    .push(format!("{} names {name}, which belongs to {owners:?}", package.name));
            }
        }
    }
    assert!(trespasses.is_empty(), "{trespasses:#?}");
}

#[test]
fn domain_stands_on_five_crates_without_std() {
    let packages = packages();
    let domain = packages.iter().find(|p| p.name == "domain").expect("domain is a member");
    for dependency in domain.dependencies.iter().filter(|d| !d.for_tests) {
        let name = dependency.name.as_str();
        assert!(DOMAIN_STANDS_ON.contains(&name), "domain may not depend on {name}");
        assert!(!dependency.default_features, "domain takes {name} with its default features");
        assert!(
            !dependency.features.iter().any(|feature| feature == "std"),
            "domain takes {name} with std"
        );
    }
    let root =
        std::fs::read_to_string(workspace().join("domain/src/lib.rs")).expect("domain has a root");
    assert!(root.contains("#![no_std]"), "domain is no longer no_std");
}

/// Signatures that prove nothing are for simulated worlds: no node can be built with them.
#[test]
fn only_the_simulator_turns_its_feature_on() {
    let root = manifest(&workspace().join("Cargo.toml"));
    let shared =
        root.get("workspace").and_then(|workspace| workspace.get("dependencies")?.get("domain"));
    assert!(shared.is_some_and(|domain| domain.get("features").is_none()));
    for package in packages() {
        let turns_on = |d: &Dependency| d.features.iter().any(|feature| feature == "chaos");
        let turned_on = package.dependencies.iter().any(turns_on);
        assert_eq!(turned_on, package.name == "chaos-tests", "{}", package.name);
        let features = manifest(&package.manifest).get("features").cloned();
        let default = features.and_then(|features| features.get("default").cloned());
        assert_eq!(default, None, "{} has default features", package.name);
    }
}

#[test]
fn every_package_takes_the_workspace_lints() {
    for package in packages() {
        let inherited = manifest(&package.manifest)
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool);
        assert_eq!(inherited, Some(true), "{} has lints of its own, or none", package.name);
    }
    let root = manifest(&workspace().join("Cargo.toml"));
    let unsafe_code = root
        .get("workspace")
        .and_then(|workspace| workspace.get("lints")?.get("rust")?.get("unsafe_code")?.as_str());
    assert_eq!(unsafe_code, Some("forbid"));
}

/// Supervision brings an actor back after a panic, which needs unwinding.
#[test]
fn no_profile_aborts_on_panic() {
    let mut manifests = vec![workspace().join("Cargo.toml")];
    manifests.push(workspace().join(".cargo/config.toml"));
    for path in manifests.iter().filter(|path| path.exists()) {
        let profiles = manifest(path).get("profile").cloned();
        for (name, profile) in profiles.iter().filter_map(toml::Value::as_table).flatten() {
            let panic = profile.get("panic").and_then(toml::Value::as_str);
            assert_ne!(panic, Some("abort"), "profile {name} in {}", path.display());
        }
    }
}

struct Package {
    name: String,
    manifest: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    /// The crate's own name, whatever it is renamed to.
    name: String,
    for_tests: bool,
    default_features: bool,
    features: Vec<String>,
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("node lies in the workspace")
}

fn manifest(path: &Path) -> toml::Value {
    let text = std::fs::read_to_string(path).expect("a manifest can be read");
    toml::from_str(&text).expect("a manifest is TOML")
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    list(&metadata, "packages").iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let dependencies = list(value, "dependencies").iter().map(|dependency| Dependency {
        name: text(dependency, "name"),
        for_tests: dependency["kind"] == "dev",
        default_features: dependency["uses_default_features"] == true,
        features: list(dependency, "features")
            .iter()
            .filter_map(|feature| feature.as_str().map(str::to_owned))
            .collect(),
    });
    Package {
        name: text(value, "name"),
        manifest: PathBuf::from(text(value, "manifest_path")),
        dependencies: dependencies.collect(),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().expect("cargo metadata has the field")
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().expect("cargo metadata has the field").to_owned()
}
