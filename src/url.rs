//! Pieces of URLs as texts: parts of a path made safe, where a URL leads, and the `Link` header of answers in pages.
//!
//! This module never opens anything.

/// RFC 3986: everything but unreserved characters as `%XX`, so that any text is one part of a path or one value of a query.
pub fn percent_encoded(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => output.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => output.push(char::from(byte)),
            byte => output.push_str(&format!("%{byte:02X}")),
        }
    }
    output
}

/// Scheme, host and port of an `http` or `https` URL, lower case; `None` for anything else, and for one with a user in it.
pub fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    let scheme = scheme.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    is_plain.then(|| format!("{scheme}://{}", host.strip_suffix(default_port).unwrap_or(&host)))
}

/// Where a `Link` header (RFC 8288) says that the next page is.
pub fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (url, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_one_part_of_a_path() {
        assert_eq!(percent_encoded("feature/x y?#%é"), "feature%2Fx%20y%3F%23%25%C3%A9");
        assert_eq!(percent_encoded("../.."), "..%2F..");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let cases = [
            ("https://api.github.com/repos?x", Some("https://api.github.com")),
            ("HTTPS://API.github.com:443", Some("https://api.github.com")),
            ("http://127.0.0.1:80/", Some("http://127.0.0.1")),
            ("http://127.0.0.1:8080/", Some("http://127.0.0.1:8080")),
            ("https://api.github.com@evil.example/", None),
            ("https://api.github.com\\@evil.example/", None),
            ("ftp://api.github.com/", None),
            ("/repos", None),
            ("https://", None),
        ];
        for (url, expected) in cases {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let link = "<https://h/x?page=1>; rel=\"prev\", <https://h/x?page=3>; rel=\"next\", <https://h/x?page=9>; rel=\"last\"";
        assert_eq!(next_page(link), Some("https://h/x?page=3"));
        assert_eq!(next_page("<https://h/x?page=1>; rel=\"last\""), None);
        assert_eq!(next_page("nonsense"), None);
    }
}
