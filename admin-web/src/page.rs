//! The built page, embedded.

use rust_embed::{EmbeddedFile, RustEmbed};
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;

#[derive(RustEmbed)]
#[folder = "console/dist/"]
struct Dist;

const INDEX: &str = "index.html";
/// Folder of the files whose names hold their hash.
const HASHED: &str = "assets/";

/// The file at this path of the URL. A path without a file name's dot is a page of the
/// application, which is `index.html` whatever it is called. Paths are looked up as they are in a
/// table made at build time: nothing is decoded and no file system is asked.
pub(crate) fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    let of_application = !name.rsplit('/').next().unwrap_or_default().contains('.');
    let name = if name.is_empty() || of_application { INDEX } else { name };
    let file = Dist::get(name)?;
    Some(response(name, file, headers))
}

fn response(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()));
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag || value.trim() == "*");
    let mut response = if known {
        let mut response = Response::new(warp::hyper::body::Bytes::new().into());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(file.data.into_owned().into())
    };
    let cache =
        if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
