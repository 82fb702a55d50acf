//! Stops the build when the page is not built: there is no placeholder to embed.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=console/dist");
    if !Path::new("console/dist/index.html").is_file() {
        println!(
            "cargo::error=the console's page is not built: run `make console` (npm ci && npm run build in admin-web/console)"
        );
    }
}
