//! Where in a document figures stand: between two comments that nobody sees who reads it.

/// The document with `figures` in the place of this name.
///
/// # Errors
/// What is missing, if the document has no such place.
pub(crate) fn filled(document: &str, name: &str, figures: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- figures: {name} -->\n"), "<!-- end of figures -->");
    let (before, rest) = document.split_once(&begin).ok_or_else(|| format!("no line {begin:?}"))?;
    let at = rest.find(end).ok_or_else(|| format!("no {end:?} after {begin:?}"))?;
    Ok(format!("{before}{begin}\n{}\n\n{}", figures.trim(), &rest[at..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_in_their_place_and_nothing_else_changes() {
        let document = "a\n<!-- figures: x -->\nold\n<!-- end of figures -->\nb\n<!-- figures: y -->\n<!-- end of figures -->\nc\n";
        let once = filled(document, "x", "\n| 1 |\n\n").unwrap();
        assert_eq!(
            once,
            "a\n<!-- figures: x -->\n\n| 1 |\n\n<!-- end of figures -->\nb\n<!-- figures: y -->\n<!-- end of figures -->\nc\n"
        );
        assert_eq!(filled(&once, "x", "| 1 |").unwrap(), once);
        assert!(filled(document, "z", "").unwrap_err().contains("figures: z"));
    }

    #[test]
    fn the_document_has_a_place_for_each_benchmark() {
        let document = include_str!("../../../docs/PERFORMANCE.md");
        for name in super::super::report::ALL {
            assert!(filled(document, name, "").is_ok(), "no place for {name}");
        }
        assert!(filled(include_str!("../../../docs/SECURITY.md"), "attacks", "").is_ok());
        assert!(filled(include_str!("../../../docs/TORTURE.md"), "cluster", "").is_ok());
        for name in ["arrivals", "outages"] {
            assert!(filled(include_str!("../../../docs/SCALE.md"), name, "").is_ok(), "no place for {name}");
        }
    }
}
