//! The OpenAPI document, generated from the shapes and from one literal table of routes.
//!
//! `openapi.json` beside the crate is this document checked in, so that the page's typed client is
//! made from it without building Rust; a test keeps the two equal.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;

use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, InfoBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{IntoParams, OpenApi as _, PartialSchema};

use crate::shapes::hex::{HexId, HexKey};
use crate::shapes::session::SessionFilter;
use crate::shapes::{
    code, command, delivery, floor, live, login, node, pairing, problem, session, token,
};

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(
    code::IssueBatchInput,
    code::IssueBatchReply,
    code::IssueInput,
    code::IssueReply,
    command::CloseInput,
    command::CommandReply,
    command::ExtendInput,
    command::KioskNameInput,
    command::KioskServiceInput,
    command::MessageInput,
    command::PlainInput,
    command::RoomInput,
    delivery::DeliveriesReply,
    floor::LiveTile,
    live::LiveInput,
    live::LiveMessage,
    live::LiveSnapshot,
    login::DoneReply,
    login::HereReply,
    login::LoginInput,
    login::LoginReply,
    login::ResumeInput,
    login::TicketReply,
    node::NodesReply,
    pairing::PairingConfirmInput,
    pairing::PairingRefuseInput,
    pairing::PairingsReply,
    problem::Problem,
    session::SessionReply,
    session::SessionsReply,
    token::TokenInput,
    token::TokenReply,
)))]
struct Schemas;

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone.
    Open,
    /// Whoever is signed in with this role or a higher one.
    Role(login::Role),
    /// As `Role`, but with the page's cookie only.
    Cookie,
}

/// One line of the table of routes.
pub(crate) struct Route {
    /// GET or POST.
    pub(crate) method: HttpMethod,
    /// Path below the root, parameters in braces.
    pub(crate) path: &'static str,
    /// Name of the operation in generated clients.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) says: &'static str,
    /// Who may.
    pub(crate) access: Access,
    /// Schema of the body.
    pub(crate) takes: Option<&'static str>,
    /// Schema of the reply.
    pub(crate) gives: &'static str,
}

const VIEWER: Access = Access::Role(login::Role::Viewer);
const HOST: Access = Access::Role(login::Role::Host);
const ADMIN: Access = Access::Role(login::Role::Admin);

const fn get(
    path: &'static str,
    name: &'static str,
    access: Access,
    gives: &'static str,
    says: &'static str,
) -> Route {
    Route { method: HttpMethod::Get, path, name, says, access, takes: None, gives }
}

const fn post(
    path: &'static str,
    name: &'static str,
    access: Access,
    takes: Option<&'static str>,
    gives: &'static str,
    says: &'static str,
) -> Route {
    Route { method: HttpMethod::Post, path, name, says, access, takes, gives }
}

/// Every route of the API.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    get("/api/v1/here", "here", Access::Open, "HereReply", "Is this node alive, and whose site is it."),
    post("/api/v1/login", "login", Access::Open, Some("LoginInput"), "LoginReply", "Sign in; the reply sets the login cookie."),
    get("/api/v1/login", "whoAmI", VIEWER, "LoginReply", "Who is signed in."),
    post("/api/v1/logout", "logout", Access::Cookie, None, "DoneReply", "Sign out."),
    post("/api/v1/login/ticket", "ticket", Access::Cookie, None, "TicketReply", "A short-lived ticket to go on at another admin node."),
    post("/api/v1/login/resume", "resume", Access::Open, Some("ResumeInput"), "LoginReply", "Go on here with another admin node's ticket; the reply sets the login cookie."),
    get("/api/v1/floor", "floor", VIEWER, "LiveSnapshot", "Everything that the console shows, once."),
    get("/api/v1/live", "live", VIEWER, "LiveMessage", "WebSocket: LiveMessage from the server, LiveInput from the page."),
    get("/api/v1/sessions", "sessions", VIEWER, "SessionsReply", "List sessions."),
    get("/api/v1/sessions/{session}", "session", VIEWER, "SessionReply", "One session."),
    post("/api/v1/sessions/{session}/extend", "extend", HOST, Some("ExtendInput"), "CommandReply", "Add time, or take some back."),
    post("/api/v1/sessions/{session}/pause", "pause", HOST, Some("PlainInput"), "CommandReply", "Ask the kiosk to pause the session."),
    post("/api/v1/sessions/{session}/resume", "resumeSession", HOST, Some("PlainInput"), "CommandReply", "Let a paused session go on."),
    post("/api/v1/sessions/{session}/close", "close", HOST, Some("CloseInput"), "CommandReply", "Ask the kiosk to end the session."),
    post("/api/v1/codes", "issue", HOST, Some("IssueInput"), "IssueReply", "Issue an access code."),
    post("/api/v1/codes/batch", "issueBatch", HOST, Some("IssueBatchInput"), "IssueBatchReply", "Issue several access codes."),
    post("/api/v1/codes/{session}/withdraw", "withdraw", HOST, Some("PlainInput"), "CommandReply", "Make a code void."),
    post("/api/v1/kiosks/{kiosk}/message", "message", HOST, Some("MessageInput"), "CommandReply", "Put a message on a kiosk's screen."),
    post("/api/v1/kiosks/{kiosk}/name", "nameKiosk", ADMIN, Some("KioskNameInput"), "CommandReply", "Name a kiosk and say where it stands."),
    post("/api/v1/kiosks/{kiosk}/service", "kioskService", HOST, Some("KioskServiceInput"), "CommandReply", "Take a kiosk out of service, or back."),
    post("/api/v1/rooms/{room}", "nameRoom", ADMIN, Some("RoomInput"), "CommandReply", "Name a room."),
    get("/api/v1/nodes", "nodes", VIEWER, "NodesReply", "The cluster's health, node by node."),
    get("/api/v1/pairings", "pairings", ADMIN, "PairingsReply", "Machines that wait at this node for their digits to be compared."),
    post("/api/v1/pairings/{node}/confirm", "confirmPairing", ADMIN, Some("PairingConfirmInput"), "CommandReply", "Admit a machine: its screen shows the same digits."),
    post("/api/v1/pairings/{node}/refuse", "refusePairing", ADMIN, Some("PairingRefuseInput"), "PairingsReply", "Turn a machine away."),
    get("/api/v1/deliveries/{request}", "deliveries", VIEWER, "DeliveriesReply", "Where a command is."),
    post("/api/v1/tokens", "token", Access::Cookie, Some("TokenInput"), "TokenReply", "Make a bearer token for a script."),
];

