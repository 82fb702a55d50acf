//! Rules of the house that no lint knows: names, where a thing is named from, who may print.

#![allow(clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "type", "types", "manager", "managers",
];

/// Folders that hold what others made, or what we built.
const NOT_OURS: &[&str] = &[".git", "target", "node_modules", "dist", "demo"];

const SOURCES: &[&str] = &["rs", "ts", "vue", "js", "css", "sh", "py"];

/// The command line is the one part that prints.
const PRINTS: &[&str] = &[
    "node/src/main.rs",
    "node/src/cli.rs",
    "node/src/cli/",
    "node/src/commands.rs",
    "node/src/commands/",
    "chaos-tests/src/cli.rs",
    "chaos-tests/src/cli/",
];

/// Types that a program wrote.
const GENERATED: &str = ".d.ts";

/// Longer files are named in the test's output; whether there is a noun to split at is for a reader to say.
const LONG: usize = 400;

#[test]
fn every_file_is_named_for_what_is_in_it() {
    let found: Vec<_> = sources().into_iter().filter(|path| has_empty_name(path)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_module_lies_beside_its_folder() {
    let found: Vec<_> = sources().into_iter().filter(|path| path.ends_with("mod.rs")).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_thing_is_named_from_the_module_where_it_lives() {
    let mut found = Vec::new();
    for path in rust_sources() {
        for name in named_through_the_root(&read(&path)) {
            found.push(format!("{}: use crate::{name}", path.display()));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_prints() {
    let allowance = ["clippy::print_", "std"].concat();
    let found: Vec<_> = rust_sources()
        .into_iter()
        .filter(|path| path.iter().any(|part| part == "src"))
        .filter(|path| !PRINTS.iter().any(|prefix| path.to_string_lossy().starts_with(prefix)))
        .filter(|path| read(path).contains(&allowance))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn one_file_owns_the_codec() {
    let naming = ["bincode", "::"].concat();
    let found: Vec<_> =
        rust_sources().into_iter().filter(|path| read(path).contains(&naming)).collect();
    assert_eq!(found, [Path::new("domain/src/codec.rs")]);
}

#[test]
fn long_files_are_reported() {
    let mut long: Vec<_> = sources()
        .into_iter()
        .filter(|path| !path.to_string_lossy().ends_with(GENERATED))
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > LONG)
        .collect();
    long.sort_unstable_by(|one, other| other.cmp(one));
    for (lines, path) in long {
        println!("{lines} lines: {}", path.display());
    }
}

#[test]
fn the_rules_see_what_they_are_to_see() {
    assert!(has_empty_name(Path::new("actors/src/util.rs")));
    assert!(has_empty_name(Path::new("actors/src/helpers/time.rs")));
    assert!(has_empty_name(Path::new("console/src/types.d.ts")));
    assert!(!has_empty_name(Path::new("actors/src/utility_room.rs")));

    let named = |text| named_through_the_root(text).collect::<Vec<_>>();
    assert_eq!(named("use crate::Site;"), ["Site"]);
    assert_eq!(named("    pub(crate) use crate::Site as House;"), ["Site as House"]);
    assert_eq!(named("use crate::{site::Site, Moment,\n    Screen};"), ["Moment", "Screen"]);
    assert_eq!(named("use crate::site::{Site, Founded};"), [""; 0]);
    assert_eq!(named("use crate::{site::{Site, Founded}, moment::Moment};"), [""; 0]);
    assert_eq!(named("// use crate::Site;"), [""; 0]);
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("node lies in the workspace")
}

/// Our source files, as paths from the workspace's folder, in order.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).expect("a folder can be listed") {
            let path = item.expect("an item can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_symlink() || NOT_OURS.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| SOURCES.iter().any(|source| end == *source))
            {
                found.push(
                    path.strip_prefix(workspace()).expect("it lies in the workspace").to_path_buf(),
                );
            }
        }
    }
    found.sort_unstable();
    found
}

fn rust_sources() -> Vec<PathBuf> {
    sources().into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(workspace().join(path)).expect("a source file is UTF-8")
}

/// True if a folder or the file is called one of `EMPTY_NAMES`, whatever its extension.
fn has_empty_name(path: &Path) -> bool {
    path.iter()
        .filter_map(|part| part.to_str()?.split('.').next())
        .any(|stem| EMPTY_NAMES.contains(&stem.to_lowercase().as_str()))
}

/// What each `use crate::…` of the text takes from the crate's root itself: names that begin with a capital.
fn named_through_the_root(text: &str) -> impl Iterator<Item = &str> {
    statements(text, "use crate::").flat_map(|statement| {
        let inner = statement.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        outermost(inner.unwrap_or(statement))
            .map(str::trim)
            .filter(|name| !name.contains("::") && name.starts_with(char::is_uppercase))
    })
}

/// The rest of each statement that begins with `opening`, up to its semicolon; visibility may stand before.
fn statements<'a>(text: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(opening).filter_map(move |(at, _)| {
        let before = text[..at].rsplit('\n').next().unwrap_or_default().trim();
        let begins_here =
            before.is_empty() || (before.starts_with("pub") && !before.contains("//"));
        let rest = &text[at + opening.len()..];
        begins_here.then(|| rest.split(';').next().unwrap_or_default().trim())
    })
}

/// The parts between commas that stand in no inner braces.
fn outermost(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    list.split(move |letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    })
}
