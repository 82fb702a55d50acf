//! Origins: whose page a request comes from, and where other nodes' pages are.

use std::fmt;
use std::net::IpAddr;

#[cfg(test)]
mod tests;

/// Longest text that is looked at.
const LONGEST: usize = 255;

/// A scheme, a host and a port; the port is absent when it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    secure: bool,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `http(s)://host[:port]`, with a final slash at most. Strict: what passes can stand in
    /// a header as it is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (secure, authority) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else {
            (false, text.strip_prefix("http://")?)
        };
        Self::of(secure, authority.strip_suffix('/').unwrap_or(authority))
    }

    /// The origin of a page that was asked for with this `Host`.
    #[must_use]
    pub fn of(secure: bool, authority: &str) -> Option<Self> {
        if authority.len() > LONGEST {
            return None;
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok().filter(|port| *port != 0)?)
            }
            Some(_) => return None,
        };
        let port = port.filter(|port| *port != if secure { 443 } else { 80 });
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let sound = match inner {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            }
        };
        sound.then(|| Origin { secure, host: host.to_ascii_lowercase(), port })
    }

    /// Whether it is served over TLS.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The host as an address, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The same place's WebSockets, for a Content-Security-Policy.
    #[must_use]
    pub fn websocket(&self) -> String {
        let page = self.to_string();
        if self.secure { page.replacen("https", "wss", 1) } else { page.replacen("http", "ws", 1) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.host)?;
        if let Some(port) = self.port { write!(f, ":{port}") } else { Ok(()) }
    }
}