fn json_of(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

fn operation(route: &Route) -> utoipa::openapi::path::Operation {
    let success = if route.name == "live" { "101" } else { "200" };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.name))
        .summary(Some(route.says))
        .response(
            success,
            ResponseBuilder::new()
                .description("Done, or here it is.")
                .content("application/json", json_of(route.gives))
                .build(),
        )
        .response(
            "default",
            ResponseBuilder::new()
                .description("Not done: 400 malformed, 401 not signed in, 403 not allowed, 404 unknown, 413 too large, 422 refused by a rule, 429 too many tries, 503 busy.")
                .content("application/json", json_of("Problem"))
                .build(),
        );
    for part in route.path.split('/') {
        let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else {
            continue;
        };
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(match name {
                    "node" => HexKey::schema(),
                    _ => HexId::schema(),
                }))
                .build(),
        );
    }
    if route.name == "sessions" {
        for parameter in SessionFilter::into_params(|| Some(ParameterIn::Query)) {
            operation = operation.parameter(parameter);
        }
    }
    if let Some(takes) = route.takes {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", json_of(takes))
                .required(Some(Required::True))
                .build(),
        ));
    }
    let none: [&str; 0] = [];
    operation = match route.access {
        Access::Open => operation.securities(Some([SecurityRequirement::default()])),
        Access::Cookie => operation.security(SecurityRequirement::new("cookie", none)),
        Access::Role(_) => operation
            .security(SecurityRequirement::new("cookie", none))
            .security(SecurityRequirement::new("bearer", none)),
    };
    if let Access::Role(role) = route.access {
        let role = match role {
            login::Role::Viewer => "Viewer",
            login::Role::Host => "Host",
            login::Role::Admin => "Admin",
        };
        operation = operation.description(Some(format!("Role needed: {role}.")));
    }
    operation.build()
}

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = Schemas::openapi();
    document.info = InfoBuilder::new()
        .title("poste")
        .version("1")
        .description(Some(
            "API of the staff console. Commands carry a request id: trying again with the same one \
             carries the command out once. Bodies are JSON of 64 KiB at most; unknown fields are \
             refused. A request that changes something must come from the page itself (Origin) or \
             carry a bearer token.",
        ))
        .build();
    for route in ROUTES {
        document.paths.add_path_operation(route.path, vec![route.method.clone()], operation(route));
    }
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(
        "cookie".to_owned(),
        RefOr::T(SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "__Host-poste-login",
            "Set by signing in; named poste-login where the console is plain HTTP on loopback.",
        )))),
    );
    components.security_schemes.insert(
        "bearer".to_owned(),
        RefOr::T(SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("poste1").build(),
        )),
    );
    document
}

/// The document as it is served and checked in: pretty JSON with a final newline.
///
/// # Errors
/// Never for the document that this crate makes; serde's signature says it may.
pub fn text() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&document())?;
    text.push('\n');
    Ok(text)
}
