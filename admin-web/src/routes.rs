//! The routes of the API and the page, as one filter.

use std::convert::Infallible;

use domain::operator::OperatorRole;
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::http::HeaderValue;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::denied::{Denied, Failure};
use crate::desk::ConsoleDesk;
use crate::request::{Asked, asked, body};
use crate::shapes::hex::{HexId, HexKey};
use crate::web::Web;
use crate::{openapi, page, reply};

mod act;
mod issue;
mod pairing;
mod read;
mod sign_in;

/// A body as it came in.
type Body = Result<Vec<u8>, Denied>;

/// Everything that the console answers to.
pub(crate) fn routes<D: ConsoleDesk>(
    web: Web<D>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let recovering = web.clone();
    let dressing = web.clone();
    reading(&web)
        .or(signing_in(&web))
        .unify()
        .or(acting(&web))
        .unify()
        .or(pages(&web))
        .unify()
        .recover(move |rejection: Rejection| {
            let web = recovering.clone();
            async move { Ok::<_, Infallible>(Failure::from(denied(&rejection)).reply(web.stamp())) }
        })
        .unify()
        .map(move |response| {
            let admins = dressing.desk.view().borrow().admins.clone();
            reply::dress(response, &admins)
        })
}

fn denied(rejection: &Rejection) -> Denied {
    if rejection.is_not_found() {
        Denied::NotFound
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        Denied::Method
    } else {
        Denied::Malformed("the headers are not what this address takes".to_owned())
    }
}

/// A GET below `/api/v1` whose handler takes the path's id, if it has one.
macro_rules! get {
    ($web:expr, ($($path:tt)+), $handler:path) => {{
        let web = $web.clone();
        warp::path!("api" / "v1" / $($path)+).and(warp::get()).and(asked()).then(
            move |asked: Asked| {
                let web = web.clone();
                async move {
                    let result = $handler(&web, &asked).await;
                    web.answer(result)
                }
            },
        )
    }};
}

/// A GET with an id in its path.
macro_rules! get_one {
    ($web:expr, ($($path:tt)+), $handler:path) => {{
        let web = $web.clone();
        warp::path!("api" / "v1" / $($path)+).and(warp::get()).and(asked()).then(
            move |id: HexId, asked: Asked| {
                let web = web.clone();
                async move {
                    let result = $handler(&web, &asked, id).await;
                    web.answer(result)
                }
            },
        )
    }};
}

/// A POST with an id in its path.
macro_rules! post_to {
    ($web:expr, ($($path:tt)+), $handler:path) => {{
        let web = $web.clone();
        warp::path!("api" / "v1" / $($path)+).and(warp::post()).and(asked()).and(body()).then(
            move |id: HexId, asked: Asked, body: Body| {
                let web = web.clone();
                async move {
                    let result = $handler(&web, &asked, id, body).await;
                    web.answer(result)
                }
            },
        )
    }};
}

/// A POST with a node's key in its path.
macro_rules! post_to_node {
    ($web:expr, ($($path:tt)+), $handler:path) => {{
        let web = $web.clone();
        warp::path!("api" / "v1" / $($path)+).and(warp::post()).and(asked()).and(body()).then(
            move |node: HexKey, asked: Asked, body: Body| {
                let web = web.clone();
                async move {
                    let result = $handler(&web, &asked, node, body).await;
                    web.answer(result)
                }
            },
        )
    }};
}

/// A POST without an id.
macro_rules! post {
    ($web:expr, ($($path:tt)+), $handler:path) => {{
        let web = $web.clone();
        warp::path!("api" / "v1" / $($path)+).and(warp::post()).and(asked()).and(body()).then(
            move |asked: Asked, body: Body| {
                let web = web.clone();
                async move {
                    let result = $handler(&web, &asked, body).await;
                    web.answer(result)
                }
            },
        )
    }};
}

fn reading<D: ConsoleDesk>(web: &Web<D>) -> BoxedFilter<(Response,)> {
    let (here, live, listing) = (web.clone(), web.clone(), web.clone());
    let here = warp::path!("api" / "v1" / "here").and(warp::get()).and(asked()).then(
        move |asked: Asked| {
            let web = here.clone();
            async move { read::here(&web, &asked).await }
        },
    );
    let live =
        warp::path!("api" / "v1" / "live").and(warp::get()).and(asked()).and(warp::ws()).then(
            move |asked: Asked, upgrade: warp::ws::Ws| {
                let web = live.clone();
                async move { read::live(web, &asked, upgrade).await }
            },
        );
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let sessions =
        warp::path!("api" / "v1" / "sessions").and(warp::get()).and(asked()).and(query).then(
            move |asked: Asked, query: String| {
                let web = listing.clone();
                async move {
                    let result = read::sessions(&web, &asked, &query).await;
                    web.answer(result)
                }
            },
        );
    let document =
        warp::path!("api" / "v1" / "openapi.json").and(warp::get()).map(|| match openapi::text() {
            Ok(text) => {
                let mut response = Response::new(text.into());
                response.headers_mut().insert(
                    warp::http::header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
                response
            }
            Err(_) => warp::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        });
    here.or(live)
        .unify()
        .or(get!(web, ("floor"), read::floor))
        .unify()
        .or(get!(web, ("nodes"), read::nodes))
        .unify()
        .or(get!(web, ("pairings"), pairing::list))
        .unify()
        .or(sessions)
        .unify()
        .or(get_one!(web, ("sessions" / HexId), read::session))
        .unify()
        .or(get_one!(web, ("deliveries" / HexId), read::deliveries))
        .unify()
        .or(document)
        .unify()
        .boxed()
}

fn signing_in<D: ConsoleDesk>(web: &Web<D>) -> BoxedFilter<(Response,)> {
    let (login, logout, resume) = (web.clone(), web.clone(), web.clone());
    let login =
        warp::path!("api" / "v1" / "login").and(warp::post()).and(asked()).and(body()).then(
            move |asked: Asked, body: Body| {
                let web = login.clone();
                async move { with_cookie(&web, sign_in::login(&web, &asked, body).await) }
            },
        );
    let resume = warp::path!("api" / "v1" / "login" / "resume")
        .and(warp::post())
        .and(asked())
        .and(body())
        .then(move |asked: Asked, body: Body| {
            let web = resume.clone();
            async move { with_cookie(&web, sign_in::resume(&web, &asked, body).await) }
        });
    let logout =
        warp::path!("api" / "v1" / "logout").and(warp::post()).and(asked()).and(body()).then(
            move |asked: Asked, body: Body| {
                let web = logout.clone();
                async move { with_cookie(&web, sign_in::logout(&web, &asked, body).await) }
            },
        );
    login
        .or(resume)
        .unify()
        .or(logout)
        .unify()
        .or(get!(web, ("login"), sign_in::who_am_i))
        .unify()
        .or(post!(web, ("login" / "ticket"), sign_in::ticket))
        .unify()
        .or(post!(web, ("tokens"), sign_in::token))
        .unify()
        .boxed()
}

/// A reply that sets the cookie given with it.
fn with_cookie<D: ConsoleDesk, T: Serialize>(
    web: &Web<D>,
    result: Result<(T, HeaderValue), Failure>,
) -> Response {
    match result {
        Ok((value, cookie)) => {
            let mut response = web.answer(Ok(value));
            response.headers_mut().insert(warp::http::header::SET_COOKIE, cookie);
            response
        }
        Err(failure) => failure.reply(web.stamp()),
    }
}

fn acting<D: ConsoleDesk>(web: &Web<D>) -> BoxedFilter<(Response,)> {
    let sessions = post_to!(web, ("sessions" / HexId / "extend"), act::extend)
        .or(post_to!(web, ("sessions" / HexId / "pause"), act::pause))
        .unify()
        .or(post_to!(web, ("sessions" / HexId / "resume"), act::resume))
        .unify()
        .or(post_to!(web, ("sessions" / HexId / "close"), act::close))
        .unify()
        .boxed();
    let codes = post!(web, ("codes"), issue::issue)
        .or(post!(web, ("codes" / "batch"), issue::issue_batch))
        .unify()
        .or(post_to!(web, ("codes" / HexId / "withdraw"), act::withdraw))
        .unify()
        .boxed();
    let places = post_to!(web, ("kiosks" / HexId / "message"), act::message)
        .or(post_to!(web, ("kiosks" / HexId / "name"), act::name_kiosk))
        .unify()
        .or(post_to!(web, ("kiosks" / HexId / "service"), act::kiosk_service))
        .unify()
        .or(post_to!(web, ("rooms" / HexId), act::name_room))
        .unify()
        .boxed();
    let pairings = post_to_node!(web, ("pairings" / HexKey / "confirm"), pairing::confirm)
        .or(post_to_node!(web, ("pairings" / HexKey / "refuse"), pairing::refuse))
        .unify()
        .boxed();
    sessions.or(codes).unify().or(places).unify().or(pairings).unify().boxed()
}

fn pages<D: ConsoleDesk>(web: &Web<D>) -> BoxedFilter<(Response,)> {
    let web = web.clone();
    warp::path::full()
        .and_then(|path: warp::path::FullPath| async move {
            // What is not in the API above is nowhere, and never the page.
            let api = path.as_str() == "/api" || path.as_str().starts_with("/api/");
            if api { Err(warp::reject::not_found()) } else { Ok(path) }
        })
        .and(warp::get().or(warp::head()).unify())
        .and(asked())
        .map(move |path: warp::path::FullPath, asked: Asked| match web.for_us(&asked) {
            Ok(_) => page::file(path.as_str(), &asked.headers)
                .unwrap_or_else(|| Failure::from(Denied::NotFound).reply(web.stamp())),
            Err(denied) => Failure::from(denied).reply(web.stamp()),
        })
        .boxed()
}

/// Shorthand of the handlers.
const VIEWER: OperatorRole = OperatorRole::Viewer;
const HOST: OperatorRole = OperatorRole::Host;
const ADMIN: OperatorRole = OperatorRole::Admin;
